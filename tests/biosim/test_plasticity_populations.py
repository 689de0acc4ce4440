"""What rules do to repeated pairs, to random spikes, and to weights that compete."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from biosim.backend import session
from biosim.plasticity import (
    VISUAL_CORTEX,
    VISUAL_CORTEX_NEAREST,
    Competition,
    PairSTDP,
    compete,
    normalised,
    pairings,
    simulate_trains,
    window,
)


def changes(rule, delta_s, rates_hz=(1.0, 20.0, 40.0, 50.0)):
    """The change of weight by 60 pairs at each rate."""
    trains = [pairings(60, rate_hz, delta_s) for rate_hz in rates_hz]
    return simulate_trains(rule, *zip(*trains, strict=True), dt_s=5e-3, target="numpy").weight[-1]


def test_a_repeated_pair_begins_at_zero_and_keeps_its_distance():
    pre, post = pairings(3, 10.0, -10e-3)
    np.testing.assert_allclose(post, [0, 0.1, 0.2])
    np.testing.assert_allclose(pre - post, 10e-3)


@pytest.mark.parametrize("rule", [VISUAL_CORTEX, VISUAL_CORTEX_NEAREST], ids=["all", "nearest"])
def test_the_triplet_rule_potentiates_with_frequency(rule):
    later, earlier = changes(rule, 10e-3), changes(rule, -10e-3)
    assert abs(later[0]) < 1e-3  # single pairs do not potentiate in the minimal model
    assert (np.diff(later) > 0.05).all()
    assert later[-1] > 0.5
    assert earlier[0] < -0.2 < 0.5 < earlier[-1]


@pytest.mark.parametrize("a_minus", [0.0071, 0.0008])
def test_the_pair_rule_does_not_potentiate_with_frequency(a_minus):
    rule = PairSTDP(0.0046, a_minus, 16.8e-3, 33.7e-3)
    found = changes(rule, 10e-3)
    assert found[0] == pytest.approx(60 * window(rule, 10e-3), rel=1e-3)
    assert (found[1:] < found[0]).all()


@pytest.mark.parametrize("a_minus", [0.0062, 0.0042])
def test_uncorrelated_spikes_drift_as_the_area_of_the_window_says(a_minus):
    rule, dt_s = PairSTDP(a_minus=a_minus), 1e-3
    n_steps, probability, n_synapses = 2000, 0.04, 1500
    rng = np.random.default_rng(0)
    pre, post = (
        [np.flatnonzero(row) * dt_s for row in rng.random((n_synapses, n_steps)) < probability]
        for _ in range(2)
    )
    found = simulate_trains(rule, pre, post, dt_s=dt_s, target="numpy").weight[-1]
    # Every pair of steps holds a pair of spikes with probability p^2.
    lags = np.arange(1 - n_steps, n_steps)
    expected = probability**2 * ((n_steps - np.abs(lags)) * window(rule, lags * dt_s)).sum()
    error = found.std() / np.sqrt(n_synapses)
    assert abs(found.mean() - expected) < 4 * error
    assert abs(found.mean()) > 4 * error
    assert np.sign(found.mean()) == (-1 if a_minus > rule.a_plus else 1)


EASY = Competition(
    n_inputs=100, n_neurons=10, rate_hz=10.0, total_conductance=12.0, duration_s=16.0
)
ADDITIVE = PairSTDP(a_plus=0.02, a_minus=0.026, bounds=(0.0, 1.0))
MULTIPLICATIVE = dataclasses.replace(ADDITIVE, mu_plus=1.0, mu_minus=1.0)


def test_additive_weights_part_and_multiplicative_ones_gather():
    result = compete([ADDITIVE, MULTIPLICATIVE], EASY, seed=1, target="numpy")
    assert (result.rate_hz > 1).all()
    flat, additive, multiplicative = (
        np.histogram(weights, 5, (0, 1))[0] / weights.size
        for weights in (result.initial, *result.weight)
    )
    assert np.ptp(flat) < 0.06
    assert additive[[0, -1]].min() > 1.5 * additive[2]
    assert multiplicative.argmax() == 2
    assert multiplicative[[0, -1]].max() == 0


def test_a_competition_depends_on_its_seed_alone():
    short = dataclasses.replace(EASY, duration_s=0.2)
    first, again, other = (
        compete([ADDITIVE, MULTIPLICATIVE], short, seed, target="numpy") for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.weight, again.weight)
    assert not np.array_equal(first.initial, other.initial)
    assert first.weight.shape == (2, 10, 100)
    assert first.rate_hz.shape == (2, 10)


def test_the_neurons_of_one_rule_do_not_feel_the_other():
    short = dataclasses.replace(EASY, duration_s=0.5)
    both = compete([ADDITIVE, MULTIPLICATIVE], short, 0, target="numpy")
    alone = compete([MULTIPLICATIVE], short, 0, target="numpy")
    np.testing.assert_array_equal(both.weight[1], alone.weight[0])


def test_competitions_without_inputs_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        Competition(n_inputs=0)
    with pytest.raises(ValueError, match="must be positive"):
        Competition(rate_hz=0.0)
    with pytest.raises(ValueError, match="multiple"):
        Competition(duration_s=1.0005)


def test_a_spike_is_passed_on_with_the_weight_that_it_finds():
    import brian2

    with session(target="numpy", seed=0, dt_s=1e-3):
        before, after = (
            brian2.SpikeGeneratorGroup(1, [0], [time_s] * brian2.second) for time_s in (4e-3, 1e-3)
        )
        # A parrot neuron: it fires when told so, and counts what it receives.
        neuron = brian2.NeuronGroup(1, "g : 1\ntold : 1", threshold="told > 0", reset="told = 0")
        tell = brian2.Synapses(after, neuron, on_pre="told_post = 1")
        tell.connect()
        rule = PairSTDP(a_minus=0.1)
        plastic = rule.recipe().synapses(before, neuron, effect="g_post += peak * w", peak=2.0)
        plastic.connect()
        plastic.w = 0.5
        brian2.Network(before, after, neuron, tell, plastic).run(6e-3 * brian2.second)
        assert plastic.w_[0] < 0.5
        assert neuron.g_[0] == pytest.approx(2 * 0.5, abs=1e-15)


@given(
    arrays(float, st.tuples(st.integers(1, 6), st.integers(1, 4)), elements=st.floats(1e-3, 1e3)),
    st.floats(1e-2, 1e2),
)
def test_normalised_weights_sum_to_the_total_and_keep_their_ratios(weights, total):
    scaled = normalised(weights, total)
    np.testing.assert_allclose(scaled.sum(axis=0), total)
    np.testing.assert_allclose(scaled / scaled[0], weights / weights[0])


def test_synapses_are_normalised_as_the_docstring_says():
    import brian2

    with session(target="numpy"):
        before, after = (brian2.NeuronGroup(n, "v : 1", threshold="v > 1") for n in (5, 3))
        synapses = PairSTDP().recipe().synapses(before, after)
        synapses.connect()
        synapses.w = "0.1 + 0.1 * i"
        synapses.w_[:] = normalised(synapses.w_[:].reshape(5, 3), 78).ravel()
        brian2.Network(before, after, synapses).run(1e-3 * brian2.second)
        sums = np.bincount(synapses.j[:], synapses.w_[:])
        np.testing.assert_allclose(synapses.w_["i == 4"], 78 * 5 / 15)
    np.testing.assert_allclose(sums, 78)


def test_weights_that_cannot_be_normalised_are_refused():
    with pytest.raises(ValueError, match=r"neurons \[1\] are 0"):
        normalised(np.array([[1.0, 0.0]]), 1.0)
    with pytest.raises(ValueError, match="no weight negative"):
        normalised(np.array([[1.0], [-0.5]]), 1.0)
    with pytest.raises(ValueError, match="must be positive"):
        normalised(np.array([[1.0]]), 0.0)
