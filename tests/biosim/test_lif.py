from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosim.neurons import LIF
from biosim.simulate import simulate
from biosim.stimuli import step

ODD = LIF(
    tau_mem_s=13e-3,
    resistance_ohm=40e6,
    leak_v=-63e-3,
    threshold_v=-50e-3,
    reset_v=-58e-3,
    refractory_s=3e-3,
)


def run(neuron, current, dt_s=1e-4, duration_s=0.5, record=()):
    return simulate(
        neuron, current, dt_s=dt_s, duration_s=duration_s, record=record, target="numpy"
    )


def test_membrane_follows_the_closed_form_below_threshold():
    recording = run(ODD, np.array([0.3e-9]), duration_s=0.05, record=("v",))
    expected = ODD.membrane_v(0.3e-9, recording.time_s)
    np.testing.assert_allclose(recording.traces["v"][:, 0], expected, rtol=0, atol=1e-14)
    wrong = replace(ODD, tau_mem_s=13.01e-3).membrane_v(0.3e-9, recording.time_s)
    assert np.abs(recording.traces["v"][:, 0] - wrong).max() > 1e-6


def test_the_interval_is_refractory_time_plus_rise():
    # The numbers of a textbook neuron: 20 mV of drive, 15 mV to the threshold, 29.73 ms.
    assert LIF().interval_s(np.array(0.2e-9)) == pytest.approx(29.7259e-3, abs=1e-7)


def test_the_textbook_neuron_fires_67_times_in_two_seconds():
    recording = run(LIF(), np.array([0.2e-9]), duration_s=2.0)
    assert len(recording.spike_time_s) == 67
    assert recording.rate_hz(0.0)[0] == pytest.approx(33.6, abs=0.1)


def test_rates_match_the_closed_form_and_start_at_the_rheobase():
    rheobase_a = (ODD.threshold_v - ODD.leak_v) / ODD.resistance_ohm
    current = rheobase_a * np.array([0.5, 0.999, 1.01, 1.5, 3.0])
    recording = run(ODD, current)
    np.testing.assert_array_equal(recording.rate_hz(0.0)[:2], 0.0)
    interval_s = 1 / recording.rate_hz(0.0)[2:]
    excess_s = interval_s - ODD.interval_s(current[2:])
    # A spike waits for the end of its step.
    assert (excess_s >= -1e-9).all()
    assert (excess_s < 1e-4).all()


def test_the_first_spike_comes_when_the_closed_form_says_after_a_step():
    current = step(0.6e-9, onset_s=5e-3, offset_s=40e-3)
    recording = run(ODD, current, dt_s=1e-5, duration_s=0.05)
    first_s = 5e-3 + ODD.rise_s(np.array(0.6e-9), ODD.leak_v)
    assert 0 <= recording.spike_time_s[0] - first_s < 1e-5
    assert recording.spike_time_s[-1] < 40e-3


def test_refractory_time_bounds_the_rate():
    recording = run(ODD, np.array([1e-3]), duration_s=0.1)
    assert recording.rate_hz(0.0)[0] == pytest.approx(1 / (ODD.refractory_s + 1e-4))


def test_spike_times_converge_with_the_first_power_of_the_step():
    expected_s = ODD.interval_s(np.array(0.5e-9))

    def error_s(dt_s):
        recording = run(ODD, np.array([0.5e-9]), dt_s=dt_s, duration_s=0.1)
        return abs(np.diff(recording.spike_time_s).mean() - expected_s)

    assert error_s(1e-5) < 1e-5
    assert error_s(1e-4) < 1e-4


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("rk2", 2), ("rk4", 4)])
def test_each_method_converges_with_its_order(method, order):
    model = replace(ODD.model(), method=method)

    def error_v(dt_s):
        recording = run(model, np.array([0.3e-9]), dt_s=dt_s, duration_s=0.02, record=("v",))
        expected = ODD.membrane_v(0.3e-9, recording.time_s)
        return np.abs(recording.traces["v"][:, 0] - expected).max()

    assert np.log2(error_v(1e-3) / error_v(5e-4)) == pytest.approx(order, abs=0.2)


def test_without_input_the_membrane_stays_at_rest():
    recording = run(ODD, np.zeros(1), duration_s=0.02, record=("v",))
    np.testing.assert_allclose(recording.traces["v"], ODD.leak_v, rtol=1e-14)
    assert len(recording.spike_time_s) == 0


@given(st.floats(0.5e-9, 5e-9), st.floats(1.001, 2.0))
def test_more_current_means_shorter_intervals(current_a, factor):
    shorter, longer = ODD.interval_s(np.array([current_a * factor, current_a]))
    assert ODD.refractory_s < shorter < longer


def test_a_threshold_below_the_leak_is_refused():
    with pytest.raises(ValueError, match="threshold must lie above"):
        replace(ODD, threshold_v=-64e-3)
