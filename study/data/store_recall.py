"""Store and recall: a bit shown together with STORE is asked for symbols later, at RECALL.

The task of Bellec et al., NeurIPS 2018, arXiv:1803.09574, as its published code draws it. A
sequence is 12 symbols of 200 ms. A symbol shows a random bit, except RECALL. A network that waits
for STORE gets it, beside the bit, by a chance of 1/7 a symbol; from the next symbol but one, RECALL
comes by the same chance. Sequences without RECALL, or that end before a stored bit was asked for,
are drawn again. 100 inputs in four groups stand for 0, 1, STORE and RECALL; those of the groups
that are on fire at 50 Hz, the others not at all.

Here spikes are Poisson in continuous time, and RECALL waits a symbol by rule; there it is one
chance a step of 1 ms, and sequences with RECALL right behind STORE are drawn again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from study.data.samples import Events

N_SYMBOLS = 12
SYMBOL_S = 0.2
N_UNITS = 100
RATE_HZ = 50.0
P_SIGNAL = 1 / 7
GROUPS = ("0", "1", "STORE", "RECALL")
STORE, RECALL = 2, 3
UNASKED = -1


class Symbols(NamedTuple):
    """Sequences of symbols.

    Parameters
    ----------
    groups
        ``[N, 12, 4]`` booleans: which groups of inputs are on.
    labels
        ``[N, 12]`` int64: the stored bit at RECALL, -1 elsewhere.
    """

    groups: np.ndarray
    labels: np.ndarray


def draw(n_sequences: int, rng: np.random.Generator) -> Events:
    """Return ``n_sequences`` as spikes, with labels ``[N, 12]``; see `Symbols`."""
    return spikes(draw_symbols(n_sequences, rng), rng)


def draw_symbols(n_sequences: int, rng: np.random.Generator) -> Symbols:
    """Return valid sequences of symbols.

    Raises
    ------
    ValueError
        If ``n_sequences`` is not positive.
    """
    if n_sequences < 1:
        raise ValueError(f"n_sequences must be positive, not {n_sequences}")
    found: list[Symbols] = []
    while sum(len(part.labels) for part in found) < n_sequences:
        found.append(_valid(_candidates(4 * n_sequences, rng)))
    groups, labels = (np.concatenate(parts)[:n_sequences] for parts in zip(*found, strict=True))
    return Symbols(groups, labels)


def spikes(symbols: Symbols, rng: np.random.Generator) -> Events:
    """Return Poisson spikes for sequences of symbols; within a sequence they are in no order."""
    n_sequences, n_symbols, n_groups = symbols.groups.shape
    on = np.repeat(symbols.groups, N_UNITS // n_groups, axis=2)
    sample, symbol, unit = np.nonzero(on)
    counts = rng.poisson(RATE_HZ * SYMBOL_S, len(sample))
    start = np.repeat(symbol, counts)
    duration_s = n_symbols * SYMBOL_S
    time_s = ((start + rng.random(len(start))) * SYMBOL_S).astype(np.float32)
    per_sample = np.bincount(sample, weights=counts, minlength=n_sequences).astype(np.int64)
    return Events(
        time_s=np.minimum(time_s, np.float32(duration_s)),
        unit=np.repeat(unit, counts).astype(np.int16),
        offsets=np.concatenate(([0], per_sample.cumsum())),
        labels=symbols.labels,
        n_units=N_UNITS,
        duration_s=duration_s,
    )


def _candidates(n: int, rng: np.random.Generator) -> Symbols:
    """Draw symbols one after the other; sequences may still hold a bit at the end, or none."""
    bits = rng.integers(2, size=(n, N_SYMBOLS))
    signal = rng.random((n, N_SYMBOLS)) < P_SIGNAL
    groups = np.zeros((n, N_SYMBOLS, len(GROUPS)), bool)
    labels = np.full((n, N_SYMBOLS), UNASKED, np.int64)
    stored = np.full(n, UNASKED)
    fresh = np.zeros(n, bool)
    for k in range(N_SYMBOLS):
        empty = stored == UNASKED
        store, recall = signal[:, k] & empty, signal[:, k] & ~empty & ~fresh
        groups[:, k, STORE], groups[:, k, RECALL] = store, recall
        for bit in (0, 1):
            groups[:, k, bit] = ~recall & (bits[:, k] == bit)
        labels[recall, k] = stored[recall]
        stored[store], stored[recall], fresh = bits[store, k], UNASKED, store
    return Symbols(groups, labels)


def _valid(symbols: Symbols) -> Symbols:
    """Return the sequences in which at least one bit was stored, and all were asked for."""
    stores, recalls = (symbols.groups[:, :, group].sum(axis=1) for group in (STORE, RECALL))
    keep = (recalls > 0) & (stores == recalls)
    return Symbols(symbols.groups[keep], symbols.labels[keep])
