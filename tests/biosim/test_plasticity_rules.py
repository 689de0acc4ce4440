"""Every rule in Brian2 against a scalar loop over sorted spikes that sums over earlier spikes."""

import dataclasses
from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biosim.plasticity import (
    HIPPOCAMPUS,
    VISUAL_CORTEX_NEAREST,
    PairSTDP,
    TripletSTDP,
    simulate_trains,
)

DT_S = 1e-3
INITIAL = 0.5
# Steps so large that bounds are reached, and numbers of which no two are alike.
ADDITIVE = PairSTDP(0.2, 0.15, 17e-3, 34e-3, bounds=(0.1, 0.9))
TRIPLET = TripletSTDP(5e-3, 4e-3, 8e-3, 3e-3, tau_x_s=60e-3, tau_y_s=25e-3)
RULES = {
    "additive": ADDITIVE,
    "additive, nearest": dataclasses.replace(ADDITIVE, pairing="nearest"),
    "unbounded": PairSTDP(0.2, 0.15, 17e-3, 34e-3),
    "multiplicative": dataclasses.replace(ADDITIVE, mu_plus=1.0, mu_minus=1.0),
    "mixed": dataclasses.replace(ADDITIVE, mu_plus=0.3, mu_minus=0.7, pairing="nearest"),
    "triplet": TRIPLET,
    "triplet, bounded": dataclasses.replace(TRIPLET, a3_plus=0.1, bounds=(0.45, 0.55)),
    "triplet, nearest": dataclasses.replace(TRIPLET, pairing="nearest"),
    "hippocampus": HIPPOCAMPUS,
    "visual cortex, nearest": VISUAL_CORTEX_NEAREST,
}


def trace(times, now, tau_s, pairing):
    """What is left at ``now`` of spikes at ``times``."""
    ages = [now - time for time in times]
    if pairing == "nearest":
        ages = ages and [min(ages)]
    return sum(exp(-age / tau_s) for age in ages)


def pair(rule, side, w, now, pre, post):
    low, high = rule.bounds
    if side == "pre":
        height = ((w - low) / (high - low)) ** rule.mu_minus if rule.mu_minus else 1
        w -= rule.a_minus * height * trace(post, now, rule.tau_minus_s, rule.pairing)
    else:
        room = ((high - w) / (high - low)) ** rule.mu_plus if rule.mu_plus else 1
        w += rule.a_plus * room * trace(pre, now, rule.tau_plus_s, rule.pairing)
    return min(max(w, low), high)


def triplet(rule, side, w, now, pre, post):
    if side == "pre":
        slow = trace(pre, now, rule.tau_x_s, rule.pairing)
        fast = trace(post, now, rule.tau_minus_s, rule.pairing)
        w -= fast * (rule.a2_minus + rule.a3_minus * slow)
    else:
        slow = trace(post, now, rule.tau_y_s, rule.pairing)
        fast = trace(pre, now, rule.tau_plus_s, rule.pairing)
        w += fast * (rule.a2_plus + rule.a3_plus * slow)
    return min(max(w, rule.bounds[0]), rule.bounds[1])


STEP = {
    PairSTDP: pair,
    TripletSTDP: triplet,
}


def expected(rule, pre, post, first="pre"):
    """The weight after all spikes; at one time those of the first side come first."""
    events = [(time, "pre") for time in pre] + [(time, "post") for time in post]
    seen = {"pre": [], "post": []}
    w = INITIAL
    for now, side in sorted(events, key=lambda event: (event[0], event[1] != first)):
        w = STEP[type(rule)](rule, side, w, now, seen["pre"], seen["post"])
        seen[side].append(now)
    return w


def check(rule, trains):
    """Compare the final weights of synapses, given the steps of spikes on either side."""
    seconds = [[np.array(sorted(side)) * DT_S for side in both] for both in trains]
    pre, post = zip(*seconds, strict=True)
    found = simulate_trains(rule, pre, post, initial=INITIAL, dt_s=DT_S, target="numpy").weight[-1]
    np.testing.assert_allclose(
        found, [expected(rule, *both) for both in seconds], rtol=1e-9, atol=1e-12
    )
    return found


@pytest.mark.parametrize("name", RULES)
def test_a_rule_does_to_dense_trains_what_the_loop_does(name):
    rng = np.random.default_rng(0)
    trains = [
        [np.flatnonzero(rng.random(200) < p) for p in rng.uniform(0.02, 0.2, 2)] for _ in range(25)
    ]
    assert any(np.intersect1d(*both).size for both in trains)  # simultaneous spikes count too
    assert len(np.unique(check(RULES[name], trains))) > 2


SPIKES = st.sets(st.integers(0, 60), max_size=12)


@settings(max_examples=12)
@given(
    st.sampled_from(list(RULES)),
    st.lists(st.tuples(SPIKES, SPIKES), min_size=1, max_size=5),
)
def test_a_rule_does_to_any_trains_what_the_loop_does(name, trains):
    check(RULES[name], trains)


@pytest.mark.parametrize("name", ["additive", "triplet"])
def test_the_other_order_of_simultaneous_spikes_would_give_other_weights(name):
    at_once = np.array([10, 20])
    (found,) = check(RULES[name], [(at_once, at_once)])
    other = expected(RULES[name], at_once * DT_S, at_once * DT_S, first="post")
    assert abs(found - other) > 1e-4


def test_the_time_step_does_not_matter():
    train = [np.array([0.01, 0.03, 0.04])], [np.array([0.0, 0.02, 0.05])]
    fine, coarse = (
        simulate_trains(TRIPLET, *train, initial=INITIAL, dt_s=dt_s, target="numpy").weight[-1]
        for dt_s in (1e-3, 1e-2)
    )
    np.testing.assert_allclose(fine, coarse, rtol=1e-12)


def test_trains_that_cannot_be_run_are_refused():
    one, two = [np.array([0.01])], [np.array([0.01, 0.01])]
    with pytest.raises(ValueError, match="1 presynaptic trains, but 2"):
        simulate_trains(TRIPLET, one, one * 2, dt_s=DT_S, target="numpy")
    with pytest.raises(ValueError, match="in the same step"):
        simulate_trains(TRIPLET, one, two, dt_s=DT_S, target="numpy")
    with pytest.raises(ValueError, match="before 0"):
        simulate_trains(TRIPLET, one, [np.array([-0.01])], dt_s=DT_S, target="numpy")
    with pytest.raises(ValueError, match="multiple"):
        simulate_trains(TRIPLET, one, [np.array([0.0105])], dt_s=DT_S, target="numpy")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TripletSTDP(-1e-3, 0.0, 0.0, 0.0), "must not be negative"),
        (lambda: TripletSTDP(0.0, 0.0, 0.0, 0.0, tau_y_s=0.0), "must be positive"),
    ],
)
def test_parameters_that_make_no_rule_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
