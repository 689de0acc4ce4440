"""What differs between this run and another one: the same configurations, paired by seed."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from study.analysis.basis import basis
from study.analysis.measures import AGAINST, names, shown
from study.analysis.replicates import Replicates, cell, interval_of, replicates
from study.analysis.section import Figure, Section, Table
from study.analysis.stats import Interval, mean_interval
from study.learners import style
from study.trials.trial import Record, canonical_hash

OVER_SEEDS = "95 % Student t interval over seeds"
SHOWN = 15  # configurations in figure and table at most
LINE = 48  # characters of a label


class Pair(NamedTuple):
    """Replicates of one configuration in both runs, the other run's first."""

    before: Replicates
    after: Replicates
    changed: str  # settings that differ, such as ``slope 10 → 25``; empty where none does

    @property
    def name(self) -> str:
        """Learner, its setting where several stand side by side, and data set."""
        changed = f" ({self.changed})" if self.changed else ""
        return f"{self.after.learner} · {self.after.dataset}{changed}"

    def difference(self, measure: str) -> Interval | None:
        """Return after minus before, paired by seed; None where a run lacks the measure.

        Both runs met the same samples, so that the interval is over seeds alone.
        """
        before, after = (
            {r.trial.seed: r.metrics[measure] for r in group if r.metrics.get(measure) is not None}
            for group in (self.before, self.after)
        )
        seeds = sorted(before.keys() & after.keys())
        return mean_interval([after[s] - before[s] for s in seeds]) if seeds else None


def section(before: Sequence[Record], after: Sequence[Record], other: str) -> Section:
    """Return what changed from the run ``before``, which lies in ``other``, to ``after``.

    Replicates are compared where procedure, learner, data set and every setting are equal; what
    is left over on both sides is compared where learner and data set name one configuration each.
    """
    old, new = replicates(before), replicates(after)
    pairs = sorted(_pairs(old, new), key=_change, reverse=True)
    records = [record for pair in pairs for group in pair[:2] for record in group]
    differs = any(change.mean for change in _changes(pairs))
    return Section(
        name="against",
        title="What changed since another run",
        question=f"How does this run differ from the one in {other}?",
        method="Configurations that both runs measured are compared seed by seed: the difference "
        "is this run minus the other, its mean stands with its 95 % interval over seeds. An "
        "interval that leaves out zero marks a change that seeds alone do not explain.",
        figures=(_figure(pairs, records),) if differs else (),
        tables=(_table(pairs, records),) if differs else (),
        findings=(*_same_bits(before, after), *_findings(pairs, old, new)),
        caveats=tuple(_caveats(before, after)),
    )


def _pairs(old: Sequence[Replicates], new: Sequence[Replicates]) -> list[Pair]:
    by_key = {_key(group): group for group in old}
    same = [Pair(by_key[_key(group)], group, "") for group in new if _key(group) in by_key]
    matched = {_key(pair.after) for pair in same}
    alone = [group for group in new if _key(group) not in matched]
    rest = [group for group in old if _key(group) not in matched]
    moved = [
        Pair(earlier[0], group, _changed(earlier[0], group))
        for group in alone
        if len(_like(group, alone)) == 1 and len(earlier := _like(group, rest)) == 1
    ]
    return [pair for pair in same + moved if pair.difference("test_accuracy")]


def _changes(pairs: Sequence[Pair]) -> list[Interval]:
    """Return all differences of the pairs that are known."""
    found = (pair.difference(name) for pair in pairs for name in names(AGAINST))
    return [difference for difference in found if difference is not None]


def _change(pair: Pair) -> float:
    difference = pair.difference("test_accuracy")
    return abs(difference.mean) if difference else 0.0


def _key(group: Replicates) -> str:
    canonical = group[0].trial.canonical()
    return canonical_hash({k: canonical[k] for k in ("procedure", "learner", "dataset", "config")})


def _like(group: Replicates, others: Sequence[Replicates]) -> list[Replicates]:
    return [
        other
        for other in others
        if (other[0].trial.subject, other.dataset) == (group[0].trial.subject, group.dataset)
    ]


def _changed(before: Replicates, after: Replicates) -> str:
    old, new = before[0].trial.config, after[0].trial.config
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return ", ".join(f"{key} {old.get(key, '–')} → {new.get(key, '–')}" for key in keys)


def _table(pairs: Sequence[Pair], records: Sequence[Record]) -> Table:
    rows = [
        (
            pair.name,
            measure.heading,
            cell(interval_of(pair.before, measure.name), measure.scale),
            cell(interval_of(pair.after, measure.name), measure.scale),
            cell(difference, measure.scale),
        )
        for pair in pairs[:SHOWN]
        for measure in shown(AGAINST)
        if (difference := pair.difference(measure.name)) is not None
    ]
    return Table(
        f"Both runs side by side, and their difference paired by seed.{_which(pairs)}",
        ("configuration", "measure", "other run", "this run", "difference"),
        tuple(rows),
        basis(records, interval=OVER_SEEDS),
    )


def _figure(pairs: Sequence[Pair], records: Sequence[Record]) -> Figure:
    from matplotlib.figure import Figure as Drawing

    changes = [(pair, pair.difference("test_accuracy")) for pair in pairs[:SHOWN]]
    drawn = [(pair, change) for pair, change in changes if change is not None]
    drawing = Drawing(figsize=(6.4, 0.9 + 0.4 * len(drawn)), layout="constrained")
    ax = drawing.subplots()
    ax.axvline(0, color="0.6", lw=1)
    for row, (pair, change) in enumerate(drawn):
        mean, low, high = (100 * value for value in change)
        colour, mark = style(pair.after[0].trial.subject)
        reach = [[mean - low], [high - mean]]
        ax.errorbar(mean, row, xerr=reach, fmt=mark, color=colour, capsize=3)
    ax.set_yticks(range(len(drawn)), [_wrapped(pair.name) for pair, _ in drawn], fontsize=7)
    ax.set(xlabel="change of test accuracy / percentage points", ylim=(len(drawn) - 0.5, -0.5))
    ax.grid(axis="x", alpha=0.3)
    told = "; ".join(f"{pair.name} {cell(change, 100)}" for pair, change in drawn)
    return Figure(
        "against",
        drawing,
        "Change of the test accuracy from the other run to this one, with its 95 % interval over "
        f"seeds. Right of the line this run is better.{_which(pairs)}",
        f"Change of test accuracy in percentage points: {told}.",
        basis(records, interval=OVER_SEEDS),
    )


def _which(pairs: Sequence[Pair]) -> str:
    return f" The {SHOWN} largest changes of {len(pairs)}." if len(pairs) > SHOWN else ""


def _wrapped(name: str) -> str:
    lines = textwrap.wrap(name, LINE)
    return "\n".join(lines[:2]) + " …" * (len(lines) > 2)


def _same_bits(before: Sequence[Record], after: Sequence[Record]) -> list[str]:
    """Return how many trials that both runs made have the same answers and spikes, bit for bit."""
    earlier = {record.trial.id: record for record in before if record.done}
    both = [
        (earlier[record.trial.id], record)
        for record in after
        if record.done and record.trial.id in earlier
    ]
    apart = [pair for pair in both if _made_by(pair[0]) != _made_by(pair[1])]
    if not apart:
        return []
    equal = sum(_results(one) == _results(other) for one, other in apart)
    machines = {str(record.provenance.get("cpu")) for pair in apart for record in pair}
    return [
        f"{equal} of {len(apart)} trials that both runs have computed are equal bit for bit in "
        f"accuracies, spikes and operations, on {len(machines)} kinds of processor."
    ]


def _made_by(record: Record) -> tuple[object, object]:
    """Return when and on what a trial was run: a record that was copied proves nothing."""
    return record.provenance.get("started"), record.provenance.get("cpu")


def _results(record: Record) -> dict[str, object]:
    """Return what a trial found that no clock and no memory has a part in."""
    return {
        name: value
        for name, value in record.metrics.items()
        if name.endswith(("accuracy", "_per_sample"))
        and not name.startswith(("inference", "presentations"))
    }


def _findings(
    pairs: Sequence[Pair], old: Sequence[Replicates], new: Sequence[Replicates]
) -> list[str]:
    found = [
        f"{len(pairs)} configurations were measured in both runs, "
        f"{len(old) - len(pairs)} in the other alone and {len(new) - len(pairs)} in this alone."
    ]
    for measure in shown(AGAINST):
        for pair in pairs:
            difference = pair.difference(measure.name)
            if difference is not None and (difference.low > 0 or difference.high < 0):
                mean, low, high = difference
                way, size = (
                    ("rose", difference) if mean > 0 else ("fell", Interval(-mean, -high, -low))
                )
                found.append(
                    f"{pair.name}: {measure.heading} {way} by {cell(size, measure.scale)}."
                )
    if pairs and not any(change.mean for change in _changes(pairs)):
        found.append("Nothing that both measured differs.")
    elif pairs and len(found) == 1:
        several = any(len(pair.before) > 1 and len(pair.after) > 1 for pair in pairs)
        found.append(
            "No interval leaves out zero: seeds alone may explain what differs."
            if several
            else "One seed each gives no interval: whether a difference is more than chance "
            "cannot be told."
        )
    return found


def _caveats(before: Sequence[Record], after: Sequence[Record]) -> list[str]:
    told = []
    for key, noun in (("code_version", "versions of the code"), ("cpu", "processors")):
        old, new = _named(before, key), _named(after, key)
        if old != new:
            told.append(f"The {noun} differ: {old} in the other run, {new} in this one.")
    return [
        *told,
        "Of many intervals one in twenty leaves out zero by chance; they are not corrected for "
        "their number. Times depend on what else the machine did.",
    ]


def _named(records: Sequence[Record], key: str) -> str:
    return ", ".join(sorted({str(record.provenance.get(key)) for record in records})) or "none"
