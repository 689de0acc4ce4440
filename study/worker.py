"""What happens inside a worker process: one trial at a time, errors as data."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import wait
from typing import Any

from study import provenance
from study.data.reference import DataAccess
from study.trial import Context, Outcome, Trial

_fractions: ctypes.Array[ctypes.c_double] | None = None


@dataclass(frozen=True)
class Result:
    """What a worker sends back: an outcome or an error, and where it comes from."""

    outcome: Outcome | None
    error: Mapping[str, str] | None
    provenance: Mapping[str, Any]


def initialise(fractions: ctypes.Array[ctypes.c_double]) -> None:
    """Prepare a local worker: leave Ctrl-C to the parent, and end when the parent is gone."""
    global _fractions
    _fractions = fractions
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        # A killed parent leaves its workers waiting for work for ever.
        wait([parent.sentinel])
        os._exit(1)


def execute(trial: Trial, needs: Sequence[Outcome], data: DataAccess, slot: int) -> Result:
    """Run a trial and return what it computed, or why it failed.

    Parameters
    ----------
    trial
        What to run.
    needs
        Outcomes of ``trial.needs``.
    data
        Where data sets may lie.
    slot
        Place in the shared array in which a local worker reports the fraction done.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    outcome, error = None, None
    _report(slot, 0.0)
    try:
        context = Context(data, tuple(needs), lambda fraction, _note: _report(slot, fraction))
        outcome = trial.resolve()(trial, context)
    except Exception as problem:
        error = describe(problem)
    source = provenance.of_trial() | {
        "started": started.isoformat(timespec="seconds"),
        "wall_seconds": time.perf_counter() - clock,
    }
    return Result(outcome, error, source)


def describe(problem: BaseException) -> dict[str, str]:
    """Return an error as data."""
    return {
        "type": type(problem).__name__,
        "message": str(problem),
        "traceback": "".join(traceback.format_exception(problem)),
    }


def _report(slot: int, fraction: float) -> None:
    if _fractions is not None:
        _fractions[slot] = fraction
