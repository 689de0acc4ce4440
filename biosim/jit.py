"""Compilation by Numba: kept where a folder can be written, done anew where none can.

What it guarantees: a package folder that is read-only, or a user without a home, costs time in each
process, never the import.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(**options: Any) -> Callable[[Callable], Callable]:
    """Return a decorator that compiles a function for plain arrays, without Python's lock."""
    options = {"nogil": True, "error_model": "numpy", **options}

    def decorate(function: Callable) -> Callable:
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:  # Numba finds no place for its cache
            return numba.njit(**options)(function)

    return decorate
