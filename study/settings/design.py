"""Which points of a grid are run: all, a regular fraction, or a random draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import numpy as np

from study.errors import UserError

FULL, FRACTION, RANDOM = "full", "fraction", "random"
SEED = 0  # of random designs
MOST_POINTS = 10**6  # of a grid that is run
LISTED = 10**6  # grids up to this size are shuffled whole
MOST_DIGITS = 9  # of the number of random points
MIN_AXES = 3  # with fewer, a fraction would take the effect of one axis for that of the other


def check(design: str) -> str:
    """Return the name of a design as given.

    Raises
    ------
    UserError
        If it is none of ``full``, ``fraction`` and ``random:N``.
    """
    name, _, count = design.partition(":")
    counted = count.isascii() and count.isdigit() and len(count) <= MOST_DIGITS
    if design in (FULL, FRACTION) or (name == RANDOM and counted and int(count) > 0):
        return design
    raise UserError(
        f"unknown design {design!r}\nAllowed: full, fraction, random:N, as in random:20"
    )


def points(n_levels: Sequence[int], design: str = FULL) -> list[tuple[int, ...]]:
    """Return the points of a grid as level numbers from 0.

    Parameters
    ----------
    n_levels
        Number of levels of each axis.
    design
        ``full``
            Every combination.
        ``fraction``
            Those whose level numbers sum to a multiple of m, the least number of levels of an axis
            that has several: one in m, and all where fewer than three axes have several. Any
            combination of the axes but one with m levels occurs exactly once, so that main effects
            are told apart from each other. With k axes of three levels it is the regular 3^(k-1)
            fraction, with two the half fraction, of resolution k (Box, Hunter & Hunter, Statistics
            for Experimenters, 2005, chapter 6).
        ``random:N``
            N of them, drawn without repetition with the fixed seed `SEED`, in the order of the
            draw: a larger N only adds points.

    Raises
    ------
    UserError
        If these are more points than anybody runs.
    """
    name, _, count = design.partition(":")
    size = math.prod(n_levels)
    if (wanted := min(size, int(count)) if name == RANDOM else size) > MOST_POINTS:
        raise UserError(
            f"the settings make a grid of {wanted:,} points; at most {MOST_POINTS:,} are run.\n"
            "Allowed: fewer values, or --design random:N"
        )
    if name == RANDOM:
        return _draw(n_levels, int(count))
    everything = product(*map(range, n_levels))
    several = [levels for levels in n_levels if levels > 1]
    if name == FULL or len(several) < MIN_AXES:
        return list(everything)
    return [point for point in everything if sum(point) % min(several) == 0]


def _draw(n_levels: Sequence[int], count: int) -> list[tuple[int, ...]]:
    rng, size = np.random.default_rng(SEED), math.prod(n_levels)
    if size <= LISTED:
        return [_point(number, n_levels) for number in rng.permutation(size)[:count]]
    drawn: dict[tuple[int, ...], None] = {}
    while len(drawn) < min(count, size):
        drawn[tuple(rng.integers(n_levels).tolist())] = None
    return list(drawn)


def _point(number: int, n_levels: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(level) for level in np.unravel_index(number, tuple(n_levels)))
