"""The compiled kernel: the equations and rules of `network`, driven by events.

One step, in Brian2's order: membranes and conductances by forward Euler, thresholds, arriving
spikes, learning at own spikes, resets. What makes it fast changes results by rounding alone:

- an input spike is spread over its synapses once, when it is sent: what they will add to the
  conductances is put on a calendar of as many steps as the longest delay. Should a neuron fire
  meanwhile, and its weights change, its column of the calendar is written anew;
- depression at arriving spikes, too, is done when they are sent, and undone should the neuron
  fire before they arrive. That is why a stored weight may be below zero: it counts as zero;
- a trace of arrivals at a synapse is the trace of its input, one delay ago: inputs keep theirs
  for as many steps as the longest delay, synapses have none;
- inhibition of all but one is a sum less the own part, not a matrix;
- an inhibitory neuron is computed from a spike of its partner until it is at rest again;
- only neurons whose weights may have changed are normalised.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from biosim.jit import compiled

whole = compiled()
part = compiled(inline="always")

TRIPLET, POWER = 0, 1
# Below these a trace or a potential (volts) is as good as gone.
_FAINT = 1e-12
# Below this, far above the numbers that processors are slow with, what only decays is nothing. It
# would stay there for ever: rounded, the smallest number times 0.98 is itself.
_NOTHING = 1e-100
_SETTLED_V = 1e-13


class Cell(NamedTuple):
    """Constants of a population; potentials in volts, times in steps."""

    leak: float  # dt / tau_mem
    rest: float
    reset: float
    threshold: float
    excitatory: float
    inhibitory: float
    refractory: float


class Constants(NamedTuple):
    """What does not change; ``keep_*`` is the factor by which a variable decays in a step."""

    exc: Cell
    inh: Cell
    keep_exc: float
    keep_inh: float
    keep_theta: float
    theta_plus: float
    lockout: float  # the steps after a spike within which no other is allowed
    weight_exc_inh: float
    weight_inh_exc: float
    rule: int
    rate_pre: float
    rate_post: float
    keep_trace: float
    keep_post: float
    decay_slow: float  # dt / tau_post_slow
    target: float
    exponent: float
    max_weight: float
    weight_sum: float


class Synapses(NamedTuple):
    """Of ``n_in`` inputs to ``n_exc`` neurons, with delays of 0 to D - 1 steps."""

    weight: np.ndarray  # [n_in, n_exc]
    delay: np.ndarray  # [n_in, n_exc] unsigned, steps


class State(NamedTuple):
    """What changes from step to step."""

    v: np.ndarray  # [n_exc], as all down to is_recent
    g_e: np.ndarray
    g_i: np.ndarray
    theta: np.ndarray
    since: np.ndarray  # steps since the last spike, float64
    post: np.ndarray  # fast trace of own spikes
    spikes: np.ndarray  # spikes since it was last set to zero
    inh_v: np.ndarray
    inh_g_e: np.ndarray
    inh_since: np.ndarray  # step of the last spike
    inh_spikes: np.ndarray
    awake: np.ndarray  # inhibitory neurons that are not at rest: the first so many
    is_awake: np.ndarray
    recent: np.ndarray  # neurons whose weights may change: the first so many
    is_recent: np.ndarray
    fired: np.ndarray  # [2, n_exc] excitatory and inhibitory neurons that fire in this step
    calendar: np.ndarray  # [D, n_exc] what will be added to g_e, by step modulo D
    sent: np.ndarray  # [D, n_in] inputs that fired, by step modulo D
    n_sent: np.ndarray  # [D]
    trace: np.ndarray  # [D, n_in] traces of the inputs, by step modulo D
    clock: np.ndarray  # [3] step, how many are awake, how many are recent


@whole
def advance(
    c: Constants,
    w: Synapses,
    s: State,
    step: np.ndarray,
    unit: np.ndarray,
    n_steps: int,
    plastic: bool,
) -> None:
    """Compute ``n_steps`` with input spikes at ``step`` (from now, in order) and ``unit``."""
    at = 0
    for now in range(n_steps):
        n_exc = _excitatory(c, s)
        n_inh = _inhibitory(c, s)
        if plastic:
            _fade(c, s)
        row = s.clock[0] % len(s.n_sent)
        first = at
        while at < len(step) and step[at] == now:
            at += 1
        _send(c, w, s, row, unit[first:at], plastic)
        if len(s.n_sent) > 1 or s.n_sent[row]:
            _arrive(s, row)
        _inhibit(c, s, n_inh)
        for k in range(n_exc):
            _excite_partner(c, s, s.fired[0, k])
            if plastic:
                _learn(c, w, s, row, s.fired[0, k])
        for k in range(n_exc):
            _reset(c, s, s.fired[0, k], plastic)
        s.clock[0] += 1


@part
def _excitatory(c: Constants, s: State) -> int:
    """Integrate and return how many cross their threshold."""
    n, cell, above = len(s.v), c.exc, 0
    v, g_e, g_i, since, theta = s.v, s.g_e, s.g_i, s.since, s.theta
    # Loops over few arrays, which the compiler turns into vector instructions.
    for j in range(n):
        since[j] += 1.0
        flow = cell.rest - v[j] + g_e[j] * (cell.excitatory - v[j])
        flow += g_i[j] * (cell.inhibitory - v[j])
        overshoot = max(1.0, cell.leak * (1.0 + g_e[j] + g_i[j]))
        v[j] += cell.leak * flow / overshoot if since[j] >= cell.refractory else 0.0
        g_e[j] = g_e[j] * c.keep_exc if g_e[j] > _NOTHING else 0.0
        g_i[j] = g_i[j] * c.keep_inh if g_i[j] > _NOTHING else 0.0
    for j in range(n):
        theta[j] *= c.keep_theta
        above += int((v[j] > cell.threshold + theta[j]) & (since[j] >= c.lockout))
    if above:
        above = 0
        for j in range(n):
            if v[j] > cell.threshold + theta[j] and since[j] >= c.lockout:
                s.fired[0, above] = j
                above += 1
    return above


@part
def _inhibitory(c: Constants, s: State) -> int:
    """Integrate those that are awake and return how many cross their threshold."""
    cell, fired, k = c.inh, 0, 0
    while k < s.clock[1]:
        i = s.awake[k]
        since = s.clock[0] - s.inh_since[i]
        free = since >= cell.refractory
        if free:
            flow = cell.rest - s.inh_v[i] + s.inh_g_e[i] * (cell.excitatory - s.inh_v[i])
            s.inh_v[i] += cell.leak * flow
        s.inh_g_e[i] *= c.keep_exc
        if free and s.inh_v[i] > cell.threshold:
            s.fired[1, fired] = i
            fired += 1
        if s.inh_g_e[i] < _FAINT and abs(s.inh_v[i] - cell.rest) < _SETTLED_V:
            s.inh_g_e[i], s.inh_v[i] = 0.0, cell.rest
            s.is_awake[i] = False
            s.clock[1] -= 1
            s.awake[k] = s.awake[s.clock[1]]
        else:
            k += 1
    return fired


@part
def _fade(c: Constants, s: State) -> None:
    """Carry all traces over to this step."""
    trace, keep = s.trace, c.keep_trace
    row = s.clock[0] % len(trace)
    if len(trace) == 1:  # one row in place, which vector instructions can do
        for u in range(trace.shape[1]):
            trace[0, u] = keep * trace[0, u] if trace[0, u] > _NOTHING else 0.0
    else:
        _carry(trace, row, keep)
    post, recent = s.post, s.recent
    for k in range(s.clock[2]):
        post[recent[k]] *= c.keep_post


@whole  # apart for the same reason as `_spread`
def _carry(trace: np.ndarray, row: int, keep: float) -> None:
    """Write a row of traces anew from the row before."""
    for u in range(trace.shape[1]):
        before = trace[row - 1, u]
        trace[row, u] = keep * before if before > _NOTHING else 0.0


@part
def _arrive(s: State, row: int) -> None:
    """Add what is due now to the conductances."""
    for j in range(len(s.g_e)):
        s.g_e[j] += s.calendar[row, j]
        s.calendar[row, j] = 0.0


@part
def _send(c: Constants, w: Synapses, s: State, row: int, units: np.ndarray, plastic: bool) -> None:
    """Spread the spikes of these inputs over their synapses."""
    s.n_sent[row] = len(units)
    for k in range(len(units)):
        s.sent[row, k] = units[k]
    if len(s.n_sent) == 1:
        _add(w, s, units)
    else:
        _spread(w, s, row, units)
    if plastic:
        _mark(c, w, s, row, units)


@part
def _add(w: Synapses, s: State, units: np.ndarray) -> None:
    """Add what spikes are worth now: no synapse has a delay, so that neighbours lie together."""
    weight, calendar = w.weight, s.calendar
    for u in units:
        for j in range(calendar.shape[1]):
            calendar[0, j] += max(weight[u, j], 0.0)


@whole  # inlined, it would keep `_add` from vector instructions
def _spread(w: Synapses, s: State, row: int, units: np.ndarray) -> None:
    """Enter spikes on the calendar, for each synapse when they arrive there."""
    weight, delay, calendar = w.weight, w.delay, s.calendar
    longest = len(calendar)
    for u in units:
        for j in range(calendar.shape[1]):
            due = row + delay[u, j]
            due -= longest if due >= longest else 0
            calendar[due, j] += max(weight[u, j], 0.0)


@part
def _mark(c: Constants, w: Synapses, s: State, row: int, units: np.ndarray) -> None:
    """Let inputs' traces grow, and by the triplet rule their synapses weaken."""
    weight, delay, trace = w.weight, w.delay, s.trace
    recent, post, n_recent = s.recent, s.post, s.clock[2]
    for u in units:
        trace[row, u] = 1.0 + (trace[row, u] if c.rule == POWER else 0.0)
        if c.rule == TRIPLET:
            for k in range(n_recent):
                j = recent[k]
                depression = c.rate_pre * post[j] * c.keep_post ** delay[u, j]
                weight[u, j] = min(weight[u, j] - depression, c.max_weight)


@part
def _inhibit(c: Constants, s: State, n: int) -> None:
    if not n:
        return
    for j in range(len(s.g_i)):
        s.g_i[j] += n * c.weight_inh_exc
    for k in range(n):
        i = s.fired[1, k]
        s.g_i[i] -= c.weight_inh_exc
        s.inh_v[i] = c.inh.reset
        s.inh_since[i] = s.clock[0]
        s.inh_spikes[i] += 1


@part
def _excite_partner(c: Constants, s: State, i: int) -> None:
    s.inh_g_e[i] += c.weight_exc_inh
    if not s.is_awake[i]:
        s.is_awake[i] = True
        s.awake[s.clock[1]] = i
        s.clock[1] += 1


@part
def _learn(c: Constants, w: Synapses, s: State, row: int, j: int) -> None:
    """Change the weights of a neuron that fires, and what they do to spikes on the way."""
    longest = len(s.n_sent)
    if c.rule == TRIPLET:
        _resend(c, w, s, row, j, -s.post[j])
    slow = c.rate_post * math.exp(-s.since[j] * c.decay_slow)
    weights, delay, traces = w.weight, w.delay, s.trace
    for u in range(len(weights)):
        then = row - delay[u, j]
        trace = traces[then if then >= 0 else then + longest, u]
        weight = max(weights[u, j], 0.0)
        if c.rule == TRIPLET:
            weight += slow * trace
        elif weight <= 0.0 and trace <= c.target:
            continue  # most synapses: what cannot grow and is nothing stays nothing
        else:
            room = max(c.max_weight - weight, 0.0) ** c.exponent
            weight += c.rate_post * (trace - c.target) * room
        weights[u, j] = min(max(weight, 0.0), c.max_weight)
    for due in range(longest):
        s.calendar[due, j] = 0.0
    _resend(c, w, s, row, j, 1.0)
    if not s.is_recent[j]:
        s.is_recent[j] = True
        s.recent[s.clock[2]] = j
        s.clock[2] += 1


@part
def _resend(c: Constants, w: Synapses, s: State, row: int, j: int, post: float) -> None:
    """Let spikes on the way to a neuron meet its trace ``post``; a negative one undoes that."""
    longest = len(s.n_sent)
    for age in range(longest - 1, -1, -1):
        then = row - age if row >= age else row - age + longest
        for k in range(s.n_sent[then]):
            u = s.sent[then, k]
            ahead = w.delay[u, j] - age
            if ahead > 0:
                due = row + ahead
                due -= longest if due >= longest else 0
                s.calendar[due, j] += max(w.weight[u, j], 0.0)
                if c.rule == TRIPLET:
                    w.weight[u, j] -= c.rate_pre * post * c.keep_post**ahead


@part
def _reset(c: Constants, s: State, j: int, plastic: bool) -> None:
    s.v[j] = c.exc.reset
    s.since[j] = 0.0
    s.post[j] = 1.0
    s.spikes[j] += 1
    if plastic:
        s.theta[j] += c.theta_plus


@whole
def normalise(c: Constants, w: Synapses, s: State) -> None:
    """Scale the weights of each neuron that may have changed to their constant sum.

    As `biosim.plasticity.normalised`, but in place and for these neurons only: most have not
    fired since the last presentation, and their weights need not be read.
    """
    kept = 0
    for k in range(s.clock[2]):
        j, total, largest = s.recent[k], 0.0, 0.0
        for u in range(len(w.weight)):
            w.weight[u, j] = max(w.weight[u, j], 0.0)
            total += w.weight[u, j]
        for u in range(len(w.weight)):
            w.weight[u, j] *= c.weight_sum / total
            largest = max(largest, w.weight[u, j])
        # The triplet rule goes on to change them while the neuron's trace lasts, and cuts those
        # that are too large now when spikes arrive.
        lasting = s.post[j] > _FAINT or largest > c.max_weight
        s.is_recent[j] = c.rule == TRIPLET and lasting
        if s.is_recent[j]:
            s.recent[kept] = j
            kept += 1
    s.clock[2] = kept
