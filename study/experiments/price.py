"""What accuracy costs: learners of several sizes, by training time, spikes and operations."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from study.analysis import measures
from study.analysis.basis import basis, processors
from study.analysis.figures import draw_shares, label_axes
from study.analysis.replicates import (
    Replicates,
    by_dataset,
    by_learner,
    cell,
    interval_of,
    mean_of,
    replicates,
    significant,
)
from study.analysis.section import Figure, Section, Table, figure_name
from study.analysis.stats import INTERVAL
from study.experiments.unsupervised import plan
from study.learners import style
from study.learners.diehl_cook_config import HISTORY_EVERY, PASS, sized
from study.learning.artefacts import curve
from study.request import Request
from study.trials.trial import Record, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "What accuracy costs"
ORDER = 62
SWEEP = True  # too many configurations for the opening table

# Field that says how large a learner is, and the sizes beside its preset's; in the quick profile
# only the first of those that train in a second.
SIZES: Mapping[str, tuple[str, tuple[int, ...]]] = {
    "diehl-cook": ("n_exc", (25, 400)),
    "surrogate": ("hidden", (10, 30)),
    "mlp": ("hidden", (5, 20)),
}
ROUNDING = 1e-9  # of percentages


class Cost(NamedTuple):
    """What accuracy is drawn against: a quantity of each record, and words for it."""

    name: str
    axis: str
    told: str
    of: Callable[[Record], float | None]


def _operations(record: Record) -> float:
    return (record.metrics["synops_per_sample"] or 0.0) + record.metrics["macs_per_sample"]


SPIKES = Cost("spikes", "spikes per sample", "spikes", lambda r: r.metrics["spikes_per_sample"])
OPERATIONS = Cost(
    "operations", "SynOps or multiply-accumulates per sample", "operations", _operations
)
TIME = Cost("time", "training time / s", "seconds", lambda r: r.metrics["train_seconds"])


def trials(request: Request) -> list[Trial]:
    """Return learners on images at their own size and at others; user's sizes stand alone."""
    own = request.learning_trials(list(SIZES), ["digits"])
    given = {setting.key for setting in request.settings}
    found = [
        sized_trial
        for trial in own
        for sized_trial in ([trial] if SIZES[trial.subject][0] in given else _sized(trial, request))
    ]
    return list({trial.id: trial for trial in found}.values())


def _sized(trial: Trial, request: Request) -> list[Trial]:
    field, sizes = SIZES[trial.subject]
    if request.profile == "quick":
        sizes = () if trial.subject == plan.LEARNER else sizes[:1]
    return [
        trial,
        *(
            dataclasses.replace(trial, config={**trial.config, field: size, **_along(trial, size)})
            for size in sizes
        ),
    ]


def _along(trial: Trial, size: int) -> dict[str, Any]:
    """Return what changes with the size: of networks without labels, what `plan` gives them."""
    if trial.subject != plan.LEARNER or trial.dataset_name == "digits":
        return {}
    planned = {s.n_exc: s.presentations for s in plan.SIZES.get(trial.dataset_name, ())}
    config = sized(size, planned.get(size, PASS))
    return {
        name: getattr(config, name)
        for name in ("presentations", "history_points", "theta_plus_v", "tau_theta_s")
    }


def section(records: list[Record]) -> Section:
    """Return accuracy against each cost, and what the same accuracy costs each learner."""
    groups = replicates(records)
    sets = by_dataset(groups)
    findings = [told for name, members in sets.items() for told in _findings(name, members)]
    return Section(
        name="price",
        title=TITLE,
        question="What does a point of accuracy cost each kind of learning: how much training "
        "time, how many spikes, how many synaptic operations?",
        method="Each learner is trained at several sizes. Over training time, validation accuracy "
        "is followed while the learner's most accurate size learns, epoch by epoch or after each "
        f"{HISTORY_EVERY:,} images at most; seconds are shared out evenly over epochs or images. "
        "Spikes and operations are those of one inference; networks without spikes count "
        "multiply-accumulates. To compare costs at one accuracy, the highest whole percentage is "
        "taken that every learner reaches in validation, by the mean over its seeds, and of each "
        "learner the cheapest size that reaches it. Preparation is what imports and compilers take "
        "once a process.",
        figures=tuple(
            figure for name, members in sets.items() for figure in _figures(name, members)
        ),
        tables=(_table(groups),),
        findings=tuple(findings),
        lead=tuple(findings),
        caveats=(
            "Seconds are of this machine, one thread, with other trials beside it; they contain "
            "what it takes to look at validation samples on the way.",
            *(told for name, members in sets.items() for told in _untimed(name, members)),
            "Operations are counts, not energy, and updates of neurons are left out of them; a "
            "multiply-accumulate and a synaptic operation do not cost the same.",
            "Sizes are few: the cheapest network that reaches an accuracy may lie between them.",
        ),
    )


def _figures(name: str, groups: Sequence[Replicates]) -> list[Figure]:
    timed = _timed(groups)
    figures = [_learning(name, timed)] if timed else []
    if len(groups) > 1:  # one network is a point, and there is nothing to hold it against
        figures += [_against(name, groups, cost) for cost in (SPIKES, OPERATIONS)]
    return figures


def _timed(groups: Sequence[Replicates]) -> list[Replicates]:
    """Return the networks whose times compare: all on the processor that most trials ran on."""
    common = processors([record for group in groups for record in group])[:1]
    return [group for group in groups if processors(group) == common]


def _untimed(name: str, groups: Sequence[Replicates]) -> list[str]:
    left_out = len(groups) - len(_timed(groups))
    if not left_out:
        return []
    return [
        f"{name}: {left_out} of {len(groups)} networks were trained on other processors than most "
        "trials; they are left out of what is drawn and said of time."
    ]


def _validated(group: Sequence[Record]) -> float:
    return mean_of(group, "validation_accuracy")


def _mean(group: Sequence[Record], cost: Cost) -> float | None:
    found = [value for record in group if (value := cost.of(record)) is not None]
    return sum(found) / len(found) if found else None


def _learned(group: Replicates) -> tuple[np.ndarray, np.ndarray]:
    """Return seconds ``[points]`` and accuracies ``[seeds, points]`` as the learner went on.

    Of a learner that was not followed it is the end alone. Seeds that stopped early are followed
    as far as the shortest.
    """
    curves, times = [], []
    for record in group:
        seconds = record.metrics["train_seconds"]
        learned = curve(record.arrays)
        if learned is None or not len(learned.validation):
            curves.append(np.array([record.metrics["validation_accuracy"]]))
            times.append(np.array([seconds]))
        else:
            curves.append(learned.validation)
            times.append(seconds * learned.seen / learned.seen[-1])
    points = min(map(len, curves))
    return (
        np.mean([time[:points] for time in times], axis=0),
        np.array([curve[:points] for curve in curves]),
    )


def _learning(name: str, groups: Sequence[Replicates]) -> Figure:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(5.6, 3.2), layout="constrained")
    ax = drawing.subplots()
    shown: list[Record] = []
    told = []
    for learner, members in by_learner(groups).items():
        best = max(members, key=_validated)
        shown += best
        seconds, accuracies = _learned(best)
        draw_shares(ax, seconds, accuracies, color=style(learner).colour, marker=".", lw=1.2,
                    label=best.learner)  # fmt: skip
        means = 100 * accuracies.mean(axis=0)
        told.append(
            f"{best.learner} from {means[0]:.1f} % after {significant(seconds[0])} s to "
            f"{means[-1]:.1f} % after {significant(seconds[-1])} s"
        )
    ax.set_xscale("log")
    label_axes(ax, TIME.axis, "validation accuracy / %")
    ax.grid(alpha=0.3)
    return Figure(
        figure_name("price", name, "time"),
        drawing,
        f"Accuracy against training time on {name}: validation accuracy while the most accurate "
        "size of each learner learns; means over seeds with 95 % intervals as bands.",
        f"Validation accuracy against training time on {name}: {'; '.join(told)}.",
        basis(shown, interval=INTERVAL),
    )


def _against(name: str, groups: Sequence[Replicates], cost: Cost) -> Figure:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(5.6, 3.2), layout="constrained")
    ax = drawing.subplots()
    told = []
    for learner, members in by_learner(groups).items():
        placed = sorted(
            ((value, group) for group in members if (value := _mean(group, cost))),
            key=lambda item: item[0],
        )
        if not placed:
            continue
        ax.plot([value for value, _ in placed], [100 * _tested(group) for _, group in placed],
                lw=1, color=style(learner).colour, label=learner)  # fmt: skip
        for value, group in placed:
            _point(ax, group, value)
            told.append(f"{group.learner} {100 * _tested(group):.1f} % at {value:,.0f}")
    ax.set_xscale("log")
    label_axes(ax, cost.axis, "test accuracy / %")
    ax.grid(alpha=0.3)
    return Figure(
        figure_name("price", name, cost.name),
        drawing,
        f"Accuracy against {cost.told} of one inference on {name}: a mark is a size, lines join "
        "the sizes of a learner; means over seeds with 95 % intervals.",
        f"Test accuracy against {cost.told} per sample on {name}: {'; '.join(told) or 'none'}.",
        basis([record for group in groups for record in group], interval=INTERVAL),
    )


def _tested(group: Sequence[Record]) -> float:
    return mean_of(group, "test_accuracy")


def _point(ax: Axes, group: Replicates, cost: float) -> None:
    found = interval_of(group, "test_accuracy")
    assert found is not None
    reach = [[100 * (found.mean - found.low)], [100 * (found.high - found.mean)]]
    colour, mark = style(group[0].trial.subject)
    ax.errorbar(cost, 100 * found.mean, reach, fmt=mark, ms=4, capsize=3, color=colour)


def _table(groups: Sequence[Replicates]) -> Table:
    columns = measures.shown(measures.SIZES)
    rows = [
        (
            group.dataset,
            group.learner,
            *(cell(interval_of(group, measure.name), measure.scale) for measure in columns),
        )
        for group in groups
    ]
    return Table(
        "Learners at several sizes.",
        ("data set", "learner", *(measure.heading for measure in columns)),
        tuple(rows),
        basis([record for group in groups for record in group], interval=INTERVAL),
    )


def _findings(name: str, groups: Sequence[Replicates]) -> list[str]:
    """Return what each learner pays for an accuracy that all of them reach."""
    learners = by_learner(groups)
    if len(learners) < 2:
        return []
    level = _level(learners)
    compared = ((TIME, _timed(groups)), (SPIKES, groups), (OPERATIONS, groups))
    told = [
        f"{name}: the least {cost.told} for {100 * level:.0f} % in validation: {', '.join(prices)}."
        for cost, members in compared
        if len(prices := _prices(by_learner(members), level, cost)) > (cost is TIME)
    ]
    return [*told, *_short(name, learners, level)]


def _level(learners: Mapping[str, Sequence[Replicates]]) -> float:
    """Return the highest whole percentage that every learner reaches in validation."""
    reached = min(max(map(_validated, members)) for members in learners.values())
    return math.floor(100 * reached + ROUNDING) / 100


def _short(name: str, learners: Mapping[str, Sequence[Replicates]], level: float) -> list[str]:
    """Return whose mean reaches the accuracy while some seeds do not."""
    told = []
    for members in learners.values():
        best = max(members, key=_validated)
        reached = sum(r.metrics["validation_accuracy"] >= level for r in best)
        if reached < len(best):
            told.append(f"{best.learner} with {reached} of {len(best)} seeds")
    if not told:
        return []
    return [
        f"{name}: {100 * level:.0f} % is reached by the mean over seeds, but by {', '.join(told)}."
    ]


def _prices(learners: dict[str, list[Replicates]], level: float, cost: Cost) -> list[str]:
    found = {}
    for learner, members in learners.items():
        reaching = [
            (price, group)
            for group in members
            if _validated(group) >= level
            and (price := _until(group, level) if cost is TIME else _mean(group, cost)) is not None
        ]
        if reaching:
            found[learner] = min(reaching, key=lambda each: each[0])
    return [
        f"{learner} with {significant(price)}{_preparing(group) if cost is TIME else ''}"
        for learner, (price, group) in sorted(found.items(), key=lambda item: item[1][0])
    ]


def _preparing(group: Replicates) -> str:
    """Return how long it takes before training can begin, in a process that has done nothing."""
    longest = max(record.metrics["prepare_seconds"] for record in group)
    return f" (after a preparation of up to {significant(longest)})"


def _until(group: Replicates, level: float) -> float:
    """Return the seconds after which the mean over seeds reaches an accuracy.

    On the way accuracy may be that of fewer validation samples than at the end, where the network
    reaches the level at the latest.
    """
    seconds, accuracies = _learned(group)
    reached = accuracies.mean(axis=0) >= level
    return float(seconds[reached.argmax()] if reached.any() else seconds[-1])
