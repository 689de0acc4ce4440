"""Time and peak memory of a piece of work; memory of a process and of the machine."""

from __future__ import annotations

import ctypes
import gc
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Cost:
    """Filled when the measured block ends.

    Parameters
    ----------
    seconds
        Wall-clock seconds.
    cpu_seconds
        Seconds of processors, all threads and ended child processes together, to a hundredth; it
        hardly depends on what else the machine does.
    peak_memory_mb
        Peak resident memory above what the process held when the block began, in MB; None where
        the system cannot say (only Linux with glibc can reset the peak).
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_mb: float | None = None


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure the block; libraries should be imported before it, so that they do not count."""
    cost = Cost()
    before_kb = _reset_peak_kb()
    started, cpu_before = time.perf_counter(), _cpu_seconds()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - started
        cost.cpu_seconds = _cpu_seconds() - cpu_before
        if before_kb is not None:
            cost.peak_memory_mb = max(0, _status_kb("VmHWM") - before_kb) / 1024


def _cpu_seconds() -> float:
    user, system, of_children, of_children_in_system, _ = os.times()
    return user + system + of_children + of_children_in_system


def _reset_peak_kb() -> int | None:
    gc.collect()
    try:
        # Memory that an earlier trial freed but the allocator kept would hide what this one needs.
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        return None
    try:
        Path("/proc/self/clear_refs").write_text("5")
        return _status_kb("VmRSS")
    except (OSError, ValueError):
        return None


def held_mb(pid: int) -> float | None:
    """Return the resident memory of a process in MB without mapped files, which can be dropped.

    None where the system does not say (it is not Linux, or the process is gone).
    """
    try:
        return (_status_kb("RssAnon", pid) + _status_kb("RssShmem", pid)) / 1024
    except (OSError, ValueError):
        return None


def machine_mb() -> float | None:
    """Return the memory of this machine in MB, or of its control group if that allows less."""
    try:
        sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, ValueError):
        return None
    for path in _control_group_limits():
        try:
            sizes.append(int(path.read_text()))
        except (OSError, ValueError):  # absent, or "max"
            continue
    return min(sizes) / 2**20


def _control_group_limits() -> Iterator[Path]:
    """Yield the files that may limit memory: version 2 and 1, of this group and those above."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            root, name = Path("/sys/fs/cgroup"), "memory.max"
        elif "memory" in controllers.split(","):
            root, name = Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"
        else:
            continue
        here = Path(group.lstrip("/"))
        for folder in (here, *here.parents):
            yield root / folder / name


def _status_kb(field: str, pid: int | str = "self") -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise ValueError(f"/proc/{pid}/status has no {field}")
