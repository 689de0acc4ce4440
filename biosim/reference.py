"""The same neurons solved by SciPy with error control: what simulations are held against.

Written independently of the Brian2 equations, in mV, ms and the papers' units. Spikes are located
by root finding, so their times do not lie on a grid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from biosim.neurons import AdEx, HodgkinHuxley, Izhikevich, Traub
from biosim.stimuli import Stimulus

TOLERANCE = 1e-10

Rates = tuple[tuple[float, ...], tuple[float, ...]]  # opening, closing of m, h, n in 1/ms


@dataclass(frozen=True)
class Solution:
    """A reference solution.

    Parameters
    ----------
    state
        ``[T, variables]`` at the times asked for: v in volts, then the other variables: m, h, n;
        u in V/s; or w in A.
    spike_time_s
        Times of the upward crossings of the threshold.
    """

    state: np.ndarray
    spike_time_s: np.ndarray


@dataclass(frozen=True)
class System:
    """Equations in mV and ms: the derivative of the state under an input, and what spikes do.

    ``scale`` turns the state into SI units; a reset of None lets the state run on.
    """

    derivative: Callable[[np.ndarray, float], list[float]]
    initial: Sequence[float]
    threshold: float
    reset: Callable[[np.ndarray], np.ndarray] | None
    scale: Sequence[float]


def solve(
    neuron: HodgkinHuxley | Traub | Izhikevich | AdEx,
    stimulus: Stimulus,
    time_s: np.ndarray,
    tolerance: float = TOLERANCE,
) -> Solution:
    """Return the state at ``time_s``, ascending from 0, and all spikes up to the last of them.

    Parameters
    ----------
    neuron
        What to solve.
    stimulus
        Steps, ramps and pulses, in the neuron's unit.
    time_s
        Where the state is wanted.
    tolerance
        Relative and absolute (in mV and the papers' units), of each step of the integration.

    Raises
    ------
    ValueError
        If the stimulus is noise or comes from spikes.
    RuntimeError
        If SciPy cannot keep the tolerance.
    """
    system = _SYSTEMS[type(neuron)](neuron)
    time_ms, state = time_s * 1e3, np.array(system.initial)
    jumps, now, end = stimulus.jumps_s() * 1e3, 0.0, float(time_s[-1] * 1e3)

    def crossing(_time: float, state: np.ndarray, *_line: float) -> float:
        return state[0] - system.threshold

    crossing.direction = 1  # type: ignore[attr-defined]
    crossing.terminal = system.reset is not None  # type: ignore[attr-defined]
    values, spikes = np.empty((len(time_ms), len(state))), []
    # The input jumps at the stimulus' bounds, the state at a reset: integrate piece by piece.
    while now < end:
        stop = float(min([jump for jump in jumps if jump > now] + [end]))
        piece: Any = solve_ivp(
            lambda time, state, *line: system.derivative(state, _on(line, time)),
            (now, stop),
            state,
            method="DOP853",
            dense_output=True,
            events=crossing,
            args=_line(stimulus, now, stop),
            rtol=tolerance,
            atol=tolerance,
        )
        inside = (time_ms >= now) & (time_ms <= piece.t[-1])
        if inside.any():
            values[inside] = piece.sol(time_ms[inside]).T
        spikes.extend(piece.t_events[0])
        if piece.status < 0:
            raise RuntimeError(f"SciPy gave up at {piece.t[-1]} ms: {piece.message}")
        now, state = piece.t[-1], piece.y[:, -1]
        if system.reset is not None and piece.status == 1:
            state = system.reset(state)
    return Solution(values * np.array(system.scale), np.array(spikes) * 1e-3)


def _line(stimulus: Stimulus, begin: float, end: float) -> tuple[float, float, float]:
    """Return time, value and slope of what is linear from ``begin`` to ``end``, in ms."""
    first, second = begin + (end - begin) / 3, begin + (end - begin) * 2 / 3
    low, high = (stimulus.at(time * 1e-3) for time in (first, second))
    return first, low, (high - low) / (second - first)


def _on(line: Sequence[float], time: float) -> float:
    return line[1] + line[2] * (time - line[0])


def _hodgkin_huxley(neuron: HodgkinHuxley) -> System:
    # 100 uF/cm2 = 1 F/m2; 0.1 mS/cm2 = 1 S/m2; 100 uA/cm2 = 1 A/m2.
    return _gated(neuron, -65.0, _squid_rates, 100.0)


def _traub(neuron: Traub) -> System:
    start, above = neuron.leak_v * 1e3, neuron.threshold_v * 1e3
    # The input is that of the whole cell.
    return _gated(neuron, start, lambda v: _traub_rates(v - above), 100.0 / neuron.area_m2)


def _gated(
    neuron: HodgkinHuxley | Traub, start: float, rates: Callable[[float], Rates], per_input: float
) -> System:
    """Return the equations with gates, per cm2; ``per_input`` makes uA/cm2 of an input."""
    capacitance = neuron.capacitance_f_m2 * 100
    conductance = [g / 10 for g in (neuron.sodium_s_m2, neuron.potassium_s_m2, neuron.leak_s_m2)]
    reversal = [e * 1e3 for e in (neuron.sodium_v, neuron.potassium_v, neuron.leak_v)]

    def derivative(state: np.ndarray, current: float) -> list[float]:
        v, m, h, n = state
        open_ = (m**3 * h, n**4, 1.0)
        ionic = sum(g * p * (v - e) for g, p, e in zip(conductance, open_, reversal, strict=True))
        opening, closing = rates(v)
        gates = [a * (1 - x) - b * x for x, a, b in zip((m, h, n), opening, closing, strict=True)]
        return [(current * per_input - ionic) / capacitance, *gates]

    rest = [a / (a + b) for a, b in zip(*rates(start), strict=True)]
    return System(derivative, [start, *rest], 0.0, None, (1e-3, 1, 1, 1))


def _squid_rates(v: float) -> Rates:
    opening = (_linoid((v + 40) / 10), 0.07 * np.exp(-(v + 65) / 20), _linoid((v + 55) / 10) / 10)
    closing = (
        4 * np.exp(-(v + 65) / 18),
        1 / (1 + np.exp(-(v + 35) / 10)),
        np.exp(-(v + 65) / 80) / 8,
    )
    return opening, closing


def _traub_rates(v: float) -> Rates:
    """Return Traub and Miles' rates; v is relative to V_T."""
    opening = (
        0.32 * 4 * _linoid((v - 13) / 4),
        0.128 * np.exp((17 - v) / 18),
        0.032 * 5 * _linoid((v - 15) / 5),
    )
    closing = (
        0.28 * 5 * _linoid((40 - v) / 5),
        4 / (1 + np.exp((40 - v) / 5)),
        0.5 * np.exp((10 - v) / 40),
    )
    return opening, closing


def _linoid(x: float) -> float:
    return x / -np.expm1(-x) if x else 1.0


def _izhikevich(neuron: Izhikevich) -> System:
    def derivative(state: np.ndarray, current: float) -> list[float]:
        v, u = state
        if neuron.recovery_v is None:
            recovery = neuron.a * (neuron.b * v - u)
        else:
            recovery = neuron.a * neuron.b * (v - neuron.recovery_v)
        return [(0.04 * v + neuron.linear) * v + neuron.constant - u + current, recovery]

    def reset(state: np.ndarray) -> np.ndarray:
        return np.array([neuron.c, state[1] + neuron.d])

    start_u = neuron.b * neuron.start_v if neuron.start_u is None else neuron.start_u
    return System(derivative, [neuron.start_v, start_u], 30.0, reset, (1e-3, 1))


def _adex(neuron: AdEx) -> System:
    # pF, nS, mV, pA, ms.
    capacitance, leak, coupling = (
        neuron.capacitance_f * 1e12, neuron.leak_s * 1e9, neuron.coupling_s * 1e9
    )  # fmt: skip
    rest, threshold, slope, low, peak = (
        v * 1e3
        for v in (
            neuron.leak_v, neuron.threshold_v, neuron.slope_v, neuron.reset_v, neuron.peak_v
        )
    )  # fmt: skip

    # From here to any higher peak the exponential takes nanoseconds (tau_m exp(-15)), too little
    # to be resolved in time.
    located = min(peak, threshold + 15 * slope)

    def derivative(state: np.ndarray, current: float) -> list[float]:
        v, w = state
        # A trial step may go far beyond the spike, where the exponential overflows.
        spike = slope * np.exp((min(v, located) - threshold) / slope)
        return [
            (leak * (rest - v + spike) - w + current * 1e12) / capacitance,
            (coupling * (v - rest) - w) / (neuron.tau_adaptation_s * 1e3),
        ]

    def reset(state: np.ndarray) -> np.ndarray:
        return np.array([low, state[1] + neuron.jump_a * 1e12])

    return System(derivative, [rest, 0.0], located, reset, (1e-3, 1e-12))


_SYSTEMS: dict[type, Callable[[Any], System]] = {
    HodgkinHuxley: _hodgkin_huxley,
    Traub: _traub,
    Izhikevich: _izhikevich,
    AdEx: _adex,
}
