"""Spikes that take a whole number of steps to arrive, each synapse with a delay of its own.

Through a synapse of delay d a spike of step t arrives in step ``t + d - 1``: delay 1 is what a
matrix product does. A spike that is fed back is given in the step after the one that emitted it,
so that it arrives d steps later. Delays are drawn, not trained.

`currents` says it in PyTorch, with gradients, one matrix product for each delay. A compiled loop
wants the weights of a source beside each other: in the rows of `spread` a spike adds one
contiguous block to the currents of this step and of those that follow.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from gradsim.arrays import integers, like


def draw(n_out: int, n_in: int, longest: int, rng: np.random.Generator) -> np.ndarray:
    """Return delays ``[out, in]``, int64, uniform in 1 to ``longest`` steps.

    Raises
    ------
    ValueError
        If ``longest`` is below 1.

    Examples
    --------
    >>> draw(2, 3, 1, np.random.default_rng(0))
    array([[1, 1, 1],
           [1, 1, 1]])
    """
    if longest < 1:
        raise ValueError(f"a spike takes at least 1 step to arrive, not {longest}")
    return rng.integers(1, longest + 1, size=(n_out, n_in))


def late(raster: Tensor, n_steps: int) -> Tensor:
    """Return a raster ``[T, ...]`` whose spikes come ``n_steps`` later; the last ones are lost."""
    if n_steps >= len(raster):
        return torch.zeros_like(raster)
    return torch.cat([torch.zeros_like(raster[:n_steps]), raster[: len(raster) - n_steps]])


def currents(raster: Tensor, weights: Tensor, delays: np.ndarray) -> Tensor:
    """Return what arrives, ``[T, B, out]``, of the spikes ``[T, B, in]``.

    Parameters
    ----------
    raster
        ``[T, B, in]`` numbers of spikes.
    weights
        ``[out, in]``.
    delays
        ``[out, in]`` integers, 1 or more.

    Raises
    ------
    ValueError
        If a delay is below 1 or not whole, or shapes differ.
    """
    delays = integers("delays", delays)
    require_delays(delays, tuple(weights.shape))
    raster = like("raster", raster, weights)
    masks = {int(d): torch.as_tensor(delays == d, device=weights.device) for d in np.unique(delays)}
    return sum(
        (linear(late(raster, d - 1), weights * mask) for d, mask in masks.items()),
        start=raster.new_zeros(()),
    )


def spread(weights: np.ndarray, delays: np.ndarray, longest: int) -> np.ndarray:
    """Return ``[in, longest, out]``: the weight of a synapse of delay d in row d - 1, else 0.

    Examples
    --------
    >>> spread(np.array([[5.0], [7.0]]), np.array([[1], [3]]), 3)
    array([[[5., 0.],
            [0., 0.],
            [0., 7.]]])
    """
    n_out, n_in = weights.shape
    rows = np.zeros((n_in, longest, n_out), weights.dtype)
    rows[_places(delays)] = weights
    return rows


def gathered(rows: np.ndarray, delays: np.ndarray) -> np.ndarray:
    """Return ``[out, in]``: what rows like those of `spread` hold for each synapse."""
    return rows[_places(delays)]


def require_delays(delays: np.ndarray, shape: tuple[int, ...], longest: float = np.inf) -> None:
    """Raise ValueError unless delays are integers ``shape`` in 1 to ``longest``."""
    if delays.shape != shape or not np.issubdtype(delays.dtype, np.integer):
        raise ValueError(
            f"delays must be integers {list(shape)}, not {delays.dtype} {list(delays.shape)}"
        )
    if delays.size and (delays.min() < 1 or delays.max() > longest):
        raise ValueError(
            f"delays must lie in 1..{longest} steps, not {delays.min()}..{delays.max()}"
        )


def _places(delays: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    target, source = np.indices(delays.shape)
    return source, delays - 1, target
