"""The picture that opens the report: a row a learner, a column for each thing it gains or costs.

Columns are test accuracy; spikes, those that come in and those that the network emits apart, as an
input code's price is no network's; seconds of training, with the preparation before a first run as
a tail; and what an inference would cost in a chip, from 8-bit integers to floats in SRAM. Learners
that are not accurate stand beside those that are, on the same axes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from study.analysis import energy
from study.analysis.basis import basis
from study.analysis.figures import spread
from study.analysis.replicates import (
    Replicates,
    by_dataset,
    cell,
    interval_of,
    mean_of,
    percent,
    significant,
    spikes_apart,
)
from study.analysis.section import Figure
from study.analysis.stats import INTERVAL
from study.learners import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, ROW, FRAME = 7.6, 0.2, 0.8  # inches: of the picture, of a row, and of axes and legend
SHARES = (1.25, 1.2, 1.0, 1.0)  # of the columns
MARK = 5.0  # points
SEED, BELOW = 2.2, 0.27  # points; rows below its mean
LEAST_POINTS = 4.0  # of the axis of accuracies
QUIET = "0.6"
COUNTED = ("synops_per_sample", "macs_per_sample", "neuron_updates_per_sample")
CAPTION = (
    "Learners at a glance: test accuracy with its 95 % interval, and each seed as a dot; spikes "
    "a sample, filled those that the network emits and hollow those that come in; seconds of "
    "training, with the preparation of a first run as a tail; the estimated energy of an "
    "inference, from 8-bit integers to floats in SRAM, and of floats alone as a mark."
)

Placed = Sequence[tuple[int, Replicates]]


class Row(NamedTuple):
    """A line of the picture: replicates, or the name of the data set of those below."""

    place: int
    name: str
    group: Replicates | None


def figure(groups: Sequence[Replicates]) -> Figure:
    """Return the picture of replicates, which stand below the name of their data set.

    Parameters
    ----------
    groups
        At least one of which spikes.
    """
    from matplotlib.figure import Figure as Drawing

    rows = list(_rows(groups))
    height = FRAME + ROW * (len(rows) + 1)
    drawing = Drawing(figsize=(WIDTH, height), layout="constrained")
    columns = drawing.subplots(1, len(SHARES), sharey=True, width_ratios=SHARES)
    for ax, draw in zip(columns, (_accuracy, _spikes, _time, _energy), strict=True):
        draw(ax, [(row.place, row.group) for row in rows if row.group is not None])
        _frame(ax, rows)
    columns[0].set_yticks([row.place for row in rows], [row.name for row in rows])
    for row, label in zip(rows, columns[0].get_yticklabels(), strict=True):
        label.set_fontweight("normal" if row.group else "bold")
    return Figure(
        "learners-at-a-glance",
        drawing,
        CAPTION,
        f"Learners at a glance: {'; '.join(map(_told, groups))}.",
        basis([record for group in groups for record in group], interval=INTERVAL),
    )


def _rows(groups: Sequence[Replicates]) -> Iterator[Row]:
    """Yield the rows from above, in each data set the most accurate first."""
    place = 0
    for name, members in by_dataset(groups).items():
        yield Row(place, name, None)
        for group in sorted(members, key=lambda group: -mean_of(group, "test_accuracy")):
            place += 1
            yield Row(place, group.learner, group)
        place += 1


def _frame(ax: Axes, rows: Sequence[Row]) -> None:
    ax.set_ylim(rows[-1].place + 0.7, -0.7)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    for row in rows:
        if row.group:
            ax.axhline(row.place, lw=0.6, color="0.9", zorder=0)
    ax.minorticks_off()
    ax.grid(axis="x", alpha=0.3)


def _accuracy(ax: Axes, placed: Placed) -> None:
    for place, group in placed:
        look, found = style(group[0].trial.subject), interval_of(group, "test_accuracy")
        assert found is not None
        ax.plot([100 * r.metrics["test_accuracy"] for r in group], [place + BELOW] * len(group),
                "o", ms=SEED, mew=0, color=QUIET)  # fmt: skip
        if found.low < found.high:  # one seed without samples has none
            ax.plot([100 * found.low, 100 * found.high], [place] * 2, lw=1.6, color=look.colour)
        ax.plot(100 * found.mean, place, look.mark, ms=MARK, color=look.colour)
    low, high = ax.get_xlim()
    middle = (low + high) / 2
    ax.set_xlim(min(low, middle - LEAST_POINTS / 2), max(high, middle + LEAST_POINTS / 2))
    ax.set_xlabel("test accuracy / %\ndots: seeds")


def _spikes(ax: Axes, placed: Placed) -> None:
    values = []
    for place, group in placed:
        if interval_of(group, "spikes_per_sample") is None:
            continue
        look, (come_in, emitted) = style(group[0].trial.subject), spikes_apart(group)
        if come_in > 0:
            ax.plot(come_in, place, look.mark, ms=MARK, mfc="none", color=look.colour)
            values.append(come_in)
        ax.plot(emitted, place, look.mark, ms=MARK, color=look.colour)
        values.append(emitted)
    spread(ax, values)
    ax.margins(x=0.12)
    ax.set_xlabel("spikes per sample\nhollow: input")


def _time(ax: Axes, placed: Placed) -> None:
    values = []
    for place, group in placed:
        found = interval_of(group, "train_seconds")
        if found is None or found.mean <= 0:
            continue
        look, before = style(group[0].trial.subject), _mean(group, "prepare_seconds")
        ax.plot([found.mean, found.mean + before], [place] * 2, lw=1.2, color=QUIET)
        ax.plot(found.mean, place, look.mark, ms=MARK, color=look.colour)
        values += [found.mean, found.mean + before]
    if values:
        spread(ax, values)
    ax.margins(x=0.12)
    ax.set_xlabel("training / s\ntail: preparation")


def _energy(ax: Axes, placed: Placed) -> None:
    values = []
    for place, group in placed:
        if any(name not in record.metrics for record in group for name in COUNTED):
            continue
        look = style(group[0].trial.subject)
        low, mark, high = (_nanojoules(group, price) for price in
                           (energy.INTEGER, energy.FLOAT, energy.SRAM))  # fmt: skip
        ax.plot([low, high], [place] * 2, lw=1.6, color=look.colour)
        ax.plot(mark, place, look.mark, ms=MARK, color=look.colour)
        values += [low, high]
    if values:
        spread(ax, values)
    ax.margins(x=0.12)
    ax.set_xlabel("estimated energy / nJ\nmark: floats")


def _nanojoules(group: Replicates, price: energy.Price) -> float:
    return _average(group, lambda metrics: energy.nanojoules(metrics, price))


def _average(group: Replicates, of: Callable[[dict[str, float]], float]) -> float:
    return sum(of(dict(record.metrics)) for record in group) / len(group)


def _mean(group: Replicates, metric: str) -> float:
    return _average(group, lambda metrics: metrics.get(metric) or 0.0)


def _told(group: Replicates) -> str:
    """Return a row in words, for those who cannot see it."""
    told = f"{group.learner} on {group.dataset} {percent(group)} %"
    if interval_of(group, "spikes_per_sample") is not None:
        come_in, emitted = map(significant, spikes_apart(group))
        told += f", {emitted} spikes emitted, {come_in} that come in"
    if (seconds := interval_of(group, "train_seconds")) is not None:
        told += f", {cell(seconds)} s of training"
    return told
