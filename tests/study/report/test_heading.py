"""Titles that say what a run is about, and the line below them that says what stands behind it."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from study.data.reference import DatasetRef
from study.report import heading
from study.report.language import Language
from study.request import learning_trial
from study.trials.store import Store
from study.trials.trial import Outcome, Record

HANGUL = re.compile("[\uac00-\ud7a3]")


@pytest.fixture
def planted(tmp_path: Path):
    store = Store(tmp_path)

    def records(
        learners=("diehl-cook", "surrogate"), datasets=("digits",), seeds=3, n_test=355
    ) -> list[Record]:
        from study import learners as known

        return [
            store.put_done(
                learning_trial(name, DatasetRef(where), known.find(name).preset("quick", where), k),
                Outcome({"test_accuracy": 0.9, "n_test": n_test}, {}),
                {},
            )
            for name, where, k in product(learners, datasets, range(seeds))
        ]

    return records


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ({}, "What local learning and surrogate gradients buy on digits"),
        ({"datasets": ("digits", "mnist")},
         "What local learning and surrogate gradients buy on digits and mnist"),
        ({"datasets": ("digits", "mnist", "fashion-mnist")},
         "What local learning and surrogate gradients buy on 3 data sets"),
        ({"learners": ("mlp", "surrogate")}, "What is learned on digits"),
    ],
)  # fmt: skip
def test_a_title_says_what_was_compared_and_where(planted, asked, title) -> None:
    records = planted(**asked)
    assert heading.title("quick", {"compare": records}, records) == title


def test_a_run_without_learners_and_the_thesis_have_titles_of_their_own(planted) -> None:
    assert heading.title("quick", {}, []) == heading.OWN
    grid = planted(learners=("surrogate",), seeds=2)
    told = heading.title("thesis", {"grid": grid}, grid)
    assert told == "A thesis, run again: 1 settings, 2 seeds"
    assert heading.title("thesis", {"grid": grid[:1]}, []).endswith("one seed")


def test_the_line_of_trust_counts_seeds_samples_and_trials(planted) -> None:
    records = planted()
    told = "3 seeds, 355 test samples, chosen on validation samples alone, 6 trials, none failed"
    assert heading.trust(records, records) == told
    uneven = [*records, *planted(datasets=("mnist",), seeds=1, n_test=10_000)]
    assert heading.trust(uneven, uneven).startswith("1 to 3 seeds, 355 to 10,000 test samples")
    assert heading.trust(records, []) == heading.WORLDS


def test_headings_are_korean(planted) -> None:
    language = Language("ko", [{"digits", "mnist"}, {"diehl-cook"}])
    records = planted()
    uneven = [*records, *planted(datasets=("mnist",), seeds=1, n_test=10_000)]
    for found in (records, records[:1], uneven):
        for text in (heading.title("quick", {}, found), heading.trust(found, found)):
            assert HANGUL.search(language.translate(text)), text
    assert list(language.missing) == []
