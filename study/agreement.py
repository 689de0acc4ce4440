"""How far two simulations of one network give the same spikes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spikes:
    """Spikes of one layer over independent samples.

    Parameters
    ----------
    time_s
        ``[S]`` times in seconds.
    train
        ``[S]`` which train a spike belongs to: one number for each pair of sample and neuron.
    """

    time_s: np.ndarray
    train: np.ndarray

    def __len__(self) -> int:
        return len(self.time_s)


def matched_share(first: Spikes, second: Spikes, tolerance_s: float) -> float:
    """Return the share of spikes that have a partner in the other simulation, 0..1.

    Spikes of the same train are paired one to one in order of time where they lie at most
    ``tolerance_s`` apart, which makes the largest possible number of pairs m; the share is
    ``2 m / (n_first + n_second)`` (Dice coefficient), and 1 if neither has a spike.
    """
    total = len(first) + len(second)
    if not len(first) or not len(second):
        return 1.0 if total == 0 else 0.0
    # Rounding of the grids must not decide at the edge of the tolerance.
    reach = tolerance_s * (1 + 1e-6) + 1e-9
    pairs = 0
    seconds = _by_train(second)
    for train, times in _by_train(first).items():
        pairs += _pairs(times, seconds.get(train, np.empty(0)), reach)
    return 2 * pairs / total


def _by_train(spikes: Spikes) -> dict[int, np.ndarray]:
    order = np.lexsort((spikes.time_s, spikes.train))
    trains, starts = np.unique(spikes.train[order], return_index=True)
    return dict(zip(trains.tolist(), np.split(spikes.time_s[order], starts[1:]), strict=True))


def _pairs(first: np.ndarray, second: np.ndarray, reach: float) -> int:
    i = j = pairs = 0
    while i < len(first) and j < len(second):
        gap = second[j] - first[i]
        if abs(gap) <= reach:
            pairs, i, j = pairs + 1, i + 1, j + 1
        elif gap > 0:
            i += 1
        else:
            j += 1
    return pairs
