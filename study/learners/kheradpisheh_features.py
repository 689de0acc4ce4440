"""What a read-out of spiking maps gets to see, and what it takes to see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import sparse

from study.learners.kheradpisheh_config import KheradpishehConfig

if TYPE_CHECKING:
    from gradsim.stdp_convolution import SpikingMaps

MATCHED_ON = 500  # images on which spikes are counted to choose thresholds
LEVELS = 256  # of such a threshold, up to twice the one before


class Seen(NamedTuple):
    """Features of some images, and sums over these.

    Parameters
    ----------
    features
        ``[N, F]`` CSR.
    spikes
        By layer: of the input, and of each layer of maps before and after pooling.
    additions
        Of each layer that maps read: input, and pooled maps.
    """

    features: sparse.csr_array
    spikes: tuple[int, ...]
    additions: tuple[int, ...]


def see(
    config: KheradpishehConfig,
    layers: Sequence[SpikingMaps],
    images: np.ndarray,
    rng: np.random.Generator,
) -> Seen:
    """Return the features of images ``[N, H, W]``; ``rng`` shuffles times where that is asked."""
    from gradsim.stdp_convolution import largest_potentials, respond

    if config.features == "pixels":
        return Seen(_rows(images), (), ())
    times = encoded(config, images, rng)
    spikes, additions = [int(np.sum(times < config.n_steps))], []
    if config.features == "contrast":
        return Seen(_early(times, config.n_steps), tuple(spikes), ())
    *hidden, last = layers
    for layer in hidden if config.readout == "potentials" else layers:
        response = respond(layer, times)
        times = response.times
        additions.append(int(response.additions.sum()))
        spikes += [int(response.spikes.sum()), int(np.sum(times < config.n_steps))]
    if config.readout == "latencies":
        return Seen(_early(times, config.n_steps), tuple(spikes), tuple(additions))
    potentials, added = largest_potentials(last, times)
    return Seen(_rows(potentials), tuple(spikes), (*additions, int(added.sum())))


def encoded(config: KheradpishehConfig, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the steps of images' spikes ``[N, 2, H, W]``, shuffled where that is asked."""
    from gradsim.rank_code import encode, shuffled

    times = encode(images, config.code())
    return shuffled(times, config.n_steps, rng) if config.times == "shuffled" else times


def _early(times: np.ndarray, n_steps: int) -> sparse.csr_array:
    """Return how early each spike comes: 1 at once, 0 for silence."""
    return _rows(1 - times / np.float32(n_steps))


def _rows(values: np.ndarray) -> sparse.csr_array:
    return sparse.csr_array(values.reshape(len(values), -1).astype(float))


def displaced(layer: SpikingMaps, rng: np.random.Generator) -> SpikingMaps:
    """Return a layer with the weights of each filter in random places."""
    shape = layer.weights.shape
    weights = rng.permuted(layer.weights.reshape(shape[0], -1), axis=1).reshape(shape)
    return replace(layer, weights=np.ascontiguousarray(weights))


def matched(layer: SpikingMaps, times: np.ndarray, n_spikes: float) -> SpikingMaps:
    """Return a layer with the highest common threshold at which it spikes at least so often.

    Parameters
    ----------
    layer
        Its thresholds are replaced, by at most twice the highest of them.
    times
        ``[N, channels, H, W]`` on which spikes are counted.
    n_spikes
        Mean number a sample.
    """
    from gradsim.stdp_convolution import respond

    unit = 2 * float(layer.thresholds.max()) / LEVELS

    def at(level: int) -> SpikingMaps:
        return replace(layer, thresholds=np.full_like(layer.thresholds, unit * level))

    low, high = 1, LEVELS
    while low < high:
        middle = (low + high + 1) // 2
        enough = respond(at(middle), times).spikes.mean() >= n_spikes
        low, high = (middle, high) if enough else (low, middle - 1)
    return at(low)
