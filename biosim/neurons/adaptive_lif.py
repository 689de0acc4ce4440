"""The leaky integrate-and-fire neuron whose threshold rises with every spike."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from brian2 import second, volt

from biosim.given import check_fields
from biosim.neurons import lif
from biosim.neurons.model import NeuronModel

EQUATIONS = (
    lif.EQUATIONS
    + """
dtheta/dt = -theta / tau_theta : volt
"""
)


@dataclass(frozen=True)
class AdaptiveLIF:
    """A leaky integrate-and-fire neuron with an adaptive threshold V_t + theta.

    tau_m dv/dt = E_L - v + R I and tau_theta dtheta/dt = -theta; when v > V_t + theta: v = V_r,
    which is held for the refractory time, and theta = theta + step.

    Parameters
    ----------
    membrane
        Everything but the adaptation.
    step_v, tau_threshold_s
        By how much a spike raises the threshold, and how fast it falls back.

    Raises
    ------
    ValueError
        If a value is not finite, the step negative or the time constant not positive.

    Examples
    --------
    Its intervals grow:

    >>> run = biosim.simulate(
    ...     biosim.AdaptiveLIF(), [0.3e-9], dt_s=5e-5, duration_s=0.1, target="numpy"
    ... )
    >>> np.diff(run.spike_time_s).round(4)
    array([0.0183, 0.0204, 0.0221, 0.0235])

    References
    ----------
    M. J. Chacron, A. Longtin, M. St-Hilaire and L. Maler, Phys. Rev. Lett. 85, 1576-1579 (2000),
    doi:10.1103/PhysRevLett.85.1576.
    """

    membrane: lif.LIF = field(default_factory=lif.LIF)
    step_v: float = 2e-3
    tau_threshold_s: float = 100e-3

    def __post_init__(self) -> None:
        check_fields(self, positive=("tau_threshold_s",), at_least_0=("step_v",))

    def model(self) -> NeuronModel:
        """Return the model for Brian2, integrated exactly."""
        plain = self.membrane.model()
        return replace(
            plain,
            equations=EQUATIONS,
            threshold="v > V_t + theta",
            reset="v = V_r; theta += step",
            parameters={
                **plain.parameters,
                "tau_theta": self.tau_threshold_s * second,
                "step": self.step_v * volt,
            },
        )
