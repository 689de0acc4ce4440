"""Runs what the store lacks: trials in the order of their needs, each result kept at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from typing import Any, Protocol

from study.data.reference import DataAccess
from study.executor import Workers
from study.store import Store, told_when_unwritable
from study.trial import Record, Trial
from study.worker import Result, describe, execute

POLL_SECONDS = 0.2
DEATHS_ALLOWED = 1  # the second worker that dies of a trial alone makes the trial failed


class Reporter(Protocol):
    """Draws progress; knows nothing of how trials run."""

    def started(self, trial: Trial, slot: int) -> None:
        """Note that a trial was handed to a worker."""

    def advanced(self, fractions: Any) -> None:
        """Note how far the workers have come."""

    def finished(self, record: Record, slot: int | None) -> None:
        """Note that a trial has its record."""


def with_needs(trials: Iterable[Trial]) -> list[Trial]:
    """Return the trials and all that they need, each once, needs first."""
    ordered: dict[str, Trial] = {}

    def visit(trial: Trial) -> None:
        if trial.id not in ordered:
            for needed in trial.needs:
                visit(needed)
            ordered[trial.id] = trial

    for trial in trials:
        visit(trial)
    return list(ordered.values())


def missing(trials: Iterable[Trial], store: Store) -> list[Trial]:
    """Return the trials (needs included) without a record of success."""
    return [
        trial
        for trial in with_needs(trials)
        if (record := store.get(trial)) is None or not record.done
    ]


def sweep(
    waiting: Sequence[Trial],
    store: Store,
    workers: Workers,
    data: DataAccess,
    reporter: Reporter,
) -> None:
    """Run trials and keep their records, done or failed.

    Parameters
    ----------
    waiting
        What is to run, from `missing`: what trials need comes before them or is done.
    store
        Keeps each record at once.
    workers
        Where trials run.
    data
        Where data sets may lie.
    reporter
        Is told how far it is.

    Raises
    ------
    UserError
        If the store cannot be written any more.
    """
    _Sweep(list(waiting), store, workers, data, reporter).run()


class _Sweep:
    """State of one sweep: what waits, what is in flight, who was near when workers died."""

    def __init__(
        self,
        waiting: list[Trial],
        store: Store,
        workers: Workers,
        data: DataAccess,
        reporter: Reporter,
    ) -> None:
        self.waiting = waiting
        self.store, self.workers, self.data, self.reporter = store, workers, data, reporter
        self.in_flight: dict[Future[Result], tuple[Trial, int]] = {}
        self.suspects: set[str] = set()
        self.deaths: Counter[str] = Counter()

    def run(self) -> None:
        """Keep workers busy until nothing waits."""
        while self.waiting or self.in_flight:
            self._submit_ready()
            finished, _ = wait(self.in_flight, POLL_SECONDS, return_when=FIRST_COMPLETED)
            self.reporter.advanced(self.workers.fractions)
            lost: list[Trial] = []
            for future in finished:
                trial, slot = self.in_flight.pop(future)
                problem = future.exception()
                if problem is None:
                    self._keep(trial, future.result(), slot)
                elif isinstance(problem, BrokenExecutor):
                    lost.append(trial)
                else:  # a cluster's own failures; a trial's are part of its result
                    self._fail(trial, describe(problem), slot)
            if lost:
                self._recover(lost)

    def _submit_ready(self) -> None:
        free = set(range(self.workers.slots)) - {slot for _, slot in self.in_flight.values()}
        for trial in list(self.waiting):
            if not free or self._must_wait(trial):
                return
            needs = [self.store.get(needed) for needed in trial.needs]
            failed = [record for record in needs if record is not None and not record.done]
            if failed and not self._pending(trial.needs):
                self.waiting.remove(trial)
                self._fail(trial, _needs_failed(failed[0]), None)
            elif all(record is not None and record.done for record in needs):
                self.waiting.remove(trial)
                slot = min(free)
                free.discard(slot)
                outcomes = [record.outcome() for record in needs if record is not None]
                try:
                    future = self.workers.submit(execute, trial, outcomes, self.data, slot)
                except BrokenExecutor:  # a worker died while it was idle
                    self._recover([trial])
                    return
                self.in_flight[future] = (trial, slot)
                self.reporter.started(trial, slot)

    def _pending(self, needs: tuple[Trial, ...]) -> bool:
        flying = {trial.id for trial, _ in self.in_flight.values()}
        waiting = {trial.id for trial in self.waiting}
        return any(needed.id in flying | waiting for needed in needs)

    def _must_wait(self, trial: Trial) -> bool:
        """Whether something is in flight that must not share its time with this trial."""
        flying = {other.id for other, _ in self.in_flight.values()}
        return bool(flying) and not self.suspects.isdisjoint(flying | {trial.id})

    def _recover(self, lost: list[Trial]) -> None:
        lost += [trial for trial, _ in self.in_flight.values()]
        self.in_flight.clear()
        self.workers.restart()
        # Of several in flight nobody can tell which one killed the worker: each runs alone next.
        self.suspects |= {trial.id for trial in lost}
        for trial in lost:
            self.deaths[trial.id] += len(lost) == 1
            if self.deaths[trial.id] > DEATHS_ALLOWED:
                self._fail(trial, WORKER_DIED, None)
            else:
                self.waiting.append(trial)

    def _keep(self, trial: Trial, result: Result, slot: int) -> None:
        if result.outcome is None:
            assert result.error is not None
            self._fail(trial, dict(result.error), slot, dict(result.provenance))
            return
        with told_when_unwritable(self.store.folder):
            record = self.store.put_done(trial, result.outcome, result.provenance)
        self.reporter.finished(record, slot)

    def _fail(
        self,
        trial: Trial,
        error: dict[str, str],
        slot: int | None,
        provenance: dict[str, Any] | None = None,
    ) -> None:
        with told_when_unwritable(self.store.folder):
            record = self.store.put_failed(trial, error, provenance or {})
        self.reporter.finished(record, slot)


WORKER_DIED = {
    "type": "WorkerDied",
    "message": "its worker process was killed twice with nothing beside it (out of memory?)",
    "traceback": "",
}


def _needs_failed(record: Record) -> dict[str, str]:
    return {
        "type": "NeedFailed",
        "message": f"needs {record.trial.label} (trial {record.trial.id}), which failed",
        "traceback": "",
    }
