"""Pickles from strangers: numpy arrays and plain containers, nothing that could run code."""

from __future__ import annotations

import pickle
from typing import IO, Any

import numpy as np

_RECONSTRUCT = np.empty(0).__reduce__()[0]
_SCALAR = np.float64(0).__reduce__()[0]

# numpy renamed its module "core" in version 2; files keep the name of their time.
ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    **{
        (f"numpy.{core}.multiarray", name): function
        for core in ("core", "_core")
        for name, function in (("_reconstruct", _RECONSTRUCT), ("scalar", _SCALAR))
    },
}


def load(stream: IO[bytes]) -> Any:
    """Return what a pickle holds: numbers, text, lists, tuples, dicts and numpy arrays.

    Raises
    ------
    ValueError
        If it asks for anything else, which is then not even imported, or is damaged.
    """
    try:
        return _PlainUnpickler(stream).load()
    except _ForeignNameError:
        raise
    except Exception as error:  # damaged pickles raise errors of any type
        raise ValueError(f"is a damaged pickle ({type(error).__name__}: {error})") from None


class _ForeignNameError(ValueError):
    pass


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in ALLOWED:
            return ALLOWED[module, name]
        raise _ForeignNameError(
            f"asks for {module}.{name}, but only numpy arrays and plain containers are read"
        )
