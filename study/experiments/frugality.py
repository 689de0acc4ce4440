"""Few labels, noise and lost synapses: where each kind of learning holds and where it fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import cycle, product
from typing import Any, NamedTuple

import numpy as np

from study import data, learners
from study.analysis.basis import basis
from study.analysis.comparison import RULE, Difference, Strength
from study.analysis.figures import draw_shares
from study.analysis.replicates import Replicates, by_dataset, by_learner, cell, replicates
from study.analysis.section import Figure, Section, Table, figure_name
from study.analysis.stats import (
    INTERVAL,
    Interval,
    accuracy_difference,
    accuracy_interval,
    simultaneous,
)
from study.learners import family, style
from study.learning.contract import Taught, Weighted
from study.procedures import frugal
from study.request import Request
from study.trials import addresses
from study.trials.trial import Record, Trial

TITLE = "Few labels, noise and lost synapses"
ORDER = 65
OWN = ("diehl-cook", "surrogate", "linear", "mlp")


class Strain(NamedTuple):
    """What is made harder: names of the metrics, and words for axis and prose."""

    level: str
    axis: str
    caption: str
    most: str  # of the strain, with its level
    logarithmic: bool = False

    @property
    def accuracy(self) -> str:
        """The metric with the accuracies."""
        return f"{self.level.split('_')[0]}_accuracy"


LABELS = Strain(
    "labels", "labelled samples", "Accuracy against the number of labels", "{} labels", True
)
NOISE = Strain(
    "noise_sd", "noise on pixels, standard deviation", "Accuracy against input noise",
    "noise of {}",
)  # fmt: skip
LOST = Strain(
    "lost_share", "share of synapses lost", "Accuracy against lost synapses",
    "a share of {} of synapses lost",
)  # fmt: skip
STRAINS = (LABELS, NOISE, LOST)


class ByLevel(NamedTuple):
    """One learner minus another at each level of a strain."""

    first: str
    second: str
    strain: Strain
    levels: Sequence[str]
    found: Sequence[Difference]


DASHES = ("-", "--", ":", "-.")


def trials(request: Request) -> list[Trial]:
    """Return `OWN`, or the user's learners, on ``digits`` or on the user's images."""
    return [
        replace(
            trial,
            config=_unwatched(trial.config),
            procedure=frugal.PROCEDURE,
            version=addresses.version(frugal.PROCEDURE, trial.version),
        )
        for trial in request.learning_trials(_frugal(request), ["digits"])
        if trial.dataset is not None and data.kind(trial.dataset) == "images"
    ]


def _unwatched(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with which no accuracy is noted on the way: it takes as long as learning."""
    return {name: 0 if name == "history_points" else value for name, value in config.items()}


def _frugal(request: Request) -> list[str]:
    """Return the learners that can lose weights and need no other to begin from.

    Each trains many times over, so that unless the user asks for others there is one of each kind:
    local learning and surrogate gradients, and two without spikes.
    """
    return [
        name
        for name in list(request.learners) or OWN
        if learners.find(name).can(Weighted) and not learners.find(name).can(Taught)
    ]


def section(records: list[Record]) -> Section:
    """Return one figure a strain, and what follows from them."""
    groups = by_dataset(replicates(records, LABELS.accuracy))
    findings = [_findings(name, members) for name, members in groups.items()]
    return Section(
        name="frugality",
        title=TITLE,
        question="What does each kind of learning do with few labels, and how does it bear noise "
        "in its inputs and the loss of synapses?",
        method="Supervised learners are trained anew on each number of labels, drawn equally from "
        "all classes; a fifth of them chooses the epoch, and the fewer there are the more epochs "
        f"are run, for at least {frugal.MIN_UPDATES} updates. The unsupervised network learns "
        "once, from all images without a label; the few labels only say what its neurons stand "
        "for. Noise and loss meet the learners that had all labels and were not trained for "
        "either: normal noise is added to each pixel (brightness 0 to 1, cut there), and a random "
        "share of all learned synapses is set to zero. All learners of a seed are given the same "
        "labels and the same noise, so they are compared seed by seed, with intervals over seeds "
        "and test samples. " + RULE,
        figures=tuple(
            _figure(name, members, strain) for name, members in groups.items() for strain in STRAINS
        ),
        tables=tuple(
            table
            for name, members in groups.items()
            for table in (_table(name, members), *_differences_table(name, members))
        ),
        findings=tuple(sentence for told in findings for sentence in told),
        lead=tuple(
            sentence for name, members in groups.items() for sentence in _lead(name, members)
        ),
        caveats=(
            "The settings of each learner are those for all labels; none was tuned for few labels, "
            "for noise or for loss.",
            "The unsupervised network saw every training image, the supervised ones only those "
            "with a label: it is given more data, as it may be where images are cheap and labels "
            "are not.",
        ),
    )


def _dashed(groups: Sequence[Replicates]) -> Iterator[tuple[Replicates, str]]:
    """Yield each group with its line: the settings of a learner share a colour, not a line."""
    for members in by_learner(groups).values():
        yield from zip(members, cycle(DASHES), strict=False)


def _accuracies(records: Sequence[Record], strain: Strain) -> np.ndarray:
    """Return ``[seeds, levels]``."""
    return np.array([record.metrics[strain.accuracy] for record in records])


def _levels(groups: Sequence[Replicates], strain: Strain) -> list[float]:
    return list(groups[0][0].metrics[strain.level])


def _at(group: Replicates, strain: Strain, level: int) -> Interval:
    shares = _accuracies(group, strain)[:, level].tolist()
    return accuracy_interval(shares, group[0].metrics["n_tested"])


def _figure(name: str, groups: Sequence[Replicates], strain: Strain) -> Figure:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(5.6, 3.2), layout="constrained")
    ax = drawing.subplots()
    levels = _levels(groups, strain)
    told = []
    for group, dash in _dashed(groups):
        draw_shares(
            ax, levels, _accuracies(group, strain), color=style(group[0].trial.subject).colour,
            ls=dash, marker="o", ms=4, lw=1.5, label=group.learner,
        )  # fmt: skip
        first, last = (cell(_at(group, strain, end), 100) for end in (0, -1))
        told.append(
            f"{group.learner} from {first} % at {levels[0]:g} to {last} % at {levels[-1]:g}"
        )
    if strain.logarithmic:
        ax.set_xscale("log")
    ax.set(xlabel=strain.axis, ylabel="test accuracy / %")
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8, frameon=False)
    return Figure(
        figure_name("frugality", name, strain.level),
        drawing,
        f"{strain.caption} on {name}. Lines are means over seeds, bands their 95 % intervals.",
        f"{strain.caption} on {name}: {'; '.join(told)}.",
        _basis(groups),
    )


def _table(name: str, groups: Sequence[Replicates]) -> Table:
    columns = [
        (f"{level:g} {word}", strain, index)
        for strain, word in ((LABELS, "labels"), (NOISE, "noise"), (LOST, "lost"))
        for index, level in enumerate(_levels(groups, strain))
        if index in (0, len(_levels(groups, strain)) // 2, len(_levels(groups, strain)) - 1)
    ]
    rows = [
        (group.learner, *(cell(_at(group, strain, index), 100) for _, strain, index in columns))
        for group in groups
    ]
    return Table(
        f"Test accuracy on {name} in percent at the ends and in the middle of each curve.",
        ("learner", *(title for title, _, _ in columns)),
        tuple(rows),
        _basis(groups),
    )


def _findings(name: str, groups: Sequence[Replicates]) -> list[str]:
    fewest = _levels(groups, LABELS)[0]
    ranked = sorted(groups, key=lambda group: -_at(group, LABELS, 0).mean)
    at_fewest = ", ".join(
        f"{group.learner} {cell(_at(group, LABELS, 0), 100)} %" for group in ranked
    )
    found = [f"{name}, {fewest:g} labels: {at_fewest}."]
    sure = [f"{name}, {each.strain.axis}: {_where_sure(each)}" for each in _by_level(groups)]
    return [*found, *_lead(name, groups), *sure, *_held(name, groups)]


def _lead(name: str, groups: Sequence[Replicates]) -> list[str]:
    """Return who leads under the most of each strain: learning without labels, or the others."""
    local = [group for group in groups if family(group[0].trial.subject) == "local"]
    others = [group for group in groups if group not in local]
    return [
        sentence
        for one in local
        for strain in STRAINS
        if (sentence := _at_worst(name, one, others, strain))
    ]


def _at_worst(name: str, one: Replicates, others: Sequence[Replicates], strain: Strain) -> str:
    """Return by how much one learner leads each of others under the most of a strain."""
    place = 0 if strain is LABELS else -1
    leads = {
        other.learner: found[place]
        for other in others
        if (found := _differences(one, other, strain, len(others)))
    }  # of a level that was fixed before anything was run
    if not leads:
        return ""
    told = ", ".join(
        f"{learner} {cell(found.interval, 100)} ({found.strength})"
        for learner, found in leads.items()
    )
    level = f"{_levels([one], strain)[place]:g}"
    return f"{name}, {strain.most.format(level)}: points by which {one.learner} leads {told}."


def _by_level(groups: Sequence[Replicates]) -> list[ByLevel]:
    """Return, level by level, by how much surrogate gradients lead learning without labels."""
    named = by_learner(groups)
    rivals = (named.get(learner, []) for learner in ("surrogate", "diehl-cook"))
    return [
        ByLevel(first.learner, second.learner, strain, levels, found)
        for first, second in product(*rivals)
        for strain in STRAINS
        for levels in [[f"{level:g}" for level in _levels([first], strain)]]
        if (found := _differences(first, second, strain, len(levels)))
    ]


def _differences_table(name: str, groups: Sequence[Replicates]) -> list[Table]:
    rows = [
        (f"{each.first} – {each.second}", each.strain.axis, level, cell(found.interval, 100),
         str(found.strength))
        for each in _by_level(groups)
        for level, found in zip(each.levels, each.found, strict=True)
    ]  # fmt: skip
    if not rows:
        return []
    return [
        Table(
            f"Differences in test accuracy on {name}, first minus second, with 95 % intervals that "
            "hold at once for the levels of a strain.",
            ("pair", "strain", "level", "difference / points", "how sure"),
            tuple(rows),
            _basis(groups),
        )
    ]


def _held(name: str, groups: Sequence[Replicates]) -> list[str]:
    found = []
    for strain, what in ((NOISE, "noise"), (LOST, "lost synapses")):
        last = _levels(groups, strain)[-1]
        reached = {group.learner: _halfway(group, strain) for group in groups}
        held = ", ".join(
            f"{learner} up to {level:g}{' (the last that was tried)' if level == last else ''}"
            for learner, level in reached.items()
        )
        found.append(
            f"{name}, {what}: the highest level at which a learner keeps half of its accuracy "
            f"above chance: {held}."
        )
    return found


def _where_sure(each: ByLevel) -> str:
    """Return at which levels one learner surely leads the other, as a sentence."""
    one, other = each.first, each.second
    if each.found[0].strength is Strength.FEW:
        return f"too few seeds to say whether {one} or {other} leads."
    sure = [
        (level, lead.interval.mean > 0)
        for level, lead in zip(each.levels, each.found, strict=True)
        if lead.strength is Strength.SURE
    ]
    ahead, behind = (", ".join(level for level, up in sure if up is way) for way in (True, False))
    if ahead and behind:
        return f"{one} is surely ahead of {other} at {ahead} and surely behind at {behind}."
    if ahead:
        return f"{one} is surely ahead of {other} at {ahead}, and nowhere surely behind."
    if behind:
        return f"{one} is surely behind {other} at {behind}, and nowhere surely ahead."
    return f"neither {one} nor {other} is surely ahead at any level."


def _differences(
    first: Replicates, second: Replicates, strain: Strain, n_compared: int
) -> list[Difference]:
    """Return first minus second at each level, paired by seed; of seeds that both have.

    The intervals are those of ``n_compared`` differences that hold at once.
    """
    one, other = (
        {r.trial.seed: r.metrics[strain.accuracy] for r in group} for group in (first, second)
    )
    seeds = sorted(one.keys() & other.keys())
    sizes = (first[0].metrics["n_tested"], second[0].metrics["n_tested"])
    level = simultaneous(n_compared)
    pairs = zip(
        np.transpose([one[seed] for seed in seeds]),
        np.transpose([other[seed] for seed in seeds]),
        strict=True,
    )
    return [
        Difference(accuracy_difference(mine.tolist(), theirs.tolist(), sizes, level), len(seeds))
        for mine, theirs in pairs
    ]


def _halfway(group: Replicates, strain: Strain) -> float:
    """Return the highest level with half the accuracy above chance that there is without strain."""
    chance = 1 / group[0].metrics["n_classes"]
    means = _accuracies(group, strain).mean(axis=0)
    kept = np.flatnonzero(means - chance >= (means[0] - chance) / 2)
    return _levels([group], strain)[kept[-1]]


def _basis(groups: Sequence[Replicates]) -> str:
    n_tested = groups[0][0].metrics["n_tested"]
    pooled = [record for group in groups for record in group]
    return basis(pooled, f"{n_tested} test images", INTERVAL)
