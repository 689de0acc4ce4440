"""Writes columns of an HDF5 file as ``.npy`` files: the other process of `study.data.hdf5`.

It is run as a file, and imports nothing of the project. The HDF5 file comes on standard input, what
is wanted of it as the only argument, JSON; why it is refused goes to standard output.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

BLOCK = 512  # samples read at a time
FILTERS = {1, 2, 3, 32000}  # deflate, shuffle, checksum, LZF: what is part of HDF5 and h5py


def main(text: str) -> None:
    """Read, write, or print why not."""
    asked = json.loads(text)
    _limit(asked["largest"])
    try:
        with h5py.File(sys.stdin.buffer, "r") as file:
            columns = _columns(file, asked["lists"], asked["numbers"])
            for number, (name, column) in enumerate(columns.items()):
                folder = Path(asked["folder"])
                values, counts = _read(column, name in asked["lists"], asked["largest"])
                np.save(folder / f"{number}.values.npy", values, allow_pickle=False)
                np.save(folder / f"{number}.counts.npy", counts, allow_pickle=False)
    except Exception as problem:  # damaged files raise errors of any type
        told = (
            str(problem) if type(problem) is ValueError else f"{type(problem).__name__}: {problem}"
        )
        sys.stdout.write(told[:1000])
        sys.exit(1)


def _limit(largest: int) -> None:
    """Let no allocation take more than the file may need, whatever a damaged length asks for."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        room = 2 * largest + (4 << 30)  # for values, their file, and the libraries
        resource.setrlimit(resource.RLIMIT_AS, (room, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _columns(
    file: h5py.File, lists: Mapping[str, str], numbers: Mapping[str, str]
) -> dict[str, h5py.Dataset]:
    """Return the wanted columns, each in the file itself and of the right type."""
    columns = {name: _own(file, name) for name in [*lists, *numbers]}
    for name, column in columns.items():
        kinds = lists.get(name) or numbers[name]
        dtype = h5py.check_vlen_dtype(column.dtype) if name in lists else column.dtype
        if column.ndim != 1 or dtype is None or np.dtype(dtype).kind not in kinds:
            number = "floating point" if kinds == "f" else "whole"
            row = f"a list of {number} numbers a sample" if name in lists else f"{number} numbers"
            raise ValueError(f"{name} must hold {row}, not {column.dtype} {list(column.shape)}")
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        raise ValueError(f"numbers of samples must be equal and not 0: {lengths}")
    return columns


def _own(file: h5py.File, name: str) -> h5py.Dataset:
    """Return a data set whose content lies in this file and needs no code from elsewhere."""
    place: Any = file
    for part in name.split("/"):
        link = place.get(part, getlink=True) if isinstance(place, h5py.Group) else None
        if link is None:
            raise ValueError(f"it has no {name}")
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{name} is a link to something else")
        place = place[part]
    if not isinstance(place, h5py.Dataset):
        raise ValueError(f"it has no {name}")
    stored = place.id.get_create_plist()
    if stored.get_external_count() or place.is_virtual:
        raise ValueError(f"the content of {name} lies in other files")
    if not {stored.get_filter(n)[0] for n in range(stored.get_nfilters())} <= FILTERS:
        raise ValueError(f"{name} is packed by a filter that is not part of HDF5")
    return place


def _read(column: h5py.Dataset, is_list: bool, largest: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all values of a column, and how many each sample has."""
    counts = np.ones(0, np.int64)
    if not is_list:
        _check_size(len(column) * column.dtype.itemsize, largest)
        return column[:], counts
    _check_size(len(column) * 8, largest)
    parts, size = [np.empty(0, h5py.check_vlen_dtype(column.dtype))], 0
    lengths = []
    for rows in _blocks(column):
        lengths += [len(row) for row in rows]
        parts.append(np.concatenate([parts[0], *rows]))
        size += parts[-1].nbytes
        _check_size(size, largest)
    return np.concatenate(parts), np.array(lengths, np.int64)


def _blocks(column: h5py.Dataset) -> Iterator[np.ndarray]:
    for start in range(0, len(column), BLOCK):
        yield column[start : start + BLOCK]


def _check_size(size: int, largest: int) -> None:
    if size > largest:
        raise ValueError(f"its columns need more than the {largest} bytes allowed here")


if __name__ == "__main__":
    main(sys.argv[1])
