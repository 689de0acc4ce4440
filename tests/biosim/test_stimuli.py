from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosim.neurons import LIF
from biosim.simulate import simulate
from biosim.stimuli import (
    exponential_input,
    noise,
    poisson_trains,
    pulses,
    ramp,
    step,
    trains_of,
)

STEPS = st.integers(0, 30)


@given(st.floats(-5, 5), STEPS, STEPS, st.floats(-5, 5), STEPS)
def test_sums_of_steps_and_ramps_keep_their_integral(level, onset, width, slope, start):
    dt_s, n = 1e-3, 60
    both = step(level, onset * dt_s, (onset + width) * dt_s) + ramp(slope, start * dt_s)
    held_s, rising_s = width * dt_s, (n - start) * dt_s
    expected = level * held_s + slope * rising_s**2 / 2
    assert both.sampled(dt_s, n * dt_s).sum() * dt_s == pytest.approx(expected, abs=1e-12)


def test_a_step_is_there_from_its_onset_to_its_offset():
    current = step(2.0, 2e-3, 4e-3)
    assert current.sampled(1e-3, 6e-3)[:, 0].tolist() == [0, 0, 2, 2, 0, 0]
    assert [current.at(time_s) for time_s in (1.9e-3, 2e-3, 3.9e-3, 4e-3)] == [0, 2, 2, 0]
    assert current.jumps_s().tolist() == [2e-3, 4e-3]
    assert step(2.0).jumps_s().tolist() == [0.0]


def test_a_ramp_rises_from_zero_and_ends():
    current = ramp(3.0, 1.0, 3.0)
    assert [current.at(time_s) for time_s in (0.5, 1.0, 2.0, 2.9, 3.0)] == pytest.approx(
        [0, 0, 3, 5.7, 0]
    )


def test_levels_and_onsets_may_differ_between_neurons():
    gaps = np.array([1e-3, 3e-3])
    current = pulses(np.array([1.0, 2.0]), [1e-3, 1e-3 + gaps], 1e-3).sampled(1e-3, 6e-3)
    assert current.T.tolist() == [[0, 1, 1, 0, 0, 0], [0, 2, 0, 0, 2, 0]]


def test_times_off_the_grid_are_refused():
    with pytest.raises(ValueError, match=r"0.00015 s is not a multiple"):
        step(1.0, 0.00015, 0.01).sampled(1e-4, 0.02)
    with pytest.raises(ValueError, match="not a multiple"):
        step(1.0).sampled(3e-4, 0.02)
    with pytest.raises(ValueError, match="must be positive"):
        step(1.0).sampled(0.0, 0.02)


def test_noise_has_the_variance_and_the_correlation_of_its_process():
    sampled = noise(np.array([2.0] * 400), 5e-3, seed=0, n=400).sampled(1e-3, 0.5)
    assert sampled.shape == (500, 400)
    # 400 neurons x 0.5 s / (2 x 5 ms): 20,000 independent values.
    assert sampled.mean() == pytest.approx(0, abs=4 * 2 / np.sqrt(20000))
    assert sampled.std() == pytest.approx(2, rel=0.02)
    assert sampled[0].std() == pytest.approx(2, rel=0.15)
    for lag in (1, 5, 15):
        correlation = (sampled[lag:] * sampled[:-lag]).mean() / 4
        assert correlation == pytest.approx(np.exp(-lag * 1e-3 / 5e-3), abs=0.03)
    between = np.corrcoef(sampled.T)[np.triu_indices(400, 1)]
    assert abs(between.mean()) < 0.01


def test_noise_is_determined_by_its_seed():
    first, again, other = (noise(1.0, 5e-3, seed=s).sampled(1e-3, 0.1) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_membrane_filters_noise_as_theory_says():
    neuron, sigma_a, tau_s = LIF(tau_mem_s=10e-3, threshold_v=0.1), 50e-12, 5e-3
    recording = simulate(
        neuron, noise(sigma_a, tau_s, seed=3, n=500), dt_s=2e-4, duration_s=0.3, target="numpy"
    )
    late = recording.traces["v"][recording.time_s > 0.1]
    # Variance of a low-pass of coloured noise: (R sigma)^2 tau / (tau + tau_m).
    expected = neuron.resistance_ohm * sigma_a * np.sqrt(tau_s / (tau_s + 10e-3))
    assert late.std() == pytest.approx(expected, rel=0.03)


def test_noise_has_no_value_between_its_samples():
    with pytest.raises(ValueError, match="only steps, ramps and pulses"):
        (step(1.0) + noise(1.0, 5e-3, seed=0)).at(0.0)


def test_poisson_trains_have_the_rate_and_no_memory():
    rates = np.array([0.0] + [40.0] * 300)
    trains = poisson_trains(rates, 10.0, np.random.default_rng(0))
    assert len(trains[0]) == 0
    counts = np.array([len(train) for train in trains[1:]])
    assert counts.mean() == pytest.approx(400, abs=4 * 20 / np.sqrt(300))
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.35)
    intervals_s = np.concatenate([np.diff(train) for train in trains[1:]])
    assert (intervals_s >= 0).all()
    assert intervals_s.std() / intervals_s.mean() == pytest.approx(1, abs=0.02)


def test_recorded_events_become_sorted_trains():
    time_s, unit = np.array([0.3, 0.1, 0.2, 0.1]), np.array([2, 0, 2, 2])
    trains = trains_of(time_s, unit, 4)
    assert [train.tolist() for train in trains] == [[0.1], [], [0.1, 0.2, 0.3], []]
    with pytest.raises(ValueError, match=r"0\.\.1"):
        trains_of(time_s, unit, 2)
    with pytest.raises(ValueError, match=r"must both be \[S\]"):
        trains_of(time_s, unit[:2], 4)


@given(st.lists(st.floats(0, 0.0499), max_size=20), st.floats(1e-3, 1e-1))
def test_what_spikes_drive_is_the_mean_of_the_exponentials(train, tau_s):
    dt_s, n, jump = 1e-3, 50, 3.0
    sampled = exponential_input([np.array(train)], jump, tau_s).sampled(dt_s, n * dt_s)
    edges = np.arange(n + 1) * dt_s
    since_s = np.maximum(edges[:, None] - np.array(train), 0)
    integral = jump * tau_s * -np.expm1(-since_s / tau_s).sum(1)
    np.testing.assert_allclose(sampled[:, 0], np.diff(integral) / dt_s, rtol=1e-9, atol=1e-11)


def test_poisson_input_has_the_mean_of_campbells_theorem():
    trains = poisson_trains(np.full(100, 800.0), 1.0, np.random.default_rng(1))
    sampled = exponential_input(trains, 2.0, 5e-3).sampled(1e-3, 1.0)
    assert sampled[100:].mean() == pytest.approx(800 * 2.0 * 5e-3, rel=0.02)


def test_recorded_spikes_of_one_neuron_can_drive_another():
    dt_s, duration_s = 1e-4, 0.1
    first = simulate(LIF(), [0.3e-9], dt_s=dt_s, duration_s=duration_s, target="numpy")
    current = exponential_input(first.trains(), 3e-9, 5e-3)
    second = simulate(LIF(), current, dt_s=dt_s, duration_s=duration_s, target="numpy")
    assert len(second.spike_time_s) >= len(first.spike_time_s) > 3
    follows_s = second.spike_time_s[:1] - first.spike_time_s[0]
    assert 0 < follows_s[0] < 2e-3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: noise(1.0, 0.0, seed=0), "tau_s must be positive"),
        (lambda: exponential_input([np.array([0.1])], 1.0, -1.0), "tau_s must be positive"),
        (lambda: exponential_input([], 1.0, 1.0), "at least one spike train"),
        (lambda: exponential_input([np.array([-0.1])], 1.0, 1.0), "before 0 s"),
        (lambda: poisson_trains(-1.0, 1.0, np.random.default_rng(0)), "must not be negative"),
        (lambda: poisson_trains(1.0, -1.0, np.random.default_rng(0)), "must not be negative"),
        (lambda: poisson_trains(1.0, inf, np.random.default_rng(0)), "not finite"),
    ],
)
def test_stimuli_that_cannot_be_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
