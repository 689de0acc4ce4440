"""The commands that run, resume, tell and render: one street from trials to report.

Only `run` plans. What it planned is saved with the request, and `status` and `report` read it
there, so that a default that has changed since hides nothing that was computed.
"""

from __future__ import annotations

import argparse
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from study import data, experiments, learners, plugins
from study.analysis.figures import house_style
from study.analysis.section import Section
from study.data import shared
from study.data.reference import DataAccess
from study.errors import UserError
from study.report import kept
from study.report.document import Report
from study.request import Asked, Request, load, plugins_of, save
from study.settings.config import check_used, settable
from study.streams import printable, tell
from study.trials import outdated as of_today
from study.trials import provenance, running, sweep
from study.trials.executor import open_workers
from study.trials.files import told_when_unusable
from study.trials.life import alive
from study.trials.outdated import Outdated
from study.trials.pace import Pace, duration, kind
from study.trials.pack import unpack
from study.trials.plan import Plan, all_trials
from study.trials.progress import SweepProgress
from study.trials.store import Store
from study.trials.trial import Record, Trial
from study.trials.watch import Limits

LISTED = 10  # trials named at most, of an experiment and of failures

_console = Console(stderr=True)


def run(options: argparse.Namespace, request: Request) -> int:
    """Run what is missing, then render; the command line's ``all`` and each experiment.

    Parameters
    ----------
    options
        Where and how to run, from the command line.
    request
        What to run.
    """
    names = experiments.names() if options.experiment == "all" else [options.experiment]
    plan = planned(request, names)
    command = request.command(options.experiment)
    _check(request, plan, names)
    access = DataAccess(options.data_dir, options.offline)
    if options.dry_run:
        return _dry_run(plan)
    out = options.out or Path("reports") / request.profile
    store = _open_store(out)
    everything = all_trials(plan)
    outdated = _outdated(everything, access, options.rerun)
    remaining = sweep.missing(everything, store, outdated)
    jobs = min(options.jobs, len(remaining) or 1)
    asked = Asked(request, list(plan), command, plan, plugins_of(plan), options.jobs)
    if remaining:
        limits = Limits(options.time_limit, options.memory_limit, options.portable)
        pace = Pace(store.records(everything).values())
        with (
            _checked_data(remaining, access, None if options.scheduler else store) as ready,
            open_workers(jobs, options.scheduler, limits) as workers,
            running.RunningFile(store.folder) as heart,
            SweepProgress(remaining, pace) as progress,
        ):
            asked = save(out, asked)
            sweep.sweep(remaining, store, workers, ready, [progress, heart], outdated)
    else:
        asked = save(out, asked)
        notes = kept.notes_of(out, kept.fingerprint(out, options.lang))
        if notes is not None:
            _say("every trial is done, and the report is as it was")
            return _tell(notes, out, _records(plan, asked.names, store))
        _say("every trial is done; rendering only")
    return _render(out, asked, language=options.lang)


def _outdated(trials: Sequence[Trial], access: DataAccess, rerun: str | None) -> Outdated:
    """Return what tells records to be made anew: of other data always, of other code on demand."""
    of_other_data = of_today.of_other_data(trials, access)
    return of_today.either(of_other_data, of_today.of_other_making) if rerun else of_other_data


def status(out: Path) -> int:
    """Print what is done, failed, running and missing, and how long the rest will take."""
    asked = _opened(out)
    plan = {name: trials for name, trials in _plan_of(asked).items() if name in asked.names}
    store, everything = Store(out / "trials"), all_trials(plan)
    records, runs = store.records(everything), running.running(store.folder)

    def state(trial: Trial) -> str:
        record = records.get(trial.id)
        if record is not None and record.done:
            return "missing" if record.gone else "done"
        return "running" if trial.id in runs else record.status if record else "missing"

    for name, trials in plan.items():
        by_state: dict[str, list[Trial]] = {"done": [], "failed": [], "running": [], "missing": []}
        for trial in trials:
            by_state[state(trial)].append(trial)
        told = ", ".join(f"{len(members)} {state}" for state, members in by_state.items())
        tell(f"{name:<14} {told}")
        for told_state in ("failed", "running", "missing"):
            _name_some(by_state[told_state], told_state, records, runs)
    _name_of_other_code(list(records.values()))
    for told in _unknown_plugins(asked):
        tell(told)
    rest = Counter(kind(trial) for trial in everything if state(trial) != "done")
    elapsed = [(kind(trial), runs[trial.id]) for trial in everything if state(trial) == "running"]
    workers = running.workers(store.folder) or asked.jobs
    if left := Pace(records.values()).told(rest, elapsed, workers):
        tell(f"{left} with {workers} worker{'s' * (workers > 1)}")
    return 1 if any(state(trial) == "failed" for trial in everything) else 0


def _name_of_other_code(records: Sequence[Record]) -> None:
    """Print which trials code other than today's has run; they count as done all the same."""
    others = provenance.of_other_code(records)
    for (version, today), members in others.items():
        tell(f"{len(members)} done by code {version}, not today's {today}:")
        for record in members[:LISTED]:
            tell(f"  {record.trial.label} ({record.trial.id})")
        if len(members) > LISTED:
            tell(f"  {len(members) - LISTED} more")


def _name_some(
    trials: Sequence[Trial],
    state: str,
    records: Mapping[str, Record],
    runs: Mapping[str, float],
) -> None:
    for trial in trials[:LISTED]:
        error = records[trial.id].error if state == "failed" else None
        detail = f": {error['type']}" if error else ""
        detail += f" for {duration(runs[trial.id])}" if state == "running" else ""
        tell(f"  {state}: {trial.label} ({trial.id}){detail}")
    if len(trials) > LISTED:
        tell(f"  {state}: {len(trials) - LISTED} more")


def report(out: Path, other: Path | None = None, language: str = "en") -> int:
    """Render what the store holds for the last request in this folder.

    With ``other``, the report says what differs from the run in that folder.
    """
    return _render(out, _opened(out), other, language)


def untranslated(out: Path) -> int:
    """Print what the report in a folder has no version of in other languages than English."""
    from study.report.language import CODES, ENGLISH, lacking

    report = gathered(out)
    for code in (code for code in CODES if code != ENGLISH):
        for template, text in lacking(report, code).items():
            tell(f"{code}: {template}\n    {text}")
    return 0


def gathered(out: Path) -> Report:
    """Return the report of the last request in this folder; nothing is written."""
    from study.report import assemble

    asked = _opened(out)
    records = _records(_plan_of(asked), asked.names, Store(out / "trials"))
    return assemble.gather(records, asked.request, asked.command)[1]


def _opened(out: Path) -> Asked:
    """Return the last request in a folder whose packed records are unpacked."""
    asked = load(out)
    with told_when_unusable(out):
        unpack(out)
    return asked


def _plan_of(asked: Asked) -> Plan:
    """Return the plan as it was saved; of a request from before plans were, as it is today."""
    return planned(asked.request, experiments.names()) if asked.plan is None else asked.plan


def _render(out: Path, asked: Asked, other: Path | None = None, language: str = "en") -> int:
    from study.report import assemble

    plan, store = _plan_of(asked), Store(out / "trials")
    records = _records(plan, asked.names, store)
    with house_style():
        comparison = _comparison(records, other) if other else None
    with told_when_unusable(out), house_style():
        kept.forget(out)
        state = kept.fingerprint(out, language)
        wanted = all_trials({name: plan[name] for name in asked.names if name in plan})
        waiting = _waiting(wanted, records, store)
        trials, found = assemble.gather(records, asked.request, asked.command, waiting)
        notes = (*found.notes, *_lacking(waiting, wanted), *_unknown_plugins(asked))
        found = replace(found, comparison=comparison, language=language, notes=notes)
        notes = assemble.write(trials, found, out)
        if not comparison:
            kept.note(out, state, notes)
    return _tell(notes, out, records)


def _tell(notes: Sequence[str], out: Path, records: Mapping[str, Sequence[Record]]) -> int:
    for note in notes:
        _say(f"note: {note}")
    _say(f"report: {out / 'report.html'} and {out / 'report.pdf'}")
    return _tell_failures(records)


def _unknown_plugins(asked: Asked) -> list[str]:
    """Return what a request rests on and is not known here, in sentences.

    A folder of results names plug-ins; only the user's own command line gives code to run.
    """
    known = {plugin.name for plugin in plugins.in_use()}
    told = [
        f"The plug-in {plugin.name} (sha256 {plugin.digest}) is not known here. It takes "
        f"{plugin.remedy}."
        for plugin in asked.plugins
        if plugin.name not in known
    ]
    unknown = [name for name in asked.names if name not in experiments.known()]
    if unknown:
        told.append(f"No experiment is called {', '.join(unknown)}: its section is left out.")
    return told


def _waiting(
    wanted: Sequence[Trial], records: Mapping[str, Sequence[Record]], store: Store
) -> list[Trial]:
    """Return the trials that were planned and have no record.

    Networks that others begin with belong to no experiment: the store alone has their records.
    """
    known = {record.trial.id for members in records.values() for record in members}
    rest = [trial for trial in wanted if trial.id not in known]
    kept = store.records(rest)
    return [trial for trial in rest if trial.id not in kept]


def _lacking(waiting: Sequence[Trial], wanted: Sequence[Trial]) -> list[str]:
    """Return how many trials of the request have no record, as a sentence, if there are any."""
    if not waiting:
        return []
    return [f"{len(waiting)} of {len(wanted)} planned trials have not been run."]


def _comparison(records: Mapping[str, Sequence[Record]], other: Path) -> Section:
    from study.report import against

    with told_when_unusable(other):
        unpack(other)
    before = Store(other / "trials").everything()
    if not before:
        raise UserError(
            f"no trial is kept in {other}. Allowed: the --out folder of an earlier run, as in "
            f"--against {Path('reports') / 'quick'}"
        )
    after = {record.trial.id: record for members in records.values() for record in members}
    return against.section(before, list(after.values()), str(other))


def planned(request: Request, names: Sequence[str]) -> Plan:
    """Return the trials that experiments ask for; those that ask for none are left out."""
    plan = {name: experiments.load(name).trials(request) for name in names}
    # What the user names twice is run, and counted as a replicate, once.
    unique = {name: list({t.id: t for t in trials}.values()) for name, trials in plan.items()}
    return {name: trials for name, trials in unique.items() if trials}


def _check(request: Request, plan: Plan, names: Sequence[str]) -> None:
    trials = all_trials(plan)
    if not trials:
        unfit = request.unfit(experiments.learners(names, request))
        reasons = " ".join(unfit) or "the options leave out all of its learners"
        raise UserError(f"{' '.join(names)} has nothing to run: {reasons}")
    check_used(request.settings, [(trial.subject, _settable(trial)) for trial in trials])


def _settable(trial: Trial) -> set[str]:
    """Return the names of what can be set of a trial, whether or not it is in its identity."""
    entry = learners.known().get(trial.subject)
    return {*trial.config, *(settable(entry.kind) if entry else ())}


@contextmanager
def _checked_data(
    trials: Sequence[Trial], access: DataAccess, store: Store | None
) -> Iterator[DataAccess]:
    """Find out before the first trial that a data set is missing or damaged.

    Data sets that several trials use are shared in the store's folder meanwhile, if one is given.
    """
    uses = Counter(trial.dataset for trial in trials if trial.dataset is not None)
    with _shared_folder(store) as folder:
        for ref, n_trials in uses.items():
            dataset = data.load(ref, access)
            if folder and n_trials > 1:
                with told_when_unusable(folder):
                    shared.share(ref, dataset, folder)
            del dataset  # not kept in memory while trials run
        yield replace(access, shared=folder)


@contextmanager
def _shared_folder(store: Store | None) -> Iterator[Path | None]:
    """Yield a name for a folder in the store, which goes with this command however it ends."""
    if store is None:
        yield None
        return
    with alive(store.folder) as life:
        folder = store.folder / life.name("tmp", "data")
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _dry_run(plan: Plan) -> int:
    number = 0
    for name, trials in plan.items():
        for trial in trials:
            number += 1
            settings = " ".join(f"{key}={value}" for key, value in trial.config.items())
            tell(f"#{number} {name}: {trial.label} [{trial.id}] {settings}")
    return 0


def _open_store(out: Path) -> Store:
    store = Store(out / "trials")
    with told_when_unusable(out):
        unpack(out)
        store.prepare()
    return store


def _records(plan: Plan, names: Sequence[str], store: Store) -> dict[str, list[Record]]:
    """Return the records of what was asked for, and of whatever else is complete."""
    found: dict[str, list[Record]] = {}
    records = store.records(all_trials(plan))
    for name, trials in plan.items():
        present = [records[trial.id] for trial in trials if trial.id in records]
        if name in names or len(present) == len(trials):
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
    for record in list(failed.values())[:LISTED]:
        error = record.error or {}
        _say(f"failed: {record.trial.label}: {error.get('type')}: {error.get('message')}")
    if len(failed) > LISTED:
        _say(f"failed: {len(failed) - LISTED} more; `status` counts them")
    return 1 if failed else 0


def _say(text: str) -> None:
    _console.print(printable(text), markup=False, highlight=False, soft_wrap=True)
