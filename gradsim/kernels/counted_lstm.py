"""Compiled loops of `gradsim.counted_lstm`, which has the equations: tick by tick, all integers.

A cell's neurons stand in the order admit, forget, emit, candidate. What has a sign has two
channels, ``[H, 2]``: spikes for plus, spikes for minus.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradsim.kernels.jit import compiled


class Network(NamedTuple):
    """What runs: weights ``[out, in]`` and biases in units of 1 / ``unit``, and its window.

    ``rank [K]`` is the place of each tick in the order in which trains spread; ``lines`` are those
    of a cell, ``late`` are ticks by which gates open late, ``exact`` makes products exact.
    """

    w_in: np.ndarray
    w_rec: np.ndarray
    bias: np.ndarray
    w_out: np.ndarray
    b_out: np.ndarray
    unit: int
    rank: np.ndarray
    lines: int
    late: int
    exact: bool


class State(NamedTuple):
    """What the neurons of a sequence hold.

    ``stored [4 H]`` collects input, ``released [4 H]`` is what it had collected when the step
    began; ``cell [H, 2]``. Counts of the window: ``gates [3, H]``, ``candidate``, ``kept``,
    ``admitted`` and ``hidden``, each ``[H, 2]``.
    """

    stored: np.ndarray
    released: np.ndarray
    cell: np.ndarray
    gates: np.ndarray
    candidate: np.ndarray
    kept: np.ndarray
    admitted: np.ndarray
    hidden: np.ndarray


class Record(NamedTuple):
    """What is left behind.

    Of each step ``readout [B, T, n_out]``, ``hidden`` and ``cell [B, T, H, 2]``. Of all steps
    together their number, ``steps [1]``, and the spikes of ``inputs [n_in]``, ``gates [3, H]``,
    ``cells [2, H]`` (of the lowest line, of the others) and, each ``[H]``, ``candidates``,
    ``products`` that go into the cell and ``hiddens``.
    """

    readout: np.ndarray
    hidden: np.ndarray
    cell: np.ndarray
    inputs: np.ndarray
    gates: np.ndarray
    candidates: np.ndarray
    cells: np.ndarray
    products: np.ndarray
    hiddens: np.ndarray
    steps: np.ndarray


@compiled()
def _begin(network, state):
    """Release what is stored; store from the bias on, and from what makes a gate half open."""
    n, ticks, unit = len(state.cell), len(network.rank), network.unit
    state.released[:] = state.stored
    for place in range(4 * n):
        state.stored[place] = ticks * network.bias[place]
        if place < 3 * n:
            state.stored[place] += 2 * unit * (ticks + 1)
    state.gates[:] = 0
    state.candidate[:] = 0
    state.kept[:] = 0
    state.admitted[:] = 0
    state.hidden[:] = 0


@compiled()
def _charge(network, state, record):
    """Let gates meet candidates and cells for a window; count spikes and coincidences."""
    n, ticks, threshold = len(state.cell), len(network.rank), 4 * network.unit
    for j in range(n):
        admit, keep = state.released[j], state.released[n + j]
        drive = 2 * state.released[3 * n + j] + network.unit
        against = 2 * network.unit - drive
        plus, minus = state.cell[j]
        for tick in range(ticks):
            level = network.rank[tick] + 1
            admits = tick >= network.late and admit >= threshold
            keeps = tick >= network.late and keep >= threshold
            admit -= threshold * admits
            keep -= threshold * keeps
            state.gates[0, j] += admits
            state.gates[1, j] += keeps
            up, down = drive >= 2 * network.unit * level, against >= 2 * network.unit * level
            state.candidate[j, 0] += up
            state.candidate[j, 1] += down
            state.admitted[j, 0] += up and admits
            state.admitted[j, 1] += down and admits
            plus_lines, minus_lines = _firing(plus, level, ticks), _firing(minus, level, ticks)
            record.cells[0, j] += min(plus_lines + minus_lines, 1)
            record.cells[1, j] += max(plus_lines + minus_lines - 1, 0)
            if keeps:
                state.kept[j, 0] += plus_lines
                state.kept[j, 1] += minus_lines


@compiled()
def _firing(cell, level, ticks):
    """Return how many lines of a counter spike: those m for which it holds m K + level or more."""
    return (cell - level) // ticks + 1 if cell >= level else 0


@compiled()
def _exact(gates, values, products, ticks):
    """Put products, rounded, in the place of coincidences."""
    for j in range(len(values)):
        for channel in range(2):
            products[j, channel] = (2 * gates[j] * values[j, channel] + ticks) // (2 * ticks)


@compiled()
def _settle(network, state):
    """Let what was kept and what was admitted make the cell; channels cancel, and saturate."""
    most = network.lines * len(network.rank)
    for j in range(len(state.cell)):
        plus = state.kept[j, 0] + state.admitted[j, 0]
        minus = state.kept[j, 1] + state.admitted[j, 1]
        both = min(plus, minus)
        state.cell[j, 0] = min(plus - both, most)
        state.cell[j, 1] = min(minus - both, most)


@compiled()
def _emit(network, state, record):
    """Let gates meet the lowest line of cells for a window; count spikes and coincidences."""
    n, threshold = len(state.cell), 4 * network.unit
    for j in range(n):
        emit = state.released[2 * n + j]
        plus, minus = state.cell[j]
        for tick in range(len(network.rank)):
            level = network.rank[tick] + 1
            emits = tick >= network.late and emit >= threshold
            emit -= threshold * emits
            state.gates[2, j] += emits
            record.cells[0, j] += plus >= level or minus >= level
            state.hidden[j, 0] += plus >= level and emits
            state.hidden[j, 1] += minus >= level and emits


@compiled()
def _send(network, state):
    """Let the spikes of hidden units arrive where the next step begins."""
    for j in range(len(state.cell)):
        spikes = state.hidden[j, 0] - state.hidden[j, 1]
        if spikes != 0:
            for place in range(len(state.stored)):
                state.stored[place] += spikes * network.w_rec[place, j]


@compiled()
def _arrive(network, counts, state, record):
    """Let the spikes of inputs arrive; return how many there are."""
    arrived = 0
    for source in range(len(counts)):
        spikes = counts[source]
        if spikes != 0:
            arrived += abs(spikes)
            record.inputs[source] += abs(spikes)
            for place in range(len(state.stored)):
                state.stored[place] += spikes * network.w_in[place, source]
    return arrived


@compiled()
def _step(network, state, record):
    """Run the two windows of a step: cells are charged, and hidden units emit."""
    ticks, before = len(network.rank), state.cell.copy()
    _begin(network, state)
    _charge(network, state, record)
    if network.exact:
        _exact(state.gates[1], before, state.kept, ticks)
        _exact(state.gates[0], state.candidate, state.admitted, ticks)
    _settle(network, state)
    _emit(network, state, record)
    if network.exact:
        _exact(state.gates[2], np.minimum(state.cell, ticks), state.hidden, ticks)
    _send(network, state)
    record.gates[:] += state.gates
    for j in range(len(state.cell)):
        record.candidates[j] += state.candidate[j].sum()
        record.products[j] += state.kept[j].sum() + state.admitted[j].sum()
        record.hiddens[j] += state.hidden[j].sum()
    record.steps[0] += 1


@compiled()
def _answer(network, state, readout):
    """Write what the readout has collected from hidden units."""
    for k in range(len(readout)):
        readout[k] = len(network.rank) * network.b_out[k]
        for j in range(len(state.cell)):
            readout[k] += network.w_out[k, j] * (state.hidden[j, 0] - state.hidden[j, 1])


@compiled()
def run(counts, network, state, record):
    """Run sequences ``[B, T, n_in]`` of signed spike counts, each from rest."""
    for b in range(len(counts)):
        state.stored[:] = 0
        state.cell[:] = 0
        _begin(network, state)
        for t in range(counts.shape[1]):
            if _arrive(network, counts[b, t], state, record):
                _step(network, state, record)
            record.hidden[b, t] = state.hidden
            record.cell[b, t] = state.cell
            _answer(network, state, record.readout[b, t])
