"""What is recorded: traces that go into a network, and what the network then did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Traces:
    """Recorded values ``[N, T, C]`` of many samples, to train and predict from."""

    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: np.ndarray | slice) -> Tensor:
        """Return the samples at ``index``, time first: ``[T, B, C]``."""
        return torch.as_tensor(self.values[index]).transpose(0, 1)


class Recording:
    """What a network did.

    Parameters
    ----------
    readout
        ``[T + 1, B, C]`` membranes, the initial one first; ``[T, B, C]`` where the neurons
        integrate first.
    peak
        ``[B, C]`` largest value of each readout unit over time, with gradients.
    counts
        ``[B, N]`` spikes of each neuron of each hidden layer, with gradients.
    rasters
        Returns what `spikes` is.
    """

    def __init__(
        self,
        readout: Tensor,
        peak: Tensor,
        counts: tuple[Tensor, ...],
        rasters: Callable[[], tuple[Tensor, ...]],
    ) -> None:
        self.readout = readout
        self.peak = peak
        self.counts = counts
        self._rasters = rasters

    @cached_property
    def spikes(self) -> tuple[Tensor, ...]:
        """``[T, B, N]`` of each hidden layer, made on demand; gradients go through `counts`."""
        return tuple(layer.detach() for layer in self._rasters())
