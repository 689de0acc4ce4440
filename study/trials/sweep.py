"""Runs what the store lacks: trials in the order of their needs, each result kept at once.

What is promised: several commands on one store share the work, each trial is run by one of them,
and the others take its record over, done or failed. A command that is killed loses what it had in
flight, and another takes that up. Where the store cannot keep what was computed, nothing more is
started, what is in flight is kept as far as there is room, and the sweep ends in a sentence.
"""

from __future__ import annotations

import heapq
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Protocol

from study.data.reference import DataAccess
from study.trials.claims import Claims, claiming
from study.trials.executor import Workers
from study.trials.files import told_when_unusable, unusable
from study.trials.pace import kind
from study.trials.plan import with_needs
from study.trials.store import Store
from study.trials.trial import Outcome, Record, Trial
from study.trials.watch import DIED
from study.trials.worker import Result, describe

POLL_SECONDS = 0.2
LOOK_SECONDS = 0.5  # between two looks at what other commands run
SMALL = 1 << 22  # bytes up to which files are read to see that they are whole


class Reporter(Protocol):
    """Tells people how a sweep goes; knows nothing of how trials run."""

    def started(self, trial: Trial, slot: int, /) -> None:
        """Note that a trial was handed to a worker."""

    def advanced(self, fractions: Sequence[float]) -> None:
        """Note how far the workers have come, one entry a worker."""

    def finished(self, record: Record, slot: int | None, /) -> None:
        """Note that a trial has its record."""


def never(_record: Record) -> bool:
    """Take no record for outdated."""
    return False


def of_use(record: Record, needed: bool, outdated: Callable[[Record], bool] = never) -> bool:
    """Whether a trial with this record need not be run.

    Parameters
    ----------
    record
        What is kept.
    needed
        Whether a trial that is to be run reads its files: then all have to be there, and are read.
    outdated
        Whether a record that is whole is to be made anew all the same.
    """
    return (
        record.done
        and (record.whole or not needed)
        and not outdated(record)
        and not record.is_damaged(None if needed else SMALL)
    )


def missing(
    trials: Iterable[Trial], store: Store, outdated: Callable[[Record], bool] = never
) -> list[Trial]:
    """Return the trials (needs included) without a record that is of use, one of each kind first.

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
        if record is None or not of_use(record, trial.id in needed, outdated):
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
    outdated: Callable[[Record], bool] = never,
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
    outdated
        As it was given to `missing`.

    Raises
    ------
    UserError
        If the store cannot be written any more, or the workers are gone.
    """
    with claiming(store.folder) as claims:
        _Sweep(waiting, store, workers, data, reporters, outdated, claims).run()


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
        outdated: Callable[[Record], bool],
        claims: Claims,
    ) -> None:
        self.trials = waiting
        self.store, self.workers, self.data, self.reporters = store, workers, data, reporters
        self.outdated, self.claims = outdated, claims
        self.in_flight: dict[Future[Result], tuple[int, int]] = {}
        self.elsewhere: list[int] = []
        self.looked = time.monotonic()
        self.problem: OSError | None = None
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
        self.needed = {needed.id for trial in waiting for needed in trial.needs}
        # Failures from before are tried again; those of another command meanwhile are not.
        self.before = {name: old for name, old in store.records(waiting).items() if not old.done}
        with told_when_unusable(store.folder):
            self.unnamed = store.unnamed(waiting)

    def run(self) -> None:
        """Keep workers busy until nothing waits, or what comes of it cannot be kept."""
        while self.in_flight or (not self.problem and (self.ready or self.elsewhere)):
            fractions = self.workers.fractions
            if not self.problem:
                self._look_elsewhere()
                self._submit_ready(len(fractions))
            for future in self._wait():
                self._settle(future, *self.in_flight.pop(future))
            for reporter in self.reporters:
                reporter.advanced(fractions)
        if self.problem:
            raise unusable(self.store.folder, self.problem)

    def _wait(self) -> set[Future[Result]]:
        if not self.in_flight:
            # A cluster may have no workers for a while, or another command what is left.
            time.sleep(POLL_SECONDS if self.ready or self.elsewhere else 0)
        return wait(self.in_flight, POLL_SECONDS, return_when=FIRST_COMPLETED).done

    def _look_elsewhere(self) -> None:
        if time.monotonic() - self.looked >= LOOK_SECONDS:
            self.looked = time.monotonic()
            for place in self.elsewhere:
                heapq.heappush(self.ready, place)
            self.elsewhere.clear()

    def _submit_ready(self, n_slots: int) -> None:
        free = sorted(set(range(n_slots)) - {slot for _, slot in self.in_flight.values()})
        while free and self.ready and not self.problem:
            place = heapq.heappop(self.ready)
            try:
                if not self._is_ours(place):
                    continue
            except OSError as problem:
                self.problem = problem
                return
            trial = self.trials[place]
            try:
                needs = [self._outcome(needed) for needed in trial.needs]
            except Exception as problem:  # whatever a damaged file may raise
                self._fail(place, describe(problem), None)
                continue
            slot = free.pop(0)
            self.in_flight[self.workers.submit(slot, trial, needs, self.data)] = (place, slot)
            for reporter in self.reporters:
                reporter.started(trial, slot)

    def _is_ours(self, place: int) -> bool:
        """Claim a trial; return False where it has its record, or another command runs it."""
        trial = self.trials[place]
        if self._is_settled(place):
            return False
        if not self.claims.take(trial.id):
            self.elsewhere.append(place)
            return False
        if self._is_settled(place):  # just before it was claimed
            return False
        if trial.id in self.unnamed:
            self.store.remove_unnamed(trial, self.unnamed.pop(trial.id))
        return True

    def _is_settled(self, place: int) -> bool:
        """Whether another command has done a trial meanwhile, or failed in it; take that over."""
        trial = self.trials[place]
        record = self.store.get(trial)
        if record is None:
            return False
        if self._of_use(record):
            self._done(place, record, None)
        elif not record.done and record != self.before.get(trial.id):
            self._failed(place, record, None)
        else:
            return False
        return True

    def _of_use(self, record: Record) -> bool:
        return of_use(record, record.trial.id in self.needed, self.outdated)

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
        trial = self.trials[place]
        try:
            record = self.store.put_done(trial, outcome, provenance, self._of_use)
        except OSError as problem:  # what comes after it could not be kept either
            self.problem = problem
            self._tell(self._unkept(trial, describe(problem)), slot)
        except (TypeError, ValueError) as problem:  # nothing that a record can hold
            self._fail(place, describe(problem), slot, provenance)
        else:
            self._done(place, record, slot)

    def _unkept(self, trial: Trial, error: Mapping[str, str]) -> Record:
        return Record(trial, "failed", {}, error, {}, self.store.folder, {})

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
        trial = self.trials[place]
        try:
            record = self.store.put_failed(trial, error, provenance or {})
        except OSError as problem:
            self.problem = problem
            record = self._unkept(trial, error)
        if not record.done:
            self._failed(place, record, slot)
        elif self._of_use(record):  # by another command, meanwhile
            self._done(place, record, slot)
        else:  # the old record stays, for want of a better one
            self._failed(place, self._unkept(trial, error), slot)

    def _failed(self, place: int, record: Record, slot: int | None) -> None:
        self._tell(record, slot)
        self.unmet[place] = -1
        for dependent in self.dependents.pop(place, []):
            if self.unmet[dependent] > 0:
                self._fail(dependent, _needs_failed(record), None)

    def _tell(self, record: Record, slot: int | None) -> None:
        self.claims.release(record.trial.id)
        for reporter in self.reporters:
            reporter.finished(record, slot)


def _needs_failed(record: Record) -> dict[str, str]:
    return {
        "type": "NeedFailed",
        "message": f"needs {record.trial.label} (trial {record.trial.id}), which failed",
        "traceback": "",
    }
