"""Compiled loops of `gradsim.superspike`: (1) to (3) and (9) there.

Arrays are float32, step first, ``[T, n]``. What they may hold was checked before.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradsim.kernels.jit import compiled


class Cell(NamedTuple):
    """A neuron and its synapses, all float32 but ``n_refractory``."""

    alpha: np.float32
    beta: np.float32
    gain: np.float32
    slope: np.float32
    n_refractory: int


class Layer(NamedTuple):
    """What a layer did, ``[T, n]`` each: its spikes, and the slope (4) of each neuron."""

    spikes: np.ndarray
    slopes: np.ndarray


@compiled()
def psp(signals: np.ndarray, cell: Cell, traces: np.ndarray) -> None:
    """Write the postsynaptic potentials that signals would cause."""
    n_steps, n = signals.shape
    current = np.zeros(n, np.float32)
    trace = np.zeros(n, np.float32)
    for t in range(n_steps):
        for i in range(n):
            current[i] = cell.alpha * current[i] + signals[t, i]
            trace[i] = cell.beta * trace[i] + cell.gain * current[i]
            traces[t, i] = trace[i]


@compiled()
def fire(spikes: np.ndarray, rows: np.ndarray, cell: Cell, layer: Layer) -> None:
    """Run a layer on spikes through weights ``[in, out]``, and write what it did."""
    n = rows.shape[1]
    current = np.zeros(n, np.float32)
    mem = np.zeros(n, np.float32)
    resting = np.zeros(n, np.int64)
    one = np.float32(1)
    for t in range(len(spikes)):
        for j in range(n):
            current[j] *= cell.alpha
        for i in range(len(rows)):
            if spikes[t, i] != 0:
                for j in range(n):
                    current[j] += rows[i, j]
        for j in range(n):
            mem[j] = cell.beta * mem[j] + cell.gain * current[j]
            if resting[j] > 0:
                resting[j] -= 1
                mem[j] = 0
            reach = one + cell.slope * abs(mem[j] - one)
            layer.slopes[t, j] = one / (reach * reach)
            layer.spikes[t, j] = mem[j] > one
            if mem[j] > one:
                mem[j] = 0
                resting[j] = cell.n_refractory


@compiled()
def excess(spikes: np.ndarray, decay: np.float32) -> np.ndarray:
    """Return ``[n]`` the sum over steps of the fourth power of traces of spikes."""
    n_steps, n = spikes.shape
    trace = np.zeros(n, np.float32)
    total = np.zeros(n, np.float32)
    for t in range(n_steps):
        for j in range(n):
            trace[j] = decay * trace[j] + spikes[t, j]
            total[j] += trace[j] ** 4
    return total
