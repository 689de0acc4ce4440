"""The thesis's grid search again: which settings matter, and which of its claims stand."""

from __future__ import annotations

import dataclasses
from typing import Any

from study import learners
from study.analysis.section import Figure, Section
from study.data.reference import DatasetRef
from study.experiments.grid import drawings, findings, tables
from study.experiments.grid.claims import SLOPE
from study.experiments.grid.grids import Axis, Level, base_of, grid_of
from study.experiments.grid.runs import Runs, runs_of
from study.learners.surrogate_config import SurrogateConfig
from study.procedures.learning import PROCEDURE
from study.request import Request, fitting
from study.trials.trial import Record, Trial

TITLE = "The thesis's grid, replicated"
ORDER = 70
SWEEP = True  # too many configurations for the opening table
LEARNER = "surrogate"
OWN = {
    "quick": ("digits",),
    "standard": ("fashion-mnist", "tbl"),
    "thesis": ("fashion-mnist", "tbl", "hd-spikes"),
}


def trials(request: Request) -> list[Trial]:
    """Return the grid of each data set: whole in profile ``thesis`` and on ``digits``.

    Other profiles run a third of it, an orthogonal fraction. There is one seed unless
    the user asks for more: the other settings replicate each level. Where the user gives values
    for the setting of an axis, they take the place of its levels and the other axes stay whole;
    settings that an axis ties together (``l1`` and ``l2``) stay tied unless both are given.
    """
    if request.learners and LEARNER not in request.learners:
        return []
    own = [DatasetRef(name) for name in OWN[request.profile]]
    datasets = fitting(LEARNER, request.datasets or own)
    entry = learners.find(LEARNER)
    points = {ref: list(map(dataclasses.asdict, _configs(request, ref.name))) for ref in datasets}
    return [
        Trial(PROCEDURE, LEARNER, dataset, config, seed, entry.version)
        for dataset, configs in points.items()
        for seed in range(request.n_seeds or 1)
        for config in configs
    ]


def _configs(request: Request, dataset: str) -> list[SurrogateConfig]:
    grid, base = grid_of(dataset), base_of(dataset)
    whole = request.profile == "thesis" or dataset == "digits"
    settings = grid.settings() if whole else grid.fraction()
    given = {setting.key for setting in request.settings if setting.concerns(LEARNER)}
    points = [
        _tied(config, grid.axes, given)
        for setting in settings
        for config in request.configure(_at(base, setting), LEARNER)
    ]
    return list(dict.fromkeys(points))


def _at(base: SurrogateConfig, setting: dict[str, Any]) -> SurrogateConfig:
    return dataclasses.replace(base, **setting)


def _tied(config: SurrogateConfig, axes: tuple[Axis, ...], given: set[str]) -> SurrogateConfig:
    """Return ``config`` with one value for the fields of an axis of which the user gave some."""
    changes: dict[str, Any] = {
        name: getattr(config, chosen[0])
        for axis in axes
        if (chosen := [name for name in axis.fields if name in given])
        for name in axis.fields
        if name not in given
    }
    return dataclasses.replace(config, **changes)


def section(records: list[Record]) -> Section:
    """Return effects, interactions, choices and the verdicts on the thesis's claims."""
    all_runs = [runs for runs in runs_of(records) if runs.axes]
    judged = tables.claims(all_runs)
    return Section(
        name="grid",
        title=TITLE,
        question="Which of four settings - hidden neurons, time steps, slope of the surrogate, "
        "activity penalty - change accuracy and time, how do they interact, which combination "
        "would validation data choose, and which of the thesis's claims about them stand?",
        method="Every combination of three levels a setting (two on the embedded digits) is "
        "trained from the same seeds; the epoch is chosen by validation accuracy. Effects are "
        "estimated by least squares with main effects and two-way interactions. With fewer than "
        "three seeds what those leave over is the error, so that the other settings replicate "
        "each level; from three seeds on, the seeds do. Shares of variance are those of a "
        "functional ANOVA. Intervals of differences hold at once for all of a response. Levels at "
        "which most runs stay at chance are left out when other settings are compared. The best "
        "combination is chosen by validation accuracy, and its test accuracy is read once.",
        figures=tuple(_figures(all_runs)),
        tables=(
            *([judged, tables.rules()] if judged else []),
            *(tables.chosen(runs) for runs in all_runs),
            *([tables.shares(all_runs), tables.differences(all_runs)] if all_runs else []),
            *([tables.errors()] if judged else []),
        ),
        findings=tuple(finding for runs in all_runs for finding in findings.of(runs)),
        lead=tuple(told for runs in all_runs for told in findings.lead(runs)),
        caveats=tuple(findings.caveats(all_runs)),
        deviations=tuple(findings.deviations(all_runs)),
        references=("lee2024", "hutter2014", "langsrud2003", "wilson1927", "holm1979"),
    )


def _figures(all_runs: list[Runs]) -> list[Figure]:
    slopes = {slope for runs in all_runs for slope in _levels(runs, SLOPE)}
    figures: list[Figure | None] = [drawings.functions(sorted(slopes))] if slopes else []
    for runs in all_runs:
        illustrated = drawings.braille() if runs.dataset == "tbl" else drawings.examples(runs)
        figures += [
            illustrated,
            drawings.as_in_thesis(runs),
            drawings.effects(runs),
            drawings.interactions(runs),
            drawings.landscape(runs),
        ]
    return [figure for figure in figures if figure is not None]


def _levels(runs: Runs, axis: str) -> tuple[Level, ...]:
    found = runs.axis(axis)
    return found.levels if found else ()
