"""The compiled loops of the event-driven engine: forward and backward through time, by hand.

Arrays are flat, sample-major and padded: ``[B, T, width]`` for what every neuron has in every
step, ``[rows, width]`` for weights, with ``width`` a multiple of 16 that holds the neurons and
zeros behind them. Padded neurons have no input, so they never fire and carry no gradient. An empty
array stands for what there is not.

An input spike costs the row of its weights, forward and backward; a step without spikes costs the
neurons' own dynamics. The backward pass is the adjoint of the step in `gradsim.neurons`, with
``gm`` and ``gs`` the gradients of membrane and current.

A row is worked off in wide vectors, then in narrow ones: each ``for``-``while`` pair below.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from gradsim.kernels.orders import GROUP
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


class _Forward(NamedTuple):
    """Pointers of the forward pass, and which of them point at something."""

    neurons: Neurons
    n_steps: int
    width: int
    in_units: Any
    starts: Any
    has_spikes: bool
    weights: Any
    currents: Any
    has_currents: bool
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
    """Pointers of the backward pass, and which of them point at something."""

    neurons: Neurons
    n_steps: int
    width: int
    trace: Any
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
    gi_now: Any


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


@njit(cache=True, nogil=True)
def lif_forward(
    first,
    last,
    n_steps,
    neurons,
    spikes_in,
    weights,
    currents,
    recurrent,
    mem,
    syn,
    trace,
    fired,
    counts,
    masks,
):
    """Run samples ``first:last``; ``mem`` and ``syn`` go from the initial to the last state.

    ``spikes_in`` with ``weights [in, width]`` and ``currents [B, T, width]`` are inputs;
    ``recurrent`` is ``[from, width]``. Writes ``trace [B, T, width]`` unless it is empty, the
    spikes ``fired`` and their ``counts [B, width]``. ``masks`` is room for ``[T, width]`` bits.
    """
    width = len(neurons.alpha)
    a = _Forward(
        _pointers(neurons),
        n_steps,
        width,
        pointer(spikes_in.units),
        pointer(spikes_in.starts),
        len(spikes_in.starts) > 0,
        pointer(weights),
        pointer(currents),
        len(currents) > 0,
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
    n_fired = first * n_steps * width
    for b in range(first, last):
        put(a.fired_starts, b * (n_steps + 1), n_fired)
        if len(recurrent):
            n_fired = _run_step_by_step(b, n_fired, a)
        else:
            n_fired = _run_block_by_block(b, n_fired, a)


@njit(forceinline=True)
def _run_step_by_step(b, n_fired, a):
    """Run a sample whose neurons need each other's spikes; return the number of spikes so far."""
    wide, narrow = zeros(a.mem, WIDE), zeros(a.mem, NARROW)
    before = after = n_fired
    for t in range(a.n_steps):
        column = 0
        while column + lanes(wide) <= a.width:
            n_fired = _step(wide, column, b, t, before, after, n_fired, a)
            column += lanes(wide)
        while column < a.width:
            n_fired = _step(narrow, column, b, t, before, after, n_fired, a)
            column += lanes(narrow)
        before, after = after, n_fired
        put(a.fired_starts, b * (a.n_steps + 1) + t + 1, n_fired)
    return n_fired


@njit(forceinline=True)
def _step(like, column, b, t, before, after, n_fired, a):
    """Move a block of neurons by one step; return the number of spikes so far."""
    state, row = b * a.width + column, (b * a.n_steps + t) * a.width + column
    total = _gather(
        _input(like, column, b, t, a), a.recurrent, a.width, column, a.fired, before, after
    )
    m, s = load(like, a.mem, state), load(like, a.syn, state)
    u, s_new, mask = _move(total, m, s, _constants(like, column, a.neurons), a.neurons)
    store(a.mem, state, u)
    store(a.syn, state, s_new)
    if a.has_trace:
        store(a.trace, row, m if a.neurons.fire_first else u)
    return _list(mask, column, b, n_fired, a)


@njit(forceinline=True)
def _run_block_by_block(b, n_fired, a):
    """Run a sample whose neurons are independent; return the number of spikes so far."""
    wide, narrow = zeros(a.mem, WIDE), zeros(a.mem, NARROW)
    column = block = 0
    while column + lanes(wide) <= a.width:
        _run_block(wide, column, b, block, a)
        column, block = column + lanes(wide), block + 1
    while column < a.width:
        _run_block(narrow, column, b, block, a)
        column, block = column + lanes(narrow), block + 1
    for t in range(a.n_steps):
        column = block = 0
        while column + lanes(wide) <= a.width:
            n_fired = _list(get(a.masks, block * a.n_steps + t), column, b, n_fired, a)
            column, block = column + lanes(wide), block + 1
        while column < a.width:
            n_fired = _list(get(a.masks, block * a.n_steps + t), column, b, n_fired, a)
            column, block = column + lanes(narrow), block + 1
        put(a.fired_starts, b * (a.n_steps + 1) + t + 1, n_fired)
    return n_fired


@njit(forceinline=True)
def _run_block(like, column, b, block, a):
    """Run a block of neurons of a sample through all steps, its state in registers."""
    state, row = b * a.width + column, b * a.n_steps * a.width + column
    m, s = load(like, a.mem, state), load(like, a.syn, state)
    constants = _constants(like, column, a.neurons)
    for t in range(a.n_steps):
        u, s_new, mask = _move(_input(like, column, b, t, a), m, s, constants, a.neurons)
        if a.has_trace:
            store(a.trace, row, m if a.neurons.fire_first else u)
        put(a.masks, block * a.n_steps + t, mask)
        m, s = u, s_new
        row += a.width
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
def _input(like, column, b, t, a):
    """Return the weighted input of a block of neurons, but for recurrence."""
    total = like
    if a.has_currents:
        total = load(like, a.currents, (b * a.n_steps + t) * a.width + column)
    if a.has_spikes:
        at = b * (a.n_steps + 1) + t
        begin, end = get(a.starts, at), get(a.starts, at + 1)
        total = _gather(total, a.weights, a.width, column, a.in_units, begin, end)
    return total


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
def _list(mask, column, b, n_fired, a):
    """Append the spikes of a mask to the list; return the number of spikes so far."""
    while mask:
        unit = column + lowest_bit(mask)
        put(a.fired, n_fired, unit)
        count = b * a.width + unit
        put(a.counts, count, get(a.counts, count) + 1)
        n_fired += 1
        mask &= mask - np.uint64(1)
    return n_fired


@njit(forceinline=True)
def _gather(total, weights, width, column, rows, begin, end):
    """Return ``total`` plus the rows of the weights that are listed."""
    for k in range(begin, end):
        total = total + load(total, weights, np.int64(get(rows, k)) * width + column)
    return total


@njit(cache=True, nogil=True)
def lif_backward(
    first,
    last,
    n_steps,
    n,
    neurons,
    trace,
    initial,
    derivative,
    source,
    recurrent,
    gm,
    gs,
    gi,
    keep_gi,
    by_unit,
    g_weights,
    fired,
    g_recurrent,
    scratch,
):
    """Carry gradients back through samples ``first:last``; ``first`` is a multiple of `GROUP`.

    ``gm`` and ``gs`` go from the gradients of the last state to those of the initial one, whose
    membranes are ``initial``. ``recurrent`` is ``[out, width]``. ``gi`` receives the gradients of
    the currents: of all samples, ``[B, T, width]``, where ``keep_gi``, else of one group at a
    time. ``g_weights`` and ``g_recurrent``, ``[in, width]``, grow. ``scratch`` is
    ``[2, GROUP, width]``.
    """
    width = len(neurons.alpha)
    a = _Backward(
        _pointers(neurons),
        n_steps,
        width,
        pointer(trace),
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
        pointer(gm),
        pointer(gs),
        pointer(gi),
        pointer(scratch[0]),
        pointer(scratch[1]),
    )
    own, own_gradient, in_gradient = pointer(recurrent), pointer(g_recurrent), pointer(g_weights)
    together = GROUP if len(recurrent) else by_unit.group
    for begin in range(first, last, together):
        end = min(begin + together, last)
        base = begin * n_steps * width if keep_gi else 0
        if len(recurrent):
            _return_step_by_step(begin, end, base, n, own, a)
            _scatter_weights(begin, end, n_steps, width, fired, a.gi, base, 1, own_gradient)
        else:
            _return_block_by_block(begin, end, base, a)
        if len(by_unit.rows):
            for b in range(begin, end, by_unit.group):
                row = base + (b - begin) * n_steps * width
                _gather_weights(b // by_unit.group, width, by_unit, a.gi, row, in_gradient)


@njit(forceinline=True)
def _return_step_by_step(begin, end, base, n, recurrent, a):
    """Carry a group back through time where spikes act on the whole layer."""
    wide, narrow = zeros(a.gm, WIDE), zeros(a.gm, NARROW)
    for t in range(a.n_steps - 1, -1, -1):
        for b in range(begin, end):
            slot, column = (b - begin) * a.width, 0
            while column + lanes(wide) <= a.width:
                store(a.to_spikes, slot + column, _to_spikes(wide, column, b, t, a))
                column += lanes(wide)
            while column < a.width:
                store(a.to_spikes, slot + column, _to_spikes(narrow, column, b, t, a))
                column += lanes(narrow)
        if t < a.n_steps - 1:
            _add_product(n, a.width, a.gi_now, recurrent, a.to_spikes)
        for b in range(begin, end):
            slot, row, column = (
                (b - begin) * a.width,
                base + ((b - begin) * a.n_steps + t) * a.width,
                0,
            )
            while column + lanes(wide) <= a.width:
                _step_back(wide, column, b, t, slot, row, a)
                column += lanes(wide)
            while column < a.width:
                _step_back(narrow, column, b, t, slot, row, a)
                column += lanes(narrow)


@njit(forceinline=True)
def _step_back(like, column, b, t, slot, row, a):
    state = b * a.width + column
    through = load(like, a.to_spikes, slot + column)
    gm, gs, g_current = _move_back(
        load(like, a.gm, state),
        load(like, a.gs, state),
        through,
        column,
        b,
        t,
        _constants(like, column, a.neurons),
        a,
    )
    store(a.gm, state, gm)
    store(a.gs, state, gs)
    store(a.gi, row + column, g_current)
    store(a.gi_now, slot + column, g_current)


@njit(forceinline=True)
def _return_block_by_block(begin, end, base, a):
    """Carry a group of samples of independent neurons back through time."""
    wide, narrow = zeros(a.gm, WIDE), zeros(a.gm, NARROW)
    column = 0
    while column + lanes(wide) <= a.width:
        for b in range(begin, end):
            _return_block(wide, column, b, base + (b - begin) * a.n_steps * a.width, a)
        column += lanes(wide)
    while column < a.width:
        for b in range(begin, end):
            _return_block(narrow, column, b, base + (b - begin) * a.n_steps * a.width, a)
        column += lanes(narrow)


@njit(forceinline=True)
def _return_block(like, column, b, first_row, a):
    state = b * a.width + column
    gm, gs = load(like, a.gm, state), load(like, a.gs, state)
    constants = _constants(like, column, a.neurons)
    for t in range(a.n_steps - 1, -1, -1):
        through = _to_spikes(like, column, b, t, a)
        gm, gs, g_current = _move_back(gm, gs, through, column, b, t, constants, a)
        store(a.gi, first_row + t * a.width + column, g_current)
    store(a.gm, state, gm)
    store(a.gs, state, gs)


@njit(forceinline=True)
def _to_spikes(like, column, b, t, a):
    """Return the gradient of a block's spikes in a step, but for what recurrence adds."""
    total = load(like, a.counts, b * a.width + column) if a.has_counts else like
    step = b * a.n_steps + t
    if a.has_dense:
        total = total + load(like, a.dense, step * a.width + column)
    for k in range(a.n_next):
        g = get(a.next_gi, step * a.next_width + k)
        # Of a maximum over time, the gradient is exactly 0 from the maximum on.
        if g != 0:
            total = fma(splat(like, g), load(like, a.next_weights, k * a.width + column), total)
    return total


@njit(forceinline=True)
def _add_product(n, width, left, right, total):
    """Add ``left [GROUP, n]`` times ``right [n, width]`` to ``total [GROUP, width]``."""
    medium, narrow = zeros(total, MEDIUM), zeros(total, NARROW)
    column = 0
    while column + lanes(medium) <= width:
        _add_product_block(medium, column, n, width, left, right, total)
        column += lanes(medium)
    while column < width:
        _add_product_block(narrow, column, n, width, left, right, total)
        column += lanes(narrow)


@njit(forceinline=True)
def _add_product_block(like, column, n, width, left, right, total):
    """Do so for a block of columns: `GROUP` sums in registers share each load of ``right``."""
    a, b, c, d = _four(like, total, 0, width, column)
    e, f, g, h = _four(like, total, 4, width, column)
    for k in range(n):
        w = load(like, right, k * width + column)
        a = fma(splat(like, get(left, k)), w, a)
        b = fma(splat(like, get(left, width + k)), w, b)
        c = fma(splat(like, get(left, 2 * width + k)), w, c)
        d = fma(splat(like, get(left, 3 * width + k)), w, d)
        e = fma(splat(like, get(left, 4 * width + k)), w, e)
        f = fma(splat(like, get(left, 5 * width + k)), w, f)
        g = fma(splat(like, get(left, 6 * width + k)), w, g)
        h = fma(splat(like, get(left, 7 * width + k)), w, h)
    row = column
    for value in (a, b, c, d, e, f, g, h):
        store(total, row, value)
        row += width


@njit(forceinline=True)
def _four(like, where, row, width, column):
    place = row * width + column
    return (
        load(like, where, place),
        load(like, where, place + width),
        load(like, where, place + 2 * width),
        load(like, where, place + 3 * width),
    )


@njit(forceinline=True)
def _move_back(gm, gs, through_spikes, column, b, t, constants, a):
    """Return the gradients of membrane and current before a step, and that of its input."""
    alpha, beta, gain, fire_above = constants
    neurons, row = a.neurons, (b * a.n_steps + t) * a.width + column
    m = load(gm, a.trace, row)
    if neurons.slope >= 0:
        d = fma(splat(m, neurons.slope), absolute(m - splat(m, neurons.threshold)), splat(m, 1.0))
        through = divide(through_spikes, d * d)
    else:
        through = load(m, a.derivative, row) * through_spikes
    if neurons.fire_first:
        u = _before_reset(gm, m, fire_above, neurons)
        return fma(beta, u, through), fma(alpha, gs, gain * u), gs
    previous = load(m, a.trace, row - a.width) if t else load(m, a.initial, b * a.width + column)
    u = _before_reset(gm + through, previous, fire_above, neurons)
    g_current = fma(gain, u, gs)
    return beta * u, alpha * g_current, g_current


@njit(forceinline=True)
def _before_reset(g, m, fire_above, neurons):
    """Return the gradient before a reset from that behind it, ``m`` the membrane that fired."""
    return choose(above(m, fire_above), g * splat(m, neurons.keep), g)


@njit(forceinline=True)
def _gather_weights(group, width, by_unit, gi, base, g_weights):
    """Add a group's gradient to the weights: for each unit the sum over its spikes."""
    wide, narrow = zeros(gi, WIDE), zeros(gi, NARROW)
    rows, starts, units = pointer(by_unit.rows), pointer(by_unit.starts), pointer(by_unit.units)
    begin, end = by_unit.entries[group], by_unit.entries[group + 1]
    column = 0
    while column + lanes(wide) <= width:
        _gather_columns(wide, column, begin, end, width, rows, starts, units, gi, base, g_weights)
        column += lanes(wide)
    while column < width:
        _gather_columns(narrow, column, begin, end, width, rows, starts, units, gi, base, g_weights)
        column += lanes(narrow)


@njit(forceinline=True)
def _gather_columns(like, column, begin, end, width, rows, starts, units, gi, base, g_weights):
    for k in range(begin, end):
        place = np.int64(get(units, k)) * width + column
        total = load(like, g_weights, place)
        total = _gather(total, gi, width, base + column, rows, get(starts, k), get(starts, k + 1))
        store(g_weights, place, total)


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


@njit(cache=True, nogil=True)
def scatter_weights(first, last, n_steps, width, fired, gi, g_weights):
    """Add ``gi [B, T, width]`` to the weights ``[in, width]`` of each sample's spikes."""
    base = first * n_steps * width
    _scatter_weights(first, last, n_steps, width, fired, pointer(gi), base, 0, pointer(g_weights))


@njit(cache=True, nogil=True)
def li_forward(first, last, n_steps, neurons, spikes_in, weights, recorded):
    """Run integrators from rest; ``recorded [B, T + 1, width]``, its row 0 the state at rest."""
    width, cells = len(neurons.alpha), _pointers(neurons)
    out, rows = pointer(recorded), pointer(weights)
    units, starts = pointer(spikes_in.units), pointer(spikes_in.starts)
    narrow = zeros(out, NARROW)
    for b in range(first, last):
        for column in range(0, width, lanes(narrow)):
            alpha, beta = load(narrow, cells.alpha, column), load(narrow, cells.beta, column)
            gain = load(narrow, cells.gain, column)
            m = s = narrow
            place = b * (n_steps + 1) * width + column
            store(out, place, m)
            for t in range(n_steps):
                at = b * (n_steps + 1) + t
                begin, end = get(starts, at), get(starts, at + 1)
                s_new = fma(alpha, s, _gather(narrow, rows, width, column, units, begin, end))
                m = fma(beta, m, gain * (s if cells.fire_first else s_new))
                s = s_new
                place += width
                store(out, place, m)


@njit(cache=True, nogil=True)
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
