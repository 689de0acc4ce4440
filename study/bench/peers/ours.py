"""gradsim itself, by either of its engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gradsim import SpikeEvents, SpikingNetwork, raster
from gradsim.training import threads_for
from study.bench.peers.torch_training import TorchTrainer
from study.bench.works import Weights, Work, network_config


class _WithSpikes(nn.Module):
    def __init__(self, network: SpikingNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor | SpikeEvents) -> tuple[Tensor, Tensor]:
        recording = self.network(x)
        n_steps = x.n_steps if isinstance(x, SpikeEvents) else len(x)
        return recording.counts[0] / n_steps, recording.readout


class _Trainer(TorchTrainer):
    def __init__(self, network: SpikingNetwork, densify: Callable[[SpikeEvents], Any]) -> None:
        super().__init__(_WithSpikes(network), densify)
        self.network = network

    def step(self, batch: tuple[Any, Tensor]) -> float:
        """Learn from a batch as `gradsim.train` does; return the loss."""
        with threads_for(self.network):
            return super().step(batch)

    def loss(self, x: Tensor | SpikeEvents, labels: Tensor) -> Tensor:
        """Return the same loss, from the largest values that the recording holds already."""
        return cross_entropy(self.network(x).peak, labels)


def build(work: Work, weights: Weights, engine: Literal["events", "torch"]) -> TorchTrainer:
    """Return a trainer of a `SpikingNetwork`: from event lists, or from rasters by PyTorch."""
    network = SpikingNetwork(network_config(work), torch.Generator(), engine)
    layer = network.hidden[0]
    for parameter, value in (
        (layer.weight, weights.hidden),
        (layer.recurrent, weights.recurrent),
        (network.readout.weight, weights.readout),
    ):
        if value is not None:
            parameter.data = torch.from_numpy(value.copy())
    return _Trainer(network, raster if engine == "torch" else _sorted)


def _sorted(events: SpikeEvents) -> SpikeEvents:
    """Sort as the first pass over a batch would: a peer's raster is prepared outside a step too."""
    _ = events.by_step, events.by_unit
    return events
