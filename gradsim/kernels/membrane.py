"""Compiled loops of `gradsim.membrane`: layers of neurons by events, and Poisson events of images.

A step costs the rows of the weights of the inputs that spike in it, added up in vectors, and one
pass over the neurons. Neurons are padded to ``width``, a whole number of vectors; those beyond n
have an infinite threshold and weights of 0. Samples are independent of one another.

Neurons that do not compete run block by block, each through all steps, so that its weights stay in
a processor's nearest cache; those that do run step by step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from gradsim.kernels.jit import compiled
from gradsim.kernels.orders import Spikes
from gradsim.kernels.simd import (
    NARROW,
    WIDE,
    above,
    choose,
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

HALF = 1 << 32  # of the 64 bits of a random number: each half decides on one spike


class Neurons(NamedTuple):
    """Constants of a layer: ``threshold [width]``, decay of a step, and inhibition (0: none)."""

    threshold: np.ndarray
    decay: Any
    inhibition: Any


class Record(NamedTuple):
    """What neurons did: as of the end of each sample, ``[B, width]``, and their spikes."""

    potential: np.ndarray
    trace: np.ndarray
    counts: np.ndarray
    spikes: Spikes


@compiled(fastmath=True)
def dense(first, last, inputs, rows, neurons, record):
    """Run samples ``first:last`` of a layer with weights ``rows [n_in, width]``."""
    width, n_steps = rows.shape[1], record.spikes.starts.shape[1] - 1
    masks = np.empty((width // lanes(zeros(pointer(rows), NARROW)), n_steps), np.uint64)
    stride = n_steps if neurons.inhibition == 0 else 1
    for b in range(first, last):
        n_fired = b * n_steps * width
        record.spikes.starts[b, 0] = n_fired
        for begin in range(0, n_steps, stride):
            _run(b, begin, begin + stride, inputs, rows, neurons, record, masks)
            for t in range(begin, begin + stride):
                before, n_fired = n_fired, _list(t, n_fired, width, masks, record)
                record.spikes.starts[b, t + 1] = n_fired
                if neurons.inhibition != 0:
                    _compete(b, before, n_fired, neurons, record)


@njit(forceinline=True)
def _run(b, begin, end, inputs, rows, neurons, record, masks):
    """Bring all blocks of neurons through some steps."""
    width = rows.shape[1]
    wide, narrow = zeros(pointer(rows), WIDE), zeros(pointer(rows), NARROW)
    column = block = 0
    while column + lanes(wide) <= width:
        _run_block(wide, column, block, b, begin, end, inputs, rows, neurons, record, masks)
        column, block = column + lanes(wide), block + 1
    while column < width:
        _run_block(narrow, column, block, b, begin, end, inputs, rows, neurons, record, masks)
        column, block = column + lanes(narrow), block + 1


@njit(forceinline=True)
def _run_block(like, column, block, b, begin, end, inputs, rows, neurons, record, masks):
    """Bring a block of neurons through some steps, its state in registers."""
    width, n_steps, at = rows.shape[1], masks.shape[1], b * rows.shape[1] + column
    weights, units, starts = pointer(rows), pointer(inputs.units), pointer(inputs.starts)
    limit, decay = load(like, pointer(neurons.threshold), column), splat(like, neurons.decay)
    one, zero = splat(like, np.float32(1)), splat(like, np.float32(0))
    potential = load(like, pointer(record.potential), at)
    trace, count = load(like, pointer(record.trace), at), load(like, pointer(record.counts), at)
    for t in range(begin, end):
        potential, trace = decay * potential, decay * trace
        step = b * (n_steps + 1) + t
        for k in range(get(starts, step), get(starts, step + 1)):
            row = np.int64(get(units, k)) * width
            potential = potential + load(like, weights, row + column)
        mask = above(potential, limit)
        put(pointer(masks), block * n_steps + t, mask)
        if mask:
            spike = choose(mask, one, zero)
            trace, count = trace + spike, count + spike
            potential = potential - choose(mask, limit, zero)
    store(pointer(record.potential), at, potential)
    store(pointer(record.trace), at, trace)
    store(pointer(record.counts), at, count)


@njit(forceinline=True)
def _list(t, n_fired, width, masks, record):
    """Append the spikes of a step to the list; return the number of spikes so far."""
    wide, narrow = zeros(pointer(record.trace), WIDE), zeros(pointer(record.trace), NARROW)
    column = block = 0
    while column + lanes(wide) <= width:
        n_fired = _list_block(masks[block, t], column, n_fired, record.spikes.units)
        column, block = column + lanes(wide), block + 1
    while column < width:
        n_fired = _list_block(masks[block, t], column, n_fired, record.spikes.units)
        column, block = column + lanes(narrow), block + 1
    return n_fired


@njit(forceinline=True)
def _list_block(mask, column, n_fired, units):
    while mask:
        units[n_fired] = column + lowest_bit(mask)
        n_fired += 1
        mask &= mask - np.uint64(1)
    return n_fired


@njit(forceinline=True)
def _compete(b, before, after, neurons, record):
    """Let each spike of a step take from all other neurons a share of their own thresholds."""
    for j in range(len(neurons.threshold)):
        others = after - before
        for k in range(before, after):
            others -= record.spikes.units[k] == j
        if others > 0 and neurons.threshold[j] < np.inf:
            record.potential[b, j] -= neurons.inhibition * others * neurons.threshold[j]


@compiled()
def traces(inputs, decay, trace, counts):
    """Add to ``trace [B, n]`` what each spike has decayed to by the end, and count spikes."""
    n_steps = inputs.starts.shape[1] - 1
    for b in range(len(trace)):
        left = trace.dtype.type(1)
        for t in range(n_steps - 1, -1, -1):
            for k in range(inputs.starts[b, t], inputs.starts[b, t + 1]):
                trace[b, inputs.units[k]] += left
                counts[b, inputs.units[k]] += 1
            left *= decay


@compiled()
def poisson(images, chance, seed, spikes):
    """List spikes of ``images [B, n]``: in each step each pixel's by ``chance`` times its value.

    Return how many there are. Random numbers are those of SplitMix64 (Steele, Lea & Flood 2014).
    """
    n_steps, n_spikes, state = spikes.starts.shape[1] - 1, 0, np.uint64(seed)
    lit, limits = np.empty(images.shape[1], np.int32), np.empty(images.shape[1], np.int64)
    for b in range(len(images)):
        n_lit = 0
        for i in range(images.shape[1]):
            if images[b, i] > 0:
                lit[n_lit], limits[n_lit] = i, np.int64(images[b, i] * chance * HALF)
                n_lit += 1
        spikes.starts[b, 0] = n_spikes
        for t in range(n_steps):
            for k in range(n_lit):
                if k % 2 == 0:
                    state += np.uint64(0x9E3779B97F4A7C15)
                    left = _mixed(state)
                spikes.units[n_spikes] = lit[k]
                n_spikes += np.int64(left & np.uint64(HALF - 1)) < limits[k]
                left >>= np.uint64(32)
            spikes.starts[b, t + 1] = n_spikes
    return n_spikes


@njit(forceinline=True)
def _mixed(z):
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
