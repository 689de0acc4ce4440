"""What rules with different weight dependence make of the weights of competing inputs.

A part of the experiment ``plasticity``: settings, procedure, figure and table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from study.analysis.basis import basis
from study.analysis.figures import COLOURS, label_axes
from study.analysis.section import Figure, Table
from study.analysis.stats import Interval, mean_interval
from study.settings.config import configured
from study.trials.trial import Context, Outcome, Record, Trial

NAME = "weight-competition"
PROCEDURE = "study.procedures.competition:run"
EDGE = 0.1  # a weight this close to a bound counts as at it; of uniform weights a fifth are


@dataclass(frozen=True)
class CompetitionConfig:
    """Settings; the defaults are those of the quick profile.

    Parameters
    ----------
    exponents
        One rule for each: 0 is the additive rule, 1 the multiplicative one.
    a_plus, asymmetry, tau_s
        Amplitude of potentiation, ratio of depression to it, and time constant of both.
    n_inputs, n_neurons, rate_hz, total_conductance, duration_s, dt_s
        The stimulus; see `biosim.plasticity.Competition`.
    target
        Engine of Brian2.
    """

    exponents: tuple[float, ...] = (0.0, 0.1, 1.0)
    a_plus: float = 0.02
    asymmetry: float = 1.3
    tau_s: float = 20e-3
    n_inputs: int = 100
    n_neurons: int = 10
    rate_hz: float = 10.0
    total_conductance: float = 12.0
    duration_s: float = 30.0
    dt_s: float = 1e-3
    target: Literal["auto", "cython", "numpy"] = "numpy"

    def __post_init__(self) -> None:
        if not self.exponents or min(self.exponents) < 0:
            raise ValueError("exponents must not be empty, and none of them negative")


# Song, Miller and Abbott's number of inputs and size of changes. Spikes in one step of 1 ms count
# as potentiation, which makes their asymmetry of 1.05 from 1.1.
FULL = CompetitionConfig(
    a_plus=0.005,
    asymmetry=1.1,
    n_inputs=1000,
    n_neurons=1,
    total_conductance=10.0,
    duration_s=1000.0,
    target="auto",
)


def run(trial: Trial, context: Context) -> Outcome:
    """Return the weights before and after, and for each rule how many lie at a bound."""
    from biosim.plasticity import Competition, PairSTDP, compete

    config = configured(CompetitionConfig, trial.config)
    rules = [
        PairSTDP(
            a_plus=config.a_plus,
            a_minus=config.asymmetry * config.a_plus,
            tau_plus_s=config.tau_s,
            tau_minus_s=config.tau_s,
            mu_plus=exponent,
            mu_minus=exponent,
            bounds=(0.0, 1.0),
        )
        for exponent in config.exponents
    ]
    competition = Competition(
        n_inputs=config.n_inputs,
        n_neurons=config.n_neurons,
        rate_hz=config.rate_hz,
        total_conductance=config.total_conductance,
        duration_s=config.duration_s,
        dt_s=config.dt_s,
    )
    result = compete(rules, competition, trial.seed, config.target, context.progress)
    at_bound = np.minimum(result.weight, 1 - result.weight) < EDGE
    return Outcome(
        {
            "engine": result.target,
            "at_bound": at_bound.mean(axis=2).tolist(),
            "rate_hz": result.rate_hz.mean(axis=1).tolist(),
        },
        {"initial": result.initial, "weight": result.weight},
    )


def draw(record: Record) -> Figure:
    """Return the distributions of weights, a panel an exponent."""
    from matplotlib.figure import Figure as Drawing

    config, arrays = record.trial.config, record.arrays
    exponents = config["exponents"]
    drawing = Drawing(figsize=(7.2, 2.6), layout="constrained")
    axes = drawing.subplots(1, len(exponents), sharex=True, squeeze=False)[0]
    bins = np.linspace(0, 1, 21)
    weighting = np.full(arrays["initial"].size, 100 / arrays["initial"].size)
    for ax, exponent, weight, colour in zip(
        axes, exponents, arrays["weight"], _cycled(len(exponents)), strict=True
    ):
        ax.hist(weight.ravel(), bins, weights=weighting, color=colour, label=f"µ = {exponent:g}")
        ax.hist(
            arrays["initial"].ravel(), bins, weights=weighting, histtype="step", color="0.3", lw=1,
            label="at first",
        )  # fmt: skip
        label_axes(ax, "weight", "share of weights / %")
    return Figure(
        "plasticity-competition",
        drawing,
        "Weights of competing Poisson inputs at the end, by the exponent µ of the weight "
        "dependence: 0 is the additive, 1 the multiplicative rule. Grey: the uniform weights of "
        "the beginning.",
        "One histogram of weights for each exponent: peaks at both bounds for the additive rule, "
        "one hump in the middle for the multiplicative rule, a broader one between them.",
        basis([record], n=f"{config['n_neurons']} neurons with {config['n_inputs']} inputs each"),
    )


def _cycled(count: int) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(count)]


def table(records: Sequence[Record]) -> Table:
    """Return a row an exponent."""
    rows = tuple(
        (
            f"{exponent:g}",
            f"{config['a_plus']:g}",
            f"{config['asymmetry']:g}",
            f"{config['n_neurons']} × {config['n_inputs']}",
            f"{config['duration_s']:g}",
            f"Brian2 {record.metrics['engine']}",
            _percent(_at_bound(values)),
            f"{rate_hz:.1f}",
        )
        for record in records
        for config in (record.trial.config,)
        for exponent, values, rate_hz in zip(
            config["exponents"], record.metrics["at_bound"], record.metrics["rate_hz"], strict=True
        )
    )
    columns = (
        "µ", "A₊", "A₋ / A₊", "neurons × inputs", "time / s", "engine", "weights at a bound",
        "rate / Hz",
    )  # fmt: skip
    return Table(
        f"Competing weights: share within {EDGE:g} of a bound, and the neurons' mean rate.",
        columns,
        rows,
        basis(records, interval="95 % Student t interval over neurons"),
    )


def found(record: Record) -> list[str]:
    """Return the shares of weights that end at a bound."""
    config = record.trial.config
    shares = "; ".join(
        f"µ = {exponent:g}: {_percent(_at_bound(values))}"
        for exponent, values in zip(config["exponents"], record.metrics["at_bound"], strict=True)
    )
    return [
        f"After {config['duration_s']:g} s of competition this share of weights lies within "
        f"{EDGE:g} of a bound (of the uniform weights at the beginning {200 * EDGE:.0f} %): "
        f"{shares}."
    ]


def _at_bound(values: Sequence[float]) -> Interval:
    return mean_interval(values, (0, 1))


def _percent(share: Interval) -> str:
    mean, low, high = (100 * part for part in share)
    return f"{mean:.0f} %" if np.isnan(low) else f"{mean:.0f} % [{low:.0f}, {high:.0f}]"
