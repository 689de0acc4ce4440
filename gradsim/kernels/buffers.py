"""Large arrays whose memory is used again, on huge pages where the system has them.

A training step needs the same tens of megabytes over and over. Taken from the system each time
they cost a page fault per 4 KB, which is as much as the computation; scattered over small pages
they cost misses of the address cache, differently in every process.
"""

from __future__ import annotations

import mmap
import weakref
from math import prod

import numpy as np

HUGE_PAGE = 2 << 20
SMALL = HUGE_PAGE // 8
"""Arrays of fewer bytes come from numpy."""

LINE = 64
"""Bytes of a cache line. A vector that lies across two takes twice as long to load."""

_free: dict[int, list[np.ndarray]] = {}


def index_type(limit: int) -> type[np.signedinteger]:
    """Return the smallest of int16, int32 and int64 that holds 0 to ``limit - 1``."""
    return np.int16 if limit <= 2**15 else np.int32 if limit <= 2**31 else np.int64


def empty(shape: int | tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
    """Return an array of undefined content; its memory goes back when nothing refers to it."""
    kind = np.dtype(dtype)
    count = shape if isinstance(shape, int) else prod(shape)
    if count * kind.itemsize < SMALL:
        room = np.empty(count * kind.itemsize + LINE, np.uint8)
        skip = -room.ctypes.data % LINE
        return np.frombuffer(room.data, kind, count, skip).reshape(shape)
    n_pages = -(-count * kind.itemsize // HUGE_PAGE)
    waiting = _free.setdefault(n_pages, [])
    try:
        block = waiting.pop()
    except IndexError:
        block = _aligned(n_pages * HUGE_PAGE)
    array = np.frombuffer(block.data, kind, count)
    weakref.finalize(array, waiting.append, block).atexit = False
    return array.reshape(shape)


def zeros(shape: int | tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
    """Return an array of zeros; see `empty`."""
    array = empty(shape, dtype)
    array.fill(0)
    return array


def _aligned(n_bytes: int) -> np.ndarray:
    if hasattr(mmap, "MADV_HUGEPAGE"):
        # Python maps shared memory unless told otherwise, which as a rule never gets huge pages.
        private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        memory = mmap.mmap(-1, n_bytes + HUGE_PAGE, flags=private)
        memory.madvise(mmap.MADV_HUGEPAGE)
    else:
        memory = mmap.mmap(-1, n_bytes + HUGE_PAGE)
    raw = np.frombuffer(memory, np.uint8)
    skip = -raw.ctypes.data % HUGE_PAGE
    return raw[skip : skip + n_bytes]
