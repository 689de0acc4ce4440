"""Compiled loop of `gradsim.membrane_layers.Maps`: convolutions by events.

An event at ``(y, x)`` of a map adds ``k`` runs of weights to the potentials around, all features of
``k`` neighbouring columns in one piece: potentials lie ``[rows, columns, width]``, features last,
padded to whole vectors, and weights ``[features in, k, k, width]`` with columns from last to first.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from gradsim.kernels.jit import compiled
from gradsim.kernels.simd import (
    NARROW,
    above,
    choose,
    lanes,
    load,
    lowest_bit,
    pointer,
    put,
    splat,
    store,
    zeros,
)


@compiled(fastmath=True)
def convolve(first, last, inputs, columns, rows, neurons, pool, record):
    """Run samples ``first:last`` of maps ``[rows, columns, features]``.

    Parameters
    ----------
    columns
        Columns of the maps of the input, whose unit is ``(y columns + x) features + feature``.
    rows
        Weights ``[features in, k, k, width]``; ``neurons.threshold [width]``.
    pool
        Side of the windows whose spikes are listed as of one unit, a feature each.
    record
        Arrays ``[B, rows, columns, features]``, and the spikes of windows.
    """
    n_in, k, width = rows.shape[0], rows.shape[1], rows.shape[3]
    height, across, n = record.trace.shape[1:]
    n_steps = record.spikes.starts.shape[1] - 1
    potential = np.empty((height, across, width), rows.dtype)
    fired = np.empty(height * across * n, np.int64)
    left = neurons.decay ** np.arange(n_steps - 1, -1, -1).astype(rows.dtype)
    arriving, starts, threshold = inputs.units, inputs.starts, neurons.threshold
    trace, counts = record.trace, record.counts
    listed, ends = record.spikes.units, record.spikes.starts
    for b in range(first, last):
        potential[:] = 0
        n_listed = b * n_steps * height * across * n
        ends[b, 0] = n_listed
        for t in range(n_steps):
            for e in range(starts[b, t], starts[b, t + 1]):
                place, feature = divmod(np.int64(arriving[e]), n_in)
                y, x = divmod(place, columns)
                left_most, right_most = max(0, x - k + 1), min(across - 1, x)
                n_numbers = (right_most - left_most + 1) * width
                for row in range(max(0, y - height + 1), min(k - 1, y) + 1):
                    source = ((feature * k + row) * k + (left_most - x + k - 1)) * width
                    to = ((y - row) * across + left_most) * width
                    _add(pointer(potential), to, pointer(rows), source, n_numbers)
            keep = neurons.decay if t + 1 < n_steps else rows.dtype.type(1)
            n_fired = _fire(pointer(potential), potential.size, threshold, keep, fired)
            for f in range(n_fired):
                place, feature = divmod(fired[f], width)
                y, x = divmod(place, across)
                trace[b, y, x, feature] += left[t]
                counts[b, y, x, feature] += 1
                window = y // pool * (across // pool) + x // pool
                listed[n_listed + f] = window * n + feature
            n_listed += n_fired
            ends[b, t + 1] = n_listed
        record.potential[b] = potential[:, :, :n]


@njit(forceinline=True)
def _add(to, at, source, first, count):
    like = zeros(to, NARROW)
    for j in range(0, count, lanes(like)):
        store(to, at + j, load(like, to, at + j) + load(like, source, first + j))


@njit(forceinline=True)
def _fire(potentials, size, threshold, keep, fired):
    """List neurons above their thresholds, and let potentials decay; return how many fired."""
    width, n_fired = len(threshold), 0
    limits, places = pointer(threshold), pointer(fired)
    like = zeros(potentials, NARROW)
    zero, kept = splat(like, keep - keep), splat(like, keep)
    for first in range(0, size, width):
        for j in range(0, width, lanes(like)):
            limit = load(like, limits, j)
            total = load(like, potentials, first + j)
            mask = above(total, limit)
            if mask:
                total = total - choose(mask, limit, zero)
            store(potentials, first + j, kept * total)
            while mask:
                put(places, n_fired, first + j + lowest_bit(mask))
                n_fired += 1
                mask &= mask - np.uint64(1)
    return n_fired
