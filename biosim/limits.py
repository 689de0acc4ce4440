"""What a method carries at a step: refused before a run, or found after it.

What it guarantees: no public entry of `biosim` returns numbers that its step made.

- Before a run: a step longer than the model's own limit (``NeuronModel.longest_step_s``) or than a
  time constant that forward Euler advances; a rate of more than one spike a step.
- After it: values that are not finite, and neurons that fire as fast as steps follow, whose rate is
  that of the grid.

An explicit Runge-Kutta method is stable while ``dt |lambda|`` is at most its reach on the negative
real axis: 2 for forward Euler, 2.785 for the classical fourth order (E. Hairer and G. Wanner,
Solving Ordinary Differential Equations II (1996), section IV.2). Where a model's largest rate
``lambda`` follows from its parameters, so does its limit. With Hodgkin and Huxley's gates it does
not: there a step that is too long is found after the run, as nothing comes back from NaN. Where
only accuracy is at stake a step may be as long as the time constant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

EULER_REACH, RK4_REACH = 2.0, 2.785
FEWEST = 4  # intervals that say how fast a neuron fires; two spikes side by side may be a burst


def check_step(dt_s: float, longest_s: float, why: str) -> None:
    """Raise ValueError if a step is longer than what a method carries, for the reason ``why``."""
    if dt_s > longest_s * (1 + 1e-9):
        raise ValueError(
            f"dt_s = {dt_s:g} s is too long: {why}; allowed: at most {longest_s:.4g} s"
        )


def check_time_constants(dt_s: float, tau_s: Mapping[str, float]) -> None:
    """Raise ValueError if a step is longer than a time constant, each given by its name."""
    name = min(tau_s, key=lambda key: tau_s[key])
    check_step(dt_s, tau_s[name], f"forward Euler cannot follow {name} = {tau_s[name]:g} s")


def check_rate(rate_hz: float, dt_s: float, what: str = "rate") -> None:
    """Raise ValueError if a Poisson rate asks for more than one spike a step."""
    if not 0 <= rate_hz * dt_s <= 1 + 1e-9:
        raise ValueError(
            f"{what} of {rate_hz:g} Hz cannot be drawn in steps of {dt_s:g} s, which hold at most "
            f"one spike; allowed: 0 to {1 / dt_s:g} Hz"
        )


def check_run(group: Any, spikes: Any, dt_s: float, *, runaway: bool = False) -> None:
    """Raise ValueError if a run has left the range of its step; neurons may run away if told so."""
    variables = sorted(group.equations.diff_eq_names)
    check_finite({name: group.variables[name].get_value() for name in variables}, dt_s)
    if not runaway:
        check_intervals(np.array(spikes.t_), np.array(spikes.i), dt_s)


def check_finite(values: Mapping[str, np.ndarray], dt_s: float) -> None:
    """Raise ValueError if variables, given by their names, are not finite after a run."""
    lost = [name for name, value in values.items() if not np.isfinite(value).all()]
    if lost:
        raise ValueError(
            f"{', '.join(lost)} left the range of numbers during the run: dt_s = {dt_s:g} s is too "
            "long for these equations, or the input too large; halve the step until it is not"
        )


def check_intervals(time_s: np.ndarray, unit: np.ndarray, dt_s: float) -> None:
    """Raise ValueError if a neuron fires in one step after the other: most of its intervals.

    Parameters
    ----------
    time_s, unit
        ``[S]`` spikes of a run.
    dt_s
        Its step.
    """
    order = np.lexsort((time_s, unit))
    time_s, unit = np.asarray(time_s)[order], np.asarray(unit)[order]
    same = unit[1:] == unit[:-1]
    n_units = int(unit[-1]) + 1 if len(unit) else 0
    intervals = np.bincount(unit[1:][same], minlength=n_units)
    short = np.bincount(unit[1:][same & (np.diff(time_s) < 1.5 * dt_s)], minlength=n_units)
    fast = np.flatnonzero((intervals >= FEWEST) & (2 * short > intervals))
    if len(fast):
        raise ValueError(
            f"neurons {fast[:5].tolist()} fire in one step after the other: their rate is that of "
            f"the steps, 1 / dt_s = {1 / dt_s:g} Hz; shorten dt_s, or lower the input"
        )
