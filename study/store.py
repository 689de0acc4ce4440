"""The store: one JSON a trial, arrays and files beside it, existing means done.

Everything is written to a temporary name and renamed, arrays before the JSON, so that a record is
either whole or absent. There are no locks; a network file system is fine.
"""

from __future__ import annotations

import io
import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from study.errors import UserError
from study.trial import Outcome, Record, Trial


class Store:
    """Records of trials in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Create the folder, prove that it can be written, and drop what a killed run left."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomic(self.folder / ".writable", b"")
        (self.folder / ".writable").unlink()
        remove_leftovers(self.folder)

    def get(self, trial: Trial) -> Record | None:
        """Return the record of a trial, or None where there is none that can be read."""
        try:
            entry = json.loads((self.folder / f"{trial.id}.json").read_text())
            return Record(
                trial=trial,
                status=entry["status"],
                metrics=entry["metrics"],
                error=entry["error"],
                provenance=entry["provenance"],
                folder=self.folder,
            )
        except (FileNotFoundError, json.JSONDecodeError, KeyError):
            return None

    def put_done(self, trial: Trial, outcome: Outcome, provenance: Mapping[str, Any]) -> Record:
        """Keep what a trial computed."""
        for suffix, content in outcome.files.items():
            write_atomic(self.folder / f"{trial.id}.{suffix}", content)
        if outcome.arrays:
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **outcome.arrays)  # type: ignore[arg-type]
            write_atomic(self.folder / f"{trial.id}.npz", buffer.getvalue())
        return self._put(Record(trial, "done", outcome.metrics, None, provenance, self.folder))

    def put_failed(
        self, trial: Trial, error: Mapping[str, str], provenance: Mapping[str, Any]
    ) -> Record:
        """Keep why a trial failed; it is tried again on the next run."""
        return self._put(Record(trial, "failed", {}, error, provenance, self.folder))

    def _put(self, record: Record) -> Record:
        trial = record.trial
        entry = {
            "trial": trial.id,
            **trial.canonical(),
            "status": record.status,
            "metrics": record.metrics,
            "error": record.error,
            "provenance": record.provenance,
        }
        text = json.dumps(_finite(entry), indent=1, allow_nan=False)
        write_atomic(self.folder / f"{trial.id}.json", text.encode())
        return record


def _finite(value: Any) -> Any:
    """Return ``value`` as strict JSON: NaN and infinities become null."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, np.generic):
        return _finite(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


@contextmanager
def told_when_unwritable(folder: Path) -> Iterator[None]:
    """Turn a full or read-only disk into a message; what is already kept stays.

    Raises
    ------
    UserError
        In place of any OSError.
    """
    try:
        yield
    except OSError as problem:
        raise UserError(
            f"cannot write to {folder}: {problem.strerror or problem}.\n"
            "What is kept there is whole. Make room, or choose another folder with --out DIR, "
            "and run the command again."
        ) from None


def write_atomic(path: Path, content: bytes) -> None:
    """Write a whole file or none: temporary name, flush to disk, rename."""
    temporary = path.with_name(f".tmp-{socket.gethostname()}-{os.getpid()}-{path.name}")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files of processes of this host that no longer live."""
    for path in folder.glob(f".tmp-{socket.gethostname()}-*"):
        pid = path.name.removeprefix(f".tmp-{socket.gethostname()}-").split("-", 1)[0]
        if not (pid.isdigit() and _alive(int(pid))):
            path.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
