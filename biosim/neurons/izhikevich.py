"""Izhikevich's simple model and the cells that its paper names."""

from __future__ import annotations

from dataclasses import dataclass

from brian2 import ms, mV

from biosim.neurons.model import NeuronModel

EQUATIONS = """
dv/dt = 0.04 * v**2 / (ms * mV) + 5 * v / ms + 140 * mV / ms - u + I : volt
du/dt = a * (b * v - u) : volt / second
"""


@dataclass(frozen=True)
class Izhikevich:
    """Two variables and four numbers, in the units of the paper.

    dv/dt = 0.04 v^2 + 5 v + 140 - u + I,  du/dt = a (b v - u), in mV and ms;
    when v > 30 mV: v = c, u = u + d. Starts at v = -65 mV, u = b v.

    Parameters
    ----------
    a, b, c, d
        Rate of recovery (1/ms), its sensitivity to v (1/ms), reset of v (mV), step of u (mV/ms).
        The input ``I`` is in V/s, which has the same numbers as the paper's mV/ms.

    References
    ----------
    E. M. Izhikevich, IEEE Trans. Neural Networks 14(6), 1569-1572 (2003),
    doi:10.1109/TNN.2003.820440, equations 1 to 3 and figure 2.
    """

    a: float = 0.02
    b: float = 0.2
    c: float = -65.0
    d: float = 8.0

    def model(self) -> NeuronModel:
        """Return the model for Brian2."""
        return NeuronModel(
            equations=EQUATIONS,
            threshold="v > 30*mV",
            reset="v = c; u += d",
            method="rk4",
            parameters={
                "a": self.a / ms,
                "b": self.b / ms,
                "c": self.c * mV,
                "d": self.d * mV / ms,
                "mV": mV,
                "ms": ms,
            },
            initial={"v": -65 * mV, "u": "b * v"},
            current_unit="volt / second",
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
