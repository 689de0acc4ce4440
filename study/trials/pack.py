"""A run in one file: records and arrays of all its trials, small enough to be kept with the code.

``trials.zip`` lies beside the folder ``trials`` and is read into it where that lacks a trial, so
that anybody can render the report, or go on with the run. Whole files that trials left, such as
trained networks, are not packed; the record says so.

A packed run may come from anybody. Before anything of it is written, its names, their number and
the sizes that it tells of are held against what a run can have and what the disk has room for; a
member becomes no larger than it tells, and is written only if it is a record or plain arrays, as
the readers of the store want them. `pack` keeps the same limits, so that what it writes is read.
"""

from __future__ import annotations

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

PACKED = "trials.zip"
MEMBER = re.compile(r"[0-9a-f]{16}\.(json|npz)")
LARGEST = 1 << 30  # bytes of an unpacked file; a small archive can hold any number of zeros
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
        _check_sizes(out / PACKED, archive.infolist(), buffer.tell())
    with told_when_unusable(out):
        write_atomic(out / PACKED, buffer.getvalue())
    return out / PACKED


def unpack(out: Path) -> int:
    """Put the packed trials that ``trials`` lacks there; return how many.

    Arrays come before their record, so that a record is whole or absent.

    Raises
    ------
    UserError
        If the file is damaged, or holds something else or a file too large.
    """
    source, folder = out / PACKED, out / "trials"
    if not source.exists():
        return 0
    try:
        with zipfile.ZipFile(source) as archive:
            names = archive.namelist()
            _check_sizes(source, archive.infolist(), source.stat().st_size)
            _check_room(out, sum(entry.file_size for entry in archive.infolist()))
            lacking = [
                name for name in names if name.endswith(".json") and not (folder / name).exists()
            ]
            folder.mkdir(parents=True, exist_ok=True)
            for name in lacking:
                arrays = name.replace(".json", ".npz")
                for member in (arrays, name) if arrays in names else (name,):
                    content = archive.read(member)
                    _check(member, content)
                    write_atomic(folder / member, content)
    except (*UNPACKING_ERRORS, ValueError, NotImplementedError) as problem:
        raise UserError(
            f"{source} is damaged ({problem}). Get it again, or remove it and run the trials anew."
        ) from None
    return len(lacking)


def _check_sizes(source: Path, members: Sequence[zipfile.ZipInfo], size: int) -> None:
    """Refuse an archive of ``size`` bytes whose members no run has, by what it tells of them."""
    names = {member.filename for member in members}
    if foreign := sorted(name for name in names if not MEMBER.fullmatch(name)):
        raise UserError(f"{source} holds {foreign[0]!r}, which is no record of a trial")
    if large := [member.filename for member in members if member.file_size > LARGEST]:
        raise UserError(f"{source} holds {large[0]!r} of more than {LARGEST} bytes")
    if len(members) > min(MOST, len(names)):
        raise UserError(f"{source} holds {len(members):,} files; at most {MOST:,} of as many names")
    if (total := sum(member.file_size for member in members)) > RATIO * size + SLACK:
        raise UserError(f"{source} of {size:,} bytes would become {total:,} bytes: no run does")


def _check_room(out: Path, total: int) -> None:
    free = shutil.disk_usage(out).free
    if total > free:
        raise UserError(f"{out / PACKED} needs {total:,} bytes, and {out} has {free:,} left")


def _packable(path: Path) -> dict[str, bytes]:
    """Return a record and its arrays by name; nothing of what the store could not read."""
    arrays = path.with_suffix(".npz")
    try:
        found = {path.name: _without_files(reading.entry_at(path))}
        if arrays.exists():
            found[arrays.name] = arrays.read_bytes()
            _check(arrays.name, found[arrays.name])
    except (ValueError, PermissionError, IsADirectoryError):
        return {}
    return found


def _check(name: str, content: bytes) -> None:
    """Refuse a member that is not what its name says, with a ValueError."""
    try:
        if name.endswith(".json"):
            reading.checked(reading.parsed(content))
        else:
            plain.read(io.BytesIO(content), largest=LARGEST)
    except ValueError as problem:
        raise ValueError(f"{name}: {problem}") from None


def _without_files(entry: dict[str, Any]) -> bytes:
    provenance = entry["provenance"]
    left_out = sorted({*provenance.pop("files", ()), *provenance.pop("files_left_out", ())})
    entry["provenance"] = provenance | {"files": [], "files_left_out": left_out}
    return json.dumps(entry, indent=1, allow_nan=False).encode()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)
