"""Layers over time: thin modules around the steps of `gradsim.neurons`; they hold no state."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from gradsim.neurons import (
    LIFParameters,
    LIFState,
    LIParameters,
    LIState,
    li_step,
    lif_step,
    zero_state,
)


def normal_weights(n_out: int, n_in: int, scale: float, generator: torch.Generator) -> nn.Parameter:
    """Return weights ``[out, in]`` drawn from a normal of deviation ``scale / sqrt(n_in)``."""
    return nn.Parameter(torch.randn(n_out, n_in, generator=generator) * scale / math.sqrt(n_in))


class LIF(nn.Module):
    """A layer of spiking neurons.

    Parameters
    ----------
    n_in, n_out
        Numbers of inputs and neurons; ``weight`` is ``[out, in]``, ``recurrent`` is None or
        ``[out, out]``.
    parameters
        Neuron parameters.
    scale
        Deviation of the initial weights times the root of their fan-in.
    generator
        Source of the initial weights.
    recurrent
        Whether the layer's own spikes of the previous step are an input too.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        parameters: LIFParameters,
        scale: float,
        generator: torch.Generator,
        *,
        recurrent: bool = False,
    ) -> None:
        super().__init__()
        self.neuron = parameters
        self.weight = normal_weights(n_out, n_in, scale, generator)
        self.recurrent = normal_weights(n_out, n_out, scale, generator) if recurrent else None

    def forward(self, x: Tensor, state: LIFState | None = None) -> tuple[Tensor, LIFState]:
        """Return the spikes ``[T, B, out]`` for input spikes ``[T, B, in]``, and the last state."""
        currents = linear(x, self.weight)
        state = zero_state(currents[0]) if state is None else state
        recorded = []
        for current in currents.unbind(0):
            if self.recurrent is not None:
                current = current + linear(state.spikes, self.recurrent)
            spikes, state = lif_step(current, state, self.neuron)
            recorded.append(spikes)
        return torch.stack(recorded), state


class Readout(nn.Module):
    """A layer of leaky integrators that do not spike; parameters as for `LIF`."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        parameters: LIParameters,
        scale: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.neuron = parameters
        self.weight = normal_weights(n_out, n_in, scale, generator)

    def forward(self, x: Tensor, state: LIState | None = None) -> tuple[Tensor, LIState]:
        """Return the membranes ``[T + 1, B, out]``, the initial one first, and the last state."""
        currents = linear(x, self.weight)
        state = LIState(*zero_state(currents[0])[:2]) if state is None else state
        recorded = [state.mem]
        for current in currents.unbind(0):
            mem, state = li_step(current, state, self.neuron)
            recorded.append(mem)
        return torch.stack(recorded), state
