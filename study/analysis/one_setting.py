"""One setting at a time: networks that differ in it alone, placed, drawn and tabled.

What departs from what is read off the records: the base is what most of them share, so that a
preset that has changed since hides nothing that was run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from study.analysis.basis import basis
from study.analysis.figures import draw_levels, panel_grid
from study.analysis.replicates import MISSING, cell, interval_of, mean_of
from study.analysis.section import Figure, Table
from study.analysis.stats import INTERVAL
from study.trials.trial import Record

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

CHOSEN_BY = "validation_accuracy"


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
    dataset: str, records: Sequence[Record], ways: Mapping[str, Mapping[str, Any]], base: str
) -> Sweep[Any]:
    """Return the records of a data set by the names of what was changed.

    Parameters
    ----------
    dataset, records
        The data set and its records.
    ways
        What each way changes, by its name.
    base
        The way that the others depart from; without records of it nothing is found.
    """
    shared = usual([record.trial.config for record in records])
    found = {
        name: members
        for name, changes in ways.items()
        if (members := [r for r in records if alike(r.trial.config, {**shared, **changes})])
    }
    return Sweep(dataset, None, found if base in found else {}, base)


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
    height: float,
    **grid: Any,
) -> Figure:
    """Return a panel a sweep: accuracy on the left axis, spikes on the right, by level.

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
    height, grid
        Of `study.analysis.figures.panel_grid`.
    """
    return Figure(
        name,
        _panels(sweeps, spikes, height, **grid),
        caption,
        "Panels of validation accuracy and of spikes against the levels of one setting each.",
        _basis(sweeps),
    )


def _panels(
    sweeps: Sequence[Sweep[V]],
    spikes: Callable[[Sequence[Record]], float],
    height: float,
    **grid: Any,
) -> Drawing:
    drawing, axes = panel_grid(len(sweeps), height, **grid)
    for ax, sweep in zip(axes.flat, sweeps, strict=False):
        varied, networks = sweep.varied, sweep.networks
        draw_levels(
            ax,
            [varied.show(level) for level in networks],
            [interval_of(members, CHOSEN_BY) for members in networks.values()],
            [spikes(members) for members in networks.values()],
        )
        if sweep.usual in networks:
            ax.axvline(list(networks).index(sweep.usual), color="0.8", lw=6, zorder=0)
        ax.set_xlabel(varied.label)
        if varied.name != varied.label:
            ax.set_title(varied.name, fontsize=8)
    for row in axes:
        row[0].set_ylabel("accuracy / %")
    return drawing


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


def one_seed(sweeps: Iterable[Sweep[V]]) -> list[str]:
    """Return the caveat that some levels have no interval, if so."""
    alone = any(len(members) < 2 for sweep in sweeps for members in sweep.networks.values())
    return ["Where there is one seed there is no interval: --seeds K adds seeds."] if alone else []


def left_out(unplaced: int) -> list[str]:
    """Return the caveat that some records stand in no sweep, if so; see `unplaced`."""
    told = f"{unplaced} runs differ from the others in several settings; none shows them."
    return [told] if unplaced else []


def _basis(sweeps: Sequence[Sweep[V]]) -> str:
    return basis([r for sweep in sweeps for r in sweep.records], interval=INTERVAL)
