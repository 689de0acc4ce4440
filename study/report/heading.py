"""The title of a report, made from its run, and the line below it: what stands behind the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from study.analysis.replicates import by_dataset, replicates
from study.learners import family
from study.trials.trial import Record

OWN = "Spiking networks in two worlds"
WORLDS = (
    "Local learning in continuous time and surrogate gradients in discrete time, on the same data"
)
THESIS = "thesis"
NAMED = 2  # data sets at most


def title(profile: str, records: Mapping[str, Sequence[Record]], opening: Sequence[Record]) -> str:
    """Return what a run is about.

    Parameters
    ----------
    profile
        Its name.
    records
        All records, by experiment.
    opening
        Those of the learners as they are compared.
    """
    grid = [record for record in records.get("grid", ()) if record.done]
    if profile == THESIS and grid:
        settings = {record.trial.config_id for record in grid}
        return f"A thesis, run again: {len(settings)} settings, {_seeds(grid)}"
    families = {
        name: {family(group[0].trial.subject) for group in groups}
        for name, groups in by_dataset(replicates(opening)).items()
    }
    both = [name for name, found in families.items() if {"local", "gradient"} <= found]
    if both:
        return f"What local learning and surrogate gradients buy on {_places(both)}"
    return f"What is learned on {_places(list(families))}" if families else OWN


def trust(unique: Sequence[Record], opening: Sequence[Record]) -> str:
    """Return seeds, test samples, how was chosen, and trials; the worlds where nothing is tested.

    Parameters
    ----------
    unique
        Each record once.
    opening
        Those of the learners as they are compared.
    """
    tested = [record for group in replicates(opening) for record in group]
    sizes = {int(n) for record in tested if (n := record.metrics.get("n_test"))}
    if not sizes:
        return WORLDS
    n_failed = sum(not record.done for record in unique)
    failed = "none failed" if not n_failed else f"{n_failed} failed"
    return (
        f"{_seeds(tested)}, {_range(sizes)} test samples, chosen on validation samples alone, "
        f"{len(unique):,} trials, {failed}"
    )


def _places(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) <= NAMED else f"{len(names)} data sets"


def _seeds(records: Sequence[Record]) -> str:
    """Return how many seeds each configuration has."""
    counts: dict[str, set[int]] = {}
    for record in records:
        counts.setdefault(record.trial.config_id, set()).add(record.trial.seed)
    found = {len(seeds) for seeds in counts.values()}
    return "one seed" if found == {1} else f"{_range(found)} seeds"


def _range(values: set[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
