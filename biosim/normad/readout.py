"""A layer of taught neurons that says which class an image has: the one that spikes most often.

Kulkarni & Rajendran 2018; see `biosim.normad.neuron` for neurons and rule, `biosim.normad.periods`
for what they read. Each class has a neuron; while an image is shown the teacher wants that of its
class to spike every few steps, and all others never. A spike lowers the potentials of all others.
Weights change once an image, by all its errors. Of equal counts the largest potential decides.

The desired train is regular, and when exactly it spikes means nothing; normalisation, which gives
a moment with hardly any input the same say as all others, can cost accuracy here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from biosim.given import check_fields, indices, number, numbers
from biosim.normad import kernel
from biosim.normad.neuron import Neuron, traces
from biosim.normad.periods import MOST_STEPS, rasters

COARSE = Neuron(refractory_s=2e-3, dt_s=1e-3)


@dataclass(frozen=True)
class Readout:
    """How the layer is made and taught.

    Parameters
    ----------
    neuron
        Of each class; its step is that of periods.
    n_steps
        How long an image is shown.
    inhibition
        By how much a spike lowers each other potential.
    every
        Steps between desired spikes of the right class.
    normalised
        Whether (5) divides by the norm.
    """

    neuron: Neuron = COARSE
    n_steps: int = 50
    inhibition: float = 0.2
    every: int = 4
    normalised: bool = False

    def __post_init__(self) -> None:
        check_fields(self, positive=("n_steps", "every"), at_least_0=("inhibition",))
        if self.n_steps > MOST_STEPS:
            raise ValueError(f"n_steps must be at most {MOST_STEPS}, not {self.n_steps}")


class Answers(NamedTuple):
    """What a layer said.

    Parameters
    ----------
    classes
        ``[N]``.
    counts
        ``[N, C]`` spikes.
    """

    classes: np.ndarray
    counts: np.ndarray


def answer(layer: Readout, weights: Any, given: Any) -> Answers:
    """Show periods ``[N, n]`` to neurons with weights ``[n, C]``.

    Raises
    ------
    ValueError
        If shapes do not fit, or a period is longer than an image is shown.

    Examples
    --------
    >>> answer(Readout(), [[3.0, 0.0], [0.0, 3.0]], [[5, 0], [0, 5]]).classes
    array([0, 1])
    """
    own, shown = _checked(layer, weights, given)
    order, unknown = np.arange(len(shown)), np.zeros(len(shown), np.int64)
    return _show(layer, own, shown, unknown, order, 0.0)


def fit(
    layer: Readout,
    weights: Any,
    given: Any,
    labels: Any,
    rates: Any,
    rng: np.random.Generator,
    told: Callable[[int, np.ndarray, Answers, np.ndarray], None] | None = None,
) -> np.ndarray:
    """Teach a layer, and return its weights ``[n, C]``.

    Parameters
    ----------
    layer
        Its neurons.
    weights
        ``[n, C]`` to begin with.
    given, labels
        Periods ``[N, n]`` and classes ``[N]``.
    rates
        r of (5), one an epoch.
    rng
        Draws the order of each epoch.
    told
        Called after each epoch with its number from 1, weights, and what was answered while
        learning to which samples, in this order.

    Raises
    ------
    ValueError
        As of `answer`, and if a label or a rate is out of range.

    Examples
    --------
    >>> given, labels = [[5, 0], [0, 5]], [0, 1]
    >>> weights = fit(Readout(), np.zeros((2, 2)), given, labels, [0.1] * 9,
    ...     np.random.default_rng(0))
    >>> answer(Readout(), weights, given).classes
    array([0, 1])
    """
    own, shown = _checked(layer, weights, given)
    own = own.copy()
    classes = indices("labels", labels, own.shape[1], ndim=1)
    if len(classes) != len(shown):
        raise ValueError(f"labels must be [{len(shown)}], one a sample, not [{len(classes)}]")
    for epoch, rate in enumerate(numbers("rates", rates, ndim=1)):
        order = rng.permutation(len(shown))
        rate = number("rates", rate, above=0.0)
        found = _show(layer, own, shown, classes, order, rate)
        if told is not None:
            told(epoch + 1, own, found, order)
    return own


def _checked(layer: Readout, weights: Any, given: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return weights and periods as the loops take them."""
    own = np.ascontiguousarray(numbers("weights", weights, ndim=2))
    if not (isinstance(given, np.ndarray) and given.dtype == np.uint8):
        given = indices("periods", given, MOST_STEPS + 1, ndim=2).astype(np.uint8)
    if given.ndim != 2 or given.shape[1] != len(own) or not own.size:
        raise ValueError(
            f"weights must be [n, C] for periods [N, n], not {own.shape} and {given.shape}"
        )
    if given.size and given.max() > layer.n_steps:
        raise ValueError(f"periods must lie in 0..{layer.n_steps}, not up to {given.max()}")
    return own, np.ascontiguousarray(given)


def _show(
    layer: Readout,
    weights: np.ndarray,
    given: np.ndarray,
    labels: np.ndarray,
    order: np.ndarray,
    rate: float,
) -> Answers:
    """Show samples in this order; weights change in place."""
    n_classes = weights.shape[1]
    counts, highest = np.zeros((2, len(order), n_classes))
    room = _room(layer.n_steps, n_classes)
    kernel.show(_constants(layer), given, labels, order, rate, weights, room, counts, highest)
    return Answers(_most(counts, highest), counts)


def _most(counts: np.ndarray, highest: np.ndarray) -> np.ndarray:
    """Return where each row of counts is largest, of equals where ``highest`` is."""
    best = counts == counts.max(axis=1, keepdims=True)
    return np.argmax(np.where(best, highest, -np.inf), axis=1)


def _constants(layer: Readout) -> kernel.Layer:
    """Return the layer with the traces of one input of each period, 0 being silent."""
    n, every = layer.neuron, np.arange(layer.n_steps + 1)[None]
    found = traces(n, rasters(every, layer.n_steps)[0])
    return kernel.Layer(
        *found, n.keep, n.refractory_steps, layer.inhibition, layer.every, layer.normalised
    )


def _room(n_steps: int, n_classes: int) -> kernel.Room:
    return kernel.Room(
        n=np.zeros(n_steps + 1, np.int64),
        used=np.zeros(n_steps + 1, np.int64),
        by_period=np.zeros((n_steps + 1, n_classes)),
        current=np.zeros((n_steps, n_classes)),
        error=np.zeros((n_steps, n_classes)),
        v=np.zeros(n_classes),
        since=np.zeros(n_classes, np.int64),
        fired=np.zeros(n_classes, np.bool_),
    )
