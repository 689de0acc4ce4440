"""What is recorded: traces that go into a network, and what the network then did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gradsim.arrays import indices, plain


@dataclass(frozen=True)
class Traces:
    """Recorded values ``[N, T, C]`` of many samples, to train and predict from.

    Of any number type; they are kept as float32 or float64.

    Raises
    ------
    TypeError, ValueError
        If they are no numbers or have another shape.
    """

    values: np.ndarray

    def __post_init__(self) -> None:
        values = plain("traces", self.values)
        if values.ndim != 3:
            raise ValueError(f"traces must be [N, T, C], not {list(values.shape)}")
        if values.dtype not in (np.float32, np.float64):
            kind = np.result_type(values.dtype, np.float32)
            values = values.astype(np.float32 if kind == np.float32 else np.float64)
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: Any) -> Tensor:
        """Return the samples at ``index``, time first, ``[T, B, C]``; see `SpikeEvents.take`."""
        taken = np.require(self.values[indices(index, len(self))], requirements=["C", "W"])
        return torch.from_numpy(taken).transpose(0, 1)


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
