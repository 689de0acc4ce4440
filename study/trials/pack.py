"""A run in one file: records and arrays of all its trials, small enough to be kept with the code.

``trials.zip`` lies beside the folder ``trials`` and is read into it where that lacks a trial, so
that anybody can render the report, or go on with the run. Whole files that trials left, such as
trained networks, are not packed; the record says so.
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
from study.trials.store import told_when_unusable, write_atomic

PACKED = "trials.zip"
MEMBER = re.compile(r"[0-9a-f]{16}\.(json|npz)")
LARGEST = 1 << 30  # bytes of an unpacked file; a small archive can hold any number of zeros
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
            try:
                record = _without_files(json.loads(path.read_bytes()))
            except (ValueError, KeyError, TypeError):
                continue  # the store takes what it cannot read for absent
            _add(archive, path.name, record)
            arrays = path.with_suffix(".npz")
            if arrays.exists():
                _add(archive, arrays.name, arrays.read_bytes())
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
            if foreign := [name for name in names if not MEMBER.fullmatch(name)]:
                raise UserError(f"{source} holds {foreign[0]!r}, which is no record of a trial")
            if large := [e.filename for e in archive.infolist() if e.file_size > LARGEST]:
                raise UserError(f"{source} holds {large[0]!r} of more than {LARGEST} bytes")
            lacking = [
                name for name in names if name.endswith(".json") and not (folder / name).exists()
            ]
            folder.mkdir(parents=True, exist_ok=True)
            for name in lacking:
                arrays = name.replace(".json", ".npz")
                for member in (arrays, name) if arrays in names else (name,):
                    write_atomic(folder / member, archive.read(member))
    except (*UNPACKING_ERRORS, ValueError) as problem:
        raise UserError(
            f"{source} is damaged ({problem}). Get it again, or remove it and run the trials anew."
        ) from None
    return len(lacking)


def _without_files(entry: dict[str, Any]) -> bytes:
    provenance = entry["provenance"]
    left_out = sorted({*provenance.pop("files", ()), *provenance.pop("files_left_out", ())})
    entry["provenance"] = provenance | {"files": [], "files_left_out": left_out}
    return json.dumps(entry, indent=1, allow_nan=False).encode()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)
