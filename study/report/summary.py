"""The answer that opens the report: learners by data sets, in a table and in a picture."""

from __future__ import annotations

from collections.abc import Sequence

from study.analysis.basis import basis
from study.analysis.measures import SUMMARY, shown
from study.analysis.replicates import Replicates, by_dataset, cell, interval_of, replicates
from study.analysis.section import Figure, Table
from study.analysis.stats import INTERVAL
from study.learners import family
from study.learning.families import FAMILIES
from study.report import glance
from study.trials.trial import Record

ROWS = 14  # of the table at most; of more learners it shows the best of each family
DRAWN = 24  # likewise of the picture


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
    """Return the picture of the learners that the table has; None if no network spiked."""
    groups = replicates(records)
    spiking = [group for group in groups if interval_of(group, "spikes_per_sample")]
    if not spiking:
        return None
    data_sets = _compared(groups, spiking)
    drawn = [group for group in groups if group.dataset in data_sets]
    return glance.figure(_best_of_families(drawn) if len(drawn) > DRAWN else drawn)


def _compared(groups: Sequence[Replicates], spiking: Sequence[Replicates]) -> list[str]:
    """Return the data sets with a spiking learner: those with several learners, if there are."""
    learners = {name: {g.learner for g in found} for name, found in by_dataset(groups).items()}
    names = list(by_dataset(spiking))
    return [name for name in names if len(learners[name]) > 1] or names
