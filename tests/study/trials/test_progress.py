"""Where nobody watches, the log stays short and still says all that matters."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from study.trials import progress
from study.trials.pace import Pace
from study.trials.progress import SweepProgress
from study.trials.trial import Record, Trial

TRIALS = [Trial("m:f", "learner", None, {}, seed) for seed in range(1000)]


def record(trial: Trial, error: dict[str, str] | None = None, seconds: float = 60.0) -> Record:
    status = "failed" if error else "done"
    return Record(trial, status, {"test_accuracy": 0.5}, error, {"wall_seconds": seconds}, Path())


def log(records: list[Record], terminal: bool = False) -> list[str]:
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=120)
    with SweepProgress(TRIALS, Pace(), console) as shown:
        for one in records:
            shown.started(one.trial, 0)
            shown.advanced([0.5, 0.5])
            shown.finished(one, 0)
    return [line for line in text.getvalue().splitlines() if line.strip()]


def test_a_thousand_quick_trials_are_two_lines() -> None:
    lines = log([record(trial) for trial in TRIALS])
    # Nine hundred and ninety-nine minutes for two workers.
    assert lines[0] == (
        "[1/1000] done   learner · seed 0 (0 s): test accuracy 0.500; about 8 h 20 min left"
    )
    assert lines[1].startswith("[1000/1000] done ")
    assert len(lines) == 2


def test_slow_trials_have_a_line_each(monkeypatch) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    assert len(log([record(trial) for trial in TRIALS[:7]])) == 7


def test_every_failure_is_told_in_a_line_and_counted() -> None:
    error = {"type": "ValueError", "message": "no [bold]good\nat all", "traceback": ""}
    lines = log([record(TRIALS[0]), *(record(trial, error) for trial in TRIALS[1:4])])
    assert len(lines) == 4
    assert lines[-1].startswith("[4/1000, 3 failed] failed learner · seed 3 (0 s): ValueError: ")
    assert "no [bold]good" in lines[-1]


def test_numbers_that_are_none_are_told() -> None:
    odd = Record(TRIALS[0], "done", {}, None, {"not_finite": ["loss"]}, Path())
    assert log([odd]) == ["[1/1000] done   learner · seed 0 (0 s): loss not finite"]


def test_a_terminal_shows_a_bar_for_each_worker_and_the_time_left() -> None:
    shown = "\n".join(log([record(trial) for trial in TRIALS[:3]], terminal=True))
    assert "about 8 h 18 min left" in shown
    assert shown.count("test accuracy") == 3


def test_a_trial_that_starts_twice_has_one_bar() -> None:
    shown = SweepProgress(TRIALS, Pace(), Console(file=io.StringIO(), force_terminal=True))
    shown.started(TRIALS[0], 0)
    shown.started(TRIALS[0], 0)
    assert len(shown.progress.tasks) == 2


def test_that_a_cluster_has_no_workers_is_said_once_and_so_is_that_it_has_again() -> None:
    out = io.StringIO()
    progress = SweepProgress([], Pace(), Console(file=out, force_terminal=False))
    for fractions in ([0.0], [], [], [0.0], [0.0]):
        progress.advanced(fractions)
    assert out.getvalue().count("no workers") == 1
    assert out.getvalue().count("again") == 1
