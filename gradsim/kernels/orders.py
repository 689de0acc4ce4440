"""Event lists in the two orders that the compiled loops read them in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from gradsim.events import index_type
from gradsim.kernels import buffers

GROUP = 8
"""Samples that share a pass over the rows of the weights."""


CHUNK = 96
"""Rows of weights, in blocks of a wide vector, that fit in a processor's nearest cache."""


class Spikes(NamedTuple):
    """Spikes by sample and step: those of ``(b, t)`` are ``units[starts[b, t]:starts[b, t+1]]``.

    Units may be divided into ``n_chunks`` ranges; then spikes are sorted by sample, chunk and
    step, and those of chunk c stand at ``starts[b, c T + t]``.
    """

    units: np.ndarray
    starts: np.ndarray
    n_chunks: int = 1


class ByUnit(NamedTuple):
    """Spikes by group of samples and unit, for the gradient of the weights.

    Entry ``k`` of group ``g``, ``entries[g] <= k < entries[g + 1]``, says that ``units[k]`` fired
    at ``rows[starts[k]:starts[k + 1]]``; a row is ``(b - group's first sample) T + t``.
    """

    rows: np.ndarray
    starts: np.ndarray
    units: np.ndarray
    entries: np.ndarray
    group: int


def by_step(
    step: np.ndarray, unit: np.ndarray, offsets: np.ndarray, n_units: int, n_steps: int
) -> Spikes:
    """Return the events of a `gradsim.SpikeEvents` ordered by sample and step.

    Units are divided into chunks where so many fire in a step that the rows of a chunk are used
    again before they leave the cache.
    """
    n_samples = len(offsets) - 1
    n_chunks = -(-n_units // CHUNK)
    if len(unit) < 4 * n_chunks * n_samples * n_steps:
        n_chunks = 1
    size = -(-n_units // n_chunks)
    units = buffers.empty(len(unit), index_type(n_units))
    starts = np.empty((n_samples, n_chunks * n_steps + 1), np.int64)
    _sort_by_step(step, unit, offsets, n_steps, size, units, starts)
    return Spikes(units, starts, n_chunks)


def by_unit(
    step: np.ndarray, unit: np.ndarray, offsets: np.ndarray, n_units: int, n_steps: int
) -> ByUnit:
    """Return the events of a `gradsim.SpikeEvents` ordered by group of samples and unit."""
    n_events, n_samples = len(unit), len(offsets) - 1
    # A group's gradients of currents should stay in the cache: groups only where units fire rarely.
    group = GROUP if n_events < 2 * n_samples * n_units else 1
    n_groups = -(-n_samples // group)
    rows = buffers.empty(n_events, index_type(group * n_steps))
    starts, units = np.empty(n_events + 1, np.int64), buffers.empty(n_events, np.int32)
    entries = np.empty(n_groups + 1, np.int64)
    _sort_by_unit(step, unit, offsets, n_steps, n_units, group, rows, starts, units, entries)
    return ByUnit(rows, starts, units, entries, group)


def copy_runs(values: np.ndarray, starts: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return the runs of ``values`` that begin at ``starts`` one behind another.

    Run k of the result is ``offsets[k]:offsets[k + 1]``.
    """
    copied = np.empty(offsets[-1], values.dtype)
    _copy_runs(values, starts, offsets, copied)
    return copied


@njit(cache=True, nogil=True)
def _copy_runs(values, starts, offsets, copied):
    for k in range(len(starts)):
        shift = starts[k] - offsets[k]
        for j in range(offsets[k], offsets[k + 1]):
            copied[j] = values[j + shift]


@njit(cache=True, nogil=True)
def _sort_by_step(step, unit, offsets, n_steps, chunk_size, units, starts):
    n_keys = starts.shape[1] - 1
    place = np.empty(n_keys, np.int64)
    for b in range(len(offsets) - 1):
        starts[b, :] = 0
        for k in range(offsets[b], offsets[b + 1]):
            starts[b, np.int64(unit[k]) // chunk_size * n_steps + step[k] + 1] += 1
        starts[b, 0] = offsets[b]
        for key in range(n_keys):
            starts[b, key + 1] += starts[b, key]
            place[key] = starts[b, key]
        for k in range(offsets[b], offsets[b + 1]):
            key = np.int64(unit[k]) // chunk_size * n_steps + step[k]
            units[place[key]] = unit[k]
            place[key] += 1


@njit(cache=True, nogil=True)
def _sort_by_unit(step, unit, offsets, n_steps, n_units, group, rows, starts, units, entries):
    """Order events by group of samples and unit; see `ByUnit`."""
    count, place = np.zeros(n_units, np.int64), np.zeros(n_units, np.int64)
    n_samples, n_entries = len(offsets) - 1, 0
    for g in range(-(-n_samples // group)):
        begin, end = g * group, min((g + 1) * group, n_samples)
        count[:] = 0
        for k in range(offsets[begin], offsets[end]):
            count[unit[k]] += 1
        entries[g] = n_entries
        total = offsets[begin]
        for u in range(n_units):
            if count[u]:
                place[u] = total
                units[n_entries] = u
                starts[n_entries] = total
                n_entries += 1
                total += count[u]
        for b in range(begin, end):
            for k in range(offsets[b], offsets[b + 1]):
                rows[place[unit[k]]] = (b - begin) * n_steps + step[k]
                place[unit[k]] += 1
        entries[g + 1] = n_entries
        starts[n_entries] = total
