"""From records to the files that a run leaves: report, table, provenance, figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from study import experiments, plugins
from study.analysis.basis import engine_notes, processors
from study.analysis.same_names import told_apart
from study.analysis.section import Section
from study.analysis.spreadsheet import csv
from study.analysis.table import trials_table
from study.report import answer, findings, heading, summary
from study.report.details import details, failure
from study.report.document import Report
from study.report.render import render
from study.request import Request
from study.trials import outdated, provenance
from study.trials.files import write_atomic
from study.trials.trial import Damaged, Lacking, Record, Trial

Made = TypeVar("Made")
MADE_BY = (
    "code_version", "cpu", "platform", "libraries", "vector_units", "threads", "plugins"
)  # fmt: skip
"""What of a trial's provenance is said once for all trials."""


def write(trials: pd.DataFrame, report: Report, out: Path) -> tuple[str, ...]:
    """Write ``trials.csv``, ``provenance.json``, figures and the report in both formats.

    Returns what a reader should know first, such as a fallback that made the run slower.

    Parameters
    ----------
    trials, report
        From `gather`.
    out
        Folder of the report.
    """
    write_atomic(out / "trials.csv", csv(trials))
    write_atomic(out / "provenance.json", json.dumps(report.provenance, indent=1).encode())
    return (*report.notes, *render(report, out))


def gather(
    records: Mapping[str, Sequence[Record]],
    request: Request,
    command: str,
    waiting: Sequence[Trial] = (),
) -> tuple[pd.DataFrame, Report]:
    """Return the table of all trials and the report; nothing is written.

    Parameters
    ----------
    records
        Records by experiment, failed ones included.
    request
        What the user asked for.
    command
        The command line, for provenance.
    waiting
        Trials that were planned and not run.
    """
    records = told_apart(records)
    trials = trials_table(records)
    unique = {record.trial.id: record for members in records.values() for record in members}
    source = _provenance(list(unique.values()), command)
    return trials, _report(records, list(unique.values()), request, trials, source, waiting)


def _report(
    records: Mapping[str, Sequence[Record]],
    unique: Sequence[Record],
    request: Request,
    trials: pd.DataFrame,
    source: Mapping[str, Any],
    waiting: Sequence[Trial],
) -> Report:
    sections: list[Section] = []
    known = experiments.known()
    for name, members in records.items():
        done = [record for record in members if record.done]
        if done and name in known:
            sections.append(replace(_of_whole(name, done), command=request.command(name)))
    opening = _opening(records)
    (question, told), _ = _undamaged(lambda left: answer.opening(left, sections, waiting), opening)
    heads, _ = _undamaged(answer.headlines, opening)
    picture = summary.figure(opening)
    found, more = findings.first(told, heads, sections, picture.name if picture else "")
    rows = trials.astype(object).where(trials.notna(), None).to_numpy().tolist()
    return Report(
        title=heading.title(request.profile, records, opening),
        subtitle=heading.trust(unique, opening),
        command=source["command"],
        profile=request.profile,
        created=_ended(unique),
        question=question,
        answer=tuple(finding.text for finding in found),
        shown_by=dict(found),
        more=more,
        basis=answer.basis(unique),
        summary=summary.table(opening),
        summary_figure=picture,
        sections=tuple(sections),
        failures=tuple(failure(record) for record in unique if not record.done),
        trial_columns=tuple(trials.columns),
        trial_rows=rows,
        details=details(records),
        provenance=source,
        notes=tuple(_notes(unique, request, experiments.learners(records, request))),
    )


def _ended(records: Sequence[Record]) -> datetime:
    """Return when the last trial ended, so that the same trials give the same bytes."""
    ends = [
        datetime.fromisoformat(record.provenance["started"])
        + timedelta(seconds=record.provenance.get("wall_seconds", 0.0))
        for record in records
        if "started" in record.provenance
    ]
    return max(ends, default=datetime.now().astimezone()).replace(microsecond=0)


def _of_whole(name: str, done: list[Record]) -> Section:
    """Return the section of an experiment without the trials whose arrays are damaged."""
    section, damaged = _undamaged(partial(_section, name), done)
    told = (f"Trial {trial} is left out: its arrays are damaged. Remove its files and run the "
            "same command again." for trial in damaged)  # fmt: skip
    return replace(section, caveats=(*section.caveats, *told))


def _undamaged(
    make: Callable[[list[Record]], Made], records: list[Record]
) -> tuple[Made, list[str]]:
    """Return what is made of records whose arrays can be read, and the trials left out."""
    damaged: list[str] = []
    while True:
        try:
            return make([r for r in records if r.trial.id not in damaged]), damaged
        except Damaged as problem:
            damaged.append(problem.trial)


def _section(name: str, done: list[Record]) -> Section:
    """Return the section of an experiment, or one that says why there is none.

    Records of other versions may lack what a section needs; the rest of the report should not be
    lost with it. Whatever else goes wrong is a mistake in the section, and not hidden.

    Raises
    ------
    Damaged
        If the arrays of a record are.
    """
    experiment = experiments.load(name)
    try:
        found = experiment.section(done)
        if not isinstance(found, Section):
            raise TypeError(f"it returned {type(found).__name__}, not a Section")
        return found
    except Damaged:
        raise
    except Lacking as problem:
        reason = f"trial {problem.trial} has no {problem.name}, which it needs."
    except Exception as problem:
        told = plugins.mistake(problem)
        if told is None:
            raise
        reason = str(told).replace("\n", " ")
    return Section(
        name=name,
        title=experiment.TITLE,
        question="",
        method="",
        caveats=(f"This section could not be made of its {len(done)} records: {reason}",),
    )


def _opening(records: Mapping[str, Sequence[Record]]) -> list[Record]:
    """Return the records for the first page: not the hundreds of configurations of a sweep."""
    known = experiments.known()
    shown = {
        record.trial.id: record
        for name, members in records.items()
        if name in known and not getattr(known[name], "SWEEP", False)
        for record in members
    }
    return list(shown.values())


def _notes(records: Sequence[Record], request: Request, learners: set[str]) -> list[str]:
    notes = request.unfit(learners) + engine_notes(records)
    others = {r.trial.id: r for found in provenance.of_other_code(records).values() for r in found}
    if others:
        subjects = ", ".join(dict.fromkeys(record.trial.subject for record in others.values()))
        notes.append(
            f"{len(others)} of {len(records)} trials were run by another version of the code than "
            f"today's, those of {subjects}; the table of trials names the version of each."
        )
    notes += outdated.told(records)
    if len(machines := processors(records)) > 1:
        notes.append(
            f"The trials ran on {len(machines)} kinds of processor, and times of one do not "
            "compare with those of another; each trial names its own."
        )
    return notes


def _provenance(records: Sequence[Record], command: str) -> dict[str, Any]:
    """Return what made the trials, and what made this report of them, maybe on another day."""
    data_sets = {
        record.trial.dataset.name: {
            "sha256": record.metrics.get("data_checksum"),
            "source": record.metrics.get("data_source"),
        }
        for record in records
        if record.trial.dataset is not None and record.metrics.get("data_checksum")
    }
    made = [{k: v for k, v in r.provenance.items() if k in MADE_BY} for r in records]
    return {
        "command": command,
        "trials": {
            "number": len(records),
            "seconds": sum(record.provenance.get("wall_seconds", 0.0) for record in records),
            **_pooled(made),
        },
        "report": provenance.of_trial(),
        "data": data_sets,
    }


def _pooled(values: Sequence[Any]) -> Any:
    """Return what is found in many places: one value, or all in order; of mappings, by key."""
    if all(isinstance(value, Mapping) for value in values):
        keys = dict.fromkeys(key for value in values for key in value)
        return {key: _pooled([value[key] for value in values if key in value]) for key in keys}
    found = sorted({str(value) for value in values})
    return found[0] if len(found) == 1 else found
