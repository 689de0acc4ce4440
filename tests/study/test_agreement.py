"""The share of matched spikes against brute force, its symmetry, and its controls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from study.agreement import Spikes, matched_share


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
