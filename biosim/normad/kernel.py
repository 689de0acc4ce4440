"""Compiled loops: a neuron step by step, and a layer that reads periods; see `neuron`, `readout`.

All input neurons of one period are alike in time. Their weights are summed first, so that a step
costs one multiplication for each period that occurs and each neuron of the layer, not one for each
input; what is learned depends on the period too, and is worked out once for each.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from biosim.jit import compiled


class Layer(NamedTuple):
    """What does not change: traces ``[T, T + 1]`` by step and period, and the layer's neurons."""

    drive: np.ndarray
    direction: np.ndarray
    keep: float
    refractory: int
    inhibition: float
    every: int  # steps between desired spikes
    normalised: bool


class Room(NamedTuple):
    """Room for a sample: by period how many inputs, and weights; by step what came and what lacked.

    ``n [T + 1]``, ``used [T + 1]`` the periods that occur, ``by_period [T + 1, C]``,
    ``current [T, C]``, ``error [T, C]``, ``v [C]``, ``since [C]`` steps since a spike, ``fired``.
    """

    n: np.ndarray
    used: np.ndarray
    by_period: np.ndarray
    current: np.ndarray
    error: np.ndarray
    v: np.ndarray
    since: np.ndarray
    fired: np.ndarray


@compiled()
def fire(current: np.ndarray, keep: float, refractory: int, spikes: np.ndarray) -> None:
    """Mark in ``spikes [T]`` where a neuron that gets ``current [T]`` spikes."""
    v, since = 0.0, refractory
    for t in range(len(current)):
        since += 1
        if since >= refractory:
            v = keep * v + current[t]
            if v >= 1.0:
                v, since = 0.0, 0
                spikes[t] = 1


@compiled()
def show(
    layer: Layer,
    given: np.ndarray,
    labels: np.ndarray,
    order: np.ndarray,
    rate: float,
    weights: np.ndarray,
    room: Room,
    counts: np.ndarray,
    highest: np.ndarray,
) -> None:
    """Show samples ``given [N, n]``, periods, in this order; at rate 0 nothing is learned.

    Spikes are added to ``counts [len(order), C]``, the largest potentials put to ``highest``.
    """
    for k in range(len(order)):
        sample = given[order[k]]
        n_used = _gather(sample, weights, room)
        _drive(layer, n_used, room)
        _step(layer, room, counts[k], highest[k])
        if rate > 0.0:
            wanted = labels[order[k]]
            for t in range(layer.every, len(room.error), layer.every):
                room.error[t, wanted] += 1.0
            if _change(layer, n_used, rate, room):
                _spread(sample, weights, room)


@compiled()
def _gather(sample: np.ndarray, weights: np.ndarray, room: Room) -> int:
    """Sum weights by period; return how many periods occur."""
    n_used = 0
    room.n[:] = 0
    for i in range(len(sample)):
        p = sample[i]
        if p:
            if room.n[p] == 0:
                room.used[n_used] = p
                n_used += 1
                room.by_period[p] = 0.0
            room.n[p] += 1
            for c in range(weights.shape[1]):
                room.by_period[p, c] += weights[i, c]
    return n_used


@compiled()
def _drive(layer: Layer, n_used: int, room: Room) -> None:
    room.current[:] = 0.0
    n_steps, n_classes = room.current.shape
    for q in range(n_used):
        p = room.used[q]
        for t in range(p, n_steps):
            for c in range(n_classes):
                room.current[t, c] += layer.drive[t, p] * room.by_period[p, c]


@compiled()
def _step(layer: Layer, room: Room, counts: np.ndarray, highest: np.ndarray) -> None:
    """Run a layer, each of whose spikes lowers all others; leave minus its spikes as errors."""
    n_steps, n_classes = room.current.shape
    room.v[:] = 0.0
    room.since[:] = layer.refractory
    room.error[:] = 0.0
    highest[:] = -np.inf
    for t in range(n_steps):
        n_fired = 0
        for c in range(n_classes):
            room.fired[c] = False
            room.since[c] += 1
            if room.since[c] < layer.refractory:
                continue
            room.v[c] = layer.keep * room.v[c] + room.current[t, c]
            highest[c] = max(highest[c], room.v[c])
            if room.v[c] >= 1.0:
                room.v[c] = 0.0
                room.since[c] = 0
                room.fired[c] = True
                room.error[t, c] = -1.0
                counts[c] += 1
                n_fired += 1
        if n_fired:
            for c in range(n_classes):
                if not room.fired[c]:
                    room.v[c] -= layer.inhibition * n_fired


@compiled()
def _change(layer: Layer, n_used: int, rate: float, room: Room) -> bool:
    """Put what the weights of each period change by to ``by_period``; return if any does."""
    for q in range(n_used):
        room.by_period[room.used[q]] = 0.0
    changes = False
    n_steps, n_classes = room.error.shape
    for t in range(n_steps):
        scale = 0.0
        for c in range(n_classes):
            if room.error[t, c] == 0.0:
                continue
            if scale == 0.0:
                scale = rate * _inverse_norm(layer, t, n_used, room)
            changes = True
            for q in range(n_used):
                p = room.used[q]
                room.by_period[p, c] += scale * room.error[t, c] * layer.direction[t, p]
    return changes


@compiled()
def _inverse_norm(layer: Layer, t: int, n_used: int, room: Room) -> float:
    """Return 1 / |d(t)| over all inputs, 1 without normalisation or where nothing came yet."""
    if not layer.normalised:
        return 1.0
    square = 0.0
    for q in range(n_used):
        p = room.used[q]
        square += room.n[p] * layer.direction[t, p] ** 2
    return 1.0 / np.sqrt(square) if square > 0.0 else 1.0


@compiled()
def _spread(sample: np.ndarray, weights: np.ndarray, room: Room) -> None:
    for i in range(len(sample)):
        p = sample[i]
        if p:
            for c in range(weights.shape[1]):
                weights[i, c] += room.by_period[p, c]
