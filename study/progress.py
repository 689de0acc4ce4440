"""Draws the progress of a sweep: live bars on a terminal, one line a trial elsewhere."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from study.trial import Record, Trial


class SweepProgress:
    """A `study.sweep.Reporter` that writes to standard error."""

    def __init__(self, n_trials: int, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.n_trials, self.n_finished = n_trials, 0
        self.started_at: dict[str, float] = {}
        self.bars: dict[int, TaskID] = {}
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.total = self.progress.add_task("trials", total=n_trials)

    def __enter__(self) -> SweepProgress:
        self.progress.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self.progress.stop()

    def started(self, trial: Trial, slot: int) -> None:
        """Show a bar for a trial."""
        self.started_at[trial.id] = time.monotonic()
        self.bars[slot] = self.progress.add_task(f"  {trial.label}", total=1.0)

    def advanced(self, fractions: Any) -> None:
        """Move the bars."""
        for slot, bar in self.bars.items():
            self.progress.update(bar, completed=fractions[slot])

    def finished(self, record: Record, slot: int | None) -> None:
        """Replace the bar by a line."""
        if slot is not None and slot in self.bars:
            self.progress.remove_task(self.bars.pop(slot))
        self.n_finished += 1
        self.progress.update(self.total, completed=self.n_finished)
        seconds = time.monotonic() - self.started_at.get(record.trial.id, time.monotonic())
        self.console.print(
            f"[{self.n_finished}/{self.n_trials}] {record.status:<6} {record.trial.label}"
            f" ({seconds:.0f} s){_outcome(record)}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def _outcome(record: Record) -> str:
    if record.error:
        return f": {record.error['type']}: {record.error['message'].partition(chr(10))[0][:160]}"
    accuracy = record.metrics.get("test_accuracy")
    return f": test accuracy {accuracy:.3f}" if accuracy is not None else ""
