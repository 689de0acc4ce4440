"""A spiking LSTM as it is told: neurons that look at one number in each tick, in Python."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple


class Found(NamedTuple):
    """Of each step: signed hidden counts, cells by channel, readouts; of all steps the spikes."""

    hidden: list[list[int]]
    cell: list[list[tuple[int, int]]]
    readout: list[list[int]]
    spikes: Counter


class Integrator:
    """An integrate-and-fire neuron that is reset by subtraction."""

    def __init__(self, potential: int, threshold: int) -> None:
        self.potential, self.threshold = potential, threshold

    def fires(self) -> bool:
        if self.potential < self.threshold:
            return False
        self.potential -= self.threshold
        return True


def thresholds(window: int) -> list[int]:
    """Return the threshold of each tick: 1..K, in the order of a number's bits read backwards."""
    n_bits = 1
    while 2**n_bits < window:
        n_bits += 1

    def backwards(tick: int) -> int:
        return sum((tick >> bit & 1) << (n_bits - 1 - bit) for bit in range(n_bits))

    order = sorted(range(window), key=backwards)
    return [1 + order.index(tick) for tick in range(window)]


def show(weights, counts, unit, window, lines=4, late=0, exact=False) -> Found:
    """Show one sequence of signed counts ``[T][n_in]``; weights are lists of integers."""
    w_in, w_rec, bias, w_out, b_out = weights
    n, levels = len(w_rec[0]), thresholds(window)
    cells, hidden = [(0, 0)] * n, [0] * n
    sent = [0] * n  # by hidden units since gates were released
    found, spikes = Found([], [], [], Counter()), Counter()
    for arriving in counts:
        if any(arriving):
            drive = [
                window * bias[p]
                + sum(w * x for w, x in zip(w_in[p], arriving, strict=True))
                + sum(w * x for w, x in zip(w_rec[p], sent, strict=True))
                for p in range(4 * n)
            ]
            ran = [
                _cell(drive[j::n], cells[j], levels, unit, lines, late, exact, spikes)
                for j in range(n)
            ]
            hidden = sent = [one[0] for one in ran]
            cells = [one[1] for one in ran]
            spikes["inputs"] += sum(map(abs, arriving))
            spikes["hiddens"] += sum(map(abs, hidden))
        found.hidden.append(hidden)
        found.cell.append(cells)
        found.readout.append(
            [
                window * b + sum(w * x for w, x in zip(row, hidden, strict=True))
                for row, b in zip(w_out, b_out, strict=True)
            ]
        )
    return found._replace(spikes=spikes)


def _cell(drive, cell, levels, unit, lines, late, exact, spikes):
    """Return what a hidden unit sends and its cell's next state."""
    window = len(levels)
    admit, keep, emit = (Integrator(u + 2 * unit * (window + 1), 4 * unit) for u in drive[:3])
    opened, candidate, parts = [0, 0], [0, 0], [[0, 0], [0, 0]]
    for tick, level in enumerate(levels):
        is_open = [tick >= late and gate.fires() for gate in (keep, admit)]
        opened = [a + b for a, b in zip(opened, is_open, strict=True)]
        for channel, u in enumerate((drive[3], -drive[3])):
            spiked = u / unit + 0.5 >= level
            candidate[channel] += spiked
            bursts = sum(cell[channel] - line * window >= level for line in range(lines))
            spikes["cells"] += bursts
            parts[0][channel] += bursts * is_open[0]
            parts[1][channel] += spiked * is_open[1]
    if exact:
        parts = [
            [_rounded(opened[k] * values[channel], window) for channel in (0, 1)]
            for k, values in enumerate((cell, candidate))
        ]
    spikes["gates"] += sum(opened)
    spikes["candidates"] += sum(candidate)
    spikes["products"] += sum(parts[0]) + sum(parts[1])
    value = parts[0][0] + parts[1][0] - parts[0][1] - parts[1][1]
    value = max(-lines * window, min(value, lines * window))
    after = (max(value, 0), max(-value, 0))
    n_open, met = 0, 0
    for tick, level in enumerate(levels):
        is_open = tick >= late and emit.fires()
        n_open += is_open
        spikes["cells"] += abs(value) >= level
        met += is_open and abs(value) >= level
    spikes["gates"] += n_open
    if exact:
        met = _rounded(n_open * min(abs(value), window), window)
    return (met if value >= 0 else -met), after


def _rounded(product: int, window: int) -> int:
    whole, rest = divmod(product, window)
    return whole + (2 * rest >= window)
