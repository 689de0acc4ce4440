"""Networks that classify images, by the way on which their errors come back.

A part of the experiment ``feedback``: trials, figures, table and findings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from study.analysis import one_setting
from study.analysis.basis import basis
from study.analysis.comparison import Strength, difference
from study.analysis.figures import COLOURS, label_axes
from study.analysis.replicates import at_most, cell, interval_of, mean_of, percent
from study.analysis.section import Figure, Table, figure_name
from study.analysis.stats import INTERVAL
from study.request import Request
from study.trials.trial import Record, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RATES, SPIKES = "feedback-alignment", "feedback-spiking"
NAMES = {RATES: "rates", SPIKES: "spikes"}
KINDS = ("symmetric", "sign", "random", "uniform", "none")
EXACT, OTHER, NOTHING = "symmetric", "random", "none"
SQUARED: Mapping[str, Any] = {"loss": "squared", "learning_rate": 0.02}
OF_SQUARED = ", squared errors"
WITH_SQUARED = ("symmetric", "uniform", "none")
FEW = {  # in the quick profile
    "feedback-alignment": ("symmetric", "random", "uniform", "none"),
    "feedback-spiking": ("symmetric", "random", "none"),
}
STILL = 1e-6  # hidden weights that change by a smaller share of their norm did not learn

VARIANTS: dict[str, dict[str, Mapping[str, Any]]] = {
    RATES: {
        **{kind: {"feedback": kind} for kind in KINDS},
        **{kind + OF_SQUARED: {"feedback": kind, **SQUARED} for kind in WITH_SQUARED},
    },
    SPIKES: {kind: {"feedback": kind} for kind in KINDS},
}


@dataclass(frozen=True)
class Networks:
    """What was run on a data set by a learner: records by the name of their variant."""

    dataset: str
    learner: str
    by_name: Mapping[str, Sequence[Record]]

    @property
    def title(self) -> str:
        """What findings begin with."""
        return f"{self.dataset}, {NAMES[self.learner]}"

    @property
    def records(self) -> list[Record]:
        """All of them."""
        return [record for members in self.by_name.values() for record in members]


def trials(request: Request) -> list[Trial]:
    """Return each variant of both learners; few of them in the quick profile."""
    return [
        trial for name, variants in VARIANTS.items() for trial in _trials(request, name, variants)
    ]


def _trials(request: Request, name: str, variants: Mapping[str, Mapping[str, Any]]) -> list[Trial]:
    quick = request.profile == "quick"
    ways = [changes for kind, changes in variants.items() if not quick or kind in FEW[name]]
    return request.varied_trials(name, lambda _dataset: ways)


def found(records: Sequence[Record]) -> list[Networks]:
    """Return records by data set and learner, where there is more than one variant."""
    keys = dict.fromkeys((record.trial.dataset_name, record.trial.subject) for record in records)
    every = [
        _placed(dataset, name, [r for r in records if _is_of(r, dataset, name)])
        for dataset, name in keys
        if name in VARIANTS
    ]
    return [networks for networks in every if len(networks.by_name) > 1]


def _is_of(record: Record, dataset: str, learner: str) -> bool:
    return (record.trial.dataset_name, record.trial.subject) == (dataset, learner)


def _placed(dataset: str, learner: str, records: Sequence[Record]) -> Networks:
    return Networks(dataset, learner, one_setting.placed(records, VARIANTS[learner]))


def figures(every: Sequence[Networks]) -> tuple[Figure, ...]:
    """Return a figure for each data set and learner: angles, and accuracies."""
    return tuple(map(_figure, every))


def _figure(networks: Networks) -> Figure:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(7.6, 3.2), layout="constrained")
    turning, reached = drawing.subplots(1, 2)
    _draw_angles(turning, networks)
    _draw_accuracies(reached, networks)
    return Figure(
        figure_name("feedback", networks.learner, networks.dataset),
        drawing,
        f"{networks.title}: angle between what the first hidden layer is told and its gradient, "
        "before training and after each epoch (left; mean over seeds, dashed at a right angle), "
        "and validation accuracy by the way back of errors (right).",
        "Two panels: angles against epochs, a line a way back, and accuracies with intervals.",
        basis(networks.records, interval=INTERVAL),
    )


def _draw_angles(ax: Axes, networks: Networks) -> None:
    for place, (name, members) in enumerate(networks.by_name.items()):
        angles = np.mean([record.arrays["alignment_deg"][:, 0] for record in members], axis=0)
        if OF_SQUARED in name or np.isnan(angles).all():
            continue
        ax.plot(np.arange(len(angles)), angles, color=COLOURS[place % len(COLOURS)], label=name)
    ax.axhline(90, color="grey", lw=0.8, ls="--")
    ax.set_ylim(0, 120)
    label_axes(ax, "epoch", "angle / °")


def _draw_accuracies(ax: Axes, networks: Networks) -> None:
    names = [name for name in networks.by_name if OF_SQUARED not in name]
    for place, name in enumerate(names):
        found = interval_of(networks.by_name[name], "validation_accuracy")
        assert found is not None
        mean, low, high = (100 * value for value in found)
        reach = [[mean - low], [high - mean]]
        ax.errorbar([place], [mean], reach, fmt="o", capsize=3, color=COLOURS[place])
    ax.set_xticks(range(len(names)), names, rotation=20)
    label_axes(ax, "feedback", "accuracy / %")


def table(every: Sequence[Networks]) -> Table:
    """Return a row a network."""
    columns = (
        ("test accuracy / %", "test_accuracy", 100.0),
        ("angle before / °", "alignment_before_deg", 1.0),
        ("angle after / °", "alignment_after_deg", 1.0),
        ("training / s", "train_seconds", 1.0),
    )
    return Table(
        "Networks by the way on which their errors come back. Angle between what the first hidden "
        "layer is told and its gradient, before training and after the last epoch; change of its "
        "weights in training as a share of their norm.",
        ("data set", "network", "feedback", *(head for head, _, _ in columns), "change"),
        tuple(
            (
                networks.dataset,
                NAMES[networks.learner],
                name,
                *(cell(interval_of(members, metric), scale) for _, metric, scale in columns),
                f"{mean_of(members, 'hidden_change'):.2g}",
            )
            for networks in every
            for name, members in networks.by_name.items()
        ),
        basis([r for networks in every for r in networks.records], interval=INTERVAL),
    )


def findings(networks: Networks) -> list[str]:
    """Return what is reached and how far it is from back-propagation, then what controls do."""
    by_name, title = networks.by_name, networks.title
    told = [
        f"{title}: {name} feedback reaches {percent(by_name[name])} % of test samples."
        for name in KINDS[:-1]
        if name in by_name
    ]
    if NOTHING in by_name:
        told.append(f"{title}: control, no feedback: {percent(by_name[NOTHING])} %.")
    if OTHER in by_name:
        first, last = (
            interval_of(by_name[OTHER], f"alignment_{when}_deg") for when in ("before", "after")
        )
        told.append(
            f"{title}: with random feedback the angle to the gradient goes from {cell(first)}° to "
            f"{cell(last)}°."
        )
    return [*told, *_distance(networks), *_unmoved(networks)]


def _distance(networks: Networks) -> list[str]:
    """Return what random feedback lacks, where seeds are enough."""
    exact, other = (networks.by_name.get(name, ()) for name in (EXACT, OTHER))
    found = difference(exact, other, "test_accuracy")
    if found is None or found.strength is Strength.FEW:
        return []
    return [
        f"{networks.title}: random feedback is {cell(found.interval, 100)} points behind "
        f"back-propagation ({found.strength})."
    ]


def _unmoved(networks: Networks) -> list[str]:
    """Return how far hidden weights went with uniform feedback."""
    told = []
    for name, what in (
        ("uniform", "with uniform feedback"),
        ("uniform" + OF_SQUARED, "with uniform feedback of squared errors"),
    ):
        if members := networks.by_name.get(name):
            change = max(record.metrics["hidden_change"] for record in members)
            words = "stay as they were" if change < STILL else "learn"
            told.append(
                f"{networks.title}: {what} the hidden weights {words}: they change by at most "
                f"{at_most(change)} of their norm."
            )
    return told
