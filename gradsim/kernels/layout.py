"""Where arrays of the event-driven engine lie: padded, flat, sample by sample.

What PyTorch has as ``[T, B, N]`` the compiled loops have as ``[B, T, width]``, what it has as
weights ``[out, in]`` they have as rows ``[in, width]``; see `gradsim.kernels.loops`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gradsim.kernels import buffers
from gradsim.kernels.loops import Inputs, Neurons
from gradsim.kernels.orders import NO_SUMS, Layout, Spikes, Sums
from gradsim.neurons import Decay, LIFParameters, LIParameters
from gradsim.surrogate import Surrogate, inline_slope


class Grid(NamedTuple):
    """Samples and time steps of a run."""

    n_samples: int
    n_steps: int

    def size(self, width: int) -> int:
        """Return the number of cells of ``[B, T, width]``."""
        return self.n_samples * self.n_steps * width


class Run(NamedTuple):
    """What the forward pass of a hidden layer leaves: of ``n`` neurons, padded."""

    n: int
    neurons: Neurons
    surrogate: Surrogate
    fired: Spikes
    counts: np.ndarray
    trace: np.ndarray
    initial: np.ndarray


_NO_SPIKES = Spikes(np.empty(0, np.int16), np.empty((0, 0), np.int64))


class Input(NamedTuple):
    """Input of a layer: spikes with their weights ``[out, in]``, or weighted ``[T, B, N]``."""

    spikes: Layout | None = None
    weights: Tensor | None = None
    currents: Tensor | None = None

    def arrays(self, dtype: np.dtype) -> Inputs:
        """Return what the loops take, of a floating type."""
        none = np.empty(0, dtype)
        by_step = self.spikes if isinstance(self.spikes, Spikes) else _NO_SPIKES
        return Inputs(
            *by_step,
            self.spikes if isinstance(self.spikes, Sums) else NO_SUMS,
            none if self.weights is None else padded(self.weights.t()),
            none if self.currents is None else sample_major(self.currents),
        )


class ReadoutRun(NamedTuple):
    """What the forward pass of the readout leaves; ``peak_step`` is ``[B, width]``."""

    n: int
    neurons: Neurons
    recorded: np.ndarray
    peak: np.ndarray
    peak_step: np.ndarray

    def membranes(self, grid: Grid) -> Tensor:
        """Return the membranes ``[T + 1, B, C]``, or ``[T, B, C]`` where it integrates first."""
        rows = time_major(self.recorded, self.n, grid._replace(n_steps=grid.n_steps + 1))
        return rows if self.neurons.fire_first else rows[1:]


def neurons_of(parameters: LIParameters, decay: Decay, n: int, dtype: np.dtype) -> Neurons:
    """Return the constants of ``n`` neurons as the loops take them."""

    def row(value: float | Tensor) -> np.ndarray:
        values = np.zeros(width_of(n), dtype)
        values[:n] = value.detach().numpy() if isinstance(value, Tensor) else value
        return values

    number = dtype.type
    gain = parameters.gain_factor(decay.beta)
    threshold, strict, keep = np.inf, True, 1.0
    slope = None
    if isinstance(parameters, LIFParameters):
        threshold, strict = parameters.threshold, parameters.strict
        keep = 0.0 if parameters.reset == "zero" else 1.0
        slope = inline_slope(parameters.surrogate)
    limit = number(threshold)
    return Neurons(
        row(decay.alpha),
        row(decay.beta),
        row(gain),
        threshold=limit,
        fire_above=limit if strict else np.nextafter(limit, number(-np.inf)),
        keep=number(keep),
        drop=limit if keep else number(0),
        # The loops compute one derivative themselves; below 0 it is given to them.
        slope=number(-1 if slope is None else slope),
        fire_first=parameters.order == "fire_first",
    )


def dtype_of(*tensors: Tensor | None) -> np.dtype:
    """Return the floating type of the first tensor that there is."""
    known = next(tensor for tensor in tensors if tensor is not None)
    return np.dtype(np.float64 if known.dtype == torch.float64 else np.float32)


def width_of(n: int) -> int:
    """Return the padded number of neurons.

    One more wide vector costs hardly more than a narrow one, so that only a small rest is worth
    narrow ones; see `gradsim.kernels.simd`.
    """
    rest = n % 64
    return n - rest + (rest and (16 if rest <= 16 else 32 if n <= 32 else 64))


def padded(values: Tensor) -> np.ndarray:
    """Return ``[rows, N]`` as a flat array of rows that are padded with zeros."""
    n_rows, n = values.shape
    rows = buffers.zeros((n_rows, width_of(n)), dtype_of(values))
    rows[:, :n] = values.detach().numpy()
    return rows.reshape(-1)


def sample_major(values: Tensor) -> np.ndarray:
    """Return ``[T, B, N]`` as a flat, padded ``[B, T, width]``."""
    return padded(values.transpose(0, 1).reshape(-1, values.shape[2]))


def time_major(flat: np.ndarray, n: int, grid: Grid) -> Tensor:
    """Return a flat, padded ``[B, T, width]`` as ``[T, B, N]``."""
    rows = flat.reshape(grid.n_samples, grid.n_steps, width_of(n))
    return torch.from_numpy(rows[..., :n]).transpose(0, 1)


def unpadded(flat: np.ndarray, n: int, n_rows: int) -> Tensor:
    """Return flat, padded rows as ``[rows, N]``."""
    return torch.from_numpy(flat.reshape(n_rows, width_of(n))[:, :n])


def weights_gradient(flat: np.ndarray, n_out: int) -> Tensor:
    """Return padded rows of inputs as a gradient ``[out, in]``."""
    rows = flat.reshape(-1, width_of(n_out))[:, :n_out]
    return torch.from_numpy(rows).t().contiguous()


def raster_of(run: Run) -> Tensor:
    """Return the spikes of a layer, ``[T, B, N]``."""
    starts, units = run.fired.starts, run.fired.units
    n_samples, n_steps = len(starts), starts.shape[1] - 1
    dense = np.zeros((n_steps, n_samples, run.n), run.counts.dtype)
    for b in range(n_samples):
        step = np.repeat(np.arange(n_steps), np.diff(starts[b]))
        dense[step, b, units[starts[b, 0] : starts[b, -1]]] = 1
    return torch.from_numpy(dense)
