"""Large arrays whose memory is used again, on huge pages where the system has them.

A training step needs the same tens of megabytes over and over. Taken from the system each time
they cost a page fault per 4 KB, which is as much as the computation; scattered over small pages
they cost misses of the address cache, differently in every process.

Guaranteed, whichever threads take and give back: memory that waits to be used again is never more
than `SPARE` times the most that was in use at once during the last `RECENT` requests, blocks of the
size that was asked for longest ago go first, and `release` gives all that waits to the system. What
is in use is never given back, and never handed out twice.
"""

from __future__ import annotations

import mmap
import weakref
from collections import deque
from itertools import count
from math import prod

import numpy as np

HUGE_PAGE = 2 << 20
SMALL = HUGE_PAGE // 8
"""Arrays of fewer bytes come from numpy."""

LINE = 64
"""Bytes of a cache line. A vector that lies across two takes twice as long to load."""

RECENT = 256
"""Requests over which it is known how much is in use at once: about ten training steps."""

SPARE = 1.25
"""Memory that waits, as a multiple of what was in use at once: phases of a step differ in sizes."""

# Each operation on these is one of CPython's that no other thread, and no finalizer, interrupts.
_free: dict[int, list[np.ndarray]] = {}
_in_use: dict[int, int] = {}  # pages by the number of the request
_most: deque[int] = deque(maxlen=RECENT)  # pages in use at each of the last requests
_asked: dict[int, int] = {}  # the last request for blocks of so many pages
_numbers = count()


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
    number, block = _taken(-(-count * kind.itemsize // HUGE_PAGE))
    array = np.frombuffer(block.data, kind, count)
    weakref.finalize(array, _give_back, number, block).atexit = False
    return array.reshape(shape)


def zeros(shape: int | tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
    """Return an array of zeros; see `empty`."""
    array = empty(shape, dtype)
    array.fill(0)
    return array


def release() -> None:
    """Give the memory that waits to be used again to the system."""
    for blocks in list(_free.values()):
        blocks.clear()
    _most.clear()


def _taken(n_pages: int) -> tuple[int, np.ndarray]:
    """Return the number of a request for a block, and the block: a used one or a new one."""
    number = next(_numbers)
    _in_use[number], _asked[n_pages] = n_pages, number
    _most.append(sum(list(_in_use.values())))
    try:
        return number, _free[n_pages].pop()
    except LookupError:
        _keep_within(SPARE * max(list(_most)) - n_pages)
        return number, _aligned(n_pages * HUGE_PAGE)


def _give_back(number: int, block: np.ndarray) -> None:
    """Let a block wait for the next request of its size, and send away what is too much."""
    n_pages = _in_use.pop(number)
    _free.setdefault(n_pages, []).append(block)
    _keep_within(SPARE * max(list(_most), default=0))


def _keep_within(n_pages: float) -> None:
    """Give blocks to the system, sizes asked for longest ago first, until so many pages wait."""
    waiting = sum(size * len(blocks) for size, blocks in list(_free.items()))
    if waiting <= n_pages:
        return
    for size in sorted(_free.copy(), key=lambda size: _asked.get(size, -1)):
        blocks = _free.pop(size, [])
        while blocks and waiting > n_pages:
            blocks.pop()
            waiting -= size
        if blocks:
            _free.setdefault(size, []).extend(blocks)
            return
        _asked.pop(size, None)


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
