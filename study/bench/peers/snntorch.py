"""snnTorch: ``Synaptic`` and ``RSynaptic`` in a loop over time.

Integrates before it fires; the rest is SpyTorch's neuron, spike by spike one step earlier.
"""

from __future__ import annotations

import snntorch
import torch
from snntorch import surrogate
from torch import Tensor, nn

from gradsim import LIFParameters
from study.bench.peers.torch_training import TorchTrainer, linear
from study.bench.works import Weights, Work

NEURON = LIFParameters()


class _Network(nn.Module):
    def __init__(self, weights: Weights) -> None:
        super().__init__()
        decay = {"alpha": NEURON.alpha, "beta": NEURON.beta}
        spiking = {"spike_grad": surrogate.fast_sigmoid(slope=100), "reset_mechanism": "zero"}
        self.fc1, self.fc2 = linear(weights.hidden), linear(weights.readout)
        self.recurrent = weights.recurrent is not None
        if weights.recurrent is None:
            self.lif1 = snntorch.Synaptic(**decay, **spiking)
        else:
            self.lif1 = snntorch.RSynaptic(**decay, **spiking, linear_features=len(weights.hidden))
            self.lif1.recurrent = linear(weights.recurrent)
        self.lif2 = snntorch.Synaptic(**decay, reset_mechanism="none")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        state, (syn, mem) = self.lif1.reset_mem(), self.lif2.reset_mem()
        spikes, readout = [], []
        for current in self.fc1(x).unbind(0):
            out, *state = self.lif1(current, *state)
            if self.recurrent:
                state = [out, *state]
            _, syn, mem = self.lif2(self.fc2(out), syn, mem)
            spikes.append(out)
            readout.append(mem)
        return torch.stack(spikes), torch.stack(readout)


def build(work: Work, weights: Weights) -> TorchTrainer:  # noqa: ARG001
    """Return a trainer of snnTorch's network."""
    return TorchTrainer(_Network(weights))
