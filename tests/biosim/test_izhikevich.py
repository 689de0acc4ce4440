"""Cells against SciPy, and the twenty patterns by what makes each of them one."""

from dataclasses import replace

import numpy as np
import pytest

from biosim.neurons.izhikevich import CELLS, PATTERNS
from biosim.reference import solve
from biosim.simulate import simulate
from biosim.stimuli import step

DT_S = 5e-5


@pytest.fixture(scope="module")
def spikes():
    """Spike times of cells driven by 10 mV/ms for 0.4 s."""
    names = ("RS", "FS", "CH")
    recording = simulate(
        [CELLS[name] for name in names],
        10.0,
        dt_s=DT_S,
        duration_s=0.4,
        record=(),
        target="numpy",
    )
    return dict(zip(names, recording.trains(), strict=True))


def run_together(patterns):
    """Return time, v, u and spikes (ms, mV) of patterns by name, in one run for each time step."""
    found = {}
    for dt_s in {pattern.dt_s for pattern in patterns.values()}:
        chosen = {name: each for name, each in patterns.items() if each.dt_s == dt_s}
        duration_s = max(each.duration_s for each in chosen.values())
        drive = [each.stimulus.sampled(dt_s, duration_s) for each in chosen.values()]
        recording = simulate(
            list(chosen.values()),
            np.hstack(drive),
            dt_s=dt_s,
            duration_s=duration_s,
            record=("v", "u"),
            target="numpy",
        )
        for number, (name, train) in enumerate(zip(chosen, recording.trains(), strict=True)):
            end_s = chosen[name].duration_s
            shown = recording.time_s < end_s - dt_s / 2
            found[name] = (
                recording.time_s[shown] * 1e3,
                recording.traces["v"][shown, number] * 1e3,
                recording.traces["u"][shown, number],
                train[train < end_s + dt_s / 2] * 1e3,
            )
    return found


@pytest.fixture(scope="module")
def patterns():
    return run_together(PATTERNS)


def bursts(spike_ms, gap_ms=15.0):
    """Return the sizes of groups of spikes that follow each other within a gap."""
    return [
        len(group) for group in np.split(spike_ms, np.flatnonzero(np.diff(spike_ms) > gap_ms) + 1)
    ]


def tonic_spiking(_time, _v, spike_ms):
    interval = np.diff(spike_ms)
    even = abs(interval[-1] - interval[-2]) < 0.03 * interval[-1]
    return spike_ms[0] > 10 and len(spike_ms) >= 5 and even and interval[-1] > 15


def phasic_spiking(_time, _v, spike_ms):
    return len(spike_ms) == 1 and 20 < spike_ms[0] < 60


def tonic_bursting(_time, _v, spike_ms):
    sizes = bursts(spike_ms)
    return len(sizes) >= 3 and min(sizes[:-1]) >= 3


def phasic_bursting(_time, _v, spike_ms):
    return len(spike_ms) >= 4 and len(bursts(spike_ms)) == 1 and spike_ms[-1] < 100


def mixed_mode(_time, _v, spike_ms):
    sizes = bursts(spike_ms)
    return sizes[0] >= 3 and len(sizes) >= 3 and set(sizes[1:]) == {1}


def adaptation(_time, _v, spike_ms):
    interval = np.diff(spike_ms)
    return len(interval) >= 4 and (np.diff(interval) > 0).all() and interval[-1] > 5 * interval[0]


def class_1(_time, _v, spike_ms):
    interval = np.diff(spike_ms)
    return len(interval) > 5 and (np.diff(interval) < 0).all() and interval[0] > 35


def class_2(_time, _v, spike_ms):
    interval = np.diff(spike_ms)
    return len(interval) > 5 and spike_ms[0] > 80 and interval[0] < 25


def latency(_time, _v, spike_ms):
    return len(spike_ms) == 1 and spike_ms[0] > 13 + 3


def subthreshold_oscillations(time, v, spike_ms):
    after = v[time > spike_ms[0] + 10]
    peaks = after[1:-1][(after[1:-1] > after[:-2]) & (after[1:-1] > after[2:])]
    return len(spike_ms) == 1 and len(peaks) >= 3 and (np.diff(peaks) < 0).all()


def resonator(_time, _v, spike_ms):
    # Pulses 20 ms apart do nothing, pulses 40 ms apart resonate.
    return len(spike_ms) == 1 and spike_ms[0] > 324


def integrator(_time, _v, spike_ms):
    # Pulses 5 ms apart add up, pulses 10 ms apart do not.
    return len(spike_ms) == 1 and 14 < spike_ms[0] < 30


def rebound_spike(_time, _v, spike_ms):
    return len(spike_ms) == 1 and spike_ms[0] > 25


def rebound_burst(_time, _v, spike_ms):
    return len(spike_ms) >= 4 and spike_ms[0] > 25 and len(bursts(spike_ms)) == 1


def threshold_variability(_time, _v, spike_ms):
    # The pulse at 10 ms is too weak; the same pulse after inhibition is not.
    return len(spike_ms) == 1 and spike_ms[0] > 80


def bistability(_time, _v, spike_ms):
    # One pulse starts the firing, another one ends it.
    even = np.ptp(np.diff(spike_ms)[1:]) < 2
    return len(spike_ms) >= 4 and 37.5 < spike_ms[0] < 60 and spike_ms[-1] < 216 and even


def after_potential(time, v, spike_ms):
    after = v[time > spike_ms[-1] + 1]
    return len(spike_ms) == 1 and after.max() > -70 + 10 and abs(after[-1] + 70) < 1


def accommodation(_time, _v, spike_ms):
    # A slow ramp to 8 does nothing, a steep one to 4 excites.
    return len(spike_ms) == 1 and 300 < spike_ms[0] < 320


def inhibition_induced_spiking(_time, _v, spike_ms):
    inside = ((spike_ms > 50) & (spike_ms <= 251)).all()
    return len(spike_ms) >= 3 and inside and max(bursts(spike_ms)) == 1


def inhibition_induced_bursting(_time, _v, spike_ms):
    sizes = bursts(spike_ms)
    inside = ((spike_ms > 50) & (spike_ms <= 251)).all()
    return len(sizes) >= 2 and min(sizes) >= 3 and inside


PROPERTIES = {
    "tonic spiking": tonic_spiking,
    "phasic spiking": phasic_spiking,
    "tonic bursting": tonic_bursting,
    "phasic bursting": phasic_bursting,
    "mixed mode": mixed_mode,
    "spike frequency adaptation": adaptation,
    "class 1": class_1,
    "class 2": class_2,
    "spike latency": latency,
    "subthreshold oscillations": subthreshold_oscillations,
    "resonator": resonator,
    "integrator": integrator,
    "rebound spike": rebound_spike,
    "rebound burst": rebound_burst,
    "threshold variability": threshold_variability,
    "bistability": bistability,
    "depolarising after-potential": after_potential,
    "accommodation": accommodation,
    "inhibition-induced spiking": inhibition_induced_spiking,
    "inhibition-induced bursting": inhibition_induced_bursting,
}


def recognised(name, found):
    time, v, _u, spike_ms = found
    # Without a spike there is no pattern.
    return (
        len(spike_ms) > 0
        and (len(spike_ms) > 3 or name not in NEED_INTERVALS)
        and bool(PROPERTIES[name](time, v, spike_ms))
    )


NEED_INTERVALS = {
    "tonic spiking",
    "spike frequency adaptation",
    "class 1",
    "class 2",
    "bistability",
}


@pytest.mark.parametrize("name", PROPERTIES)
def test_a_pattern_is_what_it_is_called(name, patterns):
    assert recognised(name, patterns[name])


def test_there_are_twenty_patterns():
    assert list(PATTERNS) == list(PROPERTIES)
    assert len(PATTERNS) == 20


def test_a_regular_cell_under_the_same_stimuli_shows_few_of_the_patterns():
    regular = {
        name: replace(pattern, neuron=replace(CELLS["RS"], start_v=-70.0))
        for name, pattern in PATTERNS.items()
    }
    found = run_together(regular)
    shown = {name for name in PATTERNS if recognised(name, found[name])}
    # What regular cells are indeed: class 1, integrating, adapting.
    own = {"tonic spiking", "spike frequency adaptation", "class 1", "spike latency", "integrator"}
    assert shown <= own


def test_patterns_are_those_of_the_published_scheme_step_by_step(patterns):
    for name, pattern in PATTERNS.items():
        cell, dt_ms = pattern.neuron, pattern.dt_s * 1e3
        v = cell.start_v
        u = cell.b * v if cell.start_u is None else cell.start_u
        _, found_v, found_u, spike_ms = patterns[name]
        expected = []
        for k in range(len(found_v)):
            assert (found_v[k], found_u[k]) == pytest.approx((v, u), abs=0.01), (name, k)
            current = pattern.stimulus.at((k + 0.5) * pattern.dt_s)
            v += dt_ms * (0.04 * v**2 + cell.linear * v + cell.constant - u + current)
            if name == "accommodation":
                u += dt_ms * cell.a * cell.b * (v + 65)
            else:
                u += dt_ms * cell.a * (cell.b * v - u)
            if v > 30:
                expected.append((k + 1) * dt_ms)
                v, u = cell.c, u + cell.d
        np.testing.assert_allclose(spike_ms, expected, err_msg=name)


@pytest.mark.parametrize(
    "name", ["class 1", "accommodation", "threshold variability", "rebound spike", "integrator"]
)
def test_solved_accurately_a_pattern_equals_the_event_located_solution(name):
    pattern = PATTERNS[name]
    recording = simulate(
        pattern.neuron, pattern.stimulus, dt_s=5e-5, duration_s=pattern.duration_s, target="numpy"
    )
    reference = solve(pattern.neuron, pattern.stimulus, recording.time_s, 1e-8)
    assert len(recording.spike_time_s) == len(reference.spike_time_s) >= 1
    allowed_s = 3 * 5e-5 * np.arange(1, len(reference.spike_time_s) + 1)
    assert (np.abs(recording.spike_time_s - reference.spike_time_s) < allowed_s).all()


def test_fast_spiking_cells_fire_faster_than_regular_ones(spikes):
    assert len(spikes["FS"]) > 3 * len(spikes["RS"])


def test_chattering_cells_burst_and_the_others_do_not(spikes):
    sizes = {name: bursts(train * 1e3) for name, train in spikes.items()}
    assert len(sizes["CH"]) > 3
    assert min(sizes["CH"][:-1]) >= 3
    assert set(sizes["RS"]) == {1}
    assert len(sizes["FS"]) == 1


def test_regular_cells_adapt(spikes):
    interval_s = np.diff(spikes["RS"])
    assert interval_s[-1] > 1.5 * interval_s[0]
    assert (np.diff(interval_s) > -2 * DT_S).all()


@pytest.mark.parametrize("name", ["RS", "FS"])
def test_spikes_equal_the_event_located_solution_within_a_step_each(name, spikes):
    reference = solve(CELLS[name], step(10.0), np.array([0.0, 0.1]), 1e-8)
    expected_s = reference.spike_time_s
    error_s = spikes[name][: len(expected_s)] - expected_s
    # Each reset waits for the end of its step, so the delays add up; they do not grow faster.
    assert len(expected_s) >= 3
    assert (np.abs(error_s) < 3 * DT_S * np.arange(1, len(expected_s) + 1)).all()
    other = solve(CELLS["LTS"], step(10.0), np.array([0.0, 0.1]), 1e-8)
    assert len(other.spike_time_s) != len(expected_s)


def test_the_reference_is_reset_at_the_peak():
    time_s = np.arange(0, 0.1, 1e-5)
    reference = solve(CELLS["RS"], step(10.0), time_s, 1e-8)
    assert reference.state[:, 0].max() <= 30.0001e-3
    after = np.searchsorted(time_s, reference.spike_time_s)
    np.testing.assert_allclose(reference.state[after, 0], -65e-3, atol=1e-3)


def test_named_cells_have_the_published_parameters():
    published = {
        "RS": (0.02, 0.2, -65, 8),
        "IB": (0.02, 0.2, -55, 4),
        "CH": (0.02, 0.2, -50, 2),
        "FS": (0.1, 0.2, -65, 2),
        "LTS": (0.02, 0.25, -65, 2),
        "TC": (0.02, 0.25, -65, 0.05),
        "RZ": (0.1, 0.26, -65, 2),
    }
    assert {name: (x.a, x.b, x.c, x.d) for name, x in CELLS.items()} == published
