"""Records are whole or absent, come back as they went in, and survive litter."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.data.reference import DatasetRef
from study.store import Store, remove_leftovers, write_atomic
from study.trial import Outcome, Trial

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
    assert record.provenance == {"cpu": "some"}


def test_a_failure_is_a_record_too(store: Store) -> None:
    store.put_failed(TRIAL, {"type": "ValueError", "message": "no", "traceback": ""}, {})
    record = store.get(TRIAL)
    assert record is not None
    assert not record.done
    assert record.error == {"type": "ValueError", "message": "no", "traceback": ""}


@pytest.mark.parametrize("content", ["", "{", '{"status": "done"}'])
def test_a_damaged_record_counts_as_missing(store: Store, content: str) -> None:
    (store.folder / f"{TRIAL.id}.json").write_text(content)
    assert store.get(TRIAL) is None


def test_numbers_without_a_json_form_become_null(store: Store) -> None:
    store.put_done(TRIAL, Outcome({"loss": float("nan"), "n": np.int64(3)}), {})
    record = store.get(TRIAL)
    assert record is not None
    assert record.metrics == {"loss": None, "n": 3}


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


def test_leftovers_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    host = socket.gethostname()
    living = tmp_path / f".tmp-{host}-{os.getpid()}-a.json"
    dead = tmp_path / f".tmp-{host}-999999999-b.json"
    elsewhere = tmp_path / ".tmp-another-host-1-c.json"
    for path in (living, dead, elsewhere):
        path.write_text("")
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([living.name, elsewhere.name])


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
