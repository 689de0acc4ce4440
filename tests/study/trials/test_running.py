"""Which trials run is known while they run, and no longer."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from study.trials import running
from study.trials.files import machine
from study.trials.life import alive
from study.trials.running import RunningFile, workers
from study.trials.trial import Record, Trial

TRIAL = Trial("m:f", "x", None, {}, 0)
DONE = Record(TRIAL, "done", {}, None, {}, Path())


OWN, DEAD = "own", "dead"


def left_behind(folder: Path, host: str, token: str, age: float = 0.0) -> Path:
    path = folder / f".run~h~{host}~{token}~running.json"
    path.write_text(json.dumps({"workers": 3, "ran": {TRIAL.id: 50.0}}))
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
        assert workers(tmp_path) == 2
        heart.finished(DONE, 0)
        heart.advanced([0.0, 0.0])
        assert running.running(tmp_path) == {}
    assert not list(tmp_path.iterdir())


def test_many_changes_are_few_writes(tmp_path: Path) -> None:
    with RunningFile(tmp_path) as heart:
        heart.advanced([0.0])
        before = heart.path.stat().st_mtime_ns
        for _ in range(100):
            heart.started(TRIAL, 0)
            heart.advanced([0.0])
            heart.finished(DONE, 0)
            heart.advanced([0.0])
        assert heart.path.stat().st_mtime_ns == before


def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    with suppress(KeyboardInterrupt), RunningFile(tmp_path) as heart:
        heart.advanced([0.0] * 7)
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("host", "token", "age", "runs"),
    [
        (machine(), OWN, 0.0, True),
        (machine(), DEAD, 0.0, False),
        (machine(), OWN, 1e4, False),
        ("another", OWN, 10.0, True),
        ("another", DEAD, 10.0, False),
        ("another", OWN, 1e4, False),
    ],
)
def test_the_dead_and_the_silent_do_not_run(
    tmp_path: Path, host: str, token: str, age: float, runs: bool
) -> None:
    with alive(tmp_path) as life:
        if host == "another":
            (tmp_path / f".life~h~another~{OWN}").write_text("0")
        path = left_behind(tmp_path, host, life.token if (host, token) == (machine(), OWN) else
                           token, age)  # fmt: skip
        if token == OWN and host == machine():
            path.rename(tmp_path / life.name("run", "running.json"))
        assert (TRIAL.id in running.running(tmp_path)) == runs
        assert workers(tmp_path) == 3 * runs


def test_clocks_of_hosts_do_not_count(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / f".life~h~another~{OWN}").write_text("0")
    left_behind(tmp_path, "another", OWN)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    (seconds,) = running.running(tmp_path).values()
    assert 50 <= seconds < 60


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "[" * 100_000, "{}", '{"workers": 1e999, "ran": {}}', '{"workers": 1, "ran": 3}',
     '{"workers": 1, "ran": {"a": NaN}}', '{"workers": 1, "ran": {"a": "b"}}', "\0"],
)  # fmt: skip
def test_damaged_files_are_passed_over(tmp_path: Path, content: str) -> None:
    with alive(tmp_path) as life:
        (tmp_path / life.name("run", "running.json")).write_text(content)
        (tmp_path / life.name("run", "other.json")).mkdir()
        assert running.running(tmp_path) == {}
        assert workers(tmp_path) == 0


def test_a_disk_without_room_does_not_end_the_run(tmp_path: Path) -> None:
    RunningFile(tmp_path / "absent").advanced([0.0])
