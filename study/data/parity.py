"""Parity: after each bit, whether the number of ones so far is odd.

One bit of memory that every input may turn over, so that a single mistake spoils all that follows;
a task of Hochreiter & Schmidhuber, Neural Computation 9:1735 (1997), and of the spiking LSTM of
Shrestha et al. 2017. Two inputs stand for 0 and 1. Sequences to learn from have 2 to 12 bits;
those to choose by and to test on have 64, so that what counts is a rule, not a list.
"""

from __future__ import annotations

import hashlib

import numpy as np

from study.data.samples import Dataset, Traces
from study.data.task import NOTHING_ASKED, Symbols

LENGTH = 64
SHORTEST, LONGEST = 2, 12  # bits of a sequence to learn from
SYMBOLS = ("0", "1")
DT_S = 1.0  # a symbol a second, which nothing depends on
SIZES = {"train": 4096, "validation": 256, "test": 512}
SEED = 20181205  # the data belong to no trial: every seed of a learner sees the same ones


def generate() -> Dataset:
    """Return 4,096 short sequences, 256 long ones to choose by and 512 to test on."""
    generators = np.random.default_rng(SEED).spawn(len(SIZES))
    train, validation, test = (
        _drawn(n, SHORTEST if name == "train" else LENGTH, rng)
        for (name, n), rng in zip(SIZES.items(), generators, strict=True)
    )
    return Dataset(
        name="parity",
        train=train,
        validation=validation,
        test=test,
        task=Symbols(len(SYMBOLS)),
        source=(
            f"generated bits: sequences of {SHORTEST} to {LONGEST} in training, of {LENGTH} in "
            "validation and test, drawn apart with a fixed seed"
        ),
        checksum=checksum(train, validation, test),
    )


def _drawn(n: int, shortest: int, rng: np.random.Generator) -> Traces:
    """Return sequences of `LENGTH` bits, or of `LONGEST` at most where they may be shorter."""
    longest = LENGTH if shortest == LENGTH else LONGEST
    lengths = rng.integers(shortest, longest + 1, n)
    return of_bits(rng.integers(2, size=(n, LENGTH)), lengths)


def of_bits(bits: np.ndarray, lengths: np.ndarray) -> Traces:
    """Return sequences with their parity after each bit.

    Parameters
    ----------
    bits
        ``[N, S]`` of 0 and 1.
    lengths
        ``[N]``: behind so many bits there is no input, and nothing is asked.

    Examples
    --------
    >>> found = of_bits(np.array([[1, 0, 1, 1]]), np.array([3]))
    >>> found.labels
    array([[ 1,  1,  0, -1]])
    >>> found.values[0, :, 1]
    array([1., 0., 1., 0.], dtype=float32)
    """
    there = np.arange(bits.shape[1]) < lengths[:, None]
    values = np.eye(len(SYMBOLS), dtype=np.float32)[bits] * there[:, :, None]
    labels = np.where(there, bits.cumsum(axis=1) % 2, NOTHING_ASKED)
    return Traces(values.astype(np.float32), labels.astype(np.int64), DT_S)


def checksum(*parts: Traces) -> str:
    """Return the SHA-256 over values and labels."""
    digest = hashlib.sha256()
    for part in parts:
        for values in (part.values, part.labels):
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
