"""Of several commands one has a trial, the dead have none, and what they left can be had."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from study.data.reference import DataAccess
from study.trials import life as lives
from study.trials.claims import Claims, claiming
from study.trials.executor import open_workers
from study.trials.files import machine, own_prefix
from study.trials.life import Watch, alive
from study.trials.store import Store
from study.trials.sweep import sweep
from study.trials.trial import Record, Trial
from study.trials.watch import Limits

HERE = Path(__file__).parent
ELSEWHERE = ".life~elsewhere~00000000~0123456789abcdef"
KILLED = """
import os, signal, sys
from pathlib import Path
from study.trials.claims import claiming
with claiming(Path(sys.argv[1])) as mine:
    assert mine.take("trial")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_with_a_claim(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False)


def test_a_claim_is_had_once_until_it_is_given_up(tmp_path: Path) -> None:
    with claiming(tmp_path) as first, claiming(tmp_path) as second:
        assert first.take("trial")
        assert first.take("trial")  # after a worker died of it
        assert not second.take("trial")
        assert second.take("other")
        first.release("trial")
        assert second.take("trial")
    assert list(tmp_path.iterdir()) == []


def test_the_claim_of_a_killed_process_passes_on_at_once_and_to_one_alone(tmp_path: Path) -> None:
    killed_with_a_claim(tmp_path)
    assert len(list(tmp_path.glob(".claim~*"))) == 1
    with alive(tmp_path) as life:
        first, second = Claims(tmp_path, life), Claims(tmp_path, life)
        assert first.take("trial")
        assert not second.take("trial")
        first.release("trial")
        assert second.take("trial")
        second.end()
    assert not list(tmp_path.glob(".claim~*"))


def test_claims_of_the_dead_are_taken_away(tmp_path: Path) -> None:
    killed_with_a_claim(tmp_path)
    (tmp_path / ".claim~other~0123456789abcdef").write_text("left of a chain")
    Store(tmp_path).prepare()
    with claiming(tmp_path):
        assert not list(tmp_path.glob(".claim~*"))
    assert list(tmp_path.iterdir()) == []


def test_who_joins_a_chain_that_begins_otherwise_steps_back(tmp_path: Path, monkeypatch) -> None:
    killed_with_a_claim(tmp_path)
    real = Claims._created
    with alive(tmp_path) as life:
        slow, quick = Claims(tmp_path, life), Claims(tmp_path, life)

        def created(self: Claims, path: Path) -> bool:
            if self is slow and path.name.count("~") == 2:
                (tmp_path / ".claim~trial").unlink()  # its owner, whom another took for dead, ends
                assert quick.take("trial")
            return real(self, path)

        monkeypatch.setattr(Claims, "_created", created)
        assert not slow.take("trial")
        assert not slow.take("trial")
        quick.end()


def test_another_machine_is_dead_when_its_sign_stays_the_same_by_ones_own_clock(
    tmp_path: Path, monkeypatch
) -> None:
    sign, clock = tmp_path / ELSEWHERE, [0.0]
    sign.write_text("1")
    (tmp_path / ".claim~trial").write_text(f"{ELSEWHERE}/0")
    monkeypatch.setattr(lives.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(lives.time, "time", lambda: 4e9)
    with claiming(tmp_path) as mine:
        assert not mine.take("trial")
        clock[0] = 0.9 * lives.STALE_SECONDS
        sign.write_text("2")
        assert not mine.take("trial")
        clock[0] = 1.8 * lives.STALE_SECONDS
        assert not mine.take("trial")
        clock[0] = 2.0 * lives.STALE_SECONDS
        assert mine.take("trial")


@pytest.mark.parametrize("content", [b"", b"\xff", b"../../etc/passwd/0"])
def test_a_claim_that_nobody_signed_is_waited_for_as_long(
    tmp_path: Path, monkeypatch, content: bytes
) -> None:
    clock = [0.0]
    monkeypatch.setattr(lives.time, "monotonic", lambda: clock[0])
    (tmp_path / ".claim~trial").write_bytes(content)
    with claiming(tmp_path) as mine:
        assert not mine.take("trial")
        clock[0] = 1.1 * lives.STALE_SECONDS
        assert mine.take("trial")


def test_names_differ_where_host_and_process_number_are_the_same() -> None:
    assert own_prefix("tmp") != own_prefix("tmp")
    assert machine() in own_prefix("tmp")


def test_a_sign_of_life_beats_whatever_the_process_does(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(lives, "BEAT_SECONDS", 0.01)
    with alive(tmp_path) as life:
        before = life.path.read_bytes()
        deadline = time.monotonic() + 10
        while life.path.read_bytes() == before:
            assert time.monotonic() < deadline
        assert not Watch().is_dead(life.path)
    assert Watch().is_dead(life.path)


class Listener:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[Record] = []

    def started(self, trial: Trial, slot: int) -> None:
        self.begun.append(trial.id)

    def advanced(self, fractions: object) -> None: ...

    def finished(self, record: Record, slot: int | None) -> None:
        self.ended.append(record)


def test_two_sweeps_share_the_work_its_failures_too(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(HERE))
    store = Store(tmp_path / "trials")
    store.prepare()
    (tmp_path / "log").mkdir()
    config = {"log": str(tmp_path / "log"), "seconds": 0.05}
    trials = [Trial("sweep_procedures:note", "n", None, config, seed) for seed in range(12)]
    trials += [Trial("sweep_procedures:fail", "f", None, config, seed) for seed in range(4)]
    trials.append(Trial("sweep_procedures:note", "n", None, config, 99, needs=tuple(trials[:3])))
    listeners = [Listener(), Listener()]

    def run(listener: Listener) -> None:
        with open_workers(1, None, Limits()) as workers:
            sweep(trials, Store(store.folder), workers, DataAccess(), [listener])

    threads = [threading.Thread(target=run, args=(listener,)) for listener in listeners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    begun = Counter(listeners[0].begun + listeners[1].begun)
    assert begun == Counter({trial.id: 1 for trial in trials})
    assert all(listener.begun for listener in listeners)
    for listener in listeners:
        assert Counter(record.status for record in listener.ended) == {"done": 13, "failed": 4}
    assert not list(store.folder.glob(".*"))
