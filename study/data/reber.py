"""The embedded Reber grammar: after each symbol of a string, which symbols may come next.

Reber, J. Verbal Learning 6:855 (1967); embedded by Cleeremans et al., Neural Computation 1:372
(1989), and a test of Hochreiter & Schmidhuber 1997. A string is ``B x (a Reber string) x E``: T or
P behind the first B comes again before the last E, a whole string of a grammar with loops later.
To know the other steps takes the last few symbols; to know that one takes memory.

Seven inputs stand for the symbols. What is asked for after each is the set of symbols that may
follow, one of eight (`SUCCESSORS`). Hochreiter & Schmidhuber asked for a drawn successor, and
called a string right where the legal symbols had the largest outputs in every step; here a string
is right where the set is, in every step. No string is in two parts: those to choose by and to test
on were never seen, which makes them longer than those that one draws.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

import numpy as np

from study.data.parity import DT_S, checksum
from study.data.samples import Dataset, Traces
from study.data.task import NOTHING_ASKED, Symbols

SYMBOLS = "BTPSXVE"
# From each place of the grammar the symbol to the next place; the last is its end.
GRAMMAR: tuple[dict[str, int], ...] = (
    {"B": 1},
    {"T": 2, "P": 3},
    {"S": 2, "X": 4},
    {"T": 3, "V": 5},
    {"X": 3, "S": 6},
    {"P": 4, "V": 6},
    {"E": 7},
)
SUCCESSORS = ("B", "E", "P", "PT", "PV", "SX", "T", "TV")
LENGTH = 40  # inputs of a string; of 100,000 three are longer, which are drawn again
SIZES = {"train": 4096, "validation": 512, "test": 512}
SEED = 19971115


class String(NamedTuple):
    """A string of the grammar and, after each symbol but the last, what may follow.

    Parameters
    ----------
    symbols
        The whole string.
    successors
        One member of `SUCCESSORS` for each symbol but the last.
    """

    symbols: str
    successors: tuple[str, ...]


def generate() -> Dataset:
    """Return 4,096 strings to learn from, 512 to choose by and 512 to test on."""
    seen: set[str] = set()
    drawn, generators = {}, np.random.default_rng(SEED).spawn(len(SIZES))
    for (name, n), rng in zip(SIZES.items(), generators, strict=True):
        drawn[name] = draw(n, rng, seen)
        seen |= {one.symbols for one in drawn[name]}
    parts = {name: of_strings(strings) for name, strings in drawn.items()}
    return Dataset(
        name="reber",
        **parts,
        task=Symbols(len(SUCCESSORS)),
        source=(
            "generated strings of the embedded Reber grammar, drawn with a fixed seed; no string "
            "is in two parts"
        ),
        checksum=checksum(parts["train"], parts["validation"], parts["test"]),
        about_test={"kept": kept(parts["test"].labels)},
    )


def draw(n: int, rng: np.random.Generator, unwanted: Container[str] = ()) -> list[String]:
    """Return strings of `LENGTH` inputs at most, none of which is unwanted.

    Examples
    --------
    >>> draw(1, np.random.default_rng(1))[0].symbols
    'BTBTXXTTVVETE'
    """
    found: list[String] = []
    while len(found) < n:
        one = _embedded("TP"[rng.integers(2)], rng)
        if one.symbols not in unwanted and len(one.successors) <= LENGTH:
            found.append(one)
    return found


def _embedded(twice: str, rng: np.random.Generator) -> String:
    inner, place = [], 0
    successors = ["PT", "B"]
    while place < len(GRAMMAR):
        ways = sorted(GRAMMAR[place])
        inner.append(ways[rng.integers(len(ways))])
        place = GRAMMAR[place][inner[-1]]
        successors.append("".join(sorted(GRAMMAR[place])) if place < len(GRAMMAR) else twice)
    return String(f"B{twice}{''.join(inner)}{twice}E", (*successors, "E"))


def of_strings(strings: list[String]) -> Traces:
    """Return strings as one input a symbol, and the places of their successors as labels."""
    values = np.zeros((len(strings), LENGTH, len(SYMBOLS)), np.float32)
    labels = np.full((len(strings), LENGTH), NOTHING_ASKED, np.int64)
    for number, (symbols, successors) in enumerate(strings):
        for step, (symbol, following) in enumerate(zip(symbols, successors, strict=False)):
            values[number, step, SYMBOLS.index(symbol)] = 1
            labels[number, step] = SUCCESSORS.index(following)
    return Traces(values, labels, DT_S)


def kept(labels: np.ndarray) -> np.ndarray:
    """Return for how many symbols what is asked for had to be kept, ``[N, S]``.

    It is 0 but where T or P comes again, which was the second symbol.
    """
    again = np.isin(labels, [SUCCESSORS.index("T"), SUCCESSORS.index("P")])
    return np.where(again, np.arange(labels.shape[1]), 0)
