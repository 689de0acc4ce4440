"""Records are whole or absent, come back as they went in, and survive litter."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.data.reference import DatasetRef
from study.trials import files
from study.trials import store as stores
from study.trials.files import FORGOTTEN_SECONDS, machine, remove_leftovers, write_atomic
from study.trials.life import alive
from study.trials.store import Store
from study.trials.trial import Outcome, Record, Trial

TRIAL = Trial("study.nothing:run", "model", DatasetRef("digits"), {"size": 3}, seed=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "trials")
    made.prepare()
    return made


def test_an_outcome_comes_back_whole(store: Store) -> None:
    outcome = Outcome({"accuracy": 0.5}, {"curve": np.arange(3.0)}, {"network.nir": b"graph"})
    store.put_done(TRIAL, outcome, {"cpu": "some"})
    record = store.get(TRIAL)
    assert record is not None
    assert record.done
    back = record.outcome()
    assert back.metrics == outcome.metrics
    assert back.files == outcome.files
    np.testing.assert_array_equal(back.arrays["curve"], outcome.arrays["curve"])
    assert record.provenance == {"cpu": "some", "files": ["network.nir"]}


def test_a_record_from_before_files_were_named_has_them(store: Store) -> None:
    outcome = Outcome({}, {"curve": np.arange(3.0)}, {"network.nir": b"graph"})
    record = store.put_done(TRIAL, outcome, {})
    old = dataclasses.replace(record, provenance={}, kept=None)
    assert old.outcome().files == outcome.files


def test_records_are_those_that_exist_and_can_be_read(store: Store) -> None:
    trials = [dataclasses.replace(TRIAL, seed=seed) for seed in range(4)]
    store.put_done(trials[0], Outcome({"value": 0}), {})
    store.put_failed(trials[1], {"type": "ValueError", "message": "", "traceback": ""}, {})
    (store.folder / f"{trials[2].id}.json").write_text("{")
    found = store.records(trials)
    assert {one: record.status for one, record in found.items()} == {
        trials[0].id: "done",
        trials[1].id: "failed",
    }
    assert Store(store.folder / "absent").records(trials) == {}


@pytest.mark.parametrize("key", ["config", "seed", "learner"])
def test_a_record_of_another_trial_is_no_record(store: Store, key: str) -> None:
    store.put_done(TRIAL, Outcome({"value": 0}), {})
    path = store.folder / f"{TRIAL.id}.json"
    other = dataclasses.replace(TRIAL, config={"size": 4}, seed=2, subject="other").canonical()
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: other[key]}))
    assert store.get(TRIAL) is None
    assert store.everything() == []


def test_everything_comes_with_what_it_needed(store: Store) -> None:
    last = dataclasses.replace(TRIAL, seed=2, needs=(TRIAL,))
    for trial in (TRIAL, last):
        store.put_done(trial, Outcome({"value": 0}), {})
    found = {record.trial.id: record.trial for record in store.everything()}
    assert found == {TRIAL.id: TRIAL, last.id: last}
    (store.folder / f"{TRIAL.id}.json").unlink()
    (alone,) = store.everything()
    assert (alone.trial.id, [need.id for need in alone.trial.needs]) == (last.id, [TRIAL.id])


@pytest.mark.parametrize("failing", ["npz", "json"])
def test_an_outcome_that_does_not_fit_leaves_nothing(store: Store, monkeypatch, failing) -> None:
    def create(path: Path, content: bytes) -> None:
        if path.suffix == f".{failing}":
            raise OSError(28, "No space left on device")
        real(path, content)

    real = files.create
    monkeypatch.setattr(files, "create", create)
    monkeypatch.setattr(stores, "create", create)
    with pytest.raises(OSError, match="No space"):
        store.put_done(TRIAL, Outcome({}, {"curve": np.arange(3.0)}, {"network.nir": b"graph"}), {})
    assert list(store.folder.iterdir()) == []


def test_a_failure_is_a_record_too(store: Store) -> None:
    store.put_failed(TRIAL, {"type": "ValueError", "message": "no", "traceback": ""}, {})
    record = store.get(TRIAL)
    assert record is not None
    assert not record.done
    assert record.error == {"type": "ValueError", "message": "no", "traceback": ""}


@pytest.mark.parametrize("content", [b"", b"{", b'{"status": "done"}', b"[]", b"\xff\xfe\x00"])
def test_a_damaged_record_counts_as_missing(store: Store, content: bytes) -> None:
    (store.folder / f"{TRIAL.id}.json").write_bytes(content)
    assert store.get(TRIAL) is None


def test_numbers_without_a_json_form_become_null(store: Store) -> None:
    metrics = {"loss": float("nan"), "n": np.int64(3), "curve": (1, 2.5), "worst": [-np.inf]}
    store.put_done(TRIAL, Outcome(metrics), {})
    record = store.get(TRIAL)
    assert record is not None
    assert record.metrics == {"loss": None, "n": 3, "curve": [1, 2.5], "worst": [None]}
    assert record.provenance["not_finite"] == ["loss", "worst"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


DEAD = f".life~host~{machine()}~0123456789abcdef"
ELSEWHERE = ".life~elsewhere~00000000~{}"


def test_what_the_dead_left_goes_and_what_belongs_to_the_living_stays(tmp_path: Path) -> None:
    dead = tmp_path / DEAD
    dead.write_text("0")
    folder = tmp_path / f"{dead.name.replace('life', 'tmp')}~data"
    folder.mkdir()
    (folder / "0.bin").write_bytes(b"data")
    with alive(tmp_path) as life:
        mine = tmp_path / life.name("tmp", "data")
        mine.mkdir()
        remove_leftovers(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {life.path.name, mine.name}
    assert [path.name for path in tmp_path.iterdir()] == [mine.name]


def test_whoever_looks_a_living_process_stays(tmp_path: Path) -> None:
    """As from another container, where the number of the process says nothing."""
    code = "import sys; from pathlib import Path; from study.trials.files import remove_leftovers"
    with alive(tmp_path) as life:
        look = [sys.executable, "-c", f"{code}; remove_leftovers(Path({str(tmp_path)!r}))"]
        subprocess.run(look, check=True)
        assert life.path.exists()


def test_leftovers_of_other_machines_go_a_day_after_the_last_sign_of_life(tmp_path: Path) -> None:
    names = [ELSEWHERE.format(n).replace("life", kind) + rest for n in (1, 2)
             for kind, rest in (("tmp", "~data"), ("life", ""))]  # fmt: skip
    long_ago = time.time() - 2 * FORGOTTEN_SECONDS
    for name in names:
        (tmp_path / name).mkdir() if name.endswith("data") else (tmp_path / name).write_text("")
        os.utime(tmp_path / name, (long_ago, long_ago))
    os.utime(tmp_path / names[-1])  # the second run works; its data are as old as itself
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[2:])


def test_a_host_whose_clock_is_ahead_removes_nothing_of_others(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / ELSEWHERE.format(1)).write_text("0")
    monkeypatch.setattr(time, "time", lambda: 4e9)
    Store(tmp_path).prepare()
    assert (tmp_path / ELSEWHERE.format(1)).exists()


def test_a_failure_does_not_replace_what_another_run_has_done(tmp_path: Path) -> None:
    store, trial = Store(tmp_path), Trial("m:f", "x", None, {}, 0)
    error = {"type": "E", "message": "", "traceback": ""}
    assert not store.put_failed(trial, error, {}).done
    store.put_done(trial, Outcome({"value": 1}), {})
    assert store.put_failed(trial, error, {}).metrics == {"value": 1}
    assert store.get(trial).done


def test_an_interrupt_leaves_no_record_without_its_arrays(tmp_path: Path, monkeypatch) -> None:
    store, trial = Store(tmp_path), Trial("m:f", "x", None, {}, 0)

    def interrupted(*call) -> Record:
        Store._put(store, *call)
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "_put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.put_done(trial, Outcome({}, {"array": np.arange(3)}), {})
    assert store.get(trial).arrays["array"].tolist() == [0, 1, 2]


CONFIGS = st.dictionaries(st.text(), st.integers() | st.floats(allow_nan=False) | st.text())


@given(CONFIGS, st.integers(0, 99))
def test_identity_ignores_the_order_of_settings(config: dict, seed: int) -> None:
    backwards = dict(reversed(config.items()))
    first = Trial("m:f", "x", None, config, seed)
    assert first.id == Trial("m:f", "x", None, backwards, seed).id
    assert first.config_id == Trial("m:f", "x", None, config, seed + 1).config_id


def test_identity_depends_on_everything_that_changes_the_result() -> None:
    base = Trial("m:f", "x", DatasetRef("mine", "/a", "sum"), {"size": 3}, 0)
    others = [
        Trial("m:g", "x", base.dataset, base.config, 0),
        Trial("m:f", "y", base.dataset, base.config, 0),
        Trial("m:f", "x", DatasetRef("mine", "/a", "other"), base.config, 0),
        Trial("m:f", "x", base.dataset, {"size": 4}, 0),
        Trial("m:f", "x", base.dataset, base.config, 1),
        Trial("m:f", "x", base.dataset, base.config, 0, version=2),
        Trial("m:f", "x", base.dataset, base.config, 0, needs=(base,)),
    ]
    assert len({trial.id for trial in [base, *others]}) == len(others) + 1
    moved = Trial("m:f", "x", DatasetRef("mine", "/b", "sum"), base.config, 0)
    assert moved.id == base.id
