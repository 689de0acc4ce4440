"""The baselines learn, count their operations, and repeat with their seed."""

from __future__ import annotations

import numpy as np
import pytest

from study.data.samples import Events, Images
from study.data.task import Classes
from study.learners.dense import features
from study.learners.linear import LinearConfig, LinearLearner
from study.learners.mlp import MLPConfig, MLPLearner
from study.trials.trial import no_progress


def ring(n: int, seed: int) -> Images:
    """Two classes that no line separates: near the middle and far from it."""
    rng = np.random.default_rng(seed)
    pixels = rng.uniform(size=(n, 1, 2)).astype(np.float32)
    far = np.hypot(*(pixels[:, 0, :] - 0.5).T) > 0.4
    return Images(pixels, far.astype(np.int64))


def fitted(learner, seed: int = 0):
    learner.fit(ring(600, 1), ring(200, 2), np.random.default_rng(seed), no_progress)
    return learner.evaluate(ring(500, 3), np.random.default_rng(0))


def test_the_perceptron_learns_what_the_line_cannot() -> None:
    linear = fitted(LinearLearner(LinearConfig(), Classes(2)))
    mlp = fitted(MLPLearner(MLPConfig(hidden=30, learning_rate=1e-2), Classes(2)))
    assert linear.scores["accuracy"] < 0.75
    assert mlp.scores["accuracy"] > 0.9
    assert linear.cost.macs == 2
    assert mlp.cost.macs == 2 * 30 + 30
    assert mlp.cost.spikes_by_layer == {}


def test_a_seed_gives_the_same_perceptron() -> None:
    first, second, other = (
        fitted(MLPLearner(MLPConfig(hidden=5, epochs=3), Classes(2)), seed).answers
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_events_are_counted_by_unit_and_time() -> None:
    events = Events(
        np.array([0.0, 0.4, 0.9, 1.0]), np.array([0, 0, 1, 1]), np.array([0, 2, 4]),
        np.array([0, 1]), 2, 1.0,
    )  # fmt: skip
    counts = features(events, time_bins=2).reshape(2, 2, 2)
    assert counts.tolist() == [[[2, 0], [0, 0]], [[0, 0], [0, 2]]]


@pytest.mark.parametrize(
    ("config", "wrong"),
    [(LinearConfig, {"inverse_penalties": (0.0,)}), (MLPConfig, {"learning_rate": -1.0})],
)
def test_impossible_settings_are_refused(config, wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        config(**wrong)
