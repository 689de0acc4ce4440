"""Peak memory is that of the measured block, whatever ran before it in the process."""

from __future__ import annotations

import time

import numpy as np
import pytest

from study.measure import measured


def peak(megabytes: int) -> float:
    with measured() as cost:
        parts = [np.ones(125_000) for _ in range(megabytes)]
        del parts
    if cost.peak_memory_mb is None:
        pytest.skip("this system cannot reset its memory peak")
    return cost.peak_memory_mb


def test_peak_memory_does_not_depend_on_what_ran_before() -> None:
    first, second, small = peak(200), peak(200), peak(20)
    assert 180 < first < 230
    assert 180 < second < 230
    assert small < 50


def test_seconds_are_wall_time() -> None:
    with measured() as cost:
        time.sleep(0.05)
    assert 0.05 <= cost.seconds < 1.0
