"""How maps learn by STDP from the order of spikes, without labels; Kheradpisheh et al. 2018.

Neural Networks 99:56-67, section 2.3. Samples come one by one. Of the neurons that spike in a step
of `gradsim.stdp_convolution`, those farthest above threshold learn first, of a sample at most
``n_winners``, one a map, and none within ``radius`` rows and columns of another::

    w <- w + a+ w (1 - w)   where the input spiked in this step or before               (4)
    w <- w - a- w (1 - w)   where it spikes later, or never                             (5)

All neurons of a map share w, so that what one learns the others know at once. Weights go to 0 or 1;
the mean of ``w (1 - w)`` over a layer tells how far they are from there, and learning stops where
it is less than ``converged``::

    C = mean w (1 - w)                                                                  (6)

Winners are those of the whole layer, found step by step; what a sample changes late has been
decided by weights that it changed early.

Deviation, as in SpykeTorch (Mozafari et al., Front. Neurosci. 13:625, 2019): a+ and a- may double
after each ``double_every`` samples, up to ``largest_rate``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gradsim.kernels import stdp_convolution as loops
from gradsim.kernels.spiking_maps import excess_of
from gradsim.stdp_convolution import SpikingMaps, as_loops_have_it, samples
from gradsim.training import Progress

LOOK_EVERY = 250  # samples between two values of (6)


@dataclass(frozen=True)
class ConvolutionSTDP:
    """How maps learn; the defaults are the paper's rule, for one pass at most.

    Parameters
    ----------
    rate, depression
        a+, and a- as a share of it.
    double_every, largest_rate
        After how many samples a+ doubles, and up to where; None: never.
    n_winners, radius
        Neurons that learn from a sample at most, and places around each in which no other does.
    converged
        Learning stops where (6) is less.

    Raises
    ------
    ValueError
        If a number is outside its range.
    """

    rate: float = 0.004
    depression: float = 0.75
    double_every: int | None = None
    largest_rate: float = 0.15
    n_winners: int = 5
    radius: int = 2
    converged: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.rate <= self.largest_rate <= 1 or not 0 < self.depression <= 1:
            raise ValueError(
                "rate, largest_rate and depression must rise from 0 to at most 1, not "
                f"{self.rate}, {self.largest_rate}, {self.depression}"
            )
        if self.n_winners < 1 or self.radius < 0 or self.converged < 0:
            raise ValueError(
                "n_winners must be at least 1, radius and converged 0 or more, not "
                f"{self.n_winners}, {self.radius}, {self.converged}"
            )
        if self.double_every is not None and self.double_every < 1:
            raise ValueError(f"double_every must be at least 1 or None, not {self.double_every}")

    def rate_after(self, seen: int) -> float:
        """Return a+ after so many samples.

        Examples
        --------
        >>> ConvolutionSTDP(rate=0.02, double_every=500).rate_after(1200)
        0.08
        """
        doublings = seen // self.double_every if self.double_every else 0
        return min(self.rate * 2.0**doublings, self.largest_rate)


class MapsHistory(NamedTuple):
    """How a layer learned.

    Parameters
    ----------
    seen, convergence
        ``[P]`` samples so far, 0 at first, and (6) then.
    wins
        ``[maps]`` how often each learned.
    """

    seen: np.ndarray
    convergence: np.ndarray
    wins: np.ndarray


def initial(
    shape: Sequence[int],
    threshold: float,
    rng: np.random.Generator,
    mean: float = 0.8,
    deviation: float = 0.05,
) -> SpikingMaps:
    """Return a layer with normal weights, clipped to 0..1, without padding or pooling.

    Parameters
    ----------
    shape
        Maps, channels and the two sides of a filter.
    threshold
        Of all maps.
    rng
        Source of the weights.
    mean, deviation
        Of the weights; with the defaults neurons first spike when about ``threshold / mean`` inputs
        have come, wherever these are.

    Examples
    --------
    >>> layer = initial((30, 2, 5, 5), 15.0, np.random.default_rng(0))
    >>> layer.weights.shape, bool(0.79 < layer.weights.mean() < 0.81)
    ((30, 2, 5, 5), True)
    """
    weights = np.clip(rng.normal(mean, deviation, tuple(shape)), 0, 1).astype(np.float32)
    return SpikingMaps(weights, np.full(len(weights), threshold, np.float32))


def convergence(weights: np.ndarray) -> float:
    """Return (6).

    Examples
    --------
    >>> convergence(np.array([0.0, 1.0, 0.5, 0.5]))
    0.125
    """
    return float(np.mean(weights * (1 - weights), dtype=np.float64))


def learn(
    layer: SpikingMaps,
    times: np.ndarray,
    rule: ConvolutionSTDP,
    progress: Progress = lambda _fraction, _note: None,
) -> tuple[SpikingMaps, MapsHistory]:
    """Show samples one after another and return the layer that has learned, and how it did.

    Parameters
    ----------
    layer
        Where to start; unchanged. Neurons inhibit each other meanwhile, whatever it says.
    times
        ``[N, channels, H, W]`` as for `gradsim.stdp_convolution.respond`, in the order in which
        they are shown, as many times as they are.
    rule
        How.
    progress
        Called with the share that is done and a note.

    Raises
    ------
    ValueError
        If times do not fit, or weights leave 0..1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> bar = np.full((200, 1, 3, 3), 15)
    >>> bar[:, 0, :, 1] = np.arange(3)
    >>> layer = initial((1, 1, 3, 3), 1.5, rng)
    >>> found, history = learn(layer, bar, ConvolutionSTDP(rate=0.15))
    >>> found.weights[0, 0].round()
    array([[0., 1., 0.],
           [0., 1., 0.],
           [0., 0., 0.]], dtype=float32)
    """
    if not (layer.weights.min() >= 0 and layer.weights.max() <= 1):
        raise ValueError("weights must lie in 0..1 to learn")
    given = samples(layer, times)
    maps, state = as_loops_have_it(layer), _room(layer, given.shape[2:])
    wins = np.zeros(len(layer.weights), np.int64)
    seen, found = [0], [convergence(maps.weights)]
    for first, last in _spans(len(given), rule):
        if found[-1] < rule.converged:
            break
        loops.learn(given[first:last], maps, _at(rule, first), state, wins)
        if last % LOOK_EVERY == 0 or last == len(given):
            seen.append(last)
            found.append(convergence(maps.weights))
        progress(last / len(given), f"C = {found[-1]:.3f}")
    weights = np.array(maps.weights.T, order="C").reshape(layer.weights.shape)
    history = MapsHistory(np.array(seen), np.array(found), wins)
    return replace(layer, weights=weights), history


def _room(layer: SpikingMaps, sides: tuple[int, ...]) -> loops.Layer:
    places = layer.places(*sides)
    n = math.prod(places)
    return loops.Layer(
        potential=np.zeros((*places, len(layer.weights)), np.float32),
        bound=np.zeros(places, np.float32),
        reached=np.zeros(places, np.bool_),
        blocked=np.zeros(places, np.bool_),
        spikes=np.zeros((n, 3), np.int64),
        above=np.zeros(n, np.float32),
        excess=excess_of(len(layer.weights)),
    )


def _spans(n: int, rule: ConvolutionSTDP) -> Iterator[tuple[int, int]]:
    """Yield runs of samples behind which something is looked at, or the rate changes."""
    edges = {*range(0, n, LOOK_EVERY), *range(0, n, rule.double_every or n or 1), n}
    yield from pairwise(sorted(edges))


def _at(rule: ConvolutionSTDP, seen: int) -> loops.Learning:
    rate = rule.rate_after(seen)
    return loops.Learning(
        np.float32(rate), np.float32(rule.depression * rate), rule.n_winners, rule.radius
    )
