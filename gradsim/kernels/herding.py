"""Compiled loops of `gradsim.herded`, which has the equations: sample by sample, spike by spike.

A spike costs the row of its weights forward and a column of them backward; a step without error
spikes costs nothing backward. Arrays ``[layers, width]`` have a row for the input and for each
layer behind it, and columns for as many units as the largest has. All numbers but the weights are
of the type of the potentials, so that integers stay integers; nothing is summed in another order
than the scalar loop of the equations would.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gradsim.kernels.jit import compiled

MOST = 100_000  # spikes of a unit in a step, which only a network emits that has lost its way


class Network(NamedTuple):
    """What runs: ``weights``, one ``[in, out]`` for each layer, and how its units quantise.

    A unit loses ``unit`` with a spike, which it emits above ``half``.
    """

    weights: Any
    unit: Any
    half: Any
    n_steps: int
    per_event: bool


class Learning(NamedTuple):
    """How weights change, if they do; see `gradsim.herded_training`."""

    rate: Any
    learns: bool
    fractional: bool
    update_first: bool
    reset_errors: bool


class State(NamedTuple):
    """What the units of a network hold, each ``[layers, width]``, of the type of the potentials.

    Of a sample: ``potential``, ``drive`` (sum of all input), ``spikes`` of the step, ``counts`` of
    all steps, ``arriving`` input of the step, ``errors`` that pass in the step and ``error_sums``
    of all steps. From sample to sample: ``error_potential``.
    """

    potential: np.ndarray
    drive: np.ndarray
    spikes: np.ndarray
    counts: np.ndarray
    arriving: np.ndarray
    errors: np.ndarray
    error_sums: np.ndarray
    error_potential: np.ndarray


class Record(NamedTuple):
    """What is counted over the samples of a run.

    ``readout [samples, T, out]`` is the drive of the last layer so far, ``spikes [T, layers,
    width]`` are numbers of spikes, ``errors [layers]`` of error spikes that pass, and ``changes
    [layers]`` of weights changed in front of each layer, counted once for each of these.
    """

    readout: np.ndarray
    spikes: np.ndarray
    errors: np.ndarray
    changes: np.ndarray


@compiled()
def _emit(potential, spikes, unit, half, n):
    """Add to ``spikes`` what rectified quantisers emit."""
    for j in range(n):
        while potential[j] > half and spikes[j] < MOST:
            potential[j] -= unit
            spikes[j] += 1


@compiled()
def _emit_signed(potential, spikes, unit, half, n):
    """Add to ``spikes`` what signed quantisers emit."""
    for j in range(n):
        while potential[j] > half and spikes[j] < MOST:
            potential[j] -= unit
            spikes[j] += 1
        while potential[j] < -half and spikes[j] > -MOST:
            potential[j] += unit
            spikes[j] -= 1


@compiled()
def _listed(values, n, listed):
    """List whose value is not 0; return how many."""
    n_listed = 0
    for k in range(n):
        if values[k] != 0:
            listed[n_listed] = k
            n_listed += 1
    return n_listed


@compiled()
def _forward(network, layer, state, listed, n_listed):
    """Let the spikes of a layer reach the next, which spikes."""
    rows, unit, half = network.weights[layer], network.unit, network.half
    n = rows.shape[1]
    before, spikes = state.spikes[layer], state.spikes[layer + 1]
    potential, arriving = state.potential[layer + 1], state.arriving[layer + 1]
    spikes[:n] = 0
    arriving[:n] = 0
    for m in range(n_listed):
        i = listed[m]
        for j in range(n):
            arriving[j] += before[i] * rows[i, j]
        if network.per_event:
            _arrive(potential, spikes, rows[i], before[i], unit, half)
    if not network.per_event:
        for j in range(n):
            potential[j] += arriving[j]
        _emit(potential, spikes, unit, half, n)
    drive = state.drive[layer + 1]
    for j in range(n):
        drive[j] += arriving[j]


@compiled()
def _arrive(potential, spikes, row, count, unit, half):
    """Let spikes of one unit arrive one by one, with a look at the potentials after each."""
    n = len(row)
    for _ in range(int(count)):
        n_above = 0
        for j in range(n):
            potential[j] += row[j]
            n_above += potential[j] > half
        if n_above:
            _emit(potential, spikes, unit, half, n)


@compiled()
def _backward(network, layer, state, listed, n_listed):
    """Let the errors behind a layer reach it, and quantise them; those that are blocked are 0."""
    rows, unit, half = network.weights[layer], network.unit, network.half
    potential, behind = state.error_potential[layer], state.errors[layer + 1]
    n, errors = len(rows), state.errors[layer]
    errors[:n] = 0
    if network.per_event:
        for m in range(n_listed):
            k = listed[m]
            _arrive_signed(potential, errors, rows[:, k], behind[k], unit, half)
    else:
        for i in range(n):
            for m in range(n_listed):
                potential[i] += behind[listed[m]] * rows[i, listed[m]]
        _emit_signed(potential, errors, unit, half, n)
    for i in range(n):
        if state.drive[layer, i] < 0:
            errors[i] = 0


@compiled()
def _arrive_signed(potential, errors, column, count, unit, half):
    """Let error spikes of one unit arrive one by one, with a look at the potentials after each."""
    sign = 1 if count > 0 else -1
    for _ in range(int(abs(count))):
        for i in range(len(column)):
            potential[i] += sign * column[i]
        _emit_signed(potential, errors, unit, half, len(column))


@compiled()
def _learn(rows, counts, errors, rate, listed, n_listed):
    """Take ``rate`` times counts times errors from weights; return how many weights changed."""
    changed = 0
    for i in range(len(rows)):
        if counts[i] > 0:
            changed += 1
            change = rate * counts[i]
            for m in range(n_listed):
                rows[i, listed[m]] -= change * errors[listed[m]]
    spikes = 0.0
    for m in range(n_listed):
        spikes += abs(errors[listed[m]])
    return changed * spikes


@compiled()
def _output_errors(state, label, last, n):
    """Set the errors of the output: its spikes less the target's, where they pass."""
    for k in range(n):
        error = state.spikes[last, k]
        if k == label:
            error -= 1
        state.errors[last, k] = error if state.drive[last, k] >= 0 else 0


@compiled()
def _teach(network, learning, label, state, record, listed):
    """Send the errors of a step back from layer to layer, and change the weights on the way."""
    last = len(network.weights)
    _output_errors(state, label, last, network.weights[last - 1].shape[1])
    for layer in range(last - 1, -1, -1):
        rows, errors = network.weights[layer], state.errors[layer + 1]
        n_listed = _listed(errors, rows.shape[1], listed)
        if n_listed == 0:
            return
        for m in range(n_listed):
            record.errors[layer + 1] += abs(errors[listed[m]])
            state.error_sums[layer + 1, listed[m]] += errors[listed[m]]
        if layer > 0 and not learning.update_first:
            _backward(network, layer, state, listed, n_listed)
        if learning.fractional:
            record.changes[layer + 1] += _learn(
                rows, state.counts[layer], errors, learning.rate, listed, n_listed
            )
        if layer > 0 and learning.update_first:
            _backward(network, layer, state, listed, n_listed)


@compiled()
def _learn_late(network, learning, state, record, listed):
    """Change the weights by the counts of a whole sample."""
    for layer in range(len(network.weights)):
        rows, errors = network.weights[layer], state.error_sums[layer + 1]
        n_listed = _listed(errors, rows.shape[1], listed)
        record.changes[layer + 1] += _learn(
            rows, state.counts[layer], errors, learning.rate, listed, n_listed
        )


@compiled()
def _reset(state, errors_too):
    """Begin a sample."""
    state.potential[:] = 0
    state.drive[:] = 0
    state.counts[:] = 0
    state.error_sums[:] = 0
    if errors_too:
        state.error_potential[:] = 0


@compiled()
def _spread(network, image, state, spikes, listed):
    """Run the network for a step; count its spikes, of the sample and in ``spikes``."""
    n, potential, emitted = len(image), state.potential[0], state.spikes[0]
    emitted[:n] = 0
    for i in range(n):
        potential[i] += image[i]
    _emit(potential, emitted, network.unit, network.half, n)
    for layer in range(len(network.weights) + 1):
        n_listed = _listed(state.spikes[layer], n, listed)
        for m in range(n_listed):
            state.counts[layer, listed[m]] += state.spikes[layer, listed[m]]
            spikes[layer, listed[m]] += state.spikes[layer, listed[m]]
        if layer < len(network.weights):
            _forward(network, layer, state, listed, n_listed)
            n = network.weights[layer].shape[1]


@compiled()
def run(images, labels, network, learning, state, record):
    """Show images ``[N, n_in]`` one after another; weights change in place.

    Return whether all were shown: it stops where a unit has more to emit than `MOST` in a step.
    """
    last, listed = len(network.weights), np.empty(state.spikes.shape[1], np.int64)
    n_out = network.weights[last - 1].shape[1]
    for sample in range(len(images)):
        _reset(state, learning.reset_errors)
        for t in range(network.n_steps):
            _spread(network, images[sample], state, record.spikes[t], listed)
            record.readout[sample, t] = state.drive[last, :n_out]
            if learning.learns:
                _teach(network, learning, labels[sample], state, record, listed)
        if learning.learns and not learning.fractional:
            _learn_late(network, learning, state, record, listed)
        if not (state.potential <= network.half).all():
            return False
    return True
