"""The adaptive exponential integrate-and-fire neuron."""

from __future__ import annotations

from dataclasses import dataclass

from brian2 import amp, farad, second, siemens, volt

from biosim.given import check_fields
from biosim.neurons.model import NeuronModel

# Beyond the peak nothing counts but that it was crossed. Bounded there, a Runge-Kutta stage neither
# overflows the exponential nor drives w with a potential that no trajectory has.
EQUATIONS = """
dv/dt = (g_L * (E_L - x) + g_L * Delta_T * exp((x - V_T) / Delta_T) - w + I) / C : volt
dw/dt = (a * (x - E_L) - w) / tau_w : amp
x = clip(v, -inf*volt, V_peak) : volt
"""


@dataclass(frozen=True)
class AdEx:
    """Exponential spike initiation and one adaptation current.

    C dv/dt = -g_L (v - E_L) + g_L Delta_T exp((v - V_T) / Delta_T) - w + I,
    tau_w dw/dt = a (v - E_L) - w; when v > V_peak: v = V_r, w = w + b.

    Parameters
    ----------
    capacitance_f, leak_s, leak_v
        C, g_L, E_L.
    threshold_v, slope_v
        V_T and Delta_T: where, and how sharply, spikes begin.
    tau_adaptation_s, coupling_s, jump_a
        tau_w, a, b.
    reset_v, peak_v
        V_r, V_peak.

    Raises
    ------
    ValueError
        If a value is not finite, capacitance, leak conductance, slope or time constant is not
        positive, or the peak is not above threshold and reset.

    Examples
    --------
    >>> cell = biosim.AdEx()
    >>> run = biosim.simulate(cell, [1e-9], dt_s=1e-4, duration_s=0.2, target="numpy")
    >>> len(run.spike_time_s)
    8

    References
    ----------
    R. Brette and W. Gerstner, J. Neurophysiol. 94, 3637-3642 (2005), doi:10.1152/jn.00686.2005,
    equations 1 to 3; the defaults are its parameters.
    """

    capacitance_f: float = 281e-12
    leak_s: float = 30e-9
    leak_v: float = -70.6e-3
    threshold_v: float = -50.4e-3
    slope_v: float = 2e-3
    tau_adaptation_s: float = 144e-3
    coupling_s: float = 4e-9
    jump_a: float = 0.0805e-9
    reset_v: float = -70.6e-3
    peak_v: float = 20e-3

    def __post_init__(self) -> None:
        positive = "capacitance_f", "leak_s", "slope_v", "tau_adaptation_s"
        check_fields(self, positive=positive)
        if self.peak_v <= max(self.threshold_v, self.reset_v):
            raise ValueError(f"the peak must lie above threshold and reset: {self}")

    def model(self) -> NeuronModel:
        """Return the model for Brian2, starting at rest."""
        return NeuronModel(
            equations=EQUATIONS,
            threshold="v > V_peak",
            reset="v = V_r; w += b",
            method="rk4",
            parameters={
                "C": self.capacitance_f * farad,
                "g_L": self.leak_s * siemens,
                "E_L": self.leak_v * volt,
                "V_T": self.threshold_v * volt,
                "Delta_T": self.slope_v * volt,
                "tau_w": self.tau_adaptation_s * second,
                "a": self.coupling_s * siemens,
                "b": self.jump_a * amp,
                "V_r": self.reset_v * volt,
                "V_peak": self.peak_v * volt,
            },
            initial={"v": self.leak_v * volt, "w": 0 * amp},
            inputs={"I": "amp"},
            # Spikes are bounded at the peak (above); a step may be as long as what lies between.
            longest_step_s=min(self.capacitance_f / self.leak_s, self.tau_adaptation_s),
        )


def _textbook(
    tau_mem_s: float, coupling_s: float, tau_adaptation_s: float, jump_a: float, reset_v: float
) -> AdEx:
    """Return a cell of the textbook's table: 500 Mohm, -70 mV at rest, threshold -50 mV."""
    leak_s = 2e-9
    return AdEx(
        tau_mem_s * leak_s, leak_s, -70e-3, -50e-3, 2e-3, tau_adaptation_s, coupling_s, jump_a,
        reset_v,
    )  # fmt: skip


# W. Gerstner, W. M. Kistler, R. Naud and L. Paninski, Neuronal Dynamics, Cambridge University
# Press (2014), table 6.1: firing patterns under a step of current.
CELLS = {
    "tonic": _textbook(20e-3, 0.0, 30e-3, 60e-12, -55e-3),
    "adapting": _textbook(20e-3, 0.0, 100e-3, 5e-12, -55e-3),
    "initial burst": _textbook(5e-3, 0.5e-9, 100e-3, 7e-12, -51e-3),
    "bursting": _textbook(5e-3, -0.5e-9, 100e-3, 7e-12, -46e-3),
    "irregular": _textbook(9.9e-3, -0.5e-9, 100e-3, 7e-12, -46e-3),
    "transient": _textbook(10e-3, 1e-9, 100e-3, 10e-12, -60e-3),
    "delayed": _textbook(5e-3, -1e-9, 100e-3, 10e-12, -60e-3),
}
