"""Maps that rebuild their input: settings, what labels cannot reach, controls, counts."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest

from study import data
from study.data.reference import DataAccess, DatasetRef
from study.data.samples import Dataset
from study.learners.panda_roy import PandaRoyConfig, PandaRoyLearner, preset
from study.learners.panda_roy_config import PUBLISHED
from study.learners.panda_roy_features import reached
from study.learning import artefacts
from study.learning.contract import Evaluation
from study.trials.trial import no_progress

TWO = {
    "maps": (20, 40), "kernel": (3, 3), "winners": (2, 2), "target": (0.08, 0.04), "pool": (2, 2),
}  # fmt: skip


@functools.cache
def digits() -> Dataset:
    return data.load(DatasetRef("digits"), DataAccess())


def fitted(given: Dataset | None = None, **settings) -> PandaRoyLearner:
    given = given or digits()
    config = dataclasses.replace(preset("quick", "digits"), **settings)
    learner = PandaRoyLearner(config, given.task)
    learner.fit(given.train, given.validation, np.random.default_rng(0), no_progress)
    return learner


@functools.cache
def usual() -> PandaRoyLearner:
    return fitted()


@functools.cache
def headed() -> PandaRoyLearner:
    return fitted(readout="head")


def answered(learner: PandaRoyLearner) -> Evaluation:
    return learner.evaluate(digits().test, np.random.default_rng(1))


def test_both_readouts_are_rows_with_the_papers_number_and_a_control() -> None:
    assert all(row.score == 0.9905 and row.control for row in PUBLISHED)
    assert [dict(row.settings) for row in PUBLISHED] == [{}, {"readout": "head"}]


@pytest.mark.parametrize(
    "wrong",
    [
        {"maps": ()}, {"maps": (64, 64)}, {"kernel": (4,)}, {"side": 4}, {"winners": (65,)},
        {"target": (0.5,)}, {"full": 0.0}, {"inverse_penalties": ()}, {"epochs": 0},
        {"label_samples": -1}, {"n_batches": 0}, {"surround": 1.0},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PandaRoyConfig(**wrong)


def test_maps_cannot_see_labels_and_wrong_ones_leave_chance() -> None:
    """The weights are equal bit for bit, whatever the labels and whoever reads."""
    labels = np.random.default_rng(5).permutation(digits().train.labels)
    train = dataclasses.replace(digits().train, labels=labels)
    permuted = fitted(dataclasses.replace(digits(), train=train))
    for other in (fitted(labels="shuffled"), permuted):
        np.testing.assert_array_equal(usual().layers[0].weights, other.layers[0].weights)
        np.testing.assert_array_equal(usual().layers[0].bias, other.layers[0].bias)
        assert abs(answered(other).scores["accuracy"] - 0.1) < 0.1
    np.testing.assert_array_equal(usual().layers[0].weights, headed().layers[0].weights)


def test_both_readouts_read_digits() -> None:
    assert answered(usual()).scores["accuracy"] > 0.94
    assert answered(headed()).scores["accuracy"] > 0.94


def test_images_are_rebuilt_better_than_by_the_mean_image_and_by_random_filters() -> None:
    assert usual().keep().metrics["rebuilding_error"] < 0.65
    for control in ("random", "displaced"):
        assert fitted(filters=control).keep().metrics["rebuilding_error"] > 1


def test_filters_in_random_places_have_the_same_weights() -> None:
    displaced = fitted(filters="displaced").layers[0].weights
    for ours, theirs in zip(usual().layers[0].weights, displaced, strict=True):
        np.testing.assert_array_equal(np.sort(ours, axis=None), np.sort(theirs, axis=None))
        assert (ours != theirs).any()


def test_matched_filters_are_random_and_spike_at_least_as_often() -> None:
    matched = fitted(filters="matched")
    random = fitted(filters="random")
    np.testing.assert_array_equal(matched.layers[0].weights, random.layers[0].weights)
    learned, more = (answered(each).cost.spikes_by_layer["maps 1"] for each in (usual(), matched))
    assert answered(random).cost.spikes_by_layer["maps 1"] < 0.8 * learned
    assert more == pytest.approx(learned, rel=0.05)


def test_two_layers_learn_one_after_another() -> None:
    one, two = fitted(**{**TWO, **{key: value[:1] for key, value in TWO.items()}}), fitted(**TWO)
    np.testing.assert_array_equal(one.layers[0].weights, two.layers[0].weights)
    assert two.layers[1].weights.shape == (40, 20, 3, 3)
    found = answered(two)
    assert found.scores["accuracy"] > 0.7
    assert list(found.cost.spikes_by_layer) == ["input", "maps 1", "maps 2"]


def test_a_spike_reaches_the_neurons_around_it_that_there_are() -> None:
    layer = usual().layers[0]
    found = reached(layer, (4, 5))
    assert (found[0, 0], found[0, 1], found[1, 1]) == (160, 240, 360)


def test_answers_cost_additions_for_each_spike() -> None:
    layers = {layer.name: layer for layer in answered(headed()).cost.layers}
    assert list(layers) == ["pixels", "input", "maps 1", "hidden"]
    assert layers["maps 1"].additions == pytest.approx(layers["maps 1"].spikes * 100)
    assert layers["hidden"].additions == pytest.approx(layers["hidden"].spikes * 10)
    assert layers["input"].additions < layers["input"].spikes * 40 * 9
    alone = answered(fitted(features="pixels")).cost
    assert alone.spikes is None
    assert alone.macs > 0


def test_filters_convergence_and_reconstructions_are_kept() -> None:
    kept = usual().keep()
    arrays, weights = kept.all_arrays(), usual().layers[0].weights
    shown = artefacts.filters(arrays)
    assert shown is not None
    np.testing.assert_array_equal(shown.images, weights[:, 0] - weights[:, 1])
    curve = artefacts.curve(arrays)
    assert curve is not None
    assert curve.loss[-1] < curve.loss[0]
    assert arrays["originals"].shape == arrays["rebuilt"].shape == (8, 8, 8)


@pytest.mark.parametrize("learner", [usual, headed])
def test_other_weights_answer_otherwise_and_leave_the_learner_alone(learner) -> None:
    before = answered(learner()).answers
    same = learner().with_weights(learner().weights())
    np.testing.assert_array_equal(answered(same).answers, before)
    silent = {name: np.zeros_like(values) for name, values in learner().weights().items()}
    assert len(set(answered(learner().with_weights(silent)).answers)) == 1
    np.testing.assert_array_equal(answered(learner()).answers, before)
