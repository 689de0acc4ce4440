"""Sweeps run what is missing, in order, and lose nothing when something goes wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from study.data.reference import DataAccess
from study.errors import UserError
from study.executor import LocalWorkers, Workers, open_workers
from study.store import Store
from study.sweep import missing, sweep, with_needs
from study.trial import Record, Trial

HERE = Path(__file__).parent


class Listener:
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def started(self, trial: Trial, slot: int) -> None: ...

    def advanced(self, fractions: Any) -> None: ...

    def finished(self, record: Record, slot: int | None) -> None:
        self.records.append(record)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    # Spawned processes get the parent's search path.
    sys.path.insert(0, str(HERE))
    with open_workers(2, None) as pool:
        yield pool
    sys.path.remove(str(HERE))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "trials")
    made.prepare()
    (tmp_path / "log").mkdir()
    return made


def trial(store: Store, seed: int, behaviour: str = "note", needs=(), **config) -> Trial:
    log = str(store.folder.parent / "log")
    return Trial(f"sweep_procedures:{behaviour}", behaviour, None, {"log": log} | config, seed,
                 needs=tuple(needs))  # fmt: skip


def run(trials: list[Trial], store: Store, workers: Workers) -> list[Record]:
    listener = Listener()
    sweep(missing(trials, store), store, workers, DataAccess(), listener)
    return listener.records


def times_run(store: Store, which: Trial) -> int:
    return len((store.folder.parent / "log" / which.id).read_text().splitlines())


def test_trials_run_once_and_never_again(store: Store, workers: Workers) -> None:
    trials = [trial(store, seed) for seed in range(5)]
    assert len(run(trials, store, workers)) == 5
    assert run(trials, store, workers) == []
    assert [times_run(store, one) for one in trials] == [1] * 5
    record = store.get(trials[3])
    assert record is not None
    assert record.metrics == {"value": 3}
    assert record.arrays["array"].tolist() == [3, 3, 3]
    assert record.provenance["wall_seconds"] >= 0


def test_needs_run_first_and_hand_over_their_outcome(store: Store, workers: Workers) -> None:
    first, second = trial(store, 10, seconds=0.2), trial(store, 20)
    last = trial(store, 1, needs=(first, second))
    assert [one.id for one in with_needs([last])] == [first.id, second.id, last.id]
    run([last, first], store, workers)
    record = store.get(last)
    assert record is not None
    assert record.metrics == {"value": 31}


def test_a_failure_is_recorded_tried_again_and_does_not_stop_others(
    store: Store, workers: Workers
) -> None:
    bad, good = trial(store, 7, "fail"), trial(store, 8)
    after = trial(store, 9, needs=(bad,))
    run([after, good], store, workers)
    found = store.get(bad)
    assert found is not None
    assert found.error is not None
    assert found.error["type"] == "ValueError"
    assert "seed 7 is bad" in found.error["message"]
    assert "sweep_procedures.py" in found.error["traceback"]
    dependent = store.get(after)
    assert dependent is not None
    assert dependent.error is not None
    assert dependent.error["type"] == "NeedFailed"
    assert [one.id for one in missing([after, good], store)] == [bad.id, after.id]


def test_a_killed_worker_loses_no_other_trial(store: Store, workers: Workers) -> None:
    once = trial(store, 1, "die", deaths=1)
    always = trial(store, 2, "die", deaths=99)
    others = [trial(store, seed, seconds=0.05) for seed in range(3, 9)]
    run([always, once, *others], store, workers)
    states = {one.seed: store.get(one).status for one in [once, always, *others]}
    assert states == {1: "done", 2: "failed"} | dict.fromkeys(range(3, 9), "done")
    error = store.get(always).error
    assert error["type"] == "WorkerDied"


def test_an_unwritable_store_is_told_in_a_sentence(store: Store, workers: Workers, monkeypatch):
    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "put_done", full)
    with pytest.raises(UserError, match="No space left on device"):
        run([trial(store, 1)], store, workers)


def test_workers_restart_with_fresh_processes() -> None:
    workers = LocalWorkers(1)
    before = workers.submit(os.getpid).result()
    workers.restart()
    assert workers.submit(os.getpid).result() != before
    workers.stop()


def test_a_cluster_that_does_not_answer_is_a_users_mistake() -> None:
    pytest.importorskip("distributed")
    with (
        pytest.raises(UserError, match="no Dask scheduler answers"),
        open_workers(1, "tcp://127.0.0.1:9"),
    ):
        pass


def test_a_cluster_runs_the_same_trials(store: Store, tmp_path: Path, monkeypatch) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.syspath_prepend(str(HERE))
    first = trial(store, 4)
    last = trial(store, 5, needs=(first,))
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None,
            local_directory=str(tmp_path),
        ) as cluster,
        open_workers(1, cluster.scheduler_address) as remote,
    ):  # fmt: skip
        records = run([last, trial(store, 6, "fail")], store, remote)
    assert [record.status for record in records].count("done") == 2
    found = store.get(last)
    assert found is not None
    assert found.metrics == {"value": 9}
