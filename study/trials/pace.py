"""How long what remains will take, from what trials of the same kind took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from study.trials.trial import Record, Trial

Kind = tuple[str, str, str]
"""Procedure, learner and data set: what decides most about the time of a trial."""


def kind(trial: Trial) -> Kind:
    """Return the kind of a trial."""
    return trial.procedure, trial.subject, trial.dataset_name


class Pace:
    """Mean seconds of done trials by kind."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._trials: Counter[Kind] = Counter()
        self._seconds: Counter[Kind] = Counter()
        for record in records:
            self.note(record)

    def note(self, record: Record) -> None:
        """Take a record into account, if it is of a trial that is done."""
        seconds = record.provenance.get("wall_seconds")
        if record.done and seconds is not None:
            self._trials[kind(record.trial)] += 1
            self._seconds[kind(record.trial)] += seconds

    def seconds_left(
        self, remaining: Counter[Kind], elapsed: Iterable[tuple[Kind, float]], workers: int
    ) -> tuple[float, int]:
        """Return the seconds that are left, and how many trials are of a kind never finished.

        Parameters
        ----------
        remaining
            Trials without a record, running ones included, by kind.
        elapsed
            Of each that runs its kind, and the seconds since its start. They count up to the mean
            of the kind: one that is overdue takes nothing from the time of others.
        workers
            How many run at a time.
        """
        known = {name: n for name, n in remaining.items() if n and self._trials[name]}
        means = {name: self._seconds[name] / self._trials[name] for name in known}
        work = sum(n * means[name] for name, n in known.items())
        work -= sum(min(seconds, means[name]) for name, seconds in elapsed if name in means)
        n_known = sum(known.values())
        at_a_time = max(1, min(workers, n_known))
        return max(0.0, work) / at_a_time, sum(remaining.values()) - n_known

    def told(
        self, remaining: Counter[Kind], elapsed: Iterable[tuple[Kind, float]], workers: int
    ) -> str:
        """Return the time left in words; empty if nothing is left or known."""
        seconds, n_unknown = self.seconds_left(remaining, elapsed, workers)
        if n_unknown == sum(remaining.values()):
            return ""
        kinds = "trial of a kind" if n_unknown == 1 else "trials of kinds"
        others = f", not counting {n_unknown} {kinds} not timed yet" if n_unknown else ""
        return f"about {duration(seconds)} left{others}"


def duration(seconds: float) -> str:
    """Return a duration in its two largest units, as in ``2 h 5 min``."""
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if hours < 48:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"
