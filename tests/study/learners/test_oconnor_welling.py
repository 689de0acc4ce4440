"""The learner whose errors are spikes: its settings, its counts, and what controls take away."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from gradsim import herded
from study import data
from study.data.reference import DataAccess, DatasetRef
from study.data.samples import Dataset
from study.learners.oconnor_welling import OConnorWellingConfig, OConnorWellingLearner, preset
from study.learners.oconnor_welling_config import PUBLISHED
from study.learning.artefacts import curve
from study.trials.trial import no_progress

SMALL = dataclasses.replace(preset("quick", "digits"), hidden=50, deviation=0.03, epochs=15)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return data.load(DatasetRef("digits"), DataAccess())


def fitted(digits: Dataset, **settings) -> OConnorWellingLearner:
    learner = OConnorWellingLearner(dataclasses.replace(SMALL, **settings), digits.task)
    learner.fit(digits.train, digits.validation, np.random.default_rng(0), no_progress)
    return learner


@pytest.fixture(scope="module")
def usual(digits: Dataset) -> OConnorWellingLearner:
    return fitted(digits)


def test_the_defaults_are_the_papers_table() -> None:
    config = OConnorWellingConfig()
    assert (config.n_steps, config.learning_rate, config.deviation, config.epochs) == (
        10, 0.01, 0.01, 20,
    )  # fmt: skip
    assert not config.reset_errors
    assert [row.score for row in PUBLISHED] == [0.9793, 0.964]
    assert all(row.control for row in PUBLISHED)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden": 0},
        {"n_steps": 0},
        {"learning_rate": 0.0},
        {"decay": 1.5},
        {"rule": "sgd", "update_first": True},
        {"rule": "exact", "weights": "integer"},
    ],
)
def test_settings_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        OConnorWellingConfig(**wrong)


def test_costs_are_those_of_the_library(usual, digits) -> None:
    cost = usual.evaluate(digits.test, np.random.default_rng(0)).cost
    images = digits.test.pixels.reshape(len(digits.test), -1)
    shown = herded.respond(usual.network, images)
    added = sum(part.sum() for part in herded.additions(usual.network, shown.spikes))
    assert cost.additions == pytest.approx(added)
    assert cost.macs == 0
    assert list(cost.spikes_by_layer) == ["input", "hidden 1", "hidden 2"]
    assert cost.spikes == pytest.approx(sum(part.sum() for part in shown.spikes[:3]))
    assert cost.updates == 10 * (64 + 50 + 50 + 10)


def test_it_keeps_what_training_took(usual) -> None:
    kept = usual.keep()
    by_epoch = kept.arrays["train_operations_by_epoch"]
    assert by_epoch.shape == (15, 3)
    assert kept.metrics["train_synops_per_sample"] == pytest.approx(by_epoch.mean(0).sum())
    assert kept.metrics["train_macs_per_sample"] == 0
    assert len(kept.arrays["validation_synops_by_step"]) == 10
    found = curve(kept.all_arrays())
    assert found is not None
    assert found.validation[kept.metrics["best_epoch"] - 1] == found.validation.max()


def test_exact_gradients_take_products_and_learn_the_rectifiers(digits) -> None:
    learner = fitted(digits, rule="exact", learning_rate=0.02, deviation=0.1)
    weights = 64 * 50 + 50 * 50 + 50 * 10
    metrics = learner.keep().metrics
    assert metrics["train_macs_per_sample"] == 3 * weights - 64 * 50
    assert metrics["train_synops_per_sample"] == 0
    scores = learner.evaluate(digits.test, np.random.default_rng(0)).scores
    assert abs(scores["rectifier_accuracy"] - scores["accuracy"]) < 0.1


@pytest.mark.parametrize(
    "settings", [{"weights": "integer"}, {"quantiser": "event"}, {"layers": 1}]
)
def test_other_ways_learn_too(digits, settings) -> None:
    learner = fitted(digits, **settings)
    scores = learner.evaluate(digits.test, np.random.default_rng(0)).scores
    assert scores["accuracy"] > 0.8
    kind = np.int32 if settings.get("weights") == "integer" else np.float32
    assert {part.dtype.type for part in learner.weights().values()} == {kind}


def test_what_is_taken_away_is_missed(usual, digits) -> None:
    scores = [
        learner.evaluate(digits.test, np.random.default_rng(0)).scores["accuracy"]
        for learner in (usual, fitted(digits, reset_errors=True))
    ]
    assert scores[0] > 0.85
    assert scores[1] < 0.6
