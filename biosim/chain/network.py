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

What it guarantees: layers fit each other, their values are finite, their times positive; input
spikes are of units and samples that there are, in whatever types and byte orders they came.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Literal, get_args

import numpy as np

from biosim.given import check_fields, indices, numbers, whole

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

    def __post_init__(self) -> None:
        put = partial(object.__setattr__, self)
        put("weight", numbers("weight", self.weight, ndim=2))
        for name in ("tau_mem_s", "tau_syn_s", "resistance", "threshold"):
            if getattr(self, name) is not None:
                put(name, self._each(name))
        for name, shape in (("recurrent", (self.size, self.size)), ("bias", (self.size,))):
            if getattr(self, name) is not None:
                put(name, numbers(name, getattr(self, name)))
                if getattr(self, name).shape != shape:
                    raise ValueError(f"{name} must be {shape}, not {getattr(self, name).shape}")
        if np.min(self.tau_mem_s, initial=1) <= 0 or np.min(self.tau_syn_s, initial=1) < 0:
            raise ValueError("tau_mem_s must be positive and tau_syn_s not negative")

    def _each(self, name: str) -> PerNeuron:
        """Return a parameter as one number or ``[post]``."""
        value = numbers(name, getattr(self, name))
        if value.shape not in ((), (self.size,)):
            raise ValueError(f"{name} must be one number or [{self.size}], not {value.shape}")
        return value if value.ndim else float(value)

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

    def __post_init__(self) -> None:
        times = "delay_s", "hold_s", "recurrent_delay_s"
        check_fields(self, positive=("dt_s",), at_least_0=times)
        for name, allowed in (("order", get_args(Order)), ("reset", ("zero", "subtract"))):
            if getattr(self, name) not in allowed:
                raise ValueError(f"unknown {name} {getattr(self, name)!r}; allowed: {allowed}")
        if not self.layers:
            raise ValueError("a chain must have at least one layer")
        for before, after in pairwise(self.layers):
            if before.threshold is None:
                raise ValueError("a layer that does not fire (CubaLI, LI) must be the last one")
            if after.weight.shape[1] != before.size:
                raise ValueError(f"weights {after.weight.shape} do not fit {before.size} neurons")


@dataclass(frozen=True)
class InputSpikes:
    """Input to run: spike ``k`` of ``unit[k]`` of sample ``sample[k]`` at ``time_s[k]``."""

    time_s: np.ndarray
    unit: np.ndarray
    sample: np.ndarray
    n_samples: int

    def __post_init__(self) -> None:
        put = partial(object.__setattr__, self)
        put("n_samples", whole("n_samples", self.n_samples, at_least=1))
        put("time_s", numbers("time_s", self.time_s, ndim=1, unit="second"))
        put("unit", indices("unit", self.unit, 2**62, ndim=1))
        put("sample", indices("sample", self.sample, self.n_samples, ndim=1))
        if not len(self.time_s) == len(self.unit) == len(self.sample):
            raise ValueError("time_s, unit and sample must be of equal length")
        if self.time_s.min(initial=0) < 0:
            raise ValueError("spikes must not come before 0 s")

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
