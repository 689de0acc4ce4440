"""Training through membrane potentials: gradients against autograd, and what learning needs."""

import dataclasses

import numpy as np
import pytest
import torch

from gradsim import TrainingError, membrane_initial
from gradsim.membrane import LayerResponse, MembraneResponse, Run
from gradsim.membrane_gradients import competed, gradients, output_error
from gradsim.membrane_stimuli import Poisson, Recorded
from gradsim.membrane_training import Labelled, MembraneTraining, answers, train_membrane
from tests.gradsim import scalar_membrane
from tests.gradsim.test_membrane import events

SIZES, INHIBITION = (20, 15, 12, 4), 0.3


def smooth(run, x, fired):
    """Return traces by (6) and (7) as torch tensors, and the parameters that they are made of."""
    rows = [torch.tensor(part.rows, dtype=torch.float64, requires_grad=True) for part in run.layers]
    thresholds = [
        torch.tensor(part.thresholds, dtype=torch.float64, requires_grad=True)
        for part in run.layers
    ]
    traces, last = [torch.tensor(x)], len(rows) - 1
    for layer in range(len(rows)):
        s = traces[-1] @ rows[layer] / thresholds[layer]
        if layer < last:
            traces.append(s * torch.tensor(fired[layer]))
        else:
            n = s.shape[1]
            matrix = INHIBITION * torch.ones(n, n) + (1 - INHIBITION) * torch.eye(n)
            traces.append(s @ torch.linalg.inv(matrix.double()))  # (5) with V = 0
    return traces, rows, thresholds


def test_gradients_are_those_of_autograd():
    rng = np.random.default_rng(0)
    network = membrane_initial.initial(SIZES, rng, (2.0, 3.0, 4.0), inhibition=INHIBITION)
    run = Run(network)
    x = rng.random((5, SIZES[0]))
    fired = [(rng.random((5, n)) < 0.6).astype(float) for n in SIZES[1:3]]
    traces, rows, thresholds = smooth(run, x, fired)
    labels = np.array([0, 1, 2, 3, 0])
    torch.nn.functional.cross_entropy(
        1.5 * traces[-1], torch.tensor(labels), reduction="sum"
    ).backward()
    plain = [part.detach().numpy() for part in traces]
    silent_output = np.zeros((5, 4))  # outputs take part whether they fire or not
    layers = tuple(
        LayerResponse(np.zeros_like(trace), trace, counts)
        for trace, counts in zip(plain[1:], [*fired, silent_output], strict=True)
    )
    response = MembraneResponse(x, np.zeros_like(x), layers)
    found = gradients(run, response, 1.5 * output_error(plain[-1], labels, 1.5))
    for ours, theirs in zip(found.learned, rows, strict=True):
        np.testing.assert_allclose(ours, theirs.grad, rtol=1e-4, atol=1e-6)
        assert theirs.grad.abs().max() > 1e-3
    for ours, theirs in zip(found.thresholds, thresholds, strict=True):
        np.testing.assert_allclose(ours, theirs.grad, rtol=1e-4, atol=1e-6)


def test_gradients_of_maps_are_those_of_autograd():
    rng = np.random.default_rng(0)
    network = membrane_initial.initial_maps(
        (2, 8, 10), (5,), (6, 4), rng, (2.0, 3.0, 4.0), inhibition=0.0, side=3
    )
    run = Run(network)
    x = rng.random((3, 160))
    learned = [torch.tensor(part.learned, requires_grad=True) for part in run.layers]
    thresholds = [torch.tensor(part.thresholds, requires_grad=True) for part in run.layers]
    images = torch.tensor(x.reshape(3, 8, 10, 2).transpose(0, 3, 1, 2), dtype=torch.float32)
    fired = [(rng.random((3, n)) < 0.6).astype(np.float32) for n in network.sizes[1:3]]
    maps = torch.nn.functional.conv2d(images, learned[0]) / thresholds[0][:, None, None]
    first = maps.permute(0, 2, 3, 1).reshape(3, -1) * torch.tensor(fired[0])
    windows = first.reshape(3, 3, 2, 4, 2, 5).sum(dim=(2, 4)).reshape(3, -1)
    second = windows @ learned[1][:, :6] / thresholds[1] * torch.tensor(fired[1])
    last = second @ learned[2][:, :4] / thresholds[2]
    labels = np.array([0, 1, 3])
    torch.nn.functional.cross_entropy(last, torch.tensor(labels), reduction="sum").backward()
    layers = tuple(
        LayerResponse(np.zeros_like(counts), trace.detach().numpy(), counts)
        for trace, counts in zip((first, second, last), [*fired, np.ones((3, 4))], strict=True)
    )
    response = MembraneResponse(x.astype(np.float32), np.zeros_like(x), layers)
    found = gradients(run, response, output_error(layers[-1].trace, labels, 1.0))
    for ours, theirs in zip(found.learned, learned, strict=True):
        wanted = theirs.grad.numpy()[..., : ours.shape[-1]]
        np.testing.assert_allclose(ours, wanted, rtol=1e-3, atol=1e-5)
        assert np.abs(wanted).max() > 1e-3
    for ours, theirs in zip(found.thresholds, thresholds, strict=True):
        np.testing.assert_allclose(ours, theirs.grad, rtol=1e-3, atol=1e-5)


def test_maps_learn():
    rng = np.random.default_rng(0)
    network = membrane_initial.initial_maps((1, 8, 8), (8,), (20, 10), rng, (3.0, 3.0, 3.0))
    some = TRAIN.stimuli.spikes(np.arange(50), rng)
    network = membrane_initial.with_thresholds(network, some, (0.7, 0.7, 0.3))
    config = MembraneTraining(epochs=3, batch_size=20, learning_rate=5e-3)
    trained_maps, history = train_membrane(network, TRAIN, HELD_OUT, config, rng)
    assert history.validation_accuracy.max() > 0.75
    assert trained_maps.weights[0].shape == (8, 1, 5, 5)
    assert history.spikes.shape == (3, 4)


def stepped(network, shown, label, rate):
    """Return weights behind a step of (8) to (10), neuron by neuron, from the scalar loop."""
    ((_, hidden, counts, _), (_, output, _, _)) = scalar_membrane.show(network, shown)[0]
    lasting = network.decay ** (shown.n_steps - 1 - shown.step.astype(float))
    x = np.bincount(shown.unit, weights=lasting, minlength=shown.n_units)
    first, last = (part.astype(float) for part in network.weights)
    share = np.exp(output) / np.exp(output).sum()
    matrix = INHIBITION * np.ones((len(share), len(share))) + (1 - INHIBITION) * np.eye(len(share))
    error = np.linalg.inv(matrix) @ (share - (np.arange(len(share)) == label))
    passed = error / network.thresholds[1]
    by_hidden = np.zeros_like(first)
    for j in np.flatnonzero(counts):
        by_hidden[j] = sum(passed * last[:, j]) / network.thresholds[0][j] * x
    weights = (first - rate * by_hidden, last - rate * np.outer(passed, hidden))
    return dataclasses.replace(network, weights=weights)


def test_stochastic_descent_is_that_of_one_number_at_a_time():
    shown, labels = events(6), np.array([0, 1, 2, 3, 2, 1])
    network = membrane_initial.initial(
        (30, 40, 4), np.random.default_rng(0), (3.0, 3.0), inhibition=INHIBITION
    )
    samples = Labelled(Recorded(shown), labels)
    config = MembraneTraining(optimiser="sgd", epochs=1, batch_size=1, learning_rate=0.02)
    found, _ = train_membrane(network, samples, samples, config, np.random.default_rng(4))
    plain = network
    for done, n in enumerate(np.random.default_rng(4).permutation(6)):
        rate = 0.02 * (0.5 + 0.5 * np.cos(np.pi * done / 6))
        plain = stepped(plain, shown.take([n]), labels[n], rate)
    for ours, theirs, before in zip(found.weights, plain.weights, network.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
        assert np.abs(ours - before).max() > 0.01


def test_competition_is_solved():
    values = np.random.default_rng(0).random((3, 6))
    matrix = 0.4 * np.ones((6, 6)) + 0.6 * np.eye(6)
    np.testing.assert_allclose(competed(values, 0.4), values @ np.linalg.inv(matrix))
    np.testing.assert_array_equal(competed(values, 0.0), values)


def responded(alphas=(3.0, 2.0, 1.0), normalised=False):
    rng = np.random.default_rng(0)
    network = membrane_initial.initial((30, 40, 30, 10), rng, alphas)
    run = Run(network)
    response = run.show(Recorded(events(8)).spikes(np.arange(8), rng))
    error = output_error(response.layers[-1].trace, np.arange(8), 1.0)
    return run, response, gradients(run, response, error, normalised)


@pytest.mark.parametrize("normalised", [False, True])
def test_neurons_that_did_not_fire_learn_nothing(normalised):
    _, response, found = responded((5.0, 3.0, 1.0), normalised)
    for layer in (0, 1):
        fired = response.layers[layer].counts.any(axis=0)
        assert 0.1 < fired.mean() < 0.9
        assert not found.learned[layer][:, ~fired].any()
        assert found.learned[layer][:, fired].any(axis=0).all()
        assert not found.thresholds[layer][~fired].any()


def test_normalised_errors_do_not_depend_on_the_scale_of_a_layer():
    """Thresholds and weights of a layer times ten spike the same; so do gradients then."""
    run, response, found = responded(normalised=True)
    wide = dataclasses.replace(
        run.network,
        weights=tuple(w * s for w, s in zip(run.network.weights, (1, 4, 1), strict=True)),
        thresholds=tuple(t * s for t, s in zip(run.network.thresholds, (1, 4, 1), strict=True)),
    )
    error = output_error(response.layers[-1].trace, np.arange(8), 1.0)
    other = gradients(Run(wide), response, error, normalised=True)
    np.testing.assert_allclose(other.learned[1], found.learned[1], rtol=1e-4, atol=1e-7)
    plain = gradients(Run(wide), response, error).learned[1]
    assert not np.allclose(plain, responded()[2].learned[1], rtol=0.1)


def clusters(n, seed):
    """Return ``[n, 8, 8]`` images of ten classes, each a prototype with noise."""
    prototypes = np.random.default_rng(99).random((10, 8, 8)) ** 3
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, n)
    noisy = prototypes[labels] + rng.normal(0, 0.25, (n, 8, 8))
    return Labelled(Poisson(np.clip(noisy, 0, 1), 30), labels)


TRAIN, HELD_OUT = clusters(1500, 1), clusters(400, 2)


def trained(train=TRAIN, seed=0, alphas=(8.0, 3.0), inhibition=0.2, epochs=4, **settings):
    rng = np.random.default_rng(seed)
    network = membrane_initial.initial((64, 60, 10), rng, alphas, inhibition=inhibition)
    config = MembraneTraining(
        **{"batch_size": 20, "learning_rate": 5e-3, **settings}, epochs=epochs
    )
    return train_membrane(network, train, HELD_OUT, config, rng)


SGD = {"optimiser": "sgd", "learning_rate": 0.01, "normalised": True}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        SGD,
        {**SGD, "batch_size": 1, "learning_rate": 0.003, "epochs": 1},
        {"normalised": True},
        {"threshold_rate": 0.3},
        {"inhibition": 0.0},
        {"regularisation": 1e-5},
    ],
)
def test_it_learns(settings):
    network, history = trained(**settings)
    assert history.validation_accuracy.max() > 0.9
    assert history.best_epoch == history.validation_accuracy.argmax()
    assert all((part > 0).all() for part in network.thresholds)
    found = answers(network, HELD_OUT.stimuli, np.random.default_rng(9))
    again = np.mean(found.classes == HELD_OUT.labels)
    assert again == pytest.approx(history.validation_accuracy.max(), abs=0.04)  # other events


def test_shuffled_labels_leave_chance():
    labels = np.random.default_rng(5).permutation(TRAIN.labels)
    _, history = trained(Labelled(TRAIN.stimuli, labels))
    assert history.validation_accuracy.max() < 0.2


def test_a_frozen_hidden_layer_stays_and_is_worse():
    network, history = trained(hidden_learns=False, threshold_rate=0.3, epochs=1)
    rng = np.random.default_rng(0)
    before = membrane_initial.initial((64, 60, 10), rng, (8.0, 3.0))
    np.testing.assert_array_equal(network.weights[0], before.weights[0])
    np.testing.assert_array_equal(network.thresholds[0], before.thresholds[0])
    assert (network.weights[1] != before.weights[1]).any()
    assert history.validation_accuracy.max() < trained(epochs=1)[1].validation_accuracy.max() - 0.03


def test_thresholds_learn_where_they_may_and_never_vanish():
    before = membrane_initial.initial((64, 60, 10), np.random.default_rng(0), (8.0, 3.0))
    still, _ = trained()
    np.testing.assert_array_equal(still.thresholds[0], before.thresholds[0])
    moved, _ = trained(threshold_rate=1.0, epochs=1)
    for after, first in zip(moved.thresholds, before.thresholds, strict=True):
        assert np.abs(after - first).max() > 0.05
    strong, _ = trained(regularisation=0.1, epochs=1)
    assert strong.thresholds[0].min() > 0  # a step takes several times what they are


def test_regularised_thresholds_keep_their_mean_and_wake_what_is_silent():
    rate = {"alphas": (30.0, 3.0), "learning_rate": 1e-6, "epochs": 3}
    usual, silent = trained(**rate)
    woken, fewer = trained(**rate, regularisation=1e-3)
    assert woken.thresholds[0].mean() == pytest.approx(usual.thresholds[0].mean(), rel=1e-4)
    assert np.ptp(woken.thresholds[0]) > 0.1
    assert silent.silent[-1, 0] > fewer.silent[-1, 0] + 0.1


def test_spikes_are_counted():
    network, history = trained(epochs=1, learning_rate=1e-9)
    found = answers(network, TRAIN.stimuli, np.random.default_rng(4))
    np.testing.assert_allclose(history.spikes[0], found.spikes, rtol=0.02)
    assert history.spikes.shape == (1, 3)
    assert history.silent.shape == (1, 1)


def test_what_learns_is_a_copy():
    rng = np.random.default_rng(0)
    network = membrane_initial.initial((64, 5, 10), rng, (2.0, 2.0))
    before = network.weights[0].copy()
    train_membrane(network, TRAIN, HELD_OUT, MembraneTraining(epochs=1), rng)
    np.testing.assert_array_equal(network.weights[0], before)


def test_a_seed_repeats_and_another_does_not():
    first, again, other = (trained(epochs=1, seed=seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.weights[0], again.weights[0])
    assert (first.weights[0] != other.weights[0]).any()


def test_progress_rises_to_one():
    told = []
    rng = np.random.default_rng(0)
    network = membrane_initial.initial((64, 5, 10), rng, (2.0, 2.0))
    config = MembraneTraining(epochs=2)
    train_membrane(network, TRAIN, HELD_OUT, config, rng, lambda share, _: told.append(share))
    assert told == [0.5, 1.0]


def test_growth_without_limit_is_told():
    with pytest.raises(TrainingError, match="smaller learning rate"):
        trained(optimiser="sgd", learning_rate=1e35, epochs=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"optimiser": "lbfgs"},
        {"epochs": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"sharpness": -1.0},
        {"threshold_rate": -1.0},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MembraneTraining(**wrong)


@pytest.mark.parametrize("labels", [np.full(1500, 10), np.full(1500, -1), np.zeros(3, int)])
def test_labels_that_do_not_fit_are_refused(labels):
    with pytest.raises(ValueError, match="label"):
        trained(Labelled(TRAIN.stimuli, labels))


def test_stimuli_of_other_units_are_refused():
    with pytest.raises(ValueError, match="64 units, not 4"):
        trained(Labelled(Poisson(np.zeros((2, 2, 2))), np.zeros(2, int)))
