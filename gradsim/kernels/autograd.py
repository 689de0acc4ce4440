"""The event-driven engine on the CPU: `gradsim.kernels.loops` behind autograd Functions.

Exact gradients in float32 and float64. With one hidden layer and no recurrence the cost follows
the spikes; recurrent weights and further hidden layers cost a dense product a step in the backward
pass. Samples are divided among as many threads as `torch.get_num_threads` says.

Guaranteed: second derivatives are refused, never 0, and a state that does not fit is refused before
the loops, which check no bounds, get to see it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from gradsim.events import SpikeEvents, if_sparse
from gradsim.feedback import Feedback, project
from gradsim.first_order import first_order
from gradsim.kernels import buffers, loops
from gradsim.kernels.buffers import index_type
from gradsim.kernels.layout import (
    Grid,
    Input,
    ReadoutRun,
    Run,
    dtype_of,
    neurons_of,
    padded,
    raster_of,
    sample_major,
    time_major,
    unpadded,
    weights_gradient,
    width_of,
)
from gradsim.kernels.loops import Source, Workspace
from gradsim.kernels.orders import GROUP, NO_SUMS, Spikes
from gradsim.kernels.threads import in_parallel
from gradsim.neurons import Decay, LIFParameters, LIFState, LIParameters, Population

SECOND_ORDER = "the event-driven engine has none, engine='torch' has them"

CHEAP = 8
"""Rows of weights from the cache that take about as long as a row of a trace from memory."""

SPARSE = 0.2
"""Spikes a cell of a raster up to which adding rows of weights beats a dense product."""


def lif(
    currents: Tensor,
    neuron: LIFParameters,
    decay: Decay,
    recurrent: Tensor | None,
    state: LIFState | None,
) -> tuple[Tensor, LIFState]:
    """Return the spikes ``[T, B, N]`` for weighted inputs ``[T, B, N]``, and the last state."""
    rest = torch.zeros_like(currents[0])
    _require_state(state, rest)
    if state is not None and recurrent is not None:
        first = currents[:1] + linear(state.spikes, recurrent)
        currents = torch.cat([first, currents[1:]])
    mem, syn = (rest, rest) if state is None else (state.mem, state.syn)
    spikes, mem, syn = _LayerFunction.apply(
        Population(neuron, decay, recurrent),
        torch.is_grad_enabled(),
        currents,
        recurrent,
        mem,
        syn,
    )
    return spikes, LIFState(mem, syn, spikes[-1], rest)


def _require_state(state: LIFState | None, rest: Tensor) -> None:
    for name, part in zip(LIFState._fields, state or (), strict=False):
        if part.shape != rest.shape or part.dtype != rest.dtype:
            raise ValueError(
                f"{name} of the state must be {rest.dtype} {list(rest.shape)}, not {part.dtype} "
                f"{list(part.shape)}"
            )


def network(
    x: SpikeEvents | Tensor,
    hidden: Sequence[Population],
    readout: tuple[LIParameters, Decay],
    weights: Sequence[Tensor],
    feedback: Sequence[Feedback | None],
) -> tuple[Tensor, Tensor, tuple[Tensor, ...], Callable[[], tuple[Tensor, ...]]]:
    """Run hidden layers and readout from rest, without a dense tensor between them.

    Parameters
    ----------
    x
        Input events, or a raster ``[T, B, in]``, which may need gradients.
    hidden, readout
        Neurons of the layers, and the recurrent weights of hidden ones.
    weights
        ``[out, in]`` into each layer, the readout last.
    feedback
        Of the same layers; where None, errors come back through the weights.

    Returns
    -------
    tuple
        The membranes of the readout ``[T + 1, B, C]`` (``[T, B, C]`` if it integrates first),
        their largest values ``[B, C]``, the spike counts ``[B, N]`` of each hidden layer, all with
        gradients, and a function that makes the rasters ``[T, B, N]``.
    """
    if isinstance(x, Tensor):
        events = if_sparse(x, SPARSE)
        dense = project(x, weights[0], feedback[0]) if events is None else x
    else:
        events, dense = x, None
    back = tuple(
        None if route is None else route(weight).detach()
        for route, weight in zip(feedback, weights, strict=True)
    )
    plan = _Plan(tuple(hidden), readout, back, events, record=torch.is_grad_enabled())
    # Once more, outside the plan: what receives a gradient must be an argument.
    recurrent = [population.recurrent for population in hidden]
    membranes, peak, *counts = _NetworkFunction.apply(plan, dense, *weights, *recurrent)
    return membranes, peak, tuple(counts), plan.rasters


@dataclass
class _Plan:
    """The network that runs, and what its layers did."""

    hidden: tuple[Population, ...]
    readout: tuple[LIParameters, Decay]
    back: tuple[Tensor | None, ...]
    events: SpikeEvents | None
    record: bool
    runs: list[Run] = field(default_factory=list)

    def rasters(self) -> tuple[Tensor, ...]:
        return tuple(raster_of(run) for run in self.runs)

    def ways_back(self, weights: Sequence[Tensor]) -> list[Tensor]:
        """Return the matrices through which errors leave each layer for the one below."""
        return [
            weight if other is None else other
            for weight, other in zip(weights, self.back, strict=True)
        ]


class _LayerFunction(torch.autograd.Function):
    """One layer on weighted inputs, with its state."""

    @staticmethod
    def forward(
        ctx: Any,
        population: Population,
        record: bool,
        currents: Tensor,
        recurrent: Tensor | None,
        *state: Tensor,
    ) -> tuple[Tensor, ...]:
        n_steps, n_samples, n = currents.shape
        grid, last = Grid(n_samples, n_steps), tuple(padded(part) for part in state)
        inputs = Input(currents=currents)
        run = _run(population, n, grid, inputs, last, record=record)
        ctx.run, ctx.grid = run, grid
        ctx.save_for_backward(recurrent)
        return raster_of(run), *(unpadded(part, n, n_samples) for part in last)

    @staticmethod
    @first_order(SECOND_ORDER)
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Any, ...]:
        run, grid = ctx.run, ctx.grid
        (recurrent,) = ctx.saved_tensors
        none = np.empty(0, run.trace.dtype)
        source = Source(none, none, 0, sample_major(gradients[0]), none)
        first = tuple(padded(gradient) for gradient in gradients[1:])
        gi, _, g_recurrent = _return(run, grid, source, None, recurrent, first, keep_gi=True)
        states = (unpadded(part, run.n, grid.n_samples) for part in first)
        return None, None, time_major(gi, run.n, grid), g_recurrent, *states


class _NetworkFunction(torch.autograd.Function):
    """Hidden layers and readout as one function; between them spikes stay lists."""

    @staticmethod
    def forward(
        ctx: Any, plan: _Plan, dense: Tensor | None, *tensors: Tensor | None
    ) -> tuple[Tensor, ...]:
        """Run ``plan.events``, which ``dense`` is the raster of, if any; else weighted input."""
        ctx.set_materialize_grads(False)
        weights = cast("tuple[Tensor, ...]", tensors[: len(plan.hidden) + 1])
        if plan.events is None:
            assert dense is not None
            grid = Grid(dense.shape[1], dense.shape[0])
            inputs = Input(currents=dense)
        else:
            grid = Grid(len(plan.events), plan.events.n_steps)
            inputs = Input(plan.events.by_step, weights[0])
        for population, following in zip(plan.hidden, weights[1:], strict=True):
            n = following.shape[1]
            plan.runs.append(_run(population, n, grid, inputs, None, record=plan.record))
            inputs = Input(plan.runs[-1].fired, following)
        readout = _run_readout(plan.readout, grid, inputs)
        ctx.readout = readout
        ctx.plan, ctx.grid = plan, grid
        ctx.save_for_backward(*tensors)
        counts = (unpadded(run.counts, run.n, grid.n_samples) for run in plan.runs)
        peak = unpadded(readout.peak, readout.n, grid.n_samples)
        return readout.membranes(grid), peak, *counts

    @staticmethod
    @first_order(SECOND_ORDER)
    def backward(
        ctx: Any, g_membranes: Tensor | None, g_peak: Tensor | None, *g_counts: Tensor | None
    ) -> tuple[Any, ...]:
        plan, grid, runs = ctx.plan, ctx.grid, ctx.plan.runs
        for_dense = ctx.needs_input_grad[1]
        n_weights = len(runs) + 1
        weights, recurrent = ctx.saved_tensors[:n_weights], ctx.saved_tensors[n_weights:]
        back = plan.ways_back(weights)
        gi = _return_readout(ctx.readout, grid, g_membranes, g_peak)
        g_weights: list[Tensor | None] = [_by_spikes(grid, runs[-1].fired, gi, weights[-1])]
        g_recurrent = []
        for k in reversed(range(len(runs))):
            following, from_counts, none = back[k + 1], g_counts[k], np.empty(0, gi.dtype)
            source = Source(
                gi,
                padded(following),
                width_of(len(following)),
                none,
                none if from_counts is None else padded(from_counts),
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
                replay=None if len(runs[k].trace) else Input(below, weights[k]),
            )
            g_recurrent.append(g_own)
            g_weights.append(
                _by_spikes(grid, runs[k - 1].fired, gi, weights[k]) if k > 0 else g_events
            )
        g_dense = time_major(gi, runs[0].n, grid) if for_dense else None
        if g_dense is not None and plan.events is not None:
            g_dense = g_dense @ back[0]
        return None, g_dense, *reversed(g_weights), *reversed(g_recurrent)


def _run(
    population: Population,
    n: int,
    grid: Grid,
    inputs: Input,
    state: tuple[np.ndarray, ...] | None,
    *,
    record: bool,
) -> Run:
    """Run a layer; ``state``, membrane and current ``[B, width]``, is moved to the last one."""
    neuron, decay, recurrent = population
    dtype = dtype_of(recurrent, inputs.weights, inputs.currents)
    width, none = width_of(n), np.empty(0, dtype)
    neurons = neurons_of(neuron, decay, n, dtype)
    mem, syn = state or (buffers.zeros(grid.n_samples * width, dtype) for _ in range(2))
    again = recurrent is None and state is None and neurons.slope >= 0 and _is_cheap(inputs, grid)
    run = Run(
        n,
        neurons,
        neuron.surrogate,
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
    own = none if recurrent is None else padded(recurrent.t())

    def part(first: int, last: int) -> None:
        masks = np.empty(grid.n_steps * width, np.uint64)
        currents = GROUP * grid.n_steps * width if len(arrays.sums.entries) else 0
        loops.lif_forward(
            first, last, grid.n_steps, neurons, arrays, own, mem, syn, run.trace, run.fired,
            run.counts, masks, buffers.empty(currents, dtype),
        )  # fmt: skip

    in_parallel(part, grid.n_samples)
    return run


def _is_cheap(inputs: Input, grid: Grid) -> bool:
    """Return whether running an input again costs less than reading from memory what it did."""
    if not isinstance(inputs.spikes, Spikes):
        return False
    starts = inputs.spikes.starts
    return (starts[:, -1] - starts[:, 0]).sum() < CHEAP * grid.size(1)


def _return(
    run: Run,
    grid: Grid,
    source: Source,
    events: SpikeEvents | None,
    recurrent: Tensor | None,
    state: tuple[np.ndarray, ...] | None,
    *,
    keep_gi: bool,
    replay: Input | None = None,
) -> tuple[np.ndarray, Tensor | None, Tensor | None]:
    """Carry gradients back through a layer.

    Returns the gradients of its currents (of no use unless ``keep_gi``), of the weights of
    ``events`` and of the recurrent weights; ``state``, the gradient of the last state, is moved
    to that of the initial one. ``replay`` is the layer's input where it left no trace.
    """
    dtype, width = run.trace.dtype, width_of(run.n)
    none = np.empty(0, dtype)
    gm, gs = state or (buffers.zeros(grid.n_samples * width, dtype) for _ in range(2))
    derivative = none
    if run.neurons.slope < 0:
        x = torch.from_numpy(run.trace) - float(run.neurons.threshold)
        derivative = run.surrogate.derivative(x).numpy()
    gi = buffers.empty(grid.size(width) if keep_gi else 0, dtype)
    own = none if recurrent is None else padded(recurrent)
    inputs = (replay or Input()).arrays(dtype)
    by_unit, n_in = (NO_SUMS, 0) if events is None else (events.by_unit, events.n_units)

    def part(first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        g_weights = buffers.zeros(n_in * width, dtype)
        g_recurrent = buffers.zeros(len(own), dtype)
        work = Workspace(
            gm,
            gs,
            gi if keep_gi else buffers.empty(GROUP * grid.n_steps * width, dtype),
            keep_gi,
            scratch=buffers.empty(GROUP * width, dtype),
            replayed=buffers.empty(grid.n_steps * min(width, 64), dtype),
        )
        loops.lif_backward(
            first, last, grid.n_steps, run.n, run.neurons, inputs, run.trace, run.initial,
            derivative, source, own, by_unit, g_weights, run.fired, g_recurrent, work,
        )  # fmt: skip
        return g_weights, g_recurrent

    parts = zip(*in_parallel(part, grid.n_samples), strict=True)
    g_weights, g_recurrent = (weights_gradient(sum(p[1:], p[0]), run.n) for p in parts)
    return gi, g_weights if n_in else None, None if recurrent is None else g_recurrent


def _run_readout(readout: tuple[LIParameters, Decay], grid: Grid, inputs: Input) -> ReadoutRun:
    assert inputs.weights is not None
    dtype, n = dtype_of(inputs.weights), inputs.weights.shape[0]
    size = grid.n_samples * width_of(n)
    run = ReadoutRun(
        n,
        neurons_of(*readout, n, dtype),
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
    run: ReadoutRun, grid: Grid, g_membranes: Tensor | None, g_peak: Tensor | None
) -> np.ndarray:
    dtype, width, n = run.recorded.dtype, width_of(run.n), run.n
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


def _by_spikes(grid: Grid, fired: Spikes, gi: np.ndarray, weights: Tensor) -> Tensor:
    """Return the gradient of weights ``[out, in]`` through which spikes act."""
    n_out, n_in = weights.shape
    width = width_of(n_out)

    def part(first: int, last: int) -> np.ndarray:
        g_weights = buffers.zeros(n_in * width, gi.dtype)
        loops.scatter_weights(first, last, grid.n_steps, width, fired, gi, g_weights)
        return g_weights

    parts = in_parallel(part, grid.n_samples)
    return weights_gradient(sum(parts[1:], parts[0]), n_out)
