"""What every benchmark shares: fresh processes in rounds, medians, a table, a csv, a json.

A process of its own for each measurement gives each implementation fresh memory, its own threads
and no neighbour's settings. Rounds go through all implementations in turn, so that a busy spell
of the machine meets all of them; a value is the median over rounds.
"""

from __future__ import annotations

import json
import os
import shlex
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from study.analysis import spreadsheet
from study.errors import unknown
from study.trials import provenance
from study.trials.files import told_when_unusable, write_atomic
from study.trials.watch import THREAD_VARIABLES

COLUMNS = ("work", "implementation", "median_ms", "memory_mb", "ratio_to_fastest_peer")

BUSY = 0.1
"""Part of the time that a process may wait for its core before the table comes with a warning."""

Row = dict[str, Any]

Outcome = Mapping[str, float | None] | str
"""What a process measured, or why there is nothing."""

_console = Console(stderr=True)


@dataclass(frozen=True)
class Case:
    """One implementation at one work.

    Parameters
    ----------
    work, implementation
        Names; cases of the same work are compared.
    ours
        Whether it is this project's; the others are peers.
    version
        Of the implementation; None where it is not installed.
    function, arguments
        ``"module:function"`` that returns a mapping with at least ``median_ms``, ``cpu_ms`` (time
        on the processor) and ``memory_mb``, and its keyword arguments, as JSON.
    threads
        Cores and threads of the process.
    labels
        More columns.
    """

    work: str
    implementation: str
    ours: bool
    version: str | None
    function: str
    arguments: Mapping[str, Any]
    threads: int = 1
    labels: Mapping[str, Any] = field(default_factory=dict)


def names(ours: Mapping[str, bool], peers: Sequence[str] | None) -> list[str]:
    """Return what is measured: all that are ours, and the peers asked for, by default all.

    Raises
    ------
    UserError
        If a peer is unknown.
    """
    known = [name for name, own in ours.items() if not own]
    for name in peers or ():
        if name not in known:
            raise unknown("peer", name, known)
    chosen = known if peers is None else peers
    return [name for name, own in ours.items() if own or name in chosen]


def run(cases: Sequence[Case], rounds: int, title: str) -> list[Row]:
    """Measure all cases ``rounds`` times and return a row each, in the same order."""
    outcomes: list[list[Outcome]] = [[] for _ in cases]
    with _progress() as progress:
        bar = progress.add_task(title, total=rounds * len(cases))
        for number in range(rounds):
            for case, known in zip(cases, outcomes, strict=True):
                progress.update(bar, description=f"{title}: {case.work}, {case.implementation}")
                # What cannot be measured once will not be the next time.
                if not any(isinstance(outcome, str) for outcome in known):
                    known.append(_measure(case, number))
                progress.advance(bar)
                _console.print(
                    f"{case.work}, {case.implementation}: {_brief(known[-1])}",
                    markup=False,
                    highlight=False,
                    soft_wrap=True,
                )
    return _with_ratios([_row(*pair) for pair in zip(cases, outcomes, strict=True)])


def failed(rows: Sequence[Row]) -> bool:
    """Whether a measurement failed; what is not installed did not."""
    return any(row["status"].startswith("failed") for row in rows)


def write(out: Path, rows: Sequence[Row], settings: Mapping[str, Any]) -> None:
    """Write ``bench.csv``, and ``bench.json``: where and how its numbers came about."""
    columns = list(dict.fromkeys([*COLUMNS, *(key for row in rows for key in row)]))
    table = pd.DataFrame(rows, columns=columns, dtype=object)
    source = {
        "command": "python -m study.run " + shlex.join(sys.argv[1:]),
        **provenance.of_trial(),
        "implementations": {row["implementation"]: row["version"] for row in rows},
        "settings": settings,
    }
    with told_when_unusable(out):
        out.mkdir(parents=True, exist_ok=True)
        write_atomic(out / "bench.csv", spreadsheet.csv(table))
        write_atomic(out / "bench.json", json.dumps(source, indent=1).encode())


def show(rows: Sequence[Row], columns: Mapping[str, str]) -> None:
    """Print rows as a table, then what they say; ``columns`` maps keys to formats."""
    table = Table()
    for column in columns:
        table.add_column(column, justify="left" if column in COLUMNS[:2] else "right")
    for row in rows:
        if row["status"] == "done":
            cells = [_cell(row.get(key), form) for key, form in columns.items()]
        else:
            cells = [row["work"], row["implementation"], row["status"]]
        table.add_row(*cells, end_section=row is _last_of_its_work(row, rows))
    # A file or a pipe has no width; 80 columns would cut the table.
    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(table)
    for line in conclusions(rows):
        console.print(line, highlight=False, soft_wrap=True)


def conclusions(rows: Sequence[Row]) -> list[str]:
    """Return a sentence a work: our fastest against the fastest peer."""
    lines = []
    for work in dict.fromkeys(row["work"] for row in rows):
        done = [row for row in rows if row["work"] == work and row["status"] == "done"]
        own = min((row for row in done if row["ours"]), key=_time, default=None)
        peer = min((row for row in done if not row["ours"]), key=_time, default=None)
        if own is None or peer is None:
            continue
        line = (
            f"{work}: {own['implementation']} {own['median_ms']:.1f} ms, "
            f"{own['ratio_to_fastest_peer']:.1f} times as fast as the fastest peer, "
            f"{peer['implementation']} {peer['median_ms']:.1f} ms"
        )
        if own["memory_mb"] is not None and peer["memory_mb"]:
            line += f"; {own['memory_mb'] / peer['memory_mb']:.2f} of its memory"
        lines.append(line)
    waiting = max((_waiting(row) for row in rows if row["status"] == "done"), default=0)
    if waiting > BUSY:
        lines.append(
            f"note: the machine was busy: a measured process had to wait for {waiting:.0%} of its "
            "time. Ratios are off; run this on an idle machine."
        )
    return lines


def fastest(rows: Sequence[Row], work: str, count: int) -> list[str]:
    """Return the names of the fastest peers at a work."""
    done = [
        row for row in rows if row["work"] == work and row["status"] == "done" and not row["ours"]
    ]
    return [row["implementation"] for row in sorted(done, key=_time)[:count]]


def _measure(case: Case, number: int) -> Outcome:
    if case.version is None:
        return "not installed"
    request = {
        "function": case.function,
        "arguments": case.arguments,
        "threads": case.threads,
        "round": number,
    }
    done = subprocess.run(
        [sys.executable, "-m", "study.bench.worker"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | _thread_limits(case.threads),
    )
    if done.returncode:
        told = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return f"failed: {told[-1]}"
    return json.loads(done.stdout.splitlines()[-1])


def _brief(outcome: Outcome) -> str:
    return outcome if isinstance(outcome, str) else f"{outcome['median_ms']:.1f} ms"


def _thread_limits(threads: int) -> dict[str, str]:
    limits = dict.fromkeys((*THREAD_VARIABLES, "NUMBA_NUM_THREADS"), str(threads))
    eigen = "true" if threads > 1 else "false"
    return limits | {"XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={eigen}", "JAX_PLATFORMS": "cpu"}


def _row(case: Case, outcomes: Sequence[Outcome]) -> Row:
    row: Row = dict.fromkeys(COLUMNS)
    row |= {"work": case.work, "implementation": case.implementation}
    told = [outcome for outcome in outcomes if isinstance(outcome, str)]
    if not told:
        row |= _medians([outcome for outcome in outcomes if not isinstance(outcome, str)])
    return row | {
        **case.labels,
        "threads": case.threads,
        "ours": case.ours,
        "version": case.version,
        "status": told[0] if told else "done",
    }


def _medians(rounds: Sequence[Mapping[str, float | None]]) -> Row:
    """Return the median of each value over rounds, None where the system could not tell."""
    medians: Row = {}
    for key in rounds[0]:
        known = [value for each in rounds if (value := each[key]) is not None]
        medians[key] = statistics.median(known) if known else None
    times = [value for each in rounds if (value := each["median_ms"]) is not None]
    return medians | {"lowest_ms": min(times), "highest_ms": max(times), "rounds": len(times)}


def _with_ratios(rows: list[Row]) -> list[Row]:
    """Say of each row how many times as fast as the fastest peer it is."""
    for work in {row["work"] for row in rows}:
        done = [row for row in rows if row["work"] == work and row["status"] == "done"]
        best = min((row["median_ms"] for row in done if not row["ours"]), default=None)
        for row in done if best is not None else []:
            row["ratio_to_fastest_peer"] = best / row["median_ms"]
    return rows


def _waiting(row: Row) -> float:
    """Return the part of the time in which a process on one core did not get it."""
    return 1 - row["cpu_ms"] / row["median_ms"] if row["threads"] == 1 else 0.0


def _time(row: Row) -> float:
    return row["median_ms"]


def _last_of_its_work(row: Row, rows: Sequence[Row]) -> Row:
    return [other for other in rows if other["work"] == row["work"]][-1]


def _cell(value: Any, form: str) -> str:
    return "-" if value is None else format(value, form)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
        console=_console,
        disable=not _console.is_terminal,
        transient=True,
    )
