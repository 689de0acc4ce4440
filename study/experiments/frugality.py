"""Few labels, noise and lost synapses: where each kind of learning holds and where it fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from study import data
from study.figures import draw_shares, learner_colour
from study.learners import LEARNERS
from study.procedures import frugal
from study.report.basis import basis
from study.report.replicates import cell
from study.report.section import Figure, Section, Table, figure_name
from study.request import Request
from study.stats import INTERVAL, Interval, mean_interval, paired_difference
from study.trial import Record, Trial

TITLE = "Few labels, noise and lost synapses"
ORDER = 65


class Strain(NamedTuple):
    """What is made harder: names of the metrics, and words for axis and prose."""

    level: str
    axis: str
    caption: str
    logarithmic: bool = False

    @property
    def accuracy(self) -> str:
        """The metric with the accuracies."""
        return f"{self.level.split('_')[0]}_accuracy"


LABELS = Strain("labels", "labelled samples", "Accuracy against the number of labels", True)
NOISE = Strain("noise_sd", "noise on pixels, standard deviation", "Accuracy against input noise")
LOST = Strain("lost_share", "share of synapses lost", "Accuracy against lost synapses")
STRAINS = (LABELS, NOISE, LOST)


def trials(request: Request) -> list[Trial]:
    """Return every learner that takes images on ``digits``, or on the user's images."""
    return [
        replace(trial, procedure=frugal.PROCEDURE, version=100 * frugal.VERSION + trial.version)
        for trial in request.learning_trials(list(LEARNERS), ["digits"])
        if trial.dataset is not None and data.kind(trial.dataset) == "images"
    ]


def section(records: list[Record]) -> Section:
    """Return one figure a strain, and what follows from them."""
    names = list(dict.fromkeys(record.trial.dataset_name for record in records))
    by_dataset = {name: [r for r in records if r.trial.dataset_name == name] for name in names}
    findings = [_findings(name, members) for name, members in by_dataset.items()]
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
        "labels and the same noise, so they are compared seed by seed; a difference is called sure "
        "where its 95 % interval excludes zero.",
        figures=tuple(
            _figure(name, members, strain)
            for name, members in by_dataset.items()
            for strain in STRAINS
        ),
        tables=tuple(_table(name, members) for name, members in by_dataset.items()),
        findings=tuple(sentence for told in findings for sentence in told),
        lead=tuple(sentence for told in findings for sentence in told[:3]),
        caveats=(
            "The settings of each learner are those for all labels; none was tuned for few labels, "
            "for noise or for loss.",
            "The unsupervised network saw every training image, the supervised ones only those "
            "with a label: it is given more data, as it may be where images are cheap and labels "
            "are not.",
        ),
    )


def _by_learner(records: Sequence[Record]) -> dict[str, list[Record]]:
    learners = dict.fromkeys(record.trial.learner for record in records)
    return {name: [r for r in records if r.trial.learner == name] for name in learners}


def _accuracies(records: Sequence[Record], strain: Strain) -> np.ndarray:
    """Return ``[seeds, levels]``."""
    return np.array([record.metrics[strain.accuracy] for record in records])


def _levels(records: Sequence[Record], strain: Strain) -> list[float]:
    return list(records[0].metrics[strain.level])


def _at(records: Sequence[Record], strain: Strain, level: int) -> Interval:
    return mean_interval(_accuracies(records, strain)[:, level].tolist(), (0, 1))


def _figure(name: str, records: Sequence[Record], strain: Strain) -> Figure:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(5.6, 3.2), layout="constrained")
    ax = drawing.subplots()
    told = []
    for learner, members in _by_learner(records).items():
        levels = _levels(members, strain)
        draw_shares(
            ax, levels, _accuracies(members, strain),
            color=learner_colour(learner), marker="o", ms=4, lw=1.5, label=learner,
        )  # fmt: skip
        first, last = (cell(_at(members, strain, end), 100) for end in (0, -1))
        told.append(f"{learner} from {first} % at {levels[0]:g} to {last} % at {levels[-1]:g}")
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
        _basis(records),
    )


def _table(name: str, records: Sequence[Record]) -> Table:
    columns = [
        (f"{level:g} {word}", strain, index)
        for strain, word in ((LABELS, "labels"), (NOISE, "noise"), (LOST, "lost"))
        for index, level in enumerate(_levels(records, strain))
        if index in (0, len(_levels(records, strain)) // 2, len(_levels(records, strain)) - 1)
    ]
    rows = [
        (learner, *(cell(_at(members, strain, index), 100) for _, strain, index in columns))
        for learner, members in _by_learner(records).items()
    ]
    return Table(
        f"Test accuracy on {name} in percent at the ends and in the middle of each curve.",
        ("learner", *(title for title, _, _ in columns)),
        tuple(rows),
        _basis(records),
    )


def _findings(name: str, records: Sequence[Record]) -> list[str]:
    learners = _by_learner(records)
    fewest = _levels(records, LABELS)[0]
    ranked = sorted(learners, key=lambda who: -_at(learners[who], LABELS, 0).mean)
    at_fewest = ", ".join(f"{who} {cell(_at(learners[who], LABELS, 0), 100)} %" for who in ranked)
    found = [f"{name}, {fewest:g} labels: {at_fewest}."]
    for supervised, unsupervised in _rivals(learners):
        found += _comparison(name, supervised, unsupervised, learners)
    for strain, what in ((NOISE, "noise"), (LOST, "lost synapses")):
        held = ", ".join(
            f"{who} up to {_halfway(members, strain):g}" for who, members in learners.items()
        )
        found.append(
            f"{name}, {what}: the highest level at which a learner keeps half of its accuracy "
            f"above chance: {held}."
        )
    return found


def _rivals(learners: dict[str, list[Record]]) -> list[tuple[str, str]]:
    return [("surrogate", "diehl-cook")] if {"surrogate", "diehl-cook"} <= learners.keys() else []


def _comparison(name: str, first: str, second: str, learners: dict[str, list[Record]]) -> list[str]:
    """Return how far one learner leads another at each number of labels, and where that is sure."""
    levels = [f"{level:g}" for level in _levels(learners[first], LABELS)]
    leads = _leads(learners[first], learners[second])
    told = ", ".join(
        f"{cell(lead, 100)} with {level} labels" for level, lead in zip(levels, leads, strict=True)
    )
    ahead = ", ".join(level for level, lead in zip(levels, leads, strict=True) if lead.low > 0)
    behind = ", ".join(level for level, lead in zip(levels, leads, strict=True) if lead.high < 0)
    sure = (
        f"{first} is surely ahead of {second} with {ahead} labels and surely behind with {behind}."
        if ahead and behind
        else f"{first} is surely ahead of {second} with {ahead} labels, and nowhere surely behind."
        if ahead
        else f"{first} is surely behind {second} with {behind} labels, and nowhere surely ahead."
        if behind
        else f"neither {first} nor {second} is surely ahead at any number of labels."
    )
    return [
        f"{name}: points by which {first} is more accurate than {second}, paired by seed: {told}.",
        f"{name}: {sure}",
    ]


def _leads(first: Sequence[Record], second: Sequence[Record]) -> list[Interval]:
    """Return the differences in accuracy at each number of labels, paired by seed."""
    seeds = sorted({r.trial.seed for r in first} & {r.trial.seed for r in second})
    one, other = (
        _accuracies(sorted(members, key=lambda r: r.trial.seed), LABELS)
        for members in (
            [r for r in first if r.trial.seed in seeds],
            [r for r in second if r.trial.seed in seeds],
        )
    )
    return [paired_difference(*pair) for pair in zip(one.T, other.T, strict=True)]


def _halfway(records: Sequence[Record], strain: Strain) -> float:
    """Return the highest level with half the accuracy above chance that there is without strain."""
    chance = 1 / records[0].metrics["n_classes"]
    means = _accuracies(records, strain).mean(axis=0)
    kept = np.flatnonzero(means - chance >= (means[0] - chance) / 2)
    return _levels(records, strain)[kept[-1]]


def _basis(records: Sequence[Record]) -> str:
    return basis(records, f"{records[0].metrics['n_tested']} test images", INTERVAL)
