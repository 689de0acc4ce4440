"""The commands that run, resume, tell and render: one street from trials to report."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from study import data, experiments, sweep
from study.config import Setting, check_used, parse_setting
from study.data.reference import DataAccess, DatasetRef
from study.errors import UserError, unknown
from study.executor import open_workers
from study.learners import LEARNERS
from study.progress import SweepProgress
from study.request import Request
from study.store import Store, told_when_unwritable, write_atomic
from study.trial import Record, Trial

REQUEST_FILE = "request.json"

Plan = dict[str, list[Trial]]
"""Trials by the name of the experiment that asks for them."""

_console = Console(stderr=True)


def run(options: argparse.Namespace) -> int:
    """Run what is missing, then render; the command line's ``all`` and each experiment."""
    request = _request(options)
    plan = _plan(request, [options.experiment] if options.experiment != "all" else None)
    _check(request, plan, options.experiment)
    access = DataAccess(options.data_dir, options.offline)
    if options.dry_run:
        return _dry_run(plan)
    out = options.out or Path("reports") / request.profile
    store = _open_store(out, request, list(plan))
    remaining = sweep.missing((trial for members in plan.values() for trial in members), store)
    _check_data(remaining, access)
    if remaining:
        with (
            open_workers(min(options.jobs, len(remaining)), options.scheduler) as workers,
            SweepProgress(len(remaining)) as progress,
        ):
            sweep.sweep(remaining, store, workers, access, progress)
    else:
        _say("every trial is done; rendering only")
    return report(out)


def status(out: Path) -> int:
    """Print what is done, failed and missing."""
    request, names, _ = _load(out)
    store = Store(out / "trials")
    counts = dict.fromkeys(("done", "failed", "missing"), 0)
    console = Console()
    for name, trials in _plan(request, names).items():
        states = [_state(store.get(trial)) for trial in trials]
        for state in states:
            counts[state] += 1
        told = ", ".join(f"{states.count(state)} {state}" for state in counts)
        console.print(f"{name:<14} {told}", highlight=False)
        for trial, state in zip(trials, states, strict=True):
            if state != "done":
                console.print(f"  {state}: {trial.label} ({trial.id})", markup=False)
    return 1 if counts["failed"] else 0


def report(out: Path) -> int:
    """Render what the store holds for the last request in this folder."""
    from study.report import assemble

    request, names, command = _load(out)
    records = _records(request, names, Store(out / "trials"))
    with told_when_unwritable(out):
        notes = assemble.write(records, request, command, out)
    for note in notes:
        _say(f"note: {note}")
    _say(f"report: {out / 'report.html'} and {out / 'report.pdf'}")
    return _tell_failures(records)


def _request(options: argparse.Namespace) -> Request:
    for name in options.learner:
        if name not in LEARNERS:
            raise unknown("learner", name, LEARNERS)
    return Request(
        profile=options.profile,
        n_seeds=options.seeds,
        datasets=tuple(data.parse(name) for name in options.dataset),
        learners=tuple(options.learner),
        settings=tuple(parse_setting(text) for text in options.settings),
    )


def _plan(request: Request, names: Sequence[str] | None) -> Plan:
    chosen = names if names is not None else experiments.names()
    planned = {name: experiments.load(name).trials(request) for name in chosen}
    return {name: trials for name, trials in planned.items() if trials}


def _check(request: Request, plan: Plan, asked: str) -> None:
    trials = sweep.with_needs(trial for members in plan.values() for trial in members)
    if not trials:
        reasons = " ".join(request.unfit()) or "the options leave out all of its learners"
        raise UserError(f"{asked} has nothing to run: {reasons}")
    check_used(request.settings, [(trial.learner, trial.config) for trial in trials])


def _check_data(trials: Sequence[Trial], access: DataAccess) -> None:
    """Find out before the first trial that a data set is missing or damaged."""
    for ref in dict.fromkeys(trial.dataset for trial in trials if trial.dataset is not None):
        data.load(ref, access)


def _dry_run(plan: Plan) -> int:
    number = 0
    for name, trials in plan.items():
        for trial in trials:
            number += 1
            settings = " ".join(f"{key}={value}" for key, value in trial.config.items())
            print(f"#{number} {name}: {trial.label} [{trial.id}] {settings}")  # noqa: T201
    return 0


def _open_store(out: Path, request: Request, names: Sequence[str]) -> Store:
    store = Store(out / "trials")
    with told_when_unwritable(out):
        store.prepare()
        write_atomic(out / REQUEST_FILE, _dump(request, names).encode())
    return store


def _dump(request: Request, names: Sequence[str]) -> str:
    command = "python -m study.run " + shlex.join(sys.argv[1:])
    saved = {"command": command, "experiments": list(names), "request": asdict(request)}
    return json.dumps(saved, indent=1)


def _load(out: Path) -> tuple[Request, list[str], str]:
    """Return the last request in a folder, its experiments and its command line."""
    try:
        saved = json.loads((out / REQUEST_FILE).read_text())
    except FileNotFoundError:
        raise UserError(
            f"nothing was run in {out}. Start with: python -m study.run all --out {out}"
        ) from None
    fields = saved["request"]
    request = Request(
        profile=fields["profile"],
        n_seeds=fields["n_seeds"],
        datasets=tuple(DatasetRef(**ref) for ref in fields["datasets"]),
        learners=tuple(fields["learners"]),
        settings=tuple(
            Setting(entry["owner"], entry["key"], tuple(entry["values"]))
            for entry in fields["settings"]
        ),
    )
    return request, saved["experiments"], saved["command"]


def _state(record: Record | None) -> str:
    return "missing" if record is None else record.status


def _records(request: Request, names: Sequence[str], store: Store) -> dict[str, list[Record]]:
    """Return the records of what was asked for, and of whatever else is complete."""
    found: dict[str, list[Record]] = {}
    for name, trials in _plan(request, None).items():
        records = [store.get(trial) for trial in trials]
        present = [record for record in records if record is not None]
        if name in names or len(present) == len(records):
            found[name] = present
    return found


def _tell_failures(records: Mapping[str, Sequence[Record]]) -> int:
    """Name the trials that failed; return the exit status."""
    failed = {
        record.trial.id: record
        for members in records.values()
        for record in members
        if not record.done
    }
    for record in failed.values():
        error = record.error or {}
        _say(f"failed: {record.trial.label}: {error.get('type')}: {error.get('message')}")
    return 1 if failed else 0


def _say(text: str) -> None:
    _console.print(text, markup=False, highlight=False, soft_wrap=True)
