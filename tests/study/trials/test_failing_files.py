"""An error at the first, second, ... file operation in turn: a done record is never hollow.

As SQLite tests its input and output: each operation fails before or after its effect, once or from
then on; after it, what a sweep does with it, and a later run that finds a file system that is well.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.trials.claims import claiming
from study.trials.store import Store, serves
from study.trials.trial import Outcome, Record, Trial

TRIAL = Trial("m:f", "x", None, {}, 0)
OUTCOME = Outcome({"v": 1.0}, {"a": np.arange(3.0)}, {"network.nir": b"net", "b.bin": b"x"})
ERROR = {"type": "E", "message": "", "traceback": ""}
OPERATIONS = ("open", "fsync", "link", "rename", "replace", "unlink")


class Faults:
    """Lets the ``number``-th file operation fail, and all later ones where it is lasting."""

    def __init__(self, number: int, after: bool, lasting: bool) -> None:
        self.number, self.after, self.lasting, self.n_done = number, after, lasting, 0

    def wrap(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            self.n_done += 1
            hit = self.n_done == self.number or (self.lasting and self.n_done > self.number)
            if hit and not self.after:
                raise OSError(errno.EIO, "Input/output error")
            result = real(*args, **named)
            if hit:
                if real is REAL["open"]:
                    os.close(result)
                raise OSError(errno.ETIMEDOUT, "Connection timed out")
            return result

        return call


REAL = {name: getattr(os, name) for name in OPERATIONS}


@contextmanager
def failing(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        for name, real in REAL.items():
            patched.setattr(os, name, faults.wrap(real))
        yield


def attempt(store: Store) -> None:
    """Do what a sweep does."""
    with suppress(OSError):
        try:
            store.put_done(TRIAL, OUTCOME, {"run": "second"})
        except OSError:
            store.put_failed(TRIAL, ERROR, {})


def hollow(record: Record | None) -> bool:
    return record is not None and record.done and not serves(record)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize(
    "before",
    [
        *("nothing", "done", "hollow"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("failed", "litter")),
    ],
)
def test_no_error_leaves_a_done_record_hollow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: bool, lasting: bool
) -> None:
    for number in itertools.count(1):
        store = Store(tmp_path / str(number))
        store.prepare()
        prepare(store, before)
        faults = Faults(number, after, lasting)
        with failing(faults, monkeypatch):
            attempt(store)
        record = store.get(TRIAL)
        if before == "done":
            assert record is not None
            assert record.provenance["run"] == "first"
        assert before == "hollow" or not hollow(record), number
        again(store)
        if faults.n_done < number:
            break
    print(f"{number - 1} operations")  # noqa: T201
    assert number > 3 or before == "done"


def prepare(store: Store, before: str) -> None:
    if before == "failed":
        store.put_failed(TRIAL, ERROR, {})
    if before in ("done", "hollow"):
        store.put_done(TRIAL, OUTCOME, {"run": "first"})
    if before == "hollow":
        (store.folder / f"{TRIAL.id}.npz").unlink()
    if before == "litter":
        (store.folder / f"{TRIAL.id}.npz").write_bytes(b"of an attempt that was killed")


def again(store: Store) -> None:
    """Run the trial anew, as the next command does: it is whole, and nothing else is left."""
    with claiming(store.folder) as claims:
        assert claims.take(TRIAL.id)
        store.remove_unnamed(TRIAL, store.unnamed([TRIAL]).get(TRIAL.id, []))
        record = store.put_done(TRIAL, OUTCOME, {"run": "third"})
    assert serves(record)
    found = store.get(TRIAL)
    assert found is not None
    assert found.outcome().files == OUTCOME.files
    names = {file.name for file in found.named.values()}
    left = {path.name for path in store.folder.iterdir()} - names - {f"{TRIAL.id}.json"}
    assert all(name.startswith(".tmp~") for name in left), left
