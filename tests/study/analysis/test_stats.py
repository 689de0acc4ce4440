"""Intervals against SciPy and simulation, corrections against published examples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from study.analysis.stats import mcnemar, mean_interval, paired_difference


def test_interval_equals_scipys_t_interval() -> None:
    values = [0.91, 0.94, 0.95]
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    assert mean_interval(values) == pytest.approx((np.mean(values), low, high))


def test_interval_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    found = [mean_interval(rng.normal(size=3).tolist()) for _ in range(2000)]
    covered = np.mean([low <= 0 <= high for _, low, high in found])
    assert 0.935 < covered < 0.965  # three standard errors


def test_one_value_has_no_interval_and_none_is_refused() -> None:
    mean, low, high = mean_interval([0.5])
    assert mean == 0.5
    assert np.isnan([low, high]).all()
    with pytest.raises(ValueError, match="at least one"):
        mean_interval([])


def test_limits_stay_in_bounds() -> None:
    assert mean_interval([0.9, 1.0], (0, 1)).high == 1


def test_pairing_removes_what_both_share() -> None:
    shared = np.array([0.0, 5.0, 9.0])
    difference = paired_difference((shared + np.array([1.0, 1.1, 0.9])).tolist(), shared.tolist())
    assert difference.mean == pytest.approx(1.0)
    assert difference.high - difference.low < 0.6
    with pytest.raises(ValueError, match="differ in number"):
        paired_difference([1.0], [1.0, 2.0])


def test_mcnemar_is_the_sign_test_on_discordant_samples() -> None:
    first = np.array([True] * 9 + [False] + [True] * 90)
    second = np.array([False] * 9 + [True] + [True] * 90)
    assert mcnemar(first, second) == pytest.approx(2 * 11 / 1024)
    assert mcnemar(first, first) == 1.0
