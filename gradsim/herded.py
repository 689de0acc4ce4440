"""A spiking multilayer perceptron whose units are quantisers: O'Connor & Welling 2016.

"Deep spiking networks", arXiv:1602.08323, sections 2 and 3. An image x in 0..1 is shown for T
steps. In each, layer by layer, with the quantiser of (2) in `gradsim.herding` at every unit::

    φ_0 <- φ_0 + x,               s_0 = spikes of φ_0                                 (3)
    v_l = W_l s_(l-1),            u_l <- u_l + v_l                                    (4)
    φ_l <- φ_l + v_l,             s_l = spikes of φ_l                                 (5)

All start at 0. A weight meets spikes alone, so that an answer takes additions only. The readout is
``u_L / T``, the mean drive of the last layer before it is quantised; the class is the largest. As T
grows, ``sum_t s_l / T`` approaches the activation of the rectifier network with the same weights.

*Per event* a unit looks at its potential after every single spike that arrives, as in the authors'
code; else once a step, which is as accurate and costs half. *Integer weights* are in units of a
spike's worth U: a potential loses U with a spike, which it emits above U / 2, images are rounded to
multiples of 1 / U, and everything is an integer.

`gradsim.herded_training` has the backward pass. Spikes cross all layers within a step; units that
spike several times in a step do so before the next layer hears of it (breadth first).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gradsim.kernels import herding as loops
from gradsim.training import TrainingError

LARGEST_UNIT = 2**20  # of integer weights, which leaves a weight a thousand spikes' worth
LARGEST_WEIGHT = 2.0**30


@dataclass(frozen=True)
class HerdedNetwork:
    """Weights, and how units quantise.

    Parameters
    ----------
    weights
        One ``[out, in]`` for each layer, all float32 or all int32.
    n_steps
        T.
    per_event
        Whether units look at their potential after every spike, else once a step.
    unit
        U, what a spike is worth in units of the weights: 1 for float32.

    Raises
    ------
    ValueError
        If weights do not follow one another, or types and numbers are not as above.
    """

    weights: tuple[np.ndarray, ...]
    n_steps: int = 10
    per_event: bool = False
    unit: int = 1

    def __post_init__(self) -> None:
        types = {part.dtype for part in self.weights}
        if types not in ({np.dtype(np.float32)}, {np.dtype(np.int32)}):
            raise ValueError(
                f"weights must be all float32 or all int32, not {sorted(map(str, types))}"
            )
        shapes = [part.shape for part in self.weights]
        if any(len(shape) != 2 for shape in shapes) or any(
            before[0] != after[1] for before, after in pairwise(shapes)
        ):
            raise ValueError(f"weights must be [out, in], one behind another, not {shapes}")
        if self.n_steps < 1 or not 1 <= self.unit <= LARGEST_UNIT:
            raise ValueError(
                f"n_steps must be at least 1 and unit lie in 1..{LARGEST_UNIT}, "
                f"not {self.n_steps}, {self.unit}"
            )
        if not self.integer and self.unit != 1:
            raise ValueError(f"unit is for integer weights; of float32 it is 1, not {self.unit}")

    @property
    def integer(self) -> bool:
        """Whether weights are integers."""
        return self.weights[0].dtype == np.int32

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of the input and of each layer."""
        return (self.weights[0].shape[1], *(len(part) for part in self.weights))


class HerdedResponse(NamedTuple):
    """What a network did with N images.

    Parameters
    ----------
    readout
        ``[N, T, out]`` ``u_L / T`` as known after each step; the last is the answer.
    spikes
        For the input and each layer ``[T, units]``: mean number in a step.
    """

    readout: np.ndarray
    spikes: tuple[np.ndarray, ...]


def initial(
    sizes: Sequence[int],
    rng: np.random.Generator,
    deviation: float = 0.01,
    n_steps: int = 10,
    per_event: bool = False,
) -> HerdedNetwork:
    """Return a network with normal weights, those of the paper for the default deviation.

    Parameters
    ----------
    sizes
        Units of input, hidden layers and output.
    rng
        Source of the weights.
    deviation
        Of the weights; with 0.01 the first thousands of images find silent layers.
    n_steps, per_event
        Of `HerdedNetwork`.

    Raises
    ------
    ValueError
        If there is no layer, a layer is empty, or the deviation is not positive.

    Examples
    --------
    >>> initial((784, 200, 10), np.random.default_rng(0)).sizes
    (784, 200, 10)
    """
    if len(sizes) < 2 or min(sizes) < 1 or not deviation > 0:
        raise ValueError(
            "sizes must be those of input and output at least, all positive, as must deviation be; "
            f"not {sizes}, {deviation}"
        )
    weights = tuple(
        rng.normal(0, deviation, (n_out, n_in)).astype(np.float32)
        for n_in, n_out in pairwise(sizes)
    )
    return HerdedNetwork(weights, n_steps, per_event)


def rounded(network: HerdedNetwork, unit: int) -> HerdedNetwork:
    """Return the network with integer weights in which a spike is worth ``unit``.

    Examples
    --------
    >>> network = HerdedNetwork((np.array([[0.25, -0.75]], np.float32),))
    >>> rounded(network, 100).weights[0]
    array([[ 25, -75]], dtype=int32)
    """
    weights = (np.rint(part * (unit / network.unit)).astype(np.int32) for part in network.weights)
    return replace(network, weights=tuple(weights), unit=unit)


def respond(network: HerdedNetwork, images: np.ndarray) -> HerdedResponse:
    """Show images to a network, each from rest.

    Parameters
    ----------
    network
        See `initial`.
    images
        ``[N, in]`` in 0..1.

    Raises
    ------
    ValueError
        If images have another shape or leave 0..1.
    gradsim.TrainingError
        If a unit has no end of spikes: such weights are no network.

    Examples
    --------
    >>> network = HerdedNetwork((np.array([[0.5, -0.25]], np.float32),))
    >>> respond(network, np.array([[0.8, 0.4]])).readout[0, -1]
    array([0.3], dtype=float32)
    """
    run = Run(network)
    record = run.show(encoded(network, images), np.zeros(len(images), np.int64), STILL)
    spikes = record.spikes / len(images)
    by_layer = tuple(spikes[:, layer, :n] for layer, n in enumerate(network.sizes))
    return HerdedResponse(
        (record.readout / (network.n_steps * network.unit)).astype(np.float32), by_layer
    )


def additions(network: HerdedNetwork, spikes: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the additions that the spikes of each layer but the last cause, ``[T]`` each.

    Parameters
    ----------
    network
        Whose non-zero weights they meet.
    spikes
        Of `respond`.
    """
    return [
        sent @ np.count_nonzero(part, axis=0)
        for sent, part in zip(spikes, network.weights, strict=False)
    ]


def encoded(network: HerdedNetwork, images: np.ndarray) -> np.ndarray:
    """Return images in the type and the units of potentials; raises as `respond`."""
    n_in = network.sizes[0]
    if images.ndim != 2 or images.shape[1] != n_in:
        raise ValueError(f"images must be [N, {n_in}], not {list(images.shape)}")
    if len(images) and not (images.min() >= 0 and images.max() <= 1):
        raise ValueError("images must lie in 0..1")
    if network.integer:
        return np.rint(images * network.unit).astype(np.int64)
    return np.ascontiguousarray(images, np.float32)


STILL = loops.Learning(0, learns=False, fractional=False, update_first=False, reset_errors=False)


class Run:
    """A network on its way: its weights as the loops read and change them, and its state.

    Parameters
    ----------
    network
        Its weights are copied.
    """

    def __init__(self, network: HerdedNetwork) -> None:
        self.number = np.int64 if network.integer else np.float32
        self.network = network
        self.rows = tuple(np.array(part.T, order="C") for part in network.weights)
        shape = (len(network.sizes), max(network.sizes))
        self.state = loops.State(*(np.zeros(shape, self.number) for _ in loops.State._fields))

    def show(
        self, images: np.ndarray, labels: np.ndarray, learning: loops.Learning
    ) -> loops.Record:
        """Show ``encoded`` images one after another; weights and state go on from where they are.

        Raises
        ------
        gradsim.TrainingError
            If a unit has no end of spikes.
        """
        network, (n_layers, width) = self.network, self.state.potential.shape
        record = loops.Record(
            np.zeros((len(images), network.n_steps, network.sizes[-1]), self.number),
            np.zeros((network.n_steps, n_layers, width)),
            np.zeros(n_layers),
            np.zeros(n_layers),
        )
        half = network.unit // 2 if network.integer else 0.5
        cell = loops.Network(
            self.rows,
            self.number(network.unit),
            self.number(half),
            network.n_steps,
            network.per_event,
        )
        learning = learning._replace(rate=self.number(learning.rate))
        if not loops.run(images, labels, cell, learning, self.state, record):
            raise TrainingError(
                f"a unit spiked {loops.MOST} times in a step; try a smaller learning rate"
            )
        return record

    def trained(self) -> HerdedNetwork:
        """Return the network with the weights of now.

        Raises
        ------
        gradsim.TrainingError
            If they have grown without limit.
        """
        if not all(np.abs(rows).max() < LARGEST_WEIGHT for rows in self.rows):
            raise TrainingError("weights grow without limit; try a smaller learning rate")
        weights = tuple(np.array(rows.T, order="C") for rows in self.rows)
        return replace(self.network, weights=weights)
