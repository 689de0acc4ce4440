"""The runs of a grid on one data set: records as arrays of levels and responses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from study.analysis.effects import Difference, Variance, at_once, level_differences, variance
from study.experiments.grid.grids import GRIDS, Axis, grid_of
from study.trials.trial import Record

CPU_SECONDS = "train_cpu_seconds"
PROCESSOR = "processor"
NUISANCE = frozenset({PROCESSOR})
SETTLED = 0.9  # of the epochs; a best epoch later than that says that learning had not settled
CHANCE_ERRORS = 4  # binomial standard errors above chance from which a run has learned


@dataclass(frozen=True)
class Response:
    """A quantity that settings change.

    Parameters
    ----------
    name, unit
        For people; ``unit`` is that of differences, after ``show``.
    of
        From a record's metrics to the scale on which effects add up.
    show
        From a difference on that scale to what is printed.
    negligible
        Printed differences up to this size count as none.
    """

    name: str
    unit: str
    of: Callable[[Any], float]
    show: Callable[[float], float]
    negligible: float


def _accuracy(part: str, name: str) -> Response:
    return Response(
        f"{name} accuracy", "points", lambda m: m[f"{part}_accuracy"], lambda d: 100 * d, 0.5
    )


TRAIN = _accuracy("train", "training")
VALIDATION = _accuracy("validation", "validation")
TEST = _accuracy("test", "test")
GAP = Response(
    "training minus test accuracy", "points",
    lambda m: m["train_accuracy"] - m["test_accuracy"], lambda d: 100 * d, 0.5,
)  # fmt: skip


def _log_epoch_seconds(metrics: Any) -> float:
    # The clock depends on what else the machine did; older records have nothing better.
    seconds = metrics.get(CPU_SECONDS) or metrics["train_seconds"]
    return np.log(seconds / metrics["epochs_run"])


# Times differ by factors: effects add up on a logarithmic scale. Training stops early where the
# network is silent, so time is that of an epoch.
TIME = Response("training time", "%", _log_epoch_seconds, lambda d: 100 * float(np.expm1(d)), 5.0)
RESPONSES = (VALIDATION, TEST, TIME)
"""Those that are compared at all levels."""


@dataclass(frozen=True)
class Runs:
    """Runs of success on one data set.

    Parameters
    ----------
    dataset
        Name of the data set.
    axes
        Settings that differ among the runs; levels as far as they were run.
    records
        One a run.
    """

    dataset: str
    axes: tuple[Axis, ...]
    records: tuple[Record, ...]

    def values(self, response: Response) -> np.ndarray:
        """Return ``[N]`` responses."""
        return np.array([response.of(record.metrics) for record in self.records], dtype=float)

    def levels(self, axis: Axis) -> np.ndarray:
        """Return the ``[N]`` levels of an axis."""
        return _levels(self.records, axis.fields[0])

    @cached_property
    def factors(self) -> dict[str, np.ndarray]:
        """Levels by the name of the axis."""
        return {axis.name: self.levels(axis) for axis in self.axes}

    @cached_property
    def processors(self) -> np.ndarray:
        """``[N]`` names of the processors that the runs were timed on."""
        return np.array([str(record.provenance.get("cpu", "")) for record in self.records])

    def factors_of(self, response: Response) -> dict[str, np.ndarray]:
        """Return `factors`, and for times the processor as one more, where there are several."""
        if response is not TIME or len(set(self.processors)) < 2:
            return self.factors
        return self.factors | {PROCESSOR: self.processors}

    @cached_property
    def seeds(self) -> np.ndarray:
        """``[N]`` seeds."""
        return np.array([record.trial.seed for record in self.records])

    def axis(self, name: str) -> Axis | None:
        """Return the axis of a name, if it was varied."""
        return next((axis for axis in self.axes if axis.name == name), None)

    def whole(self) -> int:
        """Return the number of runs of the whole grid of these levels and seeds."""
        return prod(len(axis.levels) for axis in self.axes) * len(set(self.seeds))

    def take(self, keep: np.ndarray) -> Runs:
        """Return the runs where ``keep``, ``[N]``, is true."""
        kept = tuple(record for record, k in zip(self.records, keep, strict=True) if k)
        return Runs(self.dataset, _varied(self.axes, kept), kept)

    @cached_property
    def learned(self) -> np.ndarray:
        """``[N]``: whether the validation accuracy lies above chance by four standard errors."""
        return np.array([_learned(record) for record in self.records])

    @cached_property
    def dead_levels(self) -> dict[str, list[Any]]:
        """Levels at which most runs did not learn, by axis; not where that is so everywhere."""
        found = {}
        for name, levels in self.factors.items():
            rates = {level: self.learned[levels == level].mean() for level in np.unique(levels)}
            dead = [level.item() for level, rate in rates.items() if rate < 0.5]
            if dead and len(dead) < len(rates):
                found[name] = dead
        return found

    @cached_property
    def live(self) -> Runs:
        """The runs at levels where the network learns; all where that leaves too little."""
        keep = np.full(len(self.records), True)
        for name, dead in self.dead_levels.items():
            keep &= ~np.isin(self.factors[name], dead)
        return self.take(keep) if keep.any() and not keep.all() else self

    def differences(self, response: Response) -> list[Difference]:
        """Return the differences between levels; where the network learns, if both levels do."""
        if response.name not in self._compared:
            self._compared[response.name] = self._compare(response)
        return self._compared[response.name]

    @cached_property
    def _compared(self) -> dict[str, list[Difference]]:
        return {}

    def _compare(self, response: Response) -> list[Difference]:
        live = self.live
        found = _raw_differences(live, response)
        if live is not self:
            known = {difference[:3] for difference in found}
            found += [d for d in _raw_differences(self, response) if d[:3] not in known]
        return at_once(found)

    def variance(self, response: Response) -> Variance:
        """Return the shares of variance."""
        if response.name not in self._variances:
            values, factors = self.values(response), self.factors_of(response)
            self._variances[response.name] = variance(values, factors, self.seeds, NUISANCE)
        return self._variances[response.name]

    @cached_property
    def _variances(self) -> dict[str, Variance]:
        return {}


def _raw_differences(runs: Runs, response: Response) -> list[Difference]:
    factors = runs.factors_of(response)
    return level_differences(runs.values(response), factors, runs.seeds, NUISANCE)


def settled(record: Record) -> bool:
    """Whether the best epoch of a run is not among its last."""
    return record.metrics["best_epoch"] <= SETTLED * record.metrics["epochs_run"]


def runs_of(records: Sequence[Record]) -> list[Runs]:
    """Return the runs of each data set, in the order of `GRIDS`, which is the thesis's."""
    found: dict[str, list[Record]] = {}
    for record in records:
        if record.done:
            found.setdefault(record.trial.dataset_name, []).append(record)
    ranks = {name: rank for rank, name in enumerate(GRIDS)}
    return [
        Runs(dataset, _axes(dataset, found[dataset]), tuple(found[dataset]))
        for dataset in sorted(found, key=lambda name: ranks.get(name, len(ranks)))
    ]


def _axes(dataset: str, records: Sequence[Record]) -> tuple[Axis, ...]:
    """Return the grid's axes and whatever else the user varied."""
    tied = [
        axis
        for axis in grid_of(dataset).axes
        if all(len({r.trial.config[name] for name in axis.fields}) == 1 for r in records)
    ]
    covered = {name for axis in tied for name in axis.fields}
    own = [Axis(name, (name,), ()) for name in records[0].trial.config if name not in covered]
    return _varied((*tied, *own), records)


def _varied(axes: Sequence[Axis], records: Sequence[Record]) -> tuple[Axis, ...]:
    levels = {axis: tuple(np.unique(_levels(records, axis.fields[0])).tolist()) for axis in axes}
    return tuple(
        Axis(axis.name, axis.fields, found) for axis, found in levels.items() if len(found) > 1
    )


def _levels(records: Sequence[Record], name: str) -> np.ndarray:
    """Return the values of a field; as text where some are none, which sorts with no number."""
    values = [record.trial.config[name] for record in records]
    return np.array([str(v) for v in values] if None in values else values)


def _learned(record: Record) -> bool:
    metrics = record.metrics
    chance = 1 / metrics["n_classes"]
    error = (chance * (1 - chance) / metrics["n_validation"]) ** 0.5
    return metrics["validation_accuracy"] > chance + CHANCE_ERRORS * error
