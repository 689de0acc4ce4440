"""Spiking maps that rebuild what they read, the unit of an autoencoder; Panda & Roy 2016.

"Unsupervised regenerative learning of hierarchical features in spiking deep networks for object
recognition", IJCNN 2016, arXiv:1602.01510. A window of ``C k k`` visible neurons sends ``n_i``
spikes, 0 to T, to K hidden ones, one a map, which have the same weights at every place::

    V_k = sum_i w_ki g n_i - b_k                                                          (1)
    h_k = clip(floor(V_k / θ), 0, T)   for the W largest V of a place, 0 for the others   (2)
    e_i = g n_i - θ sum_k w_ki h_k                                                        (3)

g is what a spike is worth. (2) is the number of spikes, in T steps, of a neuron that does not leak,
begins with all of its input, and loses the threshold with each spike; the W most driven inhibit the
others of the place. (3) is the potential of a visible neuron that its own spikes raise and those of
the hidden layer lower, through the weights that drove it. What is left of it is what the maps do
not tell: the error by which `gradsim.autoencoder_training` changes weights.

Each layer reads when the one before it has spiked, and nothing but spikes goes from layer to layer.
Beyond the edge of an image all is silent.

Deviations: neurons wait for the end of the window of T steps before they answer, so that counts do
not depend on how spikes are timed; the paper's neurons leak and answer meanwhile. Feedback and
inhibition between maps are of our choice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, conv_transpose2d, max_pool2d

from gradsim import arrays
from gradsim.rank_code import RankCode, contrasts

BLOCK = 64  # samples whose potentials are held at a time
MOST_STEPS = 255  # one byte holds a number of spikes


@dataclass(frozen=True)
class RebuildingMaps:
    """A layer of maps.

    Parameters
    ----------
    weights
        ``[K, C, k, k]`` w, float32; k odd.
    bias
        ``[K]`` b.
    threshold, gain
        θ and g, positive.
    n_steps
        T, up to 255.
    winners
        W, of a place; None: all.

    Raises
    ------
    ValueError
        If shapes do not fit or a number is outside its range.
    """

    weights: np.ndarray
    bias: np.ndarray
    threshold: float = 0.25
    gain: float = 1.0
    n_steps: int = 8
    winners: int | None = 2

    def __post_init__(self) -> None:
        for name in ("weights", "bias"):
            values = arrays.plain(name, getattr(self, name)).astype(np.float32, copy=False)
            object.__setattr__(self, name, values)
        shape = self.weights.shape
        if len(shape) != 4 or shape[2] != shape[3] or not shape[3] % 2 or not self.weights.size:
            raise ValueError(f"weights must be [maps, C, k, k] with k odd, not {list(shape)}")
        if self.bias.shape != shape[:1]:
            raise ValueError(f"bias must be [{shape[0]}], not {list(self.bias.shape)}")
        if not (self.threshold > 0 and self.gain > 0):
            raise ValueError(
                f"threshold and gain must be positive, not {self.threshold}, {self.gain}"
            )
        if not 1 <= self.n_steps <= MOST_STEPS:
            raise ValueError(f"n_steps must lie in 1..{MOST_STEPS}, not {self.n_steps}")
        if self.winners is not None and not 1 <= self.winners <= shape[0]:
            raise ValueError(f"winners must lie in 1..{shape[0]} or be None, not {self.winners}")


def contrast_spikes(images: np.ndarray, code: RankCode, full: float) -> np.ndarray:
    """Return how often neurons spike that contrast drives, ``[N, C, H, W]`` uint8.

    ``clip(floor(T c / full + 1/2), 0, T)`` times: integrate-and-fire neurons that begin at half
    their threshold.

    Parameters
    ----------
    images, code
        As for `gradsim.rank_code.contrasts`, whose T is ``code.n_steps``.
    full
        Contrast that spikes in each step, positive.

    Examples
    --------
    >>> image = np.zeros((1, 9, 9))
    >>> image[0, 4, 4] = 1.0
    >>> int(contrast_spikes(image, RankCode(n_steps=8), full=2.0)[0, 0, 4, 4])
    4
    """
    if not full > 0:
        raise ValueError(f"full must be positive, not {full}")
    level = np.floor(contrasts(images, code) * (code.n_steps / full) + 0.5)
    return np.minimum(level, code.n_steps).astype(np.uint8)


def respond(layer: RebuildingMaps, spikes: np.ndarray) -> np.ndarray:
    """Return h of every map at every place, ``[N, K, H, W]`` uint8.

    Parameters
    ----------
    layer
        The maps.
    spikes
        ``[N, C, H, W]`` numbers n of spikes of the layer before.

    Raises
    ------
    ValueError
        If spikes have another shape, or are negative.

    Examples
    --------
    >>> layer = RebuildingMaps(np.ones((1, 1, 1, 1)), [0.5], threshold=1.0, winners=None)
    >>> respond(layer, [[[[0, 1, 2, 200]]]]).ravel()
    array([0, 0, 1, 8], dtype=uint8)
    """
    given = fitting(layer, spikes)
    found = np.empty((len(given), len(layer.weights), *given.shape[2:]), np.uint8)
    with torch.no_grad():
        for start in range(0, len(given), BLOCK):
            part = slice(start, start + BLOCK)
            found[part] = _counts(layer, torch.from_numpy(given[part]).float()).numpy()
    return found


def _counts(layer: RebuildingMaps, spikes: Tensor) -> Tensor:
    weights, padding = torch.from_numpy(layer.weights) * layer.gain, layer.weights.shape[3] // 2
    potential = conv2d(spikes, weights, -torch.from_numpy(layer.bias), padding=padding)
    counts = (potential / layer.threshold).floor_().clamp_(0, layer.n_steps)
    for_all = layer.winners is None or layer.winners == len(layer.weights)
    return counts if for_all else counts * _winning(potential, layer.winners)


def _winning(potential: Tensor, winners: int | None) -> Tensor:
    """Return which of ``[B, K, H, W]`` are among the largest of their place."""
    assert winners is not None
    left, largest = potential.clone(), potential.amax(1, keepdim=True)
    for _ in range(winners - 1):
        left[left >= largest] = -math.inf
        largest = left.amax(1, keepdim=True)
    return potential >= largest


def rebuilt(layer: RebuildingMaps, counts: np.ndarray) -> np.ndarray:
    """Return what hidden spikes say of the input, in spikes, ``[N, C, H, W]`` float32.

    Each input is told by all windows in which it lies, of which this is the mean: in (3), what is
    taken from ``g n``, divided by g.

    Parameters
    ----------
    layer
        The maps.
    counts
        ``[N, K, H, W]`` of `respond`.
    """
    given = arrays.plain("counts", counts)
    if given.ndim != 4 or given.shape[1] != len(layer.weights):
        raise ValueError(f"counts must be [N, {len(layer.weights)}, H, W], not {given.shape}")
    weights = torch.from_numpy(layer.weights) * (layer.threshold / layer.gain)
    padding = weights.shape[3] // 2
    with torch.no_grad():
        told = conv_transpose2d(torch.from_numpy(given).float(), weights, padding=padding)
        once = torch.ones(1, 1, *given.shape[2:])
        windows = conv_transpose2d(once, torch.ones(1, 1, *weights.shape[2:]), padding=padding)
    return (told / windows).numpy()


def strongest(counts: np.ndarray, size: int) -> np.ndarray:
    """Return the largest number of spikes in each window of ``size x size``, which do not overlap.

    What is left at the right and the bottom is a smaller window.
    """
    pooled = max_pool2d(torch.from_numpy(counts).float(), size, ceil_mode=True)
    return pooled.numpy().astype(np.uint8)


def pooled(counts: np.ndarray, size: int) -> np.ndarray:
    """Return the sums of windows, float32: their spikes as of one unit; see `strongest`.

    Examples
    --------
    >>> pooled(np.ones((1, 1, 3, 3), np.uint8), 2)[0, 0]
    array([[4., 2.],
           [2., 1.]], dtype=float32)
    """
    given = torch.from_numpy(counts).float()
    return avg_pool2d(given, size, ceil_mode=True, divisor_override=1).numpy()


def fitting(layer: RebuildingMaps, spikes: np.ndarray) -> np.ndarray:
    """Return spikes as an array, or raise ValueError where the layer cannot read them."""
    given, channels = arrays.integers("spikes", spikes), layer.weights.shape[1]
    if given.ndim != 4 or given.shape[1] != channels:
        raise ValueError(f"spikes must be [N, {channels}, H, W], not {list(given.shape)}")
    if given.size and given.min() < 0:
        raise ValueError("spikes must be 0 or more")
    return given
