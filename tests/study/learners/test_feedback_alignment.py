"""Learners whose errors come back through another matrix: settings, angles, what controls do."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from study import data
from study.data.reference import DataAccess, DatasetRef
from study.data.samples import Dataset
from study.learners import feedback_alignment, feedback_spiking
from study.learners.feedback_alignment import FeedbackAlignmentConfig, FeedbackAlignmentLearner
from study.learners.feedback_config import KINDS, PUBLISHED, FeedbackSpikingConfig
from study.learners.feedback_spiking import FeedbackSpikingLearner
from study.learners.surrogate import SurrogateLearner
from study.learning.artefacts import curve
from study.learning.contract import Artefacts
from study.settings.config import settings_of
from study.trials.trial import no_progress

RATE = dataclasses.replace(
    feedback_alignment.preset("quick", "digits"), hidden=50, epochs=15, learning_rate=0.2
)
SPIKING = dataclasses.replace(
    feedback_spiking.preset("quick", "digits"), hidden=100, epochs=8, learning_rate=2e-3
)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return data.load(DatasetRef("digits"), DataAccess())


def rate(digits: Dataset, **settings) -> FeedbackAlignmentLearner:
    learner = FeedbackAlignmentLearner(dataclasses.replace(RATE, **settings), digits.task)
    learner.fit(digits.train, digits.validation, np.random.default_rng(0), no_progress)
    return learner


def spiking(digits: Dataset, **settings) -> FeedbackSpikingLearner:
    learner = FeedbackSpikingLearner(dataclasses.replace(SPIKING, **settings), digits.task)
    learner.fit(digits.train, digits.validation, np.random.default_rng(0), no_progress)
    return learner


def accuracy(learner, digits: Dataset) -> float:
    found = learner.evaluate(digits.validation, np.random.default_rng(0))
    return found.scores["accuracy"]


def change(learner) -> float:
    return learner.keep().metrics["hidden_change"]


def test_presets_are_settings_of_both() -> None:
    assert FeedbackAlignmentConfig().hidden == 1000
    assert feedback_alignment.preset("standard", "mnist").hidden == 500
    assert {RATE.feedback, SPIKING.feedback} == {"random"}
    assert [row.score for row in PUBLISHED] == [0.979]
    from gradsim import feedback

    assert set(KINDS) == set(feedback.KINDS)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden": 0},
        {"learning_rate": 0.0},
        {"momentum": 1.0},
        {"decay": 0.0},
        {"feedback_scale": float("inf")},
    ],
)
def test_settings_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FeedbackAlignmentConfig(**wrong)


def test_spiking_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="feedback_scale"):
        FeedbackSpikingConfig(feedback_scale=0.0)
    with pytest.raises(ValueError, match="hidden"):
        FeedbackSpikingConfig(hidden=0)


def test_random_feedback_learns_and_aligns(digits) -> None:
    learner = rate(digits)
    kept: Artefacts = learner.keep()
    angles = kept.arrays["alignment_deg"]
    assert angles.shape == (16, 1)
    assert angles[0] > 80
    assert angles[-1] < 60
    assert kept.metrics["alignment_before_deg"] == angles[0, 0]
    assert kept.metrics["alignment_after_deg"] == angles[-1, 0]
    found = curve(kept.all_arrays())
    assert found is not None
    assert found.validation[kept.metrics["best_epoch"] - 1] == found.validation.max()
    assert accuracy(learner, digits) == found.validation.max()
    assert accuracy(learner, digits) > 0.93
    assert change(learner) > 0.3


def test_symmetric_feedback_is_backpropagation(digits) -> None:
    learner = rate(digits, feedback="symmetric", epochs=2)
    assert learner.keep().arrays["alignment_deg"] == pytest.approx(np.zeros((3, 1)), abs=1e-5)


def test_uniform_feedback_leaves_hidden_weights_of_a_softmax(digits) -> None:
    learner = rate(digits, feedback="uniform", epochs=5)
    assert change(learner) < 1e-6
    assert accuracy(learner, digits) > 0.8
    squared = rate(digits, feedback="uniform", loss="squared", learning_rate=0.02, epochs=3)
    assert change(squared) > 0.01


def test_without_feedback_nothing_below_learns(digits) -> None:
    learner = rate(digits, feedback="none", epochs=3)
    assert change(learner) == 0
    metrics = learner.keep().metrics
    assert metrics["alignment_after_deg"] is None
    assert np.isnan(learner.keep().arrays["alignment_deg"]).all()


def test_deeper_networks_have_an_angle_a_layer(digits) -> None:
    learner = rate(digits, layers=2, feedback="sign", epochs=2)
    assert list(learner.weights()) == ["input", "hidden 1", "hidden 2"]
    angles = learner.keep().arrays["alignment_deg"]
    assert angles.shape == (3, 2)
    assert ((angles > 1) & (angles < 89)).all()


def test_a_loss_without_bounds_is_told(digits) -> None:
    from gradsim import TrainingError

    with pytest.raises(TrainingError, match="smaller learning rate"):
        rate(digits, unit="relu", loss="squared", learning_rate=1e3, epochs=3)


def test_a_spiking_network_aligns_too(digits) -> None:
    learner = spiking(digits)
    kept = learner.keep()
    angles = kept.arrays["alignment_deg"]
    assert angles.shape == (9, 1)
    assert angles[0] > 70
    assert angles[-1] < angles[0] - 10
    assert kept.metrics["engine"] == "events"
    assert accuracy(learner, digits) > 0.85
    assert change(spiking(digits, feedback="none", epochs=1)) == 0


def test_a_spiking_network_with_symmetric_feedback_is_the_surrogate_learner(digits) -> None:
    learner = spiking(digits, feedback="symmetric", epochs=2)
    names = settings_of(SPIKING).keys() - {"feedback", "feedback_scale"}
    config = dataclasses.replace(SPIKING, epochs=2)
    from study.learners.surrogate_config import SurrogateConfig

    plain = SurrogateLearner(
        SurrogateConfig(**{name: getattr(config, name) for name in names}), digits.task
    )
    plain.fit(digits.train, digits.validation, np.random.default_rng(0), no_progress)
    for name, weights in plain.weights().items():
        assert (learner.weights()[name] == weights).all()


def test_all_of_it_is_trained_again_without_validation(digits) -> None:
    learner = FeedbackSpikingLearner(dataclasses.replace(SPIKING, epochs=1), digits.task)
    learner.refit(digits.train.take(np.arange(200)), np.random.default_rng(0), no_progress)
    assert torch.as_tensor(learner.keep().arrays["alignment_deg"]).shape == (2, 1)
