"""Beyond the thesis's grid: wider settings, one at a time, and what accuracy costs in spikes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from study.analysis.basis import basis
from study.analysis.effects import Difference, corrected, level_differences
from study.analysis.figures import COLOURS, draw_levels, label_axes, panel_grid, spread
from study.analysis.replicates import Replicates, by_dataset, cell, interval_of, mean_of, replicates
from study.analysis.section import Figure, Section, Table, figure_name
from study.analysis.stats import INTERVAL
from study.config import settings_of
from study.data.reference import DatasetRef
from study.experiments.grid.grids import base_of
from study.experiments.grid.groups import RANDOM, Group, Point, groups, random_design
from study.experiments.grid.runs import VALIDATION
from study.experiments.grid.verdicts import LEVEL, judge_wish
from study.learners import LEARNERS
from study.learners.surrogate_config import SurrogateConfig
from study.procedures.learning import PROCEDURE
from study.request import Request
from study.trials.trial import Record, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
        for dataset in request.datasets or tuple(DatasetRef(name) for name in names)
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
    entry = LEARNERS[LEARNER]
    return [
        Trial(PROCEDURE, LEARNER, dataset, settings_of(config), seed, entry.version)
        for config in request.configure(_at(dataset.name, point), LEARNER)
    ]


def _at(dataset: str, point: Point) -> SurrogateConfig:
    changes: dict[str, Any] = dict(point)
    return dataclasses.replace(base_of(dataset), **changes)


@dataclass(frozen=True)
class _Sweep:
    """A group of one data set with the replicates of those points that were run."""

    dataset: str
    group: Group
    points: tuple[tuple[float, Replicates], ...]


def section(records: list[Record]) -> Section:
    """Return what each group and the random design show."""
    networks = replicates(records)
    sets = by_dataset(networks)
    sweeps = [sweep for name, members in sets.items() for sweep in _sweeps(name, members)]
    single = [sweep for sweep in sweeps if sweep.group.name != RANDOM]
    fronts = [_front_finding(name, members) for name, members in sets.items()]
    used = {r.trial.id for sweep in sweeps for _, network in sweep.points for r in network}
    return Section(
        name="beyond",
        title=TITLE,
        question="What do settings do that the thesis's grid does not reach: time steps that "
        "change the input, slopes over two decades, a penalty that is normalised, memory held in "
        "real time? And what accuracy can be had for how many spikes?",
        method="One setting at a time departs from the fixed settings of the grid, so interactions "
        "are not seen. Differences are paired by seed from three seeds on, and p values are "
        "corrected by Holm's method for all pairs of levels of one setting. The random design "
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
        findings=(*(_finding(sweep) for sweep in single if len(sweep.points) > 1), *fronts),
        lead=tuple(fronts),
        caveats=tuple(_caveats(sweeps, len(records) - len(used))),
        references=("lee2024", "holm1979", "zenke2021"),
    )


def _sweeps(dataset: str, networks: Sequence[Replicates]) -> list[_Sweep]:
    """Return the groups of a data set with the networks whose settings are those of a point.

    Only fields that some group changes are compared; the user may set the others as they like.
    """
    members = [*groups(dataset), random_design(dataset)]
    fields = sorted({field for group in members for point in group.points for field in point})

    def key(config: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(config[field] for field in fields)

    run = {key(n[0].trial.config): n for n in networks}
    found = []
    for group in members:
        placed = [
            (float(point[group.field]), run[wanted])
            for point in group.points
            if (wanted := key(settings_of(_at(dataset, point)))) in run
        ]
        found.append(_Sweep(dataset, group, tuple(sorted(placed, key=lambda item: item[0]))))
    return [sweep for sweep in found if sweep.points]


def _wishes(sweeps: Sequence[_Sweep]) -> list[Table]:
    """Return what the thesis expects outside its grid, and what the runs there say to it."""
    rows, used = [], []
    for sweep in sweeps:
        if sweep.group.border is not None:
            found = judge_wish(sweep.group.border, _differences(sweep))
            rows.append((sweep.dataset, sweep.group.name, found.evidence, found.verdict))
            used += [record for _, network in sweep.points for record in network]
    if not rows:
        return []
    return [
        Table(
            "What the thesis expects outside its grid. It stands where a level there has a "
            "significantly higher validation accuracy than the level at the border (Holm, "
            f"p < {LEVEL}), and does not where each is significantly lower, or higher by at most "
            f"{VALIDATION.negligible:g} points by its whole 95 % interval.",
            ("data set", "expected to suit better", "evidence", "verdict"),
            tuple(rows),
            basis(used, interval=INTERVAL),
        )
    ]


def _table(sweeps: Sequence[_Sweep]) -> Table:
    rows = [
        (
            sweep.dataset,
            sweep.group.name,
            f"{level:g}",
            cell(interval_of(network, "validation_accuracy"), 100),
            cell(interval_of(network, "test_accuracy"), 100),
            cell(interval_of(network, "spikes_input_per_sample")),
            cell(interval_of(network, "spikes_hidden_per_sample")),
            cell(interval_of(network, "train_seconds")),
        )
        for sweep in sweeps
        for level, network in sweep.points
    ]
    return Table(
        "One setting at a time, the others as fixed in the grid.",
        (
            "data set", "varied", "level", "validation accuracy / %", "test accuracy / %",
            "input spikes per sample", "hidden spikes per sample", "training / s",
        ),
        tuple(rows),
        basis([r for s in sweeps for _, network in s.points for r in network], interval=INTERVAL),
    )  # fmt: skip


def _finding(sweep: _Sweep) -> str:
    """Return the levels that are best and worst in validation, and how sure that is."""
    ranked = sorted(sweep.points, key=lambda item: _accuracy(item[1]))
    (worst, last), (best, first) = ranked[0], ranked[-1]
    low, high = sorted((best, worst))
    (found,) = [d for d in _differences(sweep) if (d.high, d.low) == (high, low)]
    by = 100 * (_accuracy(first) - _accuracy(last))
    sure = (
        "with one seed that may be chance" if np.isnan(found.p)
        else f"corrected p = {found.p:.2g}"
    )  # fmt: skip
    return (
        f"{sweep.dataset}, {sweep.group.name}. {sweep.group.why} Best in validation is {best:g}, "
        f"worst {worst:g}; they differ by {by:.2f} points ({sure}). Hidden spikes a sample: "
        f"{_spikes(first):.3g} and {_spikes(last):.3g}."
    )


def _differences(sweep: _Sweep) -> list[Difference]:
    runs = [(level, record) for level, network in sweep.points for record in network]
    found = level_differences(
        np.array([record.metrics["validation_accuracy"] for _, record in runs]),
        {sweep.group.field: np.array([level for level, _ in runs])},
        np.array([record.trial.seed for _, record in runs]),
    )
    return corrected(found)


def _front(networks: Sequence[Replicates]) -> list[Replicates]:
    """Return the networks that none matches with as few spikes, from few spikes to many."""
    front: list[Replicates] = []
    for network in sorted(networks, key=lambda n: (_spikes(n), -_accuracy(n))):
        if not front or _accuracy(network) > _accuracy(front[-1]):
            front.append(network)
    return front


def _front_finding(name: str, networks: Sequence[Replicates]) -> str:
    front = _front(networks)
    best = front[-1]
    frugal = next(n for n in front if _accuracy(n) >= _accuracy(best) - 0.01)
    told = (
        f"{name}: of {len(networks)} configurations {len(front)} lie on the front of validation "
        f"accuracy against spikes. The most accurate has {100 * _accuracy(best):.2f} % "
        f"with {_spikes(best):.3g} hidden spikes a sample"
    )
    if frugal is best:
        return f"{told}; none with fewer spikes comes within a point."
    return (
        f"{told}; within a point of it, {_spikes(frugal):.3g} spikes suffice "
        f"({100 * _accuracy(frugal):.2f} %)."
    )


def _caveats(sweeps: Sequence[_Sweep], unplaced: int) -> list[str]:
    told = []
    gaps = [
        f"{len(s.points)} of {len(s.group.points)} ({s.dataset}, {s.group.name})"
        for s in sweeps
        if len(s.points) < len(s.group.points)
    ]
    if gaps:
        told.append(f"Points that were run, where some are missing: {', '.join(gaps)}.")
    if unplaced:
        told.append(
            f"{unplaced} runs belong to no group, because settings were given that groups vary; "
            "they stand in the figures of accuracy against spikes alone."
        )
    if any(len(network) < 2 for sweep in sweeps for _, network in sweep.points):
        told.append("Where there is one seed there is no interval: --seeds K adds seeds.")
    return told


def _accuracy(network: Sequence[Record]) -> float:
    return mean_of(network, "validation_accuracy")


def _spikes(network: Sequence[Record]) -> float:
    """Return the spikes of all hidden layers."""
    totals = [
        r.metrics["spikes_per_sample"] - r.metrics["spikes_input_per_sample"] for r in network
    ]
    return sum(totals) / len(totals)


def _sweeps_figure(dataset: str, sweeps: Sequence[_Sweep]) -> Figure | None:
    if not sweeps:
        return None
    drawing, grid = panel_grid(len(sweeps), 2.4)
    for ax, sweep in zip(grid.flat, sweeps, strict=False):
        _panel(ax, sweep)
    return Figure(
        figure_name("beyond", "settings", dataset),
        drawing,
        f"{dataset}: validation accuracy (blue, left) and hidden spikes a sample (orange, right) "
        "as one setting leaves the grid.",
        "Panels of validation accuracy and spikes against the levels of one setting each.",
        basis([r for s in sweeps for _, n in s.points for r in n], interval=INTERVAL),
    )


def _panel(ax: Axes, sweep: _Sweep) -> None:
    draw_levels(
        ax,
        [f"{level:g}" for level, _ in sweep.points],
        [interval_of(network, "validation_accuracy") for _, network in sweep.points],
        [_spikes(network) for _, network in sweep.points],
    )
    label_axes(ax, sweep.group.field, "accuracy / %")
    ax.set_title(sweep.group.name, fontsize=8)


def _front_figure(dataset: str, networks: Sequence[Replicates]) -> Figure | None:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(5.6, 3.2), layout="constrained")
    ax = drawing.subplots()
    drawn = {id(network) for network in networks if "learning_rate" in _changed(network)}
    for inside, colour, label in ((False, "grey", "one setting at a time"),
                                  (True, COLOURS[0], RANDOM)):  # fmt: skip
        chosen = [network for network in networks if (id(network) in drawn) == inside]
        ax.plot([_spikes(n) for n in chosen], [100 * _accuracy(n) for n in chosen], ".", ms=6,
                color=colour, label=label)  # fmt: skip
    front = _front(networks)
    ax.step([_spikes(n) for n in front], [100 * _accuracy(n) for n in front], where="post",
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


def _changed(network: Replicates) -> set[str]:
    """Return the fields in which a network departs from the base."""
    base = settings_of(base_of(network.dataset))
    config = network[0].trial.config
    return {field for field in base if config.get(field) != base[field]}
