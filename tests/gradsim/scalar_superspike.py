"""SuperSpike one step after another, with a trace at each synapse: (1) to (7) word for word."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Scalar(NamedTuple):
    """What a presentation leaves."""

    hidden: np.ndarray
    output: np.ndarray
    loss: float
    d_hidden: np.ndarray
    d_output: np.ndarray


class Psp:
    """(1) for any shape."""

    def __init__(self, cell, shape):
        self.cell, self.current, self.trace = cell, np.zeros(shape), np.zeros(shape)

    def step(self, signals):
        self.current = float(self.cell.alpha) * self.current + signals
        self.trace = float(self.cell.beta) * self.trace + float(self.cell.gain) * self.current
        return self.trace


class Neurons:
    """(2) to (4)."""

    def __init__(self, cell, weights):
        self.cell, self.weights = cell, np.asarray(weights, float)
        self.current, self.mem = np.zeros(len(weights)), np.zeros(len(weights))
        self.resting = np.zeros(len(weights), int)

    def step(self, spikes):
        cell = self.cell
        self.current = float(cell.alpha) * self.current + self.weights @ spikes
        self.mem = float(cell.beta) * self.mem + float(cell.gain) * self.current
        self.mem[self.resting > 0] = 0
        self.resting = np.maximum(self.resting - 1, 0)
        slopes = 1 / (1 + float(cell.slope) * np.abs(self.mem - 1)) ** 2
        fired = self.mem > 1
        self.mem[fired] = 0
        self.resting[fired] = cell.n_refractory
        return fired.astype(float), slopes


def present(parameters, weights, pattern, back, rho=0.0):
    """Return what happens, with errors sent back through ``back [n_out, n_hidden]``."""
    p, cell = parameters, parameters.cell()
    hidden, output = Neurons(cell, weights.hidden), Neurons(cell, weights.output)
    of_inputs, of_hidden = Psp(cell, p.n_in), Psp(cell, p.n_hidden)
    errors = Psp(cell, p.n_out)
    eligible = Psp(cell, (p.n_hidden, p.n_in)), Psp(cell, (p.n_out, p.n_hidden))
    z, keep = np.zeros(p.n_hidden), np.exp(-p.dt_s / p.tau_trace_s)
    d_hidden, d_output = (np.zeros(part.shape) for part in weights)
    seen, answered, loss = [], [], 0.0
    for inputs, targets in zip(pattern.spikes, pattern.targets, strict=True):
        s_hidden, h_hidden = hidden.step(inputs)
        s_output, h_output = output.step(s_hidden)
        error = errors.step(targets - s_output)
        loss += 0.5 * p.dt_s * np.mean(error**2)
        below = eligible[0].step(np.outer(h_hidden, of_inputs.step(inputs)))
        above = eligible[1].step(np.outer(h_output, of_hidden.step(s_hidden)))
        z = keep * z + s_hidden
        d_hidden += (error @ back)[:, None] * below
        d_hidden -= rho * p.dt_s * z[:, None] ** 4 * weights.hidden
        d_output += error[:, None] * above
        seen.append(s_hidden)
        answered.append(s_output)
    return Scalar(np.array(seen), np.array(answered), loss, d_hidden, d_output)
