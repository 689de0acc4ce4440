"""Seconds and peak memory of a piece of work."""

from __future__ import annotations

import ctypes
import gc
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
    peak_memory_mb
        Peak resident memory above what the process held when the block began, in MB; None where
        the system cannot say (only Linux with glibc can reset the peak).
    """

    seconds: float = 0.0
    peak_memory_mb: float | None = None


@contextmanager
def measured() -> Iterator[Cost]:
    """Measure the block; libraries should be imported before it, so that they do not count."""
    cost = Cost()
    before_kb = _reset_peak_kb()
    started = time.perf_counter()
    try:
        yield cost
    finally:
        cost.seconds = time.perf_counter() - started
        if before_kb is not None:
            cost.peak_memory_mb = max(0, _status_kb("VmHWM") - before_kb) / 1024


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


def _status_kb(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    raise ValueError(f"/proc/self/status has no {field}")
