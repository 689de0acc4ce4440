"""Draws the progress of a sweep: live bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from study.streams import printable
from study.trials.pace import Kind, Pace, kind
from study.trials.trial import Record, Trial

NO_WORKERS = "the cluster has no workers any more; waiting for some, what is done is kept"
QUIET_SECONDS = 10.0  # between two lines about trials that went well, where nobody watches


class SweepProgress:
    """A `study.trials.sweep.Reporter` that writes to standard error.

    Parameters
    ----------
    waiting
        What the sweep is to run.
    pace
        What earlier trials took.
    console
        Where to write in place of standard error.
    """

    def __init__(
        self, waiting: Sequence[Trial], pace: Pace, console: Console | None = None
    ) -> None:
        self.console = console or Console(stderr=True)
        self.n_trials, self.n_finished, self.n_failed = len(waiting), 0, 0
        self.remaining, self.pace = Counter(map(kind, waiting)), pace
        self.started_at: dict[str, tuple[Kind, float]] = {}
        self.bars: dict[int, TaskID] = {}
        self.n_workers, self.told_at = 1, float("-inf")
        self.has_workers = True
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.total = self.progress.add_task("trials", total=self.n_trials, left="")

    def __enter__(self) -> SweepProgress:
        self.progress.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.progress.stop()

    def started(self, trial: Trial, slot: int) -> None:
        """Show a bar for a trial."""
        self.started_at[trial.id] = kind(trial), time.monotonic()
        self._drop(slot)
        self.bars[slot] = self.progress.add_task(f"  {trial.label}", total=1.0, left="")

    def advanced(self, fractions: Sequence[float]) -> None:
        """Move the bars."""
        if bool(fractions) is not self.has_workers:
            self.has_workers = bool(fractions)
            self._say("workers are there again" if fractions else NO_WORKERS)
        self.n_workers = len(fractions)
        for slot, bar in self.bars.items():
            if slot < len(fractions):
                self.progress.update(bar, completed=fractions[slot])

    def finished(self, record: Record, slot: int | None) -> None:
        """Replace the bar by a line; where nobody watches, not for every trial."""
        if slot is not None:
            self._drop(slot)
        self.n_finished += 1
        self.n_failed += not record.done
        self.remaining[kind(record.trial)] -= 1
        self.pace.note(record)
        now = time.monotonic()
        _, since = self.started_at.pop(record.trial.id, (None, now))
        seconds = now - since
        quiet = not self.console.is_terminal and now - self.told_at < QUIET_SECONDS
        if quiet and record.done and self.n_finished < self.n_trials:
            return
        self.told_at = now
        left = self._left(now)
        self.progress.update(self.total, completed=self.n_finished, left=left)
        failed = f", {self.n_failed} failed" if self.n_failed else ""
        told = f"; {left}" if left and not self.console.is_terminal else ""
        self._say(
            f"[{self.n_finished}/{self.n_trials}{failed}] {record.status:<6} {record.trial.label}"
            f" ({seconds:.0f} s){printable(_outcome(record))}{told}"
        )

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _left(self, now: float) -> str:
        elapsed = [(name, now - since) for name, since in self.started_at.values()]
        return self.pace.told(+self.remaining, elapsed, self.n_workers)

    def _drop(self, slot: int) -> None:
        if slot in self.bars:
            self.progress.remove_task(self.bars.pop(slot))


def _outcome(record: Record) -> str:
    if record.error:
        return f": {record.error['type']}: {record.error['message'].partition(chr(10))[0][:160]}"
    lost = record.provenance.get("not_finite", [])
    told = [f"{', '.join(lost)} not finite"] if lost else []
    accuracy = record.metrics.get("test_accuracy")
    told += [f"test accuracy {accuracy:.3f}"] if accuracy is not None else []
    return f": {'; '.join(told)}" if told else ""
