"""Beyond the thesis's grid: wider settings, one at a time, and what accuracy costs in spikes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from study import learners
from study.analysis import one_setting
from study.analysis.basis import basis
from study.analysis.comparison import RULE
from study.analysis.effects import Difference, at_once, level_differences
from study.analysis.figures import COLOURS, label_axes, spread
from study.analysis.one_setting import accuracy, measured
from study.analysis.replicates import Replicates, by_dataset, replicates
from study.analysis.section import Figure, Section, Table, figure_name
from study.analysis.stats import INTERVAL
from study.data.reference import DatasetRef
from study.experiments.grid.grids import base_of
from study.experiments.grid.groups import RANDOM, Group, Point, groups, random_design
from study.experiments.grid.runs import VALIDATION
from study.experiments.grid.verdicts import judge_wish
from study.learners.surrogate_config import SurrogateConfig
from study.procedures.learning import PROCEDURE
from study.request import Request, fitting
from study.settings.config import settings_of
from study.trials.trial import Record, Trial

TITLE = "Beyond the thesis's grid"
ORDER = 72
SWEEP = True  # too many configurations for the opening table
LEARNER = "surrogate"
OWN = {"thesis": ("fashion-mnist", "tbl", "hd-spikes")}


def trials(request: Request) -> list[Trial]:
    """Return the groups of each data set and a random design.

    Groups have the profile's seeds in profile ``thesis`` and one else; the random design has one.
    ``--seeds`` sets both.
    """
    if request.learners and LEARNER not in request.learners:
        return []
    names = OWN.get(request.profile, ("digits",))
    seeds = request.n_seeds or (len(request.seeds) if request.profile == "thesis" else 1)
    found = [
        trial
        for dataset in fitting(LEARNER, request.datasets or [DatasetRef(name) for name in names])
        for n_seeds, members in (
            (seeds, groups(dataset.name)),
            (request.n_seeds or 1, [random_design(dataset.name)]),
        )
        for seed in range(n_seeds)
        for group in members
        for point in group.points
        for trial in _trials(request, dataset, point, seed)
    ]
    return list({trial.id: trial for trial in found}.values())


def _trials(request: Request, dataset: DatasetRef, point: Point, seed: int) -> list[Trial]:
    entry = learners.find(LEARNER)
    return [
        Trial(PROCEDURE, LEARNER, dataset, settings_of(config), seed, entry.version)
        for config in request.configure(_at(dataset.name, point), LEARNER)
    ]


def _at(dataset: str, point: Point) -> SurrogateConfig:
    changes: dict[str, Any] = dict(point)
    return dataclasses.replace(base_of(dataset), **changes)


Sweep = one_setting.Sweep[Group]


def section(records: list[Record]) -> Section:
    """Return what each group and the random design show."""
    networks = replicates(records)
    sets = by_dataset(networks)
    sweeps = [sweep for name, members in sets.items() for sweep in _sweeps(name, members)]
    single = [sweep for sweep in sweeps if sweep.varied.name != RANDOM]
    fronts = [_front_finding(name, members) for name, members in sets.items()]
    return Section(
        name="beyond",
        title=TITLE,
        question="What do settings do that the thesis's grid does not reach: time steps that "
        "change the input, slopes over two decades, a penalty that is normalised, memory held in "
        "real time? And what accuracy can be had for how many spikes?",
        method="One setting at a time departs from the fixed settings of the grid, so interactions "
        "are not seen. Differences are paired by seed, and their intervals hold at once for all "
        "pairs of levels of one setting. The random design "
        "draws hidden neurons (25 to 300), slope (1 to 200), learning rate (a factor of 4 about "
        "the base's) and the upper bound on spikes per neuron (0.01 to 3) independently, "
        "log-uniformly, with a fixed seed. Networks on the front are those that no other network "
        "of the data set matches in validation accuracy with as few spikes.",
        figures=tuple(
            figure
            for name, members in sets.items()
            for figure in (
                _sweeps_figure(name, [s for s in single if s.dataset == name]),
                _front_figure(name, members),
            )
            if figure is not None
        ),
        tables=(*_wishes(single), *([_table(single)] if single else [])),
        findings=(*(_finding(sweep) for sweep in single if len(sweep.networks) > 1), *fronts),
        lead=tuple(fronts),
        caveats=tuple(_caveats(sweeps, one_setting.unplaced(records, sweeps))),
        references=("lee2024", "zenke2021"),
    )


def _sweeps(dataset: str, networks: Sequence[Replicates]) -> list[Sweep]:
    """Return the groups of a data set with the networks whose settings are those of a point.

    Only fields that some group changes are compared; the user may set the others as they like.
    """
    base = _base(networks)
    drawn = random_design(dataset, base["learning_rate"])
    members = [*groups(dataset), drawn]
    fields = sorted({field for group in members for point in group.points for field in point})

    def key(config: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(config.get(field) for field in fields)

    run = {key(n[0].trial.config): n for n in networks}
    found = []
    for group in members:
        placed = {
            number if group is drawn else float(point[group.field]): run[wanted]
            for number, point in enumerate(group.points)
            if (wanted := key({**base, **point})) in run
        }
        found.append(Sweep(dataset, group, {level: placed[level] for level in sorted(placed)}))
    return [sweep for sweep in found if sweep.networks]


def _base(networks: Sequence[Replicates]) -> dict[str, Any]:
    """Return the settings that most networks share, those drawn at random left out.

    Each of those has a learning rate of its own, which no group varies.
    """
    rate = one_setting.usual([n[0].trial.config for n in networks])["learning_rate"]
    return one_setting.usual(
        [n[0].trial.config for n in networks if n[0].trial.config["learning_rate"] == rate]
    )


def _wishes(sweeps: Sequence[Sweep]) -> list[Table]:
    """Return what the thesis expects outside its grid, and what the runs there say to it."""
    rows, used = [], []
    for sweep in sweeps:
        if sweep.varied.border is not None:
            found = judge_wish(sweep.varied.border, _differences(sweep))
            rows.append((sweep.dataset, sweep.varied.name, found.evidence, found.verdict))
            used += sweep.records
    if not rows:
        return []
    return [
        Table(
            "What the thesis expects outside its grid. It stands where a level there has a "
            "surely higher validation accuracy than the level at the border, and does not where "
            f"each is surely lower, or higher by at most {VALIDATION.negligible:g} points by its "
            f"whole interval. {RULE}",
            ("data set", "expected to suit better", "evidence", "verdict"),
            tuple(rows),
            basis(used, interval=INTERVAL),
        )
    ]


def _table(sweeps: Sequence[Sweep]) -> Table:
    return one_setting.table(
        "One setting at a time, the others as fixed in the grid.",
        "varied",
        sweeps,
        ("level", lambda sweep, level: sweep.varied.show(level)),
        measured("validation accuracy / %", "validation_accuracy", 100),
        measured("test accuracy / %", "test_accuracy", 100),
        measured("input spikes per sample", "spikes_input_per_sample"),
        measured("hidden spikes per sample", "spikes_hidden_per_sample"),
        measured("training / s", "train_seconds"),
    )


def _finding(sweep: Sweep) -> str:
    """Return the levels that are best and worst in validation, and how sure that is."""
    worst, best = sweep.ranked[0], sweep.ranked[-1]
    last, first = sweep.networks[worst], sweep.networks[best]
    low, high = sorted((best, worst))
    (found,) = [d for d in _differences(sweep) if (d.high, d.low) == (high, low)]
    by = 100 * (accuracy(first) - accuracy(last))
    silent = "" if _spikes(last) else f" At {worst:g} no hidden neuron spikes."
    return (
        f"{sweep.dataset}, {sweep.varied.name}. {sweep.varied.why} Validation accuracy is highest "
        f"at {best:g} and lowest at {worst:g}, by {by:.2f} points ({found.strength}). Hidden "
        f"spikes a sample: {_spikes(first):.3g} and {_spikes(last):.3g}.{silent}"
    )


def _differences(sweep: Sweep) -> list[Difference]:
    levels = [level for level, network in sweep.networks.items() for _ in network]
    found = level_differences(
        np.array([record.metrics["validation_accuracy"] for record in sweep.records]),
        {sweep.varied.field: np.array(levels)},
        np.array([record.trial.seed for record in sweep.records]),
    )
    return at_once(found)


def _front(networks: Sequence[Replicates]) -> list[Replicates]:
    """Return the networks that none matches with as few spikes, from few spikes to many."""
    front: list[Replicates] = []
    for network in sorted(networks, key=lambda n: (_spikes(n), -accuracy(n))):
        if not front or accuracy(network) > accuracy(front[-1]):
            front.append(network)
    return front


def _front_finding(name: str, networks: Sequence[Replicates]) -> str:
    front = _front(networks)
    best = front[-1]
    frugal = next(n for n in front if accuracy(n) >= accuracy(best) - 0.01)
    told = (
        f"{name}: of {len(networks)} configurations {len(front)} lie on the front of validation "
        f"accuracy against spikes. The most accurate has {100 * accuracy(best):.2f} % "
        f"with {_spikes(best):.3g} hidden spikes a sample"
    )
    if frugal is best:
        return f"{told}; none with fewer spikes comes within a point."
    return (
        f"{told}; within a point of it, {_spikes(frugal):.3g} spikes suffice "
        f"({100 * accuracy(frugal):.2f} %)."
    )


def _caveats(sweeps: Sequence[Sweep], unplaced: int) -> list[str]:
    told = []
    gaps = [
        f"{len(s.networks)} of {len(s.varied.points)} ({s.dataset}, {s.varied.name})"
        for s in sweeps
        if len(s.networks) < len(s.varied.points)
    ]
    if gaps:
        told.append(f"Points that were run, where some are missing: {', '.join(gaps)}.")
    if unplaced:
        told.append(
            f"{unplaced} runs belong to no group, because settings were given that groups vary; "
            "they stand in the figures of accuracy against spikes alone."
        )
    return [*told, *one_setting.one_seed(sweeps)]


def _spikes(network: Sequence[Record]) -> float:
    """Return the spikes of all hidden layers."""
    totals = [
        r.metrics["spikes_per_sample"] - r.metrics["spikes_input_per_sample"] for r in network
    ]
    return sum(totals) / len(totals)


def _sweeps_figure(dataset: str, sweeps: Sequence[Sweep]) -> Figure | None:
    if not sweeps:
        return None
    return one_setting.figure(
        figure_name("beyond", "settings", dataset),
        sweeps,
        _spikes,
        f"{dataset}: validation accuracy (above) and hidden spikes a sample (below) as one setting "
        "leaves the grid.",
    )


def _front_figure(dataset: str, networks: Sequence[Replicates]) -> Figure:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(5.6, 3.2), layout="constrained")
    ax = drawing.subplots()
    rate = _base(networks)["learning_rate"]
    drawn = {id(n) for n in networks if n[0].trial.config["learning_rate"] != rate}
    for inside, colour, label in ((False, "grey", "one setting at a time"),
                                  (True, COLOURS[0], RANDOM)):  # fmt: skip
        chosen = [network for network in networks if (id(network) in drawn) == inside]
        ax.plot([_spikes(n) for n in chosen], [100 * accuracy(n) for n in chosen], ".", ms=6,
                color=colour, label=label)  # fmt: skip
    front = _front(networks)
    ax.step([_spikes(n) for n in front], [100 * accuracy(n) for n in front], where="post",
            color=COLOURS[1], lw=1, label="front")  # fmt: skip
    spread(ax, [_spikes(network) for network in networks])
    label_axes(ax, "hidden spikes per sample", "validation accuracy / %")
    ax.grid(alpha=0.3)
    return Figure(
        figure_name("beyond", "front", dataset),
        drawing,
        f"What accuracy costs in spikes on {dataset}: every configuration, and the front of those "
        "that none matches with as few spikes.",
        "Scatter plot of validation accuracy against hidden spikes with the Pareto front as steps.",
        basis([record for network in networks for record in network]),
    )
