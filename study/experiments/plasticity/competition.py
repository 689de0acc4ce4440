"""What rules with different weight dependence make of the weights of competing inputs.

A procedure of the experiment ``plasticity``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from study.config import configured
from study.trials.trial import Context, Outcome, Trial

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
