import numpy as np
import pytest
from scipy.integrate import solve_ivp

from biosim.neurons import Traub
from biosim.reference import solve
from biosim.simulate import simulate
from biosim.stimuli import step

CURRENT_NA = (0.0, 0.0178, 0.019, 0.02, 0.022, 0.026, 0.1, 0.3, 0.7)


def run(current_na, dt_s, duration_s, record=("v",)):
    return simulate(
        Traub(),
        np.array(current_na) * 1e-9,
        dt_s=dt_s,
        duration_s=duration_s,
        record=record,
        target="numpy",
    )


@pytest.fixture(scope="module")
def cells():
    return run(CURRENT_NA, 5e-5, 0.9)


def right_hand_side(_t, y, current_na):
    """Brette et al. (2007), benchmark 3, for a cell of 20,000 um2: mV, ms, nS, pA, pF."""
    v, m, h, n = y
    x = v + 63.0
    a_m, b_m = 0.32 * (13 - x) / np.expm1((13 - x) / 4), 0.28 * (x - 40) / np.expm1((x - 40) / 5)
    a_h, b_h = 0.128 * np.exp((17 - x) / 18), 4 / (1 + np.exp((40 - x) / 5))
    a_n, b_n = 0.032 * (15 - x) / np.expm1((15 - x) / 5), 0.5 * np.exp((10 - x) / 40)
    ionic = 10 * (v + 65) + 20000 * m**3 * h * (v - 50) + 6000 * n**4 * (v + 90)
    gates = [a_m * (1 - m) - b_m * m, a_h * (1 - h) - b_h * h, a_n * (1 - n) - b_n * n]
    return [(current_na * 1e3 - ionic) / 200, *gates]


def test_the_cell_rests_where_the_literature_says(cells):
    assert cells.traces["v"][-1, 0] == pytest.approx(-64.765e-3, abs=2e-6)


def test_rates_are_the_published_ones(cells):
    assert cells.rate_hz(0.0)[-3:] == pytest.approx([23.3, 52.7, 98.7], rel=0.012)


def test_firing_begins_at_an_arbitrarily_low_rate(cells):
    rate_hz = cells.rate_hz(0.0)
    assert rate_hz[:2].tolist() == [0, 0]
    assert 0 < rate_hz[2] < 3
    assert (np.diff(rate_hz[2:]) > 0).all()
    # A saddle-node on an invariant circle: rate^2 is linear in the current beyond the onset.
    slope, intercept = np.polyfit(CURRENT_NA[2:6], rate_hz[2:6] ** 2, 1)
    assert -intercept / slope == pytest.approx(0.0183, abs=4e-4)


def test_traces_and_spikes_equal_an_independent_solution():
    recording = run([0.3], 1e-5, 0.03, record=("v", "m", "h", "n"))

    def crossing(_t, y, _current):
        return y[0]

    crossing.direction = 1
    start = [-65.0] + [recording.traces[gate][0, 0] for gate in "mhn"]
    solution = solve_ivp(
        right_hand_side, (0, 30), start, t_eval=recording.time_s * 1e3, events=crossing,
        args=(0.3,), rtol=1e-8, atol=1e-8,
    )  # fmt: skip
    spike_ms = solution.t_events[0]
    assert len(spike_ms) == 2
    np.testing.assert_allclose(recording.spike_time_s * 1e3, spike_ms, atol=0.05)
    np.testing.assert_allclose(recording.traces["v"][:, 0] * 1e3, solution.y[0], atol=0.1)
    assert recording.traces["v"].max() == pytest.approx(48e-3, abs=0.5e-3)
    # The gates start in equilibrium: they do not move where the membrane does not.
    quiet = right_hand_side(0, start, 0.0)
    assert np.abs(quiet[1:]).max() < 1e-12


def test_the_packaged_reference_equals_the_one_written_here():
    time_s = np.arange(0, 0.03, 1e-4)
    packaged = solve(Traub(), step(0.3e-9, 1e-3), time_s, 1e-8)
    start = [-65.0, *packaged.state[0, 1:]]
    here = solve_ivp(
        right_hand_side, (1, 30), [packaged.state[10, 0] * 1e3, *packaged.state[10, 1:]],
        t_eval=time_s[10:] * 1e3, args=(0.3,), rtol=1e-9, atol=1e-9,
    )  # fmt: skip
    assert np.abs(right_hand_side(0, start, 0.0)[1:]).max() < 1e-12
    np.testing.assert_allclose(packaged.state[10:, 0] * 1e3, here.y[0], atol=0.01)


def test_the_area_scales_the_current():
    small = simulate(
        Traub(area_m2=10000e-12), [0.15e-9], dt_s=5e-5, duration_s=0.05, target="numpy"
    )
    np.testing.assert_allclose(small.traces["v"], run([0.3], 5e-5, 0.05).traces["v"], rtol=1e-9)
