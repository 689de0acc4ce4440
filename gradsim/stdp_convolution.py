"""Maps of neurons that spike once and share weights, behind a rank code; pooled by first spikes.

Kheradpisheh, Ganjtabesh, Thorpe & Masquelier, "STDP-based spiking deep convolutional neural
networks for object recognition", Neural Networks 99:56-67, 2018, section 2. With s the spikes of
`gradsim.rank_code` or of pooled maps before, w the weights of map m, and from rest, V = 0::

    V_m <- V_m + w_m * s(t)                                                             (1)
    m spikes if V_m > θ_m, once; of a place only the map with the largest V_m - θ_m     (2)
    a window of p x p places of a map spikes with the first of these                    (3)

Potentials do not leak: what was early counts for as long as the sample lasts. By (2) the first
spike of a place inhibits all other maps there; without inhibition every neuron may spike, still
once. (3) is pooling without overlap; what is beyond the edge is silent. What classifies is a
read-out of the steps of (3), the earlier the stronger, or, as in the paper, the largest potential
of each map where none spikes.

`gradsim.stdp_convolution_training` learns the weights, by STDP and without labels. Steps are
integers 0 to T - 1, T for silence, so that layers stand one behind another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gradsim.arrays import integers
from gradsim.kernels import spiking_maps as loops
from gradsim.rank_code import MOST_STEPS


@dataclass(frozen=True)
class SpikingMaps:
    """Weights and thresholds of a layer, and how its places are pooled.

    Parameters
    ----------
    weights
        ``[maps, channels, k, k]`` float32.
    thresholds
        ``[maps]`` float32, above 0.
    padding
        Silent places at each edge.
    pool
        p, the side of a window; 1 pools nothing.
    n_steps
        T.
    inhibits
        Whether the first spike of a place is its last; see (2).

    Raises
    ------
    ValueError
        If shapes, types or numbers are not as above.
    """

    weights: np.ndarray
    thresholds: np.ndarray
    padding: int = 0
    pool: int = 1
    n_steps: int = 15
    inhibits: bool = True

    def __post_init__(self) -> None:
        shape = self.weights.shape
        if len(shape) != 4 or shape[2] != shape[3] or not self.weights.size:
            raise ValueError(f"weights must be [maps, channels, k, k], not {list(shape)}")
        if self.thresholds.shape != shape[:1] or not (self.thresholds > 0).all():
            raise ValueError(f"thresholds must be [{shape[0]}] and above 0")
        if {self.weights.dtype, self.thresholds.dtype} != {np.dtype(np.float32)}:
            raise ValueError(
                f"weights and thresholds must be float32, not {self.weights.dtype}, "
                f"{self.thresholds.dtype}"
            )
        if self.padding < 0 or self.pool < 1 or not 1 <= self.n_steps <= MOST_STEPS:
            raise ValueError(
                f"padding must be 0 or more, pool at least 1 and n_steps in 1..{MOST_STEPS}, not "
                f"{self.padding}, {self.pool}, {self.n_steps}"
            )

    def places(self, height: int, width: int) -> tuple[int, int]:
        """Return rows and columns of a map for input of this size, before pooling.

        Raises
        ------
        ValueError
            If a filter is larger than the padded input.
        """
        rows, columns = (side + 2 * self.padding - self.size + 1 for side in (height, width))
        if min(rows, columns) < 1:
            raise ValueError(f"filters of {self.size} are larger than {height} x {width}, padded")
        return rows, columns

    @property
    def size(self) -> int:
        """k, the side of a filter."""
        return self.weights.shape[2]


class MapsResponse(NamedTuple):
    """What a layer did with N samples.

    Parameters
    ----------
    times
        ``[N, maps, H', W']`` uint8: the step of the first spike of each window, T for silence.
    spikes
        ``[N]`` spikes of all neurons, before pooling.
    additions
        ``[N]`` weights that are not 0 and were added to a potential; a place that has spiked and
        inhibits takes no more.
    """

    times: np.ndarray
    spikes: np.ndarray
    additions: np.ndarray


def respond(layer: SpikingMaps, times: np.ndarray) -> MapsResponse:
    """Show samples to a layer, each from rest.

    Parameters
    ----------
    layer
        See `SpikingMaps`.
    times
        ``[N, channels, H, W]``, integers: steps, T for silence.

    Raises
    ------
    ValueError
        If times have another shape or leave 0..T.

    Examples
    --------
    >>> weights = np.ones((1, 1, 2, 2), np.float32)
    >>> layer = SpikingMaps(weights, np.array([1.5], np.float32), n_steps=4)
    >>> response = respond(layer, [[[[0, 2, 4], [4, 4, 4]]]])
    >>> response.times[0, 0], response.spikes
    (array([[2, 4]], dtype=uint8), array([1]))
    """
    given = samples(layer, times)
    places = layer.places(*given.shape[2:])
    windows = [-(-side // layer.pool) for side in places]
    found = np.full((len(given), len(layer.weights), *windows), layer.n_steps, np.uint8)
    spikes, additions = np.zeros((2, len(given)), np.int64)
    maps = as_loops_have_it(layer)
    reach = _room(maps, places, given.shape[1:])
    loops.respond(given, maps, places, layer.pool, reach, found, spikes, additions)
    return MapsResponse(found, spikes, additions)


def largest_potentials(layer: SpikingMaps, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest last potential of each map, of neurons that do not spike.

    Parameters
    ----------
    layer, times
        As of `respond`.

    Returns
    -------
    potentials
        ``[N, maps]`` float32.
    additions
        ``[N]``.

    Raises
    ------
    ValueError
        As of `respond`.

    Examples
    --------
    >>> weights = np.ones((1, 1, 2, 2), np.float32)
    >>> layer = SpikingMaps(weights, np.array([1.5], np.float32), n_steps=4)
    >>> largest_potentials(layer, [[[[0, 2, 4], [1, 1, 4]]]])[0]
    array([[4.]], dtype=float32)
    """
    given = samples(layer, times)
    places = layer.places(*given.shape[2:])
    potentials = np.zeros((len(given), len(layer.weights)), np.float32)
    additions = np.zeros(len(given), np.int64)
    maps = as_loops_have_it(layer)
    loops.largest_potentials(
        given, maps, places, _room(maps, places, given.shape[1:]), potentials, additions
    )
    return potentials, additions


def samples(layer: SpikingMaps, times: np.ndarray) -> np.ndarray:
    """Return the steps of samples as the loops take them; raises as `respond`."""
    array, channels = integers("times", times), layer.weights.shape[1]
    if array.ndim != 4 or array.shape[1] != channels:
        raise ValueError(f"times must be [N, {channels}, H, W], not {list(array.shape)}")
    if array.size and not (array.min() >= 0 and array.max() <= layer.n_steps):
        raise ValueError(f"times must lie in 0..{layer.n_steps}, which is silence")
    return np.ascontiguousarray(array, np.uint8)


def as_loops_have_it(layer: SpikingMaps) -> loops.Maps:
    """Return a copy of a layer in the order in which the loops read it."""
    weights = np.array(layer.weights.reshape(len(layer.weights), -1).T, order="C")
    return loops.Maps(
        weights,
        weights.max(axis=1),
        np.count_nonzero(weights, axis=1),
        layer.thresholds,
        layer.thresholds.min(),
        layer.size,
        layer.padding,
        layer.n_steps,
        layer.inhibits,
    )


def _room(maps: loops.Maps, places: tuple[int, int], sample: tuple[int, ...]) -> loops.Reach:
    """Return room for what reaches the places of a sample of this shape."""
    n_inputs, n_maps = maps.weights.shape
    return loops.Reach(
        order=np.zeros(math.prod(sample), np.int64),
        first=np.zeros(maps.n_steps + 1, np.int64),
        n_inputs=np.zeros(math.prod(places), np.int64),
        inputs=np.zeros((math.prod(places), n_inputs), np.int64),
        steps=np.zeros((math.prod(places), n_inputs), np.uint8),
        potential=np.zeros(n_maps, np.float32),
        excess=loops.excess_of(n_maps),
    )
