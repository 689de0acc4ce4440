"""Compiled loop of `gradsim.stdp_convolution_training`, which has the rule: step by step.

Who learns first is decided among all places of a layer, and what it learns holds for all, so that
places cannot be taken one by one as in `gradsim.kernels.spiking_maps`; weights, the order of sums
and the bound on potentials are as there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradsim.kernels.jit import compiled
from gradsim.kernels.spiking_maps import Excess, farthest


class Learning(NamedTuple):
    """How weights change; see `gradsim.stdp_convolution_training`."""

    potentiation: np.float32
    depression: np.float32
    n_winners: int
    radius: int


class Layer(NamedTuple):
    """All places of a layer while it learns, and the spikes of a step.

    ``potential [H, W, maps]``, ``bound [H, W]`` which no potential of the place exceeds,
    ``reached [H, W]`` where input came in this step, and ``blocked [H, W]`` where a place has
    spiked. ``spikes [., 3]``, row, column and map, and how far each is ``above`` threshold, are
    those of the step; ``excess`` is of one place.
    """

    potential: np.ndarray
    bound: np.ndarray
    reached: np.ndarray
    blocked: np.ndarray
    spikes: np.ndarray
    above: np.ndarray
    excess: Excess


@compiled()
def learn(samples, maps, learning, layer, won):
    """Change weights in place, sample by sample; count in ``won [maps]`` who learned."""
    winners = np.empty((learning.n_winners, 3), np.int64)
    for n in range(len(samples)):
        layer.potential[:] = 0
        layer.bound[:] = 0
        layer.reached[:] = False
        layer.blocked[:] = False
        n_winners, t = 0, 0
        while t < maps.n_steps and n_winners < learning.n_winners:
            _arrive(samples[n], t, maps, layer)
            n_spikes = _compete(maps, layer)
            best = _winner(layer, n_spikes, winners, n_winners, learning.radius)
            while best >= 0 and n_winners < learning.n_winners:
                y, x, m = layer.spikes[best, 0], layer.spikes[best, 1], layer.spikes[best, 2]
                winners[n_winners, 0], winners[n_winners, 1], winners[n_winners, 2] = y, x, m
                n_winners += 1
                won[m] += 1
                _change(samples[n], t, y, x, m, maps, learning)
                best = _winner(layer, n_spikes, winners, n_winners, learning.radius)
            t += 1


@compiled()
def _arrive(sample, t, maps, layer):
    """Add the weights of the inputs that spike in a step at all places that have not spiked."""
    channels, height, width = sample.shape
    rows, columns, n_maps = layer.potential.shape
    for c in range(channels):
        for y in range(height):
            for x in range(width):
                if sample[c, y, x] != t:
                    continue
                for ky in range(maps.size):
                    for kx in range(maps.size):
                        row, column = y + maps.padding - ky, x + maps.padding - kx
                        if not (0 <= row < rows and 0 <= column < columns):
                            continue
                        if layer.blocked[row, column]:
                            continue
                        i = (c * maps.size + ky) * maps.size + kx
                        for m in range(n_maps):
                            layer.potential[row, column, m] += maps.weights[i, m]
                        layer.bound[row, column] += maps.strongest[i]
                        layer.reached[row, column] = True


@compiled()
def _compete(maps, layer):
    """Let the neuron of each place spike that is farthest above threshold; return how many do."""
    rows, columns = layer.bound.shape
    n_spikes = 0
    for y in range(rows):
        for x in range(columns):
            if not layer.reached[y, x]:
                continue
            layer.reached[y, x] = False
            if layer.bound[y, x] <= maps.lowest:
                continue
            m = farthest(layer.potential[y, x], maps.thresholds, layer.excess)
            if m >= 0:
                layer.spikes[n_spikes, 0] = y
                layer.spikes[n_spikes, 1] = x
                layer.spikes[n_spikes, 2] = m
                layer.above[n_spikes] = layer.excess.value[m]
                layer.blocked[y, x] = True
                n_spikes += 1
    return n_spikes


@compiled()
def _winner(layer, n_spikes, winners, n_winners, radius):
    """Return the spike farthest above threshold that may win, of equals the first; -1 for none.

    A spike may not if its map has won already, or a place within the radius.
    """
    best = -1
    for k in range(n_spikes):
        if best >= 0 and layer.above[k] <= layer.above[best]:
            continue
        y, x, m = layer.spikes[k, 0], layer.spikes[k, 1], layer.spikes[k, 2]
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
    i = 0
    for c in range(channels):
        for ky in range(maps.size):
            for kx in range(maps.size):
                y, x = row + ky - maps.padding, column + kx - maps.padding
                early = 0 <= y < height and 0 <= x < width and sample[c, y, x] <= t
                rate = learning.potentiation if early else -learning.depression
                weight = maps.weights[i, m]
                weight += rate * weight * (np.float32(1) - weight)
                maps.weights[i, m] = min(max(weight, np.float32(0)), np.float32(1))
                maps.strongest[i] = max(maps.strongest[i], maps.weights[i, m])
                i += 1
