"""What a read-out of rebuilding maps gets to see, and what an answer costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from study.learners.panda_roy_config import PandaRoyConfig
from study.learning.cost import Layer

if TYPE_CHECKING:
    from gradsim.autoencoder import RebuildingMaps

MATCHED_ON = 300  # images on which spikes are counted to choose a drive
LEVELS = 1024  # of such a drive


class Seen(NamedTuple):
    """Features of some images, and sums over these.

    Parameters
    ----------
    features
        ``[N, F]`` numbers of spikes, or pixels.
    spikes
        Of the input, and of each layer of maps before pooling; empty where pixels are read.
    sent
        Spikes that go on from each of these, pooled between layers of maps.
    additions
        Of each layer that maps read.
    """

    features: np.ndarray
    spikes: tuple[int, ...]
    sent: tuple[int, ...]
    additions: tuple[int, ...]


def see(config: PandaRoyConfig, layers: Sequence[RebuildingMaps], images: np.ndarray) -> Seen:
    """Return the features of images ``[N, H, W]``."""
    from gradsim.autoencoder import pooled, respond, strongest

    if config.features == "pixels":
        return Seen(images.reshape(len(images), -1), (), (), ())
    counts = encoded(config, images)
    spikes, sent, additions = [int(counts.sum())], [int(counts.sum())], []
    for number, layer in enumerate(layers):
        if number:
            counts = strongest(counts, config.pool[number - 1])
            sent[-1] = int(counts.sum())
        additions.append(int((counts.sum(axis=(0, 1)) * reached(layer, counts.shape[2:])).sum()))
        counts = respond(layer, counts)
        spikes.append(int(counts.sum()))
        sent.append(spikes[-1])
    features = pooled(counts, config.pool[-1]).reshape(len(images), -1)
    return Seen(features, tuple(spikes), tuple(sent), tuple(additions))


def encoded(config: PandaRoyConfig, images: np.ndarray) -> np.ndarray:
    """Return how often ON and OFF contrasts spike, ``[N, 2, H, W]``."""
    from gradsim.autoencoder import contrast_spikes

    return contrast_spikes(images, config.code(), config.full)


def reached(layer: RebuildingMaps, sides: tuple[int, ...]) -> np.ndarray:
    """Return how many neurons a spike at each place reaches, ``[H, W]``.

    Those of all maps in the window around it, as far as there are any.
    """
    n_maps, size = len(layer.weights), layer.weights.shape[3]
    along = [np.convolve(np.ones(n), np.ones(size))[size // 2 :][:n] for n in sides]
    return n_maps * np.outer(*along)


def matched(layer: RebuildingMaps, spikes: np.ndarray, n_spikes: float) -> RebuildingMaps:
    """Return a layer with the least common drive besides its biases by which it spikes so often.

    Parameters
    ----------
    layer
        The maps.
    spikes
        ``[N, C, H, W]`` on which their spikes are counted.
    n_spikes
        Mean number a sample at least.

    Raises
    ------
    ValueError
        If no drive up to twice what makes a neuron spike in each step is enough.
    """
    from gradsim.autoencoder import respond

    unit = 2 * layer.threshold * layer.n_steps / LEVELS

    def at(level: int) -> RebuildingMaps:
        return replace(layer, bias=layer.bias - np.float32(unit * level))

    low, high = 0, LEVELS
    while low < high:
        middle = (low + high) // 2
        enough = respond(at(middle), spikes).sum() >= n_spikes * len(spikes)
        low, high = (low, middle) if enough else (middle + 1, high)
    if low == LEVELS:
        raise ValueError(f"no drive makes maps spike {n_spikes:g} times a sample")
    return at(low)


def senders(config: PandaRoyConfig) -> list[str]:
    """Return the layers whose spikes meet weights.

    Examples
    --------
    >>> senders(PandaRoyConfig()), senders(PandaRoyConfig(features="pixels", readout="head"))
    (['input', 'maps 1'], ['pixels', 'hidden'])
    """
    maps = [f"maps {number + 1}" for number in config.layers] if config.features == "maps" else []
    first = "pixels" if config.features == "pixels" else "input"
    return [first, *maps, *(["hidden"] if config.readout == "head" else [])]


def layers_of(
    config: PandaRoyConfig,
    maps: Sequence[RebuildingMaps],
    found: Sequence[Seen],
    shape: tuple[int, ...],
    read: Sequence[np.ndarray],
    hidden: float | None,
) -> tuple[Layer, ...]:
    """Return what each layer does for a sample: contrasts, maps, and what reads them.

    Contrasts are multiply-accumulates of pixels; all else additions, since numbers of spikes are
    what is read.

    Parameters
    ----------
    config, maps
        The system.
    found
        What was seen of batches of images.
    shape
        Of the images, ``[N, H, W]``.
    read
        Weights behind the features ``[F, out]``, and of the head's output.
    hidden
        Spikes of the head's hidden neurons, of all images; None without a head.
    """
    n, height, width = shape
    behind: list[Layer] = []
    if hidden is not None:
        each, work = hidden / n, float(config.n_steps * config.hidden)
        out = read[1].shape[1]
        behind = [Layer("hidden", each, each * out, updates=work, states=1, weights=read[1].size)]
    if config.features == "pixels":
        active = sum(np.count_nonzero(seen.features) for seen in found) / n
        macs = float(active * read[0].shape[1])
        return (Layer("pixels", macs=macs, weights=read[0].size), *behind)
    spikes, sent, additions = (
        np.sum([getattr(seen, name) for seen in found], axis=0) / n
        for name in ("spikes", "sent", "additions")
    )
    kernels = 2 * config.side**2
    layers = [Layer("pixels", macs=float(kernels * height * width), weights=kernels)]
    for k, name in enumerate(["input", *(f"maps {j + 1}" for j in range(len(maps)))]):
        last = k == len(maps)
        places = 0 if not k else height * width * len(maps[k - 1].weights)
        layers.append(
            Layer(
                name,
                spikes=float(spikes[k]),
                additions=float(sent[k] * read[0].shape[1] if last else additions[k]),
                updates=float(places * config.n_steps),
                states=1 if k else 0,
                weights=read[0].size if last else maps[k].weights.size,
            )
        )
        if k:
            height, width = -(-height // config.pool[k - 1]), -(-width // config.pool[k - 1])
    return (*layers, *behind)
