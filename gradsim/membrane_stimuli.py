"""What is shown to a `gradsim.membrane` network: recorded events, or images as Poisson events.

Events of images are drawn anew whenever they are shown, so that no sample is met twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gradsim import arrays
from gradsim.events import SpikeEvents
from gradsim.kernels import buffers
from gradsim.kernels import membrane as loops
from gradsim.kernels.orders import Spikes
from gradsim.membrane import by_step


class Stimuli(Protocol):
    """Samples that can be shown."""

    def __len__(self) -> int: ...

    @property
    def n_units(self) -> int:
        """Number of input units."""

    def spikes(self, index: np.ndarray, rng: np.random.Generator) -> Spikes:
        """Return the events of the samples at ``index``, by sample and step."""


@dataclass(frozen=True)
class Recorded:
    """Events as they are.

    Examples
    --------
    >>> events = gradsim.SpikeEvents([1, 0], [0, 1], [0, 2], n_units=2, n_steps=2)
    >>> Recorded(events).spikes(np.array([0]), np.random.default_rng(0)).units
    array([1, 0], dtype=int16)
    """

    events: SpikeEvents

    def __len__(self) -> int:
        return len(self.events)

    @property
    def n_units(self) -> int:
        """Number of input units."""
        return self.events.n_units

    def spikes(self, index: np.ndarray, rng: np.random.Generator) -> Spikes:  # noqa: ARG002
        """Return the events of the samples at ``index``."""
        return by_step(self.events.take(index))


@dataclass(frozen=True)
class Poisson:
    """Images whose pixels spike at random in each step.

    Parameters
    ----------
    pixels
        ``[N, H, W]`` in 0..1.
    n_steps
        For which an image is shown.
    chance
        Of a spike of a pixel of 1 in a step, in 0..1.
    shift
        Images are moved at random by so many pixels at most, up or down and to a side, each time
        they are shown; what leaves the image is lost.

    Raises
    ------
    ValueError
        If pixels have another shape or leave 0..1, or a number is outside its range.

    Examples
    --------
    >>> images = Poisson(np.array([[[0.0, 1.0]]]), n_steps=3, chance=1.0)
    >>> images.spikes(np.array([0]), np.random.default_rng(0)).units
    array([1, 1, 1], dtype=int32)
    """

    pixels: np.ndarray
    n_steps: int = 50
    chance: float = 0.4
    shift: int = 0

    def __post_init__(self) -> None:
        pixels = arrays.plain("pixels", self.pixels)
        if pixels.ndim != 3 or not pixels.size:
            raise ValueError(f"pixels must be [N, H, W] and not empty, not {list(pixels.shape)}")
        if not (pixels.min() >= 0 and pixels.max() <= 1):
            raise ValueError("pixels must lie in 0..1")
        if self.n_steps < 1 or not 0 <= self.chance <= 1 or self.shift < 0:
            raise ValueError(
                "n_steps must be at least 1, chance in 0..1 and shift 0 or more, not "
                f"{self.n_steps}, {self.chance}, {self.shift}"
            )
        object.__setattr__(self, "pixels", pixels.astype(np.float32, copy=False))

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def n_units(self) -> int:
        """Number of pixels."""
        return self.pixels[0].size

    def spikes(self, index: np.ndarray, rng: np.random.Generator) -> Spikes:
        """Return events of the samples at ``index``, drawn anew."""
        shown = self._moved(self.pixels[index], rng)
        shown = np.ascontiguousarray(shown.reshape(len(shown), -1))
        most = int(np.count_nonzero(shown)) * self.n_steps + 1  # a place more: the loop tries it
        spikes = Spikes(
            buffers.empty(most, np.int32), np.empty((len(shown), self.n_steps + 1), np.int64)
        )
        n_spikes = loops.poisson(shown, self.chance, rng.integers(2**63), spikes)
        return Spikes(spikes.units[:n_spikes], spikes.starts)

    def _moved(self, pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if not self.shift:
            return pixels
        wide = np.pad(pixels, [(0, 0), (self.shift,) * 2, (self.shift,) * 2])
        windows = sliding_window_view(wide, (1, *pixels.shape[1:]))[:, :, :, 0]
        down, right = rng.integers(2 * self.shift + 1, size=(2, len(pixels)))
        return windows[np.arange(len(pixels)), down, right]
