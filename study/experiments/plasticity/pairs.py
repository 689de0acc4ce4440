"""Pairs of spikes through a plastic synapse: once, and repeated at various frequencies.

The procedures of the experiment ``plasticity``, with `study.experiments.plasticity.competition`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from study.settings.config import configured
from study.trials.trial import Context, Outcome, Trial

if TYPE_CHECKING:
    from biosim.plasticity import PairSTDP, Rule

WINDOW = "pair-stdp"
FREQUENCY = "pairing-frequency"
PROCEDURES = "study.procedures.pairs"

Target = Literal["auto", "cython", "numpy"]

# Relative change of weight by 60 pairs in slices of visual cortex and its standard error: the data
# to which Pfister and Gerstner (2006), doi:10.1523/JNEUROSCI.1425-06.2006, fitted the triplet
# rule. From P. J. Sjoestroem, G. G. Turrigiano and S. B. Nelson, Neuron 32, 1149-1164 (2001),
# doi:10.1016/S0896-6273(01)00542-6. One row for t_post - t_pre = 10 ms, one for -10 ms.
OBSERVED_DELTA_S = np.array([10e-3, -10e-3])
OBSERVED_HZ = np.array([0.1, 10.0, 20.0, 40.0, 50.0])
OBSERVED_CHANGE = np.array([[-0.04, 0.14, 0.29, 0.53, 0.56], [-0.29, -0.41, -0.34, 0.56, 0.75]])
OBSERVED_ERROR = np.array([[0.05, 0.10, 0.14, 0.11, 0.26], [0.08, 0.11, 0.10, 0.32, 0.19]])


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
    target: Target = "numpy"

    def __post_init__(self) -> None:
        if self.spacing_s <= 0 or self.reach_s < self.spacing_s:
            raise ValueError("spacing_s must be positive and at most reach_s")


@dataclass(frozen=True)
class FrequencyConfig:
    """Settings of repeated pairs.

    Parameters
    ----------
    n_pairs
        How often the pair is repeated.
    more_hz
        Frequencies besides those of the measurements.
    longest_interval_s
        Pairs are repeated after this time at the latest: beyond it they do not interact.
    dt_s
        Time step, which divides 10 ms and all intervals.
    target
        Engine of Brian2.
    """

    n_pairs: int = 60
    more_hz: tuple[float, ...] = (1.0, 5.0, 25.0)
    longest_interval_s: float = 1.0
    dt_s: float = 5e-3
    target: Target = "numpy"

    def __post_init__(self) -> None:
        if self.n_pairs < 1 or self.dt_s <= 0 or self.longest_interval_s <= 0:
            raise ValueError("n_pairs, dt_s and longest_interval_s must be positive")
        if self.more_hz and min(self.more_hz) <= 0:
            raise ValueError("more_hz must be positive")
        for time_s in (*np.abs(OBSERVED_DELTA_S), *(1 / self.rates_hz())):
            if abs(time_s - self.dt_s * round(time_s / self.dt_s)) > 1e-6 * self.dt_s:
                raise ValueError(f"dt_s = {self.dt_s} s must divide {time_s:.6g} s")

    def frequencies_hz(self) -> np.ndarray:
        """Return all frequencies, ascending."""
        return np.union1d(self.more_hz, OBSERVED_HZ)

    def rates_hz(self) -> np.ndarray:
        """Return at which rates pairs are simulated for these frequencies."""
        return np.maximum(self.frequencies_hz(), 1 / self.longest_interval_s)


def run(trial: Trial, context: Context) -> Outcome:
    """Return the measured window beside the formula and the misprint, and two weight traces."""
    from biosim.plasticity import PairSTDP, printed_window, simulate_pairs, window

    config = configured(PairConfig, trial.config)
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


def run_frequency(trial: Trial, context: Context) -> Outcome:
    """Return what repeated pairs do by the triplet rule and by the best pair rule there is.

    The triplet rule has its published parameters; the amplitudes of the pair rule are fitted here
    to the measurements, with the same time constants, so that it is shown at its best.
    """
    from biosim.plasticity import VISUAL_CORTEX, pairings, simulate_trains

    config = configured(FrequencyConfig, trial.config)
    frequencies, rates = config.frequencies_hz(), config.rates_hz()
    trains = [pairings(config.n_pairs, rate, delta) for delta in OBSERVED_DELTA_S for rate in rates]
    measured = np.isin(frequencies, OBSERVED_HZ)
    pair = _fitted_pair_rule(trains, np.tile(measured, len(OBSERVED_DELTA_S)))
    metrics: dict[str, float | str | int] = {
        "n_pairs": config.n_pairs,
        "n_measured": OBSERVED_CHANGE.size,
        "pair.a_plus": pair.a_plus,
        "pair.a_minus": pair.a_minus,
    }
    arrays = {"frequency_hz": frequencies}
    rules: dict[str, Rule] = {"pair": pair, "triplet": VISUAL_CORTEX}
    for number, (name, rule) in enumerate(rules.items()):
        context.progress(number / 2, f"{name} rule")
        recording = simulate_trains(
            rule, *zip(*trains, strict=True), dt_s=config.dt_s, target=config.target
        )
        change = recording.weight[-1].reshape(len(OBSERVED_DELTA_S), -1)
        misfit = (change[:, measured] - OBSERVED_CHANGE) / OBSERVED_ERROR
        metrics["engine"] = recording.target
        metrics[f"{name}.mean_squared_misfit"] = float(np.mean(misfit**2))
        metrics[f"{name}.change_lowest"] = float(change[0, 0])
        metrics[f"{name}.change_highest"] = float(change[0, -1])
        arrays[name] = change
    return Outcome(metrics, arrays)


def _fitted_pair_rule(
    trains: list[tuple[np.ndarray, np.ndarray]], measured: np.ndarray
) -> PairSTDP:
    """Return the pair rule whose sum over all pairs comes closest to the measurements.

    That sum is linear in the two amplitudes, so that weighted least squares find the best.
    """
    from scipy.optimize import nnls

    from biosim.plasticity import VISUAL_CORTEX, PairSTDP

    tau_plus_s, tau_minus_s = VISUAL_CORTEX.tau_plus_s, VISUAL_CORTEX.tau_minus_s
    distances = [np.subtract.outer(post, pre) for pre, post in trains]
    sums = np.array(
        [
            (np.exp(-s[s > 0] / tau_plus_s).sum(), -np.exp(s[s < 0] / tau_minus_s).sum())
            for s in distances
        ]
    )
    error = OBSERVED_ERROR.ravel()
    (a_plus, a_minus), _ = nnls(sums[measured] / error[:, None], OBSERVED_CHANGE.ravel() / error)
    return PairSTDP(a_plus, a_minus, tau_plus_s, tau_minus_s)
