"""Compiled loops of `gradsim.erbp`, which has the equations: image by image, step by step.

A spike costs the row of its weights, once for the currents and, where something is to change, once
more for the weights. Arrays ``[layers, width]`` have a row for each layer behind the input and
columns for as many units as the largest has. All is computed in float32 in the order of the
equations, so that a scalar loop in float32 finds the same bits.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from gradsim.kernels.jit import compiled

FAINT = np.float32(1e-3)  # a dendrite below this, in error spikes, is at rest


class Cell(NamedTuple):
    """Constants of the neurons, all float32 but for numbers of steps.

    ``keep_*`` is the factor by which a variable decays in a step, ``follow`` the share of its
    distance to the current by which the average that gates read approaches it, ``transmits`` how
    many of 2^32 words let a spike pass a synapse.
    """

    keep_current: Any
    keep_membrane: Any
    keep_dendrite: Any
    follow: Any
    noise: Any
    transmits: int
    blanks: bool
    silent_steps: int


class Learning(NamedTuple):
    """How weights change, if they do; see `gradsim.erbp_training`."""

    rate: Any
    learns: bool
    from_step: int
    label_period: int
    headroom: Any
    lower: np.ndarray
    upper: np.ndarray
    first_layer: int


class State(NamedTuple):
    """What the units hold, ``[layers, width]`` but for the input's, the errors' and the lists.

    ``silent`` counts the steps left of the refractory time, ``average`` is the current as gates see
    it, ``change`` what a presynaptic spike takes off the weights in this step. ``listed [layers +
    1, width]`` names the units that spike in the step, the first ``n_listed`` of them; ``errors [2,
    classes]`` are the potentials of the neurons E+ and E-, ``counts`` and ``driven`` the spikes and
    summed currents of the output so far.
    """

    current: np.ndarray
    membrane: np.ndarray
    silent: np.ndarray
    dendrite: np.ndarray
    average: np.ndarray
    change: np.ndarray
    listed: np.ndarray
    n_listed: np.ndarray
    errors: np.ndarray
    counts: np.ndarray
    driven: np.ndarray


class Record(NamedTuple):
    """What is counted over the images of a run.

    ``answers [images, T]`` after each step, ``spikes [T, layers + 1, width]``, and of learning:
    error spikes ``[2]`` of both kinds, and by layer the weights that presynaptic spikes ``visited``
    in the window of learning and those of them that ``changed``.
    """

    answers: np.ndarray
    spikes: np.ndarray
    errors: np.ndarray
    visited: np.ndarray
    changed: np.ndarray


class Trains(NamedTuple):
    """Spikes of the input during one image: ``unit``, sorted by step, from ``first[t]`` on."""

    first: np.ndarray
    unit: np.ndarray
    drawn_step: np.ndarray
    drawn_unit: np.ndarray


@compiled()
def draw(probability, silent_steps, n_steps, trains, rng):
    """Draw spike trains: after each spike some silent steps, then a probability in each step.

    Drawn from gap to gap, which are geometric, so that silent steps cost nothing.
    """
    trains.first[:] = 0
    n = 0
    for u in range(len(probability)):
        if probability[u] <= 0.0:
            continue
        scale = 1.0 / math.log1p(-min(probability[u], 1.0))
        t = 0
        while True:
            gap = math.log(1.0 - rng.random()) * scale
            if gap >= n_steps - t:
                break
            t += int(gap)
            trains.drawn_step[n], trains.drawn_unit[n] = t, u
            trains.first[t + 1] += 1
            n += 1
            t += 1 + silent_steps
    for t in range(n_steps):
        trains.first[t + 1] += trains.first[t]
    for k in range(n):
        at = trains.drawn_step[k]
        trains.unit[trains.first[at]] = trains.drawn_unit[k]
        trains.first[at] += 1
    for t in range(n_steps, 0, -1):
        trains.first[t] = trains.first[t - 1]
    trains.first[0] = 0


@compiled()
def _reset(state):
    for array in (state.current, state.membrane, state.dendrite, state.average, state.errors):
        array[:] = 0
    state.silent[:] = 0
    state.counts[:] = 0
    state.driven[:] = 0


@compiled()
def _prepare(layer, n, learning, state):
    """Set what a presynaptic spike takes off the weights in this step; return how many differ."""
    dendrite, average, change = state.dendrite[layer], state.average[layer], state.change[layer]
    lower, upper, n_changes = learning.lower[layer], learning.upper[layer], 0
    for j in range(n):
        is_open = lower < average[j] and average[j] < upper
        change[j] = learning.rate * dendrite[j] if is_open else np.float32(0)
        n_changes += change[j] != 0
    return n_changes


@compiled()
def passes(word, j, transmits):
    """Return whether a spike with a random word passes its synapse on unit j."""
    mixed = np.uint32(word + np.uint32(j) * np.uint32(0x9E3779B9))
    mixed = np.uint32((mixed ^ (mixed >> np.uint32(16))) * np.uint32(0x7FEB352D))
    mixed = np.uint32((mixed ^ (mixed >> np.uint32(15))) * np.uint32(0x846CA68B))
    return (mixed ^ (mixed >> np.uint32(16))) < np.uint32(transmits)


@compiled()
def _arrive(row, current, cell, rng):
    """Let a spike reach the currents behind it, through all synapses or by chance."""
    if not cell.blanks:
        for j in range(len(row)):
            current[j] += row[j]
        return
    word = np.uint32(rng.random() * 4294967296.0)
    for j in range(len(row)):
        current[j] += row[j] if passes(word, j, cell.transmits) else np.float32(0)


@compiled()
def _spread(rows, layer, cell, learning, in_window, state, record, rng):
    """Let the spikes of a step reach a layer, and change the weights that they pass."""
    n, n_spikes = rows.shape[1], state.n_listed[layer]
    current, average, change = state.current[layer], state.average[layer], state.change[layer]
    for j in range(n):
        current[j] *= cell.keep_current
    n_changes = 0
    if in_window and layer >= learning.first_layer:
        n_changes = _prepare(layer, n, learning, state)
        record.visited[layer] += n_spikes * n
        record.changed[layer] += n_spikes * n_changes
    for m in range(n_spikes):
        row = rows[state.listed[layer, m]]
        _arrive(row, current, cell, rng)
        if n_changes:
            for j in range(n):
                row[j] -= change[j]
    for j in range(n):
        average[j] += cell.follow * (current[j] - average[j])


@compiled()
def _fire(n, layer, cell, state, rng):
    """Advance the membranes of a layer and list which units spike."""
    current, membrane, silent = state.current[layer], state.membrane[layer], state.silent[layer]
    drive, n_spikes = np.float32(1) - cell.keep_membrane, 0
    for j in range(n):
        membrane[j] = cell.keep_membrane * membrane[j] + drive * current[j]
    if cell.noise > 0:
        for j in range(n):
            membrane[j] += cell.noise * np.float32(rng.standard_normal())
    for j in range(n):
        if silent[j] > 0:
            silent[j] -= 1
            membrane[j] = 0
        elif membrane[j] > 1:
            membrane[j] = 0
            silent[j] = cell.silent_steps
            state.listed[layer + 1, n_spikes] = j
            n_spikes += 1
    state.n_listed[layer + 1] = n_spikes


@compiled()
def _compare(label, t, learning, state, record, feedback):
    """Let output and label reach the error neurons, and their spikes the dendrites."""
    last, errors = len(state.current), state.errors
    since = t - learning.from_step + 1
    for m in range(state.n_listed[last]):
        errors[0, state.listed[last, m]] += 1
        errors[1, state.listed[last, m]] -= 1
    if learning.label_period and since % learning.label_period == 0:
        errors[0, label] -= 1
        errors[1, label] += 1
    for k in range(errors.shape[1]):
        for kind in range(2):
            errors[kind, k] = max(errors[kind, k], -learning.headroom)
            if errors[kind, k] >= 1:
                errors[kind, k] -= 1
                record.errors[kind] += 1
                _modulate(k, np.float32(1 - 2 * kind), state.dendrite, feedback)


@compiled()
def _modulate(k, sign, dendrite, feedback):
    """Let an error spike reach the dendrites of all layers."""
    dendrite[len(dendrite) - 1, k] += sign
    for layer in range(len(dendrite) - 1):
        for j in range(feedback.shape[2]):
            dendrite[layer, j] += sign * feedback[layer, k, j]


@compiled()
def _forget(dendrite, keep):
    for layer in range(len(dendrite)):
        for j in range(dendrite.shape[1]):
            kept = keep * dendrite[layer, j]
            dendrite[layer, j] = kept if abs(kept) >= FAINT else np.float32(0)


@compiled()
def _answer(state):
    """Return the class with most spikes so far; among equals the one with most current."""
    best = 0
    for k in range(1, len(state.counts)):
        more, equal = state.counts[k] > state.counts[best], state.counts[k] == state.counts[best]
        if more or (equal and state.driven[k] > state.driven[best]):
            best = k
    return best


@compiled()
def run(probability, labels, weights, feedback, cell, learning, state, trains, record, rng):
    """Show images ``[N, n_in]``, the probabilities of input spikes; weights change in place."""
    last, n_steps = len(weights), record.answers.shape[1]
    for sample in range(len(probability)):
        _reset(state)
        draw(probability[sample], cell.silent_steps, n_steps, trains, rng)
        for t in range(n_steps):
            in_window = learning.learns and t >= learning.from_step
            first, state.n_listed[0] = trains.first[t], trains.first[t + 1] - trains.first[t]
            for m in range(state.n_listed[0]):
                state.listed[0, m] = trains.unit[first + m]
            for layer in range(last):
                n = weights[layer].shape[1]
                _spread(weights[layer], layer, cell, learning, in_window, state, record, rng)
                _fire(n, layer, cell, state, rng)
            for layer in range(last + 1):
                for m in range(state.n_listed[layer]):
                    record.spikes[t, layer, state.listed[layer, m]] += 1
            for m in range(state.n_listed[last]):
                state.counts[state.listed[last, m]] += 1
            for k in range(len(state.counts)):
                state.driven[k] += state.current[last - 1, k]
            record.answers[sample, t] = _answer(state)
            if in_window:
                _forget(state.dendrite, cell.keep_dendrite)
                _compare(labels[sample], t, learning, state, record, feedback)
