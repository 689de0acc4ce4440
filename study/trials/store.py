"""The store: one JSON a trial, arrays and files beside it, existing means done.

What is promised, whatever fails at whatever moment, and whoever else writes there:

- A record is whole or absent: its files are there first, flushed, and it gets its name last.
- The first record of a trial stays. It gives way only where it is of no use any more (failed,
  damaged, without its files, or made by what the user wants run again), and only to a whole one.
- A file gets a name that nobody had. No attempt removes what a record names: one that failed takes
  away its own files, and where it cannot know whether its record was placed, it takes away nothing.
- A record is that of its trial: what it says of the trial hashes to the identity, and a digest
  covers all that it says, the digests of its files included. Otherwise it counts as absent.

There are no locks, and a network file system is fine; who runs a trial is the business of
`study.trials.claims`. Names that begin with a dot belong to a process; see `study.trials.files`.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from study.data.reference import DatasetRef
from study.trials import reading
from study.trials.files import (
    UNREADABLE,
    create,
    place,
    read,
    remove_leftovers,
    temporary,
    write_atomic,
)
from study.trials.kept import ARRAYS, KeptFile, check_suffix, described, packed_arrays, read_back
from study.trials.trial import (
    CANONICAL,
    Outcome,
    Record,
    Trial,
    canonical_hash,
    from_canonical,
    unread,
)

SEAL = b',\n "seal": "'


def serves(record: Record) -> bool:
    """Whether a record is of use as it is: done, its files there as they were written."""
    return record.done and record.whole and not record.is_damaged()


class Store:
    """Records of trials in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Create the folder, prove that it can be written, and drop what a killed run left."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with temporary(self.folder / "writable", b""):
            remove_leftovers(self.folder)

    def get(self, trial: Trial) -> Record | None:
        """Return the record of a trial, or None where there is none that can be read.

        What the record says of its trial has to hash to the trial's identity: one of another
        trial under this name, or one that was edited, is no record of it.
        """
        try:
            text = read(self._path(trial), reading.LARGEST + 1)
            entry = reading.checked(reading.parsed(text))
            return _record(trial, entry, self.folder, _is_as_sealed(text))
        except UNREADABLE:
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
        known: dict[str, Trial] = {}
        names = sorted(path.stem for path in self.folder.glob("[!.]*.json"))
        records = (self.get(self._trial(name, known)) for name in names)
        return [record for record in records if record is not None]

    def _trial(self, name: str, known: dict[str, Trial], left: int = reading.DEEPEST) -> Trial:
        """Return the trial of a record, as the record tells of it; each is read once."""
        if name not in known and not left:
            return unread(name)
        if name not in known:
            known[name] = unread(name)  # also for a record that says it needs itself
            with suppress(*UNREADABLE):
                entry = reading.entry_at(self.folder / f"{name}.json")
                told = entry["dataset"]
                dataset = DatasetRef(told["name"], None, told.get("sha256")) if told else None
                needs = [self._trial(need, known, left - 1) for need in entry["needs"]]
                known[name] = from_canonical(entry, needs, dataset)
        return known[name]

    def put_done(
        self,
        trial: Trial,
        outcome: Outcome,
        provenance: Mapping[str, Any],
        stays: Callable[[Record], bool] = serves,
    ) -> Record:
        """Keep what a trial computed; nothing of it stays where not all of it can be kept.

        Provenance also names the ``files``, and metrics that have no JSON number (NaN, infinity)
        and become null as ``not_finite``.

        Parameters
        ----------
        trial, outcome, provenance
            What was run, what came of it, and what is to be said of that.
        stays
            Whether a record that is there already stays, and is returned.
        """
        before = self.get(trial)
        if before is not None and stays(before):
            return before
        record, contents = _done(trial, outcome, provenance, self.folder)
        kept = dict[str, KeptFile]()
        with ExitStack() as written:
            try:
                for suffix, content in contents.items():
                    kept[suffix] = self._keep(trial, suffix, content)
                record = replace(record, kept=kept)
                text = _text(record)
                fresh = written.enter_context(temporary(self._path(trial), text))
            except Exception:  # a Ctrl-C leaves them to whoever claims the trial next
                self._remove(kept.values())
                raise
            return self._put(fresh, text, record, stays)

    def put_failed(
        self, trial: Trial, error: Mapping[str, str], provenance: Mapping[str, Any]
    ) -> Record:
        """Keep why a trial failed; it is tried again on the next run.

        Where the trial is done all the same, that record stays and is returned.
        """
        if (before := self.get(trial)) is not None and before.done:
            return before
        record = Record(trial, "failed", {}, error, provenance, self.folder, {})
        text = _text(record)
        with temporary(self._path(trial), text) as fresh:
            return self._put(fresh, text, record, lambda found: found.done)

    def take_in(self, name: str, text: bytes, arrays: bytes | None) -> None:
        """Keep a record that was packed, with its arrays, unless a done one is there.

        Raises
        ------
        AttributeError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError
            If it is no record of a trial of this name, or its arrays are not those.
        """
        entry = json.loads(text)
        record = _record(unread(name), dict(entry), self.folder)
        if record.kept is not None and (ARRAYS in record.kept) != (arrays is not None):
            raise ValueError(f"{name} comes without its arrays, or with another's")
        if arrays is not None:
            file = self._keep(record.trial, ARRAYS, arrays)
            if record.kept is not None and record.kept[ARRAYS].sha256 != file.sha256:
                self._remove([file])
                raise ValueError(f"the arrays of {name} are damaged")
            if file.name != f"{name}.{ARRAYS}":
                text = sealed(entry | {"kept": {ARRAYS: file.told()}})
            record = replace(record, kept={ARRAYS: file})
        with temporary(self._path(record.trial), text) as fresh:
            self._put(fresh, text, record, lambda found: found.done)

    def give_back(self, record: Record, arrays: bytes) -> bool:
        """Write the arrays of a record that lacks them; return whether they are its own."""
        file = record.named.get(ARRAYS) or described(f"{record.trial.id}.{ARRAYS}", arrays)
        if file.sha256 not in (None, described(file.name, arrays).sha256):
            return False
        write_atomic(self.folder / file.name, arrays)
        return True

    def remove_unnamed(self, trial: Trial, names: Iterable[str]) -> None:
        """Remove files of a trial that its record does not name; only for who has claimed it.

        An older record is taken to name all.
        """
        record = self.get(trial)
        if record is None or record.kept is not None:
            named = {file.name for file in record.named.values()} if record else set()
            self._remove(KeptFile(name) for name in set(names) - named)

    def unnamed(self, trials: Iterable[Trial]) -> dict[str, list[str]]:
        """Return files beside records, by the identity of these trials; see `remove_unnamed`."""
        found: dict[str, list[str]] = {trial.id: [] for trial in trials}
        for name in os.listdir(self.folder):
            identity, _, suffix = name.partition(".")
            if identity in found and suffix != "json":
                found[identity].append(name)
        return {identity: names for identity, names in found.items() if names}

    def _path(self, trial: Trial) -> Path:
        return self.folder / f"{trial.id}.json"

    def _keep(self, trial: Trial, suffix: str, content: bytes) -> KeptFile:
        """Write a file under the name of its trial or, where that is taken, one that is its own."""
        name = f"{trial.id}.{suffix}"
        try:
            create(self.folder / name, content)
        except FileExistsError:
            name = f"{trial.id}.{secrets.token_hex(8)}.{suffix}"
            create(self.folder / name, content)
        return described(name, content)

    def _put(
        self, fresh: Path, text: bytes, record: Record, stays: Callable[[Record], bool]
    ) -> Record:
        """Give a record that is written its name, unless one is there that stays."""
        path, before = self._path(record.trial), None
        try:
            if not place(fresh, path):
                before = self.get(record.trial)
                if before is not None and stays(before):
                    self._remove(_besides(record, before))
                    return before
                write_atomic(path, text)
        except OSError:
            if not _holds(path, text):
                raise  # its files stay: it may be placed all the same, by a server that is late
        if before is not None:
            self._remove(_besides(before, record))
        return record

    def _remove(self, files: Iterable[KeptFile]) -> None:
        for file in files:
            with suppress(OSError):
                (self.folder / file.name).unlink()


def _holds(path: Path, content: bytes) -> bool:
    try:
        return read(path) == content
    except OSError:
        return False


def _besides(record: Record, other: Record) -> list[KeptFile]:
    named = {file.name for file in other.named.values()}
    return [file for file in record.named.values() if file.name not in named]


def _done(
    trial: Trial, outcome: Outcome, provenance: Mapping[str, Any], folder: Path
) -> tuple[Record, dict[str, bytes]]:
    """Return the record of an outcome, without its files, and these by suffix."""
    for suffix in outcome.files:
        check_suffix(suffix)
        if suffix == ARRAYS:
            raise ValueError(f"a file cannot be called {ARRAYS}: arrays are")
    lost = [name for name, value in outcome.metrics.items() if not _is_finite(value)]
    said = {"files": sorted(outcome.files), **({"not_finite": lost} if lost else {})}
    record = Record(trial, "done", outcome.metrics, None, {**provenance, **said}, folder, {})
    arrays = {ARRAYS: packed_arrays(outcome.arrays)} if outcome.arrays else {}
    return record, {**outcome.files, **arrays}


def _text(record: Record) -> bytes:
    """Return a record as strict JSON, with a digest over all of it."""
    entry = {
        "trial": record.trial.id,
        **record.trial.canonical(),
        "status": record.status,
        "metrics": record.metrics,
        "error": record.error,
        "provenance": record.provenance,
    }
    if record.kept is not None:
        entry["kept"] = {suffix: file.told() for suffix, file in record.kept.items()}
    return sealed(entry)


def sealed(entry: Mapping[str, Any]) -> bytes:
    """Return an entry as strict JSON with a digest over all of it, in place of an earlier one.

    The seal at the end is the digest of the text before it, which takes less time to look at.
    """
    plain = json.loads(json.dumps(_finite(entry), allow_nan=False))
    for name in ("digest", "seal"):
        plain.pop(name, None)
    text = json.dumps(plain | {"digest": canonical_hash(plain)}, indent=1).encode()
    return text.removesuffix(b"\n}") + SEAL + _seal(text.removesuffix(b"\n}"))


def _seal(text: bytes) -> bytes:
    return f'{sha256(text).hexdigest()[:16]}"\n}}'.encode()


def _is_as_sealed(text: bytes) -> bool:
    before, found, seal = text.rpartition(SEAL)
    return bool(found) and seal == _seal(before)


def _record(
    trial: Trial, entry: dict[str, Any], folder: Path, is_as_sealed: bool = False
) -> Record:
    """Return the record that an entry holds; an older one has no digest.

    Raises
    ------
    AttributeError, KeyError, TypeError, ValueError
        If it holds none, another trial's, or one that is not as it was written.
    """
    if canonical_hash({key: entry[key] for key in CANONICAL}) != trial.id:
        raise ValueError("it is of another trial")
    digest, _ = entry.pop("digest", None), entry.pop("seal", None)
    if digest is not None and not is_as_sealed and digest != canonical_hash(entry):
        raise ValueError("it is damaged")
    status, error = entry["status"], entry["error"]
    if status not in ("done", "failed") or not isinstance(entry["metrics"], dict):
        raise ValueError("it is no record")
    if (status == "failed") != isinstance(error, dict):
        raise ValueError("it does not say why it failed")
    kept = read_back(trial.id, entry)
    return Record(trial, status, entry["metrics"], error, entry["provenance"], folder, kept)


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
