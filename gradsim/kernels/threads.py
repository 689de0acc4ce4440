"""Threads for the compiled loops, which hold no lock of Python's, and PyTorch's beside them.

Guaranteed: a process has at most `MORE` threads more than the machine has processors, whatever
numbers of parts were asked for, and `lent_by_torch` leaves PyTorch's number of threads as it was,
also where several threads enter it at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from itertools import pairwise
from typing import TypeVar

import torch

from gradsim.kernels.orders import GROUP

Part = TypeVar("Part")

MORE = 4
"""Threads beyond processors: so many parts of one call may wait while others run."""

_borrowers: dict[object, int] = {}  # PyTorch's number of threads before, of each who borrows

_lent: ContextVar[int | None] = ContextVar("_lent", default=None)


def in_parallel(work: Callable[[int, int], Part], n_samples: int) -> list[Part]:
    """Return ``work(first, last)`` of as many runs of whole groups as there are threads."""
    n_groups = -(-n_samples // GROUP)
    n_parts = min(_lent.get() or torch.get_num_threads(), n_groups)
    if n_parts <= 1:
        return [work(0, n_samples)]
    edges = [min(n_groups * k // n_parts * GROUP, n_samples) for k in range(n_parts + 1)]
    own, *others = pairwise(edges)
    waiting = [_pool(os.getpid()).submit(work, *edge) for edge in others]
    return [work(*own), *(future.result() for future in waiting)]


@cache
def _pool(_process: int) -> ThreadPoolExecutor:
    """Return threads that stay, since starting them takes as long as a small layer.

    They start one by one when there is work for them. A forked process has none of its parent's.
    """
    return ThreadPoolExecutor((os.cpu_count() or 1) + MORE)


@contextmanager
def lent_by_torch() -> Iterator[None]:
    """Let the loops use as many threads as PyTorch has, whose operations keep to one meanwhile.

    PyTorch's threads spin for milliseconds behind every operation that they share, on the cores
    that the loops want next.
    """
    key, before = object(), torch.get_num_threads()
    if before == 1 and _lent.get() is None:
        # A thread that is new begins with what another, which borrows, has just set for itself.
        before = next(iter(list(_borrowers.values())), 1)
    _borrowers[key] = before
    token = _lent.set(_lent.get() or before)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        _lent.reset(token)
        del _borrowers[key]
