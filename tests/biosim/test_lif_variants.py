"""Conductances as input, and a threshold that rises with every spike, against closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from biosim.neurons import LIF, AdaptiveLIF, ConductanceLIF
from biosim.simulate import simulate
from biosim.stimuli import exponential_input

DRIVEN = ConductanceLIF(
    capacitance_f=150e-12,
    leak_s=12e-9,
    leak_v=-65e-3,
    excitatory_v=-5e-3,
    inhibitory_v=-75e-3,
    threshold_v=-48e-3,
    reset_v=-62e-3,
    refractory_s=3e-3,
)
ADAPTING = AdaptiveLIF(
    replace(LIF(), reset_v=-65e-3, refractory_s=3e-3), step_v=3e-3, tau_threshold_s=70e-3
)


def run(neuron, stimulus, dt_s=1e-4, duration_s=0.5, record=()):
    return simulate(
        neuron, stimulus, dt_s=dt_s, duration_s=duration_s, record=record, target="numpy"
    )


def test_constant_conductances_make_another_current_based_neuron():
    conductances = {"g_e": np.array([2e-9, 6e-9]), "g_i": np.array([5e-9]), "I": np.array([1e-11])}
    recording = run(DRIVEN, conductances, record=("v",))
    silent, firing = (DRIVEN.under(g_e, 5e-9) for g_e in (2e-9, 3e-9))
    expected_v = (
        silent.leak_v
        + silent.resistance_ohm * 1e-11
        + (DRIVEN.leak_v - silent.leak_v - silent.resistance_ohm * 1e-11)
        * np.exp(-recording.time_s / silent.tau_mem_s)
    )
    np.testing.assert_allclose(recording.traces["v"][:, 0], expected_v, rtol=0, atol=1e-12)
    assert firing.leak_v > silent.leak_v


def test_firing_under_constant_conductances_follows_the_closed_form():
    g_e, g_i, current = 4e-9, 3e-9, np.array([200e-12, 400e-12, 900e-12])
    recording = run(DRIVEN, {"g_e": [g_e], "g_i": [g_i], "I": current}, dt_s=2e-5, duration_s=0.3)
    excess_s = 1 / recording.rate_hz(0.0) - DRIVEN.under(g_e, g_i).interval_s(current)
    assert (excess_s > -1e-9).all()
    assert (excess_s < 2e-5).all()


def test_conductances_pull_towards_their_reversal_potentials():
    strong = {"g_e": np.array([0.0, 1e-6]), "g_i": np.array([1e-6, 0.0])}
    never = replace(DRIVEN, threshold_v=0.0)
    last = run(never, strong, duration_s=0.02, record=("v",)).traces["v"][-1]
    assert last == pytest.approx([DRIVEN.inhibitory_v, DRIVEN.excitatory_v], abs=1e-3)


def test_one_input_spike_gives_the_potential_that_scipy_finds():
    g_e = exponential_input([np.array([0.0102])], 6e-9, 5e-3)
    recording = run(ConductanceLIF(), {"g_e": g_e}, dt_s=2e-5, duration_s=0.05, record=("v", "g_e"))

    def derivative(time_s, v):
        conductance = 6e-9 * np.exp(-(time_s - 0.0102) / 5e-3) * (time_s >= 0.0102)
        return (10e-9 * (-60e-3 - v) - conductance * v) / 200e-12

    after = recording.time_s >= 0.0102
    solution = solve_ivp(
        derivative, (0.0102, 0.05), [-60e-3], t_eval=recording.time_s[after], rtol=1e-9, atol=1e-12
    )
    assert solution.y.max() > -57e-3
    np.testing.assert_allclose(recording.traces["v"][after, 0], solution.y[0], atol=5e-8)
    assert recording.units == {"v": "V", "g_e": "S"}


def test_a_conductance_that_makes_it_fire_has_no_current_based_neuron():
    with pytest.raises(ValueError, match="threshold must lie above"):
        DRIVEN.under(1e-6, 0.0)


def test_adapted_intervals_solve_the_threshold_equation():
    membrane, current = ADAPTING.membrane, np.array([0.3e-9, 0.6e-9, 1.0e-9])
    recording = run(ADAPTING, current, dt_s=5e-5, duration_s=0.5)

    def gap_v(interval_s, drive_a):
        limit = membrane.leak_v + membrane.resistance_ohm * drive_a
        decay = np.exp(-(interval_s - membrane.refractory_s) / membrane.tau_mem_s)
        left = np.exp(-interval_s / ADAPTING.tau_threshold_s)
        theta = ADAPTING.step_v * left / (1 - left)
        return limit + (membrane.reset_v - limit) * decay - membrane.threshold_v - theta

    expected_s = [brentq(gap_v, membrane.refractory_s, 1.0, args=(drive,)) for drive in current]
    found_s = [train[-1] - train[-2] for train in recording.trains()]
    np.testing.assert_allclose(found_s, expected_s, atol=1e-4)
    without_s = membrane.interval_s(current)
    assert (np.array(expected_s) > without_s + 1e-3).all()


def test_the_threshold_rises_with_each_spike_and_falls_exponentially():
    recording = run(ADAPTING, np.array([0.4e-9]), duration_s=0.1, record=("theta",))
    since_s = recording.time_s[:, None] - recording.spike_time_s
    # The reset belongs to the step in which the spike falls.
    expected = np.where(since_s > -5e-5, np.exp(-since_s / 70e-3), 0).sum(1) * 3e-3
    assert expected.max() > 6e-3
    np.testing.assert_allclose(recording.traces["theta"][:, 0], expected, rtol=0, atol=1e-12)


def test_intervals_of_an_adapting_neuron_lengthen():
    train = run(ADAPTING, np.array([0.4e-9])).spike_time_s
    assert (np.diff(np.diff(train)) > -2e-4).all()
    assert np.diff(train)[-1] > 1.2 * np.diff(train)[0]


def test_without_a_step_the_threshold_does_not_adapt():
    current = np.array([0.4e-9])
    plain, adapting = (
        run(neuron, current).spike_time_s
        for neuron in (ADAPTING.membrane, replace(ADAPTING, step_v=0.0))
    )
    np.testing.assert_array_equal(plain, adapting)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ConductanceLIF(leak_s=0.0), "must be positive"),
        (lambda: ConductanceLIF(threshold_v=-70e-3), "threshold must lie above"),
        (lambda: AdaptiveLIF(step_v=-1e-3), "must not be negative"),
        (lambda: AdaptiveLIF(tau_threshold_s=0.0), "tau_threshold_s must be positive"),
    ],
)
def test_parameters_that_make_no_neuron_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
