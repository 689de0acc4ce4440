"""Which trials run now: one small file a run in the store, rewritten as a sign of life.

It names host and process of the run, so that `status` can tell a run that was killed from one that
works; from another host, by the age of the file.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.trials.reading import json_at
from study.trials.store import own_prefix, owner_lives
from study.trials.trial import Record, Trial

BEAT_SECONDS = 20.0
CHANGE_SECONDS = 1.0  # at least, between two writes
# A network file system may show a change a minute late.
STALE_SECONDS = 120.0


class RunningFile:
    """A `study.trials.sweep.Reporter` that keeps the file of this run up to date.

    A run that ends well removes it; what is left of another says how many workers it had.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{own_prefix('run')}running.json"
        self.since: dict[str, float] = {}
        self.changed, self.written = True, float("-inf")

    def __enter__(self) -> RunningFile:
        return self

    def __exit__(self, *problem: object) -> None:
        if problem[0] is None:
            self.path.unlink(missing_ok=True)

    def started(self, trial: Trial, _slot: int) -> None:
        """Note that a trial runs."""
        self.since[trial.id] = time.time()
        self.changed = True

    def advanced(self, fractions: Sequence[float]) -> None:
        """Write the file where it is due."""
        pause = CHANGE_SECONDS if self.changed else BEAT_SECONDS
        if time.monotonic() - self.written < pause:
            return
        self.changed, self.written = False, time.monotonic()
        # A full disk ends the sweep where a record cannot be kept, not here.
        with suppress(OSError):
            content = {"workers": len(fractions), "since": self.since}
            fresh = self.path.with_name(f"{own_prefix('tmp')}running.json")
            fresh.write_text(json.dumps(content))
            fresh.replace(self.path)

    def finished(self, record: Record, _slot: int | None) -> None:
        """Note that a trial runs no more."""
        self.changed = self.since.pop(record.trial.id, None) is not None or self.changed


def running(folder: Path) -> dict[str, float]:
    """Return seconds since their start of the trials that run now, by identity."""
    now = time.time()
    return {
        trial: now - since
        for run in _read(folder)
        if run.works
        for trial, since in run.content["since"].items()
    }


def last_workers(folder: Path) -> int:
    """Return how many workers the runs that work have, else the last one; 1 if none is known."""
    found = sorted(_read(folder), key=lambda run: run.age_s)
    working = sum(run.content["workers"] for run in found if run.works)
    return working or (found[0].content["workers"] if found else 0) or 1


@dataclass(frozen=True)
class _Run:
    """What the file of a run says."""

    content: Mapping[str, Any]
    age_s: float
    works: bool


def _read(folder: Path) -> Iterator[_Run]:
    for path in folder.glob(".run~*~*~*.json"):
        with suppress(OSError, ValueError):  # a run may end, and remove it, just now
            content, age_s = _content(path), time.time() - path.stat().st_mtime
            yield _Run(content, age_s, owner_lives(path) is not False and age_s < STALE_SECONDS)


def _content(path: Path) -> Mapping[str, Any]:
    """Return what the file of a run says, or refuse what no run writes."""
    told = json_at(path)
    if not isinstance(told, dict) or not isinstance(told.get("since"), dict):
        raise ValueError("is no file of a run")
    numbers = [told.get("workers"), *told["since"].values()]
    if not all(isinstance(number, int | float) for number in numbers):
        raise ValueError("is no file of a run")
    return told
