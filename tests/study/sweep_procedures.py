"""Procedures that behave badly on purpose, to be run by worker processes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from study.trial import Context, Outcome, Trial


def note(trial: Trial, context: Context) -> Outcome:
    """Write down that the trial ran, and return what it was given."""
    with (Path(trial.config["log"]) / trial.id).open("a") as log:
        log.write("ran\n")
    time.sleep(trial.config.get("seconds", 0.0))
    context.progress(1.0, "done")
    needed = sum(outcome.metrics["value"] for outcome in context.needs)
    return Outcome({"value": trial.seed + needed}, {"array": np.full(3, trial.seed)})


def fail(trial: Trial, _context: Context) -> Outcome:
    """Raise."""
    raise ValueError(f"seed {trial.seed} is bad")


def die(trial: Trial, context: Context) -> Outcome:
    """Be killed, as by the kernel when memory runs out; ``lives`` says how often."""
    deaths = Path(trial.config["log"]) / f"{trial.id}-deaths"
    count = len(deaths.read_text()) if deaths.exists() else 0
    if count < trial.config["deaths"]:
        deaths.write_text("x" * (count + 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return note(trial, context)
