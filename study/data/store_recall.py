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

import dataclasses
import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from study.data.samples import Dataset, Events
from study.data.task import NOTHING_ASKED
from study.data.task import Symbols as SymbolsAsked

N_SYMBOLS = 12
SYMBOL_S = 0.2
N_UNITS = 100
RATE_HZ = 50.0
P_SIGNAL = 1 / 7
GROUPS = ("0", "1", "STORE", "RECALL")
STORE, RECALL = 2, 3
SIZES = {"train": 4096, "validation": 512, "test": 512}  # 512 sequences ask for about 570 bits
SEED = 20181203  # the data belong to no trial: every seed of a learner sees the same ones


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


def generate(shuffle_bits: bool = False) -> Dataset:
    """Return 4,096 sequences to learn from, 512 to choose by and 512 to test on, always the same.

    Parameters
    ----------
    shuffle_bits
        Permute the bits that are asked for over all RECALLs of a part. Inputs stay as they are,
        what they say of the answer is gone: a control on which nothing can be learned.
    """
    symbols, parts = {}, {}
    generators = np.random.default_rng(SEED).spawn(len(SIZES))
    for (name, n), rng in zip(SIZES.items(), generators, strict=True):
        drawn = symbols[name] = draw_symbols(n, rng)
        parts[name] = spikes(drawn, rng)
        if shuffle_bits:
            parts[name] = dataclasses.replace(parts[name], labels=_shuffled(drawn.labels, rng))
    asked = {name: int((drawn.labels != NOTHING_ASKED).sum()) for name, drawn in symbols.items()}
    return Dataset(
        name="store-recall-shuffled" if shuffle_bits else "store-recall",
        **parts,
        task=SymbolsAsked(2),
        source=(
            f"generated sequences of {N_SYMBOLS} symbols (Bellec et al. 2018) that ask for "
            f"{asked['train']} bits in training, {asked['validation']} in validation and "
            f"{asked['test']} in test, drawn apart with a fixed seed"
            + (", bits shuffled over all that are asked for" if shuffle_bits else "")
        ),
        checksum=_checksum(parts.values()),
        about_test={"waited": waited(symbols["test"])},
    )


def waited(symbols: Symbols) -> np.ndarray:
    """Return for each bit that is asked for how many symbols ago it was shown, ``[N, 12]``.

    It is 0 where none is asked for, and 2 or more elsewhere.

    Examples
    --------
    >>> one = draw_symbols(1, np.random.default_rng(0))
    >>> one.groups[0, :, STORE].nonzero(), one.groups[0, :, RECALL].nonzero()
    ((array([2]),), (array([9]),))
    >>> waited(one)
    array([[0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0]])
    """
    place = np.arange(symbols.labels.shape[1])
    last_store = np.maximum.accumulate(np.where(symbols.groups[:, :, STORE], place, 0), axis=1)
    return np.where(symbols.labels != NOTHING_ASKED, place - last_store, 0)


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
    labels = np.full((n, N_SYMBOLS), NOTHING_ASKED, np.int64)
    stored = np.full(n, NOTHING_ASKED)
    fresh = np.zeros(n, bool)
    for k in range(N_SYMBOLS):
        empty = stored == NOTHING_ASKED
        store, recall = signal[:, k] & empty, signal[:, k] & ~empty & ~fresh
        groups[:, k, STORE], groups[:, k, RECALL] = store, recall
        for bit in (0, 1):
            groups[:, k, bit] = ~recall & (bits[:, k] == bit)
        labels[recall, k] = stored[recall]
        stored[store], stored[recall], fresh = bits[store, k], NOTHING_ASKED, store
    return Symbols(groups, labels)


def _valid(symbols: Symbols) -> Symbols:
    """Return the sequences in which at least one bit was stored, and all were asked for."""
    stores, recalls = (symbols.groups[:, :, group].sum(axis=1) for group in (STORE, RECALL))
    keep = (recalls > 0) & (stores == recalls)
    return Symbols(symbols.groups[keep], symbols.labels[keep])


def _shuffled(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    asked = labels != NOTHING_ASKED
    shuffled = labels.copy()
    shuffled[asked] = rng.permutation(labels[asked])
    return shuffled


def _checksum(parts: Iterable[Events]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        for values in (part.time_s, part.unit, part.offsets, part.labels):
            digest.update(values.tobytes())
    return digest.hexdigest()
