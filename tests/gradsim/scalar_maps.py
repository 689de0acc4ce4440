"""Spiking maps as their equations are: whole convolutions, and STDP one weight at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import conv2d


def potentials(layer, times):
    """Return ``[T, N, maps, H', W']``: what has arrived by each step, by dense convolutions."""
    weights = torch.from_numpy(layer.weights.astype(float))
    given = torch.from_numpy(np.asarray(times).astype(np.int64))
    sums = [
        conv2d((given <= t).double(), weights, padding=layer.padding).numpy()
        for t in range(layer.n_steps)
    ]
    return np.array(sums)


def spike_times(layer, times):
    """Return the step of each neuron's spike, ``[N, maps, H', W']``, before pooling."""
    excess = potentials(layer, times) - layer.thresholds[:, None, None]
    found = np.full(excess.shape[1:], layer.n_steps)
    for t, now in enumerate(excess):
        spiking = (now > 0) & (found == layer.n_steps)
        if layer.inhibits:
            first = np.arange(now.shape[1])[:, None, None] == now.argmax(axis=1)[:, None]
            spiking &= first & (found == layer.n_steps).all(axis=1, keepdims=True)
        found[spiking] = t
    return found


def pooled(found, pool, n_steps):
    """Return the first spike of each window."""
    n, maps, height, width = found.shape
    rows, columns = -(-height // pool), -(-width // pool)
    padded = np.full((n, maps, rows * pool, columns * pool), n_steps)
    padded[:, :, :height, :width] = found
    return padded.reshape(n, maps, rows, pool, columns, pool).min(axis=(3, 5))


class Learned(NamedTuple):
    """Weights, and of each sample the winners as ``(step, row, column, map)``."""

    weights: np.ndarray
    winners: list[list[tuple[int, int, int, int]]]


def learn(layer, times, rule):
    """Show samples one after another and change weights one by one, in float32."""
    weights = layer.weights.copy()
    winners = []
    for seen, sample in enumerate(times):
        up = np.float32(rule.rate_after(seen))
        rates = up, np.float32(rule.depression * rule.rate_after(seen))
        winners.append(_sample(layer, weights, np.pad(
            sample.astype(int), ((0, 0), *[(layer.padding,) * 2] * 2),
            constant_values=layer.n_steps,
        ), rule, rates))  # fmt: skip
    return Learned(weights, winners)


def _sample(layer, weights, sample, rule, rates):
    size = weights.shape[2]
    rows, columns = (side - size + 1 for side in sample.shape[1:])
    potential = np.zeros((rows, columns, len(weights)), np.float32)
    silent, winners = np.ones((rows, columns), bool), []
    for t in range(layer.n_steps):
        _arrive(potential, weights, sample, t)
        excess = potential - layer.thresholds
        spikes = []
        for y, x in np.argwhere(silent & (excess > 0).any(axis=2)):
            spikes.append((excess[y, x].max(), y, x, excess[y, x].argmax()))
            silent[y, x] = False
        for _, y, x, m in sorted(spikes, key=lambda spike: -spike[0]):
            if len(winners) < rule.n_winners and _far(winners, y, x, m, rule.radius):
                winners.append((t, y, x, m))
                _change(weights[m], sample[:, y : y + size, x : x + size] <= t, rates)
    return winners


def _arrive(potential, weights, sample, t):
    size = weights.shape[2]
    for c, y, x in np.argwhere(sample == t):
        for row in range(potential.shape[0]):
            for column in range(potential.shape[1]):
                ky, kx = y - row, x - column
                if 0 <= ky < size and 0 <= kx < size:
                    potential[row, column] += weights[:, c, ky, kx]


def _far(winners, y, x, m, radius):
    return all(
        m != other and max(abs(y - row), abs(x - column)) > radius
        for _, row, column, other in winners
    )


def _change(weights, early, rates):
    for place in np.ndindex(weights.shape):
        w = weights[place]
        change = rates[0] if early[place] else -rates[1]
        weights[place] = np.clip(w + change * w * (np.float32(1) - w), 0, 1)
