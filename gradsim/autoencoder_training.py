"""How maps learn to rebuild what they read, without labels; see `gradsim.autoencoder`.

Windows of many images are drawn at random. With (1) to (3) of `gradsim.autoencoder`, for the mean
over a batch of windows::

    Δw_ki = η θ h_k e_i                                                                   (4)
    Δb_k  = γ ([h_k > 0] - p)                                                             (5)

(4) goes down the gradient of ``e . e / 2`` by the weights with which hidden spikes lower visible
potentials; those that drive the hidden layer are the same. It asks a synapse for the spikes on its
one side and the potential on its other. (5) lets each map answer a share p of windows.

η falls linearly to 0. The gain is chosen so that the root mean square of the length of ``g n`` is 1
over the windows, and θ and γ mean the same for any input.

Layers learn one after another, each from the spikes of the last that has learned.

Deviation: the gradient goes through the decoder alone, where the paper's goes on through the hidden
neurons by an approximation of their derivative.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from gradsim import arrays
from gradsim.autoencoder import RebuildingMaps
from gradsim.training import Progress, TrainingError

LOOK_EVERY = 50  # batches between two values of the error
DRAWN_AT_ONCE = 4096
LIMIT_OF_DRAWS = 200  # times so many before too many windows are silent


@dataclass(frozen=True)
class Rebuilding:
    """How a layer learns.

    Parameters
    ----------
    rate
        η in the first batch.
    homeostasis, target
        γ, and p in 0..1.
    batch_size, n_batches
        Windows a step, and steps.
    n_windows, least
        Windows that are drawn once, and how many spikes each has at least.

    Raises
    ------
    ValueError
        If a number is outside its range.
    """

    rate: float = 0.2
    homeostasis: float = 0.02
    target: float = 0.1
    batch_size: int = 100
    n_batches: int = 2000
    n_windows: int = 60_000
    least: int = 4

    def __post_init__(self) -> None:
        if min(self.batch_size, self.n_batches, self.n_windows) < 1 or self.least < 0:
            raise ValueError(
                "batch_size, n_batches and n_windows must be at least 1, least 0 or more, not "
                f"{self.batch_size}, {self.n_batches}, {self.n_windows}, {self.least}"
            )
        if not (self.rate >= 0 and self.homeostasis >= 0 and 0 <= self.target <= 1):
            raise ValueError(
                "rate and homeostasis must be 0 or more and target in 0..1, not "
                f"{self.rate}, {self.homeostasis}, {self.target}"
            )


class RebuildingHistory(NamedTuple):
    """How a layer learned; a value each for `LOOK_EVERY` batches.

    Parameters
    ----------
    seen
        ``[P]`` windows so far.
    error
        ``[P]`` ``e . e``, as a share of what is left by the mean window.
    active
        ``[P]`` share of maps that spike.
    """

    seen: np.ndarray
    error: np.ndarray
    active: np.ndarray


def windows(
    spikes: np.ndarray, size: int, n: int, least: int, rng: np.random.Generator
) -> np.ndarray:
    """Return windows at random places, edges included, ``[n, C, size, size]``.

    Parameters
    ----------
    spikes
        ``[N, C, H, W]``; beyond the edge all is silent.
    size
        Side of a window, odd.
    n, least
        How many, of as many spikes at least.
    rng
        Draws image and place.

    Raises
    ------
    ValueError
        If hardly any window has so many spikes.

    Examples
    --------
    >>> some = windows(np.ones((1, 1, 4, 4), np.uint8), 3, 5, 1, np.random.default_rng(0))
    >>> some.shape, int(some.sum(axis=(1, 2, 3)).min()) >= 4
    ((5, 1, 3, 3), True)
    """
    given = arrays.integers("spikes", spikes)
    if given.ndim != 4 or not given.size or size < 1 or not size % 2:
        raise ValueError(f"spikes must be [N, C, H, W] and size odd, not {given.shape}, {size}")
    half = size // 2
    wide = np.pad(given, [(0, 0), (0, 0), (half, half), (half, half)])
    every = np.lib.stride_tricks.sliding_window_view(wide, (1, 1, size, size))[..., 0, 0, :, :]
    found: list[np.ndarray] = []
    for _ in range(LIMIT_OF_DRAWS * (1 + n // DRAWN_AT_ONCE)):
        image, row, column = (
            rng.integers(side, size=DRAWN_AT_ONCE) for side in (len(given), *given.shape[2:])
        )
        drawn = every[image, :, row, column]
        found.append(drawn[drawn.sum(axis=(1, 2, 3), dtype=np.int64) >= least])
        if sum(map(len, found)) >= n:
            return np.concatenate(found)[:n]
    raise ValueError(f"hardly any window has {least} spikes")


def initial(
    n_maps: int, shown: np.ndarray, rng: np.random.Generator, threshold: float = 0.25
) -> RebuildingMaps:
    """Return maps with normal weights of length 1, and the gain of the windows.

    Parameters
    ----------
    n_maps
        K.
    shown
        ``[n, C, k, k]`` of `windows`.
    rng
        Source of the weights.
    threshold
        θ.
    """
    weights = rng.normal(size=(n_maps, *shown.shape[1:])).astype(np.float32)
    weights /= np.sqrt((weights**2).sum(axis=(1, 2, 3), keepdims=True))
    power = np.mean(np.square(shown, dtype=np.float64).sum(axis=(1, 2, 3)))
    if not power > 0:
        raise ValueError("windows must have spikes")
    return RebuildingMaps(
        weights, np.zeros(n_maps), threshold, gain=float(power**-0.5), winners=None
    )


def learn(
    layer: RebuildingMaps,
    shown: np.ndarray,
    rule: Rebuilding,
    rng: np.random.Generator,
    progress: Progress = lambda _fraction, _note: None,
) -> tuple[RebuildingMaps, RebuildingHistory]:
    """Return the layer that has learned from windows, and how it did.

    Parameters
    ----------
    layer
        Where to start; unchanged.
    shown
        ``[n, C, k, k]`` of `windows`.
    rule
        How.
    rng
        Draws the windows of each batch.
    progress
        Called with the share that is done and a note.

    Raises
    ------
    ValueError
        If windows do not fit, or are all alike.
    TrainingError
        If weights grow without limit.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> bars = np.zeros((50, 1, 3, 3), np.uint8)
    >>> bars[::2, 0, 1], bars[1::2, 0, :, 1] = 4, 4
    >>> layer, history = learn(initial(4, bars, rng), bars, Rebuilding(target=0.5), rng)
    >>> bool(history.error[-1] < 0.2 < history.error[0])
    True
    """
    if shown.shape[1:] != layer.weights.shape[1:] or not len(shown):
        raise ValueError(f"windows must be [n, {layer.weights.shape[1:]}], not {shown.shape}")
    x = shown.reshape(len(shown), -1).astype(np.float32) * np.float32(layer.gain)
    spread = float(np.square(x - x.mean(axis=0), dtype=np.float64).sum(axis=1).mean())
    if not spread > 0:
        raise ValueError("windows must differ, to tell how much of them is rebuilt")
    weights, bias = layer.weights.reshape(len(layer.weights), -1).copy(), layer.bias.copy()
    rows: list[tuple[float, float]] = []
    for number in range(rule.n_batches):
        batch = x[rng.integers(len(x), size=rule.batch_size)]
        counts = hidden(layer, weights, bias, batch)
        told = layer.threshold * counts
        error = batch - told @ weights
        rate = rule.rate * (1 - number / rule.n_batches) / rule.batch_size
        weights += np.float32(rate) * (told.T @ error)
        active = (counts > 0).mean(axis=0, dtype=np.float32)
        bias += np.float32(rule.homeostasis) * (active - np.float32(rule.target))
        rows.append((float(np.square(error).sum(axis=1).mean()) / spread, float(active.mean())))
        if (number + 1) % LOOK_EVERY == 0:
            progress((number + 1) / rule.n_batches, f"error {rows[-1][0]:.3f}")
    if not np.isfinite(weights).all():
        raise TrainingError("weights grow without limit; try a smaller rate")
    learned = replace(layer, weights=weights.reshape(layer.weights.shape), bias=bias)
    return learned, _history(rows, rule.batch_size)


def hidden(
    layer: RebuildingMaps, weights: np.ndarray, bias: np.ndarray, batch: np.ndarray
) -> np.ndarray:
    """Return h ``[B, K]`` of windows ``g n [B, C k k]`` for weights ``[K, C k k]`` of now."""
    potential = batch @ weights.T - bias
    counts = np.clip(np.floor(potential / np.float32(layer.threshold)), 0, layer.n_steps)
    if layer.winners is None or layer.winners == len(weights):
        return counts
    last = np.partition(potential, -layer.winners, axis=1)[:, -layer.winners, None]
    return np.where(potential >= last, counts, np.float32(0))


def _history(rows: list[tuple[float, float]], batch_size: int) -> RebuildingHistory:
    """Return means over runs of batches."""
    runs = [slice(k, k + LOOK_EVERY) for k in range(0, len(rows), LOOK_EVERY)]
    values = np.array(rows)
    error, active = np.array([values[run].mean(axis=0) for run in runs]).T
    seen = np.array([min(run.stop, len(rows)) for run in runs]) * batch_size
    return RebuildingHistory(seen, error, active)
