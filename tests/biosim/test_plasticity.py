import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosim.plasticity import PairSTDP, printed_window, simulate_pairs, window

# Four different numbers, so that no two of them can be swapped unnoticed.
RULE = PairSTDP(a_plus=0.005, a_minus=0.007, tau_plus_s=17e-3, tau_minus_s=34e-3)
DELTA_S = np.array([-50, -20, -3, -1, 1, 3, 20, 50]) * 1e-3


def measured_window(rule, delta_s):
    """The change of weight by one pair of spikes for each s."""
    return simulate_pairs(rule, delta_s, target="numpy").weight[-1]


@pytest.fixture(scope="module")
def measured():
    return measured_window(RULE, DELTA_S)


def test_the_measured_window_equals_the_formula(measured):
    np.testing.assert_allclose(measured, window(RULE, DELTA_S), rtol=1e-6)


def test_the_printed_formula_fails_the_same_check(measured):
    with pytest.raises(AssertionError):
        np.testing.assert_allclose(measured, printed_window(RULE, DELTA_S), rtol=1e-6)
    late = DELTA_S > 0
    assert (np.diff(printed_window(RULE, DELTA_S)[late]) > 0).all()
    assert (printed_window(RULE, DELTA_S)[~late] > 0).all()


@pytest.mark.parametrize(
    "swapped",
    [
        PairSTDP(0.007, 0.005, 17e-3, 34e-3),
        PairSTDP(0.005, 0.007, 34e-3, 17e-3),
    ],
)
def test_swapped_parameters_fail_too(measured, swapped):
    assert np.abs(measured / window(swapped, DELTA_S) - 1).max() > 0.1


def test_exchanging_pre_and_post_changes_the_sign(measured):
    assert (np.sign(measured) == np.sign(DELTA_S)).all()


def test_permuting_pairs_permutes_the_weights(measured):
    order = np.random.default_rng(0).permutation(len(DELTA_S))
    again = measured_window(RULE, DELTA_S[order])
    np.testing.assert_array_equal(again, measured[order])


def test_a_weight_changes_once_when_the_second_spike_comes():
    recording = simulate_pairs(RULE, np.array([5e-3, -5e-3]), dt_s=1e-3, target="numpy")
    jumps = np.diff(recording.weight, axis=0)
    assert (np.count_nonzero(jumps, axis=0) == 1).all()
    later, earlier = (recording.time_s[np.flatnonzero(jumps[:, k])[0]] for k in (0, 1))
    # The common presynaptic spike is the second of the pair where s is negative.
    assert later - earlier == pytest.approx(5e-3)


@given(st.integers(1, 200), st.integers(1, 200))
def test_the_window_falls_with_distance(near, further):
    delta_s = np.array([near, near + further]) * 1e-4
    assert np.diff(window(RULE, delta_s))[0] < 0
    assert np.diff(window(RULE, -delta_s))[0] > 0


def test_of_two_simultaneous_spikes_the_presynaptic_one_counts_as_the_earlier():
    at_once = np.array([0.0])
    assert measured_window(RULE, at_once) == pytest.approx(RULE.a_plus)
    assert window(RULE, at_once) == pytest.approx(RULE.a_plus)


def test_the_window_of_a_weight_dependent_rule_depends_on_the_weight():
    rule = PairSTDP(0.005, 0.007, 17e-3, 34e-3, mu_plus=0.5, mu_minus=2.0, bounds=(-1.0, 1.0))
    measured = measured_window(rule, DELTA_S)  # of weights that begin at 0
    np.testing.assert_allclose(measured, window(rule, DELTA_S), rtol=1e-6)
    later, ratio = DELTA_S > 0, window(rule, DELTA_S, 0.5) / window(rule, DELTA_S, -0.5)
    np.testing.assert_allclose(ratio, np.where(later, 3**-0.5, 3.0**2))


def test_pairs_that_the_grid_cannot_hold_are_refused():
    with pytest.raises(ValueError, match="multiple"):
        measured_window(RULE, np.array([1.05e-3]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"a_minus": -0.005}, "must be positive"),
        ({"tau_plus_s": 0.0}, "must be positive"),
        ({"mu_plus": -1.0, "bounds": (0.0, 1.0)}, "must not be negative"),
        ({"mu_minus": 0.4}, "need bounds"),
        ({"bounds": (1.0, 0.0)}, "lower bound"),
        ({"pairing": "next"}, "allowed: all, nearest"),
    ],
)
def test_parameters_that_make_no_rule_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        PairSTDP(**wrong)
