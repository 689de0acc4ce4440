"""The leaky integrate-and-fire neuron, with its closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from brian2 import ohm, second, volt

from biosim.given import check_fields, numbers
from biosim.neurons.model import NeuronModel

EQUATIONS = """
dv/dt = (E_L - v + R * I) / tau_m : volt (unless refractory)
"""


@dataclass(frozen=True)
class LIF:
    """A current-based leaky integrate-and-fire neuron.

    tau_m dv/dt = E_L - v + R I; a spike when v > V_t, then v = V_r for the refractory time.

    Parameters
    ----------
    tau_mem_s, resistance_ohm, leak_v, threshold_v, reset_v, refractory_s
        tau_m, R, E_L, V_t, V_r and the refractory time. The defaults are round numbers of the
        size of cortical neurons, with a rheobase of 0.15 nA.

    Raises
    ------
    ValueError
        If a value is not finite, a time or the resistance is not positive, or threshold, leak and
        reset are such that the neuron would fire for ever.

    Examples
    --------
    >>> biosim.LIF().interval_s(np.array([0.1e-9, 0.3e-9])).round(4)
    array([   inf, 0.0159])
    """

    tau_mem_s: float = 20e-3
    resistance_ohm: float = 100e6
    leak_v: float = -70e-3
    threshold_v: float = -55e-3
    reset_v: float = -70e-3
    refractory_s: float = 2e-3

    def __post_init__(self) -> None:
        check_fields(self, positive=("tau_mem_s", "resistance_ohm"), at_least_0=("refractory_s",))
        if self.threshold_v <= max(self.leak_v, self.reset_v):
            raise ValueError(f"the threshold must lie above leak and reset: {self}")

    def model(self) -> NeuronModel:
        """Return the model for Brian2, integrated exactly."""
        return NeuronModel(
            equations=EQUATIONS,
            threshold="v > V_t",
            reset="v = V_r",
            method="exact",
            parameters={
                "tau_m": self.tau_mem_s * second,
                "R": self.resistance_ohm * ohm,
                "E_L": self.leak_v * volt,
                "V_t": self.threshold_v * volt,
                "V_r": self.reset_v * volt,
            },
            initial={"v": self.leak_v * volt},
            inputs={"I": "amp"},
            refractory=self.refractory_s,
        )

    def rise_s(self, current_a: np.ndarray, start_v: float) -> np.ndarray:
        """Return the time from ``start_v`` to the threshold at constant currents; inf if never.

        T = tau_m ln((E_L + R I - v_0) / (E_L + R I - V_t))
        """
        limit = self.leak_v + self.resistance_ohm * numbers("current_a", current_a, unit="amp")
        reaches = limit > self.threshold_v
        safe = np.where(reaches, limit, np.inf)
        with np.errstate(invalid="ignore"):
            rise = self.tau_mem_s * np.log((safe - start_v) / (safe - self.threshold_v))
        return np.where(reaches, rise, np.inf)

    def interval_s(self, current_a: np.ndarray) -> np.ndarray:
        """Return the inter-spike interval at constant currents: refractory time plus rise."""
        return self.refractory_s + self.rise_s(current_a, self.reset_v)

    def membrane_v(self, current_a: float, time_s: np.ndarray) -> np.ndarray:
        """Return v(t) = E_L + R I (1 - exp(-t/tau_m)), before the first spike."""
        time_s = numbers("time_s", time_s, unit="second")
        return self.leak_v + self.resistance_ohm * current_a * -np.expm1(-time_s / self.tau_mem_s)
