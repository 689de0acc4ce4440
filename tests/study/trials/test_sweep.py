"""Sweeps run what is missing, in order, and lose nothing when something goes wrong."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from study.data.reference import DataAccess, DatasetRef
from study.errors import UserError
from study.trials import executor, measure
from study.trials.executor import LocalWorkers, Workers, open_workers
from study.trials.store import Store
from study.trials.sweep import missing, sweep, with_needs
from study.trials.trial import Outcome, Record, Trial
from study.trials.watch import Limits, Memory

HERE = Path(__file__).parent


class Listener:
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.begun: list[str] = []

    def started(self, trial: Trial, slot: int) -> None:
        self.begun.append(trial.id)

    def advanced(self, fractions: Sequence[float]) -> None: ...

    def finished(self, record: Record, slot: int | None) -> None:
        self.records.append(record)


@pytest.fixture(scope="module", autouse=True)
def _procedures_can_be_imported() -> Iterator[None]:
    # Worker processes get the parent's search path.
    sys.path.insert(0, str(HERE))
    yield
    sys.path.remove(str(HERE))


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with open_workers(2, None, Limits()) as pool:
        yield pool


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
    sweep(missing(trials, store), store, workers, DataAccess(), [listener])
    return listener.records


def times_run(store: Store, which: Trial) -> int:
    return len((store.folder.parent / "log" / which.id).read_text().splitlines())


def found(store: Store, which: Trial) -> Record:
    record = store.get(which)
    assert record is not None
    return record


def error_of(store: Store, which: Trial) -> tuple[str, str]:
    error = found(store, which).error
    assert error is not None
    return error["type"], error["message"]


def test_trials_run_once_and_never_again(store: Store, workers: Workers) -> None:
    trials = [trial(store, seed) for seed in range(5)]
    assert len(run(trials, store, workers)) == 5
    assert run(trials, store, workers) == []
    assert [times_run(store, one) for one in trials] == [1] * 5
    record = found(store, trials[3])
    assert record.metrics == {"value": 3}
    assert record.arrays["array"].tolist() == [3, 3, 3]
    assert record.provenance["wall_seconds"] >= 0


def test_needs_run_first_and_hand_over_their_outcome(store: Store, workers: Workers) -> None:
    first, second = trial(store, 10, seconds=0.2), trial(store, 20)
    last = trial(store, 1, needs=(first, second))
    assert [one.id for one in with_needs([last])] == [first.id, second.id, last.id]
    run([last, first], store, workers)
    assert found(store, last).metrics == {"value": 31}


def test_trials_start_in_the_order_of_the_list_as_far_as_needs_allow(
    store: Store, workers: Workers
) -> None:
    needed = trial(store, 0, seconds=0.3)
    trials = [needed, trial(store, 1, needs=(needed,)), *(trial(store, s) for s in range(2, 8))]
    listener = Listener()
    sweep(trials, store, workers, DataAccess(), [listener])
    assert listener.begun[:2] == [needed.id, trials[2].id]
    independent = [one.id for one in trials if not one.needs]
    assert [begun for begun in listener.begun if begun != trials[1].id] == independent


def test_one_of_each_kind_runs_first_and_others_keep_their_order(store: Store) -> None:
    a, b, c = trial(store, 0), trial(store, 1), trial(store, 2)
    other = dataclasses.replace(a, subject="other")
    assert missing([a, b, c, other], store) == [a, other, b, c]


def test_a_need_of_many_is_waited_for_by_all(store: Store, workers: Workers) -> None:
    shared = trial(store, 5, "draw")
    others = [trial(store, 6 + k, "draw", needs=(shared,)) for k in range(4)]
    last = trial(store, 99, "draw", needs=(*others, shared))
    run([last], store, workers)
    assert found(store, last).done


def test_a_failure_is_recorded_tried_again_and_does_not_stop_others(
    store: Store, workers: Workers
) -> None:
    bad, worse, good = trial(store, 7, "fail"), trial(store, 6, "fail"), trial(store, 8)
    after = trial(store, 9, needs=(bad, worse, good))
    records = run([after, good], store, workers)
    kind, message = error_of(store, bad)
    assert (kind, message) == ("ValueError", "seed 7 is bad")
    assert "sweep_procedures.py" in (found(store, bad).error or {})["traceback"]
    assert error_of(store, after)[0] == "NeedFailed"
    assert len(records) == 4
    assert {one.id for one in missing([after, good], store)} == {bad.id, worse.id, after.id}


def test_a_killed_worker_loses_no_other_trial(store: Store, workers: Workers) -> None:
    once = trial(store, 1, "die", deaths=1)
    always = trial(store, 2, "die", deaths=99)
    others = [trial(store, seed, seconds=0.05) for seed in range(3, 9)]
    run([always, once, *others], store, workers)
    states = {one.seed: found(store, one).status for one in [once, always, *others]}
    assert states == {1: "done", 2: "failed"} | dict.fromkeys(range(3, 9), "done")
    kind, message = error_of(store, always)
    assert kind == "WorkerDied"
    assert "SIGKILL" in message
    assert [times_run(store, one) for one in others] == [1] * 6


def test_a_trial_that_never_ends_is_ended_and_the_others_go_on(store: Store) -> None:
    endless, others = trial(store, 1, "never_end"), [trial(store, seed) for seed in range(2, 6)]
    with open_workers(2, None, Limits(seconds=1.5)) as pool:
        run([endless, *others], store, pool)
    assert error_of(store, endless) == ("TimeLimit", "took longer than --time-limit 1.5 s")
    assert found(store, endless).provenance["wall_seconds"] >= 1.5
    assert all(found(store, one).done for one in others)


needs_proc = pytest.mark.skipif(
    measure.held_mb(os.getpid()) is None, reason="this system does not tell the memory held"
)


@needs_proc
def test_a_trial_that_takes_too_much_memory_is_ended_and_the_others_go_on(store: Store) -> None:
    greedy, modest = trial(store, 1, "fill_memory", megabytes=2000), trial(store, 2)
    with open_workers(2, None, Limits(memory_mb=150)) as pool:
        run([greedy, modest], store, pool)
    kind, message = error_of(store, greedy)
    assert kind == "MemoryLimit"
    assert "more than --memory-limit 150" in message
    assert found(store, modest).done


@needs_proc
def test_without_a_limit_the_largest_worker_ends_before_memory_does(
    store: Store, monkeypatch
) -> None:
    # What both may hold together is all that a small machine has.
    monkeypatch.setattr(measure, "machine_mb", lambda: 300 / executor.SHARE)
    greedy = trial(store, 1, "fill_memory", megabytes=2000)
    modest = trial(store, 2, "fill_memory", megabytes=60)
    with open_workers(2, None, Limits()) as pool:
        run([greedy, modest], store, pool)
    kind, message = error_of(store, greedy)
    assert kind == "MemoryLimit"
    assert "was the largest" in message
    assert found(store, modest).done


def test_what_is_no_outcome_is_a_failure_of_its_trial_alone(store: Store, workers) -> None:
    wrong, right = trial(store, 1, "forget_to_return"), trial(store, 2)
    run([wrong, right], store, workers)
    assert error_of(store, wrong) == (
        "TypeError", "sweep_procedures:forget_to_return returned NoneType, not an Outcome"
    )  # fmt: skip
    assert found(store, right).done


def test_a_process_that_cannot_be_started_is_a_failure(store: Store, monkeypatch) -> None:
    def none_left(*_: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(executor, "Child", none_left)
    with open_workers(1, None, Limits()) as pool:
        run([trial(store, 1), trial(store, 2)], store, pool)
    assert {error_of(store, trial(store, seed))[0] for seed in (1, 2)} == {"BlockingIOError"}


def test_what_another_run_did_meanwhile_is_taken_over(store: Store, workers) -> None:
    needed = trial(store, 1)
    dependent = trial(store, 2, needs=[needed])
    waiting = missing([dependent], store)
    Store(store.folder).put_done(needed, Outcome({"value": 40}), {})
    listener = Listener()
    sweep(waiting, store, workers, DataAccess(), [listener])
    assert found(store, dependent).metrics == {"value": 42}
    assert not (store.folder.parent / "log" / needed.id).exists()
    assert [record.trial.id for record in listener.records] == [needed.id, dependent.id]


def test_a_packed_trial_is_run_again_only_where_its_files_are_needed(store: Store) -> None:
    needed, alone = trial(store, 1, "draw"), trial(store, 3, "draw")
    dependent = trial(store, 2, "draw", needs=[needed])
    for each in (needed, alone):
        store.put_done(each, Outcome({"value": 1}), {"files_left_out": ["network.nir"]})
    assert missing([alone, dependent], store) == [needed, dependent]
    store.put_done(dependent, Outcome({"value": 1}), {})
    assert missing([alone, dependent], store) == []


def test_only_the_largest_worker_has_to_end_and_then_counts_no_more(monkeypatch) -> None:
    held = {1: 60.0, 2: 50.0, 3: None}
    monkeypatch.setattr(measure, "held_mb", held.get)
    memory = Memory(100.0)
    assert memory.problem(1, None) is None
    assert memory.problem(2, None) is None
    assert "60 MB, when the workers held 110 MB of 100" in (memory.problem(1, None) or "")
    memory.forget(1)
    assert memory.problem(2, None) is None
    assert memory.problem(2, 50.0) is None
    assert "--memory-limit 49.5" in (memory.problem(2, 49.5) or "")
    assert memory.problem(3, 1.0) is None
    # What was freed since is not counted, and what no trial holds is nobody's fault.
    memory.idle(1)
    held.update({1: 80.0, 2: 30.0})
    assert "30 MB, when the workers held 110 MB" in (memory.problem(2, None) or "")
    held[1] = 20.0
    assert memory.problem(2, None) is None
    unlimited = Memory(None)
    assert [unlimited.problem(pid, None) for pid in held] == [None] * 3


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        ("ask_too_much", "MemoryError"),
        ("unkeepable", "TypeError"),
        ("unsendable", "AttributeError"),
    ],
)
def test_what_cannot_be_had_kept_or_sent_is_a_failure(
    store: Store, workers: Workers, behaviour: str, kind: str
) -> None:
    odd, good = trial(store, 1, behaviour), trial(store, 2)
    run([odd, good], store, workers)
    assert error_of(store, odd)[0] == kind
    assert found(store, good).done


def test_numbers_that_are_none_are_named_in_the_record(store: Store, workers: Workers) -> None:
    odd = trial(store, 1, "nan")
    run([odd], store, workers)
    record = found(store, odd)
    assert record.metrics == {"loss": None, "curve": [1.0, None], "value": 1}
    assert record.provenance["not_finite"] == ["loss", "curve"]


def test_what_a_trial_prints_does_not_disturb(store: Store, workers: Workers) -> None:
    chatty = trial(store, 1, "chat")
    run([chatty], store, workers)
    assert found(store, chatty).done


@pytest.mark.parametrize("content", [b"no archive", None])
def test_what_is_damaged_or_gone_is_run_again(
    store: Store, workers: Workers, content: bytes | None
) -> None:
    needed, after = trial(store, 1), trial(store, 2)
    run([needed, after], store, workers)
    arrays = store.folder / f"{needed.id}.npz"
    arrays.write_bytes(content) if content else arrays.unlink()
    assert [one.id for one in missing([needed, after], store)] == [needed.id]
    run([trial(store, 4, needs=(needed,)), after], store, workers)
    assert found(store, trial(store, 4, needs=(needed,))).done
    assert found(store, needed).arrays["array"].tolist() == [1, 1, 1]
    assert times_run(store, needed) == 2
    assert times_run(store, after) == 1
    assert len(list(store.folder.glob(f"{needed.id}*"))) == 2


def test_a_record_damaged_under_way_fails_only_who_needs_it(
    store: Store, workers: Workers, monkeypatch
) -> None:
    needed = trial(store, 1)
    run([needed], store, workers)
    after, other = trial(store, 2, needs=(needed,)), trial(store, 3)
    waiting = missing([after, other], store)
    (store.folder / f"{needed.id}.npz").write_bytes(b"no archive")
    sweep(waiting, store, workers, DataAccess(), [])
    assert not found(store, after).done
    assert found(store, other).done


def no_room(*_args: object) -> None:
    raise OSError(28, "No space left on device")


def test_where_nothing_can_be_kept_nothing_more_is_started(
    store: Store, workers: Workers, monkeypatch
) -> None:
    monkeypatch.setattr(store, "put_done", no_room)
    listener, trials = Listener(), [trial(store, seed) for seed in range(8)]
    with pytest.raises(UserError, match="No space left on device"):
        sweep(trials, store, workers, DataAccess(), [listener])
    assert len(listener.begun) <= 3
    assert {record.status for record in listener.records} == {"failed"}
    assert store.records(trials) == {}


def test_an_unwritable_store_is_told_in_a_sentence(store: Store, workers: Workers, monkeypatch):
    monkeypatch.setattr(store, "put_done", no_room)
    monkeypatch.setattr(store, "put_failed", no_room)
    with pytest.raises(UserError, match="No space left on device"):
        run([trial(store, 1)], store, workers)


def test_workers_are_processes_that_serve_again_and_again_with_one_thread(store: Store) -> None:
    trials = [trial(store, seed, "look") for seed in range(3)]
    with open_workers(1, None, Limits()) as pool:
        run(trials, store, pool)
    seen = [found(store, one).metrics for one in trials]
    assert {entry["threads"] for entry in seen} == {"1"}
    (pid,) = {entry["pid"] for entry in seen}
    assert pid != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_stopping_ends_what_runs(store: Store) -> None:
    pool = LocalWorkers(1)
    future = pool.submit(0, trial(store, 1, "never_end"), [], DataAccess())
    pool.stop()
    result = future.result()
    assert result.error is not None
    assert result.error["type"] == "WorkerDied"


@needs_proc
def test_trials_of_one_data_set_share_its_memory(tmp_path: Path, workers: Workers) -> None:
    from study import data
    from study.data import shared

    path = tmp_path / "large.npz"
    pixels = np.random.default_rng(0).integers(0, 255, (4000, 64, 64), dtype=np.uint8)
    np.savez(path, images=pixels, labels=np.arange(4000) % 10)
    ref = data.parse(str(path))
    dataset = data.load(ref, DataAccess())
    size_mb = dataset.train.pixels.nbytes / 2**20
    shared.share(ref, dataset, tmp_path / "shared")
    store = Store(tmp_path / "trials")
    store.prepare()

    def own_memory(seed: int, access: DataAccess) -> tuple[float, float]:
        one = Trial("sweep_procedures:load", "load", ref, {}, seed)
        sweep([one], store, workers, access, [])
        metrics = found(store, one).metrics
        return metrics["value"], metrics["own_mb"]

    copied, copy_mb = own_memory(1, DataAccess())
    mapped, mapped_mb = own_memory(2, DataAccess(shared=tmp_path / "shared"))
    assert mapped == copied
    assert copy_mb > 0.9 * size_mb
    assert mapped_mb < 0.1 * size_mb


def test_shared_data_are_the_same_and_can_be_written_without_harm(tmp_path: Path) -> None:
    from study import data
    from study.data import shared

    ref = DatasetRef("digits")
    dataset = data.load(ref, DataAccess())
    shared.share(ref, dataset, tmp_path)
    for _ in range(2):
        copy = data.load(ref, DataAccess(shared=tmp_path))
        assert copy.checksum == dataset.checksum
        for part in ("train", "validation", "test"):
            ours, theirs = getattr(dataset, part), getattr(copy, part)
            for field in dataclasses.fields(ours):
                np.testing.assert_array_equal(
                    getattr(ours, field.name), getattr(theirs, field.name)
                )
        copy.train.pixels[:] = 7
    assert shared.find(DatasetRef("mnist"), tmp_path) is None


def test_a_cluster_that_does_not_answer_is_a_users_mistake(monkeypatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(executor, "CONNECT_SECONDS", 0.5)
    with (
        pytest.raises(UserError, match="no Dask scheduler answers"),
        open_workers(1, "tcp://127.0.0.1:9", Limits()),
    ):
        pass


def refused_without_workers(folder: Path, monkeypatch) -> None:
    """Ask a cluster without workers for some: that is a user's mistake."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(executor, "FIRST_WORKER_SECONDS", 0.5)
    with (
        distributed.LocalCluster(
            n_workers=0, processes=False, dashboard_address=":0", local_directory=str(folder)
        ) as cluster,
        pytest.raises(UserError, match="has no workers"),
        open_workers(1, cluster.scheduler_address, Limits()),
    ):
        pass


def test_a_cluster_without_workers_is_a_users_mistake(tmp_path: Path, monkeypatch) -> None:
    refused_without_workers(tmp_path, monkeypatch)


def test_a_cluster_runs_the_same_trials_under_the_same_limits(store: Store, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    first = trial(store, 4)
    last = trial(store, 5, needs=(first,))
    killed, endless = trial(store, 7, "die", deaths=1), trial(store, 8, "never_end")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0",
            local_directory=str(tmp_path),
        ) as cluster,
        open_workers(1, cluster.scheduler_address, Limits(seconds=1.5)) as remote,
    ):  # fmt: skip
        records = run([last, trial(store, 6, "fail"), killed, endless], store, remote)
    assert [record.status for record in records].count("done") == 3
    assert found(store, last).metrics == {"value": 9}
    assert error_of(store, endless)[0] == "TimeLimit"


def test_a_trial_that_nobody_waits_for_leaves_its_worker_to_others(
    store: Store, tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed")
    # The second one dies so that no idle process outlives the cluster's threads.
    endless, next_one = trial(store, 9, "never_end"), trial(store, 10, "die", deaths=1)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0",
        local_directory=str(tmp_path),
    ) as cluster:  # fmt: skip
        with open_workers(1, cluster.scheduler_address, Limits()) as remote:
            abandoned = remote.submit(0, endless, (), DataAccess())
            while not cluster.workers[0].state.executing_count:
                time.sleep(0.01)
        with open_workers(1, cluster.scheduler_address, Limits()) as remote:
            result = remote.submit(0, next_one, (), DataAccess()).result(timeout=60)
    assert result.error["type"] == "WorkerDied"
    assert abandoned.cancelled()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("small disks need root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_on_a_full_disk_what_fits_is_kept_and_the_rest_is_told(
    small_disk: Path, workers: Workers, tmp_path: Path
) -> None:
    store = Store(small_disk / "trials")
    store.prepare()
    (small_disk / "log").mkdir()
    too_large = trial(store, 1, "large", megabytes=6)
    small = [trial(store, seed) for seed in range(2, 6)]
    with pytest.raises(UserError, match="No space left on device"):
        run([*small, too_large], store, workers)
    assert store.get(too_large) is None
    run(small, store, workers)
    assert all(found(store, one).done for one in small)
    assert not list(store.folder.glob(f"{too_large.id}*.npz"))

    filler = small_disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as stream:
        while True:
            stream.write(bytes(4096))
    others = [trial(store, seed, "large", megabytes=1) for seed in range(6, 9)]
    with pytest.raises(UserError, match="No space left on device"):
        run(others, store, workers)
    assert all(found(store, one).done for one in small)
    assert not list(store.folder.glob(".tmp*"))

    filler.unlink()
    run(others[:1], store, workers)
    assert found(store, others[0]).done


def test_a_cluster_without_workers_is_told_before_patience_ends(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(executor, "TOLD_SECONDS", 0.1)
    refused_without_workers(tmp_path, monkeypatch)
    assert "has no workers yet" in capsys.readouterr().err
