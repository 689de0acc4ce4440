"""Which trials run now: one small file a run in the store, rewritten as a sign of life.

It belongs to the run's sign of life (`study.trials.life`), so that `status` can tell a run that was
killed from one that works; that of another machine by the age of the file, which is measured by the
clock that dates files there, whatever the hosts think of the time. What it says is taken with care:
a damaged file is one that says nothing.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from study.trials.files import OWNED, UNREADABLE, clock, life_of, lives, own_prefix, temporary
from study.trials.life import alive
from study.trials.reading import json_at
from study.trials.trial import Record, Trial

BEAT_SECONDS = 20.0
CHANGE_SECONDS = 1.0  # at least, between two writes
# A network file system may show a change a minute late.
STALE_SECONDS = 120.0
MOST_WORKERS = 10**6


class RunningFile:
    """A `study.trials.sweep.Reporter` that keeps the file of this run up to date.

    However a run ends, it removes it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{own_prefix('run')}running.json"
        self.began: dict[str, float] = {}
        self.changed, self.written = True, float("-inf")
        self._alive = ExitStack()

    def __enter__(self) -> RunningFile:
        life = self._alive.enter_context(alive(self.path.parent))
        self.path = self.path.with_name(life.name("run", "running.json"))
        return self

    def __exit__(self, *_problem: object) -> None:
        with suppress(OSError):
            self.path.unlink()
        self._alive.close()

    def started(self, trial: Trial, _slot: int) -> None:
        """Note that a trial runs."""
        self.began[trial.id] = time.monotonic()
        self.changed = True

    def advanced(self, fractions: Sequence[float]) -> None:
        """Write the file where it is due."""
        pause = CHANGE_SECONDS if self.changed else BEAT_SECONDS
        if time.monotonic() - self.written < pause:
            return
        self.changed, self.written = False, time.monotonic()
        ran = {trial: self.written - began for trial, began in self.began.items()}
        content = json.dumps({"workers": len(fractions), "ran": ran}).encode()
        # A full disk ends the sweep where a record cannot be kept, not here.
        with suppress(OSError), temporary(self.path, content) as fresh:
            fresh.replace(self.path)

    def finished(self, record: Record, _slot: int | None) -> None:
        """Note that a trial runs no more."""
        self.changed = self.began.pop(record.trial.id, None) is not None or self.changed


def running(folder: Path) -> dict[str, float]:
    """Return seconds since their start of the trials that run now, by identity."""
    return {
        trial: run.age_s + seconds
        for run in _read(folder)
        if run.works
        for trial, seconds in run.ran.items()
    }


def workers(folder: Path) -> int:
    """Return how many workers the runs have that work now."""
    return sum(run.workers for run in _read(folder) if run.works)


@dataclass(frozen=True)
class _Run:
    """What the file of a run says: seconds that trials ran when it was written, and its age."""

    workers: int
    ran: dict[str, float]
    age_s: float
    works: bool


def _read(folder: Path) -> Iterator[_Run]:
    paths = [path for path in folder.glob(".run~*~*~*~*.json") if OWNED.fullmatch(path.name)]
    now = clock(folder) if paths else None
    for path in paths:
        # A run may end, and remove it, just now.
        with suppress(*UNREADABLE):
            content = json_at(path)
            n_workers, ran = int(content["workers"]), dict(content["ran"])
            if not (0 <= n_workers < MOST_WORKERS and all(0 <= s < math.inf for s in ran.values())):
                raise ValueError(f"{path.name} says what cannot be")
            age_s = 0.0 if now is None else max(0.0, now - path.stat().st_mtime)
            known = lives(life_of(path))
            yield _Run(n_workers, ran, age_s, known is not False and age_s < STALE_SECONDS)
