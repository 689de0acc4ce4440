"""Pairs of spikes through a plastic synapse: the window of pair STDP, measured and by formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from study.trial import Context, Outcome, Trial

NAME = "pair-stdp"
PROCEDURE = "study.procedures.pairs:run"


@dataclass(frozen=True)
class PairConfig:
    """Settings of the pair rule.

    Parameters
    ----------
    a_plus, a_minus, tau_plus_s, tau_minus_s
        The rule; see `biosim.plasticity.PairSTDP`.
    reach_s, spacing_s
        The window is measured from ``-reach_s`` to ``reach_s``, without 0.
    shown_s
        Distance of the spikes of the two pairs whose weights are drawn over time.
    dt_s
        Time step; the spacing is a multiple of it.
    target
        Engine of Brian2.
    """

    a_plus: float = 0.005
    a_minus: float = 0.00525
    tau_plus_s: float = 15e-3
    tau_minus_s: float = 20e-3
    reach_s: float = 60e-3
    spacing_s: float = 2e-3
    shown_s: float = 10e-3
    dt_s: float = 1e-4
    target: Literal["auto", "cython", "numpy"] = "numpy"

    def __post_init__(self) -> None:
        if self.spacing_s <= 0 or self.reach_s < self.spacing_s:
            raise ValueError("spacing_s must be positive and at most reach_s")


def run(trial: Trial, context: Context) -> Outcome:
    """Return the measured window beside the formula and the misprint, and two weight traces."""
    from biosim.plasticity import PairSTDP, printed_window, simulate_pairs, window

    config = PairConfig(**trial.config)
    rule = PairSTDP(config.a_plus, config.a_minus, config.tau_plus_s, config.tau_minus_s)
    count = int(np.floor(config.reach_s / config.spacing_s * (1 + 1e-9)))
    steps = np.arange(-count, count + 1)
    delta_t_s = steps[steps != 0] * config.spacing_s
    measured = simulate_pairs(rule, delta_t_s, dt_s=config.dt_s, target=config.target)
    context.progress(0.5, "weights over time")
    shown = simulate_pairs(
        rule,
        np.array([config.shown_s, -config.shown_s]),
        dt_s=config.dt_s,
        margin_s=config.shown_s,
        target=config.target,
    )
    change, expected = measured.weight[-1], window(rule, delta_t_s)
    printed = printed_window(rule, delta_t_s)
    return Outcome(
        {
            "engine": measured.target,
            "n_pairs": len(delta_t_s),
            "max_relative_error": _largest_relative(change, expected),
            "max_relative_error_potentiation": _largest_relative(
                change[delta_t_s > 0], expected[delta_t_s > 0]
            ),
            "max_relative_error_depression": _largest_relative(
                change[delta_t_s < 0], expected[delta_t_s < 0]
            ),
            "printed_relative_error": _largest_relative(printed, expected),
            "printed_at_reach": float(printed[-1]),
            "formula_at_reach": float(expected[-1]),
        },
        {
            "delta_t_s": delta_t_s,
            "measured": change,
            "formula": expected,
            "printed": printed,
            "time_s": shown.time_s,
            "weight": shown.weight,
        },
    )


def _largest_relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found / expected - 1).max())
