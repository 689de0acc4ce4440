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
    for b in range(first, last):
        potential[:] = 0
        n_listed = b * n_steps * height * across * n
        record.spikes.starts[b, 0] = n_listed
        for t in range(n_steps):
            for e in range(inputs.starts[b, t], inputs.starts[b, t + 1]):
                place, feature = divmod(np.int64(inputs.units[e]), n_in)
                y, x = divmod(place, columns)
                _arrive(y, x, feature, k, rows, potential)
            keep = neurons.decay if t + 1 < n_steps else rows.dtype.type(1)
            n_fired = _fire(potential, neurons.threshold, keep, fired)
            for f in range(n_fired):
                place, feature = divmod(fired[f], width)
                y, x = divmod(place, across)
                record.trace[b, y, x, feature] += left[t]
                record.counts[b, y, x, feature] += 1
                window = y // pool * (across // pool) + x // pool
                record.spikes.units[n_listed + f] = window * n + feature
            n_listed += n_fired
            record.spikes.starts[b, t + 1] = n_listed
        record.potential[b] = potential[:, :, :n]


@njit(forceinline=True)
def _arrive(y, x, feature, k, rows, potential):
    """Add the weights of an event to the potentials that it reaches."""
    height, across, width = potential.shape
    left, right = max(0, x - k + 1), min(across - 1, x)
    count = (right - left + 1) * width
    like = zeros(pointer(rows), NARROW)
    for row in range(max(0, y - height + 1), min(k - 1, y) + 1):
        source = ((feature * k + row) * k + (left - x + k - 1)) * width
        to = ((y - row) * across + left) * width
        for j in range(0, count, lanes(like)):
            total = load(like, pointer(potential), to + j)
            total = total + load(like, pointer(rows), source + j)
            store(pointer(potential), to + j, total)


@njit(forceinline=True)
def _fire(potential, threshold, keep, fired):
    """List neurons above their thresholds, and let potentials decay; return how many fired."""
    width, n_fired = potential.shape[2], 0
    like = zeros(pointer(potential), NARROW)
    zero, kept = splat(like, keep - keep), splat(like, keep)
    for first in range(0, potential.size, width):
        for j in range(0, width, lanes(like)):
            limit = load(like, pointer(threshold), j)
            total = load(like, pointer(potential), first + j)
            mask = above(total, limit)
            if mask:
                total = total - choose(mask, limit, zero)
            store(pointer(potential), first + j, kept * total)
            while mask:
                fired[n_fired] = first + j + lowest_bit(mask)
                n_fired += 1
                mask &= mask - np.uint64(1)
    return n_fired
