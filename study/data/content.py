"""A digest of what a data set holds, whatever its files are called and say of themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from study.data.samples import Dataset


def content(dataset: Dataset) -> str:
    """Return the SHA-256 over all arrays and numbers of the three parts of a data set."""
    digest = hashlib.sha256()
    for piece in _pieces((dataset.train, dataset.validation, dataset.test)):
        digest.update(piece)
    return digest.hexdigest()


def _pieces(value: Any) -> Iterator[bytes]:
    if isinstance(value, np.ndarray) and value.dtype != object:
        yield f"{value.dtype.str}{value.shape}".encode()
        yield np.ascontiguousarray(value).tobytes()
    elif isinstance(value, np.ndarray | tuple | list):
        for item in value:
            yield from _pieces(item)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _pieces(getattr(value, field.name))
    else:
        yield repr(value).encode()
