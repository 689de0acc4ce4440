"""Designs take the points of a grid that they say."""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.errors import UserError
from study.settings import design
from study.settings.design import points

LEVELS = st.lists(st.integers(1, 4), max_size=4)


@given(LEVELS)
def test_full_is_every_combination_once(n_levels: list[int]) -> None:
    assert points(n_levels) == list(product(*map(range, n_levels)))


def test_three_axes_of_three_levels_give_the_regular_third() -> None:
    # The 3^(3-1) design of defining relation ABC = I: a Latin square.
    square = {(a, b): c for a, b, c in points([3, 3, 3], "fraction")}
    assert [[square[a, b] for b in range(3)] for a in range(3)] == [
        [0, 2, 1],
        [2, 1, 0],
        [1, 0, 2],
    ]


def test_four_axes_of_two_levels_give_the_half_of_even_parity() -> None:
    half = points([2, 2, 2, 2], "fraction")
    assert half == [point for point in product((0, 1), repeat=4) if sum(point) in (0, 2, 4)]


@given(LEVELS)
def test_a_fraction_has_every_level_and_every_combination_without_one_axis(
    n_levels: list[int],
) -> None:
    found = points(n_levels, "fraction")
    several = [levels for levels in n_levels if levels > 1]
    share = min(several) if len(several) > 2 else 1
    assert len(found) == math.prod(n_levels) // share
    for axis, levels in enumerate(n_levels):
        assert {point[axis] for point in found} == set(range(levels))
    if share > 1:
        shortest = n_levels.index(share)
        others = [point[:shortest] + point[shortest + 1 :] for point in found]
        assert len(set(others)) == len(others)


@pytest.mark.parametrize(("levels", "n_axes"), [(2, 3), (3, 3), (3, 4), (4, 3)])
def test_with_equal_levels_any_two_axes_are_orthogonal(levels: int, n_axes: int) -> None:
    found = points([levels] * n_axes, "fraction")
    for first, second in combinations(range(n_axes), 2):
        counts = Counter((point[first], point[second]) for point in found)
        assert set(counts.values()) == {len(found) // levels**2}
        assert len(counts) == levels**2


@given(LEVELS, st.integers(1, 30), st.integers(1, 30))
def test_a_random_design_has_points_of_the_grid_and_a_larger_one_adds_to_it(
    n_levels: list[int], some: int, more: int
) -> None:
    first, second = points(n_levels, f"random:{some}"), points(n_levels, f"random:{some + more}")
    assert second[: len(first)] == first
    assert len(set(second)) == len(second) == min(some + more, math.prod(n_levels))
    assert set(second) <= set(points(n_levels))


def test_a_grid_too_large_to_list_can_be_drawn_from() -> None:
    found = points([10] * 12, "random:50")
    assert len(set(found)) == 50
    assert points([10] * 12, "random:20") == found[:20]
    assert len(set(points([10] * 30, "random:50"))) == 50  # more points than 64 bits count


def test_two_axes_are_run_whole_since_half_of_them_would_not_tell_one_from_the_other() -> None:
    assert points([2, 1, 2], "fraction") == points([2, 1, 2])


@pytest.mark.parametrize(
    "text",
    [
        "half",
        "random",
        "random:",
        "random:0",
        "random:x",
        "random:²",
        f"random:{'9' * 5000}",
        "full:2",
        "",
    ],
)
def test_other_designs_are_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"full, fraction, random:N"):
        design.check(text)
