"""Layers over time: weights and time constants around the neurons; state comes and goes as a value.

Every layer maps ``(x, state=None)`` to ``(output, state)``, time first, and `Sequential` chains
them. Which implementation runs is `gradsim.kernels`' business.

Guaranteed: input of any number type and density means the same to both engines; a module that would
take the batch for channels is refused; ``state_dict`` says what a layer is (`gradsim.described`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from gradsim import kernels
from gradsim.arrays import like
from gradsim.described import Checking, Described
from gradsim.feedback import Feedback, project
from gradsim.neurons import (
    Decay,
    LIFParameters,
    LIFState,
    LIParameters,
    LIState,
    Population,
)


def normal_weights(
    n_out: int, n_in: int, scale: float, generator: torch.Generator | None
) -> nn.Parameter:
    """Return weights ``[out, in]`` drawn from a normal of deviation ``scale / sqrt(n_in)``."""
    return nn.Parameter(torch.randn(n_out, n_in, generator=generator) * scale / math.sqrt(n_in))


TAUS = ("tau_syn_s", "tau_mem_s")


class TimeConstants(nn.Module):
    """The decays of a population: shared and fixed, or one of each a neuron, or learned.

    What is learned is the logarithm of a time constant, so that it stays positive.

    Parameters
    ----------
    n
        Neurons.
    parameters
        Their time constants, or the initial ones.
    per_neuron
        Whether each neuron has its own.
    learned
        Whether they are parameters of the training.
    """

    def __init__(self, n: int, parameters: LIParameters, per_neuron: bool, learned: bool) -> None:
        super().__init__()
        self.neuron = parameters
        self.learned = learned
        self.fixed_and_shared = not (per_neuron or learned)
        if self.fixed_and_shared:
            return
        size = (n,) if per_neuron else ()
        for name in TAUS:
            value = torch.full(size, math.log(getattr(parameters, name)))
            if learned:
                self.register_parameter(f"log_{name}", nn.Parameter(value))
            else:
                self.register_buffer(f"log_{name}", value)

    def without_own(self, constants: dict[str, Any]) -> dict[str, Any]:
        """Leave out of a layer's constants the time constants that stand in its numbers."""
        own = () if self.fixed_and_shared else TAUS
        return {name: value for name, value in constants.items() if name not in own}

    def forward(self) -> Decay:
        """Return the decays in a step."""
        if self.fixed_and_shared:
            return self.neuron.decay
        logs = (self.get_buffer, self.get_parameter)[self.learned]
        alpha, beta = (
            torch.exp(-self.neuron.dt_s * torch.exp(-logs(f"log_{name}"))) for name in TAUS
        )
        return Decay(alpha, beta)


class Stateful(Checking):
    """What maps ``(x, state=None)`` to ``(output, state)``; `Sequential` hands it its state."""


class LIF(Described, Stateful):
    """A layer of spiking neurons.

    Parameters
    ----------
    n_in, n_out
        Numbers of inputs and neurons; ``weight`` is ``[out, in]``, ``recurrent`` is None or
        ``[out, out]``.
    neuron
        Neuron parameters; SpyTorch's by default.
    scale
        Deviation of the initial weights times the root of their fan-in.
    generator
        Source of the initial weights; PyTorch's own where None.
    recurrent
        Whether the layer's own spikes of the previous step are an input too.
    recurrent_scale
        As ``scale``, for the recurrent weights; ``scale`` where None.
    per_neuron, learned
        Of the time constants; see `TimeConstants`.
    engine
        ``"auto"``, ``"torch"`` or ``"events"``; see `gradsim.kernels`.

    Examples
    --------
    >>> layer = gradsim.LIF(n_in=3, n_out=4, generator=torch.Generator().manual_seed(0))
    >>> spikes, state = layer(torch.ones(50, 2, 3))
    >>> spikes.shape, state.mem.shape
    (torch.Size([50, 2, 4]), torch.Size([2, 4]))
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        neuron: LIFParameters | None = None,
        scale: float = 1.0,
        generator: torch.Generator | None = None,
        *,
        recurrent: bool = False,
        recurrent_scale: float | None = None,
        per_neuron: bool = False,
        learned: bool = False,
        engine: kernels.Engine = "auto",
    ) -> None:
        super().__init__()
        self.neuron = neuron or LIFParameters()
        self.engine = engine
        self.weight = normal_weights(n_out, n_in, scale, generator)
        self.feedback: Feedback | None = None
        self.recurrent = None
        if recurrent:
            own_scale = scale if recurrent_scale is None else recurrent_scale
            self.recurrent = normal_weights(n_out, n_out, own_scale, generator)
        self.time_constants = TimeConstants(n_out, self.neuron, per_neuron, learned)

    def forward(self, x: Tensor, state: LIFState | None = None) -> tuple[Tensor, LIFState]:
        """Return the spikes ``[T, B, out]`` for input ``[T, B, in]``, and the last state."""
        x = _fitting(x, self.weight)
        population = Population(self.neuron, self.time_constants(), self.recurrent)
        return kernels.lif(project(x, self.weight, self.feedback), population, state, self.engine)

    def constants(self) -> dict[str, Any]:
        """Return what spikes depend on besides weights."""
        return self.time_constants.without_own(self.neuron.constants(LIFParameters))


class Readout(Described, Stateful):
    """A layer of leaky integrators that do not spike; parameters as for `LIF`."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        neuron: LIParameters | None = None,
        scale: float = 1.0,
        generator: torch.Generator | None = None,
        *,
        per_neuron: bool = False,
        learned: bool = False,
    ) -> None:
        super().__init__()
        self.neuron = neuron or LIParameters()
        self.weight = normal_weights(n_out, n_in, scale, generator)
        self.feedback: Feedback | None = None
        self.time_constants = TimeConstants(n_out, self.neuron, per_neuron, learned)

    def forward(self, x: Tensor, state: LIState | None = None) -> tuple[Tensor, LIState]:
        """Return the membranes and the last state for input ``[T, B, in]``.

        Membranes are ``[T + 1, B, out]``, the initial one first, where the order of the neuron is
        "fire_first", and ``[T, B, out]`` where it is "integrate_first".
        """
        x = _fitting(x, self.weight)
        currents = project(x, self.weight, self.feedback)
        return kernels.li(currents, self.neuron, self.time_constants(), state)

    def constants(self) -> dict[str, Any]:
        """Return what membranes depend on besides weights."""
        return self.time_constants.without_own(self.neuron.constants(LIParameters))


def _fitting(x: Any, weight: Tensor) -> Tensor:
    """Return input as a tensor of the weights' type, or raise ValueError unless ``[T, B, in]``."""
    x = like("input", x, weight)
    if x.ndim != 3 or x.shape[2] != weight.shape[1] or not len(x):
        raise ValueError(
            f"input must be [T, B, {weight.shape[1]}] (time first), not {list(x.shape)}"
        )
    return x


BY_SECOND_AXIS = (
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.LocalResponseNorm,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.FeatureAlphaDropout,
    nn.modules.conv._ConvNd,
)
"""Modules that take the second axis for channels."""


def _require_time_first(layers: Iterable[nn.Module]) -> None:
    """Refuse what would take the batch for channels, unnoticed where both are of one size."""
    for layer in layers:
        own = [*layer] if type(layer) is nn.Sequential else [layer]
        reshaped = any(isinstance(part, nn.Flatten | nn.Unflatten) for part in own)
        found = [part for part in own if isinstance(part, BY_SECOND_AXIS)]
        if found and not reshaped:
            name = type(found[0]).__name__
            raise ValueError(
                f"{name} takes the second axis for channels, which is the batch in [T, B, ...]; "
                f"use nn.LayerNorm, or flatten time and batch around it: nn.Sequential("
                f"nn.Flatten(0, 1), nn.{name}(...), nn.Unflatten(0, (T, B)))"
            )


class Sequential(nn.ModuleList, Stateful):
    """Layers one after another; modules without state (``nn.Dropout``) may stand among them.

    Raises
    ------
    ValueError
        If one of them takes the second axis, the batch, for channels, as ``nn.BatchNorm1d`` does.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> hidden, out = (part(3, 3, generator=generator) for part in (gradsim.LIF, gradsim.Readout))
    >>> membranes, _ = gradsim.Sequential(hidden, out)(torch.zeros(50, 2, 3))
    >>> membranes.shape
    torch.Size([51, 2, 3])
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(layers)
        _require_time_first(self)

    def forward(self, x: Tensor, state: tuple[Any, ...] | None = None) -> tuple[Tensor, tuple]:
        """Return the output of the last layer, and the states of all, None where there is none."""
        _require_time_first(self)
        states = []
        for layer, before in zip(self, state or [None] * len(self), strict=True):
            x, after = layer(x, before) if isinstance(layer, Stateful) else (layer(x), None)
            states.append(after)
        return x, tuple(states)
