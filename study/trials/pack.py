"""A run in one file: records and arrays of all its trials, small enough to be kept with the code.

``trials.zip`` lies beside the folder ``trials`` and is read into it where that lacks a trial, so
that anybody can render the report, or go on with the run. Whole files that trials left, such as
trained networks, are not packed; the record says so.

A packed run may come from anybody. Before anything of it is written, its names, their number and
the sizes that it tells of are held against what a run can have and what the disk has room for; a
member becomes no larger than it tells, and is written only if it is the record that its name says,
or plain arrays of one. `pack` keeps the same limits, so that what it writes is read.
"""

from __future__ import annotations

import errno
import io
import json
import re
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from study.data import plain
from study.data.fetch import UNPACKING_ERRORS
from study.errors import UserError
from study.trials import reading
from study.trials.store import told_when_unusable, write_atomic
from study.trials.trial import CANONICAL, canonical_hash

PACKED = "trials.zip"
MEMBER = re.compile(r"[0-9a-f]{16}\.(json|npz)")
LARGEST = 1 << 30  # bytes of an unpacked file; a small archive can hold any number of zeros
JSON, ARRAYS = ".json", ".npz"
MOST = 200_000  # files of a packed run
RATIO, SLACK = 200, 64 << 20  # records and arrays that are packed already become no larger
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same trials give the same bytes


def pack(out: Path) -> Path:
    """Write ``trials.zip`` of the run in ``out`` and return its path.

    Raises
    ------
    UserError
        If no trial is kept there.
    """
    records = sorted(path for path in (out / "trials").glob("*.json") if MEMBER.match(path.name))
    if not records:
        raise UserError(f"no trial is kept in {out / 'trials'}: there is nothing to pack")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in records:
            for name, content in _packable(path).items():
                _add(archive, name, content)
        _check_names(out / PACKED, archive.namelist())
        _check_sizes(out / PACKED, archive.infolist(), buffer.tell())
    with told_when_unusable(out):
        write_atomic(out / PACKED, buffer.getvalue())
    return out / PACKED


def unpack(out: Path) -> int:
    """Put the packed trials that ``trials`` lacks there; return how many.

    Arrays come before their record, so that a record is whole or absent; what is no record of its
    trial, or has arrays that cannot be read, counts as absent here as it does in a store.

    Raises
    ------
    UserError
        If the file is damaged, or holds something else, or more than a run or the disk has.
    """
    source, folder = out / PACKED, out / "trials"
    if not source.exists():
        return 0
    try:
        with zipfile.ZipFile(source) as archive:
            _check_names(source, archive.namelist())
            lacking = _lacking(archive, folder, source)
            _check_room(out, sum(archive.getinfo(name).file_size for name in lacking))
            folder.mkdir(parents=True, exist_ok=True)
            return sum(_unpacked(archive, name, folder) for name in lacking if name.endswith(JSON))
    except OSError as problem:
        if problem.errno != errno.EINVAL:  # which a place before the file's beginning is
            raise
        raise _damaged(source, problem) from None
    except UNPACKING_ERRORS as problem:
        raise _damaged(source, problem) from None


def _damaged(source: Path, problem: Exception) -> UserError:
    return UserError(
        f"{source} is damaged ({problem}). Get it again, or remove it and run the trials anew."
    )


def _lacking(archive: zipfile.ZipFile, folder: Path, source: Path) -> list[str]:
    """Return the names of records that are lacking, and of their arrays."""
    size = source.stat().st_size
    names = [n for n in archive.namelist() if n.endswith(JSON) and not (folder / n).exists()]
    _check_sizes(source, [archive.getinfo(name) for name in names], size)
    records = {name for name in names if _is_whole(name, archive.read(name))}
    wanted = records | {name.replace(JSON, ARRAYS) for name in records}
    found = [name for name in archive.namelist() if name in wanted]
    _check_sizes(source, [archive.getinfo(name) for name in found], size)
    return found


def _unpacked(archive: zipfile.ZipFile, name: str, folder: Path) -> bool:
    """Write a record, its arrays first; return whether both are whole."""
    arrays = name.replace(JSON, ARRAYS)
    if arrays in archive.NameToInfo:
        content = archive.read(arrays)
        if not _is_whole(arrays, content):
            return False
        write_atomic(folder / arrays, content)
    write_atomic(folder / name, archive.read(name))
    return True


def _check_names(source: Path, names: Sequence[str]) -> None:
    if foreign := [name for name in names if not MEMBER.fullmatch(name)]:
        raise UserError(f"{source} holds {foreign[0]!r}, which is no record of a trial")
    if len(names) > min(MOST, len(set(names))):
        raise UserError(f"{source} holds {len(names):,} files; at most {MOST:,} of as many names")


def _check_sizes(source: Path, members: Sequence[zipfile.ZipInfo], size: int) -> None:
    """Refuse members of an archive of ``size`` bytes that no run has, by what it tells of them."""
    if large := [member.filename for member in members if member.file_size > LARGEST]:
        raise UserError(f"{source} holds {large[0]!r} of more than {LARGEST} bytes")
    if (total := sum(member.file_size for member in members)) > RATIO * size + SLACK:
        raise UserError(f"{source} of {size:,} bytes would become {total:,} bytes: no run does")


def _check_room(out: Path, total: int) -> None:
    free = shutil.disk_usage(out).free
    if total > free:
        raise UserError(f"{out / PACKED} needs {total:,} bytes, and {out} has {free:,} left")


def _packable(path: Path) -> dict[str, bytes]:
    """Return a record and its arrays by name; nothing of what the store could not read."""
    arrays = path.with_suffix(ARRAYS)
    try:
        found = {path.name: _without_files(reading.entry_at(path))}
        if arrays.exists():
            found[arrays.name] = arrays.read_bytes()
    except (ValueError, PermissionError, IsADirectoryError):
        return {}
    return found if all(map(_is_whole, found, found.values())) else {}


def _is_whole(name: str, content: bytes) -> bool:
    """Whether this is the record of the trial of this name, or arrays that can be read."""
    try:
        if name.endswith(ARRAYS):
            plain.read(io.BytesIO(content), largest=LARGEST)
            return True
        entry = reading.checked(reading.parsed(content))
        return canonical_hash({key: entry[key] for key in CANONICAL}) == Path(name).stem
    except ValueError:
        return False


def _without_files(entry: dict[str, Any]) -> bytes:
    provenance = entry["provenance"]
    left_out = sorted({*provenance.pop("files", ()), *provenance.pop("files_left_out", ())})
    entry["provenance"] = provenance | {"files": [], "files_left_out": left_out}
    return json.dumps(entry, indent=1, allow_nan=False).encode()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)
