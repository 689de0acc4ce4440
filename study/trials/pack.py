"""A run in one file: records and arrays of all its trials, small enough to be kept with the code.

``trials.zip`` lies beside the folder ``trials`` and is read into it where that lacks a trial or its
arrays, so that anybody can render the report, or go on with the run. Whole files that trials left,
such as trained networks, are not packed; the record says so.

What is promised: `unpack` takes all that `pack` writes, and both keep to the same bounds. A packed
run may come from anybody: before anything of it is written, its names, their number and the sizes
that it tells of are held against what a run can have and what the disk has room for. What is no
record of its trial, or has other arrays than it says, is neither packed nor unpacked, but as good
as absent. A done record is never replaced.
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

from study.data.fetch import UNPACKING_ERRORS
from study.errors import UserError
from study.trials import reading
from study.trials.files import MALFORMED, UNREADABLE, read, told_when_unusable, write_atomic
from study.trials.kept import ARRAYS
from study.trials.store import Store, sealed
from study.trials.trial import CANONICAL, Record, canonical_hash, unread

PACKED = "trials.zip"
MEMBER = re.compile(r"[0-9a-f]{16}\.(json|npz)")
LARGEST = 1 << 30  # bytes of an unpacked file; a small archive can hold any number of zeros
MOST = 200_000  # files of a packed run
RATIO, SLACK = 200, 64 << 20  # records and arrays that are packed already become no larger
JSON = ".json"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same trials give the same bytes


def pack(out: Path) -> Path:
    """Write ``trials.zip`` of the run in ``out`` and return its path.

    Raises
    ------
    UserError
        If no trial is kept there, or more than a packed run may hold.
    """
    store = Store(out / "trials")
    names = sorted(path.name for path in store.folder.glob("*.json") if MEMBER.fullmatch(path.name))
    if not names:
        raise UserError(f"no trial is kept in {store.folder}: there is nothing to pack")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in names:
            for member, content in _members(store, name.removesuffix(".json")).items():
                _add(archive, member, content)
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
    source, store = out / PACKED, Store(out / "trials")
    if not source.exists():
        return 0
    try:
        with zipfile.ZipFile(source) as archive:
            _check_names(source, archive.namelist())
            lacking = _lacking(archive, store, source)
            _check_room(out, sum(archive.getinfo(name).file_size for name in lacking))
            store.folder.mkdir(parents=True, exist_ok=True)
            members = set(archive.namelist())
            records = [name for name in lacking if name.endswith(JSON)]
            return sum(_take(archive, members, name, store) for name in records)
    except OSError as problem:
        if problem.errno != errno.EINVAL:  # which a place before the file's beginning is
            raise
        raise _damaged(source, problem) from None
    except (*UNPACKING_ERRORS, *MALFORMED) as problem:
        raise _damaged(source, problem) from None


def _damaged(source: Path, problem: Exception) -> UserError:
    return UserError(
        f"{source} is damaged ({problem}). Get it again, or remove it and run the trials anew."
    )


def _lacking(archive: zipfile.ZipFile, store: Store, source: Path) -> list[str]:
    """Return the names of records of which the store lacks something, and of their arrays."""
    size = source.stat().st_size
    names = sorted(n for n in archive.namelist() if n.endswith(JSON) and _lacks(_kept(n, store)))
    _check_sizes(source, [archive.getinfo(name) for name in names], size)
    records = [name for name in names if _is_record(name, archive.read(name))]
    arrays = {name.replace(JSON, f".{ARRAYS}") for name in records} & set(archive.namelist())
    found = [*records, *sorted(arrays)]
    _check_sizes(source, [archive.getinfo(name) for name in found], size)
    return found


def _kept(member: str, store: Store) -> Record | None:
    return store.get(unread(member.removesuffix(JSON)))


def _lacks(found: Record | None) -> bool:
    """Whether a store lacks a record that is packed, or its arrays."""
    if found is None:
        return True
    lost = any(name.endswith(f".{ARRAYS}") for name in found.gone)
    return found.done and (lost or _names_none(found))


def _names_none(record: Record) -> bool:
    """Whether a record, from before files were named, has no arrays beside it."""
    return record.kept is None and ARRAYS not in record.named


def _is_record(name: str, content: bytes) -> bool:
    """Whether this is the record of the trial of this name."""
    try:
        entry = reading.checked(reading.parsed(content))
        return canonical_hash({key: entry[key] for key in CANONICAL}) == Path(name).stem
    except ValueError:
        return False


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


def _take(archive: zipfile.ZipFile, members: set[str], member: str, store: Store) -> bool:
    """Take a packed trial into the store where it is lacking there; return whether it was."""
    name, found = member.removesuffix(JSON), _kept(member, store)
    arrays = f"{name}.{ARRAYS}" if f"{name}.{ARRAYS}" in members else None
    if found is None:
        record = archive.read(member)
        try:
            store.take_in(name, record, archive.read(arrays) if arrays else None)
        except MALFORMED:  # no record of this trial, which is as good as none
            return False
        return True
    if not arrays or not _lacks(found):
        return False
    same = not _names_none(found) or json.loads(archive.read(member))["metrics"] == found.metrics
    return same and store.give_back(found, archive.read(arrays))


def _members(store: Store, name: str) -> dict[str, bytes]:
    """Return what is packed of a trial; nothing of one that the store takes for absent."""
    record = store.get(unread(name))
    try:
        entry = json.loads(read(store.folder / f"{name}.json"))
        file = record.named.get(ARRAYS) if record else None
        if file and file.is_damaged(store.folder, None):
            return {}
        arrays = {f"{name}.{ARRAYS}": file.content(store.folder)} if file else {}
    except UNREADABLE:
        return {}
    return {f"{name}.json": _without_files(name, entry)} | arrays if record else {}


def _without_files(name: str, entry: dict[str, Any]) -> bytes:
    provenance = dict(entry["provenance"])
    left_out = sorted({*provenance.pop("files", ()), *provenance.pop("files_left_out", ())})
    entry["provenance"] = provenance | {"files": [], "files_left_out": left_out}
    kept = entry.get("kept")
    if kept is None:
        return json.dumps(entry, indent=1, allow_nan=False).encode()
    arrays = {ARRAYS: kept[ARRAYS] | {"name": f"{name}.{ARRAYS}"}} if ARRAYS in kept else {}
    return sealed(entry | {"kept": arrays})


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)
