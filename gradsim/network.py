"""Networks of LIF layers with a leaky readout, alone or behind a learned encoder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from gradsim import kernels
from gradsim.arrays import like
from gradsim.current_encoder import CurrentEncoder
from gradsim.described import Checking
from gradsim.events import SpikeEvents, raster
from gradsim.feedback import project
from gradsim.kernels import reference
from gradsim.layers import LIF, Readout
from gradsim.losses import max_over_time
from gradsim.neurons import LIFParameters, Population
from gradsim.recording import Recording


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of a network and the neurons in it.

    Parameters
    ----------
    n_in, hidden, n_out
        Numbers of inputs, of neurons in each hidden layer, and of readout units.
    neuron
        Parameters of all hidden neurons; the readout shares time constants, step, order and gain.
    weight_scale
        Initial weights are normal with deviation ``weight_scale / sqrt(fan_in)``.
    recurrent
        Whether each hidden layer is connected to itself.
    recurrent_scale
        As ``weight_scale``, for the recurrent weights; ``weight_scale`` where None.
    per_neuron, learned
        Whether time constants differ between neurons, and whether training changes them.
    """

    n_in: int
    hidden: tuple[int, ...]
    n_out: int
    neuron: LIFParameters = field(default_factory=LIFParameters)
    weight_scale: float = 1.0
    recurrent: bool = False
    recurrent_scale: float | None = None
    per_neuron: bool = False
    learned: bool = False

    def __post_init__(self) -> None:
        sizes = (self.n_in, *self.hidden, self.n_out)
        if not self.hidden or min(sizes) < 1:
            raise ValueError(
                f"a network needs at least one hidden layer and positive sizes, not {sizes}"
            )


class SpikingNetwork(Checking):
    """LIF layers, then a leaky readout.

    Parameters
    ----------
    config
        Shape and neurons.
    generator
        Source of the initial weights; PyTorch's own where None.
    engine
        ``"auto"``, ``"torch"`` or ``"events"``; see `gradsim.kernels`. The one that runs is
        `resolved_engine`.

    Examples
    --------
    >>> config = gradsim.NetworkConfig(n_in=3, hidden=(20,), n_out=2)
    >>> network = gradsim.SpikingNetwork(config, torch.Generator().manual_seed(0))
    >>> images = np.random.default_rng(0).random((5, 3))
    >>> recording = network(gradsim.encode.latency(images, n_steps=30))
    >>> recording.readout.shape, recording.counts[0].shape
    (torch.Size([31, 5, 2]), torch.Size([5, 20]))
    """

    def __init__(
        self,
        config: NetworkConfig,
        generator: torch.Generator | None = None,
        engine: kernels.Engine = "auto",
    ) -> None:
        super().__init__()
        self.config = config
        self.engine = engine
        sizes = (config.n_in, *config.hidden)
        constants = {"per_neuron": config.per_neuron, "learned": config.learned}
        self.hidden = nn.ModuleList(
            LIF(
                n_in,
                n_out,
                config.neuron,
                config.weight_scale,
                generator,
                recurrent=config.recurrent,
                recurrent_scale=config.recurrent_scale,
                engine=engine,
                **constants,
            )
            for n_in, n_out in pairwise(sizes)
        )
        self.readout = Readout(
            sizes[-1], config.n_out, config.neuron, config.weight_scale, generator, **constants
        )

    def extra_repr(self) -> str:
        """Return what the weights do not tell; part of a checkpoint's identity."""
        return repr(self.config)

    @property
    def resolved_engine(self) -> kernels.Engine:
        """The engine that runs: ``"torch"`` or ``"events"``."""
        return self._resolve(self._populations())

    def forward(self, x: Tensor | SpikeEvents) -> Recording:
        """Return what the network does from rest on input spikes.

        Parameters
        ----------
        x
            Events of ``n_in`` units, or a raster ``[T, B, n_in]`` of any number type.

        Raises
        ------
        ValueError
            If the input has another number of units.
        """
        x = x if isinstance(x, SpikeEvents) else like("input", x, self.readout.weight)
        self._require_fitting(x)
        populations = self._populations()
        run = self._by_torch if self._resolve(populations) == "torch" else self._by_events
        return run(x, populations)

    def _resolve(self, populations: list[Population]) -> kernels.Engine:
        # The readout's time constants may be learned while those below are frozen.
        readout = Population(self.config.neuron, self.readout.time_constants(), None)
        return kernels.resolve(self.engine, [*populations, readout], self.readout.weight)

    def _layers(self) -> list[LIF]:
        return list(cast("Iterable[LIF]", self.hidden))

    def _populations(self) -> list[Population]:
        return [
            Population(self.config.neuron, layer.time_constants(), layer.recurrent)
            for layer in self._layers()
        ]

    def _by_torch(self, x: Tensor | SpikeEvents, populations: list[Population]) -> Recording:
        weight = self.readout.weight
        values = x if isinstance(x, Tensor) else raster(x, weight.dtype, weight.device)
        recorded = []
        for layer, population in zip(self._layers(), populations, strict=True):
            currents = project(values, layer.weight, layer.feedback)
            values, _ = reference.lif(currents, *population, state=None)
            recorded.append(values)
        membranes, _ = self.readout(values)
        counts = tuple(layer.sum(dim=0) for layer in recorded)
        peak = max_over_time(membranes)
        return Recording(membranes, peak, counts, lambda: tuple(recorded))

    def _by_events(self, x: Tensor | SpikeEvents, populations: list[Population]) -> Recording:
        from gradsim.kernels import autograd

        layers: list[LIF | Readout] = [*self._layers(), self.readout]
        weights, feedback = zip(*((each.weight, each.feedback) for each in layers), strict=True)
        readout = self.readout.neuron, self.readout.time_constants()
        return Recording(*autograd.network(x, populations, readout, weights, feedback))

    def _require_fitting(self, x: Tensor | SpikeEvents) -> None:
        n_in = self.config.n_in
        if isinstance(x, SpikeEvents):
            if x.n_units != n_in:
                raise ValueError(f"input must have {n_in} units, not {x.n_units}")
        elif x.ndim != 3 or x.shape[2] != n_in or not len(x):
            raise ValueError(f"input must be [T, B, {n_in}] (time first), not {list(x.shape)}")


class EncodedNetwork(Checking):
    """A network whose input spikes are made by an encoder, both trained together.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> config = gradsim.NetworkConfig(n_in=12, hidden=(20,), n_out=2)
    >>> encoder = gradsim.CurrentEncoder(n_in=3, copies=4, generator=generator)
    >>> network = gradsim.EncodedNetwork(encoder, gradsim.SpikingNetwork(config, generator))
    >>> network(torch.zeros(30, 5, 3)).peak.shape
    torch.Size([5, 2])
    """

    def __init__(self, encoder: CurrentEncoder, network: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.network = network

    def forward(self, traces: Tensor) -> Recording:
        """Return what the network does from rest on traces ``[T, B, C]``."""
        spikes, _ = self.encoder(traces)
        return self.network(spikes)
