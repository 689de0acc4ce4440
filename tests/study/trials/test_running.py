"""Which trials run is known while they run, and no longer."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import pytest

from study.trials import running
from study.trials.running import RunningFile, last_workers
from study.trials.store import Store
from study.trials.trial import Record, Trial

TRIAL = Trial("m:f", "x", None, {}, 0)
DONE = Record(TRIAL, "done", {}, None, {}, Path())


def left_behind(folder: Path, host: str, pid: int, age: float = 0.0, workers: int = 3) -> Path:
    path = folder / f".run~{host}~{pid}~running.json"
    path.write_text(json.dumps({"workers": workers, "since": {TRIAL.id: time.time() - 50}}))
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_a_trial_runs_from_its_start_to_its_record(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(running, "CHANGE_SECONDS", 0.0)
    with RunningFile(tmp_path) as heart:
        heart.advanced([0.0, 0.0])
        assert running.running(tmp_path) == {}
        heart.started(TRIAL, 0)
        heart.advanced([0.0, 0.0])
        (seconds,) = running.running(tmp_path).values()
        assert 0 <= seconds < 60
        assert last_workers(tmp_path) == 2
        heart.finished(DONE, 0)
        heart.advanced([0.0, 0.0])
        assert running.running(tmp_path) == {}
    assert not list(tmp_path.iterdir())


def test_many_changes_are_few_writes(tmp_path: Path) -> None:
    heart = RunningFile(tmp_path)
    heart.advanced([0.0])
    before = heart.path.stat().st_ino
    for _ in range(100):
        heart.started(TRIAL, 0)
        heart.advanced([0.0])
        heart.finished(DONE, 0)
        heart.advanced([0.0])
    assert heart.path.stat().st_ino == before


def test_an_interrupted_run_says_how_many_workers_it_had(tmp_path: Path) -> None:
    heart = RunningFile(tmp_path)
    heart.__enter__()
    heart.advanced([0.0] * 7)
    heart.__exit__(KeyboardInterrupt, None, None)
    assert last_workers(tmp_path) == 7


@pytest.mark.parametrize(
    ("host", "pid", "age", "runs"),
    [
        (socket.gethostname(), os.getpid(), 0.0, True),
        (socket.gethostname(), 999_999_999, 0.0, False),
        (socket.gethostname(), os.getpid(), 1e4, False),
        ("another-host", 1, 10.0, True),
        ("another-host", 1, 1e4, False),
    ],
)
def test_the_dead_and_the_silent_do_not_run(
    tmp_path: Path, host: str, pid: int, age: float, runs: bool
) -> None:
    left_behind(tmp_path, host, pid, age)
    assert (TRIAL.id in running.running(tmp_path)) == runs
    assert last_workers(tmp_path) == 3


def test_damaged_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".run~another-host~1~running.json").write_text("{")
    assert running.running(tmp_path) == {}
    assert last_workers(tmp_path) == 1


def test_the_next_run_removes_what_the_dead_left(tmp_path: Path) -> None:
    dead = left_behind(tmp_path, socket.gethostname(), 999_999_999)
    elsewhere = left_behind(tmp_path, "another-host", 1, 1e4)
    Store(tmp_path).prepare()
    assert not dead.exists()
    assert elsewhere.exists()


def test_a_disk_without_room_does_not_end_the_run(tmp_path: Path) -> None:
    RunningFile(tmp_path / "absent").advanced([0.0])
