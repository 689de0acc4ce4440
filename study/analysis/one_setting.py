"""One setting at a time: networks that differ in it alone, placed, drawn and tabled.

What departs from what is read off the records: the base is what most of them share, so that a
preset that has changed since hides nothing that was run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np

from study.analysis.basis import basis
from study.analysis.figures import draw_levels
from study.analysis.replicates import MISSING, cell, interval_of, mean_of
from study.analysis.section import Figure, Table
from study.analysis.stats import INTERVAL
from study.trials.trial import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

CHOSEN_BY = "validation_accuracy"
USUAL_SCORE = {"validation accuracy": CHOSEN_BY}
ROOM = 0.08  # above and below what is drawn, as a share of its range
LEAST_RANGE = 5.0  # of the axis of accuracies, in points


class Varied(Protocol):
    """A setting that is varied."""

    @property
    def name(self) -> str:
        """What is varied, in words."""

    @property
    def label(self) -> str:
        """What stands at the axis of its levels."""

    def show(self, level: Any) -> str:
        """Return a level for people."""


V = TypeVar("V", bound=Varied)


@dataclass(frozen=True)
class Sweep(Generic[V]):
    """Networks on one data set that differ in one setting.

    Parameters
    ----------
    dataset
        Name of the data set.
    varied
        The setting.
    networks
        Records by level, levels in rising order.
    usual
        The level that the networks of other sweeps have; None where none is singled out.
    """

    dataset: str
    varied: V
    networks: Mapping[Any, Sequence[Record]]
    usual: Any = None

    @property
    def records(self) -> list[Record]:
        """All records, level by level."""
        return [record for members in self.networks.values() for record in members]

    @property
    def ranked(self) -> list[Any]:
        """The levels from the worst to the best validation accuracy."""
        return sorted(self.networks, key=lambda level: accuracy(self.networks[level]))


def accuracy(network: Sequence[Record]) -> float:
    """Return the mean validation accuracy of replicates."""
    return mean_of(network, CHOSEN_BY)


def usual(configs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the value that each setting has in most configurations.

    Examples
    --------
    >>> usual([{"slope": 5, "hidden": 10}, {"slope": 5, "hidden": 20}, {"slope": 1, "hidden": 20}])
    {'slope': 5, 'hidden': 20}
    """
    keys = dict.fromkeys(key for config in configs for key in config)
    return {
        key: Counter(config.get(key, MISSING) for config in configs).most_common(1)[0][0]
        for key in keys
    }


def alike(config: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a configuration has the wanted settings; it may have others besides."""
    return all(config.get(key, MISSING) == value for key, value in wanted.items())


def named(
    records: Sequence[Record], ways: Mapping[str, Mapping[str, Any]], base: str
) -> dict[str, Sweep[Any]]:
    """Return by data set the records by the names of what was changed.

    Parameters
    ----------
    records
        Of any data sets.
    ways
        What each way changes, by its name.
    base
        The way that the others depart from; of a data set without records of it nothing is found.
    """
    found: dict[str, Sweep[Any]] = {}
    for dataset in dict.fromkeys(record.trial.dataset_name for record in records):
        here = [record for record in records if record.trial.dataset_name == dataset]
        networks = placed(here, ways)
        found[dataset] = Sweep(dataset, None, networks if base in networks else {}, base)
    return found


def placed(
    records: Sequence[Record], ways: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[Record]]:
    """Return the records by the way in which they depart from what most of them share."""
    shared = usual([record.trial.config for record in records])
    return {
        name: members
        for name, changes in ways.items()
        if (members := [r for r in records if alike(r.trial.config, {**shared, **changes})])
    }


def named_table(
    caption: str, way: str, sweeps: Sequence[Sweep[Any]], columns: Sequence[tuple[str, str, float]]
) -> Table:
    """Return a row a way of `named`.

    Parameters
    ----------
    caption, way
        Of the table and of its column of names.
    sweeps
        In their order.
    columns
        Heading, metric and the factor by which it is shown.
    """
    return Table(
        caption,
        ("data set", way, *(heading for heading, _, _ in columns)),
        tuple(
            (
                sweep.dataset,
                name,
                *(cell(interval_of(members, metric), scale) for _, metric, scale in columns),
            )
            for sweep in sweeps
            for name, members in sweep.networks.items()
        ),
        _basis(sweeps),
    )


def unplaced(records: Sequence[Record], sweeps: Iterable[Sweep[V]]) -> int:
    """Return how many records stand in none of the sweeps."""
    placed = {record.trial.id for sweep in sweeps for record in sweep.records}
    return sum(record.trial.id not in placed for record in records)


def figure(
    name: str,
    sweeps: Sequence[Sweep[V]],
    spikes: Callable[[Sequence[Record]], float],
    caption: str,
    scores: Mapping[str, str] = USUAL_SCORE,
    columns: int = 3,
) -> Figure:
    """Return two panels a sweep, by level: accuracy above, spikes below.

    Parameters
    ----------
    name
        Of the figure.
    sweeps
        At least one.
    spikes
        From replicates to spikes a sample.
    caption
        Of the figure; the usual level is shaded where there is one.
    scores
        The accuracies that are drawn, by name; names are shown where there are several.
    columns
        Sweeps side by side.
    """
    return Figure(
        name,
        _panels(sweeps, spikes, scores, columns),
        caption,
        "Panels of accuracy, and below of spikes, against the levels of one setting each.",
        _basis(sweeps),
    )


def _panels(
    sweeps: Sequence[Sweep[V]],
    spikes: Callable[[Sequence[Record]], float],
    scores: Mapping[str, str],
    columns: int,
) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    columns = min(columns, len(sweeps))
    rows = -(-len(sweeps) // columns)
    drawing = Drawing(figsize=(7.6, 0.3 + 2.7 * rows), layout="constrained")
    axes = drawing.subplots(2 * rows, columns, squeeze=False, height_ratios=[3, 2] * rows)
    for ax in axes.flat:
        ax.set_axis_off()
    for place, sweep in enumerate(sweeps):
        above, below = axes[2 * (place // columns) : 2 * (place // columns) + 2, place % columns]
        _draw(above, below, sweep, spikes, scores)
        if place % columns == 0:
            above.set_ylabel("accuracy / %")
            below.set_ylabel("spikes")
        else:
            above.sharey(axes[0, 0])
    drawn = [axes[2 * (place // columns), place % columns] for place in range(len(sweeps))]
    _share_limits(drawn)
    if len(scores) > 1:
        drawing.legend(
            *drawn[0].get_legend_handles_labels(), loc="outside upper left", ncols=len(scores)
        )
    return drawing


def _draw(
    above: Axes,
    below: Axes,
    sweep: Sweep[V],
    spikes: Callable[[Sequence[Record]], float],
    scores: Mapping[str, str],
) -> None:
    varied, networks = sweep.varied, sweep.networks
    above.set_axis_on()
    below.set_axis_on()
    draw_levels(
        above,
        below,
        [varied.show(level) for level in networks],
        {
            told: [interval_of(members, metric) for members in networks.values()]
            for told, metric in scores.items()
        },
        [spikes(members) for members in networks.values()],
    )
    if sweep.usual in networks:
        for ax in (above, below):
            ax.axvline(list(networks).index(sweep.usual), color="0.9", lw=8, zorder=0)
    below.set_xlabel(varied.label)
    if varied.name != varied.label:
        above.set_title(varied.name, fontsize=8)


def _share_limits(axes: Sequence[Axes]) -> None:
    """Give all panels the limits that hold the marks of each."""
    limits = np.array([ax.dataLim.intervaly for ax in axes])
    low, high = limits[:, 0].min(), limits[:, 1].max()
    room = ROOM * max(high - low, LEAST_RANGE)
    for ax in axes:
        ax.set_ylim(max(low - room, -1.0), min(high + room, 101.0))


Column = tuple[str, Callable[[Sweep[Any], Any], str]]
"""A heading, and the cell of a level of a sweep."""


def measured(heading: str, metric: str, scale: float = 1.0) -> Column:
    """Return the column of a metric: its mean over replicates with an interval."""
    return heading, lambda sweep, level: cell(interval_of(sweep.networks[level], metric), scale)


def table(caption: str, setting: str, sweeps: Sequence[Sweep[V]], *columns: Column) -> Table:
    """Return a row a level of each sweep.

    Parameters
    ----------
    caption
        Of the table.
    setting
        Heading of the column that names what is varied.
    sweeps
        In their order.
    columns
        What stands behind data set and setting.
    """
    return Table(
        caption,
        ("data set", setting, *(heading for heading, _ in columns)),
        tuple(
            (sweep.dataset, sweep.varied.name, *(told(sweep, level) for _, told in columns))
            for sweep in sweeps
            for level in sweep.networks
        ),
        _basis(sweeps),
    )


def caveats(records: Sequence[Record], sweeps: Collection[Sweep[V]]) -> list[str]:
    """Return what sweeps of these records leave out, and where they have one seed."""
    return [*left_out(unplaced(records, sweeps)), *one_seed(sweeps)]


def one_seed(sweeps: Iterable[Sweep[V]]) -> list[str]:
    """Return the caveat that intervals of some levels are not over seeds, if so."""
    alone = any(len(members) < 2 for sweep in sweeps for members in sweep.networks.values())
    told = "Where there is one seed, intervals are over samples alone: --seeds K adds seeds."
    return [told] if alone else []


def left_out(n: int) -> list[str]:
    """Return the caveat that some records stand in no sweep, if so; see `unplaced`."""
    told = f"{n} runs differ from the others in several settings; none shows them."
    return [told] if n else []


def _basis(sweeps: Sequence[Sweep[V]]) -> str:
    return basis([r for sweep in sweeps for r in sweep.records], interval=INTERVAL)
