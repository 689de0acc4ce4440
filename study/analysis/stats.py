"""Intervals over replicates and paired comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# SciPy's statistics take half a second to import, too long for --help: functions import them.


class Interval(NamedTuple):
    """A mean with its 95 % interval; the limits are NaN for fewer than two values."""

    mean: float
    low: float
    high: float


INTERVAL = "95 % Student t interval over seeds"


def mean_interval(
    values: Sequence[float],
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """Return the mean of replicates and its 95 % Student t interval.

    With three to five seeds a percentile bootstrap covers the mean far less often than 95 %
    (its limits cannot leave the range of the few values); the t interval keeps its level for
    roughly normal replicates and is wide where little is known.

    Parameters
    ----------
    values
        One value a seed.
    bounds
        Range in which the quantity lies, such as ``(0, 1)`` for an accuracy; limits are cut there.

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

    half = float(stats.t.ppf(0.975, data.size - 1) * stats.sem(data))
    return Interval(mean, max(mean - half, bounds[0]), min(mean + half, bounds[1]))


def paired_difference(first: Sequence[float], second: Sequence[float]) -> Interval:
    """Return the mean of ``first - second``, paired by seed, with its 95 % interval.

    Raises
    ------
    ValueError
        If the two have different lengths.
    """
    if len(first) != len(second):
        raise ValueError(f"paired values differ in number: {len(first)} and {len(second)}")
    return mean_interval(np.subtract(first, second).tolist())


def mcnemar(first_right: np.ndarray, second_right: np.ndarray) -> float:
    """Return the exact two-sided McNemar p value for two classifiers on the same samples.

    References
    ----------
    McNemar, Psychometrika 12:153-157 (1947), doi:10.1007/BF02295996.
    """
    only_first = int(np.sum(first_right & ~second_right))
    only_second = int(np.sum(~first_right & second_right))
    discordant = only_first + only_second
    if discordant == 0:
        return 1.0
    from scipy import stats

    return float(stats.binomtest(only_first, discordant).pvalue)


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


def share_interval(share: float, n: int) -> Interval:
    """Return a share of ``n`` samples with its 95 % Wilson interval.

    References
    ----------
    Wilson, J. Am. Stat. Assoc. 22:209-212 (1927), doi:10.1080/01621459.1927.10502953.
    """
    from scipy import stats

    found = stats.binomtest(round(share * n), n).proportion_ci(method="wilson")
    return Interval(share, float(found.low), float(found.high))
