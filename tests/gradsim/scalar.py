"""The networks of `gradsim` over plain numbers, with reverse-mode derivatives: the tests' oracle.

Slow and literal on purpose. Every index is written out, and nothing is shared with the package but
the values of its parameters: a mistake would have to be made twice.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from gradsim.neurons import LIFParameters
from tests.gradsim import test_surrogate_derivatives as published


def sigmoid_prime(x, slope):
    """Return 4 s (1 - s) for the logistic s, without the overflow of exp far from the threshold."""
    e = math.exp(-abs(slope * x))
    return 4 * e / (1 + e) ** 2


FORMULAS = published.FORMULAS | {"sigmoid_prime": sigmoid_prime}


class Var:
    """A number that knows what it was computed from."""

    _serials = itertools.count()

    def __init__(self, value, parents=()):
        self.value, self.parents, self.gradient = value, parents, 0.0
        self.serial = next(Var._serials)

    def __add__(self, other):
        if not isinstance(other, Var):
            return Var(self.value + other, ((self, 1.0),))
        return Var(self.value + other.value, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other):
        if not isinstance(other, Var):
            return Var(self.value * other, ((self, other),))
        return Var(self.value * other.value, ((self, other.value), (other, self.value)))

    __radd__, __rmul__ = __add__, __mul__

    def detached(self):
        return Var(self.value)

    def backward(self):
        """Add to the ``gradient`` of everything that this number was computed from."""
        found, stack = {}, [self]
        while stack:
            each = stack.pop()
            if each.serial not in found:
                found[each.serial] = each
                stack.extend(parent for parent, _ in each.parents)
        self.gradient = 1.0
        for serial in sorted(found, reverse=True):
            for parent, slope in found[serial].parents:
                parent.gradient += slope * found[serial].gradient


def exp(x):
    return Var(math.exp(x.value), ((x, math.exp(x.value)),))


def log(x):
    return Var(math.log(x.value), ((x, 1 / x.value),))


def dot(left, right):
    pairs = list(zip(left, right, strict=True))
    parents = [(a, b.value) for a, b in pairs] + [(b, a.value) for a, b in pairs]
    return Var(sum(a.value * b.value for a, b in pairs), parents)


def variables(values):
    """Return an array of numbers as one of variables."""
    return np.vectorize(Var, otypes=[object])(np.asarray(values, float))


def values(array):
    return np.vectorize(lambda each: each.value, otypes=[float])(np.array(array, dtype=object))


def gradients(array):
    return np.vectorize(lambda each: each.gradient, otypes=[float])(array)


def fire(mem, threshold, p: LIFParameters):
    x = mem + -1.0 * threshold
    fires = x.value > 0 if p.strict else x.value >= 0
    slope = FORMULAS[p.surrogate.name](x.value, *p.surrogate.parameters)
    return Var(float(fires), ((x, slope),))


def decays(p, n, log_taus=None):
    """Return alpha and beta of each neuron, from the logarithms of its time constants."""
    if log_taus is None:
        log_taus = [[Var(math.log(tau))] * n for tau in (p.tau_syn_s, p.tau_mem_s)]
    return [[exp(-p.dt_s * exp(-1.0 * each)) for each in logs] for logs in log_taus]


def gain_of(beta, p):
    return Var(1.0) if p.gain == "one" else 1.0 + -1.0 * beta


def lif(x, weight, recurrent, p: LIFParameters, log_taus=None):
    """Return the spikes ``[T][N]`` of one sample for input ``[T][in]``."""
    n = len(weight)
    alpha, beta = decays(p, n, log_taus)
    strength, rho = 0.0, 0.0
    if p.adaptation is not None:
        strength, rho = p.adaptation.strength, math.exp(-p.dt_s / p.adaptation.tau_s)
    mem = syn = last = adaptation = [Var(0.0)] * n
    recorded = []
    for values_now in x:
        fired, taken = last, [p.threshold + strength * a for a in adaptation]
        if p.order == "fire_first":
            fired = [fire(mem[i], taken[i], p) for i in range(n)]
        new_mem, new_syn, new_adaptation = [], [], []
        for i in range(n):
            current = dot(weight[i], values_now)
            if recurrent is not None:
                current = current + dot(recurrent[i], last)
            new_syn.append(alpha[i] * syn[i] + current)
            drive = syn[i] if p.order == "fire_first" else new_syn[i]
            moved = beta[i] * mem[i] + gain_of(beta[i], p) * drive
            if p.reset == "zero":
                kept = 1.0 + -1.0 * fired[i]
                moved = moved * (kept.detached() if p.detach_reset else kept)
            else:
                lost = taken[i] * fired[i]
                moved = moved + -1.0 * (lost.detached() if p.detach_reset else lost)
            new_mem.append(moved)
            new_adaptation.append(rho * adaptation[i] + (1 - rho) * fired[i])
        mem, syn, adaptation, last = new_mem, new_syn, new_adaptation, fired
        if p.order == "integrate_first":
            last = [fire(mem[i], p.threshold + strength * adaptation[i], p) for i in range(n)]
        recorded.append(last)
    return recorded


def li(x, weight, p, log_taus=None):
    """Return the membranes ``[T + 1][N]`` of one sample (``[T][N]`` if it integrates first)."""
    n = len(weight)
    alpha, beta = decays(p, n, log_taus)
    mem = syn = [Var(0.0)] * n
    recorded = [mem] if p.order == "fire_first" else []
    for values_now in x:
        new_syn = [alpha[i] * syn[i] + dot(weight[i], values_now) for i in range(n)]
        drive = syn if p.order == "fire_first" else new_syn
        mem = [beta[i] * mem[i] + gain_of(beta[i], p) * drive[i] for i in range(n)]
        syn = new_syn
        recorded.append(mem)
    return recorded


def network(x, weights, recurrent, p: LIFParameters):
    """Return the readout ``[T'][B][C]`` and the spikes ``[T][B][N]`` of each hidden layer."""
    readout, spikes = [], [[] for _ in recurrent]
    for b in range(len(x[0])):
        passed = [x_now[b] for x_now in x]
        for k, own in enumerate(recurrent):
            passed = lif(passed, weights[k], own, p)
            spikes[k].append(passed)
        readout.append(li(passed, weights[-1], p))
    return time_first(readout), [time_first(layer) for layer in spikes]


def time_first(by_sample):
    return [list(rows) for rows in zip(*by_sample, strict=True)]


def counts(spikes):
    """Return ``[B][N]`` sums over time of ``[T][B][N]``."""
    n_samples, n = len(spikes[0]), len(spikes[0][0])
    return [
        [sum((now[b][i] for now in spikes), Var(0.0)) for i in range(n)] for b in range(n_samples)
    ]


def max_over_time_nll(readout, labels):
    """Return the mean over samples of ``-log softmax(max_t readout)[label]``."""
    total = Var(0.0)
    for b, label in enumerate(labels):
        n = len(readout[0][b])
        logits = [max((now[b][c] for now in readout), key=lambda v: v.value) for c in range(n)]
        total = total + log(sum((exp(each) for each in logits), Var(0.0))) + -1.0 * logits[label]
    return (1 / len(labels)) * total
