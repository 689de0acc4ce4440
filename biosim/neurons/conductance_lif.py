"""The leaky integrate-and-fire neuron with conductances as its input."""

from __future__ import annotations

from dataclasses import dataclass

from brian2 import farad, siemens, volt

from biosim.given import check_fields
from biosim.neurons.lif import LIF
from biosim.neurons.model import NeuronModel

EQUATIONS = """
dv/dt = (g_L * (E_L - v) + g_e * (E_e - v) + g_i * (E_i - v) + I) / C : volt (unless refractory)
"""


@dataclass(frozen=True)
class ConductanceLIF:
    """A conductance-based leaky integrate-and-fire neuron; its inputs are g_e, g_i and I.

    C dv/dt = g_L (E_L - v) + g_e (E_e - v) + g_i (E_i - v) + I; a spike when v > V_t, then
    v = V_r for the refractory time. `biosim.stimuli.exponential_input` makes conductances of
    spikes.

    Parameters
    ----------
    capacitance_f, leak_s
        C and g_L.
    leak_v, excitatory_v, inhibitory_v
        Reversal potentials E_L, E_e, E_i.
    threshold_v, reset_v, refractory_s
        V_t, V_r and the refractory time.

    Raises
    ------
    ValueError
        If a value is not finite, capacitance or leak is not positive, or the threshold is not
        above leak and reset.

    Examples
    --------
    >>> trains = biosim.stimuli.poisson_trains([500.0], 0.2, np.random.default_rng(0))
    >>> g_e = biosim.stimuli.exponential_input(trains, jump=6e-9, tau_s=5e-3)
    >>> cell = biosim.ConductanceLIF()
    >>> run = biosim.simulate(cell, {"g_e": g_e}, dt_s=1e-4, duration_s=0.2, target="numpy")
    >>> len(run.spike_time_s)
    26

    References
    ----------
    R. Brette et al., J. Comput. Neurosci. 23, 349-398 (2007), doi:10.1007/s10827-007-0038-6,
    benchmark 1, whose synapses jump by 6 nS (decay 5 ms) and 67 nS (10 ms).
    """

    capacitance_f: float = 200e-12
    leak_s: float = 10e-9
    leak_v: float = -60e-3
    excitatory_v: float = 0.0
    inhibitory_v: float = -80e-3
    threshold_v: float = -50e-3
    reset_v: float = -60e-3
    refractory_s: float = 5e-3

    def __post_init__(self) -> None:
        check_fields(self, positive=("capacitance_f", "leak_s"))
        self.under(0.0, 0.0)

    def model(self) -> NeuronModel:
        """Return the model for Brian2, integrated exactly for inputs held over a step."""
        return NeuronModel(
            equations=EQUATIONS,
            threshold="v > V_t",
            reset="v = V_r",
            method="exponential_euler",
            parameters={
                "C": self.capacitance_f * farad,
                "g_L": self.leak_s * siemens,
                "E_L": self.leak_v * volt,
                "E_e": self.excitatory_v * volt,
                "E_i": self.inhibitory_v * volt,
                "V_t": self.threshold_v * volt,
                "V_r": self.reset_v * volt,
            },
            initial={"v": self.leak_v * volt},
            inputs={"g_e": "siemens", "g_i": "siemens", "I": "amp"},
            refractory=self.refractory_s,
        )

    def under(self, excitatory_s: float, inhibitory_s: float) -> LIF:
        """Return the current-based neuron that this one is while its conductances are constant.

        Its resistance is 1 / (g_L + g_e + g_i), its time constant C times that, and its leak the
        mean of the reversal potentials weighted by the conductances.

        Raises
        ------
        ValueError
            If the conductances alone would make it fire: that has no such neuron.
        """
        total_s = self.leak_s + excitatory_s + inhibitory_s
        driven = (
            self.leak_s * self.leak_v
            + excitatory_s * self.excitatory_v
            + inhibitory_s * self.inhibitory_v
        )
        return LIF(
            tau_mem_s=self.capacitance_f / total_s,
            resistance_ohm=1 / total_s,
            leak_v=driven / total_s,
            threshold_v=self.threshold_v,
            reset_v=self.reset_v,
            refractory_s=self.refractory_s,
        )
