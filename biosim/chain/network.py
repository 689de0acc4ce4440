"""Layers of current-based LIF neurons as data, what goes into them and what comes out.

    tau_syn dI/dt = -I,    tau_mem dv/dt = -v + r I,    I jumps by the weight of a spike

Both equations are linear between spikes, so they are advanced by their exact propagator

    v <- beta v + kappa I,    I <- alpha I,    alpha = exp(-dt/tau_syn), beta = exp(-dt/tau_mem),

whose ``kappa = r tau_syn / (tau_syn - tau_mem) (alpha - beta)`` lets the current decay within the
step. A discrete-time network holds its current over the step instead, ``kappa = r (1 - beta)``:
with ``scheme="held"`` and the network's own dt this *is* the discrete network; with
``scheme="exact"`` and dt shrinking it tends to the solution of the differential equations.

Two orders within a step are known, and Brian2's own (membrane, threshold, synapses, reset) serves
both, because they differ in delays and in the name of a step:

- ``"fire_first"`` (SpyTorch): a spike reaches the current one step later, and the membrane from
  there two steps later.
- ``"integrate_first"`` (snnTorch, Norse): a spike goes through the whole network within its step.
  Layer k runs k + 1 of Brian2's steps late here, and its spikes are stamped back by as much.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Scheme = Literal["held", "exact"]
Order = Literal["fire_first", "integrate_first"]
PerNeuron = float | np.ndarray


@dataclass(frozen=True)
class Layer:
    """A population and the weights into it; times in seconds.

    Parameters
    ----------
    weight
        ``[post, pre]``: by how much a presynaptic spike lets the current jump.
    tau_mem_s, tau_syn_s, resistance
        One for all neurons, or ``[post]``. A ``tau_syn_s`` of 0 makes a spike a current that
        lasts one step of the network, so that the membrane jumps.
    threshold
        One for all neurons, or ``[post]``; None for a readout, which does not fire.
    recurrent
        ``[post, post]`` weights of the layer's own spikes, or None.
    bias
        ``[post]`` what the current jumps by in every step of the network, or None.
    """

    weight: np.ndarray
    tau_mem_s: PerNeuron
    tau_syn_s: PerNeuron
    resistance: PerNeuron
    threshold: PerNeuron | None
    recurrent: np.ndarray | None = None
    bias: np.ndarray | None = None

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.weight.shape[0]


@dataclass(frozen=True)
class Chain:
    """Layers in order and the conventions of a step.

    Parameters
    ----------
    layers
        Spiking layers, then perhaps a readout.
    dt_s
        Step of the discrete network that was trained.
    delay_s, recurrent_delay_s
        From a spike to the current that it causes in the next layer, and in its own.
    hold_s
        How long a spike keeps the membrane at zero; for reset "zero".
    order
        See the module.
    reset
        ``"zero"``, or ``"subtract"``: the threshold is taken off in the next step.
    strict
        Whether a membrane at exactly the threshold stays silent.
    """

    layers: tuple[Layer, ...]
    dt_s: float
    delay_s: float
    hold_s: float
    recurrent_delay_s: float = 0.0
    order: Order = "fire_first"
    reset: Literal["zero", "subtract"] = "zero"
    strict: bool = True


@dataclass(frozen=True)
class InputSpikes:
    """Input to run: spike ``k`` of ``unit[k]`` of sample ``sample[k]`` at ``time_s[k]``."""

    time_s: np.ndarray
    unit: np.ndarray
    sample: np.ndarray
    n_samples: int

    def between(self, first: int, last: int) -> InputSpikes:
        """Return the spikes of the samples ``first`` to ``last - 1``, counted from 0."""
        here = (self.sample >= first) & (self.sample < last)
        return InputSpikes(
            self.time_s[here], self.unit[here], self.sample[here] - first, last - first
        )


@dataclass(frozen=True)
class LayerSpikes:
    """Spikes of one layer, ordered by time."""

    time_s: np.ndarray
    unit: np.ndarray
    sample: np.ndarray


@dataclass(frozen=True)
class ChainRecording:
    """What a run showed.

    Parameters
    ----------
    spikes
        One entry a spiking layer.
    readout
        ``[T, samples, classes]`` membranes at the steps of the network; T + 1 of them, the initial
        one first, where the order is "fire_first". None where the last layer spikes.
    membranes
        ``[T, recorded samples, N]`` of each spiking layer, before the reset, at the same steps.
    engine
        Brian2's code generation target that was used.
    """

    spikes: tuple[LayerSpikes, ...]
    readout: np.ndarray | None
    membranes: tuple[np.ndarray, ...]
    engine: str
