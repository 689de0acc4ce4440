"""Event lists in the two orders that the compiled loops read them in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from gradsim.kernels import buffers
from gradsim.kernels.buffers import index_type
from gradsim.kernels.jit import compiled
from gradsim.kernels.simd import get, pointer, put

GROUP = 8
"""Samples that share a pass over the rows of the weights."""


CHUNK = 240
"""Rows of weights, in blocks of a wide vector, that a processor's nearest caches read fast.

Twice a nearest cache of 32 KB. Smaller chunks would make more and shorter sums, whose beginning
and end cost more than the rest of the rows.
"""


LONGEST = 63
"""Sums of so many terms or more count as equally long."""


class Spikes(NamedTuple):
    """Spikes by sample and step: those of ``(b, t)`` are ``units[starts[b, t]:starts[b, t+1]]``."""

    units: np.ndarray
    starts: np.ndarray


class Sums(NamedTuple):
    """Which rows of one matrix spikes add to which rows of another, by ``group`` of samples.

    Sum ``k`` of group ``g``, ``entries[g] <= k < entries[g + 1]``, adds the rows
    ``rows[starts[k]:starts[k + 1]]`` to the row ``targets[k]``. One of both is a unit, the other
    ``(b - group's first sample) T + t``.

    Shorter sums come first. A processor foresees the end of a loop that is as long as the one
    before; in no order it would be wrong about most of them, at the price of a dozen terms.
    """

    rows: np.ndarray
    starts: np.ndarray
    targets: np.ndarray
    entries: np.ndarray
    group: int


Layout = Spikes | Sums
"""How a layer's input lies: step by step where spikes are few, as sums by chunks where many."""


NO_SUMS = Sums(
    np.empty(0, np.int16),
    np.empty(0, np.int64),
    np.empty(0, np.int32),
    np.empty(0, np.int64),
    GROUP,
)


def by_step(
    step: np.ndarray, unit: np.ndarray, offsets: np.ndarray, n_units: int, n_steps: int
) -> Layout:
    """Return the events of a `gradsim.SpikeEvents` ordered by sample and step.

    They are sums of units where so many fire in a step that the rows of a chunk of units are used
    again before they leave the cache; the sums of a group come chunk by chunk then.
    """
    n_samples = len(offsets) - 1
    n_chunks = -(-n_units // CHUNK)
    if n_chunks > 1 and len(unit) >= 4 * n_chunks * n_samples * n_steps:
        return _sums(step, unit, offsets, n_units, n_steps, GROUP, -(-n_units // n_chunks))
    return spikes_by_step(step, unit, offsets, n_units, n_steps)


def spikes_by_step(
    step: np.ndarray, unit: np.ndarray, offsets: np.ndarray, n_units: int, n_steps: int
) -> Spikes:
    """Return the events of a `gradsim.SpikeEvents` one by one, ordered by sample and step."""
    units = buffers.empty(len(unit), index_type(n_units))
    starts = np.empty((len(offsets) - 1, n_steps + 1), np.int64)
    step, unit = np.ascontiguousarray(step), np.ascontiguousarray(unit)
    _sort_by_step(step, unit, offsets, units, starts)
    return Spikes(units, starts)


def by_unit(
    step: np.ndarray, unit: np.ndarray, offsets: np.ndarray, n_units: int, n_steps: int
) -> Sums:
    """Return the events of a `gradsim.SpikeEvents` as sums for each unit of a group."""
    # A group's gradients of currents should stay in the cache: large ones only where units fire
    # rarely. Two samples halve how often the weights are read and written, as against one.
    group = GROUP if len(unit) < 2 * (len(offsets) - 1) * n_units else 2
    return _sums(step, unit, offsets, n_units, n_steps, group, 0)


def _sums(
    step: np.ndarray,
    unit: np.ndarray,
    offsets: np.ndarray,
    n_units: int,
    n_steps: int,
    group: int,
    chunk: int,
) -> Sums:
    """Return sums of units, so many a chunk, for each step; for each unit where ``chunk`` is 0."""
    n_events, n_groups = len(unit), -(-(len(offsets) - 1) // group)
    n_chunks, n_targets = (-(-n_units // chunk), group * n_steps) if chunk else (1, n_units)
    most = min(n_events, n_groups * n_chunks * n_targets)
    sums = Sums(
        buffers.empty(n_events, index_type(n_units if chunk else group * n_steps)),
        np.empty(most + 1, np.int64),
        buffers.empty(most, np.int32),
        np.empty(n_groups + 1, np.int64),
        group,
    )
    units = np.arange(n_units)
    first_key = units // chunk * n_targets if chunk else units
    step, unit = np.ascontiguousarray(step), np.ascontiguousarray(unit)
    _sort_sums(step, unit, offsets, n_steps, n_chunks, first_key, bool(chunk), sums)
    return sums


def copy_runs(values: np.ndarray, starts: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return the runs of ``values`` that begin at ``starts`` one behind another.

    Run k of the result is ``offsets[k]:offsets[k + 1]``.
    """
    copied = buffers.empty(int(offsets[-1]), values.dtype)
    _copy_runs(np.ascontiguousarray(values), starts, offsets, copied)
    return copied


def count_spikes(dense: np.ndarray) -> np.ndarray:
    """Return the spikes ``[T, B]`` in the rows of a raster; -1 where a row holds no counts."""
    n_steps, n_samples, n_units = dense.shape
    counts = np.empty((n_steps, n_samples), np.int64)
    _count_spikes(dense.reshape(-1, n_units), counts.reshape(-1))
    return counts


def list_spikes(dense: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return step, unit and offsets of the `counts` spikes in a raster ``[T, B, N]``."""
    n_steps, _, n_units = dense.shape
    offsets = np.concatenate(([0], np.cumsum(counts.sum(axis=0))))
    step = buffers.empty(int(offsets[-1]), index_type(n_steps))
    unit = buffers.empty(int(offsets[-1]), index_type(n_units))
    _list_spikes(dense, counts, offsets, step, unit)
    return step, unit, offsets


# Through pointers, which know of no negative indices, these loops take half the time or less.


@compiled()
def _copy_runs(values, starts, offsets, copied):
    source, to = pointer(values), pointer(copied)
    for k in range(len(starts)):
        first, begin = starts[k], offsets[k]
        for j in range(offsets[k + 1] - begin):
            put(to, begin + j, get(source, first + j))


@compiled()
def _count_spikes(rows, counts):
    for k in range(len(rows)):
        total = others = 0
        for value in rows[k]:
            whole = np.int32(value)
            total += whole
            others += whole != value or whole < 0
        counts[k] = -1 if others else total


@compiled()
def _list_spikes(dense, counts, offsets, step, unit):
    for b in range(dense.shape[1]):
        k = offsets[b]
        for t in range(dense.shape[0]):
            end = k + counts[t, b]
            n = 0
            while k < end:
                for _ in range(np.int32(dense[t, b, n])):
                    step[k], unit[k] = t, n
                    k += 1
                n += 1


@compiled()
def _sort_by_step(step, unit, offsets, units, starts):
    n_steps = starts.shape[1] - 1
    place = np.empty(n_steps, np.int64)
    steps, to, places = pointer(step), pointer(units), pointer(place)
    for b in range(len(offsets) - 1):
        place[:] = 0
        for k in range(offsets[b], offsets[b + 1]):
            _take_place(places, get(steps, k))
        starts[b, 0] = offsets[b]
        for t in range(n_steps):
            starts[b, t + 1] = starts[b, t] + place[t]
            place[t] = starts[b, t]
        for k in range(offsets[b], offsets[b + 1]):
            put(to, _take_place(places, get(steps, k)), unit[k])


@compiled()
def _sort_sums(step, unit, offsets, n_steps, n_chunks, first_key, for_steps, sums):
    """Sort by group, chunk, length of the sum, and target; see `Sums`.

    The key of a sum is its target's number among those of all chunks: ``first_key`` of the unit,
    and sums ``for_steps`` add the row of the step.
    """
    n_targets = sums.group * n_steps if for_steps else len(first_key)
    place = np.empty(n_chunks * n_targets, np.int64)
    steps, units = pointer(step), pointer(unit)
    places, keys, rows = pointer(place), pointer(first_key), pointer(sums.rows)
    n_samples, n_sums = len(offsets) - 1, 0
    for g in range(len(sums.entries) - 1):
        begin, end = g * sums.group, min((g + 1) * sums.group, n_samples)
        place[:] = 0
        for b in range(begin, end):
            for k in range(offsets[b], offsets[b + 1]):
                row = (b - begin) * n_steps + get(steps, k)
                _take_place(places, get(keys, get(units, k)) + (row if for_steps else 0))
        sums.entries[g] = n_sums
        total = offsets[begin]
        for c in range(n_chunks):
            of_chunk = place[c * n_targets : (c + 1) * n_targets]
            n_sums, total = _lay_out(of_chunk, n_sums, total, sums)
        for b in range(begin, end):
            for k in range(offsets[b], offsets[b + 1]):
                row, source = (b - begin) * n_steps + get(steps, k), get(units, k)
                at = _take_place(places, get(keys, source) + (row if for_steps else 0))
                put(rows, at, source if for_steps else row)
    sums.entries[-1] = n_sums
    sums.starts[n_sums] = len(unit)


@njit(forceinline=True)
def _take_place(places, key):
    """Return the next free place of a key, and take it."""
    at = get(places, key)
    put(places, key, at + 1)
    return at


@njit
def _lay_out(place, n_sums, total, sums):
    """Turn the lengths of sums, by target, into where they begin; return what is taken then."""
    of_length = np.zeros(LONGEST + 1, np.int64)
    places, lengths = pointer(place), pointer(of_length)
    targets, starts = pointer(sums.targets), pointer(sums.starts)
    for length in place:
        _take_place(lengths, min(length, LONGEST))
    first = n_sums
    for length in range(1, LONGEST + 1):
        n_sums, of_length[length] = n_sums + of_length[length], n_sums
    for target in range(len(place)):
        length = get(places, target)
        if length:
            put(targets, _take_place(lengths, min(length, LONGEST)), target)
    for k in range(first, n_sums):
        target = get(targets, k)
        put(starts, k, total)
        length = get(places, target)
        put(places, target, total)
        total += length
    return n_sums, total
