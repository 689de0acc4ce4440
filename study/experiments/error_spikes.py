"""Errors as spikes: what learning by additions reaches, and what it takes in operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from study.analysis import one_setting
from study.analysis.basis import basis
from study.analysis.figures import COLOURS, draw_shares, legend_above
from study.analysis.replicates import mean_of, percent
from study.analysis.section import Figure, Section, Table, figure_name
from study.analysis.stats import INTERVAL
from study.learning.artefacts import curve
from study.request import Request
from study.trials.trial import Record, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Errors as spikes"
ORDER = 46
SWEEP = True  # too many configurations for the opening table
LEARNER = "oconnor-welling"

Networks = Mapping[Any, Sequence[Record]]
Sweep = one_setting.Sweep[Any]  # of several settings, none of which is named

BASE, EXACT = "fractional SGD", "exact gradients"
VARIANTS: dict[str, Mapping[str, Any]] = {
    BASE: {},
    "SGD": {"rule": "sgd"},
    EXACT: {"rule": "exact"},
    "integer weights": {"weights": "integer"},
    "a look after each spike": {"quantiser": "event"},
    "errors reset": {"reset_errors": True},
    "weights change first": {"update_first": True},
}
CONTROLS = ("errors reset", "weights change first")


def trials(request: Request) -> list[Trial]:
    """Return each variant; see `Request.varied_trials`."""
    return request.varied_trials(LEARNER, lambda _dataset: VARIANTS.values())


def section(records: list[Record]) -> Section:
    """Return accuracy against operations of training and of an answer, and what controls do."""
    every = one_setting.named(records, VARIANTS, BASE)
    sets = {name: sweep for name, sweep in every.items() if len(sweep.networks) > 1}
    findings = {name: _findings(name, sweep.networks) for name, sweep in sets.items()}
    return Section(
        name="error-spikes",
        title=TITLE,
        question="Can errors come back as spikes, and what does learning by additions cost beside "
        "exact gradients?",
        method="Units quantise what they get into spikes by herding, without chance, for some "
        "steps an image; errors come back through the same weights as spikes of both signs. With "
        "fractional SGD weights change with each error spike, with SGD at the end of an image. "
        "Exact gradients train the network of rectifiers with the same weights, from the same "
        "start and image by image; its answers are given by spikes as well. In one control what "
        "is too small for an error spike is forgotten with each image; in the other weights "
        "change before errors go back through them. The epoch is chosen on validation samples; "
        "test samples are read once.",
        equations=(
            "phi arrow.l phi + v, quad phi > 1/2: s arrow.l s + 1, phi arrow.l phi - 1",
            "W_l arrow.l W_l - eta / T^2 e_l c_(l - 1)^T",
        ),
        figures=tuple(map(_figure, sets.values())),
        tables=(_table(sets),) if sets else (),
        findings=tuple(sentence for told in findings.values() for sentence in told),
        lead=tuple(told[0] for told in findings.values()),
        caveats=tuple(_caveats(records, sets)),
        deviations=(
            "The learning rate falls from epoch to epoch, and initial weights are larger than in "
            "the paper, whose deep layers are silent for the first thousands of images.",
        ),
        references=("oconnor2016",),
    )


def _figure(sweep: Sweep) -> Figure:
    from matplotlib.figure import Figure as Drawing

    name, networks = sweep.dataset, sweep.networks
    drawing = Drawing(figsize=(7.6, 3.6), layout="constrained")
    learning, answering = drawing.subplots(1, 2, sharey=True)
    for colour, (variant, members) in zip(COLOURS, networks.items(), strict=False):
        _draw_learning(learning, members, color=colour, label=variant)
        if variant not in CONTROLS:
            _draw_answers(answering, members, color=colour)
    if EXACT in networks:
        _draw_rectifiers(answering, networks[EXACT])
    learning.set_xscale("log")
    learning.set(xlabel="operations of training", ylabel="validation accuracy / %")
    answering.set_xlabel("operations of an answer")
    legend_above(drawing, learning)
    return Figure(
        figure_name("error-spikes", name),
        drawing,
        f"{name}: validation accuracy against the operations of training so far, epoch by epoch "
        "(left), and against those of an answer, step by step (right). Operations are additions; "
        "of exact gradients in training multiply-accumulates. Black cross: the network of "
        "rectifiers that exact gradients train, answering without spikes.",
        "Two panels of accuracy against operations, a line a network.",
        basis(sweep.records, interval=INTERVAL),
    )


def _draw_learning(ax: Axes, members: Sequence[Record], **line: Any) -> None:
    curves = [found for r in members if (found := curve(r.arrays)) is not None]
    each = np.mean([r.arrays["train_operations_by_epoch"].sum(axis=1) for r in members], axis=0)
    operations = np.cumsum(each) * members[0].metrics["n_train"]
    draw_shares(ax, operations, np.array([found.validation for found in curves]), lw=1.4, **line)


def _draw_answers(ax: Axes, members: Sequence[Record], **line: Any) -> None:
    operations = np.mean([r.arrays["validation_synops_by_step"] for r in members], axis=0)
    scores = np.array([r.arrays["validation_score_by_step"] for r in members])
    draw_shares(ax, operations, scores, marker=".", lw=1.4, **line)


def _draw_rectifiers(ax: Axes, members: Sequence[Record]) -> None:
    macs, share = mean_of(members, "n_weights"), mean_of(members, "rectifier_accuracy")
    ax.plot([macs], [100 * share], "x", color="black")


def _table(sets: Mapping[str, Sweep]) -> Table:
    columns = (
        ("test accuracy / %", "test_accuracy", 100),
        ("as rectifiers / %", "rectifier_accuracy", 100),
        ("spikes", "spikes_per_sample", 1),
        ("SynOps", "synops_per_sample", 1),
        ("training: forward", "train_forward_operations_per_sample", 1),
        ("training: backward", "train_backward_operations_per_sample", 1),
        ("training: weights", "train_update_operations_per_sample", 1),
        ("training / s", "train_seconds", 1),
    )
    return one_setting.named_table(
        "Networks that learn by errors as spikes. Accuracy with spikes and, of the same weights, "
        "of rectifiers; spikes and SynOps of an answer; operations of training a sample, which "
        "are additions, or multiply-accumulates of exact gradients.",
        "network",
        tuple(sets.values()),
        columns,
    )


def _findings(name: str, networks: Networks) -> list[str]:
    base = networks[BASE]
    additions = mean_of(base, "train_synops_per_sample")
    back = additions - mean_of(base, "train_forward_operations_per_sample")
    told = [
        f"{name}: fractional SGD reaches {percent(base)} % of test samples.",
        f"{name}: training by fractional SGD takes {additions:,.0f} additions a sample, of which "
        f"{100 * back / additions:.1f} % are for errors and weights.",
    ]
    if "SGD" in networks:
        told.append(f"{name}: SGD reaches {percent(networks['SGD'])} %.")
    if EXACT in networks:
        told += _beside_exact(name, base, networks[EXACT])
    told += [
        f"{name}: control, {variant}: {percent(networks[variant])} %."
        for variant in CONTROLS
        if variant in networks
    ]
    return told


def _beside_exact(name: str, base: Sequence[Record], exact: Sequence[Record]) -> list[str]:
    synops, macs = mean_of(base, "synops_per_sample"), mean_of(base, "n_weights")
    return [
        f"{name}: exact gradients reach {percent(exact)} % with spikes and "
        f"{percent(exact, 'rectifier_accuracy')} % without, and take "
        f"{mean_of(exact, 'train_macs_per_sample'):,.0f} multiply-accumulates a sample in "
        "training.",
        f"{name}: an answer takes {synops:,.0f} additions with spikes and {macs:,.0f} "
        "multiply-accumulates without.",
    ]


def _caveats(records: Sequence[Record], sets: Mapping[str, Sweep]) -> list[str]:
    told = [
        "Additions and multiply-accumulates are counted, not weighed: what each costs depends on "
        "the machine. An error spike adds a count to each weight whose input has spiked, an "
        "addition of an integer where weights are integers.",
        "Multiply-accumulates are of all weights; a machine that leaves out zeros does with fewer.",
        "An output whose drive is negative for every image gets no error any more, and its class "
        "is lost.",
    ]
    return [*told, *one_setting.caveats(records, sets.values())]
