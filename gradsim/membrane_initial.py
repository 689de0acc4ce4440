"""What a `gradsim.membrane` network begins with: weights, and thresholds that suit them.

`initial` and `initial_maps` draw weights as Lee, Delbruck & Pfeiffer 2016, uniform in
``±sqrt(3 / inputs)``, with thresholds ``α sqrt(3 / inputs)``. `with_thresholds` sets the latter by
what samples bring, so that the same shares suit few events and many.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from gradsim.kernels.orders import Spikes
from gradsim.membrane import MembraneNetwork, Run, below_layers
from gradsim.membrane_layers import maps_behind


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
    shapes = [(n_out, n_in) for n_in, n_out in pairwise(sizes)]
    return MembraneNetwork(*_drawn(shapes, rng, alphas), tau_s, inhibition)


def initial_maps(
    shape: tuple[int, int, int],
    features: Sequence[int],
    sizes: Sequence[int],
    rng: np.random.Generator,
    alphas: Sequence[float],
    tau_s: float = 20e-3,
    inhibition: float = 0.2,
    side: int = 5,
) -> MembraneNetwork:
    """Return a network with convolutions, each pooled by two, and dense layers behind them.

    Parameters
    ----------
    shape
        Features, rows and columns of the input.
    features
        Of each convolution.
    sizes
        Units of the dense layers.
    rng, alphas, tau_s, inhibition
        As for `initial`, an α for each layer.
    side
        Rows and columns of weights.

    Raises
    ------
    ValueError
        If layers do not fit, or there is not one positive α for each.

    Examples
    --------
    >>> alphas = (3, 3, 3, 3)
    >>> initial_maps((1, 28, 28), (20, 50), (200, 10), np.random.default_rng(0), alphas).sizes
    (784, 11520, 3200, 200, 10)
    """
    if not sizes or len(alphas) != len(features) + len(sizes) or not min(alphas) > 0:
        raise ValueError(f"alphas must be positive, one for each layer, not {list(alphas)}")
    shapes: list[tuple[int, ...]] = []
    behind = shape
    for n in features:
        shapes.append((n, behind[0], side, side))
        _, height, across = maps_behind(behind, shapes[-1])
        behind = (n, height // 2, across // 2)
    if min(behind) < 1:
        raise ValueError(f"convolutions leave nothing of {list(shape)}")
    shapes += [(n_out, n_in) for n_in, n_out in pairwise([math.prod(behind), *sizes])]
    return MembraneNetwork(*_drawn(shapes, rng, alphas), tau_s, inhibition, shape=shape)


def _drawn(
    shapes: Sequence[tuple[int, ...]], rng: np.random.Generator, alphas: Sequence[float]
) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Return weights and thresholds."""
    bounds = [math.sqrt(3 / math.prod(shape[1:])) for shape in shapes]
    weights = tuple(
        rng.uniform(-bound, bound, shape).astype(np.float32)
        for bound, shape in zip(bounds, shapes, strict=True)
    )
    thresholds = tuple(
        np.full(shape[0], alpha * bound, np.float32)
        for alpha, bound, shape in zip(alphas, bounds, shapes, strict=True)
    )
    return weights, thresholds


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
    >>> once = gradsim.membrane.by_step(gradsim.SpikeEvents([0], [0], [0, 1], n_units=1, n_steps=1))
    >>> with_thresholds(network, once, [2.0]).thresholds[0]
    array([7.071068, 7.071068], dtype=float32)
    """
    if len(shares) != len(network.weights) or not min(shares) > 0:
        raise ValueError(f"shares must be positive, one for each layer, not {list(shares)}")
    thresholds = list(network.thresholds)
    for number, share in enumerate(shares):
        run = Run(replace(network, thresholds=tuple(thresholds)))
        below = below_layers(run, run.show(samples))[number]
        drive = run.layers[number].drive(below)
        size = math.sqrt(np.mean(drive**2, dtype=np.float64))
        if not size:
            raise ValueError(f"layer {number + 1} gets no input; try lower shares before it")
        thresholds[number] = np.full_like(thresholds[number], share * size)
    return replace(network, thresholds=tuple(thresholds))
