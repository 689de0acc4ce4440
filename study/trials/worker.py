"""What happens inside a worker process: one trial at a time, errors as data."""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

from study import plugins, streams
from study.data import noting
from study.data.reference import DataAccess
from study.plugins import Plugin
from study.trials import provenance
from study.trials.trial import Context, Outcome, Trial

READY = 0.0  # the first message; later numbers are fractions done, until the `Result`
REPORT_SECONDS = 0.1  # at least, between two fractions
PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Result:
    """What a worker sends back: an outcome or an error, and where it comes from."""

    outcome: Outcome | None
    error: Mapping[str, str] | None
    provenance: Mapping[str, Any]


def main() -> None:
    """Run trials that come on standard input until it ends; answer on standard output."""
    calls, answers = _claim_streams()
    streams.prepare()  # what a procedure prints ends no trial
    _end_with_parent()
    _send(answers, READY)
    while True:
        try:
            trial, needs, data, known = pickle.load(calls)
        except EOFError:
            return
        result = execute(trial, needs, data, _Reports(answers), known)
        try:
            _send(answers, result)
        except (pickle.PicklingError, TypeError, AttributeError) as problem:
            _send(answers, Result(None, describe(problem), result.provenance))


def execute(
    trial: Trial,
    needs: Sequence[Outcome],
    data: DataAccess,
    report: Callable[[float], None],
    known: Sequence[Plugin] = (),
) -> Result:
    """Run a trial and return what it computed, or why it failed.

    Parameters
    ----------
    trial
        What to run.
    needs
        Outcomes of ``trial.needs``.
    data
        Where data sets may lie.
    report
        Is told the fraction done.
    known
        The plug-ins of the command.
    """
    outcome, error = None, None
    rest_on: Mapping[str, str] = {}
    loaded: Mapping[str, str] = {}
    started, clock = datetime.now(UTC), time.monotonic()
    try:
        context = Context(data, tuple(needs), lambda fraction, _note: report(fraction))
        with plugins.using(known), noting() as loaded:
            rest_on = plugins.used_by(trial.subject, trial.dataset_name, trial.procedure)
            outcome = trial.resolve()(trial, context)
        if not isinstance(outcome, Outcome):
            raise TypeError(f"{trial.procedure} returned {type(outcome).__name__}, not an Outcome")
    except Exception as problem:
        outcome, error = None, describe(problem)
    seconds = time.monotonic() - clock
    noted = {**provenance.of_process(), **({"data": loaded} if loaded else {})}
    return Result(outcome, error, {**source(started, seconds, rest_on), **noted})


def source(
    started: datetime, seconds: float, rest_on: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the provenance of a trial; see `study.trials.provenance.of_trial`."""
    return provenance.of_trial(rest_on) | {
        "started": started.isoformat(timespec="seconds"),
        "wall_seconds": seconds,
    }


def describe(problem: BaseException) -> dict[str, str]:
    """Return an error as data."""
    return {
        "type": type(problem).__name__,
        "message": str(problem),
        "traceback": "".join(traceback.format_exception(problem)),
    }


class _Reports:
    """Sends fractions, but not more of them than anybody can see."""

    def __init__(self, answers: IO[bytes]) -> None:
        self.answers, self.last = answers, time.monotonic()

    def __call__(self, fraction: float) -> None:
        if time.monotonic() - self.last >= REPORT_SECONDS:
            self.last = time.monotonic()
            _send(self.answers, float(fraction))


def _claim_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Return standard input and output for this module alone; what others print goes to errors."""
    calls, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return calls, answers


def _end_with_parent() -> None:
    """Let Linux end this process with the one that watches it, however busy it is.

    Elsewhere it ends after its trial, when nobody takes the result.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _send(answers: IO[bytes], message: Any) -> None:
    answers.write(pickle.dumps(message))
    answers.flush()
