"""All learners and baselines without spikes on the same data: what each costs and buys."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from study import data, learners
from study.analysis.basis import basis, teaching
from study.analysis.comparison import RULE, difference
from study.analysis.figures import draw_interval
from study.analysis.measures import COSTS, Measure, shown
from study.analysis.replicates import (
    Replicates,
    by_dataset,
    cell,
    interval_of,
    mean_of,
    percent,
    score_of,
    significant,
    spikes_apart,
    tested,
)
from study.analysis.section import Figure, Section, Table
from study.analysis.stats import INTERVAL
from study.learners import affordable, family, style
from study.learning.conditions import Conditioned
from study.request import Request
from study.trials.trial import Record, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "What each way of learning buys"
ORDER = 60
SIMULATORS = ("brian2", "standalone")  # how engines of Brian2 are called


def trials(request: Request) -> list[Trial]:
    """Return every learner that there is time for on ``digits``, or on the user's data sets."""
    names = list(request.learners) or affordable(request.profile)
    return request.learning_trials(names, ["digits"])


def section(records: list[Record]) -> Section:
    """Return accuracies, costs and paired differences."""
    groups = tested(records)
    differences = _pairs(groups)
    return Section(
        name="compare",
        title=TITLE,
        question="On the same samples and with the same measures: how do local learning, surrogate "
        "gradients and networks without spikes differ in accuracy, spikes, operations, time and "
        "memory?",
        method="Every learner sees the same training and validation samples and is tested once, on "
        "the same test samples, for each seed. Spikes are counted by layer, the input's included; "
        "a synaptic operation (SynOp) is a spike times a non-zero outgoing weight; networks "
        "without spikes count multiply-accumulates (MACs) instead. Each learner is held against "
        "those without spikes and against others of its family. Differences are paired by seed and "
        "by test sample, and their intervals hold at once. " + RULE,
        figures=(_cost_figure(groups, records),),
        tables=(
            _operations(groups, records),
            *([differences] if differences else []),
            *_methods(groups),
            *_conditions(groups),
        ),
        findings=tuple(_findings(groups)),
        caveats=(
            "Training times leave out what imports and compilers take once a process "
            f"({_prepared(groups)}). Times are of this machine with one thread a trial while other "
            "trials ran beside it; compare them within this report only.",
            *_simulated(groups),
            *teaching(records),
            "Learners are given samples in codes of their own, and their presets were found by "
            "hand on validation samples; how many trials that took was not kept.",
            "Synaptic operations are counts, not energy: memory traffic and state updates are "
            "left out of them. State updates stand in their own column.",
            "Few seeds: intervals are wide.",
        ),
        references=("zou2008", "wilson1927"),
    )


def _methods(groups: Sequence[Replicates]) -> list[Table]:
    """Return how the time of an inference was taken, as the records tell it."""
    told = {
        (_name(group), record.metrics["inference_method"]): record
        for group in groups
        for record in group
        if record.metrics.get("inference_method")
    }
    if not told:
        return []
    caption = "How the time of an inference was taken."
    return [Table(caption, ("learner · data set", "method"), tuple(told), basis([*told.values()]))]


def _conditions(groups: Sequence[Replicates]) -> list[Table]:
    """Return what each learner is given and allowed, where its configuration says so."""
    rows, used = [], []
    for group in groups:
        record = group[0]
        trial, n_train = record.trial, record.metrics.get("n_train")
        if trial.dataset is None or n_train is None or trial.subject not in learners.known():
            continue
        config = learners.find(trial.subject).configured(trial.config)
        if isinstance(config, Conditioned):
            told = config.conditions(n_train, data.kind(trial.dataset))
            engine = str(record.metrics.get("engine") or "–")
            rows.append(
                (
                    _name(group), told.code, told.neurons, f"{told.shown:,}", told.labels,
                    told.chosen, told.step, engine,
                )
            )  # fmt: skip
            used += list(group)
    if not rows:
        return []
    columns = (
        "learner · data set", "input", "hidden neurons", "samples shown at most", "labels",
        "chosen on validation", "time", "engine",
    )  # fmt: skip
    caption = "What each learner is given and allowed: where rows differ, systems are compared."
    return [Table(caption, columns, tuple(rows), basis(used))]


def _simulated(groups: Sequence[Replicates]) -> list[str]:
    """Return whose time is that of Brian2, if one's is: the records say what computed them."""
    engines = {group.learner: str(group[0].metrics.get("engine")) for group in groups}
    return [
        f"The time of {learner} is that of a general simulator, Brian2, not of its learning rule."
        for learner, engine in engines.items()
        if engine.startswith(SIMULATORS)
    ]


def _prepared(groups: Sequence[Replicates]) -> str:
    seconds = [
        f"{group.learner} up to {max(record.metrics['prepare_seconds'] for record in group):.1f} s"
        for group in groups
    ]
    return ", ".join(dict.fromkeys(seconds))


def _operations(groups: Sequence[Replicates], records: Sequence[Record]) -> Table:
    parts = ("train", "validation", "test")
    counts = ("synops_per_sample", "macs_per_sample", "neuron_updates_per_sample")
    rows = [
        (
            _name(group),
            *(percent(group, score_of(group, part)) for part in parts),
            *(cell(interval_of(group, count)) for count in counts),
        )
        for group in groups
    ]
    return Table(
        "Accuracy on the three parts and operations per sample.",
        (
            "learner · data set",
            "training accuracy / %",
            "validation accuracy / %",
            "test accuracy / %",
            "SynOps",
            "MACs",
            "neuron updates",
        ),
        tuple(rows),
        basis(records, interval=INTERVAL),
    )


def _name(group: Replicates) -> str:
    return f"{group.learner} · {group.dataset}"


def _pairs(groups: Sequence[Replicates]) -> Table | None:
    """Return paired differences: with what does not spike, and within a family.

    All pairs would be many where learners are, and few of them a question that anybody asked.
    """
    compared = [
        (first, second)
        for first, second in combinations(groups, 2)
        if first[0].trial.dataset == second[0].trial.dataset and _related(first, second)
    ]
    if not compared:
        return None
    rows = []
    for first, second in compared:
        found = difference(first, second, score_of(first), len(compared))
        told = ("–", "–") if found is None else (cell(found.interval, 100), str(found.strength))
        rows.append((f"{_name(first)} – {second.learner}", *told))
    return Table(
        "Differences in test accuracy, first minus second, with simultaneous 95 % intervals over "
        "seeds and test samples.",
        ("pair", "difference / points", "how sure"),
        tuple(rows),
        basis([record for group in groups for record in group]),
    )


def _related(first: Replicates, second: Replicates) -> bool:
    families = {family(group[0].trial.subject) for group in (first, second)}
    return len(families) == 1 or "baseline" in families


def _cost_figure(groups: Sequence[Replicates], records: Sequence[Record]) -> Figure:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(7.2, 0.8 + 0.42 * len(groups)), layout="constrained")
    costs = shown(COSTS)
    axes = drawing.subplots(1, len(costs), sharey=True)
    for ax, measure in zip(axes, costs, strict=True):
        _costs(ax, groups, measure)
    return Figure(
        "compare-costs",
        drawing,
        "What learning and inference cost on this machine: means with 95 % intervals, single "
        "seeds as ticks below, logarithmic scales. An arrow tells that an interval goes on.",
        "Three panels of horizontal markers, one row a learner and data set: training seconds, "
        "inference milliseconds per sample, peak memory in megabytes, with intervals.",
        basis(records, interval=INTERVAL),
    )


def _costs(ax: Axes, groups: Sequence[Replicates], measure: Measure) -> None:
    from matplotlib.ticker import NullFormatter

    known = [(row, group, interval_of(group, measure.name)) for row, group in enumerate(groups)]
    rows = [(row, group, found) for row, group, found in known if found]
    seen = [r.metrics[measure.name] for _, group, _ in rows for r in group]
    ax.set_xscale("log", nonpositive="clip")
    if above := [value for value in seen if value > 0]:
        # Limits from the data: an interval that reaches zero would stretch a logarithmic axis.
        ax.set_xlim(min(above) / 2, max(above) * 2)
        ax.xaxis.set_minor_formatter(NullFormatter())
    for row, group, found in rows:
        colour, mark = style(group[0].trial.subject)
        draw_interval(ax, found, row, fmt=mark, color=colour, capsize=3)
        seeds = [record.metrics[measure.name] for record in group]
        ax.plot(seeds, [row + 0.25] * len(seeds), "|", color=colour, markersize=6)
    ax.set_yticks(range(len(groups)), [_name(group) for group in groups])
    ax.set_ylim(len(groups) - 0.5, -0.5)
    ax.set_xlabel(measure.heading)
    ax.grid(axis="x", alpha=0.3)


def _findings(groups: Sequence[Replicates]) -> list[str]:
    findings = []
    for name, here in by_dataset(groups).items():
        accuracies = {group.learner: interval_of(group, score_of(group)) for group in here}
        told = ", ".join(f"{learner} {cell(found, 100)} %" for learner, found in accuracies.items())
        findings.append(f"Test accuracy on {name}: {told}.")
        findings += _spike_finding(name, here)
    return findings


def _spike_finding(name: str, groups: Sequence[Replicates]) -> list[str]:
    spiking = {group.learner: group for group in groups if _spikes_count(group)}
    if len(spiking) < 2:
        return []
    apart = {learner: spikes_apart(group) for learner, group in spiking.items()}
    come_in, emitted = (
        ", ".join(f"{learner} {significant(counts[k])} spikes" for learner, counts in apart.items())
        for k in (0, 1)
    )
    synops = {learner: mean_of(group, "synops_per_sample") for learner, group in spiking.items()}
    frugal, lavish = min(synops, key=synops.__getitem__), max(synops, key=synops.__getitem__)
    more = synops[lavish] / max(synops[frugal], 1e-9)
    return [
        f"What comes in with a sample of {name}: {come_in}.",
        f"What networks emit for a sample of {name}: {emitted}.",
        f"On {name}, {lavish} needs {more:,.1f} times as many synaptic operations per sample as "
        f"{frugal}. Input codes differ: this compares systems, not kinds of learning.",
    ]


def _spikes_count(group: Replicates) -> bool:
    counts = ("spikes_per_sample", "synops_per_sample")
    return all(interval_of(group, count) for count in counts)
