"""Spiking maps: compiled loops, spike by spike, against dense convolutions step by step."""

import dataclasses

import numpy as np
import pytest
import torch

from gradsim import stdp_convolution
from gradsim.stdp_convolution import SpikingMaps
from tests.gradsim import scalar_maps

T = 9


def steps(n=12, channels=2, side=11, seed=0, share=0.5):
    """Return random spikes: half of all places, in any step."""
    rng = np.random.default_rng(seed)
    times = rng.integers(0, T, (n, channels, side, side))
    return np.where(rng.random(times.shape) < share, times, T)


def layer(maps=6, channels=2, size=4, seed=1, **settings):
    """Return maps with weights in multiples of 1/64, of which sums are exact, a few of them 0."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(-8, 65, (maps, channels, size, size)) / 64
    weights *= rng.random(weights.shape) < 0.8
    thresholds = rng.integers(150, 350, maps) / 64
    settings = {"padding": 2, "n_steps": T, **settings}
    return SpikingMaps(weights.astype(np.float32), thresholds.astype(np.float32), **settings)


@pytest.mark.parametrize("inhibits", [True, False])
@pytest.mark.parametrize("padding", [0, 1, 3])
@pytest.mark.parametrize("pool", [1, 2, 3])
def test_spikes_are_those_of_dense_convolutions(inhibits, padding, pool):
    maps = layer(inhibits=inhibits, padding=padding, pool=pool)
    found = stdp_convolution.respond(maps, steps())
    plain = scalar_maps.spike_times(maps, steps())
    np.testing.assert_array_equal(found.times, scalar_maps.pooled(plain, pool, T))
    np.testing.assert_array_equal(found.spikes, (plain < T).sum(axis=(1, 2, 3)))
    assert len(np.unique(found.times)) > T // 2
    by_map = (plain < T).sum(axis=(0, 2, 3))
    assert (by_map > 0).all()


def test_a_place_spikes_once_with_inhibition_and_a_neuron_without():
    maps, given = layer(padding=2, pool=1), steps(share=0.9)
    alone = stdp_convolution.respond(maps, given)
    assert (alone.times < T).sum(axis=1).max() == 1
    free = stdp_convolution.respond(dataclasses.replace(maps, inhibits=False), given)
    np.testing.assert_array_equal(free.spikes, (free.times < T).sum(axis=(1, 2, 3)))
    assert free.spikes.sum() > 2 * alone.spikes.sum()


def test_a_potential_at_the_threshold_is_not_above_it():
    weights = np.ones((1, 1, 2, 2), np.float32)
    given = [[[[0, 1], [2, 3]]]]
    for threshold, when in ((2.0, 2), (1.75, 1), (4.0, 5)):
        maps = SpikingMaps(weights, np.array([threshold], np.float32), n_steps=5)
        assert stdp_convolution.respond(maps, given).times.ravel() == [when]


def test_additions_are_weights_that_are_not_zero_at_places_that_may_spike():
    maps, given = layer(inhibits=False), steps(3)
    found = stdp_convolution.respond(maps, given)
    ones = dataclasses.replace(maps, weights=(maps.weights != 0).astype(np.float32))
    everything = scalar_maps.potentials(ones, given)[-1].sum(axis=(1, 2, 3))
    np.testing.assert_array_equal(found.additions, everything)
    blocked = stdp_convolution.respond(dataclasses.replace(maps, inhibits=True), given)
    still = scalar_maps.spike_times(dataclasses.replace(maps, inhibits=True), given).min(axis=1)
    now, before = scalar_maps.potentials(ones, given), 0
    wanted = np.zeros(3)
    for t, sums in enumerate(now):
        wanted += ((sums - before) * (still >= t)[:, None]).sum(axis=(1, 2, 3))
        before = sums
    np.testing.assert_array_equal(blocked.additions, wanted)
    assert (blocked.additions < found.additions).all()


def test_largest_potentials_are_those_of_a_dense_convolution():
    maps, given = layer(), steps()
    found, additions = stdp_convolution.largest_potentials(maps, given)
    last = scalar_maps.potentials(maps, given)[-1].max(axis=(2, 3))
    np.testing.assert_allclose(found, np.maximum(last, 0), atol=1e-6)
    free = stdp_convolution.respond(dataclasses.replace(maps, inhibits=False), given)
    np.testing.assert_array_equal(additions, free.additions)


def test_layers_stand_one_behind_another():
    first = layer(pool=2)
    second = layer(5, channels=6, size=3, seed=2, padding=1)
    between = stdp_convolution.respond(first, steps()).times
    found = stdp_convolution.respond(second, between)
    np.testing.assert_array_equal(found.times, scalar_maps.spike_times(second, between))
    assert (found.times < T).any()


def test_a_sample_is_shown_from_rest_whatever_was_shown_before():
    maps, given = layer(), steps()
    whole = stdp_convolution.respond(maps, given)
    last = stdp_convolution.respond(maps, given[-1:])
    np.testing.assert_array_equal(whole.times[-1:], last.times)
    assert whole.additions[-1] == last.additions[0]
    assert stdp_convolution.respond(maps, given[:0]).times.shape[0] == 0


@pytest.mark.parametrize("kind", [list, torch.tensor, lambda each: np.asarray(each, ">u2")])
def test_steps_may_come_in_any_form(kind):
    maps, given = layer(), steps(2)
    np.testing.assert_array_equal(
        stdp_convolution.respond(maps, kind(given.tolist())).times,
        stdp_convolution.respond(maps, given).times,
    )


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"weights": np.ones((2, 2, 3, 4), np.float32)}, "weights must be"),
        ({"weights": np.ones((6, 2, 4, 4))}, "float32"),
        ({"thresholds": np.ones(5, np.float32)}, "thresholds must be"),
        ({"thresholds": np.zeros(6, np.float32)}, "above 0"),
        ({"padding": -1}, "padding"),
        ({"pool": 0}, "pool"),
        ({"n_steps": 256}, "n_steps"),
    ],
)
def test_a_layer_out_of_range_is_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        dataclasses.replace(layer(), **wrong)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (np.zeros((1, 3, 8, 8), int), "times must be"),
        (np.zeros((2, 8, 8), int), "times must be"),
        (np.full((1, 2, 8, 8), T + 1), "times must lie in"),
        (np.full((1, 2, 8, 8), -1), "times must lie in"),
        (np.zeros((1, 2, 8, 8)), "integers"),
    ],
)
def test_steps_out_of_range_are_refused(wrong, told):
    for answer in (stdp_convolution.respond, stdp_convolution.largest_potentials):
        with pytest.raises(ValueError, match=told):
            answer(layer(), wrong)


def test_a_filter_larger_than_its_input_is_refused():
    with pytest.raises(ValueError, match="larger than"):
        stdp_convolution.respond(layer(padding=0), np.zeros((1, 2, 3, 8), int))
