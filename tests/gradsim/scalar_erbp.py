"""A network with modulated dendrites as its equations are written: one spike at a time."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np

ONE = np.float32(1)


def kept(tau_ms):
    return np.float32(math.exp(-1 / tau_ms) if tau_ms > 0 else 0.0)


def trains(image, neurons, n_steps, rng):
    """Return for each step the input units that spike, as (unit, in order of units)."""
    rate = neurons.input_rate_hz / 1000
    chance = rate / (1 - rate * (neurons.refractory_ms - 1))
    spikes = [[] for _ in range(n_steps)]
    for unit, pixel in enumerate(np.asarray(image, np.float32)):
        t = 0
        while pixel > 0:
            scale = 1 / math.log1p(-float(pixel * np.float32(chance)))
            gap = math.log(1 - rng.random()) * scale
            if gap >= n_steps - t:
                break
            t += int(gap)
            spikes[t].append(unit)
            t += neurons.refractory_ms
    return spikes


def passed(word, n, transmission):
    """Return which of n synapses let a spike with a random word pass."""
    mixed = (word + np.arange(n, dtype=np.uint64) * 0x9E3779B9) % 2**32
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        mixed = ((mixed ^ (mixed >> np.uint64(shift))) * factor) % 2**32
    return mixed < min(round(transmission * 2**32), 2**32 - 1)


def show(weights, feedback, neurons, images, rng, n_steps, labels=None, training=None, rate=0.0):
    """Show images one after another; ``weights``, ``[out, in]`` float32, change in place."""
    found = SimpleNamespace(spikes=[], errors=[], visited=0, changed=0, potentials=[])
    for number, image in enumerate(images):
        label = None if labels is None else labels[number]
        sample = _Sample(weights, feedback, neurons, label, training, np.float32(rate), found)
        by_step = trains(image, neurons, n_steps, rng)
        for t in range(n_steps):
            sample.step(t, by_step[t], rng)
    return found


class _Sample:
    def __init__(self, weights, feedback, neurons, label, training, rate, found):
        self.weights, self.feedback, self.neurons, self.label = weights, feedback, neurons, label
        self.training, self.rate, self.found = training, rate, found
        sizes = [len(part) for part in weights]
        self.current, self.membrane, self.average, self.dendrite = (
            [np.zeros(n, np.float32) for n in sizes] for _ in range(4)
        )
        self.silent = [np.zeros(n, int) for n in sizes]
        self.errors = np.zeros((2, sizes[-1]), np.float32)

    def step(self, t, sent, rng):
        spikes, last = [len(sent)], len(self.weights) - 1
        for k in range(last + 1):
            sent = self._layer(k, t, sent, rng)
            spikes.append(sent)
        self.found.spikes.append(spikes)
        if self._learns(t):
            for k in range(last + 1):
                held = kept(self.training.tau_dendrite_ms) * self.dendrite[k]
                self.dendrite[k] = np.where(np.abs(held) < np.float32(1e-3), np.float32(0), held)
            self._compare(t - self.training.from_ms + 1, sent)

    def _learns(self, t):
        return self.label is not None and t >= self.training.from_ms

    def _layer(self, k, t, sent, rng):
        part, neurons = self.weights[k], self.neurons
        self.current[k] = self.current[k] * kept(neurons.tau_synapse_ms)
        change = self._change(k, t)
        for unit in sent:
            row = part[:, unit].copy()
            if neurons.transmission < 1:
                word = int(rng.random() * 2**32)
                row[~passed(word, len(row), neurons.transmission)] = 0
            self.current[k] = self.current[k] + row
            if change is not None:
                part[:, unit] = part[:, unit] - change
                self.found.visited += len(row)
                self.found.changed += np.count_nonzero(change)
        follow = ONE - kept(0.0 if self.training is None else self.training.tau_gate_ms)
        self.average[k] = self.average[k] + follow * (self.current[k] - self.average[k])
        return self._spikes(k, rng)

    def _change(self, k, t):
        if not self._learns(t) or (k < len(self.weights) - 1 and not self.training.hidden_learns):
            return None
        low, high = self.training.gate if k < len(self.weights) - 1 else (-np.inf, np.inf)
        is_open = (self.average[k] > low) & (self.average[k] < high)
        return np.where(is_open, self.rate * self.dendrite[k], np.float32(0))

    def _spikes(self, k, rng):
        keep = kept(self.neurons.tau_membrane_ms)
        v = keep * self.membrane[k] + (ONE - keep) * self.current[k]
        if self.neurons.noise > 0:
            sigma = np.float32(self.neurons.noise)
            v = v + sigma * np.array([rng.standard_normal() for _ in v], np.float32)
        free = self.silent[k] == 0
        fires = free & (v > 1)
        self.silent[k] = np.where(fires, self.neurons.refractory_ms - 1, self.silent[k] - ~free)
        self.membrane[k] = np.where(fires | ~free, np.float32(0), v)
        return np.flatnonzero(fires)

    def _compare(self, since, output):
        target = np.zeros_like(self.errors[0])
        if self.training.label_period_ms and since % self.training.label_period_ms == 0:
            target[self.label] = 1
        difference = np.isin(np.arange(len(target)), output) - target
        self.errors = self.errors + np.array([difference, -difference], np.float32)
        self.errors = np.maximum(self.errors, -np.float32(self.training.headroom))
        self.found.potentials.append(self.errors)
        fired = self.errors >= 1
        self.errors = self.errors - fired
        self.found.errors.append(fired.sum(axis=1))
        for k in range(len(target)):  # in the order in which they reach a dendrite
            for kind, sign in ((0, ONE), (1, -ONE)):
                if fired[kind, k]:
                    self.dendrite[-1][k] += sign
                    for layer, fixed in enumerate(self.feedback):
                        self.dendrite[layer] = self.dendrite[layer] + sign * fixed[k]
