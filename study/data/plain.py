"""Plain arrays by name out of an ``.npz`` of anybody: the one reader of such files.

What it guarantees, whatever the bytes are:

- It ends with the arrays or with a ValueError of one sentence, never otherwise.
- What the file declares is added up and held against the machine's memory before anything is made,
  and no array is made before its header and its size in the archive agree. Members are stored or
  deflated, as NumPy writes them: a byte of the file becomes 1,032 at the most.
- Arrays are booleans, numbers, times and texts; objects, records of fields and pickles are refused
  by their header. Nothing of a file is evaluated as Python.
- Checksums of members are compared; booleans are 0 or 1 and texts are characters, so that no later
  use of an array meets what NumPy itself could not have written.
"""

from __future__ import annotations

import math
import os
import re
import struct
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import IO, TypeAlias, TypeVar

import numpy as np

Source: TypeAlias = Path | IO[bytes]
Found = TypeVar("Found")

KINDS = "biufcmMSU"
LONGEST_HEADER = 10_000  # bytes; NumPy's own limit
MOST = 10_000  # arrays in a file
BLOCK = 1 << 20  # bytes read at a time
LAST_CHARACTER = 0x10FFFF

_FIELD = (
    r"""\s*['"](?P<name{0}>descr|fortran_order|shape)['"]\s*:"""
    r"""\s*(?P<value{0}>['"][^'"]{{2,24}}['"]|True|False|\([\d\s,L]*\))\s*,?"""
)
_HEADER = re.compile(r"\{" + "".join(map(_FIELD.format, range(3))) + r"\s*\}")


def names(source: Source) -> list[str]:
    """Return the names of the arrays of a file without reading them.

    Raises
    ------
    ValueError
        If it is no archive.
    OSError
        If it cannot be opened.
    """
    return _told(source, lambda archive: [name for name, _ in _members(archive)])


def read(
    source: Source, only: Collection[str] | None = None, largest: int | None = None
) -> dict[str, np.ndarray]:
    """Return the arrays of a file by name.

    Parameters
    ----------
    source
        A path or an open file.
    only
        Names to read, where they are there; by default all.
    largest
        Bytes that all arrays may take together; by default the memory of this machine.

    Raises
    ------
    ValueError
        If the file is damaged, or holds anything but plain arrays.
    OSError
        If it cannot be opened.
    """
    return _told(source, lambda archive: _arrays(archive, only, largest or memory()))


def memory() -> int:
    """Return the bytes of memory that this machine has, or 16 GiB where it does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):
        return 16 << 30


def _told(source: Source, work: Callable[[zipfile.ZipFile], Found]) -> Found:
    """Do work on an archive; whatever a damaged one raises is told as a ValueError."""
    if isinstance(source, Path):
        with source.open("rb") as stream:
            return _told(stream, work)
    try:
        with zipfile.ZipFile(source) as archive:
            return work(archive)
    except Exception as error:  # damaged archives raise errors of any type
        told = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise ValueError(f"is damaged or not an .npz of plain arrays ({told})") from None


def _members(archive: zipfile.ZipFile) -> list[tuple[str, zipfile.ZipInfo]]:
    found = [
        (entry.filename.removesuffix(".npy"), entry)
        for entry in archive.infolist()
        if entry.filename.endswith(".npy") and not entry.filename.startswith("__MACOSX/")
    ]
    if len(found) > MOST:
        raise ValueError(f"it holds {len(found):,} arrays; at most {MOST:,} are read")
    if len({name for name, _ in found}) < len(found):
        raise ValueError("two of its arrays have one name")
    return found


def _arrays(
    archive: zipfile.ZipFile, only: Collection[str] | None, largest: int
) -> dict[str, np.ndarray]:
    members = [(name, entry) for name, entry in _members(archive) if only is None or name in only]
    total = sum(entry.file_size for _, entry in members)
    if total > largest:
        raise ValueError(f"its arrays need {total:,} bytes, more than the {largest:,} allowed here")
    return {name: _array(archive, name, entry) for name, entry in members}


def _array(archive: zipfile.ZipFile, name: str, entry: zipfile.ZipInfo) -> np.ndarray:
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is packed in a way that NumPy does not write")
    with archive.open(entry) as stream:
        dtype, fortran, shape, start = _header(stream, name)
        count = math.prod(shape)
        if start + count * dtype.itemsize != entry.file_size:
            raise ValueError(f"{name} does not have the size that its header tells")
        values = _values(stream, dtype, count)
    check_values(values, name)
    return values.reshape(shape[::-1]).T if fortran else values.reshape(shape)


def _header(stream: IO[bytes], name: str) -> tuple[np.dtype, bool, tuple[int, ...], int]:
    """Return type, order and shape of an array, and where its values begin."""
    start = stream.read(8)
    if len(start) < 8 or start[:6] != b"\x93NUMPY" or start[6] not in (1, 2, 3):
        raise ValueError(f"{name} is no array")
    form = "<H" if start[6] == 1 else "<I"
    (length,) = struct.unpack(form, stream.read(struct.calcsize(form)))
    if length > LONGEST_HEADER:
        raise ValueError(f"the header of {name} has {length:,} bytes")
    text = " ".join(stream.read(length).decode("latin-1").split())
    found = _HEADER.fullmatch(text)
    if found is None:
        raise ValueError(f"{name} is no plain array, or its header is damaged")
    told = {found[f"name{number}"]: found[f"value{number}"] for number in range(3)}
    dtype = np.dtype(told["descr"][1:-1])
    if dtype.kind not in KINDS:
        raise ValueError(f"{name} holds {dtype}, which is not plain")
    shape = tuple(int(size.rstrip("L")) for size in re.findall(r"\d+L?", told["shape"]))
    return dtype, told["fortran_order"] == "True", shape, 8 + struct.calcsize(form) + length


def _values(stream: IO[bytes], dtype: np.dtype, count: int) -> np.ndarray:
    """Return an array of its own memory; it is filled as far as the file truly goes."""
    values = np.empty(count, dtype)
    target = values.view(np.uint8).data if values.nbytes else memoryview(b"")
    for at in range(0, len(target), BLOCK):
        block = stream.read(min(BLOCK, len(target) - at))
        target[at : at + len(block)] = block
        if len(block) < min(BLOCK, len(target) - at):
            raise ValueError("it ends too early")
    if stream.read():  # and so the checksum is compared
        raise ValueError("it goes on behind its end")
    return values


def check_values(values: np.ndarray, name: str) -> None:
    """Refuse bytes that are no value of an array's type.

    Raises
    ------
    ValueError
        For booleans other than 0 and 1, and texts of what are no characters.
    """
    if values.dtype.kind == "b" and values.size and values.view(np.uint8).max() > 1:
        raise ValueError(f"{name} holds booleans that are neither 0 nor 1")
    if values.dtype.kind == "U" and values.nbytes:
        letters = values.view(values.dtype.str[0] + "u4")
        if letters.max() > LAST_CHARACTER or ((letters >> 11) == 0x1B).any():
            raise ValueError(f"{name} holds texts of what are no characters")
