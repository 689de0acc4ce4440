"""Measures of agreement against brute force, integrals, chance, and their controls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from study.analysis.agreement import (
    Spikes,
    coincidence_factor,
    confusion,
    match,
    matched_share,
    membrane_correlation,
    van_rossum,
)


def spikes(pairs: list[tuple[int, int]]) -> Spikes:
    times, trains = zip(*pairs, strict=True) if pairs else ((), ())
    return Spikes(np.array(times, dtype=float) * 1e-3, np.array(trains, dtype=int))


def brute_force(first: Spikes, second: Spikes, tolerance_s: float) -> float:
    """The largest number of pairs by an assignment problem."""
    near = np.abs(first.time_s[:, None] - second.time_s) <= tolerance_s + 1e-8
    near &= first.train[:, None] == second.train
    rows, columns = linear_sum_assignment(near, maximize=True)
    return 2 * near[rows, columns].sum() / (len(first) + len(second))


TRAINS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 2)), min_size=1, max_size=12)


@given(TRAINS, TRAINS, st.integers(0, 5))
def test_pairing_in_order_of_time_finds_the_largest_matching(a, b, tolerance_ms) -> None:
    first, second = spikes(a), spikes(b)
    found = matched_share(first, second, tolerance_ms * 1e-3)
    assert found == pytest.approx(brute_force(first, second, tolerance_ms * 1e-3))
    assert found == pytest.approx(matched_share(second, first, tolerance_ms * 1e-3))


def test_equal_trains_agree_and_shifted_ones_need_the_tolerance() -> None:
    here = spikes([(1, 0), (5, 0), (9, 1)])
    later = spikes([(3, 0), (7, 0), (11, 1)])
    assert matched_share(here, here, 0.0) == 1
    assert matched_share(here, later, 1e-3) == 0
    assert matched_share(here, later, 2e-3) == 1


def test_spikes_of_other_trains_never_agree() -> None:
    assert matched_share(spikes([(1, 0)]), spikes([(1, 1)]), 1.0) == 0


def test_silence_agrees_with_silence_only() -> None:
    assert matched_share(spikes([]), spikes([]), 0.0) == 1
    assert matched_share(spikes([]), spikes([(1, 0)]), 0.0) == 0


def test_shifts_and_the_first_divergence_are_told() -> None:
    here = spikes([(1, 0), (5, 0), (9, 1), (4, 2)])
    there = spikes([(1, 0), (7, 0), (8, 1), (30, 2)])
    found = match(here, there, 2e-3)
    assert sorted(np.round(found.shift_s * 1e3)) == [-1, 0, 2]
    assert found.largest_shift_s == pytest.approx(2e-3)
    assert found.mean_shift_s == pytest.approx(1e-3)
    assert found.first_alone == (pytest.approx(4e-3), 2)
    assert match(here, here, 0.0).first_alone is None


@given(TRAINS, TRAINS, st.integers(0, 5))
def test_every_spike_is_either_in_a_pair_or_alone(a, b, tolerance_ms) -> None:
    first, second = spikes(a), spikes(b)
    found = match(first, second, tolerance_ms * 1e-3)
    assert 2 * len(found.shift_s) + len(found.alone_s) == len(first) + len(second)
    assert (np.abs(found.shift_s) <= tolerance_ms * 1e-3 + 1e-8).all()


def by_integral(first: Spikes, second: Spikes, tau_s: float) -> float:
    t = np.arange(0, 0.2, 1e-5)
    total = 0.0
    for train in set(first.train) | set(second.train):
        f = np.zeros_like(t)
        for part, sign in ((first, 1), (second, -1)):
            for time in part.time_s[part.train == train]:
                f += sign * np.where(t >= time, np.exp(-(t - time) / tau_s), 0)
        total += np.sum(f**2) * 1e-5 / tau_s
    return 2 * total / (len(first) + len(second))


@given(TRAINS, TRAINS)
def test_van_rossums_distance_is_its_integral(a, b) -> None:
    first, second = spikes(a), spikes(b)
    assert van_rossum(first, second, 8e-3) == pytest.approx(
        by_integral(first, second, 8e-3), abs=5e-3
    )


def test_van_rossums_distance_is_zero_for_equal_and_one_for_unrelated_trains() -> None:
    here = spikes([(1, 0), (5, 0), (9, 1)])
    assert van_rossum(here, here, 1e-3) == pytest.approx(0, abs=1e-12)
    assert van_rossum(here, spikes([(1, 2), (5, 2), (9, 3)]), 1e-3) == pytest.approx(1, abs=0.05)
    assert van_rossum(spikes([]), here, 1e-5) == pytest.approx(1)
    assert van_rossum(spikes([]), spikes([]), 1e-3) == 0


def poisson(rng: np.random.Generator, n_trains: int, duration_s: float, rate_hz: float) -> Spikes:
    n = rng.poisson(n_trains * duration_s * rate_hz)
    return Spikes(rng.uniform(0, duration_s, n), rng.integers(0, n_trains, n))


def test_the_coincidence_factor_of_unrelated_trains_is_zero_whatever_the_tolerance() -> None:
    rng = np.random.default_rng(0)
    first, second = (poisson(rng, 50, 20.0, 5.0) for _ in range(2))
    for tolerance_s in (1e-3, 4e-3):
        assert matched_share(first, second, tolerance_s) > 0.8 * 2 * tolerance_s * 5
        assert abs(coincidence_factor(first, second, tolerance_s, 20.0, 50)) < 0.02
    assert coincidence_factor(first, first, 4e-3, 20.0, 50) == pytest.approx(1)
    assert coincidence_factor(spikes([]), spikes([]), 4e-3, 20.0, 50) == 1


def test_a_tolerance_that_matches_everything_by_chance_is_refused() -> None:
    with pytest.raises(ValueError, match="by chance"):
        coincidence_factor(spikes([(1, 0)]), spikes([(1, 0)]), 1.0, 0.1, 1)


def test_correlation_of_membranes_leaves_out_those_that_rest() -> None:
    rng = np.random.default_rng(0)
    first = rng.normal(size=(50, 2, 3))
    first[:, 0, 0] = 0.3
    assert membrane_correlation(first, 2 * first + 1) == pytest.approx(1)
    assert membrane_correlation(first, -first) == pytest.approx(-1)
    assert abs(membrane_correlation(first, rng.normal(size=first.shape))) < 0.2
    assert np.isnan(membrane_correlation(np.ones((5, 1, 1)), np.ones((5, 1, 1))))


def test_confusion_counts_answers_of_the_first_by_row() -> None:
    found = confusion(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2]), 3)
    assert found.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
