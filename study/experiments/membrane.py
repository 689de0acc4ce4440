"""Errors through membrane potentials: what they reach, and what competition and thresholds add."""

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

TITLE = "Errors through membrane potentials"
ORDER = 47
SWEEP = True  # too many configurations for the opening table
LEARNER = "lee"

Networks = Mapping[Any, Sequence[Record]]
Sweep = one_setting.Sweep[Any]  # of several settings, none of which is named

BASE, FREE, REGULAR, FROZEN = (
    "competing outputs", "no competition", "regularised thresholds", "frozen hidden layer",
)  # fmt: skip
VARIANTS: dict[str, Mapping[str, Any]] = {
    BASE: {},
    FREE: {"inhibition": 0.0},
    REGULAR: {"regularisation": 1e-4},
    "learned thresholds": {"threshold_rate": 0.1},
    "normalised errors": {"normalised": True},
    "SGD, normalised errors": {"optimiser": "sgd", "learning_rate": 0.03, "normalised": True},
    FROZEN: {"hidden_learns": False},
}


def trials(request: Request) -> list[Trial]:
    """Return each variant; see `Request.varied_trials`."""
    return request.varied_trials(LEARNER, lambda _dataset: VARIANTS.values())


def section(records: list[Record]) -> Section:
    """Return accuracy and spikes by epoch, and what each part of the method adds."""
    every = one_setting.named(records, VARIANTS, BASE)
    sets = {name: sweep for name, sweep in every.items() if len(sweep.networks) > 1}
    findings = {name: _findings(name, sweep.networks) for name, sweep in sets.items()}
    return Section(
        name="membrane",
        title=TITLE,
        question="Does back-propagation learn a spiking network if it takes spikes for noise on "
        "the membrane potential, and what do competition and thresholds add?",
        method="Images are Poisson events that are drawn anew each time. A membrane potential is "
        "what weights bring less what spikes take; with the potential itself left out as small, "
        "traces of spikes are a function of traces and of thresholds, and errors go back through "
        "it. A spike of an output takes a share of its threshold from all others. Neurons that do "
        "not fire learn nothing from a sample. Regularised thresholds rise where a neuron fires "
        "and sink where it does not, their mean kept. As a control only the output learns. The "
        "epoch is chosen on validation samples; test samples are read once.",
        equations=(
            "V_i = sum_k w_(i k) x_k - theta_i a_i - mu theta_i sum_(j eq.not i) a_j",
            "(partial a_i) / (partial w_(i k)) approx x_k / theta_i",
        ),
        figures=tuple(map(_figure, sets.values())),
        tables=(_table(sets),) if sets else (),
        findings=tuple(sentence for told in findings.values() for sentence in told),
        lead=tuple(told[0] for told in findings.values()),
        caveats=tuple(_caveats(records, sets)),
        deviations=(
            "Time goes by steps of a millisecond, errors are those of the cross entropy, samples "
            "share a step of the optimiser, and its rate falls to 0. Initial thresholds follow "
            "from training samples, and images of MNIST are moved by a pixel at most in training.",
        ),
        references=("lee2016",),
    )


def _figure(sweep: Sweep) -> Figure:
    from matplotlib.figure import Figure as Drawing

    name, networks = sweep.dataset, sweep.networks
    drawing = Drawing(figsize=(7.6, 3.6), layout="constrained")
    learning, spiking = drawing.subplots(1, 2)
    for colour, (variant, members) in zip(COLOURS, networks.items(), strict=False):
        _draw_learning(learning, members, color=colour, label=variant)
        _draw_spikes(spiking, members, color=colour)
    learning.set(xlabel="epoch", ylabel="validation accuracy / %")
    legend_above(drawing, learning)
    spiking.set_xlabel("epoch", fontsize=9)
    spiking.set_ylabel("hidden spikes of a training sample", fontsize=9)
    return Figure(
        figure_name("membrane", name),
        drawing,
        f"{name}: validation accuracy (left) and hidden spikes of a training sample (right) by "
        "epoch.",
        "Two panels by epoch, of accuracy and of hidden spikes, a line a network.",
        basis(sweep.records, interval=INTERVAL),
    )


def _draw_learning(ax: Axes, members: Sequence[Record], **line: Any) -> None:
    curves = [found for r in members if (found := curve(r.arrays)) is not None]
    draw_shares(ax, curves[0].seen, np.array([c.validation for c in curves]), lw=1.4, **line)


def _draw_spikes(ax: Axes, members: Sequence[Record], **line: Any) -> None:
    hidden = np.mean([r.arrays["spikes_by_epoch"][:, 1:-1].sum(axis=1) for r in members], axis=0)
    ax.plot(np.arange(len(hidden)) + 1, hidden, lw=1.4, **line)


def _table(sets: Mapping[str, Sweep]) -> Table:
    columns = (
        ("test accuracy / %", "test_accuracy", 100),
        ("hidden spikes", "spikes_hidden_per_sample", 1),
        ("output spikes", "spikes_output_per_sample", 1),
        ("silent neurons / %", "silent_share", 100),
        ("SynOps", "synops_per_sample", 1),
        ("training / s", "train_seconds", 1),
    )
    return one_setting.named_table(
        "Networks trained through membrane potentials. Spikes and SynOps of an answer; hidden "
        "neurons that fired for no training sample in the epoch that was kept.",
        "network",
        tuple(sets.values()),
        columns,
    )


def _findings(name: str, networks: Networks) -> list[str]:
    base = networks[BASE]
    told = [
        f"{name}: errors through membrane potentials reach {percent(base)} % of test samples, "
        f"with {mean_of(base, 'spikes_per_sample'):,.0f} spikes a sample."
    ]
    if FREE in networks:
        told.append(f"{name}: without competition of outputs {percent(networks[FREE])} %.")
    if REGULAR in networks:
        silent = 100 * mean_of(networks[REGULAR], "silent_share")
        told.append(
            f"{name}: with regularised thresholds {percent(networks[REGULAR])} %; {silent:.1f} % "
            f"of hidden neurons never fire, {100 * mean_of(base, 'silent_share'):.1f} % without."
        )
    if FROZEN in networks:
        told.append(f"{name}: control, frozen hidden layer: {percent(networks[FROZEN])} %.")
    return told


def _caveats(records: Sequence[Record], sets: Mapping[str, Sweep]) -> list[str]:
    told = [
        "Events of images are random: another draw of the same test images gives another accuracy, "
        "by tenths of a percent.",
        "The paper's tables of settings could not be read; thresholds, rates and their "
        "regularisation are ours.",
    ]
    return [*told, *one_setting.caveats(records, sets.values())]
