"""Compiled loops of `gradsim.lsnn`, which has the equations: sample by sample, event by event.

A spike adds one contiguous block, the row of its source in `gradsim.delays.spread` weights, to the
currents of this step and of those that follow. The backward loop reads the same blocks of the
currents' gradients: their sum over a source's spikes is the gradient of its row, and the product
with the row is what the spike's own gradient gets through the synapses.

Neurons are padded to ``width``, a whole number of vectors; those beyond n are connected to nothing.
Samples are independent; gradients are summed by groups of samples, so that they do not depend on
the number of threads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from gradsim.kernels.jit import compiled
from gradsim.kernels.orders import GROUP
from gradsim.kernels.simd import (
    NARROW,
    above,
    absolute,
    choose,
    divide,
    fma,
    get,
    lanes,
    load,
    lowest_bit,
    pointer,
    put,
    splat,
    store,
    zeros,
)

LANES = NARROW // 4
"""Numbers in a vector of float32; what vectors run over is padded to a multiple."""


class Cell(NamedTuple):
    """Constants of the neurons, in the type of the weights; ``beta [width]``.

    ``*_gain`` is 1 minus the decay before it.
    """

    beta: Any
    alpha: float
    alpha_gain: float
    rho: float
    rho_gain: float
    kappa: float
    kappa_gain: float
    threshold: float
    dampening: float
    one: float
    n_refractory: float
    detach_reset: bool


class State(NamedTuple):
    """State of a batch, see `gradsim.lsnn.zero_state`; `forward` changes it, padded, in place."""

    mem: np.ndarray
    adaptation: np.ndarray
    spikes: np.ndarray
    trace: np.ndarray
    refractory: np.ndarray
    pending: np.ndarray


class Record(NamedTuple):
    """What a run leaves behind.

    ``spikes [B, T + 1, width]``, those before the first step first; ``traces [B, S, width]``,
    filtered spikes averaged over S windows; and, for the gradient, ``slope`` (h), ``ratio`` (v / B)
    and ``threshold`` (B), each ``[B, T, width]`` or empty. Spikes and traces come as zeros.
    """

    spikes: np.ndarray
    traces: np.ndarray
    slope: np.ndarray
    ratio: np.ndarray
    threshold: np.ndarray


@njit(forceinline=True)
def _add(to, at, source, first, count):
    like = zeros(to, NARROW)
    for k in range(0, count, lanes(like)):
        store(to, at + k, load(like, to, at + k) + load(like, source, first + k))


@compiled(fastmath=True)
def forward(first, last, n_in, share, cell, inputs, rows, state, record):
    """Run samples ``first:last``; write their part of ``state`` and ``record``.

    ``inputs`` come by step. ``rows [sources, longest delay, width]`` are those of the ``n_in``
    inputs, then those of the neurons. ``share`` is 1 over the steps of a window.
    """
    _, longest, width = rows.shape
    n_steps, block = record.spikes.shape[1] - 1, longest * width
    currents = np.empty((n_steps + longest, width), rows.dtype)
    fired = np.empty(width, np.int64)
    arriving, source = pointer(currents), pointer(rows)
    for b in range(first, last):
        currents[:] = 0
        currents[: longest - 1] = state.pending[b]
        n_fired = 0
        for j in range(width):
            if state.spikes[b, j] != 0:
                fired[n_fired] = j
                n_fired += 1
        for t in range(n_steps):
            for k in range(inputs.starts[b, t], inputs.starts[b, t + 1]):
                _add(arriving, t * width, source, inputs.units[k] * block, block)
            for k in range(n_fired):
                _add(arriving, t * width, source, (n_in + fired[k]) * block, block)
            n_fired = _advance(b, t, share, cell, arriving, state, record, fired)
        state.pending[b] = currents[n_steps : n_steps + longest - 1]


@njit(forceinline=True)
def _advance(b, t, share, cell, currents, state, record, fired):
    """Bring the neurons of sample ``b`` through step ``t``; return how many ``fired``."""
    n_steps, width = record.spikes.shape[1] - 1, record.spikes.shape[2]
    n_windows = record.traces.shape[1]
    mems, adaptations, before = pointer(state.mem), pointer(state.adaptation), pointer(state.spikes)
    rests, traces, means = pointer(state.refractory), pointer(state.trace), pointer(record.traces)
    like = zeros(mems, NARROW)
    zero, one = splat(like, cell.one - cell.one), splat(like, cell.one)
    n_fired = 0
    for i in range(0, width, lanes(like)):
        own = b * width + i
        spiked, rest = load(like, before, own), load(like, rests, own)
        slow = splat(like, cell.rho) * load(like, adaptations, own)
        slow = fma(splat(like, cell.rho_gain), spiked, slow)
        threshold = fma(load(like, pointer(cell.beta), i), slow, splat(like, cell.threshold))
        mem = splat(like, cell.alpha) * load(like, mems, own)
        mem = fma(splat(like, cell.alpha_gain), load(like, currents, t * width + i), mem)
        mem = mem - threshold * spiked
        ratio, resting = divide(mem, threshold), above(rest, zero)
        mask = above(ratio, one) & ~resting
        spike = choose(mask, one, zero)
        rest = choose(resting, rest - one, zero)
        trace = splat(like, cell.kappa) * load(like, traces, own)
        trace = fma(splat(like, cell.kappa_gain), spike, trace)
        window = (b * n_windows + t * n_windows // n_steps) * width + i
        store(adaptations, own, slow)
        store(mems, own, mem)
        store(before, own, spike)
        store(rests, own, choose(mask, splat(like, cell.n_refractory), rest))
        store(traces, own, trace)
        store(means, window, fma(splat(like, share), trace, load(like, means, window)))
        if len(record.slope) > 0:
            rise = choose(resting, zero, one - absolute(ratio - one))
            rise = splat(like, cell.dampening) * choose(above(rise, zero), rise, zero)
            at = (b * n_steps + t) * width + i
            store(pointer(record.slope), at, divide(rise, threshold))
            store(pointer(record.ratio), at, ratio)
            store(pointer(record.threshold), at, threshold)
        while mask:
            j = i + lowest_bit(mask)
            put(pointer(record.spikes), (b * (n_steps + 1) + t + 1) * width + j, 1)
            fired[n_fired] = j
            n_fired += 1
            mask &= mask - np.uint64(1)
    return n_fired


@njit(forceinline=True)
def _list_sources(b, n_in, inputs, spikes, units, starts):
    """List the sources of each step: input units, and neurons that fired in the step before."""
    n_steps, n = spikes.shape[1] - 1, spikes.shape[2]
    count = 0
    for t in range(n_steps):
        starts[t] = count
        for k in range(inputs.starts[b, t], inputs.starts[b, t + 1]):
            units[count] = inputs.units[k]
            count += 1
        for j in range(n):
            if spikes[b, t, j]:
                units[count] = n_in + j
                count += 1
    starts[n_steps] = count


@njit(forceinline=True)
def _room_for_sources(inputs, spikes):
    """Return arrays that hold the sources of any sample, and where those of each step begin."""
    n_steps = spikes.shape[1] - 1
    most = np.max(inputs.starts[:, -1] - inputs.starts[:, 0]) + n_steps * spikes.shape[2]
    return np.empty(most, np.int32), np.empty(n_steps + 1, np.int64)


@njit(forceinline=True)
def _end(b, n_steps, signal, drive):
    """Return behind which step nothing matters for the loss of sample ``b``."""
    windows = signal.shape[1]
    if not (drive != 0).any():
        while windows > 0 and not (signal[b, windows - 1] != 0).any():
            windows -= 1
    return windows * (n_steps // signal.shape[1])


@compiled(fastmath=True)
def backward(first, last, n_in, cell, inputs, rows, record, signal, drive, gradient):
    """Add the gradients of ``rows`` from samples ``first:last``, by back-propagation through time.

    ``signal [B, S, n]`` is the gradient of a neuron's trace in each step of a window, ``drive [n]``
    that of each of its spikes besides. ``gradient [groups, sources, longest delay, width]``.
    """
    n_sources, longest, width = rows.shape
    n_steps, block = record.spikes.shape[1] - 1, longest * width
    units, starts = _room_for_sources(inputs, record.spikes)
    g_currents = np.empty((n_steps + longest, width), rows.dtype)
    g_neurons = np.empty((4, width), rows.dtype)
    arrived, source, sums = pointer(g_currents), pointer(rows), pointer(gradient)
    for b in range(first, last):
        _list_sources(b, n_in, inputs, record.spikes, units, starts)
        g_currents[:] = 0
        g_neurons[:] = 0
        group = b // GROUP * n_sources * block
        for t in range(_end(b, n_steps, signal, drive) - 1, -1, -1):
            _retreat(b, t, cell, source, n_in, block, record, signal, drive, g_neurons, arrived)
            for k in range(starts[t], starts[t + 1]):
                _add(sums, group + units[k] * block, arrived, t * width, block)


@njit(forceinline=True)
def _retreat(b, t, cell, rows, n_in, block, record, signal, drive, g_neurons, g_currents):
    """Bring the gradients of sample ``b`` back through step ``t``.

    ``g_neurons`` has those of trace, membrane, adaptation, and of the spike by the next reset.
    """
    n_steps, width = record.spikes.shape[1] - 1, record.spikes.shape[2]
    n_windows, n = signal.shape[1:]
    at, before = (b * n_steps + t) * width, (b * (n_steps + 1) + t) * width
    window = (b * n_windows + t * n_windows // n_steps) * n
    slopes, ratios = pointer(record.slope), pointer(record.ratio)
    thresholds, spikes = pointer(record.threshold), pointer(record.spikes)
    signals, drives, beta = pointer(signal), pointer(drive), pointer(cell.beta)
    g = pointer(g_neurons)
    for j in range(n):
        slope = get(slopes, at + j)
        g_trace = cell.kappa * get(g, j) + get(signals, window + j)
        g_mem, g_slow = cell.alpha * get(g, width + j), get(g, 2 * width + j)
        g_threshold = cell.one - cell.one
        if slope != 0:
            g_spike = cell.kappa_gain * g_trace + get(drives, j)
            g_spike += cell.rho_gain * g_slow - get(g, 3 * width + j)
            row, later = (n_in + j) * block, (t + 1) * width
            for k in range(block):
                g_spike += get(rows, row + k) * get(g_currents, later + k)
            g_mem += slope * g_spike
            g_threshold -= slope * g_spike * get(ratios, at + j)
        if not cell.detach_reset:
            put(g, 3 * width + j, get(thresholds, at + j) * g_mem)
            g_threshold -= g_mem * get(spikes, before + j)
        put(g, j, g_trace)
        put(g, width + j, g_mem)
        put(g, 2 * width + j, cell.rho * g_slow + get(beta, j) * g_threshold)
        put(g_currents, t * width + j, cell.alpha_gain * g_mem)


@compiled(fastmath=True)
def eligibility(first, last, cell, inputs, delays, record, signal, drive, gradient):
    """Add the gradients of e-prop from samples ``first:last``, forward in time.

    ``delays [sources, n]`` are less 1. ``signal`` and ``drive`` as for `backward`; ``gradient
    [groups, n, width]`` holds the sources and is a whole number of vectors wide.
    """
    n_sources, n = delays.shape
    n_steps, n_windows, longest = record.spikes.shape[1] - 1, signal.shape[1], delays.max() + 1
    units, starts = _room_for_sources(inputs, record.spikes)
    traces = np.empty((3, n, gradient.shape[2]), gradient.dtype)
    n_due = np.zeros(longest, np.int64)
    for b in range(first, last):
        _list_sources(b, n_sources - n, inputs, record.spikes, units, starts)
        due = np.empty((longest, n * _most_within(longest, starts)), np.int32)
        traces[:] = 0
        n_due[:] = 0
        for t in range(_end(b, n_steps, signal, drive)):
            for k in range(starts[t], starts[t + 1]):
                _send(units[k], t, delays, traces, due, n_due)
            _receive(t % longest, cell.alpha_gain, traces, due, n_due)
            window = t * n_windows // n_steps
            for j in range(n):
                at = (b * n_steps + t) * record.slope.shape[2] + j
                _accumulate(b, j, at, signal[b, window, j], cell, record, drive, traces, gradient)


@njit(forceinline=True)
def _most_within(longest, starts):
    """Return the largest number of spikes in ``longest`` steps running."""
    most = 0
    for t in range(len(starts) - 1):
        most = max(most, starts[min(t + longest, len(starts) - 1)] - starts[t])
    return most


@njit(forceinline=True)
def _send(source, t, delays, traces, due, n_due):
    """Note for each synapse of a source when the spike of step ``t`` will arrive."""
    longest, width = len(n_due), traces.shape[2]
    later, lists, counts = pointer(delays), pointer(due), pointer(n_due)
    for j in range(delays.shape[1]):
        slot = (t + get(later, source * delays.shape[1] + j)) % longest
        count = get(counts, slot)
        put(lists, slot * due.shape[1] + count, j * width + source)
        put(counts, slot, count + 1)


@njit(forceinline=True)
def _receive(slot, gain, traces, due, n_due):
    """Let the spikes that are due reach their synapses."""
    mem, synapses = pointer(traces), pointer(due)
    for k in range(slot * due.shape[1], slot * due.shape[1] + n_due[slot]):
        synapse = get(synapses, k)
        put(mem, synapse, get(mem, synapse) + gain)
    n_due[slot] = 0


@njit(forceinline=True)
def _accumulate(b, j, at, signal, cell, record, drive, traces, gradient):
    """Bring the eligibility of the synapses onto neuron ``j`` through a step.

    ``traces`` are the eligibility of the membrane, of the adaptation, and of the filtered spike.
    """
    _, n, width = gradient.shape
    traced, total = pointer(traces), pointer(gradient)
    like = zeros(traced, NARROW)
    slope = get(pointer(record.slope), at)
    strength = get(pointer(cell.beta), j) * get(pointer(record.ratio), at)
    adapts = get(pointer(cell.beta), j) != 0
    rho, rho_gain = splat(like, cell.rho), splat(like, cell.rho_gain)
    by_mem, by_adaptation = splat(like, slope), splat(like, -slope * strength)
    by_spike, by_trace = splat(like, drive[j]), splat(like, signal)
    for i in range(j * width, (j + 1) * width, lanes(like)):
        slow, filtered = n * width + i, 2 * n * width + i
        mem = load(like, traced, i)
        e = by_mem * mem
        if adapts:
            adaptation = load(like, traced, slow)
            e = fma(by_adaptation, adaptation, e)
            store(traced, slow, fma(rho, adaptation, rho_gain * e))
        passed = fma(
            splat(like, cell.kappa), load(like, traced, filtered), splat(like, cell.kappa_gain) * e
        )
        store(traced, i, splat(like, cell.alpha) * mem)
        store(traced, filtered, passed)
        if signal != 0 or drive[j] != 0:
            place = b // GROUP * n * width + i
            learned = fma(by_trace, passed, by_spike * e)
            store(total, place, load(like, total, place) + learned)
