"""STDP of spiking maps: against one weight at a time, who wins, and what weights become."""

import dataclasses

import numpy as np
import pytest

from gradsim import stdp_convolution_training as training
from gradsim.stdp_convolution_training import ConvolutionSTDP
from tests.gradsim import scalar_maps

T = 6
RULE = ConvolutionSTDP(rate=0.05, double_every=4, largest_rate=0.15, n_winners=3, radius=1)


def steps(n=10, side=9, seed=0):
    rng = np.random.default_rng(seed)
    times = rng.integers(0, T, (n, 2, side, side))
    return np.where(rng.random(times.shape) < 0.4, times, T)


def maps(n_maps=5, size=3, threshold=3.0, seed=1, padding=1):
    layer = training.initial((n_maps, 2, size, size), threshold, np.random.default_rng(seed))
    return dataclasses.replace(layer, padding=padding, n_steps=T)


@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("rule", [RULE, dataclasses.replace(RULE, n_winners=20, radius=0)])
def test_weights_are_those_of_the_scalar_loop(padding, rule):
    layer, given = maps(padding=padding), steps()
    plain = scalar_maps.learn(layer, given, rule)
    found, history = training.learn(layer, given, rule)
    np.testing.assert_array_equal(found.weights, plain.weights)
    won = np.bincount([winner[3] for each in plain.winners for winner in each], minlength=5)
    np.testing.assert_array_equal(history.wins, won)
    assert np.abs(found.weights - layer.weights).max() > 0.1
    assert sum(map(len, plain.winners)) > 2 * len(given)


def test_equal_potentials_and_weights_that_grow_are_those_of_the_scalar_loop_too():
    """Without chance in weights all maps and many places tie; these weights more than double."""
    equal = np.full((5, 2, 3, 3), 0.3, np.float32)
    layer = dataclasses.replace(maps(threshold=1.5), weights=equal)
    rule = dataclasses.replace(RULE, largest_rate=1.0)
    plain = scalar_maps.learn(layer, steps(24), rule)
    found, _ = training.learn(layer, steps(24), rule)
    np.testing.assert_array_equal(found.weights, plain.weights)
    assert found.weights.max() > 0.9


def test_winners_share_no_map_and_no_neighbourhood():
    """Of the loop that the weights above are equal to: who learned when."""
    for winners in scalar_maps.learn(maps(), steps(), RULE).winners:
        assert 0 < len(winners) <= 3
        assert len({winner[3] for winner in winners}) == len(winners)
        for k, (_, y, x, _) in enumerate(winners):
            assert all(max(abs(y - b[1]), abs(x - b[2])) > 1 for b in winners[:k])
        assert [winner[0] for winner in winners] == sorted(winner[0] for winner in winners)


def bars(n, seed=0):
    """Return images of one bar each, upright or flat, whose places spike in a random order."""
    rng = np.random.default_rng(seed)
    times = np.full((n, 2, 8, 8), T)
    for sample in times:
        upright, place = rng.integers(2), rng.integers(8)
        line = rng.integers(0, T - 1, 8)
        if upright:
            sample[0, :, place] = line
        else:
            sample[0, place, :] = line
    return times


def test_weights_go_to_zero_and_one_and_become_bars():
    layer = maps(8, size=5, threshold=2.5, padding=0)
    rule = ConvolutionSTDP(rate=0.05, double_every=200, n_winners=4, radius=0)
    found, history = training.learn(layer, bars(3000), rule)
    assert history.convergence[0] == pytest.approx(training.convergence(layer.weights))
    assert history.convergence[-1] < 0.01 == rule.converged
    assert history.convergence[-1] == pytest.approx(training.convergence(found.weights))
    assert (np.diff(history.convergence[1:]) < 0.01).all()
    assert history.seen[-1] < 3000  # it has stopped
    assert np.mean((found.weights < 0.1) | (found.weights > 0.9)) > 0.95
    learned = found.weights[history.wins > 50]
    assert learned[:, 1].max() < 0.1  # where nothing ever spikes
    straight = [max((w > 0.5).sum(0).max(), (w > 0.5).sum(1).max()) for w in learned[:, 0]]
    assert min(straight) >= 3


def test_convergence_is_looked_at_now_and_then_and_progress_is_told():
    told = []
    rule = ConvolutionSTDP(converged=0.0)
    _, history = training.learn(maps(), steps(600), rule, lambda share, _: told.append(share))
    np.testing.assert_array_equal(history.seen, [0, 250, 500, 600])
    assert told == pytest.approx([250 / 600, 500 / 600, 1.0])


def test_the_layer_it_starts_from_stays():
    layer, given = maps(), steps()
    before = layer.weights.copy()
    free, _ = training.learn(dataclasses.replace(layer, inhibits=False), given, RULE)
    usual, _ = training.learn(layer, given, RULE)
    np.testing.assert_array_equal(layer.weights, before)
    np.testing.assert_array_equal(free.weights, usual.weights)
    assert not free.inhibits


def test_rates_double_up_to_the_largest():
    rule = ConvolutionSTDP(rate=0.02, double_every=500)
    assert [rule.rate_after(n) for n in (0, 499, 500, 1000, 1500, 9000)] == [
        0.02, 0.02, 0.04, 0.08, 0.15, 0.15,
    ]  # fmt: skip
    assert ConvolutionSTDP().rate_after(10**6) == 0.004


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": 0.0},
        {"largest_rate": 0.001},
        {"depression": 0.0},
        {"double_every": 0},
        {"n_winners": 0},
        {"radius": -1},
        {"converged": -0.1},
    ],
)
def test_a_rule_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ConvolutionSTDP(**wrong)


def test_weights_that_cannot_learn_are_refused():
    layer = maps()
    beyond = dataclasses.replace(layer, weights=layer.weights * 2)
    with pytest.raises(ValueError, match=r"0\.\.1"):
        training.learn(beyond, steps(), RULE)
