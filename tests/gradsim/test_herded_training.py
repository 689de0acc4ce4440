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


def test_weights_that_change_first_make_every_unit_spike_more_until_nothing_is_left():
    slow = {"epochs": 5, "decay": 1.0, "learning_rate": 0.02}
    _, usual = trained(**slow)
    _, wrong = trained(**slow, update_first=True)
    assert usual.validation_accuracy[-1] > 0.95
    assert usual.spikes[:, 1:3].sum(axis=1).max() < 500
    assert wrong.validation_accuracy.max() > 0.95  # it had learned
    assert wrong.validation_accuracy[-1] < 0.7
    assert wrong.spikes[-1, 1:3].sum() > 1000


def test_errors_that_are_forgotten_with_each_image_teach_nothing():
    _, history = trained(deviation=0.01, reset_errors=True)
    assert history.validation_accuracy.max() < 0.3
    assert history.errors[:, 1].max() < 0.1


def test_shuffled_labels_leave_chance():
    labels = np.random.default_rng(5).permutation(TRAIN.labels)
    _, history = trained(Classified(TRAIN.images, labels))
    assert history.validation_accuracy.max() < 0.2


def test_operations_are_spikes_times_weights():
    _, history = trained(epochs=1)
    forward, backward, _ = history.operations[0]
    assert forward == pytest.approx(history.spikes[0, :3] @ [60, 60, 10])
    assert backward == pytest.approx(history.errors[0, 2:] @ [60, 60])
    _, exact = trained(epochs=1, rule="exact")
    weights = 100 * 60 + 60 * 60 + 60 * 10
    np.testing.assert_array_equal(exact.operations, [[weights, weights - 6000, weights]])


def test_no_more_weights_change_than_have_met_a_spike_and_an_error():
    _, history = trained(epochs=1)
    most = history.errors[0, 1:] @ [100, 60, 60]
    assert 0.1 * most < history.operations[0, 2] < most


def test_a_seed_repeats_and_another_does_not():
    first, again, other = (trained(epochs=1, seed=seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.weights[0], again.weights[0])
    assert (first.weights[0] != other.weights[0]).any()


def test_progress_rises_to_one():
    told = []
    rng = np.random.default_rng(0)
    network = herded.initial((100, 5, 10), rng)
    config = HerdedTraining(epochs=2)
    train_herded(network, TRAIN, HELD_OUT, config, rng, lambda share, _: told.append(share))
    assert told == sorted(told) == [0.25, 0.5, 0.75, 1.0]


def test_growth_without_limit_is_told():
    with pytest.raises(TrainingError, match="smaller learning rate"):
        trained(rule="exact", learning_rate=50.0)


@pytest.mark.parametrize(
    "wrong",
    [{"rule": "adam"}, {"epochs": 0}, {"decay": 0.0}, {"rule": "sgd", "update_first": True}],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must be|can come first"):
        HerdedTraining(**wrong)


@pytest.mark.parametrize("labels", [np.full(4000, 10), np.full(4000, -1), np.zeros(3, int)])
def test_labels_that_do_not_fit_are_refused(labels):
    with pytest.raises(ValueError, match="label"):
        trained(Classified(TRAIN.images, labels))


def test_integers_have_no_exact_gradients():
    with pytest.raises(ValueError, match="integer weights"):
        trained(integer=True, rule="exact")
