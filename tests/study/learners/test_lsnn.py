"""An LSNN as a learner: what it counts, what it keeps, and that settings arrive where they act."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from gradsim import lsnn, raster
from gradsim.lsnn_gradients import evaluate
from study.data import store_recall
from study.data.samples import Events
from study.data.task import Symbols
from study.learners import LEARNERS
from study.learners.lsnn import LSNNConfig, LSNNLearner, encode
from study.learning.artefacts import curve, rasters
from study.trials.trial import no_progress

SMALL = LSNNConfig(
    n_regular=3, n_adaptive=2, iterations=5, batch_size=4, validate_every=2, dt_s=2e-3
)


@pytest.fixture(scope="module")
def few() -> Events:
    return store_recall.draw(12, np.random.default_rng(4))


def fitted(few: Events, seed: int = 0, **changes: object) -> LSNNLearner:
    learner = LSNNLearner(dataclasses.replace(SMALL, **changes), Symbols(2))
    learner.fit(few, few.take(np.arange(6)), np.random.default_rng(seed), no_progress)
    return learner


@pytest.fixture(scope="module")
def learner(few: Events) -> LSNNLearner:
    return fitted(few)


def test_answers_are_the_largest_mean_readout_of_each_symbol(learner, few):
    found = learner.evaluate(few, np.random.default_rng(0))
    readout = lsnn.run(learner.network, encode(few, SMALL.dt_s).inputs).readout  # [T, B, 2]
    means = readout.reshape(12, 100, len(few), 2).mean(axis=1)
    np.testing.assert_array_equal(found.answers, means.argmax(axis=2).T)
    assert found.answers.shape == few.labels.shape


def test_costs_are_those_of_counting_spike_by_spike(learner, few):
    """Synapses that are gone cost nothing: some are cut first."""
    weights = {name: values.copy() for name, values in learner.weights().items()}
    weights["w_in"][:, :40] = 0
    weights["w_rec"][2:] = 0
    cut = learner.with_weights(weights)
    layers = {
        layer.name: layer for layer in cut.evaluate(few, np.random.default_rng(0)).cost.layers
    }
    inputs = encode(few, SMALL.dt_s).inputs
    spikes = lsnn.run(cut.network, inputs).spikes.sum(axis=(0, 1), dtype=int)
    of_input = raster(inputs).sum(dim=(0, 1)).numpy()
    assert layers["input"].spikes == pytest.approx(of_input.sum() / 12)
    assert layers["input"].additions == pytest.approx(of_input[40:].sum() * 5 / 12)
    # A neuron reaches neurons 0 and 1, itself left out, and both readout units.
    assert layers["regular"].additions == pytest.approx(spikes[:3] @ [3, 3, 4] / 12)
    assert layers["adaptive"].additions == pytest.approx(spikes[3:] @ [4, 4] / 12)
    assert (layers["regular"].updates, layers["regular"].states) == (1200 * 3, 2)
    assert (layers["adaptive"].updates, layers["adaptive"].states) == (1200 * 2, 3)
    assert sum(layer.weights for layer in layers.values()) == 5 * 100 + 5 * 4 + 2 * 5


def test_what_is_kept_is_the_history_and_one_sequence(learner, few):
    arrays, history = learner.keep().all_arrays(), learner._history
    followed = curve(arrays)
    assert followed is not None
    np.testing.assert_array_equal(followed.seen, [8, 16, 20])  # after 2, 4 and 5 iterations
    np.testing.assert_allclose(followed.loss[0], history.loss[:2].mean())
    np.testing.assert_allclose(followed.loss[2], history.loss[4])
    np.testing.assert_allclose(followed.train[1], 1 - history.error[2:4].mean())
    shown = {one.layer: one for one in rasters(arrays)}
    ran = lsnn.run(learner.network, encode(few.take(np.arange(1)), SMALL.dt_s).inputs)
    assert len(shown["regular"].step) == ran.spikes[:, 0, :3].sum()
    assert len(shown["adaptive"].step) == ran.spikes[:, 0, 3:].sum()
    assert shown["adaptive"].unit.max() <= 1
    np.testing.assert_array_equal(arrays["example_labels"], few.labels[0])


def test_the_best_iteration_of_validation_is_kept(learner, few):
    held_out = encode(few.take(np.arange(6)), SMALL.dt_s)
    best = evaluate(learner.network, held_out).loss
    history = learner._history
    assert best == pytest.approx(history.validation_loss[history.validated == history.best][0])
    assert (
        history.validation_error.min()
        == history.validation_error[history.validated == history.best]
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"rule": "eprop"},
        {"rule": "eprop", "feedback": "random"},
        {"beta": 0.0},
        {"max_delay": 1},
        {"rate_penalty": 1e-2},
        {"carry_state": False},
        {"tau_adapt_s": 0.1},
        {"learning_rate": 0.1},
    ],
    ids=str,
)
def test_settings_change_what_is_learned(learner, few, changes):
    pairs = zip(learner.network.weights, fitted(few, **changes).network.weights, strict=True)
    assert any((before != after).any() for before, after in pairs)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"rule": "hebb"}, "rule must be one of bptt, eprop"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"threshold": 0.0}, "threshold must be positive"),
        ({"dt_s": 7e-3}, "S a divisor of"),
    ],
)
def test_impossible_settings_are_refused(few, changes, told):
    with pytest.raises(ValueError, match=told):
        fitted(few, **changes)


@pytest.mark.parametrize("name", ["lsnn", "lsnn-eprop"])
def test_presets_make_what_the_review_says_they_do(name):
    entry = LEARNERS[name]
    for profile in ("quick", "standard"):
        config = entry.preset(profile, "store-recall")
        assert config.rule == ("eprop" if name == "lsnn-eprop" else "bptt")
        assert config.iterations <= 200  # within which the paper reaches its number
        assert config.beta == 1.7
    assert not entry.fits("events", "classes")
    assert entry.published[0].score == 0.95


@pytest.mark.slow
def test_the_quick_preset_solves_store_recall_and_not_without_adaptation() -> None:
    assert wrong("lsnn", "quick") < 0.05
    assert wrong("lsnn", "quick", beta=0.0) > 0.3


@pytest.mark.slow
def test_eprop_remembers_too() -> None:
    assert wrong("lsnn-eprop", "standard") < 0.1


def wrong(name: str, profile: str, **changes: object) -> float:
    """Return the share of wrong test bits of a preset."""
    whole, entry = store_recall.generate(), LEARNERS[name]
    config = dataclasses.replace(entry.preset(profile, "store-recall"), **changes)
    learner = entry.build(dataclasses.asdict(config), whole.task)
    learner.fit(whole.train, whole.validation, np.random.default_rng(0), no_progress)
    found = learner.evaluate(whole.test, np.random.default_rng(0))
    return 1 - found.scores["symbol_accuracy"]
