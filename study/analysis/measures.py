"""The measures that tables share: how each is headed and scaled, and where it is shown.

A place shows its measures in the order in which they stand here.
"""

from __future__ import annotations

from dataclasses import dataclass

CSV = "first columns of trials.csv"
PAGE = "trials on the page"
PAPER = "trials on paper"
SUMMARY = "table on the first page"
AGAINST = "comparison with another run"
COSTS = "costs of learners side by side"
SIZES = "learners at several sizes"


@dataclass(frozen=True)
class Measure:
    """One column.

    Parameters
    ----------
    name
        Of the metric, and of its column in ``trials.csv``.
    places
        Where it is shown.
    heading
        With its unit, where tables of results show it.
    scale
        From what is stored to what is shown under the heading.
    """

    name: str
    places: tuple[str, ...]
    heading: str = ""
    scale: float = 1.0


LISTS = (CSV, PAGE, PAPER)
MEASURES = (
    Measure("trial", LISTS),
    Measure("experiment", LISTS),
    Measure("learner", LISTS),
    Measure("dataset", LISTS),
    Measure("seed", LISTS),
    Measure("status", LISTS),
    Measure("train_accuracy", (CSV, PAGE)),
    Measure("validation_accuracy", (CSV, PAGE, SIZES), "validation accuracy / %", 100.0),
    Measure("test_accuracy", (*LISTS, SUMMARY, AGAINST, SIZES), "test accuracy / %", 100.0),
    Measure("spikes_per_sample", (*LISTS, SUMMARY, AGAINST, SIZES), "spikes per sample"),
    Measure("synops_per_sample", (*LISTS, SUMMARY, AGAINST, SIZES), "SynOps per sample"),
    Measure("macs_per_sample", (PAGE, SUMMARY, SIZES), "MACs per sample"),
    Measure("train_seconds", (*LISTS, SUMMARY, AGAINST, COSTS, SIZES), "training / s"),
    Measure("inference_ms_per_sample", (CSV, PAGE, SUMMARY, AGAINST, COSTS), "inference / ms"),
    Measure("peak_memory_mb", (CSV, PAGE, SUMMARY, COSTS), "memory / MB"),
    Measure("wall_seconds", (PAGE,)),
    Measure("engine", (PAGE,)),
    Measure("error", (PAGE,)),
)


def shown(place: str) -> tuple[Measure, ...]:
    """Return the measures of a place.

    Examples
    --------
    >>> [measure.heading for measure in shown(COSTS)]
    ['training / s', 'inference / ms', 'memory / MB']
    """
    return tuple(measure for measure in MEASURES if place in measure.places)


def names(place: str) -> tuple[str, ...]:
    """Return the names of the measures of a place."""
    return tuple(measure.name for measure in shown(place))
