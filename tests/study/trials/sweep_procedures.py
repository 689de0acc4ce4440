"""Procedures that behave badly on purpose, to be run by worker processes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from study.trials.trial import Context, Outcome, Trial


def note(trial: Trial, context: Context) -> Outcome:
    """Write down that the trial ran, and return what it was given."""
    with (Path(trial.config["log"]) / trial.id).open("a") as log:
        log.write("ran\n")
    time.sleep(trial.config.get("seconds", 0.0))
    context.progress(1.0, "done")
    needed = sum(outcome.metrics["value"] for outcome in context.needs)
    return Outcome({"value": trial.seed + needed}, {"array": np.full(3, trial.seed)})


def _log(trial: Trial) -> None:
    """Write down that a trial ran, where the test wants to know."""
    if folder := os.environ.get("TRIALS_LOG"):
        with (Path(folder) / trial.id).open("a") as log:
            log.write("ran\n")


def draw(trial: Trial, context: Context) -> Outcome:
    """Return what depends on every bit of the seed and of what was needed, after some time."""
    _log(trial)
    rng = np.random.default_rng(trial.seed)
    time.sleep(trial.config.get("seconds", 0.0) * rng.random())
    matrix = rng.standard_normal((50, 50)) + sum(
        outcome.arrays["drawn"].mean() for outcome in context.needs
    )
    drawn = np.linalg.svd(matrix @ matrix, compute_uv=False)
    files = {"drawn.bin": drawn.tobytes()}
    return Outcome({"value": float(drawn[3]), "sum": float(drawn.sum())}, {"drawn": drawn}, files)


def fail(trial: Trial, _context: Context) -> Outcome:
    """Raise."""
    raise ValueError(f"seed {trial.seed} is bad")


def die(trial: Trial, context: Context) -> Outcome:
    """Be killed, as by the kernel when memory runs out; ``deaths`` says how often."""
    deaths = Path(trial.config["log"]) / f"{trial.id}-deaths"
    count = len(deaths.read_text()) if deaths.exists() else 0
    if count < trial.config["deaths"]:
        deaths.write_text("x" * (count + 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return note(trial, context)


def never_end(_trial: Trial, _context: Context) -> Outcome:
    """Stay in one call that lets no other thread of the process run."""
    import ctypes

    # PyDLL holds the interpreter's lock; CDLL would let it go.
    ctypes.PyDLL(None).sleep(1000)
    return Outcome()


def fill_memory(trial: Trial, _context: Context) -> Outcome:
    """Take ever more memory, up to ``megabytes``."""
    taken = []
    for _ in range(trial.config["megabytes"] // 10):
        taken.append(np.ones(10 * 2**20 // 8))
        time.sleep(0.01)
    return Outcome({"value": len(taken)})


def ask_too_much(_trial: Trial, _context: Context) -> Outcome:
    """Ask for more memory than any machine has."""
    return Outcome({"value": np.ones(2**50).sum()})


def forget_to_return(_trial: Trial, _context: Context) -> None:
    """Compute for nothing."""


def nan(_trial: Trial, _context: Context) -> Outcome:
    """Return numbers that are none."""
    return Outcome({"loss": float("nan"), "curve": [1.0, float("inf")], "value": 1})


def large(trial: Trial, _context: Context) -> Outcome:
    """Return ``megabytes`` that cannot be compressed."""
    _log(trial)
    noise = np.random.default_rng(trial.seed).bytes(int(trial.config["megabytes"] * 2**20))
    return Outcome({"value": 1}, {"noise": np.frombuffer(noise, np.uint8)})


def unkeepable(_trial: Trial, _context: Context) -> Outcome:
    """Return what no record can hold."""
    return Outcome({"value": object()})


def unsendable(_trial: Trial, _context: Context) -> Outcome:
    """Return what cannot leave the process."""
    return Outcome({"value": lambda: None})


def chat(_trial: Trial, context: Context) -> Outcome:
    """Print in every way, and report more often than anybody looks."""
    print("a word", flush=True)  # noqa: T201
    os.write(1, b"another word\n")
    for step in range(10_000):
        context.progress(step / 10_000, "on the way")
    return Outcome({"value": 1})


def look(_trial: Trial, _context: Context) -> Outcome:
    """Return what the process sees."""
    return Outcome({"pid": os.getpid(), "threads": os.environ["OMP_NUM_THREADS"]})


def load(trial: Trial, context: Context) -> Outcome:
    """Return a checksum of the data set, and how much of it is this process's own memory."""
    from study import data
    from study.trials import measure

    assert trial.dataset is not None
    data.load(trial.dataset, context.data)  # what imports take is not asked here
    before = measure.held_mb(os.getpid()) or 0.0
    dataset = data.load(trial.dataset, context.data)
    total = float(np.sum(dataset.train.pixels, dtype=np.float64))
    return Outcome({"value": total, "own_mb": (measure.held_mb(os.getpid()) or 0.0) - before})
