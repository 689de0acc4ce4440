"""Implementations of a layer over time behind one contract, and the choice between them.

``"torch"``
    `gradsim.kernels.reference`: plain PyTorch, any device, dtype and neuron.
``"events"``
    `gradsim.kernels.autograd`: compiled, event-driven, exact gradients, on the CPU. A feed-forward
    network with one hidden layer pays by the spike, also on rasters of few spikes; products with
    recurrent weights, and with those to lower hidden layers, are dense in the backward pass; a
    single layer does its matrix product densely.
``"auto"``
    ``"events"`` where it can, else ``"torch"``.

Both map weighted inputs ``[T, B, N]`` to spikes ``[T, B, N]`` and the last state, with the same
gradients up to rounding.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from gradsim.kernels import reference
from gradsim.neurons import Decay, LIFState, LIParameters, LIState, Population

Engine = Literal["auto", "torch", "events"]


def obstacle(population: Population, like: Tensor) -> str | None:
    """Return why the event-driven engine cannot run a layer on tensors like this, or None."""
    if like.device.type != "cpu":
        return f"tensors on {like.device.type}"
    if like.dtype not in (torch.float32, torch.float64):
        return f"{like.dtype}"
    if population.neuron.adaptation is not None:
        return "an adaptive threshold"
    if not population.neuron.detach_reset:
        return "a reset that is not detached"
    if any(isinstance(decay, Tensor) and decay.requires_grad for decay in population.decay):
        return "learned time constants"
    return None


def resolve(engine: Engine, populations: list[Population], like: Tensor) -> Engine:
    """Return the engine that will run: ``"torch"`` or ``"events"``.

    Raises
    ------
    ValueError
        If ``engine`` is unknown, or ``"events"`` is asked for what it cannot do.
    """
    if engine not in ("auto", "torch", "events"):
        raise ValueError(f"engine must be 'auto', 'torch' or 'events', not {engine!r}")
    if engine == "torch":
        return "torch"
    obstacles = [found for each in populations if (found := obstacle(each, like))]
    if not obstacles:
        return "events"
    if engine == "events":
        raise ValueError(f"engine 'events' cannot do {obstacles[0]}; use 'auto' or 'torch'")
    return "torch"


def lif(
    currents: Tensor, population: Population, state: LIFState | None, engine: Engine = "auto"
) -> tuple[Tensor, LIFState]:
    """Return the spikes ``[T, B, N]`` for weighted inputs ``[T, B, N]``, and the last state."""
    if resolve(engine, [population], currents) == "torch":
        run = reference.lif
    else:
        from gradsim.kernels import autograd

        run = autograd.lif
    neuron, decay, recurrent = population
    return run(currents, neuron, decay, recurrent, state)


def li(
    currents: Tensor, neuron: LIParameters, decay: Decay, state: LIState | None
) -> tuple[Tensor, LIState]:
    """Return the membranes for weighted inputs ``[T, B, N]``, and the last state."""
    return reference.li(currents, neuron, decay, state)
