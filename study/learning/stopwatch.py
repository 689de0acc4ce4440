"""How long an inference takes: one way to measure it, for every system.

Samples are answered in batches of `BATCH`; the first is for warming up; the median over the others
is the time of a sample. The method stands with the number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

BATCH = 64  # samples between two looks at the clock
METHOD = "median over batches of {batch} after one warm-up batch"

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Timing:
    """Milliseconds a sample and how they were measured; None where nothing was."""

    ms_per_sample: float | None = None
    method: str = ""


def batches(n_samples: int, batch: int = BATCH) -> Iterator[slice]:
    """Yield the slices of consecutive batches.

    Examples
    --------
    >>> [(part.start, part.stop) for part in batches(150)]
    [(0, 64), (64, 128), (128, 150)]
    """
    for start in range(0, n_samples, batch):
        yield slice(start, min(start + batch, n_samples))


def timed(
    answer: Callable[[slice], Answer], n_samples: int, how: str = "one thread"
) -> tuple[list[Answer], Timing]:
    """Return the answers to all samples, batch by batch, and the time of a sample.

    Parameters
    ----------
    answer
        Answers the samples of a slice, from input to answer.
    n_samples
        How many there are.
    how
        What else is to be known of the method, such as the engine.

    Raises
    ------
    ValueError
        If there are no samples.
    """
    if n_samples < 1:
        raise ValueError("there is no sample to be timed on")
    answer(next(batches(n_samples)))
    answers, seconds = [], []
    for part in batches(n_samples):
        started = time.perf_counter()
        answers.append(answer(part))
        seconds.append((time.perf_counter() - started) / (part.stop - part.start))
    return answers, Timing(float(np.median(seconds)) * 1e3, f"{METHOD.format(batch=BATCH)}, {how}")


def of_batches(
    seconds: Sequence[float] | np.ndarray, batch: int, how: str, repeats: float = 1.0
) -> Timing:
    """Return the time of a sample from that of batches that a simulator timed by itself.

    Parameters
    ----------
    seconds
        Of each batch; the first is for warming up where others follow.
    batch
        Samples in each.
    how
        What else is to be known of the method.
    repeats
        How often a sample is shown on average.
    """
    counted = seconds[1:] if len(seconds) > 1 else seconds
    milliseconds = float(np.median(counted)) / batch * repeats * 1e3
    return Timing(milliseconds, f"{METHOD.format(batch=batch)}, {how}")
