"""What parity and Reber sequences must be like, by counting and by walking through the grammar."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from study import data, experiments
from study.data import parity, reber
from study.data.reference import DataAccess, DatasetRef
from study.data.samples import Dataset, Traces
from study.data.task import NOTHING_ASKED
from study.request import Request


@cache
def whole(name: str) -> Dataset:
    return data.load(DatasetRef(name), DataAccess())


@pytest.mark.parametrize("name", ["parity", "reber"])
def test_parts_are_as_they_are_told_and_always_the_same(name):
    found, module = whole(name), {"parity": parity, "reber": reber}[name]
    parts = (found.train, found.validation, found.test)
    assert [len(part) for part in parts] == list(module.SIZES.values())
    assert found.checksum == module.generate().checksum
    assert data.kind(DatasetRef(name)) == "traces"
    assert data.task(DatasetRef(name)) == found.task.kind == "symbols"
    for part in parts:
        assert part.values.dtype == np.float32
        assert part.labels.dtype == np.int64
        asked = part.labels != NOTHING_ASKED
        # A symbol is one input, and something is asked for exactly where there is one.
        np.testing.assert_array_equal(part.values.sum(axis=2), asked)
        assert set(np.unique(part.labels[asked])) == set(range(found.task.n))


def test_parity_counts_ones():
    found = whole("parity")
    for part in (found.train.take(np.arange(200)), found.test.take(np.arange(50))):
        for values, labels in zip(part.values, part.labels, strict=True):
            ones = 0
            for (zero, one), label in zip(values, labels, strict=True):
                ones += int(one)
                assert label == (ones % 2 if zero or one else NOTHING_ASKED)
    lengths = (found.train.labels != NOTHING_ASKED).sum(axis=1)
    np.testing.assert_array_equal(np.unique(lengths), np.arange(2, 13))
    for part in (found.validation, found.test):
        assert ((part.labels != NOTHING_ASKED).sum(axis=1) == 64).all()
    assert abs(found.test.values[:, :, 1].mean() - 0.5) < 0.015  # five deviations


def strings(part: Traces) -> list[str]:
    """Return the inputs of each sequence as letters."""
    return [
        "".join(reber.SYMBOLS[step.argmax()] for step in values if step.any())
        for values in part.values
    ]


# The grammar of Reber (1967) as its figure has it: place, symbol, next place.
EDGES = {
    (0, "T"): 1, (0, "P"): 2, (1, "S"): 1, (1, "X"): 3, (2, "T"): 2, (2, "V"): 4,
    (3, "X"): 2, (3, "S"): 5, (4, "P"): 3, (4, "V"): 5,
}  # fmt: skip


def followers(string: str) -> list[str]:
    """Return what may follow each symbol of an embedded string, walking through the grammar."""
    assert string[0] == string[2] == "B"
    assert string[1] in "TP"
    found, place = ["PT", "B", "PT"], 0
    for symbol in string[3:]:
        if place == 5:
            break
        place = EDGES[place, symbol]
        found.append("".join(sorted(s for p, s in EDGES if p == place)) or "E")
    assert string[len(found) :] == f"E{string[1]}"
    return [*found, string[1], "E"]


def test_reber_strings_are_of_the_grammar_and_so_is_what_may_follow():
    found = whole("reber")
    for part in (found.train.take(np.arange(500)), found.validation, found.test):
        for string, labels in zip(strings(part), part.labels, strict=True):
            told = [reber.SUCCESSORS[label] for label in labels if label != NOTHING_ASKED]
            assert told == followers(string)


def test_no_reber_string_is_in_two_parts_and_both_symbols_are_as_frequent():
    found = whole("reber")
    parts = [strings(part) for part in (found.train, found.validation, found.test)]
    seen = [set(part) for part in parts]
    assert not (seen[0] & seen[1] | seen[0] & seen[2] | seen[1] & seen[2])
    for part in parts:
        share = np.mean([string[1] == "T" for string in part])
        assert abs(share - 0.5) < 5 * 0.5 / len(part) ** 0.5
    # Loops and branches are drawn evenly: an S behind T or S, an X as often.
    after = [s[i + 1] for s in parts[0] for i in range(2, len(s) - 2) if s[2 : i + 1] == "BT"]
    assert abs(np.mean([symbol == "S" for symbol in after]) - 0.5) < 5 * 0.5 / len(after) ** 0.5


def test_what_is_kept_is_the_second_symbol():
    found = whole("reber")
    kept = found.about_test["kept"]
    assert ((kept > 0).sum(axis=1) == 1).all()
    for string, labels, row in zip(strings(found.test), found.test.labels, kept, strict=True):
        (step,) = np.flatnonzero(row)
        assert reber.SUCCESSORS[labels[step]] == string[1]
        assert step == row[step] == len(string) - 2


def test_a_string_that_is_not_wanted_is_not_drawn():
    every = {one.symbols for one in reber.draw(300, np.random.default_rng(0))}
    again = {one.symbols for one in reber.draw(300, np.random.default_rng(0), every)}
    assert not every & again


@pytest.mark.parametrize("name", ["compare", "review", "memory", "sequences", "grid"])
def test_every_experiment_plans_with_them_what_fits(name):
    planned = experiments.load(name).trials(Request(datasets=(DatasetRef("parity"),)))
    assert {trial.subject for trial in planned} <= {"counted-lstm"}
