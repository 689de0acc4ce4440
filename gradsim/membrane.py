"""Spiking layers that are trained through their membrane potentials: Lee, Delbruck & Pfeiffer 2016.

"Training deep spiking neural networks using backpropagation", Frontiers in Neuroscience 10:508,
doi:10.3389/fnins.2016.00508. A sample is a list of input events on a grid of T steps. In each step,
layer by layer, with λ = exp(-dt / tau)::

    V_i <- λ V_i + sum_k w_ik n_k               n_k events of input k in the step         (1)
    V_i > θ_i:  i fires, V_i <- V_i - θ_i                                                 (2)
    V_i <- V_i - μ θ_i (spikes of others)       in the last layer, which competes         (3)

All start at 0; μ is the strength of lateral inhibition. A neuron's weights and threshold act
through traces, in which each spike has decayed by the end as a potential does::

    x_k = sum_e λ^(T - 1 - t_e) over events of k,   a_i alike over spikes of i            (4)

Nothing is left out there: as of the end of a sample, with s_i = sum_k w_ik x_k,

    V_i = s_i - θ_i a_i - μ θ_i sum_(j != i) a_j                                          (5)

holds but for rounding. `gradsim.membrane_gradients` takes V for small and differentiates a by it.

The class is that of the neuron with the most spikes; of equals that whose potential is nearer to
its threshold. `respond` shows events of any source, `Poisson` makes them of images.

Deviations: time goes by steps, so that a neuron fires once a step at most and those that fire in
the same step do not inhibit each other within it. With the paper's refractory time of a step or
less nothing else is left of refractoriness. What networks begin
with is in `gradsim.membrane_initial`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from gradsim import arrays
from gradsim.events import SpikeEvents
from gradsim.kernels import membrane as loops
from gradsim.kernels import orders
from gradsim.kernels.orders import Spikes
from gradsim.membrane_layers import Dense, Layer, LayerResponse, Maps, maps_behind

BATCH = 128  # samples that `respond` shows at a time


@dataclass(frozen=True)
class MembraneNetwork:
    """Weights and thresholds, and how potentials decay and outputs compete.

    Parameters
    ----------
    weights
        One ``[out, in]`` for each layer, float32; convolutions come first, ``[out, in, k, k]``,
        without padding.
    thresholds
        One ``[out]`` for each layer, θ in (2), positive; neurons of a feature share one.
    tau_s, dt_s
        Time constant of membranes, infinite for none that leak, and the step, in seconds.
    inhibition
        μ in (3), from 0 (no competition) to below 1.
    shape
        Features, rows and columns of the input of convolutions, whose unit is numbered
        ``(y columns + x) features + feature``.
    pool
        Behind each convolution spikes of windows of so many rows and columns go on as of one unit.

    Raises
    ------
    ValueError
        If layers do not follow one another, or numbers are outside their range.
    """

    weights: tuple[np.ndarray, ...]
    thresholds: tuple[np.ndarray, ...]
    tau_s: float = 20e-3
    inhibition: float = 0.2
    dt_s: float = 1e-3
    shape: tuple[int, int, int] | None = None
    pool: int = 2

    def __post_init__(self) -> None:
        for name in ("weights", "thresholds"):
            parts = tuple(arrays.plain(name, part) for part in getattr(self, name))
            parts = tuple(part.astype(np.float32, copy=False) for part in parts)
            object.__setattr__(self, name, parts)
        if not self.weights or any(part.ndim not in (2, 4) for part in self.weights):
            raise ValueError("weights must be [out, in] or [out, in, k, k], a layer or more")
        _require_chain(self)
        if [part.shape for part in self.thresholds] != [part.shape[:1] for part in self.weights]:
            raise ValueError("thresholds must be [out], one array for each of weights")
        if not all((part > 0).all() for part in self.thresholds):
            raise ValueError("thresholds must be positive")
        if not self.tau_s > 0 or not self.dt_s > 0 or not 0 <= self.inhibition < 1:
            raise ValueError(
                "tau_s and dt_s must be positive and inhibition in 0..1, without 1, not "
                f"{self.tau_s}, {self.dt_s}, {self.inhibition}"
            )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of the input, and neurons of each layer."""
        dense = [part for part in self.weights if part.ndim == 2]
        if self.shape is None:
            return (dense[0].shape[1], *(len(part) for part in dense))
        shape, found = self.shape, [math.prod(self.shape)]
        for weights in self.weights[: len(self.weights) - len(dense)]:
            found.append(math.prod(maps_behind(shape, weights.shape)))
            shape = self.behind(shape, weights)
        return (*found, *(len(part) for part in dense))

    def behind(self, shape: tuple[int, int, int], weights: np.ndarray) -> tuple[int, int, int]:
        """Return features, rows and columns behind a convolution and its pooling."""
        features, height, across = maps_behind(shape, weights.shape)
        return features, height // self.pool, across // self.pool

    @property
    def decay(self) -> float:
        """λ in (1): what is left of a potential after a step."""
        return math.exp(-self.dt_s / self.tau_s)


class MembraneResponse(NamedTuple):
    """What a network did: traces x and numbers of events of its input ``[N, in]``, and layers."""

    input_trace: np.ndarray
    input_counts: np.ndarray
    layers: tuple[LayerResponse, ...]


def _require_chain(network: MembraneNetwork) -> None:
    """Raise ValueError unless each layer fits the one before it."""
    shape, n_before = network.shape, None if network.shape is None else math.prod(network.shape)
    for weights in network.weights:
        if weights.ndim == 4:
            if shape is None or weights.shape[1] != shape[0]:
                raise ValueError("convolutions want a shape of their input, and come first")
            _, height, across = maps_behind(shape, weights.shape)
            if (
                weights.shape[2] != weights.shape[3]
                or height % network.pool
                or across % network.pool
            ):
                raise ValueError(f"pool must divide the {height} x {across} neurons of a feature")
            shape = network.behind(shape, weights)
            n_before = math.prod(shape)
        elif n_before not in (None, weights.shape[1]):
            raise ValueError(
                f"weights must follow one another; {weights.shape} on {n_before} units"
            )
        else:
            shape, n_before = None, len(weights)
    if network.weights[-1].ndim == 4:
        raise ValueError("the last layer must be [out, in]")


def respond(network: MembraneNetwork, events: SpikeEvents) -> MembraneResponse:
    """Show samples to a network, each from rest.

    Raises
    ------
    ValueError
        If events are of another number of units.

    Examples
    --------
    >>> network = MembraneNetwork(([[1.0]],), ([1.5],), tau_s=np.inf)
    >>> events = gradsim.SpikeEvents([0, 1, 2], [0, 0, 0], [0, 3], n_units=1, n_steps=3)
    >>> output = respond(network, events).layers[-1]
    >>> output.counts, output.potential
    (array([[1.]], dtype=float32), array([[1.5]], dtype=float32))
    """
    if events.n_units != network.sizes[0]:
        raise ValueError(f"events must be of {network.sizes[0]} units, not {events.n_units}")
    run = Run(network)
    parts = [
        run.show(by_step(events.take(slice(first, first + BATCH))))
        for first in range(0, max(len(events), 1), BATCH)
    ]
    layers = zip(*(part.layers for part in parts), strict=True)
    return MembraneResponse(
        np.concatenate([part.input_trace for part in parts]),
        np.concatenate([part.input_counts for part in parts]),
        tuple(LayerResponse(*map(np.concatenate, zip(*layer, strict=True))) for layer in layers),
    )


def classes(output: LayerResponse, thresholds: np.ndarray) -> np.ndarray:
    """Return the class ``[N]`` of each sample from what the last layer did.

    Examples
    --------
    >>> output = LayerResponse(np.array([[0.2, 0.4]]), np.zeros((1, 2)), np.array([[3.0, 3.0]]))
    >>> classes(output, np.array([1.0, 1.0]))
    array([1])
    """
    nearness = output.potential / thresholds  # below 1 after (2), of any size after (3)
    return (output.counts + np.arctan(nearness) / np.pi).argmax(axis=1)


def by_step(events: SpikeEvents) -> Spikes:
    """Return events as the loops read them."""
    return orders.spikes_by_step(
        events.step, events.unit, events.offsets, events.n_units, events.n_steps
    )


class Run:
    """A network on its way: layers as the loops read and training changes them.

    Parameters
    ----------
    network
        Its weights and thresholds are copied.
    """

    def __init__(self, network: MembraneNetwork) -> None:
        self.network, shape = network, network.shape
        self.layers: list[Layer] = []
        for weights, thresholds in zip(network.weights, network.thresholds, strict=True):
            if weights.ndim == 2:
                self.layers.append(Dense(weights, thresholds))
            else:
                assert shape is not None, "checked by the network"
                maps = Maps(weights, thresholds, shape, network.pool)
                self.layers.append(maps)
                shape = network.behind(shape, weights)

    def show(self, spikes: Spikes) -> MembraneResponse:
        """Show samples, each from rest."""
        network, found = self.network, []
        trace, counts = np.zeros((2, len(spikes.starts), network.sizes[0]), np.float32)
        loops.traces(spikes, np.float32(network.decay), trace, counts)
        for layer in self.layers:
            inhibition = network.inhibition if layer is self.layers[-1] else 0
            response, spikes = layer.show(spikes, network.decay, inhibition)
            found.append(response)
        return MembraneResponse(trace, counts, tuple(found))

    def trained(self) -> MembraneNetwork:
        """Return the network with the weights and thresholds of now."""
        weights = tuple(layer.weights for layer in self.layers)
        thresholds = tuple(layer.thresholds.copy() for layer in self.layers)
        return replace(self.network, weights=weights, thresholds=thresholds)


def below_layers(run: Run, response: MembraneResponse) -> list[np.ndarray]:
    """Return the traces ``[N, in]`` that arrive at each layer."""
    passed = zip(run.layers[:-1], response.layers[:-1], strict=True)
    return [response.input_trace, *(layer.pooled(found.trace) for layer, found in passed)]
