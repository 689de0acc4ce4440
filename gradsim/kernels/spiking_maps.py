"""Compiled loops of `gradsim.stdp_convolution`, which has the equations: place by place.

Places know nothing of each other. Of each the spikes that reach it are listed by step, and their
weights, a row of one number for each map, are added when a bound on all potentials of the place
allows for the first time that one is above threshold; most places never come there.

Weights are ``[inputs, maps]``, so that all maps of a place lie side by side; inputs of a filter
count by channel, row and column. Sums of a neuron are in the order of its input spikes: by step,
then channel, row and column.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradsim.kernels.jit import compiled


class Maps(NamedTuple):
    """What runs.

    ``weights [inputs, maps]`` of filters of ``size`` rows and columns, of these ``strongest
    [inputs]`` the largest of all maps and ``connected [inputs]`` how many are not 0; ``thresholds
    [maps]`` and the ``lowest`` of them; ``inhibits``: whether the first spike of a place is its
    last.
    """

    weights: np.ndarray
    strongest: np.ndarray
    connected: np.ndarray
    thresholds: np.ndarray
    lowest: np.float32
    size: int
    padding: int
    n_steps: int
    inhibits: bool


class Excess(NamedTuple):
    """By how much each map of a place is above threshold, ``[maps]``: as float32, and its bits."""

    value: np.ndarray
    bits: np.ndarray


def excess_of(n_maps: int) -> Excess:
    """Return room for so many maps, the same memory in both ways."""
    value = np.zeros(n_maps, np.float32)
    return Excess(value, value.view(np.int32))


class Reach(NamedTuple):
    """What reaches each place of a sample, and the neurons of one place.

    ``order [.]`` has the numbers of the sample's spikes by step, those of step t from ``first[t]``
    on. Of place p, ``n_inputs[p]`` spikes come through ``inputs[p]`` of its filters, in
    ``steps[p]``.
    ``potential [maps]`` and ``excess`` are of one place.
    """

    order: np.ndarray
    first: np.ndarray
    n_inputs: np.ndarray
    inputs: np.ndarray
    steps: np.ndarray
    potential: np.ndarray
    excess: Excess


@compiled()
def _sort(sample, n_steps, reach):
    """List the spikes of a flat sample by step; return how many there are."""
    first = reach.first
    first[:] = 0
    for t in sample:
        if t < n_steps:
            first[t + 1] += 1
    for t in range(n_steps):
        first[t + 1] += first[t]
    for k in range(len(sample)):
        if sample[k] < n_steps:
            reach.order[first[sample[k]]] = k
            first[sample[k]] += 1
    return first[n_steps - 1]


@compiled()
def _spread(sample, maps, shape, reach):
    """Note the spikes of a sample ``[channels, H, W]`` at all places that they reach."""
    _, height, width = sample.shape
    rows, columns = shape
    flat = sample.ravel()
    reach.n_inputs[:] = 0
    for k in reach.order[: _sort(flat, maps.n_steps, reach)]:
        c, y, x = k // (height * width), k // width % height, k % width
        for ky in range(maps.size):
            for kx in range(maps.size):
                row, column = y + maps.padding - ky, x + maps.padding - kx
                if 0 <= row < rows and 0 <= column < columns:
                    place = row * columns + column
                    reach.inputs[place, reach.n_inputs[place]] = (
                        c * maps.size + ky
                    ) * maps.size + kx
                    reach.steps[place, reach.n_inputs[place]] = flat[k]
                    reach.n_inputs[place] += 1


@compiled()
def _add(weights, inputs, potential):
    """Add the rows of inputs to potentials, one after another."""
    for i in inputs:
        row = weights[i]
        for m in range(len(potential)):
            potential[m] += row[m]


@compiled()
def farthest(potential, thresholds, excess):
    """Return the map farthest above threshold, of equals the first; -1 where none is above.

    Numbers above zero are in the order of their bits as integers, and of integers a processor
    finds the largest many at a time.
    """
    value, bits = excess.value, excess.bits
    for m in range(len(potential)):
        value[m] = potential[m] - thresholds[m]
    largest = np.int32(0)
    for m in range(len(bits)):
        largest = max(largest, bits[m])
    if largest == 0:
        return -1
    m = 0
    while bits[m] != largest:
        m += 1
    return m


@compiled()
def respond(samples, maps, shape, pool, reach, times, spikes, additions):
    """Write the step of the first spike of each pooled window of each sample into ``times``.

    ``samples [N, channels, H, W]``, ``shape`` rows and columns of places; ``times [N, maps, H',
    W']`` is silence everywhere; ``spikes [N]`` and ``additions [N]`` are counted.
    """
    for n in range(len(samples)):
        _spread(samples[n], maps, shape, reach)
        for y in range(shape[0]):
            for x in range(shape[1]):
                found = times[n, :, y // pool, x // pool]
                n_spikes, n_additions = _show(y * shape[1] + x, maps, reach, found)
                spikes[n] += n_spikes
                additions[n] += n_additions


@compiled()
def _show(place, maps, reach, times):
    """Show a place what reaches it; return its spikes, and what would have to be added.

    Rows of weights are added when they can matter, in the order in which they came.
    """
    inputs, steps, n = reach.inputs[place], reach.steps[place], reach.n_inputs[place]
    reach.potential[:] = 0
    bound, added, k, n_spikes, n_additions = np.float32(0), 0, 0, 0, 0
    while k < n and (n_spikes == 0 or not maps.inhibits):
        t = steps[k]
        while k < n and steps[k] == t:
            bound += maps.strongest[inputs[k]]
            n_additions += maps.connected[inputs[k]]
            k += 1
        if bound > maps.lowest:
            _add(maps.weights, inputs[added:k], reach.potential)
            added = k
            n_spikes += _spike(t, maps, reach, times)
    return n_spikes, n_additions


@compiled()
def _spike(t, maps, reach, times):
    """Let neurons of a place spike that are above threshold; return how many do.

    With inhibition that is the one farthest above, and the place is done with. Without, a neuron
    that has spiked is left so low that nothing brings it back.
    """
    best = farthest(reach.potential, maps.thresholds, reach.excess)
    if best < 0:
        return 0
    if maps.inhibits:
        times[best] = min(times[best], t)
        return 1
    n_spikes = 0
    for m in range(len(times)):
        if reach.excess.value[m] > 0:
            times[m] = min(times[m], t)
            reach.potential[m] = -np.inf
            n_spikes += 1
    return n_spikes


@compiled()
def largest_potentials(samples, maps, shape, reach, potentials, additions):
    """Write the largest last potential of each map that never spikes, ``[N, maps]``."""
    for n in range(len(samples)):
        _spread(samples[n], maps, shape, reach)
        for place in range(shape[0] * shape[1]):
            inputs = reach.inputs[place, : reach.n_inputs[place]]
            reach.potential[:] = 0
            _add(maps.weights, inputs, reach.potential)
            for i in inputs:
                additions[n] += maps.connected[i]
            for m in range(len(reach.potential)):
                potentials[n, m] = max(potentials[n, m], reach.potential[m])
