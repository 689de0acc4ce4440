"""Peak memory is that of the measured block, whatever ran before it in the process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from study.trials import measure
from study.trials.measure import held_mb, machine_mb, measured


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


def test_a_processor_is_timed_while_it_works_and_in_children_too() -> None:
    with measured() as asleep:
        time.sleep(0.2)
    work = "sum(range(10_000_000))"
    with measured() as busy:
        subprocess.run([sys.executable, "-c", work], check=True)
    assert asleep.cpu_seconds < 0.1
    assert 0.02 <= busy.cpu_seconds <= busy.seconds + 0.02


def test_memory_held_grows_with_what_is_taken() -> None:
    before = held_mb(os.getpid())
    if before is None:
        pytest.skip("this system does not tell the memory of a process")
    taken = np.ones(50 * 2**20 // 8)
    after = held_mb(os.getpid())
    assert after is not None
    assert 45 < after - before < 60
    assert taken.sum() == len(taken)
    assert held_mb(999_999_999) is None


@pytest.mark.parametrize(
    ("limits", "expected"),
    [([], 2**30), (["1048576"], 1.0), (["max", "3145728"], 3.0), ([str(2**62)], 2**30)],
)
def test_a_control_group_may_allow_less_than_the_machine_has(
    tmp_path: Path, monkeypatch, limits: list[str], expected: float
) -> None:
    paths = [tmp_path / "absent"]
    for number, text in enumerate(limits):
        paths.append(tmp_path / str(number))
        paths[-1].write_text(text)
    monkeypatch.setattr(measure, "_control_group_limits", lambda: iter(paths))
    monkeypatch.setattr(os, "sysconf", lambda name: 2**30 if name == "SC_PHYS_PAGES" else 2**20)
    assert machine_mb() == expected


def test_limits_are_looked_for_in_the_group_and_those_above(monkeypatch) -> None:
    groups = "4:memory:/jobs/7\n3:cpu:/\n0::/user/session\n"
    monkeypatch.setattr(Path, "read_text", lambda _path: groups)
    assert [str(path) for path in measure._control_group_limits()] == [
        "/sys/fs/cgroup/memory/jobs/7/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/jobs/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/user/session/memory.max",
        "/sys/fs/cgroup/user/memory.max",
        "/sys/fs/cgroup/memory.max",
    ]
