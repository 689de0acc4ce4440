"""Compiled loops of `gradsim.stdp_convolution`, which has the equations: spike by spike.

An input spike costs a row of weights, one for each map, at every place that it reaches and that may
still spike; places that it has not reached are not looked at. Potentials are ``[H, W, maps]`` and
weights ``[channels, k, k, maps]``, so that all maps of a place lie side by side. Sums of a neuron
are in the order of its input spikes: by step, then channel, row and column.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradsim.kernels.jit import compiled

SPENT = np.float32(-1e30)
"""Potential of a neuron that has spiked and does not again: no input brings it to a threshold."""


class Maps(NamedTuple):
    """What runs.

    ``weights [channels, k, k, maps]``, of these ``strongest [channels, k, k]`` the largest of all
    maps and ``connected [channels, k, k]`` how many are not 0; ``thresholds [maps]`` and the
    ``lowest`` of them; ``inhibits``: whether the first spike of a place is its last.
    """

    weights: np.ndarray
    strongest: np.ndarray
    connected: np.ndarray
    thresholds: np.ndarray
    lowest: np.float32
    padding: int
    n_steps: int
    inhibits: bool


class Learning(NamedTuple):
    """How weights change; see `gradsim.stdp_convolution_training`."""

    potentiation: np.float32
    depression: np.float32
    n_winners: int
    radius: int


class State(NamedTuple):
    """What a sample leaves behind, and room to work in.

    ``potential [H, W, maps]``, ``bound [H, W]`` which no potential of the place exceeds, and
    ``blocked [H, W]`` where an inhibited place has spiked. ``events [channels * H * W, 3]`` are
    input spikes by step, from ``first[t]`` on those of step t. ``spikes [., 3]``, row, column and
    map, and ``excess`` by how much each has passed its threshold, are those of one step.
    """

    potential: np.ndarray
    bound: np.ndarray
    blocked: np.ndarray
    events: np.ndarray
    first: np.ndarray
    spikes: np.ndarray
    excess: np.ndarray


@compiled()
def _begin(sample, maps, state):
    """Forget the last sample; list the input spikes ``[channels, H, W]`` of this by step."""
    state.potential[:] = 0
    state.bound[:] = 0
    state.blocked[:] = False
    first = state.first
    first[:] = 0
    channels, height, width = sample.shape
    for step in sample.flat:
        if step < maps.n_steps:
            first[step + 2] += 1
    for t in range(2, maps.n_steps + 2):
        first[t] += first[t - 1]
    for c in range(channels):
        for y in range(height):
            for x in range(width):
                step = sample[c, y, x]
                if step < maps.n_steps:
                    place = first[step + 1]
                    first[step + 1] += 1
                    state.events[place, 0] = c
                    state.events[place, 1] = y
                    state.events[place, 2] = x


@compiled()
def _arrive(t, maps, state):
    """Add the input spikes of a step to the potentials; return the number of additions."""
    height, width, n_maps = state.potential.shape
    size, additions = maps.weights.shape[1], 0
    for event in range(state.first[t], state.first[t + 1]):
        c = state.events[event, 0]
        y, x = state.events[event, 1] + maps.padding, state.events[event, 2] + maps.padding
        for ky in range(max(0, y - height + 1), min(size, y + 1)):
            for kx in range(max(0, x - width + 1), min(size, x + 1)):
                if state.blocked[y - ky, x - kx]:
                    continue
                potential = state.potential[y - ky, x - kx]
                weights = maps.weights[c, ky, kx]
                for m in range(n_maps):
                    potential[m] += weights[m]
                state.bound[y - ky, x - kx] += maps.strongest[c, ky, kx]
                additions += maps.connected[c, ky, kx]
    return additions


@compiled(fastmath={"nnan", "nsz", "reassoc"})
def _largest(values):
    """Return the largest of some numbers."""
    largest = values[0]
    for value in values:
        largest = max(largest, value)
    return largest


@compiled()
def _spike(maps, state):
    """Let neurons spike that are above threshold; return how many.

    Of an inhibited place that is the map of the largest excess, of equals the first; else all.
    Potentials are looked at where their bound allows that one is above threshold; it then becomes
    the largest of them.
    """
    height, width = state.bound.shape
    n_spikes = 0
    for y in range(height):
        for x in range(width):
            if state.blocked[y, x] or state.bound[y, x] <= maps.lowest:
                continue
            potential = state.potential[y, x]
            state.bound[y, x] = _largest(potential)
            if state.bound[y, x] <= maps.lowest:
                continue
            if maps.inhibits:
                n_spikes += _spike_first(y, x, potential, maps, state, n_spikes)
            else:
                n_spikes += _spike_all(y, x, potential, maps, state, n_spikes)
    return n_spikes


@compiled()
def _note(y, x, m, excess, state, n_spikes):
    """Note a spike behind the others of its step."""
    state.spikes[n_spikes, 0] = y
    state.spikes[n_spikes, 1] = x
    state.spikes[n_spikes, 2] = m
    state.excess[n_spikes] = excess


@compiled()
def _spike_first(y, x, potential, maps, state, n_spikes):
    """Let the map of a place spike that is farthest above threshold; return whether one is."""
    best = 0
    for m in range(1, len(potential)):
        if potential[m] - maps.thresholds[m] > potential[best] - maps.thresholds[best]:
            best = m
    excess = potential[best] - maps.thresholds[best]
    if excess <= 0:
        return 0
    _note(y, x, best, excess, state, n_spikes)
    state.blocked[y, x] = True
    return 1


@compiled()
def _spike_all(y, x, potential, maps, state, n_spikes):
    """Let all maps of a place spike that are above threshold; return how many are."""
    n_new = 0
    for m in range(len(potential)):
        excess = potential[m] - maps.thresholds[m]
        if excess > 0:
            _note(y, x, m, excess, state, n_spikes + n_new)
            potential[m] = SPENT
            n_new += 1
    return n_new


@compiled()
def respond(samples, maps, pool, state, times, spikes, additions):
    """Write the step of the first spike of each pooled window of each sample into ``times``.

    ``samples [N, channels, H, W]``; ``times [N, maps, H', W']`` is silence everywhere; ``spikes
    [N]`` and ``additions [N]`` are counted.
    """
    for n in range(len(samples)):
        _begin(samples[n], maps, state)
        for t in range(maps.n_steps):
            additions[n] += _arrive(t, maps, state)
            n_spikes = _spike(maps, state)
            spikes[n] += n_spikes
            for k in range(n_spikes):
                y, x, m = state.spikes[k, 0] // pool, state.spikes[k, 1] // pool, state.spikes[k, 2]
                times[n, m, y, x] = min(times[n, m, y, x], t)


@compiled()
def largest_potentials(samples, maps, state, potentials, additions):
    """Write the largest last potential of each map that never spikes, ``[N, maps]``."""
    height, width, n_maps = state.potential.shape
    for n in range(len(samples)):
        _begin(samples[n], maps, state)
        for t in range(maps.n_steps):
            additions[n] += _arrive(t, maps, state)
        potentials[n] = 0
        for y in range(height):
            for x in range(width):
                for m in range(n_maps):
                    potentials[n, m] = max(potentials[n, m], state.potential[y, x, m])


@compiled()
def learn(samples, maps, learning, state, won):
    """Change weights in place, sample by sample; count in ``won [maps]`` who learned."""
    winners = np.empty((learning.n_winners, 3), np.int64)
    for n in range(len(samples)):
        _begin(samples[n], maps, state)
        n_winners, t = 0, 0
        while t < maps.n_steps and n_winners < learning.n_winners:
            _arrive(t, maps, state)
            n_spikes = _spike(maps, state)
            best = _winner(state, n_spikes, winners, n_winners, learning.radius)
            while best >= 0 and n_winners < learning.n_winners:
                y, x, m = state.spikes[best, 0], state.spikes[best, 1], state.spikes[best, 2]
                winners[n_winners, 0], winners[n_winners, 1], winners[n_winners, 2] = y, x, m
                n_winners += 1
                won[m] += 1
                _change(samples[n], t, y, x, m, maps, learning)
                best = _winner(state, n_spikes, winners, n_winners, learning.radius)
            t += 1


@compiled()
def _winner(state, n_spikes, winners, n_winners, radius):
    """Return which spike has the largest excess of those that may win, of equals the first; or -1.

    A spike may not if its map has won already, or a place within the radius.
    """
    best = -1
    for k in range(n_spikes):
        if best >= 0 and state.excess[k] <= state.excess[best]:
            continue
        y, x, m = state.spikes[k, 0], state.spikes[k, 1], state.spikes[k, 2]
        free = True
        for w in range(n_winners):
            near = max(abs(winners[w, 0] - y), abs(winners[w, 1] - x)) <= radius
            free = free and not near and winners[w, 2] != m
        if free:
            best = k
    return best


@compiled()
def _change(sample, t, row, column, m, maps, learning):
    """Strengthen the weights of inputs that spiked by now, weaken those of all others."""
    channels, height, width = sample.shape
    size = maps.weights.shape[1]
    for c in range(channels):
        for ky in range(size):
            for kx in range(size):
                y, x = row + ky - maps.padding, column + kx - maps.padding
                early = 0 <= y < height and 0 <= x < width and sample[c, y, x] <= t
                rate = learning.potentiation if early else -learning.depression
                weight = maps.weights[c, ky, kx, m]
                weight += rate * weight * (np.float32(1) - weight)
                maps.weights[c, ky, kx, m] = min(max(weight, np.float32(0)), np.float32(1))
                maps.strongest[c, ky, kx] = _largest(maps.weights[c, ky, kx])
