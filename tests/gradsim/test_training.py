import dataclasses
import math

import numpy as np
import pytest
import torch

from gradsim.events import SpikeEvents
from gradsim.network import NetworkConfig, SpikingNetwork
from gradsim.neurons import LIFParameters
from gradsim.surrogate import Surrogate, fast_sigmoid
from gradsim.training import Labelled, TrainingConfig, TrainingError, predict, train

N_UNITS, N_STEPS = 10, 40


def toy(n_samples, seed):
    """Two classes that differ in the order in which two groups of units fire, not in counts."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n_samples)
    first = np.arange(N_UNITS) < N_UNITS // 2
    early = first[None, :] == (labels[:, None] == 0)
    step = np.where(early, 3, 12) + rng.integers(0, 5, early.shape)
    unit = np.tile(np.arange(N_UNITS), n_samples)
    offsets = np.arange(n_samples + 1) * N_UNITS
    return Labelled(SpikeEvents(step.ravel(), unit, offsets, N_UNITS, N_STEPS), labels)


def learn(seed=0, scale=1.0, surrogate=None, **settings):
    neuron = LIFParameters(surrogate=surrogate or fast_sigmoid(10))
    config = NetworkConfig(N_UNITS, (20,), 2, neuron, scale)
    network = SpikingNetwork(config, torch.Generator().manual_seed(seed))
    start = {name: weight.clone() for name, weight in network.state_dict().items()}
    settings = {"learning_rate": 5e-3, "epochs": 6, "batch_size": 32} | settings
    history = train(
        network,
        toy(100, 1),
        toy(50, 2),
        TrainingConfig(**settings),
        np.random.default_rng(seed),
        lambda _fraction, _note: None,
    )
    return network, history, start


def test_training_learns_what_only_spike_times_tell():
    network, history, _ = learn()
    test = toy(200, 3)
    assert np.mean(predict(network, test.events).classes == test.labels) >= 0.95
    assert history.loss[-1] < 0.5 * history.loss[0]
    assert not history.silent.any()


def test_the_same_seeds_train_the_same_network():
    first, again, other = (learn(seed, epochs=2) for seed in (0, 0, 1))
    weights = [run[0].readout.weight for run in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert np.array_equal(first[1].loss, again[1].loss)


def test_the_weights_of_the_best_validation_epoch_are_kept():
    network, history, _ = learn(epochs=5, learning_rate=0.5)
    validation = toy(50, 2)
    accuracy = np.mean(predict(network, validation.events).classes == validation.labels)
    assert history.best_epoch < 4
    assert history.validation_accuracy[4] < accuracy == history.validation_accuracy.max()
    assert accuracy == history.validation_accuracy[history.best_epoch]


def test_patience_ends_training():
    _, history, _ = learn(epochs=30, patience=2, learning_rate=1e-12)
    assert history.best_epoch == 0
    assert len(history.loss) == 3


def test_every_sample_of_an_epoch_counts():
    # 100 samples in batches of 32 leave 4; one spike each in the last batch would be lost.
    network, history, _ = learn(epochs=1, learning_rate=1e-12)
    training = toy(100, 1)
    spikes = predict(network, training.events, batch_size=7).spikes[0]
    assert spikes.shape == (100, 20)
    assert history.hidden_spikes[0, 0] == pytest.approx(spikes.sum() / 100, abs=1e-6)


def test_a_loss_that_is_not_a_number_ends_training_with_an_error():
    with pytest.raises(TrainingError, match="the loss became nan"):
        learn(scale=math.nan)


def test_a_silent_hidden_layer_is_recorded():
    _, history, _ = learn(scale=1e-3, epochs=2, surrogate=Surrogate("zero", torch.zeros_like))
    assert history.silent.all()
    assert history.hidden_spikes.tolist() == [[0], [0]]


def test_without_a_surrogate_gradient_only_the_readout_learns():
    network, _, start = learn(surrogate=Surrogate("zero", torch.zeros_like), epochs=2)
    assert torch.equal(network.hidden[0].weight, start["hidden.0.weight"])
    assert not torch.equal(network.readout.weight, start["readout.weight"])


@pytest.mark.parametrize(
    "penalty", [{"l1": 1e-2}, {"l2": 1e-3}, {"bounds": 10.0, "lower": 0.0, "upper": 0.1}]
)
def test_penalties_on_activity_reach_the_hidden_weights(penalty):
    _, free, _ = learn(epochs=3)
    _, held, _ = learn(epochs=3, **penalty)
    assert held.hidden_spikes[-1, 0] < 0.8 * free.hidden_spikes[-1, 0]


@pytest.mark.parametrize("optimiser", ["adam", "adamax"])
def test_progress_is_told_after_each_epoch(optimiser):
    told = []
    network = SpikingNetwork(NetworkConfig(N_UNITS, (5,), 2), torch.Generator())
    train(
        network,
        toy(20, 1),
        toy(10, 2),
        TrainingConfig(optimiser=optimiser, epochs=2),
        np.random.default_rng(0),
        lambda fraction, note: told.append((fraction, note)),
    )
    assert [fraction for fraction, _ in told] == [0.5, 1.0]
    assert told[0][1].startswith("epoch 1: loss ")


def test_prediction_does_not_depend_on_the_batch_size():
    network, _, _ = learn(epochs=1)
    network.double()
    events = toy(30, 4).events
    whole, parts = predict(network, events, 30), predict(network, events, 7)
    assert np.abs(whole.logits - parts.logits).max() < 1e-12
    assert np.array_equal(whole.spikes[0], parts.spikes[0])


@pytest.mark.parametrize("wrong", [{"optimiser": "sgd"}, {"learning_rate": 0.0}, {"epochs": 0}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        dataclasses.replace(TrainingConfig(), **wrong)
