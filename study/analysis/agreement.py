"""How far two simulations of one network agree: in spikes, in membranes, in what they answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

SHORT_S = 1e-9  # rounding of a time grid must not decide at the edge of a tolerance


@dataclass(frozen=True)
class Spikes:
    """Spikes of a network over independent samples.

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

    def ordered(self) -> Spikes:
        """Return the same spikes by train, then by time."""
        order = np.lexsort((self.time_s, self.train))
        return Spikes(self.time_s[order], self.train[order])


class Matches(NamedTuple):
    """Pairs of spikes, one in each simulation, and those without a partner."""

    shift_s: np.ndarray
    """``[M]`` second minus first time of each pair."""
    alone_s: np.ndarray
    """Times of spikes without a partner, of both simulations."""
    alone_train: np.ndarray
    """Trains of these."""

    @property
    def share(self) -> float:
        """Share of spikes with a partner, ``2 m / (n_first + n_second)``; 1 if there are none.

        References
        ----------
        L. R. Dice, Ecology 26:297-302 (1945), doi:10.2307/1932409.
        """
        total = 2 * len(self.shift_s) + len(self.alone_s)
        return 2 * len(self.shift_s) / total if total else 1.0

    @property
    def mean_shift_s(self) -> float:
        """Mean distance within pairs; 0 if there are none."""
        return float(np.abs(self.shift_s).mean()) if len(self.shift_s) else 0.0

    @property
    def largest_shift_s(self) -> float:
        """Largest distance within a pair; 0 if there are none."""
        return float(np.abs(self.shift_s).max()) if len(self.shift_s) else 0.0

    @property
    def first_alone(self) -> tuple[float, int] | None:
        """Time and train of the earliest spike without a partner: the first divergence."""
        if not len(self.alone_s):
            return None
        first = np.lexsort((self.alone_train, self.alone_s))[0]
        return float(self.alone_s[first]), int(self.alone_train[first])


def match(first: Spikes, second: Spikes, tolerance_s: float) -> Matches:
    """Return which spikes of two simulations belong together.

    Spikes of the same train are paired one to one in order of time where they lie at most
    ``tolerance_s`` apart, which makes the largest possible number of pairs.
    """
    first, second = first.ordered(), second.ordered()
    reach = tolerance_s * (1 + 1e-6) + SHORT_S
    # On one axis, with trains farther apart than the reach.
    span = max(s.time_s.max(initial=0) for s in (first, second)) + 2 * reach + 1e-3
    here, there = (s.train * span + s.time_s for s in (first, second))
    i, j = _pairs(here.tolist(), there.tolist(), reach + SHORT_S)
    lone = [np.delete(np.arange(len(s)), k) for s, k in ((first, i), (second, j))]
    return Matches(
        second.time_s[j] - first.time_s[i],
        np.concatenate([first.time_s[lone[0]], second.time_s[lone[1]]]),
        np.concatenate([first.train[lone[0]], second.train[lone[1]]]),
    )


def matched_share(first: Spikes, second: Spikes, tolerance_s: float) -> float:
    """Return the share of spikes that have a partner in the other simulation, 0..1."""
    return match(first, second, tolerance_s).share


def coincidence_factor(
    first: Spikes, second: Spikes, tolerance_s: float, duration_s: float, n_trains: int
) -> float:
    """Return Gamma: coincidences beyond those of a Poisson train, 1 for equal trains, 0 by chance.

    ``Gamma = (m - <m>) / ((n_first + n_second) / 2) / (1 - 2 nu tolerance)`` with ``<m> = 2 nu
    tolerance n_first`` and ``nu`` the mean rate of the second, here over all trains together. 1 if
    neither fires.

    Parameters
    ----------
    first, second
        Spikes of both simulations.
    tolerance_s
        How far apart spikes may lie and still coincide.
    duration_s, n_trains
        Of each train, and their number.

    Raises
    ------
    ValueError
        If the trains are so dense, or the tolerance so wide, that chance alone matches all.

    References
    ----------
    W. M. Kistler, W. Gerstner & J. L. van Hemmen, Neural Comput. 9:1015-1045 (1997),
    doi:10.1162/neco.1997.9.5.1015; R. Jolivet et al., J. Neurosci. Methods 169:417-424 (2008),
    doi:10.1016/j.jneumeth.2007.11.006.
    """
    if not len(first) and not len(second):
        return 1.0
    by_chance = 2 * tolerance_s * len(second) / (n_trains * duration_s)
    if by_chance >= 1:
        raise ValueError(f"a tolerance of {tolerance_s} s matches trains this dense by chance")
    found = len(match(first, second, tolerance_s).shift_s)
    excess = found - by_chance * len(first)
    return 2 * excess / (len(first) + len(second)) / (1 - by_chance)


def van_rossum(first: Spikes, second: Spikes, tau_s: float) -> float:
    """Return the squared van Rossum distance over all trains, per spike.

    Each spike becomes ``exp(-t / tau)`` from its time on; the distance is ``D^2 = 1 / tau
    integral (f - g)^2 dt``, which is 1/2 for one spike against none. Here the sum of ``D^2`` over
    trains is divided by ``(n_first + n_second) / 2``: 0 for equal trains, 1 where no spikes are
    near each other. 0 if neither fires.

    References
    ----------
    M. C. W. van Rossum, Neural Comput. 13:751-763 (2001), doi:10.1162/089976601300014321.
    """
    total = len(first) + len(second)
    if not total:
        return 0.0
    both = Spikes(
        np.concatenate([first.time_s, second.time_s]), np.concatenate([first.train, second.train])
    )
    sign = np.repeat([1.0, -1.0], [len(first), len(second)])
    order = np.lexsort((both.time_s, both.train))
    time_s, train, sign = both.time_s[order], both.train[order], sign[order]
    decay = np.exp(-np.diff(time_s, prepend=0) / tau_s)
    decay[np.diff(train, prepend=-1) != 0] = 0.0
    # D^2 = 1/2 sum_ij s_i s_j exp(-|t_i - t_j| / tau): the sum over i < j by recursion.
    trace = pairs = 0.0
    for factor, here in zip(decay.tolist(), sign.tolist(), strict=True):
        trace *= factor
        pairs += here * trace
        trace += here
    return max(0.0, (total / 2 + pairs) / (total / 2))


def membrane_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Pearson's correlation over time, averaged over neurons and samples.

    Parameters
    ----------
    first, second
        ``[T, B, N]``; trains that stay constant in either are left out. NaN if all do.
    """
    centred = [part - part.mean(axis=0) for part in (first, second)]
    variance = [(part**2).mean(axis=0) for part in centred]
    moving = (np.ptp(first, axis=0) > 0) & (np.ptp(second, axis=0) > 0)
    if not moving.any():
        return float("nan")
    covariance = (centred[0] * centred[1]).mean(axis=0)[moving]
    return float(np.mean(covariance / np.sqrt(variance[0] * variance[1])[moving]))


def confusion(first: np.ndarray, second: np.ndarray, n_classes: int) -> np.ndarray:
    """Return how often the first answered ``i`` and the second ``j``, ``[C, C]``."""
    cells = np.bincount(first * n_classes + second, minlength=n_classes**2)
    return cells.reshape(n_classes, n_classes)


def _pairs(first: list[float], second: list[float], reach: float) -> tuple[list, list]:
    """Return the indices of pairs in two ascending lists."""
    i = j = 0
    left, right = [], []
    while i < len(first) and j < len(second):
        gap = second[j] - first[i]
        if abs(gap) <= reach:
            left.append(i)
            right.append(j)
            i += 1
            j += 1
        elif gap > 0:
            i += 1
        else:
            j += 1
    return left, right
