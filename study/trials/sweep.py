"""Runs what the store lacks: trials in the order of their needs, each result kept at once."""

from __future__ import annotations

import heapq
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Protocol

from study.data.reference import DataAccess
from study.trials.executor import Workers
from study.trials.pace import kind
from study.trials.plan import with_needs
from study.trials.store import Store, told_when_unusable
from study.trials.trial import Outcome, Record, Trial
from study.trials.watch import DIED
from study.trials.worker import Result, describe

POLL_SECONDS = 0.2


class Reporter(Protocol):
    """Tells people how a sweep goes; knows nothing of how trials run."""

    def started(self, trial: Trial, slot: int, /) -> None:
        """Note that a trial was handed to a worker."""

    def advanced(self, fractions: Sequence[float]) -> None:
        """Note how far the workers have come, one entry a worker."""

    def finished(self, record: Record, slot: int | None, /) -> None:
        """Note that a trial has its record."""


def missing(trials: Iterable[Trial], store: Store) -> list[Trial]:
    """Return the trials (needs included) without a record of success, one of each kind first.

    Otherwise they keep their order. So it is known early how long each kind takes, and kernels
    that a kind needs are compiled once and not by all workers at the same time. A trial that
    others need is missing too where its files were left out of a packed store.
    """
    wanted = with_needs(trials)
    records = store.records(wanted)
    lacking: list[Trial] = []
    needed: set[str] = set()
    for trial in reversed(wanted):
        record = records.get(trial.id)
        if record is None or not (record.done and (record.whole or trial.id not in needed)):
            lacking.append(trial)
            needed.update(need.id for need in trial.needs)
    return _one_of_each_first(lacking[::-1])


def _one_of_each_first(trials: Sequence[Trial]) -> list[Trial]:
    first = {kind(trial): trial for trial in reversed(trials)}
    return sorted(trials, key=lambda trial: first[kind(trial)] is not trial)


def sweep(
    waiting: Sequence[Trial],
    store: Store,
    workers: Workers,
    data: DataAccess,
    reporters: Sequence[Reporter],
) -> None:
    """Run trials and keep their records, done or failed.

    Parameters
    ----------
    waiting
        What is to run, from `missing`, in this order but for what trials need, which runs first.
    store
        Keeps each record at once.
    workers
        Where trials run.
    data
        Where data sets may lie.
    reporters
        Are told how far it is.

    Raises
    ------
    UserError
        If the store cannot be written any more, or the workers are gone.
    """
    _Sweep(waiting, store, workers, data, reporters).run()


class _Sweep:
    """State of one sweep: what is ready, in flight, or waits for others.

    A trial is known by its place in ``waiting``, so that the first of the list runs first.
    """

    def __init__(
        self,
        waiting: Sequence[Trial],
        store: Store,
        workers: Workers,
        data: DataAccess,
        reporters: Sequence[Reporter],
    ) -> None:
        self.trials = waiting
        self.store, self.workers, self.data, self.reporters = store, workers, data, reporters
        self.in_flight: dict[Future[Result], tuple[int, int]] = {}
        self.died: set[int] = set()
        self.unmet: dict[int, int] = {}
        self.dependents: dict[int, list[int]] = defaultdict(list)
        places = {trial.id: place for place, trial in enumerate(waiting)}
        for place, trial in enumerate(waiting):
            needs = {places[needed.id] for needed in trial.needs if needed.id in places}
            self.unmet[place] = len(needs)
            for needed in needs:
                self.dependents[needed].append(place)
        self.ready = [place for place, n_needs in self.unmet.items() if not n_needs]

    def run(self) -> None:
        """Keep workers busy until nothing waits."""
        while self.ready or self.in_flight:
            fractions = self.workers.fractions
            self._submit_ready(len(fractions))
            for future in self._wait():
                self._settle(future, *self.in_flight.pop(future))
            for reporter in self.reporters:
                reporter.advanced(fractions)

    def _wait(self) -> set[Future[Result]]:
        if not self.in_flight:
            time.sleep(POLL_SECONDS)  # a cluster may have no workers for a while
        return wait(self.in_flight, POLL_SECONDS, return_when=FIRST_COMPLETED).done

    def _submit_ready(self, n_slots: int) -> None:
        free = sorted(set(range(n_slots)) - {slot for _, slot in self.in_flight.values()})
        while free and self.ready:
            place = heapq.heappop(self.ready)
            trial = self.trials[place]
            found = self.store.get(trial)
            if found is not None and found.done and found.whole:  # by another run, meanwhile
                self._done(place, found, None)
                continue
            try:
                needs = [self._outcome(needed) for needed in trial.needs]
            except Exception as problem:  # whatever a damaged file may raise
                self._fail(place, describe(problem), None)
                continue
            slot = free.pop(0)
            self.in_flight[self.workers.submit(slot, trial, needs, self.data)] = (place, slot)
            for reporter in self.reporters:
                reporter.started(trial, slot)

    def _outcome(self, needed: Trial) -> Outcome:
        record = self.store.get(needed)
        if record is None:
            raise FileNotFoundError(f"the record {needed.id} is gone from {self.store.folder}")
        return record.outcome()

    def _settle(self, future: Future[Result], place: int, slot: int) -> None:
        if future.cancelled():  # a cluster lost it
            heapq.heappush(self.ready, place)
        elif problem := future.exception():  # a cluster's own; a trial's is part of its result
            self._fail(place, describe(problem), slot)
        elif (result := future.result()).outcome is not None:
            self._keep(place, result.outcome, result.provenance, slot)
        else:
            error = result.error or {}
            if error["type"] == DIED and place not in self.died:
                # It may have died of what its neighbours did.
                self.died.add(place)
                heapq.heappush(self.ready, place)
            else:
                self._fail(place, error, slot, result.provenance)

    def _keep(self, place: int, outcome: Outcome, provenance: Mapping[str, Any], slot: int) -> None:
        try:
            record = self.store.put_done(self.trials[place], outcome, provenance)
        except (OSError, TypeError, ValueError) as problem:
            # No room, or nothing that can be kept; the record of a failure is small and plain.
            self._fail(place, describe(problem), slot, provenance)
            return
        self._done(place, record, slot)

    def _done(self, place: int, record: Record, slot: int | None) -> None:
        self._tell(record, slot)
        for dependent in self.dependents.pop(place, []):
            self.unmet[dependent] -= 1
            if not self.unmet[dependent]:
                heapq.heappush(self.ready, dependent)

    def _fail(
        self,
        place: int,
        error: Mapping[str, str],
        slot: int | None,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        with told_when_unusable(self.store.folder):
            record = self.store.put_failed(self.trials[place], error, provenance or {})
        if record.done:  # by another run, meanwhile
            self._done(place, record, slot)
            return
        self._tell(record, slot)
        self.unmet[place] = -1
        for dependent in self.dependents.pop(place, []):
            if self.unmet[dependent] > 0:
                self._fail(dependent, _needs_failed(record), None)

    def _tell(self, record: Record, slot: int | None) -> None:
        for reporter in self.reporters:
            reporter.finished(record, slot)


def _needs_failed(record: Record) -> dict[str, str]:
    return {
        "type": "NeedFailed",
        "message": f"needs {record.trial.label} (trial {record.trial.id}), which failed",
        "traceback": "",
    }
