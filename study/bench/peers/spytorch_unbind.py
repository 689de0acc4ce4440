"""SpyTorch's loop, equations and surrogate, with one change in its favour.

SpyTorch's tutorials index their input currents, ``h1[:, t]``, which makes the backward pass write
a whole tensor of zeros for each step. ``unbind`` gives the same numbers without that.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gradsim import LIFParameters
from study.bench.peers.torch_training import TorchTrainer, linear
from study.bench.works import Weights, Work

NEURON = LIFParameters()
SLOPE = 100.0


class _SurrogateSpike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return gradients[0] / (SLOPE * x.abs() + 1.0) ** 2


class SpyTorch(nn.Module):
    """One hidden layer and the readout of the tutorials (Neftci, Mostafa & Zenke 2019)."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.hidden = linear(weights.hidden)
        self.recurrent = None if weights.recurrent is None else linear(weights.recurrent)
        self.readout = linear(weights.readout)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return hidden spikes ``[T, B, H]`` and readout ``[T + 1, B, C]``."""
        alpha, beta = NEURON.alpha, NEURON.beta
        currents = self.hidden(x)
        syn = mem = out = torch.zeros_like(currents[0])
        spikes = []
        for current in currents.unbind(0):
            if self.recurrent is not None:
                current = current + self.recurrent(out)
            out = _SurrogateSpike.apply(mem - 1.0)
            mem, syn = (beta * mem + syn) * (1.0 - out.detach()), alpha * syn + current
            spikes.append(out)
        hidden = torch.stack(spikes)
        currents = self.readout(hidden)
        syn = mem = torch.zeros_like(currents[0])
        recorded = [mem]
        for current in currents.unbind(0):
            mem, syn = beta * mem + syn, alpha * syn + current
            recorded.append(mem)
        return hidden, torch.stack(recorded)


def build(work: Work, weights: Weights) -> TorchTrainer:  # noqa: ARG001
    """Return a trainer of SpyTorch's network."""
    return TorchTrainer(SpyTorch(weights))
