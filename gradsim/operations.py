"""What an inference costs in operations, counted layer by layer.

An addition is a spike that meets a non-zero weight (a synaptic operation; Effective_ACs of
NeuroBench, arXiv:2304.04640). Pooling in front of the weights is part of them: a spike costs what
its window reaches.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class LayerCost:
    """A layer's operations in one inference, mean of the samples.

    Parameters
    ----------
    name
        ``"input"``, or the name of the weights in the network that was converted.
    spikes
        That its neurons emit.
    additions
        That spikes cause in its neurons.
    macs
        Multiply-accumulates of values that are no spikes: all non-zero weights, whatever the
        values, once.
    updates
        Updates of its neurons: neurons times steps. An update adds the constant currents, if
        there are any, to the potential and compares it with the threshold.
    states
        Values that its neurons keep between steps.
    weights
        Non-zero weights and biases; those of a convolution once.
    """

    name: str
    spikes: float = 0.0
    additions: float = 0.0
    macs: float = 0.0
    updates: int = 0
    states: int = 0
    weights: int = 0


@dataclass(frozen=True)
class Wiring:
    """What a layer's operations follow from.

    Parameters
    ----------
    fan_out
        Non-zero weights that a spike of each input meets, float64, of the shape of an input.
    neurons
        That the layer has.
    weights
        Non-zero weights and biases.
    """

    fan_out: Tensor
    neurons: int
    weights: int

    def met(self, spikes: Tensor) -> tuple[float, float]:
        """Return the number of input spikes ``[B, ...]``, and the additions that they cause."""
        fired = spikes.sum(0).double().cpu()
        return float(fired.sum()), float((fired * self.fan_out).sum())


def wirings(synapses: Iterable[nn.Module], shape: torch.Size) -> list[Wiring]:
    """Return the wiring of layers one behind another.

    Parameters
    ----------
    synapses
        Each ``nn.Linear`` or ``nn.Conv2d``, with ``nn.AvgPool2d`` or reshaping in front of it.
    shape
        Of an input of the first, without the batch.
    """
    found = []
    for layer in synapses:
        weights = sum(int(torch.count_nonzero(weight)) for weight in layer.parameters())
        # Connections from an input are what a change of it by 1 changes in the sum of all outputs.
        with torch.enable_grad():
            silence = torch.zeros(1, *shape, dtype=torch.float64, requires_grad=True)
            outputs = _pattern(layer)(silence)
            (reached,) = torch.autograd.grad(outputs.sum(), silence)
        found.append(Wiring(reached[0], outputs.numel(), weights))
        shape = outputs.shape[1:]
    return found


def _pattern(layer: nn.Module) -> nn.Module:
    """Return the layer with 1 for each non-zero weight, and pools that sum."""
    pattern = copy.deepcopy(layer).double().cpu()
    for part in pattern.children():
        if isinstance(part, nn.AvgPool2d):
            part.divisor_override = 1
    for weight in pattern.parameters():
        weight.data = (weight != 0).double()
    return pattern
