"""The store: one JSON a trial, arrays and files beside it, existing means done.

Everything is written to a temporary name and renamed, arrays before the JSON, so that a record is
either whole or absent. There are no locks; a network file system is fine. Names that begin with a
dot belong to a run, of which they name host and process: what it is writing, and the file of
`study.trials.running`. Of two runs on one store the first to finish a trial keeps it.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from study.data.reference import DatasetRef
from study.errors import UserError
from study.trials import reading
from study.trials.trial import (
    CANONICAL,
    Outcome,
    Record,
    Trial,
    canonical_hash,
    from_canonical,
    unread,
)

FORGOTTEN_SECONDS = 86_400.0
"""Silence after which a run on another host has ended; it gives a sign of life every 20 seconds."""


class Store:
    """Records of trials in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Create the folder, prove that it can be written, and drop what a killed run left."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomic(self.folder / ".writable", b"")
        (self.folder / ".writable").unlink(missing_ok=True)
        remove_leftovers(self.folder)

    def get(self, trial: Trial) -> Record | None:
        """Return the record of a trial, or None where there is none that can be read.

        What the record says of its trial has to hash to the trial's identity: one of another
        trial under this name, or one that was edited, is no record of it.
        """
        try:
            entry = reading.entry_at(f"{self.folder}/{trial.id}.json")
            if canonical_hash({key: entry[key] for key in CANONICAL}) != trial.id:
                return None
            return _record(trial, entry, self.folder)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def records(self, trials: Iterable[Trial]) -> dict[str, Record]:
        """Return the records that there are, by the identity of their trials.

        The folder is listed once and only files that exist are opened.
        """
        present = set(os.listdir(self.folder)) if self.folder.is_dir() else set()
        return {
            trial.id: record
            for trial in trials
            if f"{trial.id}.json" in present and (record := self.get(trial)) is not None
        }

    def everything(self) -> list[Record]:
        """Return every record that can be read, whoever asked for its trial."""
        paths = sorted(self.folder.glob("[!.]*.json"))
        known: dict[str, Trial] = {}
        trials = (self._trial(path.stem, known) for path in paths)
        records = (self.get(trial) for trial in trials)
        return [record for record in records if record is not None]

    def _trial(self, name: str, known: dict[str, Trial], left: int = reading.DEEPEST) -> Trial:
        """Return the trial of a record, as the record tells of it; each is read once."""
        if name not in known and not left:
            return unread(name)
        if name not in known:
            known[name] = unread(name)  # also for a record that needs itself
            with suppress(OSError, ValueError):
                entry = reading.entry_at(self.folder / f"{name}.json")
                told = entry["dataset"]
                dataset = DatasetRef(told["name"], None, told.get("sha256")) if told else None
                needs = [self._trial(need, known, left - 1) for need in entry["needs"]]
                known[name] = from_canonical(entry, needs, dataset)
        return known[name]

    def put_done(self, trial: Trial, outcome: Outcome, provenance: Mapping[str, Any]) -> Record:
        """Keep what a trial computed; nothing of it stays where not all of it can be kept.

        Provenance also names the ``files``, and metrics that have no JSON number (NaN, infinity)
        and become null as ``not_finite``.
        """
        contents = {f"{trial.id}.{suffix}": content for suffix, content in outcome.files.items()}
        if outcome.arrays:
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **outcome.arrays)  # type: ignore[arg-type]
            contents[f"{trial.id}.npz"] = buffer.getvalue()
        lost = [name for name, value in outcome.metrics.items() if not _is_finite(value)]
        provenance = {
            **provenance,
            "files": sorted(outcome.files),
            **({"not_finite": lost} if lost else {}),
        }
        try:
            for name, content in contents.items():
                write_atomic(self.folder / name, content)
            return self._put(Record(trial, "done", outcome.metrics, None, provenance, self.folder))
        except Exception:  # not Ctrl-C, which may come when the record is there already
            for name in contents:
                (self.folder / name).unlink(missing_ok=True)
            raise

    def put_failed(
        self, trial: Trial, error: Mapping[str, str], provenance: Mapping[str, Any]
    ) -> Record:
        """Keep why a trial failed; it is tried again on the next run.

        Where another run has done it meanwhile, its record stays and is returned.
        """
        if (record := self.get(trial)) is not None and record.done:
            return record
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


def _record(trial: Trial, entry: Mapping[str, Any], folder: Path) -> Record:
    return Record(
        trial=trial,
        status=entry["status"],
        metrics=entry["metrics"],
        error=entry["error"],
        provenance=entry["provenance"],
        folder=folder,
    )


def _finite(value: Any) -> Any:
    """Return ``value`` as strict JSON: NaN and infinities become null."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, np.generic):
        return _finite(value.item())
    return value if _is_finite(value) else None


def _is_finite(value: Any) -> bool:
    """Whether every number in ``value`` is one that JSON has."""
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_finite, value))
    return not isinstance(value, float | np.floating) or bool(np.isfinite(value))


@contextmanager
def told_when_unusable(folder: Path) -> Iterator[None]:
    """Turn a disk that is full or lets nothing be read into a message; what is kept stays.

    Raises
    ------
    UserError
        In place of any OSError.
    """
    try:
        yield
    except OSError as problem:
        raise UserError(
            f"cannot read or write {folder}: {problem.strerror or problem}.\n"
            "What is kept there is whole. Make room, mend its permissions, or choose another "
            "folder with --out DIR, and run the command again."
        ) from None


def write_atomic(path: Path, content: bytes) -> None:
    """Write a whole file or none: temporary name, flush to disk, rename."""
    temporary = path.with_name(f"{own_prefix('tmp')}{path.name}")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def own_prefix(kind: str) -> str:
    """Return how names begin that belong to this process; see `owner_lives`."""
    return f".{kind}~{socket.gethostname()}~{os.getpid()}~"  # no host's name has a tilde


def owner_lives(path: Path) -> bool | None:
    """Whether the process that a name belongs to lives; None where another host would know."""
    host, pid = _owner(path)
    return _alive(pid) if host == socket.gethostname() else None


def remove_leftovers(folder: Path) -> None:
    """Remove what runs that no longer live left behind; of other hosts, what nobody minds any more.

    What bears this process's own name, from before its work began, is of one that had its number:
    in a container that is started again it is often the same.
    """
    own = (socket.gethostname(), os.getpid())
    for owner, paths in _by_owner(folder).items():
        lives = False if owner == own else owner_lives(paths[0])
        if lives is False or (lives is None and _silence_s(paths) > FORGOTTEN_SECONDS):
            for path in paths:
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)


def _by_owner(folder: Path) -> dict[tuple[str, int], list[Path]]:
    found = defaultdict(list)
    for path in folder.glob(".*~*~*~*"):
        found[_owner(path)].append(path)
    return found


def _silence_s(paths: Sequence[Path]) -> float:
    """Return seconds since the last change of any of these files that is still there."""
    changes = []
    for path in paths:
        with suppress(FileNotFoundError):
            changes.append(path.stat().st_mtime)
    return time.time() - max(changes, default=time.time())


def _owner(path: Path) -> tuple[str, int]:
    _, host, pid, _ = path.name.split("~", 3)
    return host, int(pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
