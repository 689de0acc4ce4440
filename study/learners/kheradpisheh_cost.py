"""What an answer of spiking maps costs, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from study.learners.kheradpisheh_config import KheradpishehConfig
from study.learners.kheradpisheh_features import Seen
from study.learning.cost import Layer

if TYPE_CHECKING:
    from gradsim.stdp_convolution import SpikingMaps


def senders(n_layers: int) -> list[str]:
    """Return the layers whose spikes meet weights: the input, and each layer's pooled maps.

    Examples
    --------
    >>> senders(1)
    ['input', 'pooled 1']
    """
    return ["input", *(f"pooled {number + 1}" for number in range(n_layers))]


def layers_of(
    config: KheradpishehConfig,
    maps: Sequence[SpikingMaps],
    found: Sequence[Seen],
    shape: tuple[int, ...],
    read_weights: np.ndarray,
) -> tuple[Layer, ...]:
    """Return what each layer does for a sample: contrasts, maps, and the read-out.

    Contrasts are multiply-accumulates of pixels, maps additions; the read-out multiplies features
    that are not 0.

    Parameters
    ----------
    config, maps
        The system.
    found
        What was seen of batches of images.
    shape
        Of the images, ``[N, H, W]``.
    read_weights
        ``[F, classes]``.
    """
    n, (height, width) = shape[0], shape[1:]
    spikes, additions = (
        [float(total) / n for total in np.sum(parts, axis=0)]
        for parts in zip(*((seen.spikes, seen.additions) for seen in found), strict=True)
    )
    read = sum(seen.features.count_nonzero() for seen in found) / n
    reading: dict[str, Any] = {
        "macs": float(read * read_weights.shape[1]),
        "weights": read_weights.size,
    }
    if config.features == "pixels":
        return (Layer("pixels", **reading),)
    kernels, names = 2 * config.side**2, senders(len(maps))
    layers = [Layer("pixels", macs=float(kernels * height * width), weights=kernels)]
    for k, (each, neurons) in enumerate(zip(maps, _neurons(maps, height, width), strict=True)):
        layers.append(Layer(names[k], spikes[2 * k], additions[k], weights=each.weights.size))
        updates: dict[str, Any] = {"updates": float(neurons * config.n_steps), "states": 1}
        if 2 * k + 1 == len(spikes):  # potentials are read: none of its neurons spikes
            return (*layers, Layer(f"maps {k + 1}", **updates, **reading))
        layers.append(Layer(f"maps {k + 1}", spikes[2 * k + 1], **updates))
    return (*layers, Layer(names[-1], spikes[-1], **reading))


def _neurons(maps: Sequence[SpikingMaps], height: int, width: int) -> Iterator[int]:
    """Yield how many neurons each layer has for images of this size."""
    for layer in maps:
        rows, columns = layer.places(height, width)
        yield rows * columns * len(layer.weights)
        height, width = -(-rows // layer.pool), -(-columns // layer.pool)
