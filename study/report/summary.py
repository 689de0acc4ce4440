"""The answer that opens the report: learners by data sets, and accuracy against spikes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from study.analysis.basis import basis
from study.analysis.figures import spread, style_of
from study.analysis.measures import SUMMARY, shown
from study.analysis.replicates import (
    Replicates,
    by_dataset,
    cell,
    interval_of,
    replicates,
    significant,
)
from study.analysis.section import Figure, Table
from study.analysis.stats import INTERVAL
from study.trials.trial import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BESIDE = 3  # marks of a panel that have room for names beside them


def table(records: Sequence[Record]) -> Table | None:
    """Return learners x data sets with accuracy, spikes and runtime; None if nothing learned."""
    groups = replicates(records)
    if not groups:
        return None
    columns = shown(SUMMARY)
    rows = [
        (
            group.learner,
            group.dataset,
            *(cell(interval_of(group, measure.name), measure.scale) for measure in columns),
        )
        for group in groups
    ]
    flat = [record for group in groups for record in group]
    return Table(
        "What each way of learning reaches and costs: means over seeds with 95 % intervals, in "
        "brackets where a bound cuts them. Spikes include the input's; memory is the peak while "
        "training, above what the process held before.",
        ("learner", "data set", *(measure.heading for measure in columns)),
        tuple(rows),
        basis(flat, interval=INTERVAL),
    )


def figure(records: Sequence[Record]) -> Figure | None:
    """Return accuracy against spikes per sample; None if no network spiked."""
    from matplotlib.figure import Figure as Drawing

    groups = replicates(records)
    spiking = [group for group in groups if interval_of(group, "spikes_per_sample")]
    if not spiking:
        return None
    data_sets = _compared(groups, spiking)
    drawn = [group for group in spiking if group.dataset in data_sets]
    listed = max(Counter(group.dataset for group in drawn).values()) > BESIDE
    rows = -(-len(drawn) // 2) if listed else 0
    width = 7.0 if len(data_sets) > 1 or listed else 5.2
    drawing = Drawing(figsize=(width, 3.2 + 0.17 * rows), layout="constrained")
    axes = drawing.subplots(1, len(data_sets), squeeze=False, sharey=True)[0]
    for ax, name in zip(axes, data_sets, strict=True):
        _panel(ax, name, [group for group in groups if group.dataset == name], listed)
    if listed:
        drawing.legend(loc="outside lower left", ncols=2, fontsize=8, handlelength=1)
    axes[0].set_ylabel("test accuracy / %")
    return Figure(
        "accuracy-against-spikes",
        drawing,
        "Accuracy against spikes. Each mark is the mean over seeds with its 95 % interval; its "
        "area grows with the logarithm of the training time that its name carries; dashed lines "
        "are the baselines that do not spike.",
        _told(groups, data_sets),
        basis(
            [record for group in groups if group.dataset in data_sets for record in group],
            interval=INTERVAL,
        ),
    )


def _told(groups: Sequence[Replicates], data_sets: Sequence[str]) -> str:
    """Return what the figure shows, for those who cannot see it."""
    marks = [
        f"{group.learner} on {group.dataset} {cell(interval_of(group, 'test_accuracy'), 100)} % at "
        f"{cell(interval_of(group, 'spikes_per_sample'))} spikes"
        for group in groups
        if group.dataset in data_sets
    ]
    return f"Test accuracy against spikes per sample: {'; '.join(marks)}."


def _compared(groups: Sequence[Replicates], spiking: Sequence[Replicates]) -> list[str]:
    """Return the data sets with a spiking learner: those with several learners, if there are."""
    learners = {name: {g.learner for g in found} for name, found in by_dataset(groups).items()}
    names = list(by_dataset(spiking))
    return [name for name in names if len(learners[name]) > 1] or names


def _panel(ax: Axes, name: str, groups: Sequence[Replicates], listed: bool) -> None:
    """Draw the learners of a data set; their names beside the marks or listed, by number."""
    means: list[float] = []
    for group in groups:
        accuracy = interval_of(group, "test_accuracy")
        spikes = interval_of(group, "spikes_per_sample")
        colour, mark = style_of(group[0].trial.subject)
        assert accuracy is not None
        if spikes is None:
            ax.axhline(100 * accuracy.mean, ls="--", lw=1, color=colour)
            ax.annotate(
                group.learner, (1, 100 * accuracy.mean), xycoords=("axes fraction", "data"),
                xytext=(-3, 2), textcoords="offset points", ha="right", fontsize=8, color=colour,
            )  # fmt: skip
            continue
        means.append(spikes.mean)
        reach = [[100 * (accuracy.mean - accuracy.low)], [100 * (accuracy.high - accuracy.mean)]]
        width = [[spikes.mean - spikes.low], [spikes.high - spikes.mean]]
        centre = (spikes.mean, 100 * accuracy.mean)
        ax.errorbar(*centre, reach, width, color=colour, capsize=3)
        told = f"{group.learner}{{}}{_seconds(group)}"
        number = len(means)
        ax.scatter(
            *centre, _area(group), color=colour, marker=mark, alpha=0.75, edgecolor="white",
            zorder=3, label=f"{number}: {name}, {told.format(', ')}" if listed else None,
        )  # fmt: skip
        ax.annotate(
            str(number) if listed else told.format("\n"), centre,
            xytext=(9, 5), textcoords="offset points", fontsize=8, color=colour,
        )  # fmt: skip
    spread(ax, means)
    ax.margins(x=0.5, y=0.25)
    ax.set_ylim(top=min(ax.get_ylim()[1], 101))
    ax.set(title=name, xlabel="spikes per sample")
    ax.grid(alpha=0.3)


def _seconds(group: Replicates) -> str:
    seconds = interval_of(group, "train_seconds")
    return f"{significant(seconds.mean)} s" if seconds else ""


def _area(group: Replicates) -> float:
    """Return the area of a mark in points squared: in proportion to the log of training time."""
    seconds = interval_of(group, "train_seconds")
    return 30.0 + 40.0 * max(0.0, math.log10(max(seconds.mean, 1.0))) if seconds else 30.0
