"""Error neurons: learning where the errors of random feedback meet input spikes."""

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

TITLE = "Error neurons"
ORDER = 47
SWEEP = True  # too many configurations for the opening table
LEARNER = "erbp"

Networks = Mapping[Any, Sequence[Record]]
Sweep = one_setting.Sweep[Any]  # of several settings, none of which is named

BASE, DEAF = "positive current", "no feedback"
VARIANTS: dict[str, Mapping[str, Any]] = {
    BASE: {},
    "upper end": {"gate_high": 2.0},
    "current of the moment": {"tau_gate_ms": 0.0},
    "the paper's boxcar": {"gate_low": -11.5, "gate_high": 11.5, "tau_gate_ms": 0.0},
    "noise": {"noise": 0.3},
    "blank-out": {"transmission": 0.45},
    DEAF: {"feedback": "none"},
    "equal feedback": {"feedback": "uniform"},
    "no labels": {"label_period_ms": 0},
}
CONTROLS = (DEAF, "equal feedback", "no labels")
DRAWN = tuple(name for name in VARIANTS if name == DEAF or name not in CONTROLS)
TIMES_MS = (50, 100, 250, 500)  # at which answers are told; those of the paper's figure


def trials(request: Request) -> list[Trial]:
    """Return each variant; see `Request.varied_trials`."""
    return request.varied_trials(LEARNER, lambda _dataset: VARIANTS.values())


def section(records: list[Record]) -> Section:
    """Return accuracy against training and against time, and what each part is good for."""
    every = one_setting.named(records, VARIANTS, BASE)
    sets = {name: sweep for name, sweep in every.items() if len(sweep.networks) > 1}
    findings = {name: _findings(name, sweep.networks) for name, sweep in sets.items()}
    return Section(
        name="error-neurons",
        title=TITLE,
        question="Do spikes of error neurons, which reach hidden units by random weights, teach a "
        "spiking network, and what must the units themselves contribute?",
        method="Images are shown as random spikes. Two error neurons a class compare the output "
        "with a label neuron; their spikes reach a second compartment of all units by "
        "fixed random weights. With each spike that reaches a unit, its weight changes by "
        "what that compartment holds, as long as a gate is open: wherever the unit's mean "
        "current of some time is positive, or its current of the moment; up to an upper "
        "end, twice the least current that makes a unit spike; or in the paper's boxcar "
        "to both sides of no current, which is open nearly always. Noise is added to "
        "membranes, or synapses let less than half of the spikes pass (blank-out). "
        "Controls: no feedback to hidden units, feedback that is equal for all, and a "
        "label neuron that is silent. The epoch is chosen on validation samples, whose "
        "labels the network does not get; test samples are read once.",
        equations=(
            "U_i arrow.l e^(-1 / tau_D) U_i + sum_k G_(i k) (e_k^+ - e_k^-)",
            "w_(i j) arrow.l w_(i j) - eta U_i [a < A_i < b]",
        ),
        figures=tuple(map(_figure, sets.values())),
        tables=(_table(tuple(sets.values())),) if sets else (),
        findings=tuple(sentence for told in findings.values() for sentence in told),
        lead=tuple(told[0] for told in findings.values()),
        caveats=tuple(_caveats(records, sets)),
        deviations=(
            "Error neurons count spikes without synapses of their own; the learning rate falls "
            "from epoch to epoch; the paper's boxcar is among the variants.",
        ),
        references=("neftci2017",),
    )


def _figure(sweep: Sweep) -> Figure:
    from matplotlib.figure import Figure as Drawing

    shown = {name: each for name, each in sweep.networks.items() if name in DRAWN}
    drawing = Drawing(figsize=(7.6, 3.6), layout="constrained")
    learning, answering = drawing.subplots(1, 2, sharey=True)
    for colour, (variant, members) in zip(COLOURS, shown.items(), strict=False):
        _draw_learning(learning, members, color=colour, label=variant)
        _draw_answers(answering, members, color=colour)
    learning.set(xlabel="additions of training", ylabel="validation accuracy / %")
    legend_above(drawing, learning)
    answering.set_xlabel("time since the image came / ms", fontsize=9)
    return Figure(
        figure_name("error-neurons", sweep.dataset),
        drawing,
        f"{sweep.dataset}: validation accuracy against the additions of training so far, epoch by "
        "epoch (left), and of the trained network against the time for which it is shown an image "
        "(right). Dashed: for how long images are shown in training.",
        "Two panels of accuracy, against additions and against time, a line a network.",
        basis(sweep.records, interval=INTERVAL),
    )


def _draw_learning(ax: Axes, members: Sequence[Record], **line: Any) -> None:
    curves = [found for r in members if (found := curve(r.arrays)) is not None]
    each = np.mean([r.arrays["train_operations_by_epoch"].sum(axis=1) for r in members], axis=0)
    additions = np.cumsum(each) * members[0].metrics["n_train"]
    draw_shares(ax, additions, np.array([found.validation for found in curves]), lw=1.4, **line)


def _draw_answers(ax: Axes, members: Sequence[Record], **line: Any) -> None:
    scores = np.array([r.arrays["validation_score_by_step"] for r in members])
    draw_shares(ax, np.arange(scores.shape[1]) + 1, scores, lw=1.4, **line)
    ax.axvline(members[0].trial.config["present_ms"], color="0.7", ls="--", lw=0.8)


def _table(sweeps: Sequence[Sweep]) -> Table:
    columns = (
        ("test accuracy / %", "test_accuracy", 100.0),
        ("spikes", "spikes_per_sample", 1.0),
        ("SynOps", "synops_per_sample", 1.0),
        ("training: forward", "train_forward_operations_per_sample", 1.0),
        ("training: backward", "train_backward_operations_per_sample", 1.0),
        ("training: weights", "train_update_operations_per_sample", 1.0),
        ("training: comparisons", "train_comparisons_per_sample", 1.0),
        ("training / s", "train_seconds", 1.0),
    )
    return one_setting.named_table(
        "Networks that learn by error neurons. Spikes and SynOps of an answer; additions of "
        "training a sample, of currents, dendrites and weights, and comparisons with the ends of "
        "the gate.",
        "network",
        sweeps,
        columns,
    )


def _findings(name: str, networks: Networks) -> list[str]:
    base = networks[BASE]
    additions, weights = mean_of(base, "train_synops_per_sample"), mean_of(base, "n_weights")
    told = [
        f"{name}: with gates that are open for positive currents, error neurons teach the network "
        f"to {percent(base)} % of test samples.",
        f"{name}: training takes {additions:,.0f} additions a sample, of which "
        f"{mean_of(base, 'train_update_operations_per_sample'):,.0f} change weights, and "
        f"{mean_of(base, 'train_comparisons_per_sample'):,.0f} comparisons; to compute with all "
        f"weights once and to change all once takes {2 * weights:,.0f} multiply-accumulates.",
        *_over_time(name, base),
    ]
    told += [
        f"{name}: {variant}: {percent(networks[variant])} %."
        for variant in VARIANTS
        if variant in networks and variant != BASE and variant not in CONTROLS
    ]
    return told + [
        f"{name}: control, {variant}: {percent(networks[variant])} %."
        for variant in CONTROLS
        if variant in networks
    ]


def _over_time(name: str, members: Sequence[Record]) -> list[str]:
    scores = np.mean([r.arrays["validation_score_by_step"] for r in members], axis=0)
    return [
        f"{name}: {100 * scores[t - 1]:.1f} % of validation samples are known after {t} ms."
        for t in TIMES_MS
        if t <= len(scores)
    ]


def _caveats(records: Sequence[Record], sets: Mapping[str, Sweep]) -> list[str]:
    told = [
        "Additions and comparisons are counted, not weighed: what each costs depends on the "
        "machine. Decay of currents, membranes and dendrites is not among them.",
        "Settings were tuned with the gate that lets positive currents learn, not anew for each "
        "variant.",
    ]
    return [*told, *one_setting.caveats(records, sets.values())]
