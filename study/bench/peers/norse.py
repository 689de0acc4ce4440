"""Norse: ``LIFCell`` and ``LIFRecurrentCell`` in a loop over time.

Norse's Euler factors are set so that its decays equal exp(-dt / tau), and its threshold so that
its gain of dt / tau_mem cancels. It resets within the step of the spike and, in the feed-forward
cell, does not detach the reset; its surrogate's slope is 1 whatever ``alpha`` says.
"""

from __future__ import annotations

import norse.torch as norse
import torch
from torch import Tensor, nn

from gradsim import LIFParameters
from study.bench.peers.torch_training import TorchTrainer, linear
from study.bench.works import Weights, Work

NEURON = LIFParameters()
DT_S = NEURON.dt_s
INVERSE_TAUS = {
    "tau_syn_inv": torch.tensor((1 - NEURON.alpha) / DT_S),
    "tau_mem_inv": torch.tensor((1 - NEURON.beta) / DT_S),
}


class _Network(nn.Module):
    def __init__(self, weights: Weights) -> None:
        super().__init__()
        spiking = norse.LIFParameters(**INVERSE_TAUS, v_th=torch.tensor(1 - NEURON.beta))
        self.fc1, self.fc2 = linear(weights.hidden), linear(weights.readout)
        self.recurrent = weights.recurrent is not None
        if weights.recurrent is None:
            self.lif = norse.LIFCell(spiking, dt=DT_S)
        else:
            n_hidden, n_in = weights.hidden.shape
            self.lif = norse.LIFRecurrentCell(
                n_in, n_hidden, spiking, autapses=True, dt=DT_S,
                input_weights=self.fc1.weight,
                recurrent_weights=nn.Parameter(torch.from_numpy(weights.recurrent.copy())),
            )  # fmt: skip
        self.li = norse.LICell(norse.LIParameters(**INVERSE_TAUS), dt=DT_S)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        state = integrator = None
        spikes, readout = [], []
        for value in (x if self.recurrent else self.fc1(x)).unbind(0):
            out, state = self.lif(value, state)
            mem, integrator = self.li(self.fc2(out), integrator)
            spikes.append(out)
            readout.append(mem)
        return torch.stack(spikes), torch.stack(readout)


def build(work: Work, weights: Weights) -> TorchTrainer:  # noqa: ARG001
    """Return a trainer of Norse's network."""
    return TorchTrainer(_Network(weights))
