"""The learner of modulated dendrites: its settings, its counts, and what controls take away."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from gradsim import erbp
from study import data
from study.data.reference import DataAccess, DatasetRef
from study.data.samples import Dataset
from study.learners.erbp import ERBPConfig, ERBPLearner, preset
from study.learners.erbp_config import PUBLISHED
from study.learning.artefacts import curve
from study.trials.trial import no_progress

SMALL = dataclasses.replace(preset("quick", "digits"), epochs=3)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return data.load(DatasetRef("digits"), DataAccess())


def fitted(digits: Dataset, **settings) -> ERBPLearner:
    learner = ERBPLearner(dataclasses.replace(SMALL, **settings), digits.task)
    learner.fit(digits.train, digits.validation, np.random.default_rng(0), no_progress)
    return learner


@pytest.fixture(scope="module")
def usual(digits: Dataset) -> ERBPLearner:
    return fitted(digits)


def test_the_defaults_are_the_papers_table() -> None:
    config = ERBPConfig()
    assert (config.present_ms, config.answer_ms, config.hidden) == (100, 500, 200)
    assert (config.gate_low, config.gate_high, config.transmission) == (-11.5, 11.5, 0.45)
    neurons = config.neurons()
    assert (neurons.tau_synapse_ms, neurons.tau_membrane_ms, neurons.refractory_ms) == (4, 1, 4)
    assert config.training().tau_dendrite_ms == 4
    assert config.training().gate == (-11.5, 11.5)
    assert [row.score for row in PUBLISHED] == [None, 0.9798]
    assert all(row.control is not None for row in PUBLISHED)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden": 0}, {"epochs": 0}, {"learning_rate": 0.0}, {"gate_low": 12.0}, {"decay": 1.5},
        {"transmission": 0.0}, {"noise": -0.1}, {"input_rate_hz": 251.0}, {"from_ms": 100},
        {"label_period_ms": -1},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ERBPConfig(**wrong)


def test_costs_are_those_of_the_library(usual, digits) -> None:
    few = digits.test.take(np.arange(64))
    cost = usual.evaluate(few, np.random.default_rng(0)).cost
    chance = np.random.default_rng([int(np.random.default_rng(0).integers(2**63)), 0])
    images = few.pixels.reshape(len(few), -1)
    shown = erbp.respond(usual.network, images, chance, SMALL.answer_ms)
    added = sum(part.sum() for part in erbp.additions(usual.network, shown.spikes))
    assert cost.additions == pytest.approx(added)
    assert added == pytest.approx(100 * shown.spikes[0].sum() + 10 * shown.spikes[1].sum())
    assert cost.macs == 0
    assert list(cost.spikes_by_layer) == ["input", "hidden", "output"]
    assert cost.spikes == pytest.approx(sum(part.sum() for part in shown.spikes))
    assert cost.updates == SMALL.answer_ms * (100 + 10)


def test_it_keeps_what_training_took(usual) -> None:
    kept = usual.keep()
    by_epoch, spikes = (
        kept.arrays[name] for name in ("train_operations_by_epoch", "spikes_by_epoch")
    )
    np.testing.assert_allclose(by_epoch[:, 0], 100 * spikes[:, 0] + 10 * spikes[:, 1])
    errors = kept.arrays["error_spikes_by_epoch"].sum(axis=1)
    np.testing.assert_allclose(by_epoch[:, 1], errors * (100 + 1))
    assert kept.metrics["train_synops_per_sample"] == pytest.approx(by_epoch.mean(0).sum())
    assert kept.metrics["train_comparisons_per_sample"] > 2 * by_epoch[:, 2].mean()
    found = curve(kept.all_arrays())
    assert found is not None
    assert found.validation[kept.metrics["best_epoch"] - 1] == found.validation.max()


def test_synapses_that_blank_out_add_less(digits) -> None:
    learner = fitted(digits, transmission=0.5, epochs=1)
    kept = learner.keep()
    spikes = kept.arrays["spikes_by_epoch"][0]
    forward = kept.metrics["train_forward_operations_per_sample"]
    assert forward == pytest.approx(0.5 * (100 * spikes[0] + 10 * spikes[1]))


def test_what_is_taken_away_is_missed(usual, digits) -> None:
    def score(learner: ERBPLearner) -> float:
        return learner.evaluate(digits.test, np.random.default_rng(0)).scores["accuracy"]

    assert score(usual) > 0.85
    deaf, frozen = fitted(digits, feedback="none"), fitted(digits, hidden_learns=False)
    assert score(deaf) == score(frozen) < 0.7
    assert score(fitted(digits, feedback="uniform")) < 0.75
    assert score(fitted(digits, label_period_ms=0)) < 0.25


def test_two_hidden_layers_learn_too(digits) -> None:
    learner = fitted(digits, layers=2, hidden=60, gate_high=2.0)
    assert learner.evaluate(digits.test, np.random.default_rng(0)).scores["accuracy"] > 0.75
    assert list(learner.weights()) == ["input", "hidden 1", "hidden 2"]
