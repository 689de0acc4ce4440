"""Conversion: what a trained network loses when its units spike, step by step."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from study import learners
from study.analysis import one_setting
from study.analysis.basis import basis
from study.analysis.figures import COLOURS, draw_shares, panel_grid, spread
from study.analysis.one_setting import alike, measured
from study.analysis.replicates import cell, interval_of, mean_of
from study.analysis.section import Figure, Section, Table, figure_name
from study.analysis.stats import INTERVAL, mean_interval
from study.data.reference import DatasetRef
from study.learners.rectifier_config import (
    CONVOLUTION,
    CONVOLUTION_ON_DIGITS,
    FEW_LEVELS,
    FEW_LEVELS_ON_DIGITS,
)
from study.request import Request
from study.trials.trial import Record, Trial

TITLE = "From activations to spikes"
ORDER = 45
SWEEP = True  # too many configurations for the opening table
LEARNER = "converted"
N_STEPS = 32
CLOSE = 0.0015  # of validation accuracy: what counts as no loss
FLOOR = 60  # percent: figures begin here
NEVER = float("inf")

Settings = Mapping[str, Any]


class Choice(NamedTuple):
    """One thing to choose in a conversion: how the base has it, and the other ways."""

    name: str
    base: str
    others: Mapping[str, Settings]

    @property
    def label(self) -> str:
        """What stands above its panel."""
        return self.name

    def show(self, level: str) -> str:
        """Return a way in words, as it is."""
        return level

    def ways(self, dataset: str) -> dict[str, Settings]:
        """Return what each way changes in the base, by its name; the base changes nothing."""
        small = ON_DIGITS if dataset == "digits" else {}
        return {self.base: {}, **{way: small.get(way, self.others[way]) for way in self.others}}


CHOICES = (
    Choice(
        "threshold",
        "percentile 99",
        {
            "percentile 99.9": {"percentile": 99.9},
            "maximum": {"normalisation": "max"},
            "largest possible": {"normalisation": "model"},
        },
    ),
    Choice("first potential", "start at half", {"start at zero": {"initial": 0.0}}),
    Choice("reset", "reset by subtraction", {"reset to zero": {"reset": "zero"}}),
    Choice("input", "currents as input", {"spikes as input": {"input": "poisson"}}),
    Choice("code", "rates", {"first spikes": {"method": "first_spike"}}),
    Choice("network", "many levels", {"few levels": FEW_LEVELS, "maps": CONVOLUTION}),
)
ON_DIGITS: dict[str, Settings] = {
    "few levels": FEW_LEVELS_ON_DIGITS,
    "maps": CONVOLUTION_ON_DIGITS,
}


def trials(request: Request) -> list[Trial]:
    """Return the base and those with one choice changed; see `Request.varied_trials`."""

    def base(dataset: DatasetRef) -> Any:
        preset = learners.find(LEARNER).preset(request.profile, dataset.name)
        return dataclasses.replace(preset, n_steps=N_STEPS)

    def ways(dataset: str) -> Iterator[Settings]:
        for choice in CHOICES:
            yield from choice.ways(dataset).values()

    return request.varied_trials(LEARNER, ways, base)


Sweep = one_setting.Sweep[Choice]


def section(records: list[Record]) -> Section:
    """Return accuracy against steps, and what each choice costs."""
    names = list(dict.fromkeys(record.trial.dataset_name for record in records))
    sets = {name: _sweeps([r for r in records if r.trial.dataset_name == name]) for name in names}
    sweeps = [sweep for members in sets.values() for sweep in members]
    findings = {name: _findings(members) for name, members in sets.items() if members}
    return Section(
        name="conversion",
        title=TITLE,
        question="What does a trained network lose when its units spike?",
        method="A network of rectifiers is trained without spikes; then its units become "
        "integrate-and-fire neurons with the same weights, scaled by activations on training "
        "images, and nothing more is learned. The class is that of the highest potential of the "
        "output after each step. One choice at a time departs from the base: thresholds at the "
        f"99th percentile of activations, potentials that start at half of them, reset by "
        "subtraction, pixels as constant currents, rates as code. The number of steps is chosen "
        "on validation samples: the first with which accuracy is within "
        f"{100 * CLOSE:.2f} points of the network without spikes. Test samples are read once, at "
        "the number chosen.",
        equations=(
            "W_l arrow.l W_l lambda_(l - 1) / lambda_l, quad b_l arrow.l b_l / lambda_l",
            "V arrow.l V + W_l s_(l - 1) + b_l, quad s_l = [V >= 1], quad V arrow.l V - s_l",
        ),
        figures=tuple(_figure(name, members) for name, members in sets.items() if members),
        tables=(_table(sweeps),) if sweeps else (),
        findings=tuple(sentence for told in findings.values() for sentence in told),
        lead=tuple(told[0] for told in findings.values()),
        caveats=tuple(_caveats(records, sweeps)),
        deviations=DEVIATIONS,
        references=(
            "diehl2015weight", "rueckauer2017", "rueckauer2018", "bu2022", "stanojevic2022",
        ),
    )  # fmt: skip


DEVIATIONS = (
    "Networks learn with images moved at random and a learning rate in one cycle, which the papers "
    "on conversion do not have; pools take means where LeNet has maxima.",
    "Where neurons spike once, layers take turns: a neuron has all its input before it may spike.",
)


def _sweeps(records: Sequence[Record]) -> list[Sweep]:
    """Return the choices of one data set that were run, each with the base beside it."""
    usual = one_setting.usual([record.trial.config for record in records])
    found = []
    for choice in CHOICES:
        networks = {
            way: members
            for way, changes in choice.ways(records[0].trial.dataset_name).items()
            if (members := [r for r in records if alike(r.trial.config, {**usual, **changes})])
        }
        if len(networks) > 1 and choice.base in networks:
            found.append(Sweep(records[0].trial.dataset_name, choice, networks, choice.base))
    return found


def _figure(name: str, sweeps: Sequence[Sweep]) -> Figure:
    drawing, axes = panel_grid(len(sweeps), 2.2, sharex=True, sharey=True)
    for ax, sweep in zip(axes.flat, sweeps, strict=False):
        for colour, (way, members) in zip(COLOURS, sweep.networks.items(), strict=False):
            scores = np.array([r.arrays["validation_score_by_step"] for r in members])
            steps = np.arange(scores.shape[1]) + 1
            draw_shares(ax, steps, scores, color=colour, lw=1.4, label=way)
            teacher = 100 * mean_of(members, "rectifier_validation_accuracy")
            ax.axhline(teacher, color=colour, ls="--", lw=0.8)
        ax.legend(loc="lower right")
        ax.set_title(sweep.varied.name)
    spread(axes[0, 0], steps.tolist())
    axes[0, 0].set_ylim(FLOOR, 101)
    for ax in axes[:, 0]:
        ax.set_ylabel("accuracy / %")
    for ax in axes[-1]:
        ax.set_xlabel("steps")
    return Figure(
        figure_name("conversion", name),
        drawing,
        f"{name}: validation accuracy after each step, the base in blue. Dashed: the network "
        f"without spikes. Below {FLOOR} % the axis is cut; where neurons spike once, steps are "
        "ticks of a layer's window.",
        "Panels of accuracy against steps, one a choice.",
        basis([r for sweep in sweeps for r in sweep.records], interval=INTERVAL),
    )


def _table(sweeps: Sequence[Sweep]) -> Table:
    return one_setting.table(
        "One choice at a time. Accuracy, agreement with the network without spikes, and costs are "
        "of test samples after all steps; the steps are those that validation samples chose, "
        "with the difference in test accuracy there from the network without spikes.",
        "choice",
        sweeps,
        ("way", lambda sweep, way: f"{way} (base)" if way == sweep.usual else way),
        measured("without spikes / %", "rectifier_test_accuracy", 100),
        measured("test accuracy / %", "test_accuracy", 100),
        ("agreement / %", lambda sweep, way: _agreement(sweep.networks[way])),
        ("steps", lambda sweep, way: _told(_steps(sweep.networks[way]))),
        ("difference / points", lambda sweep, way: _departure(sweep.networks[way])),
        measured("spikes", "spikes_per_sample"),
        measured("SynOps", "synops_per_sample"),
        measured("MACs of the input", "macs_per_sample"),
    )


def _agreement(members: Sequence[Record]) -> str:
    shares = [record.metrics["agreement_with_rectifier"] for record in members]
    return cell(mean_interval(shares, (0, 1)), 100)


def chosen_step(record: Record) -> float:
    """Return the first step that validation finds close enough, infinite where none is."""
    wanted = record.metrics["rectifier_validation_accuracy"] - CLOSE
    close = np.flatnonzero(record.arrays["validation_score_by_step"] >= wanted)
    return float(close[0] + 1) if len(close) else NEVER


def _steps(members: Sequence[Record]) -> float:
    return float(np.median([chosen_step(record) for record in members]))


def _told(steps: float) -> str:
    return "never" if steps == NEVER else f"{steps:g}"


def _departure(members: Sequence[Record]) -> str:
    """Return how test accuracy at the chosen step departs, over the seeds that have one."""
    differences = [
        record.arrays["test_score_by_step"][int(step) - 1]
        - record.metrics["rectifier_test_accuracy"]
        for record in members
        if (step := chosen_step(record)) != NEVER
    ]
    return cell(mean_interval(differences, (-1, 1)), 100) if differences else "–"


def _findings(sweeps: Sequence[Sweep]) -> list[str]:
    name, base = sweeps[0].dataset, sweeps[0].networks[sweeps[0].usual]
    ways = {way: members for sweep in sweeps for way, members in sweep.networks.items()}
    others = {way: ways[way] for sweep in sweeps for way in sweep.networks if way != sweep.usual}
    steps = ", ".join(f"{way} {_told(_steps(members))}" for way, members in others.items())
    after = _steps(base)
    told = (
        f"{name}: at no step is the base within {100 * CLOSE:.2f} points of the network without "
        "spikes."
        if after == NEVER
        else f"{name}: the base is within {100 * CLOSE:.2f} points of the network without spikes "
        f"after {after:g} steps on validation samples; there it differs by {_departure(base)} "
        "points on test samples."
    )
    additions, macs, whole = (
        f"{mean_of(base, metric):,.0f}"
        for metric in ("synops_per_sample", "macs_per_sample", "rectifier_macs_per_sample")
    )
    lowest = cell(interval_of(base, "lowest_correlation"))
    return [
        told,
        f"{name}: steps that the other ways need to come as close: {steps}.",
        f"{name}: numbers of spikes and activations correlate by {lowest} or more in every hidden "
        "layer of the base.",
        f"{name}: the base takes {additions} additions and {macs} MACs a sample in "
        f"{base[0].trial.config['n_steps']} steps, the network without spikes {whole} MACs.",
    ]


def _caveats(records: Sequence[Record], sweeps: Sequence[Sweep]) -> list[str]:
    told = [
        "With currents as input the first layer multiplies real-valued pixels, once a sample: "
        "these MACs are no saving. Costs are of all steps; whoever stops earlier pays less.",
        "Few levels and maps are networks of their own training: their curves show how conversion "
        "does, not which network is better.",
        "The first of many steps that is close on validation samples is a choice among them: on "
        "test samples it may do worse.",
    ]
    fewest = min((r.metrics["n_validation"] for s in sweeps for r in s.records), default=0)
    if 0 < fewest * CLOSE < 1:
        told.append(
            f"Of {fewest} validation samples one is more than {100 * CLOSE:.2f} points: close "
            "means that none is lost."
        )
    return [*told, *one_setting.caveats(records, sweeps)]
