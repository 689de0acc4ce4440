"""SpikingJelly: ``CUBALIFNode`` in single steps.

Multi-step mode indexes its input step by step, which takes twice as long where that has a gradient,
and the recurrent container adds a linear layer of twice the width: both are slower than this loop.
The readout is the same node with a threshold that is never met. The node resets within the step of
the spike. The surrogate's height is its slope, here 1: at SpyTorch's 100 the gradients overflow.
"""

from __future__ import annotations

import math

import torch
from spikingjelly.activation_based import functional, neuron, surrogate
from torch import Tensor, nn

from gradsim import LIFParameters
from study.bench.peers.torch_training import TorchTrainer, linear
from study.bench.works import Weights, Work

NEURON = LIFParameters()


class _Network(nn.Module):
    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.fc1, self.fc2 = linear(weights.hidden), linear(weights.readout)
        self.recurrent = None if weights.recurrent is None else linear(weights.recurrent)
        self.lif, self.li = _node(1.0), _node(math.inf)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        functional.reset_net(self)
        currents = self.fc1(x)
        out = torch.zeros_like(currents[0])
        spikes, readout = [], []
        for current in currents.unbind(0):
            out = self.lif(current if self.recurrent is None else current + self.recurrent(out))
            self.li(self.fc2(out))
            spikes.append(out)
            readout.append(self.li.v)
        return torch.stack(spikes), torch.stack(readout)


def _node(threshold: float) -> neuron.CUBALIFNode:
    node = neuron.CUBALIFNode(
        NEURON.alpha, NEURON.beta, threshold, 0.0, surrogate.SuperSpike(alpha=1.0)
    )
    node.detach_reset = True
    return node


def build(work: Work, weights: Weights) -> TorchTrainer:  # noqa: ARG001
    """Return a trainer of SpikingJelly's network."""
    return TorchTrainer(_Network(weights))
