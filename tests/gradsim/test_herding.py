"""Quantisers against the loop that their equations are, and the half spike that they may be off."""

import numpy as np
import pytest

from gradsim import herding


def one_by_one(drive, potential, *, negative):
    """Emit spike after spike, as (1) and (2) say it."""
    spikes, potential = np.zeros_like(drive), potential + drive
    for j in range(len(drive)):
        while potential[j] > 0.5:
            spikes[j] += 1
            potential[j] -= 1
        while negative and potential[j] < -0.5:
            spikes[j] -= 1
            potential[j] += 1
    return spikes, potential


@pytest.mark.parametrize("quantiser", [herding.signed, herding.rectified])
def test_spikes_are_those_of_the_loop_one_by_one(quantiser):
    rng = np.random.default_rng(0)
    ours = theirs = np.zeros(50)
    for drive in rng.integers(-300, 300, (40, 50)) / 64:  # sums are exact
        spikes, ours = quantiser(drive, ours)
        expected, theirs = one_by_one(drive, theirs, negative=quantiser is herding.signed)
        np.testing.assert_array_equal(spikes, expected)
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_what_a_signed_quantiser_emits_is_true_to_half_a_spike(scale):
    drives = np.random.default_rng(1).normal(0, scale, (200, 30))
    potential, emitted, got = np.zeros(30), np.zeros(30), np.zeros(30)
    for drive in drives:
        spikes, potential = herding.signed(drive, potential)
        emitted, got = emitted + spikes, got + drive
        assert np.abs(emitted - got).max() <= 0.5 + 1e-9
    assert np.abs(emitted).max() > 0


@pytest.mark.parametrize("n_steps", [10, 100, 1000])
def test_even_input_is_rectified_to_one_in_two_n(n_steps):
    value = np.linspace(-2, 2, 41)
    potential, emitted = np.zeros(41), np.zeros(41)
    for _ in range(n_steps):
        spikes, potential = herding.rectified(value, potential)
        emitted += spikes
    assert np.abs(emitted / n_steps - np.maximum(value, 0)).max() <= 0.5 / n_steps + 1e-9


def test_a_rectified_quantiser_takes_nothing_back_and_owes_without_limit():
    spikes, potential = herding.rectified(np.array([3.0]), np.zeros(1))
    assert spikes == 3
    spikes, potential = herding.rectified(np.array([-50.0]), potential)
    assert (spikes, potential) == (0, -50)
