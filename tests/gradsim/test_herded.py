"""Herded networks: the compiled loops against one number at a time, and against rectifiers."""

import dataclasses

import numpy as np
import pytest

from gradsim import TrainingError, herded
from gradsim.herded import HerdedNetwork
from gradsim.herded_training import Classified, HerdedTraining, train_herded
from gradsim.kernels import herding as loops
from gradsim.kernels import rectifiers
from tests.gradsim import scalar_herded

SIZES, N_STEPS = (9, 8, 7, 3), 10
RATE = 2.0**-9


def images(n=12, seed=0, n_in=SIZES[0]):
    """Return images in multiples of 1/64, of which sums are exact."""
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 65, (n, n_in)) / 64 * (rng.random((n, n_in)) < 0.7)).astype(np.float32)


def exact_network(per_event=False, seed=1):
    """Return a network with weights in multiples of 1/256, of which sums are exact."""
    network = herded.initial(SIZES, np.random.default_rng(seed), 0.4, N_STEPS, per_event)
    weights = tuple((np.rint(w * 256) / 256 + 1 / 16).astype(np.float32) for w in network.weights)
    return dataclasses.replace(network, weights=weights)


def learned(network, shown, labels, rate=RATE, rule="fractional", **options):
    """Return weights ``[out, in]`` behind all images, and what was counted on the way."""
    run = herded.Run(network)
    how = {"update_first": False, "reset_errors": False, **options}
    learning = loops.Learning(rate, learns=True, fractional=rule == "fractional", **how)
    record = run.show(herded.encoded(network, shown), labels, learning)
    return run.trained().weights, record


@pytest.mark.parametrize("per_event", [False, True])
def test_spikes_and_readout_are_those_of_the_scalar_loop(per_event):
    network, shown = exact_network(per_event), images()
    weights = [part.astype(float) for part in network.weights]
    plain = scalar_herded.show(weights, shown, n_steps=N_STEPS, per_event=per_event)
    found = herded.respond(network, shown)
    spikes = np.concatenate(found.spikes, axis=1) * len(shown)
    np.testing.assert_allclose(spikes, np.sum(plain.spikes, axis=0), atol=1e-9)
    np.testing.assert_allclose(found.readout, plain.readout, rtol=1e-6)
    assert all(layer.sum() > 0 for layer in found.spikes)


@pytest.mark.parametrize("per_event", [False, True])
@pytest.mark.parametrize(
    ("rule", "option"),
    [
        ("fractional", None),
        ("sgd", None),
        ("fractional", "update_first"),
        ("fractional", "reset_errors"),
    ],
)
def test_learning_is_that_of_the_scalar_loop(rule, option, per_event):
    network, shown = exact_network(per_event), images(8)
    labels = np.arange(8) % 3
    options = {option: True} if option else {}
    weights = [part.astype(float) for part in network.weights]
    plain = scalar_herded.show(
        weights, shown, labels, n_steps=N_STEPS, rate=RATE, rule=rule, per_event=per_event,
        **options,
    )  # fmt: skip
    found, record = learned(network, shown, labels, rule=rule, **options)
    np.testing.assert_array_equal(
        np.concatenate([record.spikes[:, k, :n] for k, n in enumerate(SIZES)], axis=1),
        np.sum(plain.spikes, axis=0),
    )
    for ours, theirs, before in zip(found, weights, network.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
        assert np.abs(ours - before).max() > RATE


def test_integers_spike_and_learn_as_floats_where_the_rate_is_a_power_of_two():
    network, shown = exact_network(), images(20)
    labels = np.arange(20) % 3
    whole = herded.rounded(network, round(1 / RATE))
    floats, counted = learned(network, shown, labels)
    integers, counted_too = learned(whole, shown, labels, rate=1)
    np.testing.assert_array_equal(counted.spikes, counted_too.spikes)
    np.testing.assert_array_equal(counted.errors, counted_too.errors)
    for float_part, integer_part in zip(floats, integers, strict=True):
        assert integer_part.dtype == np.int32
        np.testing.assert_array_equal(float_part / RATE, integer_part)


def rectified(network, shown):
    for part in network.weights:
        shown = np.maximum(shown @ part.T, 0)
    return shown


def test_rates_approach_activations_as_one_over_the_number_of_steps():
    network, shown = exact_network(seed=3), images(30)
    wanted = rectified(network, shown)
    off = []
    for n_steps in (10, 20, 40, 80):
        found = herded.respond(dataclasses.replace(network, n_steps=n_steps), shown)
        off.append(np.abs(np.maximum(found.readout[:, -1], 0) - wanted).mean() * n_steps)
    assert max(off) < 2 * min(off) < 5


def gradients(network, shown, labels):
    """Return the gradients ``[out, in]`` of half the squared error, summed over images."""
    real = [part.astype(float) for part in network.weights]
    found = [np.zeros_like(part) for part in real]
    for image, label in zip(shown, labels, strict=True):
        outputs = [image.astype(float)]
        for part in real:
            outputs.append(np.maximum(part @ outputs[-1], 0))
        error = outputs[-1] - (np.arange(3) == label)
        for k in (2, 1, 0):
            error = error * (outputs[k + 1] > 0)
            found[k] += np.outer(error, outputs[k])
            error = real[k].T @ error
    return found


def test_the_mean_update_is_the_gradient_of_the_rectifier_network():
    network, shown, labels = exact_network(seed=4), images(40), np.arange(40) % 3
    network = dataclasses.replace(network, n_steps=200)
    changes = [np.zeros_like(part) for part in network.weights]
    for image, label in zip(shown, labels, strict=True):
        weights, _ = learned(network, image[None], np.array([label]), 1 / 200**2, "sgd")
        for total, after, before in zip(changes, weights, network.weights, strict=True):
            total += before - after
    for change, gradient in zip(changes, gradients(network, shown, labels), strict=True):
        both = np.linalg.norm(change) * np.linalg.norm(gradient)
        assert np.vdot(change, gradient) / both > 0.999
        assert np.linalg.norm(change) == pytest.approx(np.linalg.norm(gradient), rel=0.05)


def test_exact_descent_takes_a_step_along_the_gradient():
    network, shown = exact_network(seed=3), images(1)
    weights = tuple(np.array(part.T, order="C") for part in network.weights)
    rectifiers.descend(shown, np.array([1]), weights, np.float32(0.01))
    wanted = gradients(network, shown, np.array([1]))
    for rows, before, gradient in zip(weights, network.weights, wanted, strict=True):
        np.testing.assert_allclose((before - rows.T) / 0.01, gradient, atol=1e-4)
        assert np.abs(gradient).max() > 0.01


def test_silence_in_gives_silence_out():
    found = herded.respond(exact_network(), np.zeros((5, SIZES[0])))
    assert all(layer.sum() == 0 for layer in found.spikes)
    assert not found.readout.any()


def test_additions_are_spikes_times_weights_that_are_there():
    network, shown = exact_network(), images()
    weights = (network.weights[0] * (np.arange(9) < 5), *network.weights[1:])
    network = dataclasses.replace(network, weights=weights)
    spikes = herded.respond(network, shown).spikes
    first, second, third = herded.additions(network, spikes)
    np.testing.assert_allclose(first, 8 * spikes[0][:, :5].sum(axis=1))
    np.testing.assert_allclose(second, 7 * spikes[1].sum(axis=1))
    np.testing.assert_allclose(third, 3 * spikes[2].sum(axis=1))


def test_what_learns_is_a_copy():
    network = exact_network()
    before = [part.copy() for part in network.weights]
    samples = Classified(images(), np.arange(12) % 3)
    config = HerdedTraining(epochs=1)
    train_herded(network, samples, samples, config, np.random.default_rng(0))
    for part, kept in zip(network.weights, before, strict=True):
        np.testing.assert_array_equal(part, kept)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"weights": (np.zeros((2, 3)),)}, "float32 or all int32"),
        ({"weights": (np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32))}, "one behind"),
        ({"weights": (np.zeros((2, 3), np.float32),), "n_steps": 0}, "n_steps"),
        ({"weights": (np.zeros((2, 3), np.float32),), "unit": 2}, "integer weights"),
    ],
)
def test_networks_that_are_none_are_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        HerdedNetwork(**wrong)


@pytest.mark.parametrize("shown", [np.zeros((2, 4)), np.full((2, 9), 1.5), np.full((2, 9), np.nan)])
def test_images_that_do_not_fit_are_refused(shown):
    with pytest.raises(ValueError, match="images must"):
        herded.respond(exact_network(), shown)


def test_endless_spikes_end():
    huge = HerdedNetwork((np.full((2, 3), np.inf, np.float32),))
    with pytest.raises(TrainingError, match="smaller learning rate"):
        herded.respond(huge, np.ones((1, 3)))
