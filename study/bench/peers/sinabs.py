"""sinabs: ``LIF`` and ``LIFRecurrent`` with an exponential synapse; batch first.

Its synapse decays a spike before it reaches the membrane, its surrogate is its own default, its
reset falls within the step of the spike. Time constants are not trained here.
"""

from __future__ import annotations

from typing import Any

import sinabs.layers
from sinabs.activation import MembraneReset, SingleSpike
from torch import Tensor, nn

from gradsim import LIFParameters, SpikeEvents, raster
from study.bench.peers.torch_training import TorchTrainer, linear
from study.bench.works import Weights, Work

NEURON = LIFParameters()


class _Network(nn.Module):
    def __init__(self, weights: Weights) -> None:
        super().__init__()
        steps: dict[str, Any] = {
            "tau_mem": NEURON.tau_mem_s / NEURON.dt_s,
            "tau_syn": NEURON.tau_syn_s / NEURON.dt_s,
            "norm_input": False,
        }
        spiking = {"spike_fn": SingleSpike, "reset_fn": MembraneReset()}
        self.fc1, self.fc2 = linear(weights.hidden), linear(weights.readout)
        if weights.recurrent is None:
            self.lif = sinabs.layers.LIF(**steps, **spiking)
        else:
            recurrent = linear(weights.recurrent)
            self.lif = sinabs.layers.LIFRecurrent(**steps, **spiking, rec_connect=recurrent)
        self.li = sinabs.layers.LIF(**steps, spike_fn=None, reset_fn=None)
        for layer in (self.lif, self.li):
            layer.tau_mem.requires_grad_(False)
            layer.tau_syn.requires_grad_(False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        # sinabs.reset_states passes over layers that have children, as recurrent ones do.
        self.lif.reset_states()
        self.li.reset_states()
        spikes = self.lif(self.fc1(x))
        return spikes, self.li(self.fc2(spikes)).transpose(0, 1)


class _BatchFirst(TorchTrainer):
    def compile(self, batch: tuple[Any, Tensor]) -> None:
        x, labels = batch
        self.step((x[:2], labels[:2]))


def _batch_first(events: SpikeEvents) -> Tensor:
    return raster(events).transpose(0, 1).contiguous()


def build(work: Work, weights: Weights) -> TorchTrainer:  # noqa: ARG001
    """Return a trainer of sinabs' network."""
    return _BatchFirst(_Network(weights), _batch_first)
