"""The compiled loops of the event-driven engine: forward and backward through time, by hand.

Arrays are flat, sample-major and padded: ``[B, T, width]`` for what every neuron has in every
step, ``[rows, width]`` for weights, with ``width`` a multiple of 16 that holds the neurons and
zeros behind them. Padded neurons have no input, so they never fire and carry no gradient. An empty
array stands for what there is not.

An input spike costs the row of its weights, forward and backward; a step without spikes costs the
neurons' own dynamics. The backward pass is the adjoint of the step in `gradsim.neurons`, with
``gm`` and ``gs`` the gradients of membrane and current. Functions that ``_return`` go back through
time and carry gradients; those that ``_run``, ``_move`` or ``_replay`` go forward; ``g_x`` is the
gradient of ``x``, and ``gi`` that of the currents that weights let flow into a layer.

A row is worked off in wide vectors, then in narrow ones: each ``for``-``while`` pair below.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from gradsim.kernels.jit import compiled
from gradsim.kernels.orders import GROUP, Sums
from gradsim.kernels.simd import (
    MEDIUM,
    NARROW,
    WIDE,
    above,
    absolute,
    choose,
    divide,
    fma,
    get,
    lanes,
    load,
    lowest_bit,
    pointer,
    put,
    splat,
    store,
    zeros,
)


class Neurons(NamedTuple):
    """Constants of a layer: ``[width]`` arrays, then numbers of the same type.

    ``keep`` and ``drop`` make a reset of ``u`` to ``keep u - drop``. ``slope`` is that of the
    fast sigmoid; negative where the derivative is given as an array.
    """

    alpha: Any
    beta: Any
    gain: Any
    threshold: float
    fire_above: float
    keep: float
    drop: float
    slope: float
    fire_first: bool


class Source(NamedTuple):
    """Where the gradient of a layer's spikes comes from.

    ``gi [B, T, next_width]`` of the next layer's currents through ``weights [next, width]``,
    ``dense [B, T, width]`` as it is, and ``counts [B, width]``, the same in all steps.
    """

    gi: np.ndarray
    weights: np.ndarray
    next_width: int
    dense: np.ndarray
    counts: np.ndarray


class Inputs(NamedTuple):
    """Input of a layer: ``spikes`` through ``weights [in, width]``, or ``currents [B, T, width]``.

    Spikes come by step, or as ``sums``; see `gradsim.kernels.orders`.
    """

    units: Any
    starts: Any
    sums: Any
    weights: Any
    currents: Any


class Workspace(NamedTuple):
    """What the backward pass of a layer writes to; see `lif_backward`.

    ``gm`` and ``gs`` are ``[B, width]``, ``gi`` is ``[B, T, width]`` where ``keep_gi``, else of one
    group of samples; ``scratch`` is ``[GROUP, width]``, ``replayed`` room for a wide block of
    neurons through all steps.
    """

    gm: np.ndarray
    gs: np.ndarray
    gi: np.ndarray
    keep_gi: bool
    scratch: np.ndarray
    replayed: np.ndarray


class _Layer(NamedTuple):
    """Pointers to what a layer is made of and gets; ``currents`` begin at sample ``first``."""

    neurons: Neurons
    inputs: Inputs
    has_currents: bool
    first: int
    n_steps: int
    width: int


class _Forward(NamedTuple):
    """Pointers to what the forward pass reads and writes."""

    recurrent: Any
    mem: Any
    syn: Any
    trace: Any
    has_trace: bool
    fired: Any
    fired_starts: Any
    counts: Any
    masks: Any


class _Backward(NamedTuple):
    """Pointers to what the backward pass reads and writes, and which point at something."""

    trace: Any
    has_trace: bool
    initial: Any
    derivative: Any
    next_gi: Any
    next_weights: Any
    n_next: int
    next_width: int
    dense: Any
    has_dense: bool
    counts: Any
    has_counts: bool
    gm: Any
    gs: Any
    gi: Any
    to_spikes: Any
    replayed: Any


@njit(forceinline=True)
def _pointers(neurons):
    return Neurons(
        pointer(neurons.alpha),
        pointer(neurons.beta),
        pointer(neurons.gain),
        neurons.threshold,
        neurons.fire_above,
        neurons.keep,
        neurons.drop,
        neurons.slope,
        neurons.fire_first,
    )


@njit(forceinline=True)
def _terms(sums):
    return Sums(
        pointer(sums.rows),
        pointer(sums.starts),
        pointer(sums.targets),
        pointer(sums.entries),
        sums.group,
    )


@njit(forceinline=True)
def _layer(neurons, inputs, currents, has_currents, first, n_steps):
    return _Layer(
        _pointers(neurons),
        Inputs(
            pointer(inputs.units),
            pointer(inputs.starts),
            _terms(inputs.sums),
            pointer(inputs.weights),
            currents,
        ),
        has_currents,
        first,
        n_steps,
        len(neurons.alpha),
    )


@compiled()
def lif_forward(
    first,
    last,
    n_steps,
    neurons,
    inputs,
    recurrent,
    mem,
    syn,
    trace,
    fired,
    counts,
    masks,
    scratch,
):
    """Run samples ``first:last``; ``mem`` and ``syn`` go from the initial to the last state.

    ``recurrent`` is ``[from, width]``. Writes ``trace [B, T, width]`` unless it is empty, the
    spikes ``fired`` and their ``counts [B, width]``. ``masks`` is room for ``[T, width]`` bits,
    ``scratch`` for ``[GROUP, T, width]`` currents where ``inputs`` come as sums.
    """
    a = _Forward(
        pointer(recurrent),
        pointer(mem),
        pointer(syn),
        pointer(trace),
        len(trace) > 0,
        pointer(fired.units),
        pointer(fired.starts),
        pointer(counts),
        pointer(masks),
    )
    has_currents, is_recurrent = len(inputs.currents) > 0, len(recurrent) > 0
    given, gathered = pointer(inputs.currents), pointer(scratch)
    n_fired = first * n_steps * len(neurons.alpha)
    for begin in range(first, last, GROUP):
        end = min(begin + GROUP, last)
        layer = _layer(neurons, inputs, given, has_currents, 0, n_steps)
        if len(inputs.sums.entries) > 0:
            layer = _layer(neurons, inputs, gathered, True, begin, n_steps)
            _gather_currents(begin, end, layer)
        for b in range(begin, end):
            put(a.fired_starts, b * (n_steps + 1), n_fired)
            if is_recurrent:
                n_fired = _run_step_by_step(b, n_fired, layer, a)
            else:
                n_fired = _run_block_by_block(b, n_fired, layer, a)


@njit(forceinline=True)
def _gather_currents(begin, end, layer):
    """Weight the spikes of a group, chunk by chunk: a chunk's rows of weights stay in the cache."""
    inputs, width = layer.inputs, layer.width
    wide, narrow = zeros(inputs.weights, WIDE), zeros(inputs.weights, NARROW)
    for place in range(0, (end - begin) * layer.n_steps * width, lanes(narrow)):
        store(inputs.currents, place, narrow)
    group = begin // GROUP
    column = 0
    while column + lanes(wide) <= width:
        _add_sums(wide, column, width, inputs.sums, group, inputs.weights, 0, inputs.currents)
        column += lanes(wide)
    while column < width:
        _add_sums(narrow, column, width, inputs.sums, group, inputs.weights, 0, inputs.currents)
        column += lanes(narrow)


@njit(forceinline=True)
def _add_sums(like, column, width, sums, group, terms, shift, to):
    """Add a group's sums of rows of ``terms``, which begin at ``shift``, to those of ``to``."""
    for k in range(get(sums.entries, group), get(sums.entries, group + 1)):
        place = np.int64(get(sums.targets, k)) * width + column
        begin, end = get(sums.starts, k), get(sums.starts, k + 1)
        # Two sums at once, since an addition takes longer than a narrow load.
        even, odd = load(like, to, place), like
        for j in range(begin, end - 1, 2):
            even = _gather(even, terms, width, shift + column, sums.rows, j, j + 1)
            odd = _gather(odd, terms, width, shift + column, sums.rows, j + 1, j + 2)
        if (end - begin) & 1:
            even = _gather(even, terms, width, shift + column, sums.rows, end - 1, end)
        store(to, place, even + odd)


@njit(forceinline=True)
def _run_step_by_step(b, n_fired, layer, a):
    """Run a sample whose neurons need each other's spikes; return the number of spikes so far."""
    wide, narrow = zeros(a.mem, WIDE), zeros(a.mem, NARROW)
    before = after = n_fired
    for t in range(layer.n_steps):
        column = 0
        while column + lanes(wide) <= layer.width:
            n_fired = _step(wide, column, b, t, before, after, n_fired, layer, a)
            column += lanes(wide)
        while column < layer.width:
            n_fired = _step(narrow, column, b, t, before, after, n_fired, layer, a)
            column += lanes(narrow)
        before, after = after, n_fired
        put(a.fired_starts, b * (layer.n_steps + 1) + t + 1, n_fired)
    return n_fired


@njit(forceinline=True)
def _step(like, column, b, t, before, after, n_fired, layer, a):
    """Move a block of neurons by one step; return the number of spikes so far."""
    width, neurons = layer.width, layer.neurons
    state = b * width + column
    total = _input(like, column, b, t, layer)
    total = _gather(total, a.recurrent, width, column, a.fired, before, after)
    m, s = load(like, a.mem, state), load(like, a.syn, state)
    u, s_new, mask = _move(total, m, s, _constants(like, column, neurons), neurons)
    store(a.mem, state, u)
    store(a.syn, state, s_new)
    if a.has_trace:
        row = (b * layer.n_steps + t) * width + column
        store(a.trace, row, m if neurons.fire_first else u)
    return _list(mask, column, b * width, n_fired, a)


@njit(forceinline=True)
def _run_block_by_block(b, n_fired, layer, a):
    """Run a sample whose neurons are independent; return the number of spikes so far."""
    wide, narrow = zeros(a.mem, WIDE), zeros(a.mem, NARROW)
    n_steps, width = layer.n_steps, layer.width
    column = mask = 0
    while column + lanes(wide) <= width:
        _run_block(wide, column, b, mask, layer, a)
        column, mask = column + lanes(wide), mask + n_steps
    while column < width:
        _run_block(narrow, column, b, mask, layer, a)
        column, mask = column + lanes(narrow), mask + n_steps
    for t in range(n_steps):
        column, mask = 0, t
        while column + lanes(wide) <= width:
            n_fired = _list(get(a.masks, mask), column, b * width, n_fired, a)
            column, mask = column + lanes(wide), mask + n_steps
        while column < width:
            n_fired = _list(get(a.masks, mask), column, b * width, n_fired, a)
            column, mask = column + lanes(narrow), mask + n_steps
        put(a.fired_starts, b * (n_steps + 1) + t + 1, n_fired)
    return n_fired


@njit(forceinline=True)
def _run_block(like, column, b, mask_row, layer, a):
    """Run a block of neurons of a sample through all steps, its state in registers."""
    neurons, state = layer.neurons, b * layer.width + column
    row = b * layer.n_steps * layer.width + column
    m, s = load(like, a.mem, state), load(like, a.syn, state)
    constants = _constants(like, column, neurons)
    for t in range(layer.n_steps):
        u, s_new, mask = _move(_input(like, column, b, t, layer), m, s, constants, neurons)
        if a.has_trace:
            store(a.trace, row, m if neurons.fire_first else u)
        put(a.masks, mask_row + t, mask)
        m, s = u, s_new
        row += layer.width
    store(a.mem, state, m)
    store(a.syn, state, s)


@njit(forceinline=True)
def _constants(like, column, neurons):
    return (
        load(like, neurons.alpha, column),
        load(like, neurons.beta, column),
        load(like, neurons.gain, column),
        splat(like, neurons.fire_above),
    )


@njit(forceinline=True)
def _input(like, column, b, t, layer):
    """Return the weighted input of a block of neurons, but for recurrence."""
    inputs, width = layer.inputs, layer.width
    if layer.has_currents:
        row = ((b - layer.first) * layer.n_steps + t) * width
        return load(like, inputs.currents, row + column)
    at = b * (layer.n_steps + 1) + t
    begin, end = get(inputs.starts, at), get(inputs.starts, at + 1)
    return _gather(like, inputs.weights, width, column, inputs.units, begin, end)


@njit(forceinline=True)
def _move(total, m, s, constants, neurons):
    """Return membrane and current after a step, and the mask of the neurons that fire in it."""
    alpha, beta, gain, fire_above = constants
    s_new = fma(alpha, s, total)
    drive = s if neurons.fire_first else s_new
    u = fma(beta, m, gain * drive)
    resets = above(m, fire_above)
    u = choose(resets, fma(splat(u, neurons.keep), u, splat(u, -neurons.drop)), u)
    return u, s_new, resets if neurons.fire_first else above(u, fire_above)


@njit(forceinline=True)
def _list(mask, column, state, n_fired, a):
    """Append the spikes of a mask to the list; return the number of spikes so far."""
    while mask:
        unit = column + lowest_bit(mask)
        put(a.fired, n_fired, unit)
        put(a.counts, state + unit, get(a.counts, state + unit) + 1)
        n_fired += 1
        mask &= mask - np.uint64(1)
    return n_fired


@njit(forceinline=True)
def _gather(total, weights, width, column, rows, begin, end):
    """Return ``total`` plus the rows of the weights that are listed."""
    for k in range(begin, end):
        total = total + load(total, weights, np.int64(get(rows, k)) * width + column)
    return total


@compiled()
def lif_backward(
    first,
    last,
    n_steps,
    n,
    neurons,
    inputs,
    trace,
    initial,
    derivative,
    source,
    recurrent,
    by_unit,
    g_weights,
    fired,
    g_recurrent,
    work,
):
    """Carry gradients back through samples ``first:last``; ``first`` is a multiple of `GROUP`.

    In ``work``, ``gm`` and ``gs`` go from the gradients of the last state to those of the initial
    one, whose membranes are ``initial``, and ``gi`` receives the gradients of the currents. Without
    a ``trace``, ``inputs`` are run again from rest. ``recurrent`` is ``[out, width]``.
    ``g_weights`` and ``g_recurrent``, ``[in, width]``, grow.
    """
    width = len(neurons.alpha)
    layer = _layer(neurons, inputs, pointer(inputs.currents), len(inputs.currents) > 0, 0, n_steps)
    a = _Backward(
        pointer(trace),
        len(trace) > 0,
        pointer(initial),
        pointer(derivative),
        pointer(source.gi),
        pointer(source.weights),
        len(source.weights) // width,
        source.next_width,
        pointer(source.dense),
        len(source.dense) > 0,
        pointer(source.counts),
        len(source.counts) > 0,
        pointer(work.gm),
        pointer(work.gs),
        pointer(work.gi),
        pointer(work.scratch),
        pointer(work.replayed),
    )
    wide, narrow = zeros(a.gm, WIDE), zeros(a.gm, NARROW)
    to = pointer(g_weights)
    if len(recurrent):
        own, g_own = pointer(recurrent), pointer(g_recurrent)
        for begin in range(first, last, GROUP):
            end = min(begin + GROUP, last)
            base = begin * n_steps * width if work.keep_gi else 0
            _return_group(begin, end, base, n, own, layer, a)
            _scatter_weights(begin, end, n_steps, width, fired, a.gi, base, 1, g_own)
            column = 0
            while column + lanes(wide) <= width:
                _gather_weights(wide, column, begin, end, n_steps, width, by_unit, a.gi, base, to)
                column += lanes(wide)
            while column < width:
                _gather_weights(narrow, column, begin, end, n_steps, width, by_unit, a.gi, base, to)
                column += lanes(narrow)
    else:
        for begin in range(first, last, by_unit.group):
            end = min(begin + by_unit.group, last)
            base = begin * n_steps * width if work.keep_gi else 0
            column = 0
            while column + lanes(wide) <= width:
                _return_columns(wide, column, begin, end, base, by_unit, to, layer, a)
                column += lanes(wide)
            while column < width:
                _return_columns(narrow, column, begin, end, base, by_unit, to, layer, a)
                column += lanes(narrow)


@njit(forceinline=True)
def _return_columns(like, column, begin, end, base, by_unit, g_weights, layer, a):
    """Carry a block of independent neurons of some samples back through time."""
    n_steps, width = layer.n_steps, layer.width
    for b in range(begin, end):
        _return_block(like, column, b, base + (b - begin) * n_steps * width, layer, a)
    _gather_weights(like, column, begin, end, n_steps, width, by_unit, a.gi, base, g_weights)


@njit(forceinline=True)
def _return_block(like, column, b, gi_row, layer, a):
    """Carry a block of a sample back through all steps, its gradients in registers."""
    neurons, width, state = layer.neurons, layer.width, b * layer.width + column
    gm, gs = load(like, a.gm, state), load(like, a.gs, state)
    constants = _constants(like, column, neurons)
    before = load(like, a.initial, state)
    if a.has_trace:
        trace, row, stride = a.trace, b * layer.n_steps * width + column, width
    else:
        trace, row, stride = a.replayed, 0, lanes(like)
        _replay(like, column, b, constants, layer, a)
    for t in range(layer.n_steps - 1, -1, -1):
        m = load(like, trace, row + t * stride)
        previous = load(like, trace, row + (t - 1) * stride) if t else before
        through = _through_spike(like, column, b, t, m, layer, a)
        gm, gs, g_current = _move_back(gm, gs, through, m, previous, constants, neurons)
        store(a.gi, gi_row + t * width + column, g_current)
    store(a.gm, state, gm)
    store(a.gs, state, gs)


@njit(forceinline=True)
def _replay(like, column, b, constants, layer, a):
    """Run a block of a sample again from rest, and keep its membranes."""
    m = s = like
    for t in range(layer.n_steps):
        total = _input(like, column, b, t, layer)
        u, s, _ = _move(total, m, s, constants, layer.neurons)
        store(a.replayed, t * lanes(like), m if layer.neurons.fire_first else u)
        m = u


@njit(forceinline=True)
def _return_group(begin, end, base, n, recurrent, layer, a):
    """Carry a group back through time where spikes act on the whole layer."""
    medium, narrow = zeros(a.gm, MEDIUM), zeros(a.gm, NARROW)
    for t in range(layer.n_steps - 1, -1, -1):
        column = 0
        while column + lanes(medium) <= layer.width:
            _return_tile(medium, column, t, begin, end, base, n, recurrent, layer, a)
            column += lanes(medium)
        while column < layer.width:
            _return_tile(narrow, column, t, begin, end, base, n, recurrent, layer, a)
            column += lanes(narrow)


@njit(forceinline=True)
def _return_tile(like, column, t, begin, end, base, n, recurrent, layer, a):
    """Carry a block of a group's neurons back by a step, while their gradients are at hand."""
    n_steps, width, neurons = layer.n_steps, layer.width, layer.neurons
    to_spikes = (like, like, like, like, like, like, like, like)
    if t < n_steps - 1:
        rows = _rows_of_group(base + (t + 1) * width, n_steps * width, end - begin)
        to_spikes = _add_product(to_spikes, n, a.gi, rows, recurrent, width, column)
    at, stride = (begin * n_steps + t) * a.next_width, n_steps * a.next_width
    rows = _rows_of_group(at, stride, end - begin)
    to_spikes = _add_product(to_spikes, a.n_next, a.next_gi, rows, a.next_weights, width, column)
    slot = 0
    for value in to_spikes:
        store(a.to_spikes, slot, value)
        slot += lanes(like)
    constants = _constants(like, column, neurons)
    for b in range(begin, end):
        state, row = b * width + column, (b * n_steps + t) * width + column
        m = load(like, a.trace, row)
        previous = load(like, a.trace, row - width) if t else load(like, a.initial, state)
        through = load(like, a.to_spikes, (b - begin) * lanes(like))
        through = through + _from_counts(like, column, b, t, layer, a)
        gm, gs, g_current = _move_back(
            load(like, a.gm, state),
            load(like, a.gs, state),
            _derived(through, row, m, neurons, a),
            m,
            previous,
            constants,
            neurons,
        )
        store(a.gm, state, gm)
        store(a.gs, state, gs)
        store(a.gi, base + ((b - begin) * n_steps + t) * width + column, g_current)


@njit(forceinline=True)
def _rows_of_group(first, stride, n):
    """Return where the rows of a group begin; those that a last, smaller one lacks are its last."""
    last = n - 1
    return (
        first,
        first + min(1, last) * stride,
        first + min(2, last) * stride,
        first + min(3, last) * stride,
        first + min(4, last) * stride,
        first + min(5, last) * stride,
        first + min(6, last) * stride,
        first + min(7, last) * stride,
    )


@njit(forceinline=True)
def _add_product(total, n, left, rows, right, width, column):
    """Add ``left [GROUP, n]``, of these rows, times a block of columns of ``right [n, width]``.

    `GROUP` sums in registers share each load of ``right``.
    """
    a, b, c, d, e, f, g, h = total
    p, q, r, s, t, u, v, w = rows
    for k in range(n):
        x = load(a, right, k * width + column)
        a = fma(splat(x, get(left, p + k)), x, a)
        b = fma(splat(x, get(left, q + k)), x, b)
        c = fma(splat(x, get(left, r + k)), x, c)
        d = fma(splat(x, get(left, s + k)), x, d)
        e = fma(splat(x, get(left, t + k)), x, e)
        f = fma(splat(x, get(left, u + k)), x, f)
        g = fma(splat(x, get(left, v + k)), x, g)
        h = fma(splat(x, get(left, w + k)), x, h)
    return a, b, c, d, e, f, g, h


@njit(forceinline=True)
def _from_counts(like, column, b, t, layer, a):
    """Return the gradient of a block's spikes in a step from their number, or as it is given."""
    total = load(like, a.counts, b * layer.width + column) if a.has_counts else like
    if a.has_dense:
        row = (b * layer.n_steps + t) * layer.width
        total = total + load(like, a.dense, row + column)
    return total


@njit(forceinline=True)
def _add_next(total, column, b, t, layer, a):
    """Add the gradient of a block's spikes that comes through the weights of the next layer."""
    row = (b * layer.n_steps + t) * a.next_width
    for k in range(a.n_next):
        g = get(a.next_gi, row + k)
        # Of a maximum over time, the gradient is exactly 0 from the maximum on.
        if g != 0:
            w = load(total, a.next_weights, k * layer.width + column)
            total = fma(splat(total, g), w, total)
    return total


@njit(forceinline=True)
def _through_spike(like, column, b, t, m, layer, a):
    row = (b * layer.n_steps + t) * layer.width + column
    to_spikes = _add_next(_from_counts(like, column, b, t, layer, a), column, b, t, layer, a)
    return _derived(to_spikes, row, m, layer.neurons, a)


@njit(forceinline=True)
def _derived(to_spikes, row, m, neurons, a):
    """Return the gradient of the membrane through the spike, by the surrogate derivative."""
    if neurons.slope >= 0:
        d = fma(splat(m, neurons.slope), absolute(m - splat(m, neurons.threshold)), splat(m, 1.0))
        # Beyond the limit the derivative is as good as 0, and the square would overflow.
        limit = splat(m, 1e18)
        d = choose(above(d, limit), limit, d)
        return divide(to_spikes, d * d)
    return load(m, a.derivative, row) * to_spikes


@njit(forceinline=True)
def _move_back(gm, gs, through, m, previous, constants, neurons):
    """Return the gradients of membrane and current before a step, and that of its input."""
    alpha, beta, gain, fire_above = constants
    if neurons.fire_first:
        u = _before_reset(gm, m, fire_above, neurons)
        return fma(beta, u, through), fma(alpha, gs, gain * u), gs
    u = _before_reset(gm + through, previous, fire_above, neurons)
    g_current = fma(gain, u, gs)
    return beta * u, alpha * g_current, g_current


@njit(forceinline=True)
def _before_reset(g, m, fire_above, neurons):
    """Return the gradient before a reset from that behind it, ``m`` the membrane that fired."""
    return choose(above(m, fire_above), g * splat(m, neurons.keep), g)


@njit(forceinline=True)
def _gather_weights(like, column, begin, end, n_steps, width, by_unit, gi, base, g_weights):
    """Add the gradient of some samples to the weights: for each unit the sum over its spikes."""
    if len(by_unit.entries) == 0:
        return
    sums = _terms(by_unit)
    for b in range(begin, end, sums.group):
        row = base + (b - begin) * n_steps * width
        _add_sums(like, column, width, sums, b // sums.group, gi, row, g_weights)


@njit(forceinline=True)
def _scatter_weights(begin, end, n_steps, width, fired, gi, base, shift, g_weights):
    """Add the gradient of currents in step ``t + shift`` to the weights of spikes in step t."""
    narrow = zeros(gi, NARROW)
    units, starts = pointer(fired.units), pointer(fired.starts)
    for b in range(begin, end):
        for t in range(n_steps - shift):
            row = base + ((b - begin) * n_steps + t + shift) * width
            at = b * (n_steps + 1) + t
            for k in range(get(starts, at), get(starts, at + 1)):
                place = np.int64(get(units, k)) * width
                for column in range(0, width, lanes(narrow)):
                    total = load(narrow, g_weights, place + column)
                    store(g_weights, place + column, total + load(narrow, gi, row + column))


@compiled()
def scatter_weights(first, last, n_steps, width, fired, gi, g_weights):
    """Add ``gi [B, T, width]`` to the weights ``[in, width]`` of each sample's spikes."""
    base = first * n_steps * width
    _scatter_weights(first, last, n_steps, width, fired, pointer(gi), base, 0, pointer(g_weights))


@compiled()
def li_forward(first, last, n_steps, neurons, inputs, recorded, peak, peak_step):
    """Run integrators from rest.

    Writes ``recorded [B, T + 1, width]``, row 0 the state at rest, and ``peak [B, width]``, the
    largest value of each, with the row ``peak_step`` of its first time; row 0 counts where the
    neurons fire first.
    """
    layer = _layer(neurons, inputs, pointer(inputs.currents), False, 0, n_steps)
    width, cells = layer.width, layer.neurons
    out, highest, row_of = pointer(recorded), pointer(peak), pointer(peak_step)
    narrow = zeros(out, NARROW)
    for b in range(first, last):
        for column in range(0, width, lanes(narrow)):
            alpha, beta, gain, _ = _constants(narrow, column, cells)
            m = s = when = narrow
            best = narrow if cells.fire_first else splat(narrow, -np.inf)
            place = b * (n_steps + 1) * width + column
            store(out, place, m)
            for t in range(n_steps):
                s_new = fma(alpha, s, _input(narrow, column, b, t, layer))
                m = fma(beta, m, gain * (s if cells.fire_first else s_new))
                s = s_new
                higher = above(m, best)
                best, when = choose(higher, m, best), choose(higher, splat(m, t + 1), when)
                place += width
                store(out, place, m)
            store(highest, b * width + column, best)
            store(row_of, b * width + column, when)


@compiled()
def li_backward(first, last, n_steps, neurons, gradient, gi):
    """Turn ``gradient [B, T + 1, width]`` of what was recorded into that of the currents."""
    width, cells = len(neurons.alpha), _pointers(neurons)
    g_recorded, out = pointer(gradient), pointer(gi)
    narrow = zeros(out, NARROW)
    for b in range(first, last):
        for column in range(0, width, lanes(narrow)):
            alpha, beta = load(narrow, cells.alpha, column), load(narrow, cells.beta, column)
            gain = load(narrow, cells.gain, column)
            gm = gs = narrow
            for t in range(n_steps - 1, -1, -1):
                gm = gm + load(narrow, g_recorded, (b * (n_steps + 1) + t + 1) * width + column)
                g_current = gs if cells.fire_first else fma(gain, gm, gs)
                gs = fma(alpha, gs, gain * gm) if cells.fire_first else alpha * g_current
                gm = beta * gm
                store(out, (b * n_steps + t) * width + column, g_current)
