"""A grid of 10,000 trials: nothing in a sweep grows with what waits or with what is done."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest

from study.data.reference import DataAccess
from study.trials import measure
from study.trials.store import Store
from study.trials.sweep import missing, sweep
from study.trials.trial import Outcome, Record, Trial
from study.trials.worker import Result

pytestmark = pytest.mark.slow

N_TRIALS = 10_000


class Instant:
    """Workers that are done at once."""

    fractions = (0.0, 0.0)

    def submit(
        self, _slot: int, trial: Trial, needs: Sequence[Outcome], _data: DataAccess
    ) -> Future[Result]:
        future: Future[Result] = Future()
        value = trial.seed + sum(outcome.metrics["value"] for outcome in needs)
        future.set_result(Result(Outcome({"value": value}), None, {"wall_seconds": 0.0}))
        return future


class Watcher:
    """Notes memory and time after every hundredth trial."""

    def __init__(self) -> None:
        self.n_finished = 0
        self.held_mb: list[float] = []
        self.at: list[float] = []

    def started(self, trial: Trial, slot: int) -> None: ...

    def advanced(self, fractions: Sequence[float]) -> None: ...

    def finished(self, record: Record, slot: int | None) -> None:
        self.n_finished += 1
        if self.n_finished % 100 == 0:
            self.held_mb.append(measure.held_mb(os.getpid()) or 0.0)
            self.at.append(time.process_time())


def grid() -> list[Trial]:
    """Return trials with settings as many as a learner has; every tenth is needed by nine."""
    config = {f"setting_{number}": number / 3 for number in range(30)}
    trials: list[Trial] = []
    for seed in range(N_TRIALS):
        needs = (trials[seed - seed % 10],) if seed % 10 else ()
        trials.append(Trial("m:f", "fake", None, config, seed, needs=needs))
    return trials


def test_ten_thousand_trials_keep_memory_flat_and_are_listed_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "trials")
    store.prepare()
    trials, watcher = grid(), Watcher()
    sweep(missing(trials, store), store, Instant(), DataAccess(), [watcher])
    assert watcher.n_finished == N_TRIALS
    half = len(watcher.held_mb) // 2
    assert watcher.held_mb[-1] - watcher.held_mb[half] < 5
    records = store.records(trials)
    assert len(records) == N_TRIALS
    assert records[trials[9].id].metrics == {"value": 9}
    assert records[trials[-1].id].metrics == {"value": trials[-1].seed + N_TRIALS - 10}
    assert missing(trials, store) == []
