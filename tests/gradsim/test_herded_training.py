"""Training by spikes: what it needs to learn, and what is counted on the way."""

import numpy as np
import pytest

from gradsim import TrainingError, herded
from gradsim.herded_training import Classified, HerdedTraining, train_herded


def clusters(n, seed):
    """Return ``[n, 100]`` images of ten classes, each a prototype with noise."""
    prototypes = np.random.default_rng(99).random((10, 100)) ** 3
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, n)
    noisy = prototypes[labels] + rng.normal(0, 0.25, (n, 100))
    return Classified(np.clip(noisy, 0, 1).astype(np.float32), labels)


TRAIN, HELD_OUT = clusters(4000, 1), clusters(500, 2)


def trained(train=TRAIN, deviation=0.03, integer=False, seed=0, **settings):
    rng = np.random.default_rng(seed)
    network = herded.initial((100, 60, 60, 10), rng, deviation)
    if integer:
        network = herded.rounded(network, 1000)
    config = HerdedTraining(**{"epochs": 3, "learning_rate": 0.03, "decay": 0.7, **settings})
    return train_herded(network, train, HELD_OUT, config, rng)


@pytest.mark.parametrize("settings", [{}, {"rule": "sgd"}, {"rule": "exact"}, {"integer": True}])
def test_it_learns(settings):
    network, history = trained(**settings)
    assert history.validation_accuracy.max() > 0.9
    assert network.integer == settings.get("integer", False)
    answers = herded.respond(network, HELD_OUT.images).readout[:, -1].argmax(axis=1)
    best = history.validation_accuracy[history.best_epoch]
    assert np.mean(answers == HELD_OUT.labels) == best == history.validation_accuracy.max()
