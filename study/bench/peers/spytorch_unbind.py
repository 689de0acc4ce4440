"""SpyTorch's loop, equations and surrogate, with one change in its favour.

SpyTorch's tutorials index their input currents, ``h1[:, t]``, which makes the backward pass write
a whole tensor of zeros for each step. ``unbind`` gives the same numbers without that. With ``cast``
products are rounded to bfloat16 by autocast, as in training on GPUs.
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

    def __init__(self, weights: Weights, *, rounded: bool = False) -> None:
        super().__init__()
        self.rounded = rounded
        self.hidden = linear(weights.hidden)
        self.recurrent = None if weights.recurrent is None else linear(weights.recurrent)
        self.readout = linear(weights.readout)

    def currents(self, x: Any) -> Tensor:
        """Return the input currents ``[T, B, H]``."""
        found: Tensor = self.hidden(x)
        return found

    def forward(self, x: Any) -> tuple[Tensor, Tensor]:
        """Return hidden spikes ``[T, B, H]`` and readout ``[T + 1, B, C]``."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.rounded):
            return self._steps(x)

    def _steps(self, x: Any) -> tuple[Tensor, Tensor]:
        alpha, beta = NEURON.alpha, NEURON.beta
        currents = self.currents(x)
        syn = mem = out = torch.zeros_like(currents[0], dtype=self.hidden.weight.dtype)
        spikes = []
        for current in currents.unbind(0):
            if self.recurrent is not None:
                current = current + self.recurrent(out)
            out = _SurrogateSpike.apply(mem - 1.0)
            mem, syn = (beta * mem + syn) * (1.0 - out.detach()), alpha * syn + current
            spikes.append(out)
        hidden = torch.stack(spikes)
        currents = self.readout(hidden).to(hidden.dtype)
        syn = mem = torch.zeros_like(currents[0])
        recorded = [mem]
        for current in currents.unbind(0):
            mem, syn = beta * mem + syn, alpha * syn + current
            recorded.append(mem)
        return hidden, torch.stack(recorded)


def build(work: Work, weights: Weights, cast: str = "") -> TorchTrainer:  # noqa: ARG001
    """Return a trainer of SpyTorch's network; ``cast="bfloat16"`` rounds its products."""
    return TorchTrainer(SpyTorch(weights, rounded=cast == "bfloat16"))
