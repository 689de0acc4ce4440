"""Lessons and answers of the mirrored autoencoder by the compiled kernel.

What it guarantees: what is given stays as it is, a lesson returns a network of its own; the same
generator state gives the same bits; no label is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from biosim.given import indices, numbers
from biosim.mirrored import kernel
from biosim.mirrored.network import Network, Specification

CHUNK = 500  # images whose spikes are drawn at once

Progress = Callable[[float, str], None]


class Response(NamedTuple):
    """Spike counts by image: ``given`` and ``rebuilt`` ``[N, n_in]``, ``hidden`` ``[N, n_hidden]``.

    The first bout's, the third's and the second's.
    """

    given: np.ndarray
    hidden: np.ndarray
    rebuilt: np.ndarray


class History(NamedTuple):
    """How a lesson went, chunk after chunk ``[P]``.

    Parameters
    ----------
    seen
        Images seen so far.
    symmetry
        Correlation of forward and feedback weights.
    error
        Mean squared difference of the chunk's pixels and what was made of them.
    """

    seen: np.ndarray
    symmetry: np.ndarray
    error: np.ndarray


def learn(
    spec: Specification,
    net: Network,
    images: ArrayLike,
    order: ArrayLike,
    rng: np.random.Generator,
    progress: Progress = lambda _share, _note: None,
) -> tuple[Network, History]:
    """Return the network after a lesson, and how its weights came to mirror each other.

    Parameters
    ----------
    spec
        Constants.
    net
        From `initial`, or from another lesson; it is not changed.
    images
        ``[N, n_in]`` in 0..1.
    order
        Which of them are shown, one after another.
    rng
        Draws input spikes.
    progress
        Told the share that is done.

    Raises
    ------
    ValueError
        If images, order or network do not fit each other.

    Examples
    --------
    >>> from biosim.mirrored import initial
    >>> spec = Specification(n_hidden=2, weight_start=0.2, threshold_start=0.3, rate=0.02)
    >>> rng, images = np.random.default_rng(0), [[1.0, 0.0, 1.0]]
    >>> after, _ = learn(spec, initial(spec, 3, rng), images, [0] * 200, rng)
    >>> respond(spec, after, images, rng).rebuilt
    array([[4, 0, 4]])
    """
    shown = plain_images(images, net)
    which = indices("order", order, len(shown), ndim=1)
    after = Network(*(np.array(each, dtype=float, order="C") for each in net))
    falling = np.linspace(spec.rate, spec.rate_last, max(1, len(which)))
    history = np.zeros((3, -(-len(which) // CHUNK)))
    for k, part in enumerate(_parts(len(which))):
        chunk = shown[which[part]]
        counts = _show(spec, after, chunk, falling[part], rng)
        done, error = part.start + len(chunk), chunk - rebuilt_images(spec, counts.rebuilt)
        history[:, k] = done, after.symmetry, np.mean(error**2)
        progress(done / len(which), f"symmetry {after.symmetry:.3f}")
    return after, History(history[0].astype(np.int64), *history[1:])


def rebuilt_images(spec: Specification, rebuilt: np.ndarray) -> np.ndarray:
    """Return the images that spikes of the third bout stand for, in the unit of pixels."""
    return rebuilt / spec.white_spikes


def respond(
    spec: Specification, net: Network, images: ArrayLike, rng: np.random.Generator
) -> Response:
    """Return the spikes of a network that does not learn.

    Raises
    ------
    ValueError
        If images do not fit the network, or are not in 0..1.
    """
    shown = plain_images(images, net)
    own = Network(*(np.array(each, dtype=float, order="C") for each in net))
    found = [
        _show(spec, own, shown[part], np.zeros(len(shown[part])), rng)
        for part in _parts(len(shown))
    ]
    n_in, n_hidden = net.forward.shape
    none = [np.zeros((0, n), np.int64) for n in (n_in, n_hidden, n_in)]
    return Response(*map(np.concatenate, zip(none, *found, strict=True)))


def plain_images(images: ArrayLike, net: Network) -> np.ndarray:
    """Return images ``[N, n_in]`` as float64, or refuse them."""
    plain = numbers("images", images, ndim=2)
    if plain.shape[1] != len(net.forward):
        raise ValueError(
            f"images must have {len(net.forward)} pixels, as the network has inputs, "
            f"not {plain.shape[1]}"
        )
    if plain.size and not (plain.min() >= 0 and plain.max() <= 1):
        raise ValueError("intensities must lie in 0..1")
    return plain


def input_spikes(spec: Specification, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return which inputs spike in the steps of the first bout, ``[N, n_steps, n_in]`` Boolean."""
    chance = images * (spec.white_spikes / spec.bout_steps)
    return rng.random((len(images), spec.bout_steps, images.shape[1])) < chance[:, None]


def _show(
    spec: Specification,
    net: Network,
    images: np.ndarray,
    rates: np.ndarray,
    rng: np.random.Generator,
) -> kernel.Counts:
    """Show images to a network, which changes in place where rates are not 0."""
    n_in, n_hidden = net.forward.shape
    constants = kernel.Constants(
        spec.bout_steps,
        spec.keep_trace,
        1.0 if spec.feedback == "mirrored" else -1.0,
        spec.threshold_rate,
        spec.threshold_least,
        spec.wanted_spikes,
    )
    state = kernel.State(*(np.zeros(n) for n in (n_hidden, n_in, n_hidden, n_in)))
    counts = kernel.Counts(*(np.zeros((len(images), n), np.int64) for n in (n_in, n_hidden, n_in)))
    kernel.show(constants, *net, state, input_spikes(spec, images, rng), rates, counts)
    return counts


def _parts(n: int) -> Iterator[slice]:
    return (slice(first, first + CHUNK) for first in range(0, n, CHUNK))
