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
less nothing else is left of refractoriness. `initial` draws weights and thresholds as the paper,
uniform in ``±sqrt(3 / inputs)`` and ``α sqrt(3 / inputs)``; `with_thresholds` sets the latter by
what samples bring, so that one α suits few events and many.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gradsim import arrays
from gradsim.events import SpikeEvents
from gradsim.kernels import buffers, orders, threads
from gradsim.kernels import membrane as loops
from gradsim.kernels.orders import Spikes

BATCH = 128  # samples that `respond` shows at a time


@dataclass(frozen=True)
class MembraneNetwork:
    """Weights and thresholds, and how potentials decay and outputs compete.

    Parameters
    ----------
    weights
        One ``[out, in]`` for each layer, float32.
    thresholds
        One ``[out]`` for each layer, θ in (2), positive.
    tau_s, dt_s
        Time constant of membranes, infinite for none that leak, and the step, in seconds.
    inhibition
        μ in (3), from 0 (no competition) to below 1.

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

    def __post_init__(self) -> None:
        for name in ("weights", "thresholds"):
            parts = tuple(arrays.plain(name, part) for part in getattr(self, name))
            parts = tuple(part.astype(np.float32, copy=False) for part in parts)
            object.__setattr__(self, name, parts)
        shapes = [part.shape for part in self.weights]
        if not shapes or any(len(shape) != 2 for shape in shapes):
            raise ValueError(f"weights must be [out, in], a layer or more, not {shapes}")
        if any(before[0] != after[1] for before, after in pairwise(shapes)):
            raise ValueError(f"weights must follow one another, not {shapes}")
        if [part.shape for part in self.thresholds] != [shape[:1] for shape in shapes]:
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
        """Units of the input and of each layer."""
        return (self.weights[0].shape[1], *(len(part) for part in self.weights))

    @property
    def decay(self) -> float:
        """λ in (1): what is left of a potential after a step."""
        return math.exp(-self.dt_s / self.tau_s)


class LayerResponse(NamedTuple):
    """What a layer did with N samples, each ``[N, units]``.

    Parameters
    ----------
    potential, trace
        V and a as of the end of each sample.
    counts
        Numbers of spikes.
    """

    potential: np.ndarray
    trace: np.ndarray
    counts: np.ndarray


class MembraneResponse(NamedTuple):
    """What a network did: traces x and numbers of events of its input ``[N, in]``, and layers."""

    input_trace: np.ndarray
    input_counts: np.ndarray
    layers: tuple[LayerResponse, ...]


def initial(
    sizes: Sequence[int],
    rng: np.random.Generator,
    alphas: Sequence[float],
    tau_s: float = 20e-3,
    inhibition: float = 0.2,
) -> MembraneNetwork:
    """Return a network with the paper's initial weights and thresholds.

    Parameters
    ----------
    sizes
        Units of input, hidden layers and output.
    rng
        Source of the weights.
    alphas
        α of each layer: its thresholds in units of the largest initial weight.
    tau_s, inhibition
        Of `MembraneNetwork`.

    Raises
    ------
    ValueError
        If there is no layer, or a number is not positive.

    Examples
    --------
    >>> initial((784, 800, 10), np.random.default_rng(0), (30, 10)).sizes
    (784, 800, 10)
    """
    if len(sizes) < 2 or min(sizes) < 1 or len(alphas) != len(sizes) - 1 or not min(alphas) > 0:
        raise ValueError(
            "sizes must be those of input and output at least, with one of alphas for each but the "
            f"first, all positive, not {list(sizes)}, {list(alphas)}"
        )
    bounds = [math.sqrt(3 / n_in) for n_in in sizes[:-1]]
    weights = tuple(
        rng.uniform(-bound, bound, (n_out, n_in)).astype(np.float32)
        for bound, (n_in, n_out) in zip(bounds, pairwise(sizes), strict=True)
    )
    thresholds = tuple(
        np.full(n_out, alpha * bound, np.float32)
        for alpha, bound, n_out in zip(alphas, bounds, sizes[1:], strict=True)
    )
    return MembraneNetwork(weights, thresholds, tau_s, inhibition)


def with_thresholds(
    network: MembraneNetwork, samples: Spikes, shares: Sequence[float]
) -> MembraneNetwork:
    """Return the network with thresholds that suit its input: all of a layer alike.

    Parameters
    ----------
    network
        Whose weights stay.
    samples
        Some that it will be shown, as `gradsim.membrane_stimuli` gives them.
    shares
        Of each layer: its threshold in units of the root mean square of s in (5).

    Raises
    ------
    ValueError
        If there is not one positive share a layer, or a layer gets no input.

    Examples
    --------
    >>> network = MembraneNetwork(([[3.0], [4.0]],), ([1.0, 1.0],), tau_s=np.inf)
    >>> once = by_step(gradsim.SpikeEvents([0], [0], [0, 1], n_units=1, n_steps=1))
    >>> with_thresholds(network, once, [2.0]).thresholds[0]
    array([7.071068, 7.071068], dtype=float32)
    """
    if len(shares) != len(network.weights) or not min(shares) > 0:
        raise ValueError(f"shares must be positive, one for each layer, not {list(shares)}")
    thresholds = list(network.thresholds)
    for layer, share in enumerate(shares):
        response = Run(replace(network, thresholds=tuple(thresholds))).show(samples)
        below = response.layers[layer - 1].trace if layer else response.input_trace
        drive = math.sqrt(np.mean((below @ network.weights[layer].T) ** 2, dtype=np.float64))
        if not drive:
            raise ValueError(f"layer {layer + 1} gets no input; try lower shares before it")
        thresholds[layer] = np.full_like(thresholds[layer], share * drive)
    return replace(network, thresholds=tuple(thresholds))


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
    """A network on its way: weights and thresholds as the loops read and training changes them.

    Parameters
    ----------
    network
        Its weights and thresholds are copied: ``rows [in, out]`` and ``thresholds [out]`` of each
        layer are views of what the loops read, which is padded to whole vectors (`padded_rows`).
    """

    def __init__(self, network: MembraneNetwork) -> None:
        self.network, sizes = network, network.sizes
        self.padded_rows = [
            np.zeros((n_in, _width(n_out)), np.float32) for n_in, n_out in pairwise(sizes)
        ]
        self._thresholds = [np.full(_width(n_out), np.inf, np.float32) for n_out in sizes[1:]]
        self.rows = [part[:, :n] for part, n in zip(self.padded_rows, sizes[1:], strict=True)]
        self.thresholds = [part[:n] for part, n in zip(self._thresholds, sizes[1:], strict=True)]
        for layer, (weights, thresholds) in enumerate(
            zip(network.weights, network.thresholds, strict=True)
        ):
            self.rows[layer][:] = weights.T
            self.thresholds[layer][:] = thresholds

    def show(self, spikes: Spikes) -> MembraneResponse:
        """Show samples, each from rest."""
        decay, layers = np.float32(self.network.decay), []
        trace, counts = np.zeros((2, len(spikes.starts), len(self.rows[0])), np.float32)
        loops.traces(spikes, decay, trace, counts)
        for layer, (rows, threshold) in enumerate(
            zip(self.padded_rows, self._thresholds, strict=True)
        ):
            competes = layer == len(self.rows) - 1
            inhibition = np.float32(self.network.inhibition if competes else 0)
            found = _shown(rows, loops.Neurons(threshold, decay, inhibition), spikes)
            n = len(self.thresholds[layer])
            layers.append(
                LayerResponse(found.potential[:, :n], found.trace[:, :n], found.counts[:, :n])
            )
            spikes = found.spikes
        return MembraneResponse(trace, counts, tuple(layers))

    def trained(self) -> MembraneNetwork:
        """Return the network with the weights and thresholds of now."""
        weights = tuple(rows.T.copy() for rows in self.rows)
        thresholds = tuple(part.copy() for part in self.thresholds)
        return replace(self.network, weights=weights, thresholds=thresholds)


def _width(n: int) -> int:
    return -(-n // loops.LANES) * loops.LANES


def _shown(rows: np.ndarray, neurons: loops.Neurons, spikes: Spikes) -> loops.Record:
    """Return what a layer does with spikes."""
    n_samples, n_steps = spikes.starts.shape[0], spikes.starts.shape[1] - 1
    shape = (n_samples, rows.shape[1])
    potential, trace, counts = (buffers.zeros(shape, np.float32) for _ in range(3))
    units = buffers.empty(n_steps * n_samples * rows.shape[1], np.int32)
    starts = np.empty((n_samples, n_steps + 1), np.int64)
    record = loops.Record(potential, trace, counts, Spikes(units, starts))
    threads.in_parallel(
        lambda first, last: loops.dense(first, last, spikes, rows, neurons, record), n_samples
    )
    return record
