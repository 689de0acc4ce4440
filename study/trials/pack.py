"""A run in one file: records and arrays of all its trials, small enough to be kept with the code.

``trials.zip`` lies beside the folder ``trials`` and is read into it where that lacks a trial or its
arrays, so that anybody can render the report, or go on with the run. Whole files that trials left,
such as trained networks, are not packed; the record says so.

What is promised: `unpack` takes all that `pack` writes, and both keep to the same bounds, which are
looked at before anything is written. What is no record of its trial, or has other arrays than it
says, is neither packed nor unpacked, but as good as absent. A done record is never replaced.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

from study.data.fetch import UNPACKING_ERRORS
from study.errors import UserError
from study.trials.files import MALFORMED, UNREADABLE, read, told_when_unusable, write_atomic
from study.trials.kept import ARRAYS
from study.trials.store import Store, sealed
from study.trials.trial import unread

PACKED = "trials.zip"
MEMBER = re.compile(r"[0-9a-f]{16}\.(json|npz)")
LARGEST = 1 << 30  # bytes of an unpacked file; a small archive can hold any number of zeros
LARGEST_SUM = 1 << 33
MOST = 1_000_000
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
        _check(archive, out / PACKED)
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
    source, store = out / PACKED, Store(out / "trials")
    if not source.exists():
        return 0
    try:
        with zipfile.ZipFile(source) as archive:
            _check(archive, source)
            store.folder.mkdir(parents=True, exist_ok=True)
            members = set(archive.namelist())
            records = sorted(name for name in members if name.endswith(".json"))
            return sum(_take(archive, members, name, store) for name in records)
    except (*UNPACKING_ERRORS, *MALFORMED) as problem:
        raise UserError(
            f"{source} is damaged ({problem}). Get it again, or remove it and run the trials anew."
        ) from None


def _take(archive: zipfile.ZipFile, members: set[str], member: str, store: Store) -> bool:
    """Take a packed trial into the store where it is lacking there; return whether it was."""
    name = member.removesuffix(".json")
    arrays = f"{name}.{ARRAYS}" if f"{name}.{ARRAYS}" in members else None
    found = store.get(unread(name))
    if found is None:
        record = archive.read(member)
        try:
            store.take_in(name, record, archive.read(arrays) if arrays else None)
        except MALFORMED:  # no record of this trial, which is as good as none
            return False
        return True
    lacking = [name for name in found.gone if name.endswith(f".{ARRAYS}")]
    unnamed = found.kept is None and ARRAYS not in found.named
    if not arrays or not (found.done and (lacking or unnamed)):
        return False
    same = unnamed is False or json.loads(archive.read(member))["metrics"] == found.metrics
    return same and store.give_back(found, archive.read(arrays))


def _check(archive: zipfile.ZipFile, path: Path) -> None:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if foreign := [name for name in names if not MEMBER.fullmatch(name)]:
        raise UserError(f"{path} holds {foreign[0]!r}, which is no record of a trial")
    if large := [entry.filename for entry in entries if entry.file_size > LARGEST]:
        raise UserError(f"{path} holds {large[0]!r} of more than {LARGEST} bytes")
    if sum(entry.file_size for entry in entries) > LARGEST_SUM or len(entries) > MOST:
        raise UserError(f"{path} holds more than {LARGEST_SUM} bytes or {MOST} files")


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
