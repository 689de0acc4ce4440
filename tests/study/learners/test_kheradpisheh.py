"""Maps that learn by spike times: settings, what labels cannot reach, controls, counts."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest

from gradsim import rank_code, stdp_convolution
from study import data
from study.data.reference import DataAccess, DatasetRef
from study.data.samples import Dataset
from study.learners import kheradpisheh_features as looking
from study.learners.kheradpisheh import KheradpishehConfig, KheradpishehLearner, preset
from study.learners.kheradpisheh_config import PUBLISHED, TWO_LAYERS
from study.learning import artefacts
from study.learning.contract import Evaluation
from study.trials.trial import no_progress

SMALL_LAYERS = {
    "maps": (12, 30), "kernel": (3, 3), "threshold": (2.5, 2.0), "pool": (2, 1),
    "winners": (4, 4), "radius": (1, 1), "images": (1000, 2000),
}  # fmt: skip


@functools.cache
def digits() -> Dataset:
    return data.load(DatasetRef("digits"), DataAccess())


def fitted(seed: int = 0, given: Dataset | None = None, **settings) -> KheradpishehLearner:
    given = given or digits()
    learner = KheradpishehLearner(
        dataclasses.replace(preset("quick", "digits"), **settings), given.task
    )
    learner.fit(given.train, given.validation, np.random.default_rng(seed), no_progress)
    return learner


@functools.cache
def usual() -> KheradpishehLearner:
    return fitted()


def answered(learner: KheradpishehLearner) -> Evaluation:
    return learner.evaluate(digits().test, np.random.default_rng(1))


def accuracy(**settings) -> float:
    found = [answered(fitted(seed, **settings)).scores["accuracy"] for seed in range(3)]
    return float(np.mean(found))


@functools.cache
def usual_accuracy() -> float:
    return accuracy()


def test_the_defaults_are_the_papers_two_layers() -> None:
    config = KheradpishehConfig()
    assert (config.maps, config.kernel, config.threshold) == ((30, 100), (5, 5), (15.0, 10.0))
    assert (config.rate, config.depression * config.rate) == (0.004, 0.003)
    assert config.converged == 0.01
    assert config.readout == "potentials"
    assert [row.score for row in PUBLISHED] == [0.984, 0.984]
    assert PUBLISHED[0].control
    assert len(dataclasses.replace(preset("standard", "mnist"), **TWO_LAYERS).layers) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"maps": ()},
        {"maps": (30,)},
        {"kernel": (5, 4)},
        {"kernel": (0, 5)},
        {"side": 4},
        {"n_steps": 256},
        {"centre": 2.0},
        {"contrast": 0.0},
        {"rate": 0.2},
        {"depression": 0.0},
        {"threshold": (0.0, 1.0)},
        {"inverse_penalties": ()},
        {"label_samples": -1},
        {"radius": (-1, 0)},
    ],
)
def test_settings_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        KheradpishehConfig(**wrong)


def test_maps_cannot_see_labels_and_wrong_ones_leave_chance() -> None:
    """The weights are equal bit for bit, whatever the labels."""
    shuffled, permuted = fitted(labels="shuffled"), digits().train
    labels = np.random.default_rng(5).permutation(permuted.labels)
    given = dataclasses.replace(digits(), train=dataclasses.replace(permuted, labels=labels))
    for other in (shuffled, fitted(given=given)):
        np.testing.assert_array_equal(usual().layers[0].weights, other.layers[0].weights)
        assert abs(answered(other).scores["accuracy"] - 0.1) < 0.1


def test_weights_go_to_their_ends_as_they_learn() -> None:
    kept = usual().keep()
    found = artefacts.curve(kept.all_arrays())
    assert found is not None
    assert found.seen[0] == 0
    assert found.loss[-1] < 0.7 * found.loss[0]
    assert kept.metrics["convergence_1"] == found.loss[-1]
    larger = fitted(kernel=(5,), threshold=(3.5,), images=(6000,))
    weights = larger.layers[0].weights
    assert larger.keep().metrics["convergence_1"] < 0.01
    assert np.mean((weights < 0.1) | (weights > 0.9)) > 0.95
    assert 0.05 < weights.mean() < 0.3


def test_filters_are_on_less_off() -> None:
    found = artefacts.filters(usual().keep().all_arrays())
    weights = usual().layers[0].weights
    assert found is not None
    np.testing.assert_array_equal(found.images, weights[:, 0] - weights[:, 1])


def test_what_was_learned_beats_its_weights_in_random_places_and_as_many_spikes() -> None:
    assert usual_accuracy() > 0.92
    assert accuracy(filters="displaced") < usual_accuracy() - 0.015
    assert accuracy(filters="matched") < usual_accuracy() - 0.015


def test_filters_in_random_places_have_the_same_weights_and_as_many_spikes() -> None:
    learned, matched = usual(), fitted(filters="matched")
    for ours, theirs in zip(learned.layers[0].weights, matched.layers[0].weights, strict=True):
        np.testing.assert_array_equal(np.sort(ours, axis=None), np.sort(theirs, axis=None))
        assert (ours != theirs).any()
    spikes = [answered(each).cost.spikes_by_layer["maps 1"] for each in (learned, matched)]
    assert spikes[1] == pytest.approx(spikes[0], rel=0.05)


def test_a_matched_threshold_is_the_highest_with_enough_spikes() -> None:
    times = rank_code.encode(digits().train.pixels[:100], usual().config.code())
    layer = looking.displaced(usual().layers[0], np.random.default_rng(0))
    found = looking.matched(layer, times, 45.0)
    unit = 2 * layer.thresholds[0] / looking.LEVELS
    for more, enough in ((0.0, True), (unit, False)):
        tried = dataclasses.replace(found, thresholds=found.thresholds + np.float32(more))
        assert (stdp_convolution.respond(tried, times).spikes.mean() >= 45) == enough
    assert abs(found.thresholds[0] - layer.thresholds[0]) > unit


def test_shuffled_times_are_missed() -> None:
    assert accuracy(times="shuffled") < usual_accuracy() - 0.02


def test_without_inhibition_afterwards_there_are_many_more_spikes_of_the_same_weights() -> None:
    free = fitted(inhibits=False)
    np.testing.assert_array_equal(free.layers[0].weights, usual().layers[0].weights)
    spikes = [answered(each).cost.spikes_by_layer["maps 1"] for each in (usual(), free)]
    assert spikes[1] > 5 * spikes[0]
    assert answered(free).scores["accuracy"] > 0.9


@pytest.mark.parametrize("features", ["pixels", "contrast"])
def test_what_comes_in_is_read_without_maps(features: str) -> None:
    learner = fitted(features=features)
    cost = answered(learner).cost
    assert answered(learner).scores["accuracy"] > 0.9
    assert cost.additions == 0
    images = digits().test.pixels
    if features == "pixels":
        assert cost.macs == pytest.approx(np.count_nonzero(images) / len(images) * 10)
        assert cost.spikes is None
        return
    spikes = np.sum(rank_code.encode(images, learner.config.code()) < 15) / len(images)
    assert cost.spikes == pytest.approx(spikes)
    assert cost.macs == pytest.approx(2 * 9 * 64 + 10 * spikes)
    assert learner.keep().all_arrays() == {}


def test_costs_are_those_of_the_library() -> None:
    cost, learner = answered(usual()).cost, usual()
    images = digits().test.pixels
    times = rank_code.encode(images, learner.config.code())
    shown = stdp_convolution.respond(learner.layers[0], times)
    pooled = np.sum(shown.times < 15)
    assert cost.spikes_by_layer == pytest.approx(
        {
            "input": np.sum(times < 15) / len(images),
            "maps 1": shown.spikes.mean(),
            "pooled 1": pooled / len(images),
        }
    )
    assert cost.additions == pytest.approx(shown.additions.mean())
    assert cost.macs == pytest.approx(2 * 9 * 64 + 10 * pooled / len(images))
    assert cost.updates == 15 * 60 * 64


@pytest.mark.parametrize("readout", ["latencies", "potentials"])
def test_two_layers_stand_one_behind_another(readout: str) -> None:
    learner = fitted(**SMALL_LAYERS, readout=readout)
    found = answered(learner)
    assert found.scores["accuracy"] > {"latencies": 0.6, "potentials": 0.35}[readout]
    pooled = ["pooled 1", "maps 2", "pooled 2"] if readout == "latencies" else ["pooled 1"]
    assert list(found.cost.spikes_by_layer) == ["input", "maps 1", *pooled]
    assert {layer.name for layer in found.cost.layers} >= {"pixels", "maps 2"}
    assert learner.layers[1].weights.shape == (30, 12, 3, 3)
    assert {"convergence_1", "convergence_2"} <= learner.keep().metrics.keys()
    assert learner.weights().keys() == {"input", "pooled 1", "pooled 2"}


def test_few_labels_teach_the_read_out_alone() -> None:
    few = fitted(label_samples=100)
    np.testing.assert_array_equal(few.layers[0].weights, usual().layers[0].weights)
    assert 0.6 < answered(few).scores["accuracy"] < usual_accuracy()
    named = usual().named_by(digits().train.take(np.arange(100)), np.random.default_rng(0))
    assert 0.6 < answered(named).scores["accuracy"] < usual_accuracy()
    assert answered(usual()).scores["accuracy"] > 0.9


def test_an_image_spikes_as_before_when_it_is_brighter_but_for_the_threshold() -> None:
    config = usual().config
    images = digits().test.pixels[:50] / 2
    dim = dataclasses.replace(config, contrast=config.contrast / 2)
    seen = [
        looking.see(each, usual().layers, shown, np.random.default_rng(0))
        for each, shown in ((dim, images), (config, images * 2))
    ]
    assert seen[0].spikes == seen[1].spikes
    assert (seen[0].features != seen[1].features).nnz == 0
