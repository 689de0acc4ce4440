"""Intervals against SciPy and simulation, corrections against published examples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from study.analysis.stats import (
    accuracy_difference,
    accuracy_interval,
    mean_interval,
    paired_accuracy_interval,
    share_interval,
    simultaneous,
)


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


def test_wilsons_interval_is_scipys_and_goes_between_counts() -> None:
    expected = stats.binomtest(81, 263).proportion_ci(0.99, method="wilson")
    assert share_interval(81 / 263, 263, 0.99)[1:] == pytest.approx(tuple(expected))
    assert share_interval(81 / 263, 263).low < share_interval(81.5 / 263, 263).low


def test_of_one_seed_the_interval_is_that_of_the_samples() -> None:
    assert accuracy_interval([0.9], 100) == share_interval(0.9, 100)


def test_all_right_is_not_sure_to_stay_so() -> None:
    mean, low, high = accuracy_interval([1.0, 1.0, 1.0], 355)
    assert (mean, high) == (1, 1)
    assert low == pytest.approx(0.9893, abs=1e-4)  # Wilson, 355 of 355


def drawn(rng: np.random.Generator, n: int, lead: float = 0.0) -> tuple[np.ndarray, ...]:
    """Return right answers of two networks, ``[3, n]``: seeds differ a little, samples much."""
    hardness, skill = rng.normal(size=n), 0.1 * rng.normal(size=(2, 3, 1))
    odds = 1.0 + np.array([lead, 0.0])[:, None, None] + skill - hardness
    first, second = 0.3 * rng.normal(size=(2, 3, n)) < odds
    return first, second


def test_intervals_over_seeds_and_samples_hold_what_new_ones_would_give() -> None:
    rng = np.random.default_rng(0)
    truth = np.mean([drawn(rng, 100)[0].mean() for _ in range(3000)])
    shares = [drawn(rng, 100)[0].mean(axis=1).tolist() for _ in range(1000)]
    held = [low <= truth <= high for _, low, high in (accuracy_interval(s, 100) for s in shares)]
    alone = [low <= truth <= high for _, low, high in map(mean_interval, shares)]
    assert 0.94 < np.mean(held) < 0.995
    assert np.mean(alone) < 0.9  # seeds that meet the same samples know nothing of others


def test_paired_intervals_cover_and_few_are_sure_without_a_difference() -> None:
    rng = np.random.default_rng(1)
    sure = [
        low > 0 or high < 0
        for _ in range(1000)
        for _, low, high in [paired_accuracy_interval(*drawn(rng, 100))]
    ]
    assert np.mean(sure) < 0.06


def test_pairing_by_sample_is_narrower_than_samples_apart() -> None:
    first, second = drawn(np.random.default_rng(2), 1000, 0.2)
    paired = paired_accuracy_interval(first, second)
    shares = [side.mean(axis=1).tolist() for side in (first, second)]
    apart = accuracy_difference(shares[0], shares[1], (1000, 1000))
    assert paired.mean == pytest.approx(apart.mean)
    assert apart.low < paired.low
    assert paired.high < apart.high


def test_samples_apart_are_newcombes_interval() -> None:
    # Newcombe, Stat. Med. 17:873-890 (1998), table II, method 10: 56 of 70 against 48 of 80.
    found = accuracy_difference([56 / 70], [48 / 80], (70, 80))
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_intervals_at_once_miss_no_more_often_together_than_one_alone() -> None:
    assert simultaneous(1) == pytest.approx(0.95)
    assert 10 * (1 - simultaneous(10)) == pytest.approx(0.05)
