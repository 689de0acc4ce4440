"""Spiking convolution, and pooling of spikes; state comes and goes as in `gradsim.layers`.

Inputs and outputs are ``[T, B, C, H, W]``, time first. `ConvLIF` is `gradsim.LIF` with shared and
local weights: same neurons, same conventions of a step, same kernels. Pooling of a window:

`OrPool2d`
    A spike in every step in which any of the window spikes.
`FirstPool2d`
    The first of these only, as where neurons code by the time of their first spike (Kheradpisheh
    et al., Neural Networks 99:56-67 (2018), doi:10.1016/j.neunet.2017.12.005).
`MeanPool2d`
    The share of the window that spikes; no spike any more.

All stand in a `gradsim.Sequential`; ``nn.Flatten(2)`` leads from them to a `gradsim.LIF`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, max_pool2d

from gradsim import kernels
from gradsim.arrays import floating, like
from gradsim.described import Described
from gradsim.layers import Stateful
from gradsim.neurons import LIFParameters, LIFState


class ConvLIF(Described, Stateful):
    """A convolution in every step, and spiking neurons behind it.

    Parameters
    ----------
    in_channels, out_channels, kernel_size
        ``weight`` is ``[out_channels, in_channels, kernel_size, kernel_size]``.
    neuron
        Neuron parameters; SpyTorch's by default.
    scale
        Deviation of the initial weights times the root of their fan-in.
    generator
        Source of the initial weights; PyTorch's own where None.
    stride, padding
        Of the convolution; the padding is silent.
    engine
        ``"auto"``, ``"torch"`` or ``"events"``; see `gradsim.kernels`.

    Examples
    --------
    >>> import torch
    >>> from gradsim import LIF, ConvLIF, OrPool2d, Sequential
    >>> net = Sequential(ConvLIF(1, 4, 5), OrPool2d(2), torch.nn.Flatten(2), LIF(4 * 12 * 12, 10))
    >>> spikes, state = net(torch.ones(20, 3, 1, 28, 28))
    >>> list(spikes.shape), list(state[0].mem.shape)
    ([20, 3, 10], [3, 4, 24, 24])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        neuron: LIFParameters | None = None,
        scale: float = 1.0,
        generator: torch.Generator | None = None,
        *,
        stride: int = 1,
        padding: int = 0,
        engine: kernels.Engine = "auto",
    ) -> None:
        super().__init__()
        self.neuron = neuron or LIFParameters()
        self.stride, self.padding, self.engine = stride, padding, engine
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        deviation = scale / math.sqrt(math.prod(shape[1:]))
        self.weight = nn.Parameter(torch.randn(shape, generator=generator) * deviation)

    def forward(self, x: Tensor, state: LIFState | None = None) -> tuple[Tensor, LIFState]:
        """Return the spikes ``[T, B, out_channels, H', W']``, and the last state ``[B, ...]``.

        Raises
        ------
        ValueError
            If ``x`` is not ``[T, B, in_channels, H, W]``.
        """
        x = like("input", x, self.weight)
        _require_images(x, self.weight.shape[1])
        currents = _in_every_step(
            lambda step: conv2d(step, self.weight, None, self.stride, self.padding), x
        )
        population = kernels.Population(self.neuron, self.neuron.decay, None)
        before = state and LIFState(*(each.flatten(1) for each in state))
        spikes, after = kernels.lif(currents.flatten(2), population, before, self.engine)
        shape = currents.shape[2:]
        last = LIFState(*(each.unflatten(1, shape) for each in after))
        return spikes.unflatten(2, shape), last

    def constants(self) -> dict[str, Any]:
        """Return what spikes depend on besides weights."""
        own = {"stride": self.stride, "padding": self.padding}
        return self.neuron.constants(LIFParameters) | own


class OrPool2d(nn.Module):
    """A window spikes in a step if any of it does.

    The gradient goes to the first of those that spike, in the order of rows and columns, and to
    the first of all in a silent window.

    Parameters
    ----------
    kernel_size
        Side of a window.
    stride
        Distance of windows; ``kernel_size`` where None.
    """

    def __init__(self, kernel_size: int, stride: int | None = None) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[T, B, C, H', W']`` for spikes ``[T, B, C, H, W]``."""
        x = floating("input", x)
        _require_images(x)
        return _in_every_step(lambda step: max_pool2d(step, self.kernel_size, self.stride), x)


class FirstPool2d(Stateful):
    """A window spikes once, in the first step in which any of it does; see `OrPool2d`."""

    def __init__(self, kernel_size: int, stride: int | None = None) -> None:
        super().__init__()
        self.pool = OrPool2d(kernel_size, stride)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return ``[T, B, C, H', W']``, and 1 where a window has spiked by now, ``[B, C, H', W']``.

        The gradient reaches the spikes that pass.
        """
        spikes = self.pool(x)
        before = torch.zeros_like(spikes[0]) if state is None else state
        so_far = torch.cat([before[None], spikes.detach()]).cummax(0).values
        return spikes * (1 - so_far[:-1]), so_far[-1]


class MeanPool2d(nn.Module):
    """The share of a window that spikes in a step; parameters as for `OrPool2d`."""

    def __init__(self, kernel_size: int, stride: int | None = None) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[T, B, C, H', W']`` for ``[T, B, C, H, W]``."""
        x = floating("input", x)
        _require_images(x)
        return _in_every_step(lambda step: avg_pool2d(step, self.kernel_size, self.stride), x)


def _in_every_step(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return function(x.flatten(0, 1)).unflatten(0, x.shape[:2])


def _require_images(x: Tensor, channels: int | None = None) -> None:
    if x.ndim != 5 or channels not in (None, x.shape[2]):
        raise ValueError(f"input must be [T, B, {channels or 'C'}, H, W], not {list(x.shape)}")
