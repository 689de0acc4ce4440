"""The answer that opens the report: learners by data sets, and accuracy against spikes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from study.analysis.basis import basis
from study.analysis.figures import panel_grid, spread
from study.analysis.measures import SUMMARY, shown
from study.analysis.replicates import (
    Replicates,
    by_dataset,
    cell,
    interval_of,
    mean_of,
    percent,
    replicates,
    significant,
)
from study.analysis.section import Figure, Table
from study.analysis.stats import INTERVAL
from study.learners import family, style
from study.learning.families import FAMILIES
from study.trials.trial import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

BESIDE = 3  # marks of a panel that have room for names beside them
ROWS = 14  # of the table at most; of more learners it shows the best of each family
TEXT_HEIGHT = 0.055  # of a name, as a share of a panel
ROOM = 0.15  # above and below what is drawn, as a share of its range
LEAST_RANGE = 0.04  # of the vertical axis, as a share of all samples
COLUMNS = 3  # panels side by side, and names of the legend


def table(records: Sequence[Record]) -> Table | None:
    """Return learners x data sets with accuracy, spikes and runtime; None if nothing learned."""
    groups = replicates(records)
    if not groups:
        return None
    columns, several = shown(SUMMARY), len(groups) > ROWS
    rows = [
        (
            group.learner,
            group.dataset,
            *(cell(interval_of(group, measure.name), measure.scale) for measure in columns),
        )
        for group in (_best_of_families(groups) if several else groups)
    ]
    flat = [record for group in groups for record in group]
    chosen = (
        f" Of {len(groups)} learners and data sets the most accurate of each family in validation; "
        "the others stand in the comparison of learners."
    )
    return Table(
        "What each way of learning reaches and costs: means over seeds with 95 % intervals, in "
        "brackets where a bound cuts them. Spikes include the input's; memory is the peak while "
        f"training, above what the process held before.{chosen if several else ''}",
        ("learner", "data set", *(measure.heading for measure in columns)),
        tuple(rows),
        basis(flat, interval=INTERVAL),
    )


def _best_of_families(groups: Sequence[Replicates]) -> list[Replicates]:
    """Return of each data set and family the learner that is best in validation."""
    best: dict[tuple[str, str], Replicates] = {}
    for group in groups:
        key = group.dataset, family(group[0].trial.subject)
        if key not in best or _validated(group) > _validated(best[key]):
            best[key] = group
    order = list(FAMILIES)
    return sorted(
        best.values(),
        key=lambda group: (group.dataset, order.index(family(group[0].trial.subject) or order[0])),
    )


def _validated(group: Replicates) -> float:
    found = interval_of(group, "validation_accuracy")
    return found.mean if found else 0.0


def figure(records: Sequence[Record]) -> Figure | None:
    """Return accuracy against spikes per sample; None if no network spiked."""
    groups = replicates(records)
    spiking = [group for group in groups if interval_of(group, "spikes_per_sample")]
    if not spiking:
        return None
    data_sets = _compared(groups, spiking)
    drawn = [group for group in spiking if group.dataset in data_sets]
    listed = max(Counter(group.dataset for group in drawn).values()) > BESIDE
    names = list(dict.fromkeys(group.learner for group in drawn)) if listed else []
    columns = min(len(data_sets), COLUMNS)
    drawing, grid = panel_grid(
        len(data_sets),
        3.2,
        width=7.6 if columns > 1 or listed else 5.2,
        head=0.2 * -(-len(names) // COLUMNS),
        columns=columns,
        sharey=True,
    )
    for ax, name in zip(grid.flat, data_sets, strict=False):
        _panel(ax, name, [group for group in groups if group.dataset == name], names)
        ax.set_xlabel("spikes per sample")
    _set_limits(grid[0, 0], [group for group in groups if group.dataset in data_sets])
    for ax, name in zip(grid.flat, data_sets, strict=False):
        _name_baselines(ax, [group for group in groups if group.dataset == name])
    for ax in grid[:, 0]:
        ax.set_ylabel("test accuracy / %")
    if listed:
        _legend(drawing, drawn)
    return Figure(
        "accuracy-against-spikes",
        drawing,
        "Accuracy against spikes. Each mark is the mean over seeds with its 95 % interval; its "
        "shape is that of its family of learners, and its area grows with the logarithm of the "
        "training time; dashed lines are the baselines that do not spike.",
        _told(groups, data_sets),
        basis(
            [record for group in groups if group.dataset in data_sets for record in group],
            interval=INTERVAL,
        ),
    )


def _told(groups: Sequence[Replicates], data_sets: Sequence[str]) -> str:
    """Return what the figure shows, for those who cannot see it."""
    marks = [
        f"{group.learner} on {group.dataset} {percent(group)} % at "
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


def _panel(ax: Axes, name: str, groups: Sequence[Replicates], names: Sequence[str]) -> None:
    """Draw the learners of a data set; their names beside the marks or listed, by number."""
    means: list[float] = []
    for group in groups:
        accuracy = interval_of(group, "test_accuracy")
        spikes = interval_of(group, "spikes_per_sample")
        colour, mark = style(group[0].trial.subject)
        assert accuracy is not None
        if spikes is None:
            ax.axhline(100 * accuracy.mean, ls="--", lw=1, color=colour)
            continue
        means.append(spikes.mean)
        reach = [[100 * (accuracy.mean - accuracy.low)], [100 * (accuracy.high - accuracy.mean)]]
        width = [[spikes.mean - spikes.low], [spikes.high - spikes.mean]]
        centre = (spikes.mean, 100 * accuracy.mean)
        ax.errorbar(*centre, reach, width, color=colour, capsize=3)
        ax.scatter(
            *centre,
            _area(group),
            color=colour,
            marker=mark,
            alpha=0.75,
            edgecolor="white",
            zorder=3,
        )
        ax.annotate(
            str(names.index(group.learner) + 1) if names else f"{group.learner}\n{_seconds(group)}",
            centre, xytext=(9, 5), textcoords="offset points", fontsize=8, color=colour,
        )  # fmt: skip
    spread(ax, means)
    ax.margins(x=0.5)
    ax.set_title(name)
    ax.grid(alpha=0.3)


def _set_limits(ax: Axes, groups: Sequence[Replicates]) -> None:
    """Let the vertical axis, which all panels share, hold every mark, interval and line."""
    found = [interval for group in groups if (interval := interval_of(group, "test_accuracy"))]
    ends = [end for each in found for end in each if math.isfinite(end)]  # one seed has none
    low, high = min(ends), max(ends)
    room = ROOM * max(high - low, LEAST_RANGE)
    ax.set_ylim(100 * max(low - room, 0.0) - 0.5, 100 * min(high + room, 1.0) + 0.5)


def _name_baselines(ax: Axes, groups: Sequence[Replicates]) -> None:
    """Write the names of dashed lines on them, or below where there is no room between them."""
    low, high = ax.get_ylim()
    place = math.inf
    dashed = [group for group in groups if interval_of(group, "spikes_per_sample") is None]
    for group in sorted(dashed, key=lambda group: -mean_of(group, "test_accuracy")):
        line = (100 * mean_of(group, "test_accuracy") - low) / (high - low)
        place = min(line, place - TEXT_HEIGHT)
        ax.annotate(
            group.learner, (1, place), xycoords="axes fraction", xytext=(-3, 2),
            textcoords="offset points", ha="right", fontsize=8,
            color=style(group[0].trial.subject).colour,
        )  # fmt: skip


def _legend(drawing: Drawing, drawn: Sequence[Replicates]) -> None:
    """List the learners by number, each once whatever the data sets."""
    from matplotlib.lines import Line2D

    subjects = {group.learner: group[0].trial.subject for group in drawn}
    handles = [
        Line2D([], [], ls="", marker=style(subject).mark, color=style(subject).colour,
               label=f"{number} {name}")
        for number, (name, subject) in enumerate(subjects.items(), start=1)
    ]  # fmt: skip
    drawing.legend(
        handles=handles, loc="outside lower left", ncols=COLUMNS, fontsize=8, handlelength=1
    )


def _seconds(group: Replicates) -> str:
    seconds = interval_of(group, "train_seconds")
    return f"{significant(seconds.mean)} s" if seconds else ""


def _area(group: Replicates) -> float:
    """Return the area of a mark in points squared: in proportion to the log of training time."""
    seconds = interval_of(group, "train_seconds")
    return 30.0 + 40.0 * max(0.0, math.log10(max(seconds.mean, 1.0))) if seconds else 30.0
