"""Runs a grid of quick trials, to be killed: ``sweep_driver.py STORE N_TRIALS [SCHEDULER]``."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from study.data.reference import DataAccess
from study.errors import UserError
from study.trials.executor import open_workers
from study.trials.pace import Pace
from study.trials.progress import SweepProgress
from study.trials.running import RunningFile
from study.trials.store import Store
from study.trials.sweep import missing, sweep
from study.trials.trial import Trial
from study.trials.watch import Limits


def grid(n_trials: int, seconds: float = 0.4) -> list[Trial]:
    """Return trials of which every fourth needs the one before it."""
    trials: list[Trial] = []
    for seed in range(n_trials):
        needs = (trials[-1],) if seed % 4 == 3 else ()
        config = {"seconds": seconds}
        trials.append(Trial("sweep_procedures:draw", "draw", None, config, seed, needs=needs))
    return trials


def main(folder: str, n_trials: str, scheduler: str | None = None) -> int:
    """Run what is missing; return the number of trials that failed, or 99 for a mistake."""
    store = Store(Path(folder))
    store.prepare()
    trials = grid(int(n_trials))
    waiting = missing(trials, store)
    try:
        with (
            open_workers(2, scheduler, Limits(seconds=60)) as workers,
            RunningFile(store.folder) as heart,
            SweepProgress(waiting, Pace(), Console(stderr=True, force_terminal=False)) as progress,
        ):
            sweep(waiting, store, workers, DataAccess(), [heart, progress])
    except UserError as mistake:
        sys.stderr.write(f"{mistake}\n")
        return 99
    return len(missing(trials, store))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
