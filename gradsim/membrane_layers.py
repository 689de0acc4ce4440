"""Layers of a `gradsim.membrane` network as loops read and training changes them.

`Dense` connects every input with every neuron. `Maps` is a convolution without padding: neurons of
a feature share weights and a threshold, and the spikes of a window of ``pool x pool`` of them go on
as of one unit, so that pooling sums traces and takes no neurons. Units of maps are numbered
``(y columns + x) features + feature``.

Each has ``learned``, the weights in the shape in which they learn, and ``thresholds``; both are
changed in place.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch.nn.functional import conv2d, conv_transpose2d
from torch.nn.grad import conv2d_weight

from gradsim.kernels import buffers, membrane_maps, threads
from gradsim.kernels import membrane as loops
from gradsim.kernels.orders import Spikes


class LayerResponse(NamedTuple):
    """What a layer did with N samples, each ``[N, units]``.

    Parameters
    ----------
    potential, trace
        V and a as of the end of each sample.
    counts
        Numbers of spikes.
    """

    potential: np.ndarray
    trace: np.ndarray
    counts: np.ndarray


class Layer(Protocol):
    """What both kinds of layers do."""

    learned: np.ndarray
    thresholds: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """Return a copy of the weights as a network has them."""

    def show(self, spikes: Spikes, decay: float, inhibition: float) -> tuple[LayerResponse, Spikes]:
        """Show samples; return what neurons did, and the spikes that go on."""

    def drive(self, below: np.ndarray) -> np.ndarray:
        """Return s ``[N, neurons]`` for traces below the layer."""

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Return for each neuron what there is for each threshold."""

    def gathered(self, values: np.ndarray) -> np.ndarray:
        """Return sums over neurons, for each threshold."""

    def pooled(self, trace: np.ndarray) -> np.ndarray:
        """Return traces of what goes on."""

    def unpooled(self, error: np.ndarray) -> np.ndarray:
        """Return errors of neurons from those of what goes on."""

    def by_learned(self, below: np.ndarray, passed: np.ndarray) -> np.ndarray:
        """Return the gradient for errors ``[N, neurons]`` of s; without padding."""

    def back(self, passed: np.ndarray) -> np.ndarray:
        """Return errors below the layer from those of s."""


class Dense:
    """All inputs to all neurons.

    Parameters
    ----------
    weights
        ``[out, in]``; ``learned [in, width]`` holds them, padded to whole vectors.
    thresholds
        ``[out]``.
    """

    def __init__(self, weights: np.ndarray, thresholds: np.ndarray) -> None:
        n_out, n_in = weights.shape
        self.learned = np.zeros((n_in, _width(n_out)), np.float32)
        self._padded = np.full(_width(n_out), np.inf, np.float32)
        self.rows, self.thresholds = self.learned[:, :n_out], self._padded[:n_out]
        self.rows[:], self.thresholds[:] = weights.T, thresholds

    @property
    def weights(self) -> np.ndarray:
        """Return a copy of the weights as a network has them."""
        return self.rows.T.copy()

    def show(self, spikes: Spikes, decay: float, inhibition: float) -> tuple[LayerResponse, Spikes]:
        """Show samples; return what neurons did, and their spikes."""
        neurons = loops.Neurons(self._padded, np.float32(decay), np.float32(inhibition))
        record = _record(spikes, (len(self._padded),))
        threads.in_parallel(
            lambda first, last: loops.dense(first, last, spikes, self.learned, neurons, record),
            len(spikes.starts),
        )
        n = len(self.thresholds)
        found = LayerResponse(record.potential[:, :n], record.trace[:, :n], record.counts[:, :n])
        return found, record.spikes

    def drive(self, below: np.ndarray) -> np.ndarray:
        """Return s ``[N, neurons]`` for traces below the layer."""
        return below @ self.rows

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Return the values: each neuron has its threshold."""
        return values

    def gathered(self, values: np.ndarray) -> np.ndarray:
        """Return the values: each threshold has its neuron."""
        return values

    def pooled(self, trace: np.ndarray) -> np.ndarray:
        """Return the traces: nothing is pooled."""
        return trace

    def unpooled(self, error: np.ndarray) -> np.ndarray:
        """Return the errors: nothing is pooled."""
        return error

    def by_learned(self, below: np.ndarray, passed: np.ndarray) -> np.ndarray:
        """Return the gradient ``[in, out]`` for errors of s."""
        return below.T @ passed

    def back(self, passed: np.ndarray) -> np.ndarray:
        """Return errors below the layer from those of s."""
        return passed @ self.rows.T


class Maps:
    """A convolution, and pooling of its spikes.

    Parameters
    ----------
    weights
        ``[features, features in, k, k]``, which is ``learned`` too.
    thresholds
        ``[features]``.
    shape
        Features, rows and columns of the maps below.
    pool
        Side of the windows of pooling; divides rows and columns.
    """

    def __init__(
        self, weights: np.ndarray, thresholds: np.ndarray, shape: tuple[int, int, int], pool: int
    ) -> None:
        self.learned, self.thresholds = weights.copy(), thresholds.copy()
        self.below, self.pool = shape, pool
        self.shape = maps_behind(shape, weights.shape)

    @property
    def weights(self) -> np.ndarray:
        """Return a copy of the weights as a network has them."""
        return self.learned.copy()

    def show(self, spikes: Spikes, decay: float, inhibition: float) -> tuple[LayerResponse, Spikes]:
        """Show samples; return what neurons did, and the spikes of windows."""
        assert not inhibition, "the last layer is dense"
        n, *_, k = self.learned.shape
        rows = np.zeros((self.below[0], k, k, _width(n)), np.float32)
        rows[..., :n] = self.learned[..., ::-1].transpose(1, 2, 3, 0)
        threshold = np.full(_width(n), np.inf, np.float32)
        threshold[:n] = self.thresholds
        neurons = loops.Neurons(threshold, np.float32(decay), np.float32(0))
        record = _record(spikes, (*self.shape[1:], n))
        read = (spikes, self.below[2], rows, neurons, self.pool, record)
        threads.in_parallel(
            lambda first, last: membrane_maps.convolve(first, last, *read), len(spikes.starts)
        )
        flat = (part.reshape(len(part), -1) for part in record[:3])
        return LayerResponse(*flat), record.spikes

    def drive(self, below: np.ndarray) -> np.ndarray:
        """Return s ``[N, neurons]`` for traces below the layer."""
        found = conv2d(_images(below, self.below), torch.from_numpy(self.learned))
        return _units(found)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Return for each neuron what there is for its feature."""
        return np.tile(values, self.shape[1] * self.shape[2])

    def gathered(self, values: np.ndarray) -> np.ndarray:
        """Return sums over the neurons of each feature."""
        return values.reshape(-1, self.shape[0]).sum(axis=0)

    def pooled(self, trace: np.ndarray) -> np.ndarray:
        """Return sums of traces over windows."""
        return self._windows(trace).sum(axis=(2, 4)).reshape(len(trace), -1)

    def unpooled(self, error: np.ndarray) -> np.ndarray:
        """Return for each neuron the error of its window."""
        features, height, across = self.shape
        wide = error.reshape(-1, height // self.pool, across // self.pool, features)
        wide = wide.repeat(self.pool, axis=1).repeat(self.pool, axis=2)
        return wide.reshape(len(error), -1)

    def by_learned(self, below: np.ndarray, passed: np.ndarray) -> np.ndarray:
        """Return the gradient for errors of s."""
        maps = _images(passed, self.shape)
        return conv2d_weight(_images(below, self.below), self.learned.shape, maps).numpy()

    def back(self, passed: np.ndarray) -> np.ndarray:
        """Return errors below the layer from those of s."""
        weights = torch.from_numpy(self.learned)
        return _units(conv_transpose2d(_images(passed, self.shape), weights))

    def _windows(self, values: np.ndarray) -> np.ndarray:
        features, height, across = self.shape
        pool = self.pool
        return values.reshape(-1, height // pool, pool, across // pool, pool, features)


def maps_behind(shape: tuple[int, ...], weights: tuple[int, ...]) -> tuple[int, int, int]:
    """Return features, rows and columns behind a convolution.

    Examples
    --------
    >>> maps_behind((1, 28, 28), (20, 1, 5, 5))
    (20, 24, 24)
    """
    k = weights[-1]
    return weights[0], shape[1] - k + 1, shape[2] - k + 1


def _record(spikes: Spikes, shape: tuple[int, ...]) -> loops.Record:
    n_samples, n_steps = len(spikes.starts), spikes.starts.shape[1] - 1
    whole = (n_samples, *shape)
    potential, trace, counts = (buffers.zeros(whole, np.float32) for _ in range(3))
    units = buffers.empty(n_steps * potential.size, np.int32)
    starts = np.empty((n_samples, n_steps + 1), np.int64)
    return loops.Record(potential, trace, counts, Spikes(units, starts))


def _width(n: int) -> int:
    return -(-n // loops.LANES) * loops.LANES


def _images(units: np.ndarray, shape: tuple[int, int, int]) -> torch.Tensor:
    """Return units of maps, features last, as PyTorch has images: ``[N, C, H, W]``."""
    features, height, across = shape
    maps = torch.from_numpy(np.ascontiguousarray(units, np.float32))
    return maps.reshape(-1, height, across, features).permute(0, 3, 1, 2)


def _units(images: torch.Tensor) -> np.ndarray:
    return images.permute(0, 2, 3, 1).reshape(len(images), -1).numpy()
