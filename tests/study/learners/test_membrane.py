"""The learner whose errors go through membrane potentials: settings, counts, controls, events."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from gradsim import membrane
from study import data
from study.data.reference import DataAccess, DatasetRef
from study.data.samples import Dataset, Events
from study.data.task import Classes
from study.learners.linear import LinearConfig, LinearLearner
from study.learners.membrane import MembraneConfig, MembraneLearner, preset
from study.learners.membrane_config import PUBLISHED
from study.learning.artefacts import curve
from study.trials.trial import no_progress

SMALL = dataclasses.replace(preset("quick", "digits"), hidden=50, epochs=10)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return data.load(DatasetRef("digits"), DataAccess())


def fitted(digits: Dataset, **settings) -> MembraneLearner:
    learner = MembraneLearner(dataclasses.replace(SMALL, **settings), digits.task)
    learner.fit(digits.train, digits.validation, np.random.default_rng(0), no_progress)
    return learner


def accuracy(learner: MembraneLearner, digits: Dataset) -> float:
    return learner.evaluate(digits.test, np.random.default_rng(0)).scores["accuracy"]


@pytest.fixture(scope="module")
def usual(digits: Dataset) -> MembraneLearner:
    return fitted(digits)


def test_the_network_is_the_papers() -> None:
    config = MembraneConfig()
    assert (config.hidden, config.layers, config.features) == (800, 1, ())
    assert config.tau_mem * config.n_steps == 20  # milliseconds
    assert config.regularisation == 0
    assert [row.score for row in PUBLISHED] == [0.9888, 0.9931]
    assert all(row.control for row in PUBLISHED)


@pytest.mark.parametrize(
    "wrong",
    [
        {"hidden": 0},
        {"tau_mem": 0.0},
        {"shift": -1},
        {"chance": 1.5},
        {"inhibition": 1.0},
        {"learning_rate": 0.0},
    ],
)
def test_settings_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MembraneConfig(**wrong)


def test_costs_are_those_of_the_library(usual, digits) -> None:
    test = digits.test.take(np.arange(50))  # one batch, after the one that warms up
    cost = usual.evaluate(test, np.random.default_rng(3)).cost
    rng = np.random.default_rng(3)
    from gradsim.membrane_stimuli import Poisson

    stimuli = Poisson(test.pixels, 50, 0.4)
    run = membrane.Run(usual.network)
    run.show(stimuli.spikes(np.arange(50), rng))
    shown = run.show(stimuli.spikes(np.arange(50), rng))
    spikes = [part.sum() / 50 for part in (shown.input_counts, *(x.counts for x in shown.layers))]
    assert list(cost.spikes_by_layer) == ["input", "hidden", "output"]
    assert list(cost.spikes_by_layer.values()) == pytest.approx(spikes)
    assert cost.additions == pytest.approx(np.dot(spikes, [50, 10, 9]))
    assert cost.macs == 0
    assert cost.updates == 50 * (50 + 10)


def test_it_keeps_how_learning_went(usual) -> None:
    kept = usual.keep()
    assert kept.arrays["spikes_by_epoch"].shape == (10, 3)
    assert 0 <= kept.metrics["silent_share"] < 1
    found = curve(kept.all_arrays())
    assert found is not None
    assert found.validation[kept.metrics["best_epoch"] - 1] == found.validation.max()
    assert len(found.train) == 10


@pytest.mark.parametrize(
    "settings",
    [
        {"inhibition": 0.0},
        {"threshold_rate": 0.1},
        {"optimiser": "sgd", "learning_rate": 0.03, "normalised": True},
        {"layers": 2},
        {"regularisation": 1e-4},
        {"features": (10,), "hidden": 30},
    ],
)
def test_other_ways_learn_too(digits, settings) -> None:
    assert accuracy(fitted(digits, **settings), digits) > 0.8


def test_what_is_taken_away_is_missed(usual, digits) -> None:
    assert accuracy(usual, digits) > 0.9
    assert accuracy(fitted(digits, hidden_learns=False), digits) < accuracy(usual, digits) - 0.02


def test_additions_of_maps_are_those_of_weights_that_meet_a_spike(digits) -> None:
    learner = fitted(digits, features=(4,), hidden=20, epochs=1)
    layers = learner.evaluate(digits.test, np.random.default_rng(0)).cost.layers
    assert [each.name for each in layers] == ["input", "maps 1", "hidden", "output"]
    assert [each.weights for each in layers] == [4 * 25, 4 * 4 * 20, 200, 0]
    assert layers[1].updates == 50 * 4 * 16
    assert layers[1].additions == pytest.approx(20 * layers[1].spikes)
    # A pixel reaches 4 to 64 of 64 neurons, one in the middle 16 of the 25 places of each feature.
    assert 16 * layers[0].spikes < layers[0].additions < 64 * layers[0].spikes


def test_maps_want_images(digits) -> None:
    learner = MembraneLearner(MembraneConfig(features=(4,)), Classes(2))
    with pytest.raises(ValueError, match="features want images"):
        learner.fit(rings(10, 1), rings(10, 1), np.random.default_rng(0), no_progress)


def rings(n: int, seed: int) -> Events:
    """Return events on 2 x 8 x 8 units; a class is which two of four corners fire together.

    Each corner is as active in either class, so that no sum of counts tells them apart.
    """
    rng = np.random.default_rng(seed)
    labels, time_s, unit = np.arange(n) % 2, [], []
    for label in labels:
        kind = rng.integers(2)
        corners = [(0, 3), (1, 2)][kind] if label else [(0, 1), (2, 3)][kind]
        for corner in corners:
            y, x = divmod(corner, 2)
            place = rng.integers(0, 4, (2, 60)) + 4 * np.array([[y], [x]])
            polarity = rng.integers(0, 2, 60)
            unit.append(np.ravel_multi_index((polarity, *place), (2, 8, 8)))
            time_s.append(rng.random(60) * 0.3)
    offsets = np.arange(n + 1) * 120
    return Events(
        np.concatenate(time_s), np.concatenate(unit), offsets, labels, 128, 0.3, shape=(2, 8, 8)
    )


def test_events_are_learned_beyond_what_a_linear_readout_of_counts_can() -> None:
    train, validation, test = rings(600, 1), rings(200, 2), rings(200, 3)
    config = MembraneConfig(hidden=60, epochs=20, batch_size=20, learning_rate=5e-3)
    learner = MembraneLearner(config, Classes(2))
    learner.fit(train, validation, np.random.default_rng(0), no_progress)
    linear = LinearLearner(LinearConfig(inverse_penalties=(0.1,)), Classes(2))
    linear.fit(train, validation, np.random.default_rng(0), no_progress)
    ours, theirs = (
        each.evaluate(test, np.random.default_rng(0)).scores["accuracy"]
        for each in (learner, linear)
    )
    assert ours > 0.95
    assert theirs < 0.7
    assert learner.network.tau_s == pytest.approx(1.2)
    assert learner.network.dt_s == pytest.approx(6e-3)
