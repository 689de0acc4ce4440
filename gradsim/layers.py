"""Layers over time: weights and time constants around the neurons; state comes and goes as a value.

Every layer maps ``(x, state=None)`` to ``(output, state)``, time first, and `Sequential` chains
them. Which implementation runs is `gradsim.kernels`' business.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from gradsim import kernels
from gradsim.neurons import (
    Decay,
    LIFParameters,
    LIFState,
    LIParameters,
    LIState,
    Population,
)


def normal_weights(
    n_out: int, n_in: int, scale: float, generator: torch.Generator | None
) -> nn.Parameter:
    """Return weights ``[out, in]`` drawn from a normal of deviation ``scale / sqrt(n_in)``."""
    return nn.Parameter(torch.randn(n_out, n_in, generator=generator) * scale / math.sqrt(n_in))


TAUS = ("tau_syn_s", "tau_mem_s")


class TimeConstants(nn.Module):
    """The decays of a population: shared and fixed, or one of each a neuron, or learned.

    What is learned is the logarithm of a time constant, so that it stays positive.

    Parameters
    ----------
    n
        Neurons.
    parameters
        Their time constants, or the initial ones.
    per_neuron
        Whether each neuron has its own.
    learned
        Whether they are parameters of the training.
    """

    def __init__(self, n: int, parameters: LIParameters, per_neuron: bool, learned: bool) -> None:
        super().__init__()
        self.neuron = parameters
        self.learned = learned
        self.fixed_and_shared = not (per_neuron or learned)
        if self.fixed_and_shared:
            return
        size = (n,) if per_neuron else ()
        for name in TAUS:
            value = torch.full(size, math.log(getattr(parameters, name)))
            if learned:
                self.register_parameter(f"log_{name}", nn.Parameter(value))
            else:
                self.register_buffer(f"log_{name}", value)

    def forward(self) -> Decay:
        """Return the decays in a step."""
        if self.fixed_and_shared:
            return self.neuron.decay
        logs = (self.get_buffer, self.get_parameter)[self.learned]
        alpha, beta = (
            torch.exp(-self.neuron.dt_s * torch.exp(-logs(f"log_{name}"))) for name in TAUS
        )
        return Decay(alpha, beta)


class Stateful(nn.Module):
    """What maps ``(x, state=None)`` to ``(output, state)``; `Sequential` hands it its state."""


class LIF(Stateful):
    """A layer of spiking neurons.

    Parameters
    ----------
    n_in, n_out
        Numbers of inputs and neurons; ``weight`` is ``[out, in]``, ``recurrent`` is None or
        ``[out, out]``.
    neuron
        Neuron parameters; SpyTorch's by default.
    scale
        Deviation of the initial weights times the root of their fan-in.
    generator
        Source of the initial weights; PyTorch's own where None.
    recurrent
        Whether the layer's own spikes of the previous step are an input too.
    recurrent_scale
        As ``scale``, for the recurrent weights; ``scale`` where None.
    per_neuron, learned
        Of the time constants; see `TimeConstants`.
    engine
        ``"auto"``, ``"torch"`` or ``"events"``; see `gradsim.kernels`.

    Examples
    --------
    >>> layer = gradsim.LIF(n_in=3, n_out=4, generator=torch.Generator().manual_seed(0))
    >>> spikes, state = layer(torch.ones(50, 2, 3))
    >>> spikes.shape, state.mem.shape
    (torch.Size([50, 2, 4]), torch.Size([2, 4]))
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        neuron: LIFParameters | None = None,
        scale: float = 1.0,
        generator: torch.Generator | None = None,
        *,
        recurrent: bool = False,
        recurrent_scale: float | None = None,
        per_neuron: bool = False,
        learned: bool = False,
        engine: kernels.Engine = "auto",
    ) -> None:
        super().__init__()
        self.neuron = neuron or LIFParameters()
        self.engine = engine
        self.weight = normal_weights(n_out, n_in, scale, generator)
        self.recurrent = None
        if recurrent:
            own_scale = scale if recurrent_scale is None else recurrent_scale
            self.recurrent = normal_weights(n_out, n_out, own_scale, generator)
        self.time_constants = TimeConstants(n_out, self.neuron, per_neuron, learned)

    def forward(self, x: Tensor, state: LIFState | None = None) -> tuple[Tensor, LIFState]:
        """Return the spikes ``[T, B, out]`` for input ``[T, B, in]``, and the last state."""
        population = Population(self.neuron, self.time_constants(), self.recurrent)
        return kernels.lif(linear(x, self.weight), population, state, self.engine)


class Readout(Stateful):
    """A layer of leaky integrators that do not spike; parameters as for `LIF`."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        neuron: LIParameters | None = None,
        scale: float = 1.0,
        generator: torch.Generator | None = None,
        *,
        per_neuron: bool = False,
        learned: bool = False,
    ) -> None:
        super().__init__()
        self.neuron = neuron or LIParameters()
        self.weight = normal_weights(n_out, n_in, scale, generator)
        self.time_constants = TimeConstants(n_out, self.neuron, per_neuron, learned)

    def forward(self, x: Tensor, state: LIState | None = None) -> tuple[Tensor, LIState]:
        """Return the membranes and the last state for input ``[T, B, in]``.

        Membranes are ``[T + 1, B, out]``, the initial one first, where the order of the neuron is
        "fire_first", and ``[T, B, out]`` where it is "integrate_first".
        """
        return kernels.li(linear(x, self.weight), self.neuron, self.time_constants(), state)


class Sequential(nn.ModuleList, Stateful):
    """Layers one after another; modules without state (``nn.Dropout``) may stand among them.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> hidden, out = (part(3, 3, generator=generator) for part in (gradsim.LIF, gradsim.Readout))
    >>> membranes, _ = gradsim.Sequential(hidden, out)(torch.zeros(50, 2, 3))
    >>> membranes.shape
    torch.Size([51, 2, 3])
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(layers)

    def forward(self, x: Tensor, state: tuple[Any, ...] | None = None) -> tuple[Tensor, tuple]:
        """Return the output of the last layer, and the states of all, None where there is none."""
        states = []
        for layer, before in zip(self, state or [None] * len(self), strict=True):
            x, after = layer(x, before) if isinstance(layer, Stateful) else (layer(x), None)
            states.append(after)
        return x, tuple(states)
