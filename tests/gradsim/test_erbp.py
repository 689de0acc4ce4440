"""eRBP: the compiled loops against one spike at a time, what the rule promises, and controls."""

import dataclasses

import numpy as np
import pytest

from gradsim import TrainingError, erbp
from gradsim.erbp import ERBPNetwork, ERBPNeurons, Run, encoded, respond
from gradsim.erbp_training import Classified, ERBPTraining, accuracy, learning, train_erbp
from gradsim.kernels import erbp as loops
from tests.gradsim import scalar_erbp

SIZES, RATE = (12, 9, 9, 3), 2e-3
FAST = ERBPNeurons(input_rate_hz=200.0)
TRAINING = ERBPTraining(epochs=1, present_ms=60, from_ms=20, gate=(-3.0, 3.0))


def images(n=6, seed=0, n_in=SIZES[0]):
    return np.random.default_rng(seed).random((n, n_in)).astype(np.float32)


def network(sizes=SIZES, neurons=FAST, gain=3.0, seed=1):
    return erbp.initial(sizes, np.random.default_rng(seed), gain=gain, neurons=neurons)


def learned(net, training=TRAINING, n=6, rate=RATE, seed=5, shown=None):
    """Return the network behind n images, and what was counted on the way."""
    run = Run(net, training.tau_dendrite_ms)
    shown = images(n) if shown is None else shown
    labels = np.arange(len(shown)) % net.sizes[-1]
    how = learning(training, len(net.weights), rate)
    rng = np.random.default_rng(seed)
    record = run.show(encoded(net, shown), labels, training.present_ms, how, rng)
    return run.trained(), record


def plain(net, training=TRAINING, n=6, rate=RATE, seed=5):
    """Return the same from the scalar loop."""
    weights = [part.copy() for part in net.weights]
    labels, rng = np.arange(n) % net.sizes[-1], np.random.default_rng(seed)
    found = scalar_erbp.show(
        weights, net.feedback, net.neurons, images(n), rng, training.present_ms, labels, training,
        rate,
    )  # fmt: skip
    return weights, found


def counted(found, n_steps):
    """Return spikes of the scalar loop by layer, ``[T, layers + 1]``."""
    each = [[step[0], *map(len, step[1:])] for step in found.spikes]
    return np.array(each, float).reshape(-1, n_steps, len(each[0])).sum(axis=0)


SCHEMES = {
    "plain": (FAST, {}),
    "noise": (dataclasses.replace(FAST, noise=0.3), {}),
    "blank-out": (dataclasses.replace(FAST, transmission=0.45), {}),
    "gate of one side": (FAST, {"gate": (0.0, np.inf)}),
    "hidden frozen": (FAST, {"hidden_learns": False}),
    "other times": (
        ERBPNeurons(5.0, 2.0, 3, 150.0),
        {"tau_dendrite_ms": 7.0, "label_period_ms": 5, "headroom": 2.0},
    ),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_spikes_and_weights_are_those_of_the_scalar_loop(scheme):
    neurons, changes = SCHEMES[scheme]
    net, training = network(neurons=neurons), dataclasses.replace(TRAINING, **changes)
    weights, found = plain(net, training)
    after, record = learned(net, training)
    np.testing.assert_array_equal(record.spikes.sum(axis=2), counted(found, training.present_ms))
    np.testing.assert_array_equal(record.errors, np.sum(found.errors, axis=0))
    assert record.visited.sum() == found.visited
    assert record.changed.sum() == found.changed
    for ours, theirs, before in zip(after.weights, weights, net.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
        frozen = scheme == "hidden frozen" and before is not net.weights[-1]
        assert frozen == np.array_equal(ours, before)
    assert record.spikes.sum(axis=(0, 2)).all()
    assert record.errors.all()


@pytest.mark.parametrize("headroom", [0.0, 1.0, 3.0])
def test_error_neurons_that_turn_round_wait_no_longer_than_their_headroom(headroom):
    training = dataclasses.replace(TRAINING, label_period_ms=8, headroom=headroom)
    net, rate = network((12, 3), gain=6.0), 0.3
    weights, found = plain(net, training, rate=rate)
    after, record = learned(net, training, rate=rate)
    np.testing.assert_array_equal(record.errors, np.sum(found.errors, axis=0))
    np.testing.assert_array_equal(after.weights[0], weights[0])
    assert np.min(found.potentials) == -headroom


def test_answers_count_the_spikes_of_the_output():
    net, shown = network(), images(9)
    found = respond(net, shown, np.random.default_rng(3), 80)
    scalar = scalar_erbp.show(
        [part.copy() for part in net.weights], net.feedback, FAST, shown,
        np.random.default_rng(3), 80,
    )  # fmt: skip
    counts = np.array([np.isin(np.arange(3), step[-1]) for step in scalar.spikes])
    counts = counts.reshape(9, 80, 3).cumsum(axis=1)
    most = counts.max(axis=2)
    given = np.take_along_axis(counts, found.answers[:, :, None], axis=2)[:, :, 0]
    np.testing.assert_array_equal(given, most)
    assert most[:, -1].min() > 0
    assert len(np.unique(found.answers)) > 1


def test_the_output_with_more_current_wins_a_tie():
    net = ERBPNetwork((np.array([[0.01], [0.02]], np.float32),), np.zeros((0, 2, 0), np.float32))
    found = respond(net, [[1.0]], np.random.default_rng(0), 50)
    assert found.spikes[1].sum() == 0
    assert found.answers[0, -1] == 1


def test_input_rates_follow_the_pixels_and_keep_the_refractory_time():
    net = network((2, 3), ERBPNeurons(input_rate_hz=125.0))
    seconds = 400.0
    for pixels in ([1.0, 0.0], [0.3, 0.0]):
        found = respond(net, [pixels], np.random.default_rng(0), int(seconds * 1000))
        spikes = found.spikes[0][:, 0]
        gaps = np.diff(np.flatnonzero(spikes))
        assert gaps.min() == 4
        chance = 0.2 * pixels[0]
        expected = 1000 / (3 + 1 / chance)
        assert spikes.sum() / seconds == pytest.approx(expected, rel=0.02)
    assert 1000 / (3 + 1 / 0.2) == 125.0


def test_blank_out_lets_the_given_share_pass_on_its_own_at_each_synapse():
    words = np.random.default_rng(0).integers(0, 2**32, 3000, dtype=np.uint32)
    share = round(0.45 * 2**32)
    passing = np.array([[loops.passes(word, j, share) for j in range(20)] for word in words])
    deviation = np.sqrt(0.45 * 0.55 / len(words))
    np.testing.assert_allclose(passing.mean(axis=0), 0.45, atol=4.5 * deviation)
    correlation = np.corrcoef(passing.T) - np.eye(20)
    assert np.abs(correlation).max() < 5 / np.sqrt(len(words))


def test_feedback_never_changes():
    net = network()
    before = net.feedback.copy()
    after, _ = learned(net)
    np.testing.assert_array_equal(net.feedback, before)
    np.testing.assert_array_equal(after.feedback, before)


def test_error_neurons_of_a_class_are_never_both_above_threshold():
    for headroom in (0.0, 1.0, 2.0):
        training = dataclasses.replace(TRAINING, headroom=headroom)
        _, found = plain(network(gain=5.0), training)
        potentials = np.array(found.potentials)
        assert (potentials >= 1).any(axis=(0, 2)).all()
        assert not (potentials >= 1).all(axis=1).any()


def test_a_silent_input_keeps_all_its_weights():
    shown = images(6)
    shown[:, 4] = 0
    net = network()
    after, _ = learned(net, shown=shown)
    same = after.weights[0] == net.weights[0]
    assert same[:, 4].all()
    assert not same[:, :4].all(axis=0).any()


def test_visits_are_spikes_in_the_window_times_fan_out():
    net = network()
    _, record = learned(net)
    fan_out = np.array(net.sizes[1:])
    in_window = record.spikes[TRAINING.from_ms :, :-1].sum(axis=(0, 2))
    np.testing.assert_array_equal(record.visited, in_window * fan_out)
    assert 0 < record.changed.sum() < record.visited.sum()


def test_nothing_is_learned_before_the_window():
    net, late = network(), dataclasses.replace(TRAINING, from_ms=59)
    after, record = learned(net, late)
    for ours, before in zip(after.weights, net.weights, strict=True):
        np.testing.assert_array_equal(ours, before)
    assert record.errors.sum() > 0
    assert learned(net, dataclasses.replace(late, from_ms=50))[1].changed.sum() > 0


def test_an_error_too_many_lowers_the_weights_and_one_too_few_raises_them():
    strong = ERBPNetwork((np.array([[9.0], [0.0]], np.float32),), np.zeros((0, 2, 0), np.float32))
    run = Run(strong)
    how = learning(TRAINING, 1, RATE)
    label = np.array([1])
    run.show(encoded(strong, [[1.0]]), label, 60, how, np.random.default_rng(0))
    first, second = (run.trained().weights[0] - strong.weights[0])[:, 0]
    assert first < 0 < second


def test_without_labels_weights_fall():
    net = network(gain=4.0)
    after, record = learned(net, dataclasses.replace(TRAINING, label_period_ms=0))
    assert record.errors[0] > 0 == record.errors[1]
    change = after.weights[-1] - net.weights[-1]
    assert change.max() <= 0 > change.min()


def test_a_silent_image_makes_no_spike():
    net = network()
    found = respond(net, np.zeros((3, SIZES[0])), np.random.default_rng(0), 50)
    assert sum(part.sum() for part in found.spikes) == 0


def test_same_seed_same_weights():
    net = network(neurons=dataclasses.replace(FAST, transmission=0.5, noise=0.1))
    first, second, other = (learned(net, seed=seed)[0].weights[0] for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def parity(n=300, seed=0):
    """Return the parity of four bits, each of which is four pixels, and their negatives."""
    bits = np.random.default_rng(seed).integers(0, 2, (n, 4))
    shown = np.repeat(np.concatenate([bits, 1 - bits], axis=1), 4, axis=1)
    return Classified(shown.astype(np.float32), bits.sum(axis=1) % 2)


PARITY = ERBPTraining(epochs=12, learning_rate=3e-3, decay=0.9, gate=(0.0, np.inf))


def taught(feedback=None, labels=None, **changes):
    """Return the mean validation accuracy of late epochs on parity, no task for one layer."""
    net = erbp.initial((32, 30, 2), np.random.default_rng(0), neurons=FAST)
    if feedback is not None:
        net = dataclasses.replace(net, feedback=feedback(net.feedback))
    train = parity()
    if labels is not None:
        train = train._replace(labels=labels(train.labels))
    training = dataclasses.replace(PARITY, **changes)
    _, history = train_erbp(net, train, parity(200, 1), training, np.random.default_rng(3))
    return history.validation_accuracy[-3:].mean()


def test_hidden_units_learn_what_the_output_alone_cannot():
    assert taught() > 0.95


@pytest.mark.parametrize(
    "without",
    [
        {"hidden_learns": False},
        {"feedback": np.zeros_like},
        {"feedback": np.ones_like},
        {"gate": (-np.inf, np.inf)},
        {"labels": np.random.default_rng(0).permutation},
        {"label_period_ms": 0},
    ],
    ids=["frozen", "no feedback", "equal feedback", "open gate", "shuffled", "no labels"],
)
def test_controls_do_worse(without):
    assert 0.3 < taught(**without) < 0.85


def test_without_feedback_hidden_weights_stay():
    net = network()
    deaf = dataclasses.replace(net, feedback=np.zeros_like(net.feedback))
    after, _ = learned(deaf)
    for ours, before in zip(after.weights[:-1], net.weights[:-1], strict=True):
        np.testing.assert_array_equal(ours, before)


def test_training_keeps_the_best_epoch():
    net = network((32, 10, 2))
    train = parity(60)
    training = dataclasses.replace(PARITY, epochs=3)
    kept, history = train_erbp(net, train, train, training, np.random.default_rng(0))
    assert history.validation_accuracy.shape == (3,)
    assert history.best_epoch == history.validation_accuracy.argmax()
    assert history.visited.shape == history.changed.shape == (3, 2)
    assert history.spikes.shape == (3, 3)
    assert kept.sizes == net.sizes
    assert 0 <= accuracy(kept, train, 100, np.random.default_rng(0)) <= 1


def test_runaway_weights_are_told():
    with pytest.raises(TrainingError, match="smaller learning rate"):
        train_erbp(
            network((32, 10, 2)), parity(20), parity(20),
            ERBPTraining(epochs=1, learning_rate=1e9), np.random.default_rng(0),
        )  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"refractory_ms": 0}, {"refractory_ms": 2.5}, {"input_rate_hz": 300.0},
        {"input_rate_hz": 0.0}, {"transmission": 0.0}, {"transmission": 1.5}, {"noise": -1.0},
        {"tau_synapse_ms": 0.0}, {"tau_membrane_ms": -1.0},
    ],
)  # fmt: skip
def test_neurons_refuse_what_they_cannot_be(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ERBPNeurons(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0}, {"present_ms": 0}, {"present_ms": 1.5}, {"from_ms": 100}, {"from_ms": -1},
        {"learning_rate": 0.0}, {"decay": 0.0}, {"decay": 1.1}, {"gate": (1.0, 1.0)},
        {"tau_dendrite_ms": 0.0}, {"label_period_ms": -1},
        {"headroom": -1.0},
    ],
)  # fmt: skip
def test_training_refuses_what_cannot_be(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ERBPTraining(**wrong)


def test_networks_and_images_that_do_not_fit_are_refused():
    net = network()
    with pytest.raises(ValueError, match="float32"):
        ERBPNetwork(tuple(part.astype(float) for part in net.weights), net.feedback)
    with pytest.raises(ValueError, match="one behind another"):
        ERBPNetwork(net.weights[:1] * 2, net.feedback)
    with pytest.raises(ValueError, match="of one size"):
        ERBPNetwork(net.weights, net.feedback[:1])
    with pytest.raises(ValueError, match="of one size"):
        erbp.initial((4, 3, 2, 2), np.random.default_rng(0))
    with pytest.raises(ValueError, match="gain"):
        erbp.initial((4, 2), np.random.default_rng(0), gain=0.0)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"\[N, 12\]"):
        respond(net, np.zeros((2, 5)), rng)
    with pytest.raises(ValueError, match=r"0\.\.1"):
        respond(net, np.full((2, 12), 1.5), rng)
    with pytest.raises(ValueError, match="present_ms"):
        respond(net, images(1), rng, 0)
    few = Classified(images(2), np.array([0, 3]))
    with pytest.raises(ValueError, match="labels"):
        train_erbp(net, few, few, TRAINING, rng)
