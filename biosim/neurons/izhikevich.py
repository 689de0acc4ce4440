"""Izhikevich's simple model, the cells that its paper names, and the twenty patterns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from brian2 import ms, mV

from biosim.given import check_fields
from biosim.limits import RK4_REACH
from biosim.neurons.model import NeuronModel
from biosim.stimuli import Stimulus, pulses, ramp, step

EQUATIONS = """
dv/dt = 0.04 * v**2 / (ms * mV) + p * v + q - u + I : volt
du/dt = a * (b * (v - v_u) - k * u) : volt / second
"""
PEAK_MV = 30
"""Above it a spike is cut; there dv/dt grows by 2 * 0.04 v + 5 a millisecond, faster than anywhere.
"""


@dataclass(frozen=True)
class Izhikevich:
    """Two variables and four numbers, in the units of the paper.

    dv/dt = 0.04 v^2 + 5 v + 140 - u + I,  du/dt = a (b v - u), in mV and ms;
    when v > 30 mV: v = c, u = u + d.

    Parameters
    ----------
    a, b, c, d
        Rate of recovery (1/ms), its sensitivity to v (1/ms), reset of v (mV), step of u (mV/ms).
        The input ``I`` is in V/s, which has the same numbers as the paper's mV/ms.
    linear, constant
        In place of 5 (1/ms) and 140 (mV/ms), which two of the twenty patterns alter.
    recovery_v
        If given (mV), du/dt = a b (v - recovery_v), as one of the twenty patterns has it.
    start_v, start_u
        At the beginning (mV, mV/ms); u = b v where ``start_u`` is None.

    Raises
    ------
    ValueError
        If a value is not finite.

    Examples
    --------
    >>> cell = biosim.Izhikevich()
    >>> run = biosim.simulate(cell, [10.0], dt_s=1e-4, duration_s=0.2, target="numpy")
    >>> len(run.spike_time_s)
    5

    References
    ----------
    E. M. Izhikevich, IEEE Trans. Neural Networks 14(6), 1569-1572 (2003),
    doi:10.1109/TNN.2003.820440, equations 1 to 3 and figure 2.
    """

    a: float = 0.02
    b: float = 0.2
    c: float = -65.0
    d: float = 8.0
    linear: float = 5.0
    constant: float = 140.0
    recovery_v: float | None = None
    start_v: float = -65.0
    start_u: float | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    def model(self) -> NeuronModel:
        """Return the model for Brian2."""
        start_u = self.b * self.start_v if self.start_u is None else self.start_u
        return NeuronModel(
            equations=EQUATIONS,
            threshold=f"v > {PEAK_MV}*mV",
            reset="v = c; u += d",
            method="rk4",
            parameters={
                "a": self.a / ms,
                "b": self.b / ms,
                "c": self.c * mV,
                "d": self.d * mV / ms,
                "p": self.linear / ms,
                "q": self.constant * mV / ms,
                "v_u": (self.recovery_v or 0.0) * mV,
                "k": 1.0 if self.recovery_v is None else 0.0,
                "mV": mV,
                "ms": ms,
            },
            initial={"v": self.start_v * mV, "u": start_u * mV / ms},
            inputs={"I": "volt / second"},
            longest_step_s=RK4_REACH / (0.08 * PEAK_MV + abs(self.linear)) * 1e-3,
        )


CELLS = {
    "RS": Izhikevich(),  # regular spiking
    "IB": Izhikevich(c=-55.0, d=4.0),  # intrinsically bursting
    "CH": Izhikevich(c=-50.0, d=2.0),  # chattering
    "FS": Izhikevich(a=0.1, d=2.0),  # fast spiking
    "LTS": Izhikevich(b=0.25, d=2.0),  # low-threshold spiking
    "TC": Izhikevich(b=0.25, d=0.05),  # thalamo-cortical
    "RZ": Izhikevich(a=0.1, b=0.26, d=2.0),  # resonator
}


@dataclass(frozen=True)
class Pattern:
    """One of the twenty patterns: a neuron, its stimulus, and how its source computes it.

    Some patterns are what the source's coarse time step and scheme make of the equations: the
    model of a pattern has that scheme (see `one_after_the_other`) and belongs to ``dt_s``. That
    of its ``neuron`` solves the equations.

    Parameters
    ----------
    neuron
        Parameters and initial state.
    stimulus
        In V/s.
    duration_s, dt_s
        Length and time step.

    References
    ----------
    E. M. Izhikevich, IEEE Trans. Neural Networks 15(5), 1063-1070 (2004),
    doi:10.1109/TNN.2004.832719, figure 1, and the author's script figure1.m.
    """

    neuron: Izhikevich
    stimulus: Stimulus
    duration_s: float
    dt_s: float

    def model(self) -> NeuronModel:
        """Return the model for Brian2, with the source's scheme."""
        model = self.neuron.model()
        return replace(model, method=one_after_the_other, longest_step_s=self.dt_s)


def one_after_the_other(equations: Any, variables: Any, _options: Any = None) -> str:
    """Return Brian2 code for Euler steps in which u is advanced with v already advanced."""
    derivative = dict(equations.get_substituted_expressions(variables))
    return "\n".join(f"{name} = {name} + dt * ({derivative[name]})" for name in ("v", "u"))


def _pattern(
    numbers: tuple[float, float, float, float],
    start_v: float,
    stimulus: Stimulus,
    duration_s: float,
    dt_s: float = 0.25e-3,
    **other: float,
) -> Pattern:
    neuron = Izhikevich(*numbers, start_v=start_v, **other)
    return Pattern(neuron, stimulus, duration_s, dt_s)


_INTEGRATOR = {"linear": 4.1, "constant": 108.0}
_INHIBITION = step(80.0) + step(-5.0, 0.05, 0.25)

PATTERNS = {
    "tonic spiking": _pattern((0.02, 0.2, -65, 6), -70, step(14.0, 0.01), 0.1),
    "phasic spiking": _pattern((0.02, 0.25, -65, 6), -64, step(0.5, 0.02), 0.2),
    "tonic bursting": _pattern((0.02, 0.2, -50, 2), -70, step(15.0, 0.022), 0.22),
    "phasic bursting": _pattern((0.02, 0.25, -55, 0.05), -64, step(0.6, 0.02), 0.2, 0.2e-3),
    "mixed mode": _pattern((0.02, 0.2, -55, 4), -70, step(10.0, 0.016), 0.16),
    "spike frequency adaptation": _pattern((0.01, 0.2, -65, 8), -70, step(30.0, 8.5e-3), 0.085),
    "class 1": _pattern((0.02, -0.1, -55, 6), -60, ramp(75.0, 0.03), 0.3, **_INTEGRATOR),
    "class 2": _pattern((0.2, 0.26, -65, 0), -64, step(-0.5) + ramp(15.0, 0.03), 0.3),
    "spike latency": _pattern((0.02, 0.2, -65, 6), -70, step(7.04, 0.01, 0.013), 0.1, 0.2e-3),
    "subthreshold oscillations": _pattern((0.05, 0.26, -60, 0), -62, step(2.0, 0.02, 0.025), 0.2),
    "resonator": _pattern(
        (0.1, 0.26, -60, -1), -62, pulses(0.65, (0.04, 0.06, 0.28, 0.32), 4e-3), 0.4
    ),
    "integrator": _pattern(
        (0.02, -0.1, -55, 6), -60, pulses(9.0, (9e-3, 14e-3, 0.07, 0.08), 2e-3), 0.1, **_INTEGRATOR
    ),
    "rebound spike": _pattern((0.03, 0.25, -60, 4), -64, step(-15.0, 0.02, 0.025), 0.2, 0.2e-3),
    "rebound burst": _pattern((0.03, 0.25, -52, 0), -64, step(-15.0, 0.02, 0.025), 0.2, 0.2e-3),
    "threshold variability": _pattern(
        (0.03, 0.25, -60, 4), -64, pulses(1.0, (0.01, 0.08), 5e-3) + step(-6.0, 0.07, 0.075), 0.1
    ),
    "bistability": _pattern(
        (0.1, 0.26, -60, 0), -61, step(0.24) + pulses(1.0, (0.0375, 0.216), 5e-3), 0.3
    ),
    "depolarising after-potential": _pattern(
        (1, 0.2, -60, -21), -70, step(20.0, 9e-3, 0.011), 0.05, 0.1e-3
    ),
    "accommodation": _pattern(
        (0.02, 1, -55, 4), -65, ramp(40.0, 0.0, 0.2) + ramp(320.0, 0.3, 0.3125), 0.4, 0.5e-3,
        recovery_v=-65.0, start_u=-16.0,
    ),
    "inhibition-induced spiking": _pattern((-0.02, -1, -60, 8), -63.8, _INHIBITION, 0.35, 0.5e-3),
    "inhibition-induced bursting": _pattern(
        (-0.026, -1, -45, -2), -63.8, _INHIBITION, 0.35, 0.5e-3
    ),
}  # fmt: skip
