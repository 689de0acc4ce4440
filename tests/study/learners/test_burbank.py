"""The mirrored autoencoder as a learner: what labels cannot reach, controls, costs."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest

from study import data
from study.data.reference import DataAccess, DatasetRef
from study.data.samples import Dataset
from study.learners.burbank import BurbankConfig, BurbankLearner, preset
from study.learners.burbank_config import ERROR, PUBLISHED
from study.learning import artefacts
from study.learning.contract import Evaluation
from study.trials.trial import no_progress


@functools.cache
def digits() -> Dataset:
    return data.load(DatasetRef("digits"), DataAccess())


@functools.cache
def fitted(**settings) -> BurbankLearner:
    learner = BurbankLearner(
        dataclasses.replace(preset("quick", "digits"), **settings), digits().task
    )
    rng = np.random.default_rng(0)
    learner.fit(digits().train, digits().validation, rng, no_progress)
    return learner


def answered(learner: BurbankLearner) -> Evaluation:
    return learner.evaluate(digits().test, np.random.default_rng(1))


def test_weights_mirror_each_other_and_images_are_rebuilt() -> None:
    assert fitted().network.symmetry > 0.95
    scores = answered(fitted()).scores
    assert scores[ERROR] < 0.4
    assert scores["accuracy"] > 0.85
    found = fitted().keep()
    shown = artefacts.reconstructions(found.all_arrays())
    assert shown is not None
    assert shown.originals.shape == shown.rebuilt.shape == (8, 8, 8)
    assert np.corrcoef(shown.originals.ravel(), shown.rebuilt.ravel())[0, 1] > 0.7
    learning = artefacts.curve(found.all_arrays())
    assert learning is not None
    assert learning.loss[-1] < 0.5 < learning.loss[0]
    assert found.arrays["symmetry"][-1] == found.metrics["symmetry"]


@pytest.mark.parametrize("without", [{"feedback": "classical"}, {"presentations": 0}])
def test_controls_rebuild_nothing_and_are_hard_to_read(without) -> None:
    scores = answered(fitted(**without)).scores
    assert scores[ERROR] > 1
    assert scores["accuracy"] < answered(fitted()).scores["accuracy"] - 0.2
    assert fitted(**without).network.symmetry < 0.2


def test_labels_cannot_reach_the_network_and_wrong_ones_leave_chance() -> None:
    other = fitted(labels="shuffled")
    for own, its in zip(fitted().network, other.network, strict=True):
        np.testing.assert_array_equal(own, its)
    assert abs(answered(other).scores["accuracy"] - 0.1) < 0.1


def test_costs_are_those_of_dense_weights() -> None:
    cost = answered(fitted()).cost
    by_name = {layer.name: layer for layer in cost.layers}
    assert by_name["input"].additions == pytest.approx(by_name["input"].spikes * 50)
    assert by_name["hidden"].additions == pytest.approx(by_name["hidden"].spikes * 64)
    assert by_name["input"].updates == 0
    assert by_name["hidden"].updates == 5 * 50
    assert by_name["code"].macs <= 10 * by_name["hidden"].spikes
    pixels = fitted(features="pixels")
    np.testing.assert_array_equal(pixels.network.forward, fitted().network.forward)


def test_a_read_out_of_other_labels_leaves_the_network() -> None:
    few = digits().train.take(np.arange(100))
    other = fitted().named_by(few, np.random.default_rng(2))
    assert other.network is fitted().network
    assert 0.4 < answered(other).scores["accuracy"] < answered(fitted()).scores["accuracy"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"inverse_penalties": ()},
        {"presentations": -1},
        {"tau_trace_s": -1.0},
        {"feedback": "both"},
        {"features": "spikes"},
        {"labels": "none"},
    ],
)
def test_settings_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BurbankConfig(**wrong)


def test_the_row_of_the_review_has_its_control() -> None:
    (row,) = PUBLISHED
    assert row.control is not None
    assert dict(row.control.settings) == {"feedback": "classical"}
    assert row.score is None
