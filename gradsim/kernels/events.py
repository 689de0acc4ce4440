"""The event-driven engine on the CPU: `gradsim.kernels.loops` behind autograd Functions.

Exact gradients in float32 and float64, with cost by the spike. Samples are divided among as many
threads as `torch.get_num_threads` says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

from gradsim.events import SpikeEvents, if_sparse, index_type
from gradsim.kernels import buffers, loops
from gradsim.kernels.loops import Inputs, Neurons, Source
from gradsim.kernels.orders import GROUP, NO_SUMS, Spikes, Sums
from gradsim.kernels.threads import in_parallel
from gradsim.neurons import Decay, LIFParameters, LIFState, LIParameters
from gradsim.surrogate import Surrogate

CHEAP = 8
"""Rows of weights from the cache that take about as long as a row of a trace from memory."""

SPARSE = 0.2
"""Spikes a cell of a raster up to which adding rows of weights beats a dense product."""

INLINE = ("fast_sigmoid", "superspike")
"""Surrogates whose derivative the loops compute themselves; others are computed by PyTorch."""


class Hidden(NamedTuple):
    """The neurons of a hidden layer."""

    neuron: LIFParameters
    decay: Decay


def lif(
    currents: Tensor,
    neuron: LIFParameters,
    decay: Decay,
    recurrent: Tensor | None,
    state: LIFState | None,
) -> tuple[Tensor, LIFState]:
    """Return the spikes ``[T, B, N]`` for weighted inputs ``[T, B, N]``, and the last state."""
    rest = torch.zeros_like(currents[0])
    if state is not None and recurrent is not None:
        first = currents[:1] + linear(state.spikes, recurrent)
        currents = torch.cat([first, currents[1:]])
    mem, syn = (rest, rest) if state is None else (state.mem, state.syn)
    spikes, mem, syn = _Layer.apply(
        Hidden(neuron, decay), torch.is_grad_enabled(), currents, recurrent, mem, syn
    )
    return spikes, LIFState(mem, syn, spikes[-1], rest)


def network(
    x: SpikeEvents | Tensor,
    hidden: Sequence[Hidden],
    readout: tuple[LIParameters, Decay],
    weights: Sequence[Tensor],
    recurrent: Sequence[Tensor | None],
) -> tuple[Tensor, Tensor, tuple[Tensor, ...], Callable[[], tuple[Tensor, ...]]]:
    """Run hidden layers and readout from rest, without a dense tensor between them.

    Parameters
    ----------
    x
        Input events, or a raster ``[T, B, in]``, which may need gradients.
    hidden, readout
        Neurons of the layers.
    weights
        ``[out, in]`` into each layer, the readout last.
    recurrent
        ``[out, out]`` of each hidden layer, or None.

    Returns
    -------
    tuple
        The membranes of the readout ``[T + 1, B, C]`` (``[T, B, C]`` if it integrates first),
        their largest values ``[B, C]``, the spike counts ``[B, N]`` of each hidden layer, all with
        gradients, and a function that makes the rasters ``[T, B, N]``.
    """
    if isinstance(x, Tensor):
        events = if_sparse(x, SPARSE)
        dense = linear(x, weights[0]) if events is None else x
    else:
        events, dense = x, None
    plan = _Plan(tuple(hidden), readout, events, record=torch.is_grad_enabled())
    membranes, peak, *counts = _Network.apply(plan, dense, *weights, *recurrent)
    return membranes, peak, tuple(counts), plan.rasters


@dataclass
class _Plan:
    """The network that runs, and what its layers did."""

    hidden: tuple[Hidden, ...]
    readout: tuple[LIParameters, Decay]
    events: SpikeEvents | None
    record: bool
    runs: list[_Run] = field(default_factory=list)

    def rasters(self) -> tuple[Tensor, ...]:
        return tuple(_raster(run) for run in self.runs)


class _Grid(NamedTuple):
    n_samples: int
    n_steps: int

    def size(self, width: int) -> int:
        return self.n_samples * self.n_steps * width


class _Run(NamedTuple):
    """What the forward pass of a hidden layer leaves: of ``n`` neurons, padded."""

    n: int
    neurons: Neurons
    surrogate: Surrogate
    fired: Spikes
    counts: np.ndarray
    trace: np.ndarray
    initial: np.ndarray


_NO_SPIKES = Spikes(np.empty(0, np.int16), np.empty((0, 0), np.int64))


class _Input(NamedTuple):
    """Input of a layer: spikes with their weights ``[out, in]``, or weighted ``[T, B, N]``."""

    spikes: Spikes | Sums | None = None
    weights: Tensor | None = None
    currents: Tensor | None = None

    def arrays(self, dtype: np.dtype) -> Inputs:
        none = np.empty(0, dtype)
        by_step = self.spikes if isinstance(self.spikes, Spikes) else _NO_SPIKES
        return Inputs(
            *by_step,
            self.spikes if isinstance(self.spikes, Sums) else NO_SUMS,
            none if self.weights is None else _padded(self.weights.t()),
            none if self.currents is None else _sample_major(self.currents),
        )

    def is_cheap(self, grid: _Grid) -> bool:
        """Whether running it again costs less than reading from memory what it did."""
        if not isinstance(self.spikes, Spikes):
            return False
        starts = self.spikes.starts
        return (starts[:, -1] - starts[:, 0]).sum() < CHEAP * grid.size(1)


class _Layer(torch.autograd.Function):
    """One layer on weighted inputs, with its state."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Hidden,
        record: bool,
        currents: Tensor,
        recurrent: Tensor | None,
        *state: Tensor,
    ) -> tuple[Tensor, ...]:
        n_steps, n_samples, n = currents.shape
        grid, last = _Grid(n_samples, n_steps), tuple(_padded(part) for part in state)
        inputs = _Input(currents=currents)
        run = _run(hidden, n, grid, inputs, recurrent, last, record=record)
        ctx.run, ctx.grid = run, grid
        ctx.save_for_backward(recurrent)
        return _raster(run), *(_unpadded(part, n, n_samples) for part in last)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        run, grid = ctx.run, ctx.grid
        (recurrent,) = ctx.saved_tensors
        none = np.empty(0, run.trace.dtype)
        source = Source(none, none, 0, _sample_major(gradients[0]), none)
        first = tuple(_padded(gradient) for gradient in gradients[1:])
        gi, _, g_recurrent = _return(run, grid, source, None, recurrent, first, keep_gi=True)
        states = (_unpadded(part, run.n, grid.n_samples) for part in first)
        return None, None, _time_major(gi, run.n, grid), g_recurrent, *states


class _Network(torch.autograd.Function):
    """Hidden layers and readout as one function; between them spikes stay lists."""

    @staticmethod
    def forward(
        ctx: Any, plan: _Plan, dense: Tensor | None, *tensors: Tensor | None
    ) -> tuple[Tensor, ...]:
        """Run ``plan.events``, which ``dense`` is the raster of, if any; else weighted input."""
        ctx.set_materialize_grads(False)
        weights, recurrent = _split(tensors, len(plan.hidden) + 1)
        if plan.events is None:
            assert dense is not None
            grid = _Grid(dense.shape[1], dense.shape[0])
            inputs = _Input(currents=dense)
        else:
            grid = _Grid(len(plan.events), plan.events.n_steps)
            inputs = _Input(plan.events.by_step, weights[0])
        for layer, own, following in zip(plan.hidden, recurrent, weights[1:], strict=True):
            n = following.shape[1]
            plan.runs.append(_run(layer, n, grid, inputs, own, None, record=plan.record))
            inputs = _Input(plan.runs[-1].fired, following)
        readout = _run_readout(plan.readout, grid, inputs)
        ctx.readout = readout
        ctx.plan, ctx.grid = plan, grid
        ctx.save_for_backward(*tensors)
        counts = (_unpadded(run.counts, run.n, grid.n_samples) for run in plan.runs)
        peak = _unpadded(readout.peak, readout.n, grid.n_samples)
        return readout.membranes(grid), peak, *counts

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, g_membranes: Tensor | None, g_peak: Tensor | None, *g_counts: Tensor | None
    ) -> tuple[Any, ...]:
        plan, grid, runs = ctx.plan, ctx.grid, ctx.plan.runs
        for_dense = ctx.needs_input_grad[1]
        weights, recurrent = _split(ctx.saved_tensors, len(runs) + 1)
        gi = _return_readout(ctx.readout, grid, g_membranes, g_peak)
        g_weights: list[Tensor | None] = [_by_spikes(grid, runs[-1].fired, gi, weights[-1])]
        g_recurrent = []
        for k in reversed(range(len(runs))):
            following, from_counts, none = weights[k + 1], g_counts[k], np.empty(0, gi.dtype)
            source = Source(
                gi,
                _padded(following),
                _width(len(following)),
                none,
                none if from_counts is None else _padded(from_counts),
            )
            events = plan.events if k == 0 else None
            below = runs[k - 1].fired if k else events and events.by_step
            gi, g_events, g_own = _return(
                runs[k],
                grid,
                source,
                events,
                recurrent[k],
                None,
                keep_gi=k > 0 or for_dense,
                replay=None if len(runs[k].trace) else _Input(below, weights[k]),
            )
            g_recurrent.append(g_own)
            g_weights.append(
                _by_spikes(grid, runs[k - 1].fired, gi, weights[k]) if k > 0 else g_events
            )
        g_dense = _time_major(gi, runs[0].n, grid) if for_dense else None
        if g_dense is not None and plan.events is not None:
            g_dense = g_dense @ weights[0]
        return None, g_dense, *reversed(g_weights), *reversed(g_recurrent)


def _run(
    hidden: Hidden,
    n: int,
    grid: _Grid,
    inputs: _Input,
    recurrent: Tensor | None,
    state: tuple[np.ndarray, ...] | None,
    *,
    record: bool,
) -> _Run:
    """Run a layer; ``state``, membrane and current ``[B, width]``, is moved to the last one."""
    dtype = _dtype(recurrent, inputs.weights, inputs.currents)
    width, none = _width(n), np.empty(0, dtype)
    neurons = _neurons(hidden.neuron, hidden.decay, n, dtype)
    mem, syn = state or (buffers.zeros(grid.n_samples * width, dtype) for _ in range(2))
    again = recurrent is None and state is None and neurons.slope >= 0 and inputs.is_cheap(grid)
    run = _Run(
        n,
        neurons,
        hidden.neuron.surrogate,
        Spikes(
            # Room for a spike of every neuron in every step; what is not written costs nothing.
            buffers.empty(grid.size(width), index_type(width)),
            np.empty((grid.n_samples, grid.n_steps + 1), np.int64),
        ),
        buffers.zeros(grid.n_samples * width, dtype),
        buffers.empty(grid.size(width), dtype) if record and not again else none,
        mem.copy(),
    )
    arrays = inputs.arrays(dtype)
    own = none if recurrent is None else _padded(recurrent.t())

    def part(first: int, last: int) -> None:
        masks = np.empty(grid.n_steps * width, np.uint64)
        currents = GROUP * grid.n_steps * width if len(arrays.sums.entries) else 0
        loops.lif_forward(
            first, last, grid.n_steps, neurons, arrays, own, mem, syn, run.trace, run.fired,
            run.counts, masks, buffers.empty(currents, dtype),
        )  # fmt: skip

    in_parallel(part, grid.n_samples)
    return run


def _return(
    run: _Run,
    grid: _Grid,
    source: Source,
    events: SpikeEvents | None,
    recurrent: Tensor | None,
    state: tuple[np.ndarray, ...] | None,
    *,
    keep_gi: bool,
    replay: _Input | None = None,
) -> tuple[np.ndarray, Tensor | None, Tensor | None]:
    """Carry gradients back through a layer.

    Returns the gradients of its currents (of no use unless ``keep_gi``), of the weights of
    ``events`` and of the recurrent weights; ``state``, the gradient of the last state, is moved
    to that of the initial one. ``replay`` is the layer's input where it left no trace.
    """
    dtype, width = run.trace.dtype, _width(run.n)
    none = np.empty(0, dtype)
    gm, gs = state or (buffers.zeros(grid.n_samples * width, dtype) for _ in range(2))
    derivative = none
    if run.neurons.slope < 0:
        x = torch.from_numpy(run.trace) - float(run.neurons.threshold)
        derivative = run.surrogate.derivative(x).numpy()
    gi = buffers.empty(grid.size(width) if keep_gi else 0, dtype)
    own = none if recurrent is None else _padded(recurrent)
    inputs = (replay or _Input()).arrays(dtype)
    by_unit, n_in = (NO_SUMS, 0) if events is None else (events.by_unit, events.n_units)

    def part(first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        g_weights = buffers.zeros(n_in * width, dtype)
        g_recurrent = buffers.zeros(len(own), dtype)
        some_gi = gi if keep_gi else buffers.empty(GROUP * grid.n_steps * width, dtype)
        scratch = buffers.empty(GROUP * width, dtype)
        replayed = buffers.empty(grid.n_steps * min(width, 64), dtype)
        loops.lif_backward(
            first, last, grid.n_steps, run.n, run.neurons, inputs, run.trace, run.initial,
            derivative, source, own, gm, gs, some_gi, keep_gi, by_unit, g_weights, run.fired,
            g_recurrent, scratch, replayed,
        )  # fmt: skip
        return g_weights, g_recurrent

    parts = zip(*in_parallel(part, grid.n_samples), strict=True)
    g_weights, g_recurrent = (_weights_gradient(sum(p[1:], p[0]), run.n) for p in parts)
    return gi, g_weights if n_in else None, None if recurrent is None else g_recurrent


class _Readout(NamedTuple):
    """What the forward pass of the readout leaves; ``peak_step`` is ``[B, width]``."""

    n: int
    neurons: Neurons
    recorded: np.ndarray
    peak: np.ndarray
    peak_step: np.ndarray

    def membranes(self, grid: _Grid) -> Tensor:
        rows = _time_major(self.recorded, self.n, grid._replace(n_steps=grid.n_steps + 1))
        return rows if self.neurons.fire_first else rows[1:]


def _run_readout(readout: tuple[LIParameters, Decay], grid: _Grid, inputs: _Input) -> _Readout:
    assert inputs.weights is not None
    dtype, n = _dtype(inputs.weights), inputs.weights.shape[0]
    size = grid.n_samples * _width(n)
    run = _Readout(
        n,
        _neurons(*readout, n, dtype),
        buffers.empty((grid.n_steps + 1) * size, dtype),
        np.empty(size, dtype),
        np.empty(size, dtype),
    )
    arrays = inputs.arrays(dtype)

    def part(first: int, last: int) -> None:
        loops.li_forward(
            first, last, grid.n_steps, run.neurons, arrays, run.recorded, run.peak, run.peak_step
        )

    in_parallel(part, grid.n_samples)
    return run


def _return_readout(
    run: _Readout, grid: _Grid, g_membranes: Tensor | None, g_peak: Tensor | None
) -> np.ndarray:
    dtype, width, n = run.recorded.dtype, _width(run.n), run.n
    gradient = buffers.zeros((grid.n_samples, grid.n_steps + 1, width), dtype)
    if g_membranes is not None:
        skipped = grid.n_steps + 1 - len(g_membranes)
        gradient[:, skipped:, :n] = g_membranes.transpose(0, 1).numpy()
    if g_peak is not None:
        step = run.peak_step.reshape(-1, width)[:, :n].astype(np.int64)
        gradient[np.arange(grid.n_samples)[:, None], step, np.arange(n)] += g_peak.numpy()
    gi = buffers.empty(grid.size(width), dtype)

    def part(first: int, last: int) -> None:
        loops.li_backward(first, last, grid.n_steps, run.neurons, gradient.reshape(-1), gi)

    in_parallel(part, grid.n_samples)
    return gi


def _by_spikes(grid: _Grid, fired: Spikes, gi: np.ndarray, weights: Tensor) -> Tensor:
    """Return the gradient of weights ``[out, in]`` through which spikes act."""
    n_out, n_in = weights.shape
    width = _width(n_out)

    def part(first: int, last: int) -> np.ndarray:
        g_weights = buffers.zeros(n_in * width, gi.dtype)
        loops.scatter_weights(first, last, grid.n_steps, width, fired, gi, g_weights)
        return g_weights

    parts = in_parallel(part, grid.n_samples)
    return _weights_gradient(sum(parts[1:], parts[0]), n_out)


def _neurons(parameters: LIParameters, decay: Decay, n: int, dtype: np.dtype) -> Neurons:
    def row(value: float | Tensor) -> np.ndarray:
        padded = np.zeros(_width(n), dtype)
        padded[:n] = value.detach().numpy() if isinstance(value, Tensor) else value
        return padded

    number = dtype.type
    gain = parameters.gain_factor(decay.beta)
    threshold, strict, keep, slope = np.inf, True, 1.0, -1.0
    if isinstance(parameters, LIFParameters):
        threshold, strict = parameters.threshold, parameters.strict
        keep = 0.0 if parameters.reset == "zero" else 1.0
        if parameters.surrogate.name in INLINE:
            slope = parameters.surrogate.parameters[0]
    limit = number(threshold)
    return Neurons(
        row(decay.alpha),
        row(decay.beta),
        row(gain),
        threshold=limit,
        fire_above=limit if strict else np.nextafter(limit, number(-np.inf)),
        keep=number(keep),
        drop=limit if keep else number(0),
        slope=number(slope),
        fire_first=parameters.order == "fire_first",
    )


def _split(tensors: Sequence[Any], at: int) -> tuple[Sequence[Any], Sequence[Any]]:
    return tensors[:at], tensors[at:]


def _dtype(*tensors: Tensor | None) -> np.dtype:
    known = next(tensor for tensor in tensors if tensor is not None)
    return np.dtype(np.float64 if known.dtype == torch.float64 else np.float32)


def _width(n: int) -> int:
    """Return the padded number of neurons.

    One more wide vector costs hardly more than a narrow one, so that only a small rest is worth
    narrow ones; see `gradsim.kernels.simd`.
    """
    rest = n % 64
    return n - rest + (rest and (16 if rest <= 16 else 32 if n <= 32 else 64))


def _padded(values: Tensor) -> np.ndarray:
    """Return ``[rows, N]`` as a flat array of rows that are padded with zeros."""
    rows, n = values.shape
    padded = buffers.zeros((rows, _width(n)), _dtype(values))
    padded[:, :n] = values.detach().numpy()
    return padded.reshape(-1)


def _sample_major(values: Tensor) -> np.ndarray:
    """Return ``[T, B, N]`` as a flat, padded ``[B, T, width]``."""
    return _padded(values.transpose(0, 1).reshape(-1, values.shape[2]))


def _time_major(flat: np.ndarray, n: int, grid: _Grid) -> Tensor:
    """Return a flat, padded ``[B, T, width]`` as ``[T, B, N]``."""
    padded = flat.reshape(grid.n_samples, grid.n_steps, _width(n))
    return torch.from_numpy(padded[..., :n]).transpose(0, 1)


def _unpadded(flat: np.ndarray, n: int, rows: int) -> Tensor:
    return torch.from_numpy(flat.reshape(rows, _width(n))[:, :n])


def _weights_gradient(flat: np.ndarray, n_out: int) -> Tensor:
    """Return padded rows of inputs as a gradient ``[out, in]``."""
    rows = flat.reshape(-1, _width(n_out))[:, :n_out]
    return torch.from_numpy(rows).t().contiguous()


def _raster(run: _Run) -> Tensor:
    """Return the spikes of a layer, ``[T, B, N]``."""
    starts, units = run.fired.starts, run.fired.units
    n_samples, n_steps = len(starts), starts.shape[1] - 1
    dense = np.zeros((n_steps, n_samples, run.n), run.counts.dtype)
    for b in range(n_samples):
        step = np.repeat(np.arange(n_steps), np.diff(starts[b]))
        dense[step, b, units[starts[b, 0] : starts[b, -1]]] = 1
    return torch.from_numpy(dense)
