"""How sure a difference is: the written rule, on planted records."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from study.analysis.comparison import Strength, difference
from study.data.reference import DatasetRef
from study.trials.store import Store
from study.trials.trial import Outcome, Record, Trial

N = 200


@pytest.fixture
def made(tmp_path: Path):
    store = Store(tmp_path)

    def records(
        name: str, rights: list[int], shift: int = 0, first_seed: int = 0, *, kept: bool = True
    ) -> list[Record]:
        """Return a record a seed with so many right answers, from sample ``shift`` on."""
        found = []
        for seed, right in enumerate(rights, start=first_seed):
            labels = np.arange(N) % 10
            wrong = np.ones(N, bool)
            wrong[shift : shift + right] = False
            arrays = {"test_predictions": np.where(wrong, -1, labels), "test_labels": labels}
            metrics = {"test_accuracy": right / N, "n_test": N, "validation_accuracy": right / N,
                       "n_validation": N, "spikes": float(right)}  # fmt: skip
            trial = Trial("x:y", name, DatasetRef("digits"), {}, seed)
            found.append(store.put_done(trial, Outcome(metrics, arrays if kept else {}), {}))
        return found

    return records


def test_a_lead_on_most_samples_is_sure(made) -> None:
    found = difference(made("a", [180, 182, 184]), made("b", [150, 150, 150]), "test_accuracy")
    assert found is not None
    assert found.interval.mean == pytest.approx(0.16)
    assert (found.n_seeds, found.strength) == (3, Strength.SURE)


def test_seeds_that_agree_are_no_ground_where_the_samples_are_few(made) -> None:
    """All seeds lead by two samples: of other samples it might have been the other way."""
    found = difference(made("a", [152, 152, 152]), made("b", [150, 150, 150]), "test_accuracy")
    assert found is not None
    assert found.strength is Strength.TIED


def test_two_seeds_conclude_nothing(made) -> None:
    found = difference(made("a", [180, 180]), made("b", [100, 100]), "test_accuracy")
    assert found is not None
    assert found.interval.low > 0
    assert found.strength is Strength.FEW


def test_of_many_comparisons_each_must_be_surer(made) -> None:
    sides = made("a", [166, 162, 164]), made("b", [150, 150, 150])
    alone, among = (difference(*sides, "test_accuracy", n) for n in (1, 100))
    assert alone is not None
    assert among is not None
    assert (alone.strength, among.strength) == (Strength.SURE, Strength.TIED)


def test_answers_that_were_not_kept_are_taken_as_of_other_samples(made) -> None:
    sides = made("a", [164, 162, 163]), made("b", [150, 150, 150])
    paired = difference(*sides, "test_accuracy")
    lost = made("c", [150, 150, 150], kept=False)
    apart, validated = (
        difference(sides[0], lost, "test_accuracy"),
        difference(*sides, "validation_accuracy"),
    )
    assert paired is not None
    assert apart is not None
    assert apart.interval == validated.interval  # of which no answers are kept
    assert (paired.strength, apart.strength) == (Strength.SURE, Strength.TIED)


def test_what_is_no_accuracy_is_over_seeds_alone(made) -> None:
    found = difference(made("a", [152, 152, 152]), made("b", [150, 150, 150]), "spikes")
    assert found is not None
    assert found.interval == (2.0, 2.0, 2.0)


def test_without_a_common_seed_there_is_no_difference(made) -> None:
    assert difference(made("a", [180]), made("b", [100], first_seed=1), "test_accuracy") is None
