"""Whatever lies in a store under the name of a record: it is one, or it is none."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study import commands
from study.data.reference import DatasetRef
from study.errors import UserError
from study.request import REQUEST_FILE, Asked, Request, load, save
from study.trials import reading, running
from study.trials.store import Store
from study.trials.trial import CANONICAL, Damaged, Outcome, Trial, canonical_hash

TRIAL = Trial("study.nothing:run", "model", DatasetRef("digits"), {"size": 3}, seed=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "trials")
    made.prepare()
    made.put_done(TRIAL, Outcome({"a": 1.0}, {"curve": np.arange(3.0)}), {"wall_seconds": 1.0})
    return made


def record(store: Store) -> Path:
    return store.folder / f"{TRIAL.id}.json"


def test_the_entry_of_a_record_is_read(store: Store) -> None:
    assert reading.entry_at(record(store))["metrics"] == {"a": 1.0}


def changed(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda entry: entry.update(fields)


def provenance(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda entry: entry["provenance"].update(fields)


CHANGES = {
    "no object of metrics": changed(metrics=[1]),
    "another status": changed(status="perhaps"),
    "an error that is none": changed(error={"type": 3}),
    "no provenance": changed(provenance=None),
    "a time of no zone": provenance(started="2024-01-01T00:00:00"),
    "a time that is none": provenance(started=7),
    "seconds that are none": provenance(wall_seconds="long"),
    "plug-ins that are none": provenance(plugins=["a"]),
    "a file elsewhere": provenance(files=["../../secret"]),
    "a number beyond all": changed(metrics={"a": 10**400}),
    "infinity": changed(metrics={"a": float("inf")}),
    "a seed that is none": changed(seed="one"),
    "needs that are none": changed(needs=["../x"]),
    "nested": changed(metrics={"a": json.loads("[" * 100 + "]" * 100)}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_record_that_the_store_did_not_write_is_none(store: Store, change: Any) -> None:
    entry = json.loads(record(store).read_text())
    change(entry)
    record(store).write_text(json.dumps(entry))
    with pytest.raises(ValueError, match=r"."):
        reading.entry_at(record(store))
    assert store.get(TRIAL) is None
    assert store.everything() == []


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def deep(path: Path) -> None:
    path.write_text("[" * 100_000)


@pytest.mark.parametrize("make", [folder, pipe, loop, deep])
def test_what_is_no_record_is_passed_over_and_waited_for_by_nobody(store: Store, make: Any) -> None:
    record(store).unlink()
    make(record(store))
    found: list[object] = []
    ask = threading.Thread(
        target=lambda: found.extend((store.get(TRIAL), store.everything())), daemon=True
    )
    ask.start()
    ask.join(10)
    assert found == [None, []]


def written(store: Store, seed: int, needs: list[str]) -> str:
    fields = dict(zip(CANONICAL, ("m:f", "x", None, {}, seed, 1, needs), strict=True))
    name = canonical_hash(fields)
    entry = {**fields, "status": "done", "metrics": {}, "error": None, "provenance": {}}
    (store.folder / f"{name}.json").write_text(json.dumps(entry))
    return name


def test_records_that_need_many_others_are_each_read_once(store: Store) -> None:
    name = written(store, 0, [])
    for seed in range(1, 60):  # told one by one they would be 2^60
        name = written(store, seed, [name, name])
    assert len(store.everything()) > 30


def test_damaged_arrays_are_told_as_such(store: Store) -> None:
    found = store.get(TRIAL)
    assert found is not None
    path = store.folder / f"{TRIAL.id}.npz"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(Damaged, match=f"^trial {TRIAL.id} has no arrays that can be read"):
        _ = found.arrays


@pytest.mark.parametrize(
    "content",
    ["[]", "{}", "3", '{"ran": 3, "workers": 1}', '{"ran": {"a": "b"}, "workers": 1}',
     '{"ran": {}, "workers": null}', "[" * 100_000, "\ud800", b"\xff\xfe"],
)  # fmt: skip
def test_files_of_runs_that_no_run_wrote_are_passed_over(tmp_path: Path, content: Any) -> None:
    path = tmp_path / ".run~host~01234567~token~running.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(errors="replace"))
    assert running.running(tmp_path) == {}
    assert running.workers(tmp_path) == 0


REQUESTS = {
    "profile": {"profile": ["quick"]},
    "seeds": {"n_seeds": "3"},
    "data sets": {"datasets": [{"name": "a", "path": 3}]},
    "another kind": {"datasets": [{"name": "a", "kind": "smells"}]},
    "learners": {"learners": [1]},
    "settings": {"settings": [{"owner": None, "key": "a", "values": []}]},
    "design": {"design": None},
    "plug-ins": {"plugins": {"a": "b"}},
}


@pytest.mark.parametrize("fields", REQUESTS.values(), ids=REQUESTS)
def test_a_request_with_a_field_of_another_type_is_damaged(tmp_path: Path, fields: Any) -> None:
    save(tmp_path, Asked(Request(), ["compare"], "command", {"compare": [TRIAL]}))
    saved = json.loads((tmp_path / REQUEST_FILE).read_text())
    saved["request"].update(fields)
    (tmp_path / REQUEST_FILE).write_text(json.dumps(saved))
    with pytest.raises(UserError, match=r"request\.json is damaged"):
        load(tmp_path)
    with pytest.raises(UserError, match=r"request\.json is damaged"):
        commands.status(tmp_path)
