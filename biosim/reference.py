"""The same neurons solved by SciPy with error control: what simulations are held against.

Written independently of the Brian2 equations, in mV, ms and the papers' units. Spikes are located
by root finding, so their times do not lie on a grid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from biosim.neurons import HodgkinHuxley, Izhikevich
from biosim.stimuli import CurrentStep

TOLERANCE = 1e-10

RightHandSide = Callable[[float, np.ndarray, float], list[float]]


@dataclass(frozen=True)
class Solution:
    """A reference solution.

    Parameters
    ----------
    state
        ``[T, variables]`` at the times asked for: v in volts, then the other variables.
    spike_time_s
        Times of the upward crossings of the threshold.
    """

    state: np.ndarray
    spike_time_s: np.ndarray


def solve_hodgkin_huxley(
    neuron: HodgkinHuxley, step: CurrentStep, time_s: np.ndarray, tolerance: float = TOLERANCE
) -> Solution:
    """Return v, m, h, n at ``time_s``; the step is in A/m2, a spike crosses 0 mV upwards."""
    # 100 uF/cm2 = 1 F/m2; 0.1 mS/cm2 = 1 S/m2; 100 uA/cm2 = 1 A/m2.
    capacitance = neuron.capacitance_f_m2 * 100
    sodium, potassium, leak = (
        conductance / 10
        for conductance in (neuron.sodium_s_m2, neuron.potassium_s_m2, neuron.leak_s_m2)
    )
    e_sodium, e_potassium, e_leak = (
        potential * 1e3 for potential in (neuron.sodium_v, neuron.potassium_v, neuron.leak_v)
    )

    def derivative(_time: float, state: np.ndarray, amplitude: float) -> list[float]:
        v, m, h, n = state
        ionic = (
            sodium * m**3 * h * (v - e_sodium)
            + potassium * n**4 * (v - e_potassium)
            + leak * (v - e_leak)
        )
        opening, closing = _rates(v)
        gates = [a * (1 - x) - b * x for x, a, b in zip((m, h, n), opening, closing, strict=True)]
        return [(amplitude * 100 - ionic) / capacitance, *gates]

    def crossing(_time: float, state: np.ndarray, _amplitude: float) -> float:
        return state[0]

    crossing.direction = 1  # type: ignore[attr-defined]
    opening, closing = _rates(-65.0)
    rest = [a / (a + b) for a, b in zip(opening, closing, strict=True)]
    return _solve(derivative, crossing, [-65.0, *rest], step, time_s, tolerance, reset=None)


def solve_izhikevich(
    neuron: Izhikevich, step: CurrentStep, time_s: np.ndarray, tolerance: float = TOLERANCE
) -> Solution:
    """Return v and u at ``time_s``; the step is in mV/ms, a spike reaches 30 mV."""

    def derivative(_time: float, state: np.ndarray, amplitude: float) -> list[float]:
        v, u = state
        return [(0.04 * v + 5) * v + 140 - u + amplitude, neuron.a * (neuron.b * v - u)]

    def crossing(_time: float, state: np.ndarray, _amplitude: float) -> float:
        return state[0] - 30

    def reset(state: np.ndarray) -> np.ndarray:
        return np.array([neuron.c, state[1] + neuron.d])

    crossing.direction = 1  # type: ignore[attr-defined]
    crossing.terminal = True  # type: ignore[attr-defined]
    return _solve(derivative, crossing, [-65.0, -65.0 * neuron.b], step, time_s, tolerance, reset)


def _rates(v: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the opening and closing rates of m, h, n in 1/ms."""

    def linoid(x: float) -> float:
        return x / -np.expm1(-x) if x else 1.0

    opening = (linoid((v + 40) / 10), 0.07 * np.exp(-(v + 65) / 20), linoid((v + 55) / 10) / 10)
    closing = (
        4 * np.exp(-(v + 65) / 18),
        1 / (1 + np.exp(-(v + 35) / 10)),
        np.exp(-(v + 65) / 80) / 8,
    )
    return opening, closing


def _solve(
    derivative: RightHandSide,
    crossing: Callable[..., float],
    initial: list[float],
    step: CurrentStep,
    time_s: np.ndarray,
    tolerance: float,
    reset: Callable[[np.ndarray], np.ndarray] | None,
) -> Solution:
    """Integrate piece by piece: the current jumps at the ends of the step, the state at a reset."""
    time_ms, state = time_s * 1e3, np.array(initial)
    jumps = [bound * 1e3 for bound in (step.onset_s, step.offset_s)]
    now, end = 0.0, float(time_ms[-1])
    values, spikes = np.empty((len(time_ms), len(initial))), []
    while now < end:
        stop = min([jump for jump in jumps if jump > now] + [end])
        piece: Any = solve_ivp(
            derivative,
            (now, stop),
            state,
            method="DOP853",
            dense_output=True,
            events=crossing,
            args=(step.at((now + stop) / 2 * 1e-3),),
            rtol=tolerance,
            atol=tolerance,
        )
        inside = (time_ms >= now) & (time_ms <= piece.t[-1])
        if inside.any():
            values[inside] = piece.sol(time_ms[inside]).T
        spikes.extend(piece.t_events[0])
        now, state = piece.t[-1], piece.y[:, -1]
        if reset is not None and piece.status == 1:
            state = reset(state)
    values[:, 0] *= 1e-3
    return Solution(values, np.array(spikes) * 1e-3)
