"""Intervals over replicates and paired comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# SciPy's statistics take half a second to import, too long for --help: functions import them.


class Interval(NamedTuple):
    """A mean with its interval; the limits are NaN where nothing tells how sure the mean is."""

    mean: float
    low: float
    high: float


LEVEL = 0.95
INTERVAL = "95 % intervals over seeds (Student t), of accuracies over seeds and samples"


def mean_interval(
    values: Sequence[float],
    bounds: tuple[float, float] = (-np.inf, np.inf),
    level: float = LEVEL,
) -> Interval:
    """Return the mean of replicates and its Student t interval.

    With three to five seeds a percentile bootstrap covers the mean far less often than 95 %
    (its limits cannot leave the range of the few values); the t interval keeps its level for
    roughly normal replicates and is wide where little is known.

    Parameters
    ----------
    values
        One value a seed.
    bounds
        Range in which the quantity lies, such as ``(0, 1)`` for an accuracy; limits are cut there.
    level
        Probability with which the interval holds what the replicates scatter about.

    Raises
    ------
    ValueError
        If there are no values.
    """
    data = np.asarray(values, dtype=float)
    if data.size == 0:
        raise ValueError("an interval needs at least one value")
    mean = float(data.mean())
    if data.size == 1:
        return Interval(mean, float("nan"), float("nan"))
    from scipy import stats

    half = float(stats.t.ppf((1 + level) / 2, data.size - 1) * stats.sem(data))
    return Interval(mean, max(mean - half, bounds[0]), min(mean + half, bounds[1]))


def accuracy_interval(shares: Sequence[float], n: int, level: float = LEVEL) -> Interval:
    """Return the mean share of right answers with an interval over seeds and samples.

    Other seeds would learn otherwise, and other samples be answered otherwise: the interval holds
    both, Student's over seeds and Wilson's over samples, joined by `joined`. With one seed it is
    Wilson's. It is a little too wide, as what differs between samples is part of what differs
    between seeds.

    Parameters
    ----------
    shares
        Of the same ``n`` samples, one a seed, 0..1.
    n
        Samples.
    level
        As of `mean_interval`.

    Examples
    --------
    >>> [round(part, 3) for part in accuracy_interval([0.96, 0.97, 0.98], 355)]
    [0.97, 0.939, 0.993]
    """
    over_seeds = mean_interval(shares, level=level)
    return joined(over_seeds, share_interval(over_seeds.mean, n, level), bounds=(0, 1))


def paired_accuracy_interval(
    first_right: np.ndarray, second_right: np.ndarray, level: float = LEVEL
) -> Interval:
    """Return first minus second share of right answers, paired by seed and by sample.

    The interval is over both, as that of `accuracy_interval`.

    Parameters
    ----------
    first_right, second_right
        ``[seeds, samples]`` whether the answer is right.
    level
        As of `mean_interval`.
    """
    from scipy import stats

    lead = first_right.astype(float) - second_right.astype(float)
    over_seeds = mean_interval(lead.mean(axis=1).tolist(), level=level)
    error = float(np.sqrt(np.var(lead.mean(axis=0), ddof=1) / lead.shape[1]))
    half, mean = float(stats.norm.ppf((1 + level) / 2)) * error, over_seeds.mean
    return joined(over_seeds, Interval(mean, mean - half, mean + half), bounds=(-1, 1))


def accuracy_difference(
    first: Sequence[float], second: Sequence[float], sizes: tuple[int, int], level: float = LEVEL
) -> Interval:
    """Return first minus second share of right answers, paired by seed alone.

    For where it is not known which answers are right: the interval is over seeds and over samples
    as if each side had met its own (Newcombe's), which is too wide where both met the same.

    Parameters
    ----------
    first, second
        Shares, one a seed, 0..1.
    sizes
        Samples of each side.
    level
        As of `mean_interval`.

    References
    ----------
    Newcombe, Stat. Med. 17:873-890 (1998), method 10.
    """
    over_seeds = mean_interval(np.subtract(first, second).tolist(), level=level)
    one, other = (
        share_interval(float(np.mean(shares)), n, level)
        for shares, n in zip((first, second), sizes, strict=True)
    )
    mean = over_seeds.mean
    of_first = Interval(mean, mean + one.low - one.mean, mean + one.high - one.mean)
    of_second = Interval(mean, mean + other.mean - other.high, mean + other.mean - other.low)
    return joined(over_seeds, joined(of_first, of_second, (-1, 1)), (-1, 1))


def joined(one: Interval, other: Interval, bounds: tuple[float, float]) -> Interval:
    """Return the interval about a mean that two independent causes make uncertain.

    Distances of the limits from the mean add by their squares (MOVER); limits that are NaN add
    nothing.

    References
    ----------
    Zou & Donner, Stat. Med. 27:1693-1702 (2008), doi:10.1002/sim.3095.
    """
    below, above = (
        float(np.linalg.norm(np.nan_to_num([each[end] - one.mean for each in (one, other)])))
        for end in (1, 2)
    )
    low, high = bounds
    return Interval(one.mean, max(one.mean - below, low), min(one.mean + above, high))


def simultaneous(n: int) -> float:
    """Return the level of each of ``n`` intervals that together hold with `LEVEL` (Bonferroni).

    Examples
    --------
    >>> simultaneous(5)
    0.99
    """
    return 1 - (1 - LEVEL) / max(n, 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number; those that are NaN stay so and do not count.

    References
    ----------
    Holm, Scand. J. Stat. 6:65-70 (1979).
    """
    values = np.asarray(p_values, dtype=float)
    order = [index for index in np.argsort(values) if not np.isnan(values[index])]
    steps = values[order] * np.arange(len(order), 0, -1)
    corrected = np.full(len(values), np.nan)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return corrected.tolist()


def share_interval(share: float, n: int, level: float = LEVEL) -> Interval:
    """Return a share of ``n`` samples with its Wilson interval.

    References
    ----------
    Wilson, J. Am. Stat. Assoc. 22:209-212 (1927), doi:10.1080/01621459.1927.10502953.
    """
    from scipy import stats

    z = float(stats.norm.ppf((1 + level) / 2))
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * (share * (1 - share) / n + (z / (2 * n)) ** 2) ** 0.5 / (1 + z**2 / n)
    return Interval(share, max(centre - half, 0.0), min(centre + half, 1.0))
