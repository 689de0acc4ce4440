"""Brette and Gerstner's neuron against quadrature, bifurcation theory and SciPy."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from biosim.neurons import AdEx, adex
from biosim.reference import solve
from biosim.simulate import simulate
from biosim.stimuli import ramp, step

CELL = AdEx()
PLAIN = replace(CELL, coupling_s=0.0, jump_a=0.0)


def run(neuron, stimulus, dt_s=5e-5, duration_s=0.3, record=()):
    return simulate(
        neuron, stimulus, dt_s=dt_s, duration_s=duration_s, record=record, target="numpy"
    )


@pytest.fixture(scope="module")
def patterns():
    """Spike trains of the textbook's cells under its currents, and of one below threshold."""
    cells = [*adex.CELLS.values(), adex.CELLS["transient"]]
    levels = np.array([65e-12] * 6 + [25e-12, 55e-12])
    trains = run(cells, step(levels, 0.02), dt_s=1e-4, duration_s=0.5).trains()
    return dict(zip([*adex.CELLS, "weaker"], trains, strict=True))


def test_the_defaults_are_the_published_parameters():
    published = (281e-12, 30e-9, -70.6e-3, -50.4e-3, 2e-3, 144e-3, 4e-9, 0.0805e-9, -70.6e-3, 20e-3)
    assert tuple(vars(CELL).values()) == published


def test_intervals_without_adaptation_are_the_integral_over_the_potential():
    current = np.array([0.7e-9, 1e-9, 2e-9])

    def slowness(v, drive_a):
        spike = 2e-3 * np.exp((v + 50.4e-3) / 2e-3)
        return 281e-12 / (30e-9 * (-70.6e-3 - v + spike) + drive_a)

    expected_s = [
        quad(slowness, -70.6e-3, -35e-3, (drive,))[0] + quad(slowness, -35e-3, 20e-3, (drive,))[0]
        for drive in current
    ]
    found_s = 1 / run(PLAIN, current, dt_s=1e-5, duration_s=0.12).rate_hz(0.0)
    # A spike waits for the end of its step, and the last step before it is a rough one.
    assert (found_s - expected_s > -1e-7).all()
    assert (found_s - expected_s < 1.5e-5).all()


def test_without_adaptation_firing_begins_where_the_fixed_points_vanish():
    # Largest current that the leak and the exponential can balance: at v = V_T.
    rheobase_a = 30e-9 * (-50.4e-3 + 70.6e-3 - 2e-3)
    counts = [len(train) for train in run(PLAIN, rheobase_a * np.array([0.99, 1.01])).trains()]
    assert counts[0] == 0
    assert counts[1] >= 1


def test_with_adaptation_rest_is_lost_at_the_hopf_bifurcation():
    # a / g_L > tau_m / tau_w: the fixed point loses stability where exp = 1 + tau_m / tau_w.
    ratio = 281e-12 / 30e-9 / 144e-3
    v = -50.4e-3 + 2e-3 * np.log1p(ratio)
    critical_a = 34e-9 * (v + 70.6e-3) - 30e-9 * 2e-3 * (1 + ratio)
    # Raised slowly enough, the neuron follows its fixed point: here to 0.98 and 1.02 of it.
    rise = np.array([0.08, 0.12]) * critical_a
    slow = step(0.9 * critical_a) + ramp(2 * rise, 0.4, 0.9) + step(rise, 0.9)
    below, above = run(CELL, slow, dt_s=1e-4, duration_s=1.4).trains()
    assert len(below) == 0
    assert len(above) > 1
    assert above[0] > 0.7


def test_far_below_threshold_it_charges_like_the_plain_neuron():
    recording = run(PLAIN, [0.2e-9], duration_s=0.05, record=("v", "w"))
    tau_s = 281e-12 / 30e-9
    expected_v = -70.6e-3 + 0.2e-9 / 30e-9 * -np.expm1(-recording.time_s / tau_s)
    # At -64 mV the exponential adds 2 mV exp(-6.8).
    np.testing.assert_allclose(recording.traces["v"][:, 0], expected_v, atol=3e-6)
    assert not recording.traces["w"].any()


def test_traces_and_spikes_equal_the_event_located_solution():
    stimulus = step(1e-9, 0.005)
    recording = run(CELL, stimulus, dt_s=1e-5, duration_s=0.08, record=("v", "w"))
    reference = solve(CELL, stimulus, recording.time_s, 1e-9)
    expected_s = reference.spike_time_s
    assert len(expected_s) == len(recording.spike_time_s) >= 4
    error_s = recording.spike_time_s - expected_s
    assert (error_s > -1e-7).all()
    assert (error_s < 1.5e-5 * np.arange(1, len(expected_s) + 1)).all()
    before = recording.time_s < expected_s[0] - 5e-4
    np.testing.assert_allclose(
        recording.traces["v"][before, 0], reference.state[before, 0], atol=1e-6
    )
    np.testing.assert_allclose(recording.traces["w"][:, 0], reference.state[:, 1], atol=1.1e-10)
    assert np.mean(recording.traces["w"][:, 0] - reference.state[:, 1]) == pytest.approx(
        0, abs=1e-12
    )


def test_spike_times_converge_with_the_first_power_of_the_step():
    reference = solve(CELL, step(1e-9), np.array([0.0, 0.06]), 1e-9).spike_time_s

    def error_s(dt_s):
        found = run(CELL, [1e-9], dt_s=dt_s, duration_s=0.06).spike_time_s
        return abs(found[:3] - reference[:3]).max()

    coarse, fine = error_s(1e-4), error_s(1e-5)
    assert 4 < coarse / fine < 25


def test_a_jump_of_adaptation_follows_each_spike():
    recording = run(CELL, [1e-9], duration_s=0.05, record=("w",))
    jumps = np.diff(recording.traces["w"][:, 0])
    assert (jumps > 0.07e-9).sum() == len(recording.spike_time_s)
    assert jumps.max() == pytest.approx(0.0805e-9, rel=0.02)


def test_tonic_cells_fire_evenly(patterns):
    interval_s = np.diff(patterns["tonic"])
    assert interval_s[1:] == pytest.approx(np.full(len(interval_s) - 1, interval_s[-1]), rel=0.01)


def test_adapting_cells_slow_down(patterns):
    interval_s = np.diff(patterns["adapting"])
    assert (np.diff(interval_s) > -2e-4).all()
    assert interval_s[-1] > 1.5 * interval_s[0]


def test_initial_bursts_are_followed_by_even_firing(patterns):
    interval_s = np.diff(patterns["initial burst"])
    assert (interval_s[:3] < 10e-3).all()
    assert (interval_s[5:] > 30e-3).all()
    assert np.ptp(interval_s[6:]) < 0.02 * interval_s[-1]


def test_bursting_cells_pause_between_bursts(patterns):
    interval_s = np.diff(patterns["bursting"])
    assert (interval_s > 30e-3).sum() >= 3
    assert (interval_s < 10e-3).sum() > 2 * (interval_s > 30e-3).sum()
    assert ((interval_s < 10e-3) | (interval_s > 30e-3)).all()


def test_delayed_cells_wait(patterns):
    assert patterns["delayed"][0] - 0.02 > 5 * (patterns["tonic"][0] - 0.02)


def test_transient_cells_fall_silent_below_their_rheobase(patterns):
    assert len(patterns["weaker"]) >= 1
    assert patterns["weaker"][-1] < 0.15


@pytest.mark.parametrize("change", [{"slope_v": 0.0}, {"leak_s": -1e-9}, {"peak_v": -60e-3}])
def test_parameters_that_make_no_neuron_are_refused(change):
    with pytest.raises(ValueError, match="must"):
        AdEx(**change)
