import numpy as np
import pytest

from biosim.neurons import CELLS
from biosim.reference import solve_izhikevich
from biosim.simulate import simulate
from biosim.stimuli import CurrentStep

DT_S = 5e-5


@pytest.fixture(scope="module")
def spikes():
    """Spike times of cells driven by 10 mV/ms for 0.4 s."""
    return {
        name: simulate(
            CELLS[name].model(),
            np.array([10.0]),
            dt_s=DT_S,
            duration_s=0.4,
            record=(),
            target="numpy",
        ).spike_time_s
        for name in ("RS", "FS", "CH")
    }


def bursts(time_s):
    """Whether at least three spikes follow each other within 10 ms, and pauses exist."""
    interval_s = np.diff(time_s)
    short = interval_s < 10e-3
    return bool((short[1:] & short[:-1]).any() and interval_s.max() > 20e-3)


def test_fast_spiking_cells_fire_faster_than_regular_ones(spikes):
    assert len(spikes["FS"]) > 3 * len(spikes["RS"])


def test_chattering_cells_burst_and_the_others_do_not(spikes):
    assert bursts(spikes["CH"])
    assert not bursts(spikes["RS"])
    assert not bursts(spikes["FS"])


def test_regular_cells_adapt(spikes):
    interval_s = np.diff(spikes["RS"])
    assert interval_s[-1] > 1.5 * interval_s[0]
    assert (np.diff(interval_s) > -2 * DT_S).all()


@pytest.mark.parametrize("name", ["RS", "FS"])
def test_spikes_equal_the_event_located_solution_within_a_step_each(name, spikes):
    step = CurrentStep(10.0, 0.0, 1.0)
    reference = solve_izhikevich(CELLS[name], step, np.array([0.0, 0.1]), 1e-8)
    expected_s = reference.spike_time_s
    error_s = spikes[name][: len(expected_s)] - expected_s
    # Each reset waits for the end of its step, so the delays add up; they do not grow faster.
    assert len(expected_s) >= 3
    assert (np.abs(error_s) < 3 * DT_S * np.arange(1, len(expected_s) + 1)).all()
    other = solve_izhikevich(CELLS["LTS"], step, np.array([0.0, 0.1]), 1e-8)
    assert len(other.spike_time_s) != len(expected_s)


def test_the_reference_is_reset_at_the_peak():
    time_s = np.arange(0, 0.1, 1e-5)
    reference = solve_izhikevich(CELLS["RS"], CurrentStep(10.0, 0.0, 1.0), time_s, 1e-8)
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
