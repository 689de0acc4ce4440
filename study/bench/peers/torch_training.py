"""What all implementations in PyTorch share: rasters, loss, optimiser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gradsim import SpikeEvents, raster
from gradsim.losses import max_over_time_nll

LEARNING_RATE = 1e-7
"""So small that activity does not drift while it is timed."""


class TorchTrainer:
    """A trainer around a module.

    Parameters
    ----------
    module
        Maps a batch's input to hidden spikes (any shape; anything whose mean is the rate) and
        readout ``[T, B, C]``.
    densify
        Turns events into the module's input.
    """

    def __init__(self, module: nn.Module, densify: Callable[[SpikeEvents], Any] = raster) -> None:
        self.module = module
        self.densify = densify
        self.optimiser = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE, fused=True)

    def prepare(self, events: SpikeEvents, labels: np.ndarray) -> tuple[Any, Tensor]:
        """Return the module's input and the labels."""
        return self.densify(events), torch.from_numpy(labels)

    def compile(self, batch: tuple[Any, Tensor]) -> None:
        """Run a step, which loads whatever is loaded late."""
        self.step(batch)

    def step(self, batch: tuple[Any, Tensor]) -> float:
        """Learn from a batch; return the loss."""
        x, labels = batch
        self.optimiser.zero_grad()
        loss = self.loss(x, labels)
        loss.backward()
        self.optimiser.step()
        return loss.item()

    def loss(self, x: Any, labels: Tensor) -> Tensor:
        """Return the negative log-likelihood of the largest readout over time."""
        _, readout = self.module(x)
        return max_over_time_nll(readout, labels)

    def hidden_rate(self, batch: tuple[Any, Tensor]) -> float:
        """Return the mean spikes of a hidden neuron in a step."""
        with torch.no_grad():
            spikes, _ = self.module(batch[0])
        return spikes.mean().item()


def linear(weight: np.ndarray) -> nn.Linear:
    """Return a linear layer without bias that starts from a weight ``[out, in]``."""
    layer = nn.utils.skip_init(nn.Linear, weight.shape[1], weight.shape[0], bias=False)
    layer.weight = nn.Parameter(torch.from_numpy(weight.copy()))
    return layer
