"""Membrane networks: the compiled loops against one number at a time, and the identity (5)."""

import dataclasses

import numpy as np
import pytest
import torch

from gradsim import SpikeEvents, encode, membrane, membrane_initial
from gradsim.membrane import MembraneNetwork, Run
from gradsim.membrane_stimuli import Poisson, Recorded
from tests.gradsim import scalar_membrane

SIZES, N_STEPS = (30, 90, 12), 40  # 90 neurons are a wide block and a few narrow ones


def network(seed=0, alphas=(3.0, 3.0), **settings):
    made = membrane_initial.initial(SIZES, np.random.default_rng(seed), alphas)
    return dataclasses.replace(made, **settings)


def events(n=6, seed=1, rate_hz=300.0):
    rng = np.random.default_rng(seed)
    return encode.rate(rng.random((n, SIZES[0])), N_STEPS, rng, rate_hz)


@pytest.mark.parametrize("inhibition", [0.0, 0.3])
def test_spikes_potentials_and_traces_are_those_of_the_scalar_loop(inhibition):
    net, shown = network(inhibition=inhibition), events()
    found = membrane.respond(net, shown)
    for b, layers in enumerate(scalar_membrane.show(net, shown)):
        for ours, (potential, trace, counts, _) in zip(found.layers, layers, strict=True):
            np.testing.assert_array_equal(ours.counts[b], counts)
            np.testing.assert_allclose(ours.trace[b], trace, rtol=1e-5)
            np.testing.assert_allclose(ours.potential[b], potential, atol=1e-5)
            assert 10 < counts.sum() < 0.9 * N_STEPS * len(counts)


def test_competition_takes_spikes_from_the_output_alone():
    free, bound = (
        membrane.respond(network(inhibition=strength), events()).layers for strength in (0.0, 0.5)
    )
    np.testing.assert_array_equal(free[0].counts, bound[0].counts)
    assert bound[1].counts.sum() < 0.7 * free[1].counts.sum()


@pytest.mark.parametrize("inhibition", [0.0, 0.3])
@pytest.mark.parametrize("tau_s", [5e-3, 20e-3, np.inf])
def test_potentials_are_what_weights_bring_less_what_spikes_take(tau_s, inhibition):
    net = network(tau_s=tau_s, inhibition=inhibition)
    found = membrane.respond(net, events())
    below = found.input_trace
    for layer, (weights, thresholds) in enumerate(zip(net.weights, net.thresholds, strict=True)):
        potential, trace, _ = found.layers[layer]
        others = trace.sum(axis=1, keepdims=True) - trace if layer == 1 else 0
        taken = thresholds * (trace + inhibition * others)
        np.testing.assert_allclose(potential, below @ weights.T - taken, atol=1e-4)
        assert np.median(np.abs(potential)) < np.abs(taken).max()
        below = trace


def test_decay_by_events_is_decay_by_steps():
    rng = np.random.default_rng(3)
    steps, units = np.sort(rng.integers(0, 200, 25)), rng.integers(0, 4, 25)
    weights = rng.random(4).astype(np.float32)
    net = MembraneNetwork((weights[None],), ([1.0],), tau_s=7e-3, inhibition=0.0)
    found = membrane.respond(net, SpikeEvents(steps, units, [0, 25], 4, 200)).layers[0]
    potential, fired = scalar_membrane.by_event(weights, 1.0, steps, units, 200, 7.0)
    assert found.potential[0, 0] == pytest.approx(potential, abs=1e-6)
    assert found.counts[0, 0] == len(fired) > 2
    wanted = sum(np.exp(-(199 - t) / 7.0) for t in fired)
    assert found.trace[0, 0] == pytest.approx(wanted, rel=1e-4)


def test_several_events_of_a_unit_in_a_step_count_each():
    net = MembraneNetwork(([[1.0]],), ([10.0],), tau_s=np.inf)
    found = membrane.respond(net, SpikeEvents([0, 0, 1], [0, 0, 0], [0, 3], 1, 2))
    assert found.layers[0].potential[0, 0] == found.input_trace[0, 0] == 3
    assert found.input_counts.tolist() == [[3]]


def test_silence_in_gives_silence_out():
    nothing = SpikeEvents([], [], [0, 0, 0], SIZES[0], N_STEPS)
    found = membrane.respond(network(), nothing)
    assert not any(part.any() for layer in found.layers for part in layer)
    assert not found.input_trace.any()


def test_samples_do_not_depend_on_their_neighbours_or_on_threads():
    net, shown = network(), events(150)
    together = membrane.respond(net, shown).layers
    alone = membrane.respond(net, shown.take([140])).layers
    for one, all_of_them in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.potential[0], all_of_them.potential[140])
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        shared = membrane.respond(net, shown).layers
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(shared[1].potential, together[1].potential)


def test_the_class_is_that_of_the_most_spikes_then_of_the_nearest_to_its_threshold():
    output = membrane.LayerResponse(
        np.array([[-9.0, 0.0, 0.9], [0.1, 0.2, -50.0], [-3.0, -2.0, -4.0]]),
        np.zeros((3, 3)),
        np.array([[2.0, 1.0, 1.0], [0.0, 0.0, 0.0], [4.0, 4.0, 4.0]]),
    )
    assert membrane.classes(output, np.array([1.0, 4.0, 1.0])).tolist() == [0, 0, 1]


def test_initial_weights_and_thresholds_are_the_papers():
    net = membrane_initial.initial((300, 200, 10), np.random.default_rng(0), (4.0, 5.0))
    for weights, thresholds, alpha in zip(net.weights, net.thresholds, (4, 5), strict=True):
        bound = np.sqrt(3 / weights.shape[1])
        assert 0.99 * bound < np.abs(weights).max() <= bound * (1 + 1e-6)
        np.testing.assert_allclose(thresholds, alpha * bound, rtol=1e-6)


def test_thresholds_follow_what_samples_bring():
    """Twice the weights of a layer and its thresholds: the same spikes."""
    net, shown = network(), membrane.by_step(events())
    suited = membrane_initial.with_thresholds(net, shown, (0.7, 0.3))
    doubled = dataclasses.replace(net, weights=(2 * net.weights[0], net.weights[1]))
    wide = membrane_initial.with_thresholds(doubled, shown, (0.7, 0.3))
    np.testing.assert_allclose(wide.thresholds[0], 2 * suited.thresholds[0], rtol=1e-6)
    np.testing.assert_allclose(wide.thresholds[1], suited.thresholds[1], rtol=1e-6)
    found = membrane.respond(suited, events())
    for layer, below in enumerate((found.input_trace, found.layers[0].trace)):
        drive = np.sqrt(np.mean((below @ net.weights[layer].T) ** 2))
        share = (0.7, 0.3)[layer]
        np.testing.assert_allclose(suited.thresholds[layer], share * drive, rtol=1e-4)


def test_thresholds_of_what_gets_no_input_cannot_be_set():
    nothing = membrane.by_step(SpikeEvents([], [], [0, 0], SIZES[0], N_STEPS))
    with pytest.raises(ValueError, match="layer 1 gets no input"):
        membrane_initial.with_thresholds(network(), nothing, (1.0, 1.0))
    with pytest.raises(ValueError, match="one for each layer"):
        membrane_initial.with_thresholds(network(), nothing, (1.0,))


def test_pixels_spike_by_chance_each_on_its_own():
    pixels = np.array([[[0.0, 0.25, 1.0]]]).repeat(400, axis=0)
    spikes = Poisson(pixels, 50, 0.4).spikes(np.arange(400), np.random.default_rng(0))
    counts = np.bincount(spikes.units, minlength=3)
    assert counts[0] == 0
    for count, chance in zip(counts[1:], (0.1, 0.4), strict=True):
        deviation = np.sqrt(20_000 * chance * (1 - chance))
        assert abs(count - 20_000 * chance) < 4 * deviation
    by_step = np.diff(spikes.starts, axis=1)
    assert by_step.shape == (400, 50)
    assert by_step.sum() == len(spikes.units)
    # Of two pixels in a step, drawn from one random number, as many pairs as chance has.
    assert abs(np.mean(by_step == 2) - 0.04) < 4 * np.sqrt(0.04 * 0.96 / 20_000)


def test_images_move_as_a_whole_and_no_further_than_they_may():
    pixels = np.zeros((300, 6, 5))
    pixels[:, 2, 3] = 1.0
    stimuli = Poisson(pixels, 1, 1.0, shift=1)
    units = stimuli.spikes(np.arange(300), np.random.default_rng(0)).units
    places = set(zip(*np.unravel_index(units, (6, 5)), strict=True))
    assert places == {(y, x) for y in (1, 2, 3) for x in (2, 3, 4)}
    still = Poisson(pixels, 1, 1.0).spikes(np.arange(300), np.random.default_rng(0)).units
    assert set(still.tolist()) == {2 * 5 + 3}


def test_recorded_events_are_shown_as_they_are():
    shown = events()
    spikes = Recorded(shown).spikes(np.array([2, 0]), np.random.default_rng(0))
    own = slice(*shown.offsets[2:4])
    order = np.argsort(shown.step[own], kind="stable")
    first = spikes.units[spikes.starts[0, 0] : spikes.starts[0, -1]]
    np.testing.assert_array_equal(first, shown.unit[own][order])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"weights": ()}, "a layer or more"),
        ({"weights": (np.zeros((2, 3)), np.zeros((2, 3)))}, "follow one another"),
        ({"thresholds": ([1.0, 1.0],)}, "one array for each"),
        ({"thresholds": ([1.0] * 90, [0.0] * 12)}, "positive"),
        ({"tau_s": 0.0}, "tau_s"),
        ({"inhibition": 1.0}, "inhibition"),
    ],
)
def test_networks_that_are_none_are_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        network(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"sizes": (3,)}, {"sizes": (3, 0)}, {"alphas": (1.0, 1.0)}, {"alphas": (0.0,)}],
)
def test_sizes_and_scales_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ValueError, match="sizes must be"):
        membrane_initial.initial(**{"sizes": (3, 2), "alphas": (1.0,), "rng": None, **wrong})


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"pixels": np.zeros((2, 4))}, r"\[N, H, W\]"),
        ({"pixels": np.full((2, 2, 2), np.nan)}, r"0\.\.1"),
        ({"n_steps": 0}, "n_steps"),
        ({"chance": 1.5}, "chance"),
        ({"shift": -1}, "shift"),
    ],
)
def test_images_that_cannot_be_shown_are_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        Poisson(**{"pixels": np.zeros((2, 2, 2)), **wrong})


def test_events_of_other_units_are_refused():
    with pytest.raises(ValueError, match="30 units, not 2"):
        membrane.respond(network(), SpikeEvents([0], [1], [0, 1], 2, 1))


def as_dense(net, number):
    """Return weights ``[out, in]`` and thresholds of a convolution, written out by autograd."""
    layer = Run(net).layers[number]
    n_in = int(np.prod(layer.below))
    found = layer.drive(np.eye(n_in, dtype=np.float32)).T
    return found, layer.spread(layer.thresholds)


def maps_network(shape=(2, 9, 10), features=(20,)):
    rng = np.random.default_rng(0)
    net = membrane_initial.initial_maps(shape, features, (12, 3), rng, (3.0, 3.0, 3.0), side=4)
    weights = (net.weights[0], *(w + 0.02 for w in net.weights[1:]))
    return dataclasses.replace(net, weights=weights)


def test_maps_are_the_same_neurons_with_weights_written_out():
    """Twenty features are a narrow block and a part of one; 9 x 10 places are pooled by two."""
    net = dataclasses.replace(maps_network((2, 9, 11)), inhibition=0.3)
    rng = np.random.default_rng(1)
    shown = encode.rate(rng.random((4, 2 * 9 * 11)), N_STEPS, rng, 100.0)
    found = membrane.respond(net, shown)
    weights, thresholds = as_dense(net, 0)
    plain = MembraneNetwork((weights,), (thresholds,), inhibition=0.0)
    written_out = membrane.respond(plain, shown).layers[0]
    np.testing.assert_array_equal(found.layers[0].counts, written_out.counts)
    np.testing.assert_allclose(found.layers[0].trace, written_out.trace, rtol=1e-4)
    np.testing.assert_allclose(found.layers[0].potential, written_out.potential, atol=1e-4)
    assert found.layers[0].counts.sum() > 100
    layer = Run(net).layers[0]
    pooled = layer.pooled(found.layers[0].trace)
    by_hand = found.layers[0].trace.reshape(4, 3, 2, 4, 2, 20).sum(axis=(2, 4)).reshape(4, -1)
    np.testing.assert_allclose(pooled, by_hand)
    potential, trace, _ = found.layers[1]  # (5) holds for what windows pass on
    taken = net.thresholds[1] * trace
    np.testing.assert_allclose(potential, pooled @ net.weights[1].T - taken, atol=1e-3)


def test_weights_of_maps_are_pytorchs():
    """A single event in the middle of a map leaves the weights, turned, around it."""
    net = maps_network((1, 9, 9), (3,))
    unit = 4 * 9 + 4
    found = membrane.respond(net, SpikeEvents([0], [unit], [0, 1], 81, 1)).layers[0]
    image = torch.zeros(1, 1, 9, 9)
    image[0, 0, 4, 4] = 1
    wanted = torch.nn.functional.conv2d(image, torch.from_numpy(net.weights[0]))
    potential = found.potential + found.counts * np.tile(net.thresholds[0], 36)
    np.testing.assert_allclose(
        potential.reshape(6, 6, 3), wanted[0].permute(1, 2, 0).numpy(), atol=1e-6
    )


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"shape": None}, "want a shape"),
        ({"shape": (3, 9, 11)}, "want a shape"),
        ({"shape": (2, 8, 11)}, "pool must divide the 5 x 8"),
        ({"shape": (2, 11, 11)}, "follow one another"),
    ],
)
def test_maps_that_do_not_fit_are_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        dataclasses.replace(maps_network((2, 9, 11)), **wrong)
