"""Records are compared by what they noted; what they did not note is held against none."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from study import data
from study.data import digits
from study.data.content import content
from study.data.reference import DataAccess, DatasetRef
from study.errors import UserError
from study.trials import outdated, portable, provenance
from study.trials.store import Store
from study.trials.sweep import missing, sweep
from study.trials.trial import Outcome, Record, Trial

TRIAL = Trial("m:f", "x", DatasetRef("hd-spikes"), {}, 0)
NOW = {"code_version": "1+" + provenance.sources(), "libraries": provenance.library_versions()}


def record(provenance: dict, seed: int = 0, **metrics: object) -> Record:
    trial = dataclasses.replace(TRIAL, seed=seed)
    return Record(trial, "done", metrics, None, provenance, Path())


def test_other_code_and_libraries_are_stale_and_what_was_not_noted_is_not() -> None:
    assert not outdated.of_other_making(record(NOW))
    assert outdated.of_other_making(record(NOW | {"code_version": "1+src.0123456789"}))
    assert outdated.of_other_making(record(NOW | {"libraries": {"numpy": "0.1"}}))
    fewer = {name: NOW["libraries"][name] for name in ("python", "numpy")}
    assert not outdated.of_other_making(record(NOW | {"libraries": fewer}))


def test_results_of_other_data_are_outdated_whatever_the_record_noted(monkeypatch) -> None:
    today = dataclasses.replace(digits.load(DataAccess()), checksum="today")
    monkeypatch.setattr(data, "load", lambda *_: today)
    is_outdated = outdated.of_other_data([TRIAL], DataAccess())
    assert not is_outdated(record({"data": {"hd-spikes": content(today)}}))
    assert is_outdated(record({"data": {"hd-spikes": "other"}}, data_checksum="today"))
    assert not is_outdated(record({}, data_checksum="today"))
    assert is_outdated(record({}, data_checksum="before"))
    assert not is_outdated(record({}))


def test_without_the_data_nothing_is_outdated(monkeypatch) -> None:
    def absent(*_: object) -> None:
        raise UserError("nowhere")

    monkeypatch.setattr(data, "load", absent)
    assert not outdated.of_other_data([TRIAL], DataAccess())(record({}, data_checksum="before"))


def test_content_follows_every_array() -> None:
    dataset = digits.load(DataAccess())
    labels = dataset.test.labels.copy()
    labels[-1] += 1
    other = dataclasses.replace(dataset, test=dataclasses.replace(dataset.test, labels=labels))
    assert content(dataset) == content(digits.load(DataAccess()))
    assert content(dataset) != content(other)


@pytest.mark.parametrize(
    ("key", "first", "second", "told"),
    [
        ("code_version", "1+src.a", "1+src.b", "versions of the code"),
        ("libraries", {"torch": "1"}, {"torch": "2"}, "versions of libraries"),
        ("data", {"x": "1"}, {"x": "2"}, "contents of a data set"),
        ("vector_units", {"torch": "AVX2"}, {"torch": "AVX512"}, "vector units"),
        ("threads", 1, 2, "numbers of threads"),
    ],
)
def test_rows_that_mix_say_so(key: str, first: object, second: object, told: str) -> None:
    assert outdated.told([record({key: first}, 0), record({key: first}, 1)]) == []
    (sentence,) = outdated.told([record({key: first}, 0), record({key: second}, 1), record({}, 2)])
    assert sentence.startswith("1 of 1 configurations")
    assert told in sentence


class Instant:
    """Workers that are done at once."""

    fractions = (0.0,)

    def submit(self, _slot, trial, needs, _data):
        from concurrent.futures import Future

        from study.trials.worker import Result

        future: Future[Result] = Future()
        outcome = Outcome({"v": 2}, {"a": np.ones(2)}) if trial.seed else None
        error = None if outcome else {"type": "E", "message": "no", "traceback": ""}
        future.set_result(Result(outcome, error, {"new": True}))
        return future


def test_an_old_record_stays_until_the_new_one_is_there(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.prepare()
    trials = [dataclasses.replace(TRIAL, seed=seed) for seed in (0, 1)]
    for trial in trials:
        store.put_done(trial, Outcome({"v": 1}, {"a": np.zeros(2)}), {})

    def is_old(kept: Record) -> bool:
        return "new" not in kept.provenance

    assert missing(trials, store) == []
    waiting = missing(trials, store, is_old)
    assert waiting == trials
    sweep(waiting, store, Instant(), DataAccess(), [], is_old)
    failed, done = (store.get(trial) for trial in trials)
    assert failed.metrics == {"v": 1}
    assert failed.arrays["a"].tolist() == [0, 0]
    assert done.metrics == {"v": 2}
    assert done.arrays["a"].tolist() == [1, 1]
    assert len(list(tmp_path.iterdir())) == 4


def test_a_record_names_vector_units_and_threads() -> None:
    told = provenance.of_process()
    assert told["vector_units"]["numpy"]
    assert told["threads"] >= 1


def test_workers_are_held_to_units_that_other_processors_have(monkeypatch) -> None:
    used = frozenset({"AVX2", "FMA3", "AVX512F", "AVX512_SKX"})
    monkeypatch.setattr(portable, "_features", lambda: used)
    assert portable.variables(False) == {"ATEN_CPU_CAPABILITY": "avx2"}
    told = portable.variables(True)
    assert told["NPY_DISABLE_CPU_FEATURES"] == "AVX512F AVX512_SKX"
    assert "avx512" not in told["NUMBA_CPU_FEATURES"]
    monkeypatch.setattr(portable, "_features", lambda: frozenset({"ASIMD"}))
    assert portable.variables(True) == {}


def test_a_library_that_one_process_had_not_loaded_is_no_difference() -> None:
    units = [{"numpy": "AVX2"}, {"numpy": "AVX2", "torch": "AVX2"}]
    assert outdated.told([record({"vector_units": one}, n) for n, one in enumerate(units)]) == []
