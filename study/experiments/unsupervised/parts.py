"""What each part of the network is for: it is taken away, and the rest learns without it."""

from __future__ import annotations

from collections.abc import Sequence

from study.analysis.basis import basis
from study.analysis.replicates import cell, interval_of, percent
from study.analysis.section import Figure, Table
from study.analysis.stats import INTERVAL
from study.experiments.unsupervised import fields
from study.experiments.unsupervised.plan import ABLATIONS, WHOLE, part_missing
from study.procedures import tried
from study.trials.trial import Record

Family = dict[str, list[Record]]


def family(records: Sequence[Record]) -> Family:
    """Return the whole network and those that lack a part, by name; empty where none was tried.

    They saw the same images, and are compared on validation samples.
    """
    found: Family = {}
    for record in records:
        if record.trial.procedure == tried.PROCEDURE:
            found.setdefault(part_missing(record.trial.config), []).append(record)
    names = [name for name in (WHOLE, *ABLATIONS) if name in found]
    return {name: found[name] for name in names} if WHOLE in found else {}


def table(family: Family) -> Table:
    """Return accuracies and activity of the whole network and of those that lack a part."""
    whole = _percent(family[WHOLE])
    rows = [
        (
            name,
            percent(members, "validation_accuracy"),
            "" if name == WHOLE else f"{_percent(members) - whole:+.1f}",
            percent(members, "by_shares_accuracy"),
            cell(interval_of(members, "spikes_excitatory_per_sample")),
            cell(interval_of(members, "presentations_per_trained_sample")),
            cell(interval_of(members, "silent_neurons")),
        )
        for name, members in family.items()
    ]
    config = family[WHOLE][0].trial.config
    return Table(
        f"Parts taken away from {config['n_exc']} neurons that see {config['presentations']:,} "
        f"images of {family[WHOLE][0].trial.dataset_name}; accuracy on validation samples.",
        (
            "network",
            "validation accuracy / %",
            "against the whole / points",
            "vote by shares / %",
            "excitatory spikes",
            "presentations per image learned",
            "silent neurons",
        ),
        tuple(rows),
        basis([record for members in family.values() for record in members], interval=INTERVAL),
    )


def figure(family: Family) -> Figure:
    """Return receptive fields of the whole network and of those that lack a part."""
    return fields.side_by_side({name: members[0] for name, members in family.items()})


def finding(family: Family) -> str:
    """Return what taking each part away does to accuracy, the costliest first."""
    whole, first = _percent(family[WHOLE]), family[WHOLE][0]
    changes = sorted((_percent(members) - whole, name) for name, members in family.items())
    config = first.trial.config
    return (
        f"{first.trial.dataset_name}, {config['n_exc']} neurons, {config['presentations']:,} "
        f"images: the whole network reads {whole:.1f} % of validation samples; in percentage "
        "points, taking parts away changes that by: "
        f"{', '.join(f'{name} {change:+.1f}' for change, name in changes if name != WHOLE)}."
    )


def _percent(records: Sequence[Record]) -> float:
    accuracies = [record.metrics["validation_accuracy"] for record in records]
    return 100 * sum(accuracies) / len(accuracies)
