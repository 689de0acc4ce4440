"""A feed-forward or recurrent network of LIF layers with a leaky readout."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gradsim.layers import LIF, Readout
from gradsim.neurons import LIFParameters


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of a network and the neurons in it.

    Parameters
    ----------
    n_in, hidden, n_out
        Numbers of inputs, of neurons in each hidden layer, and of readout units.
    neuron
        Parameters of all hidden neurons; the readout shares time constants, step and gain.
    weight_scale
        Initial weights are normal with deviation ``weight_scale / sqrt(fan_in)``.
    recurrent
        Whether each hidden layer is connected to itself.
    """

    n_in: int
    hidden: tuple[int, ...]
    n_out: int
    neuron: LIFParameters = field(default_factory=LIFParameters)
    weight_scale: float = 1.0
    recurrent: bool = False

    def __post_init__(self) -> None:
        sizes = (self.n_in, *self.hidden, self.n_out)
        if not self.hidden or min(sizes) < 1:
            raise ValueError(
                f"a network needs at least one hidden layer and positive sizes, not {sizes}"
            )


class Recording(NamedTuple):
    """What a network did: ``readout`` ``[T + 1, B, C]`` and ``spikes`` ``[T, B, N]`` a layer."""

    readout: Tensor
    spikes: tuple[Tensor, ...]


class SpikingNetwork(nn.Module):
    """LIF layers, then a leaky readout.

    Parameters
    ----------
    config
        Shape and neurons.
    generator
        Source of the initial weights.
    """

    def __init__(self, config: NetworkConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.config = config
        sizes = (config.n_in, *config.hidden)
        self.hidden = nn.ModuleList(
            LIF(
                n_in,
                n_out,
                config.neuron,
                config.weight_scale,
                generator,
                recurrent=config.recurrent,
            )
            for n_in, n_out in pairwise(sizes)
        )
        self.readout = Readout(
            sizes[-1], config.n_out, config.neuron, config.weight_scale, generator
        )

    def forward(self, x: Tensor) -> Recording:
        """Return what the network does from rest on input spikes ``[T, B, n_in]``."""
        if x.ndim != 3 or x.shape[2] != self.config.n_in:
            raise ValueError(
                f"input must be [T, B, {self.config.n_in}] (time first), not {list(x.shape)}"
            )
        recorded = []
        for layer in self.hidden:
            x, _ = layer(x)
            recorded.append(x)
        readout, _ = self.readout(x)
        return Recording(readout, tuple(recorded))
