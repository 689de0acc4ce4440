"""A membrane network as its equations are written: one number at a time, in float64."""

from __future__ import annotations

import math

import numpy as np


def show(network, events):
    """Return for each sample and layer potentials, traces, counts, and ``[T, n]`` spikes."""
    found = []
    for b in range(len(events)):
        own = slice(*events.offsets[b : b + 2])
        arriving = np.zeros((events.n_steps, events.n_units))
        np.add.at(arriving, (events.step[own], events.unit[own]), 1)
        layers = []
        for layer, (weights, thresholds) in enumerate(
            zip(network.weights, network.thresholds, strict=True)
        ):
            competes = layer == len(network.weights) - 1
            inhibition = network.inhibition if competes else 0.0
            layers.append(_layer(weights, thresholds, arriving, network.decay, inhibition))
            arriving = layers[-1][3]
        found.append(layers)
    return found


def _layer(weights, thresholds, arriving, decay, inhibition):
    n = len(thresholds)
    potential, trace = [0.0] * n, [0.0] * n
    spikes = np.zeros((len(arriving), n))
    for t, row in enumerate(arriving):
        for i in range(n):
            potential[i] *= decay
            trace[i] *= decay
            for k in np.flatnonzero(row):
                potential[i] += float(weights[i, k]) * row[k]
        for i in range(n):
            if potential[i] > thresholds[i]:
                potential[i] -= float(thresholds[i])
                trace[i] += 1
                spikes[t, i] = 1
        for i in range(n):
            others = spikes[t].sum() - spikes[t, i]
            potential[i] -= inhibition * others * float(thresholds[i])
    return np.array(potential), np.array(trace), spikes.sum(axis=0), spikes


def by_event(weights, threshold, steps, units, n_steps, tau_in_steps):
    """Return potential and spike times of one neuron that is only touched when an event comes."""
    potential, last, fired = 0.0, 0, []
    for t in sorted(set(steps)):
        potential *= math.exp(-(t - last) / tau_in_steps)
        last = t
        for k in units[steps == t]:
            potential += weights[k]
        if potential > threshold:
            potential -= threshold
            fired.append(t)
    return potential * math.exp(-(n_steps - 1 - last) / tau_in_steps), fired
