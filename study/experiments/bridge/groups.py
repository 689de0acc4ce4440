"""Replicates of a bridge trial, and what its tables and figures read off them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from study.analysis.section import Figure, Table
from study.analysis.stats import mean_interval
from study.trials.trial import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Group = list[Record]
"""Records that differ in their seed alone."""

Part = tuple[list[Figure], list[Table], list[str]]
"""What a question adds to the section: figures, tables, findings."""


def groups(records: Sequence[Record], procedure: str) -> list[Group]:
    """Return the records of a procedure by configuration."""
    found: dict[str, Group] = {}
    for record in records:
        if record.trial.procedure == procedure:
            found.setdefault(record.trial.config_id, []).append(record)
    return list(found.values())


def dt_ms_of(record: Record) -> np.ndarray:
    """Return the time steps of the refinements in milliseconds."""
    return 1e3 * record.metrics["dt_s"] / np.array(record.trial.config["refinements"])


def stack(group: Group, name: str) -> np.ndarray:
    """Return an array of all replicates, ``[seeds, ...]``."""
    return np.array([record.arrays[name] for record in group])


def draw_means(ax: Axes, x: np.ndarray, replicates: np.ndarray, **line: Any) -> None:
    """Draw the means of positive values over seeds, with the interval of their logarithms."""
    ax.plot(x, replicates.mean(axis=0), **line)
    # Of logarithms: the axis is logarithmic and a shift cannot be negative.
    intervals = [mean_interval(np.log(values).tolist()) for values in replicates.T]
    low, high = (np.exp([interval[k] for interval in intervals]) for k in (1, 2))
    ax.fill_between(x, low, high, color=line["color"], alpha=0.2, lw=0)


def log_time(*panels: Axes) -> None:
    """Give panels a logarithmic axis of time steps, the finest on the right."""
    for ax in panels:
        ax.set_xscale("log")
        ax.invert_xaxis()
        ax.grid(alpha=0.3)


def counted(records: Sequence[Record]) -> str:
    """Return the numbers of samples for the basis."""
    numbers = sorted({record.metrics["n_test"] for record in records})
    return f"{' or '.join(map(str, numbers))} test samples"


def least(records: Sequence[Record], metric: str) -> float:
    """Return the smallest value of a metric."""
    return min(record.metrics[metric] for record in records)


def most(records: Sequence[Record], metric: str) -> float:
    """Return the largest value of a metric."""
    return max(record.metrics[metric] for record in records)


def total(records: Sequence[Record], metric: str) -> int:
    """Return the sum of a metric."""
    return sum(record.metrics[metric] for record in records)
