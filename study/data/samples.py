"""Samples as plain arrays: images, spike events or traces, with labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TypeAlias

import numpy as np

from study.data.task import Task


@dataclass(frozen=True)
class Images:
    """Labelled grey images.

    Parameters
    ----------
    pixels
        ``[N, H, W]`` float32 in 0..1.
    labels
        ``[N]`` int64, or as the task wants them; see `study.data.task`.
    """

    pixels: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: np.ndarray) -> Images:
        """Return the samples at ``index``."""
        return Images(self.pixels[index], self.labels[index])


@dataclass(frozen=True)
class Events:
    """Labelled spike trains, all samples in one list of events.

    Parameters
    ----------
    time_s, unit
        ``[E]`` spike times in seconds (floating point) and the units that fired (integers), each in
        any precision; sample ``n`` owns ``offsets[n]:offsets[n + 1]``.
    offsets
        ``[N + 1]`` int64, non-decreasing, from 0 to E.
    labels
        ``[N]`` int64, or as the task wants them; see `study.data.task`.
    n_units
        Number of input units.
    duration_s
        Length of every sample in seconds; all times lie in ``[0, duration_s]``.
    shape
        Where units lie: their array, such as ``(2, 34, 34)`` for two polarities of 34 x 34 pixels,
        whose elements in C order they are. None where they have no place.
    """

    time_s: np.ndarray
    unit: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    n_units: int
    duration_s: float
    _: KW_ONLY
    shape: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: np.ndarray) -> Events:
        """Return the samples at ``index``."""
        index = np.arange(len(self))[index]
        # Slices, since an index of every event would need more memory than the events.
        spans = [slice(*self.offsets[n : n + 2]) for n in index]
        return Events(
            np.concatenate([self.time_s[:0], *(self.time_s[span] for span in spans)]),
            np.concatenate([self.unit[:0], *(self.unit[span] for span in spans)]),
            np.concatenate(([0], np.cumsum(np.diff(self.offsets)[index]))),
            self.labels[index],
            self.n_units,
            self.duration_s,
            shape=self.shape,
        )


@dataclass(frozen=True)
class Traces:
    """Labelled analogue signals, sampled regularly.

    Parameters
    ----------
    values
        ``[N, T, C]`` float32: samples, frames, channels.
    labels
        ``[N]`` int64, or as the task wants them; see `study.data.task`.
    dt_s
        Seconds from one frame to the next.
    """

    values: np.ndarray
    labels: np.ndarray
    dt_s: float

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: np.ndarray) -> Traces:
        """Return the samples at ``index``."""
        return Traces(self.values[index], self.labels[index], self.dt_s)


Samples: TypeAlias = Images | Events | Traces


def joined(first: Samples, second: Samples) -> Samples:
    """Return the samples of both, in this order.

    Raises
    ------
    TypeError
        If they are of different kinds.
    """
    labels = np.concatenate([first.labels, second.labels])
    if isinstance(first, Images) and isinstance(second, Images):
        return Images(np.concatenate([first.pixels, second.pixels]), labels)
    if isinstance(first, Traces) and isinstance(second, Traces):
        return Traces(np.concatenate([first.values, second.values]), labels, first.dt_s)
    if isinstance(first, Events) and isinstance(second, Events):
        return Events(
            np.concatenate([first.time_s, second.time_s]),
            np.concatenate([first.unit, second.unit]),
            np.concatenate([first.offsets, first.offsets[-1] + second.offsets[1:]]),
            labels,
            first.n_units,
            first.duration_s,
            shape=first.shape,
        )
    raise TypeError(f"cannot join {type(first).__name__} and {type(second).__name__}")


@dataclass(frozen=True)
class Dataset:
    """A data set split for good: training chooses nothing from ``test``.

    Parameters
    ----------
    name
        Name under which results are reported.
    train, validation, test
        The three parts.
    task
        What is asked of who learns from it; says what the labels are.
    source
        Where the data come from and how they were split, in one sentence.
    checksum
        SHA-256 over the content.
    about_test
        What else is known of the test samples and tells them apart when answers are looked at, by
        name, ``[N, ...]``; it stands beside the answers in a trial's record.
    """

    name: str
    train: Samples
    validation: Samples
    test: Samples
    task: Task
    source: str
    checksum: str
    about_test: Mapping[str, np.ndarray] = field(default_factory=dict)
