"""Hodgkin and Huxley's equations with the rates of Traub and Miles: a type I neuron."""

from __future__ import annotations

from dataclasses import dataclass

from brian2 import farad, meter, ms, mV, siemens, volt

from biosim.given import check_fields
from biosim.neurons.linoid import linoid
from biosim.neurons.model import NeuronModel

# linoid(x) = x / (1 - exp(-x)) is finite at 0, as in the squid axon.
EQUATIONS = """
dv/dt = (I - g_Na * m**3 * h * (v - E_Na) - g_K * n**4 * (v - E_K) - g_L * (v - E_L)) / C : volt
dm/dt = alpha_m * (1 - m) - beta_m * m : 1
dh/dt = alpha_h * (1 - h) - beta_h * h : 1
dn/dt = alpha_n * (1 - n) - beta_n * n : 1
alpha_m = 1.28 * linoid((v - V_T - 13*mV) / (4*mV)) / ms : Hz
beta_m = 1.4 * linoid((40*mV - v + V_T) / (5*mV)) / ms : Hz
alpha_h = 0.128 * exp((17*mV - v + V_T) / (18*mV)) / ms : Hz
beta_h = 4 / (1 + exp((40*mV - v + V_T) / (5*mV))) / ms : Hz
alpha_n = 0.16 * linoid((v - V_T - 15*mV) / (5*mV)) / ms : Hz
beta_n = 0.5 * exp((10*mV - v + V_T) / (40*mV)) / ms : Hz
"""


@dataclass(frozen=True)
class Traub:
    """A cortical or hippocampal cell in one compartment; its rate rises from zero (type I).

    The equations are those of `biosim.neurons.HodgkinHuxley` with other rates, for a whole cell.
    A spike is an upward crossing of 0 mV. It starts at the leak's potential.

    Parameters
    ----------
    area_m2
        Of the membrane.
    capacitance_f_m2
        C per area.
    sodium_s_m2, potassium_s_m2, leak_s_m2
        Largest conductances per area.
    sodium_v, potassium_v, leak_v
        Reversal potentials.
    threshold_v
        V_T, to which the potentials of all rates are relative; roughly where spikes begin.

    Examples
    --------
    >>> cell = biosim.Traub()
    >>> run = biosim.simulate(cell, [0.2e-9], dt_s=2e-5, duration_s=0.05, target="numpy")
    >>> len(run.spike_time_s)
    2

    Raises
    ------
    ValueError
        If a value is not finite, area or capacitance not positive, or a conductance negative.

    References
    ----------
    R. D. Traub and R. Miles, Neuronal Networks of the Hippocampus, Cambridge University Press
    (1991); parameters of R. Brette et al., J. Comput. Neurosci. 23, 349-398 (2007),
    doi:10.1007/s10827-007-0038-6, benchmark 3.
    """

    area_m2: float = 20000e-12
    capacitance_f_m2: float = 0.01
    sodium_s_m2: float = 1000.0
    potassium_s_m2: float = 300.0
    leak_s_m2: float = 0.5
    sodium_v: float = 50e-3
    potassium_v: float = -90e-3
    leak_v: float = -65e-3
    threshold_v: float = -63e-3

    def __post_init__(self) -> None:
        conductances = "sodium_s_m2", "potassium_s_m2", "leak_s_m2"
        check_fields(self, positive=("capacitance_f_m2", "area_m2"), at_least_0=conductances)

    def model(self) -> NeuronModel:
        """Return the model for Brian2."""
        area, conductance, gates = self.area_m2 * meter**2, siemens / meter**2, ("m", "h", "n")
        return NeuronModel(
            equations=EQUATIONS,
            threshold="v > 0*mV",
            reset="",
            method="rk4",
            parameters={
                "C": self.capacitance_f_m2 * farad / meter**2 * area,
                "g_Na": self.sodium_s_m2 * conductance * area,
                "g_K": self.potassium_s_m2 * conductance * area,
                "g_L": self.leak_s_m2 * conductance * area,
                "E_Na": self.sodium_v * volt,
                "E_K": self.potassium_v * volt,
                "E_L": self.leak_v * volt,
                "V_T": self.threshold_v * volt,
                "linoid": linoid,
                "mV": mV,
                "ms": ms,
            },
            initial={"v": self.leak_v * volt}
            | {x: f"alpha_{x} / (alpha_{x} + beta_{x})" for x in gates},
            inputs={"I": "amp"},
            refractory="v > 0*mV",
        )
