"""The squid axon of Hodgkin and Huxley."""

from __future__ import annotations

from dataclasses import dataclass

from brian2 import farad, meter, ms, mV, siemens, volt

from biosim.given import check_fields
from biosim.neurons.linoid import linoid
from biosim.neurons.model import NeuronModel

# linoid(x) = x / (1 - exp(-x)) is finite at 0: the rates have no hole at -55 and -40 mV.
EQUATIONS = """
dv/dt = (I - g_Na * m**3 * h * (v - E_Na) - g_K * n**4 * (v - E_K) - g_L * (v - E_L)) / C : volt
dm/dt = alpha_m * (1 - m) - beta_m * m : 1
dh/dt = alpha_h * (1 - h) - beta_h * h : 1
dn/dt = alpha_n * (1 - n) - beta_n * n : 1
alpha_m = linoid((v + 40*mV) / (10*mV)) / ms : Hz
beta_m = 4 * exp(-(v + 65*mV) / (18*mV)) / ms : Hz
alpha_h = 0.07 * exp(-(v + 65*mV) / (20*mV)) / ms : Hz
beta_h = 1 / (1 + exp(-(v + 35*mV) / (10*mV))) / ms : Hz
alpha_n = 0.1 * linoid((v + 55*mV) / (10*mV)) / ms : Hz
beta_n = 0.125 * exp(-(v + 65*mV) / (80*mV)) / ms : Hz
"""


@dataclass(frozen=True)
class HodgkinHuxley:
    """One patch of membrane at 6.3 degrees Celsius, rest at -65 mV, per area.

    C dv/dt = I - g_Na m^3 h (v - E_Na) - g_K n^4 (v - E_K) - g_L (v - E_L) and, for x = m, h, n,
    dx/dt = alpha_x(v) (1 - x) - beta_x(v) x. A spike is an upward crossing of 0 mV.

    Parameters
    ----------
    capacitance_f_m2
        C; 0.01 F/m2 is 1 uF/cm2.
    sodium_s_m2, potassium_s_m2, leak_s_m2
        Largest conductances; 10 S/m2 is 1 mS/cm2.
    sodium_v, potassium_v, leak_v
        Reversal potentials.

    Examples
    --------
    >>> cell = biosim.HodgkinHuxley()
    >>> run = biosim.simulate(cell, [0.1], dt_s=2e-5, duration_s=0.05, target="numpy")
    >>> len(run.spike_time_s)
    4

    Raises
    ------
    ValueError
        If a value is not finite, the capacitance not positive, or a conductance negative.

    References
    ----------
    A. L. Hodgkin and A. F. Huxley, J. Physiol. 117, 500-544 (1952),
    doi:10.1113/jphysiol.1952.sp004764; potentials in the modern sign.
    """

    capacitance_f_m2: float = 0.01
    sodium_s_m2: float = 1200.0
    potassium_s_m2: float = 360.0
    leak_s_m2: float = 3.0
    sodium_v: float = 50e-3
    potassium_v: float = -77e-3
    leak_v: float = -54.387e-3

    def __post_init__(self) -> None:
        conductances = "sodium_s_m2", "potassium_s_m2", "leak_s_m2"
        check_fields(self, positive=("capacitance_f_m2",), at_least_0=conductances)

    def model(self) -> NeuronModel:
        """Return the model for Brian2, starting at rest."""
        conductance, gates = siemens / meter**2, ("m", "h", "n")
        return NeuronModel(
            equations=EQUATIONS,
            threshold="v > 0*mV",
            reset="",
            method="rk4",
            parameters={
                "C": self.capacitance_f_m2 * farad / meter**2,
                "g_Na": self.sodium_s_m2 * conductance,
                "g_K": self.potassium_s_m2 * conductance,
                "g_L": self.leak_s_m2 * conductance,
                "E_Na": self.sodium_v * volt,
                "E_K": self.potassium_v * volt,
                "E_L": self.leak_v * volt,
                "linoid": linoid,
                "mV": mV,
                "ms": ms,
            },
            initial={"v": -65 * mV} | {x: f"alpha_{x} / (alpha_{x} + beta_{x})" for x in gates},
            inputs={"I": "amp / meter**2"},
            refractory="v > 0*mV",
        )
