"""Conversion as a learner: what it takes from its teacher, how it answers, what that costs."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pytest

from study import data
from study.data.reference import DataAccess, DatasetRef
from study.data.samples import Dataset
from study.learners import LEARNERS, rectifier
from study.learners.converted import ConvertedConfig, ConvertedLearner
from study.learners.converted_config import PUBLISHED, preset
from study.learners.rectifier import RectifierLearner
from study.learning.contract import Pupil
from study.procedures import learning
from study.request import learning_trial
from study.settings.config import settings_of
from study.trials.trial import Outcome, no_progress

BASE = dataclasses.replace(preset("quick", "digits"), architecture="40-30", epochs=10)


@cache
def digits() -> Dataset:
    whole = data.load(DatasetRef("digits"), DataAccess())
    few = {
        part: getattr(whole, part).take(np.arange(n))
        for part, n in (("train", 600), ("validation", 150), ("test", 200))
    }
    return dataclasses.replace(whole, **few)


def run(learner: Any, labels: np.ndarray | None = None, seed: int = 0) -> Outcome:
    given = digits()
    train = given.train if labels is None else dataclasses.replace(given.train, labels=labels)
    parts = {"train": train, "validation": given.validation, "test": given.test}

    def fit(rng: np.random.Generator, progress: Any) -> None:
        learner.fit(train, given.validation, rng, progress)

    return learning.taught(learner, fit, parts, given, seed, no_progress)


@cache
def taught(config: Any) -> Outcome:
    return run(RectifierLearner(config, digits().task))


def fitted(**changes: Any) -> ConvertedLearner:
    config = dataclasses.replace(BASE, **changes)
    learner = ConvertedLearner(config, digits().task)
    learner.taught_by([taught(config.teacher)])
    learner.fit(digits().train, digits().validation, np.random.default_rng(0), no_progress)
    return learner


def shown(learner: ConvertedLearner, seed: int = 0):
    return learner.evaluate(digits().test, np.random.default_rng(seed))


def accuracy(learner: ConvertedLearner) -> float:
    return shown(learner).scores["accuracy"]


def test_the_teacher_is_the_network_without_spikes_of_the_same_settings() -> None:
    config = dataclasses.replace(BASE, percentile=98.0)
    assert isinstance(config, Pupil)
    trial = learning_trial("converted", DatasetRef("digits"), config, 3)
    (needed,) = trial.needs
    assert (needed.subject, needed.seed) == ("rectifier", 3)
    assert LEARNERS["rectifier"].configured(needed.config) == config.teacher
    assert settings_of(config.teacher).items() < settings_of(config).items()
    # Another conversion builds on the same training.
    other = learning_trial("converted", DatasetRef("digits"), BASE, 3)
    assert other.needs[0].id == needed.id
    assert other.id != trial.id


@pytest.mark.parametrize("wrong", [{"n_steps": 0}, {"percentile": 0.0}, {"initial": 1.0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ConvertedConfig(**wrong)


def test_one_hidden_layer_of_few_levels_is_converted_exactly() -> None:
    learner = fitted(architecture="40", activation="qcfs", levels=4, n_steps=4)
    assert shown(learner).scores["agreement_with_rectifier"] == 1.0
    late = fitted(architecture="40", activation="qcfs", levels=4, n_steps=4, initial=0.0)
    assert shown(late).scores["agreement_with_rectifier"] < 1.0


def test_many_steps_answer_as_the_network_without_spikes() -> None:
    learner = fitted(n_steps=250, percentile=100.0)
    assert shown(learner).scores["agreement_with_rectifier"] >= 0.99
    kept = learner.keep()
    assert kept.metrics["lowest_correlation"] > 0.99
    teacher = taught(BASE.teacher).metrics
    assert kept.metrics["rectifier_test_accuracy"] == teacher["test_accuracy"]
    assert kept.metrics["rectifier_macs_per_sample"] == 64 * 40 + 40 * 30 + 30 * 10


def test_a_head_start_of_half_a_threshold_is_what_makes_few_steps_suffice() -> None:
    assert accuracy(fitted(n_steps=2)) > accuracy(fitted(n_steps=2, initial=0.0)) + 0.3


def test_scores_by_step_are_those_of_shorter_runs() -> None:
    test, rng = digits().test, np.random.default_rng
    for method in ("rate", "first_spike"):
        by_step = fitted(method=method, n_steps=5).scores_by_step(test, rng(0))
        shorter = [accuracy(fitted(method=method, n_steps=n + 1)) for n in range(5)]
        assert by_step.tolist() == shorter


def test_labels_of_training_images_are_not_read() -> None:
    learner = fitted()
    again = ConvertedLearner(BASE, digits().task)
    again.taught_by([taught(BASE.teacher)])
    train = dataclasses.replace(digits().train, labels=digits().train.labels[::-1].copy())
    again.fit(train, digits().validation, np.random.default_rng(0), no_progress)
    np.testing.assert_array_equal(shown(learner).answers, shown(again).answers)


def test_each_spike_meets_the_weights_behind_it() -> None:
    learner = fitted(n_steps=6)
    weights = [w for name, w in _arrays().items() if name.endswith("weight")]
    images = rectifier.pixels(digits().test)
    first, second = (
        sum(step.spikes[k + 1].numpy() for step in learner._spiking.steps(images, 6))
        for k in range(2)
    )
    cost = shown(learner).cost
    assert cost.macs == np.count_nonzero(weights[0]) == 64 * 40
    assert cost.spikes_by_layer == {
        "hidden 1": pytest.approx(first.sum() / 200),
        "hidden 2": pytest.approx(second.sum() / 200),
    }
    assert [layer.additions for layer in cost.layers] == pytest.approx(
        [0, first.sum() / 200 * 30, second.sum() / 200 * 10, 0]
    )
    assert [layer.updates for layer in cost.layers] == [0, 6 * 40, 6 * 30, 6 * 10]
    assert [layer.states for layer in cost.layers] == [0, 1, 1, 1]


def _arrays() -> dict[str, np.ndarray]:
    import io

    with np.load(io.BytesIO(taught(BASE.teacher).files[rectifier.FILE])) as arrays:
        return dict(arrays)


def test_spikes_as_input_are_as_many_as_pixels_are_bright() -> None:
    cost = shown(fitted(input="poisson", n_steps=50)).cost
    bright = digits().test.pixels.sum() / 200
    assert cost.spikes_by_layer["input"] == pytest.approx(50 * bright, rel=0.01)
    assert cost.macs == 0
    assert cost.layers[0].additions == pytest.approx(40 * cost.layers[0].spikes)


def test_no_neuron_spikes_twice_where_first_spikes_count() -> None:
    cost = shown(fitted(method="first_spike")).cost
    spikes = cost.spikes_by_layer
    assert 0 < spikes["hidden 1"] <= 40
    assert 0 < spikes["hidden 2"] <= 30
    assert cost.macs == 0


def test_what_is_kept_over_time_ends_where_the_score_is() -> None:
    learner = ConvertedLearner(dataclasses.replace(BASE, input="poisson"), digits().task)
    learner.taught_by([taught(BASE.teacher)])
    found = run(learner)
    for part in ("validation", "test"):
        by_step = found.arrays[f"{part}_score_by_step"]
        assert by_step.shape == (BASE.n_steps,)
        assert by_step[-1] == found.metrics[f"{part}_accuracy"]
    assert "train_score_by_step" not in found.arrays
    assert "test_score_by_step" not in taught(BASE.teacher).arrays


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row.system)
def test_what_papers_claim_to_work_by_makes_the_difference(row) -> None:
    assert row.small is not None
    assert row.control is not None
    changes = {**row.settings, **row.small[1], "epochs": 6}
    whole = preset("standard", row.dataset)
    assert dataclasses.replace(whole, **row.settings) != whole  # it can be made there
    system, control = fitted(**changes), fitted(**{**changes, **row.control.settings})
    assert accuracy(system) > accuracy(control) + 0.03
