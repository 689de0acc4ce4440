"""The readable implementation, in PyTorch, for any device, dtype and neuron: the tests' oracle."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear

from gradsim.neurons import (
    Decay,
    LIFParameters,
    LIFState,
    LIParameters,
    LIState,
    li_step,
    lif_step,
    zero_state,
)


def lif(
    currents: Tensor,
    neuron: LIFParameters,
    decay: Decay,
    recurrent: Tensor | None,
    state: LIFState | None,
) -> tuple[Tensor, LIFState]:
    """Return the spikes ``[T, B, N]`` for weighted inputs ``[T, B, N]``, and the last state."""
    state = zero_state(currents[0]) if state is None else state
    recorded = []
    for current in currents.unbind(0):
        if recurrent is not None:
            current = current + linear(state.spikes, recurrent)
        spikes, state = lif_step(current, state, neuron, decay)
        recorded.append(spikes)
    return torch.stack(recorded), state


def li(
    currents: Tensor, parameters: LIParameters, decay: Decay, state: LIState | None
) -> tuple[Tensor, LIState]:
    """Return the membranes for weighted inputs ``[T, B, N]``, and the last state."""
    state = LIState(*zero_state(currents[0])[:2]) if state is None else state
    recorded = [state.mem] if parameters.order == "fire_first" else []
    for current in currents.unbind(0):
        mem, state = li_step(current, state, parameters, decay)
        recorded.append(mem)
    return torch.stack(recorded), state
