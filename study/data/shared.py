"""One decoded copy of each data set for all processes of this machine, as files that they map.

The files live as long as a run: nothing can be stale. Beside the memory of each array as it is lies
a JSON that says what the arrays are. Others may write where a store lies: nothing of the files is
run, what the JSON tells is checked against the files, and a data set that is not as it was written
counts as not shared.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import mmap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from study.data import plain, samples
from study.data.reference import DatasetRef
from study.data.samples import Dataset
from study.data.task import Classes, Signals, Symbols

MANIFEST = "dataset.json"
KINDS = {kind.__name__: kind for kind in (samples.Images, samples.Events, samples.Traces)}
TASKS = {task.__name__: task for task in (Classes, Symbols, Signals)}
PARTS = ("train", "validation", "test")


def share(ref: DatasetRef, dataset: Dataset, folder: Path) -> None:
    """Write a data set for `find`, unless it holds what only its own loader can make."""
    arrays: list[np.ndarray] = []
    try:
        content = json.dumps(_told(dataset, arrays))
    except (KeyError, TypeError):  # of a plug-in: a kind of its own, or arrays of objects
        return
    own = _place(ref, folder)
    own.mkdir(parents=True, mode=0o700)
    for number, values in enumerate(arrays):
        (own / f"{number}.bin").write_bytes(np.ascontiguousarray(values).data)
    (own / MANIFEST).write_text(content)


def find(ref: DatasetRef, folder: Path) -> Dataset | None:
    """Return a data set whose arrays are the shared files, or None where it was not shared.

    Arrays can be written to, and then are copied page by page; the files do not change.
    """
    own = _place(ref, folder)
    try:
        told = json.loads((own / MANIFEST).read_bytes())
        return _dataset(told, own)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # it was shared on another host, or is not as it was written


def _place(ref: DatasetRef, folder: Path) -> Path:
    return folder / hashlib.sha256(repr(ref).encode()).hexdigest()[:16]


def _told(dataset: Dataset, arrays: list[np.ndarray]) -> dict[str, Any]:
    """Return a data set as JSON values; arrays are put beside it and told of by their place."""
    about = {key: _array_told(values, arrays) for key, values in dataset.about_test.items()}
    return {
        "name": dataset.name,
        "source": dataset.source,
        "checksum": dataset.checksum,
        "task": _fields_told(dataset.task, TASKS, arrays),
        "about_test": about,
        **{part: _fields_told(getattr(dataset, part), KINDS, arrays) for part in PARTS},
    }


def _fields_told(value: Any, kinds: Mapping[str, type], arrays: list[np.ndarray]) -> list[Any]:
    kind = type(value)
    if kinds[kind.__name__] is not kind:
        raise KeyError(kind)
    told = {field.name: getattr(value, field.name) for field in dataclasses.fields(kind)}
    return [
        kind.__name__,
        {
            name: _array_told(one, arrays) if isinstance(one, np.ndarray) else one
            for name, one in told.items()
        },
    ]


def _array_told(values: np.ndarray, arrays: list[np.ndarray]) -> dict[str, Any]:
    if values.dtype.kind not in plain.KINDS:
        raise TypeError(f"{values.dtype} is not plain")
    arrays.append(values)
    return {"file": len(arrays) - 1, "dtype": values.dtype.str, "shape": values.shape}


def _dataset(told: Mapping[str, Any], own: Path) -> Dataset:
    parts = {part: _made(told[part], KINDS, own) for part in PARTS}
    about = {key: _mapped(one, own) for key, one in told["about_test"].items()}
    return Dataset(
        name=str(told["name"]),
        **parts,
        task=_made(told["task"], TASKS, own),
        source=str(told["source"]),
        checksum=str(told["checksum"]),
        about_test=about,
    )


def _made(told: Sequence[Any], kinds: Mapping[str, type], own: Path) -> Any:
    name, fields = told
    return kinds[name](**{key: _value(one, own) for key, one in fields.items()})


def _value(told: Any, own: Path) -> Any:
    if isinstance(told, dict):
        return _mapped(told, own)
    return tuple(told) if isinstance(told, list) else told


def _mapped(told: Mapping[str, Any], own: Path) -> np.ndarray:
    """Return the array in a file, in memory that is written to in copies of its pages."""
    dtype, shape = np.dtype(told["dtype"]), tuple(map(int, told["shape"]))
    path = own / f"{int(told['file'])}.bin"
    size = math.prod(shape) * dtype.itemsize
    if dtype.kind not in plain.KINDS or path.stat().st_size != size:
        raise ValueError(f"{path} is not the array that was shared")
    if not size:
        return np.empty(shape, dtype)
    with path.open("rb") as stream:
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
    # Data count as there before training is measured, and not as memory that training takes.
    np.frombuffer(mapped, np.uint8)[:: mmap.PAGESIZE].max()
    return np.frombuffer(mapped, dtype).reshape(shape)
