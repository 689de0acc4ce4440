import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from biosim.neurons import HodgkinHuxley
from biosim.reference import solve_hodgkin_huxley
from biosim.simulate import simulate
from biosim.stimuli import CurrentStep

GATES = ("m", "h", "n")
DT_S = 2.5e-5


@pytest.fixture(scope="module")
def constant_currents():
    """0, 6.2, 6.3 and 10 uA/cm2 for 0.15 s."""
    current = np.array([0.0, 0.062, 0.063, 0.10])
    return simulate(
        HodgkinHuxley().model(),
        current,
        dt_s=DT_S,
        duration_s=0.15,
        record=("v", *GATES),
        target="numpy",
    )


def rates(v):
    """The paper's table, in 1/ms: opening and closing of m, h and n."""
    u = v + 65.0
    a_m = 0.1 * (25 - u) / math.expm1((25 - u) / 10) if u != 25 else 1.0
    a_n = 0.01 * (10 - u) / math.expm1((10 - u) / 10) if u != 10 else 0.1
    a_h, b_m = 0.07 * math.exp(-u / 20), 4 * math.exp(-u / 18)
    b_h, b_n = 1 / (math.exp((30 - u) / 10) + 1), 0.125 * math.exp(-u / 80)
    return (a_m, a_h, a_n), (b_m, b_h, b_n)


def right_hand_side(_t, y, current):
    """Hodgkin and Huxley in mV, ms, uA/cm2."""
    v, m, h, n = y
    gates = [a * (1 - x) - b * x for x, a, b in zip((m, h, n), *rates(v), strict=True)]
    ionic = 120 * m**3 * h * (v - 50) + 36 * n**4 * (v + 77) + 0.3 * (v + 54.387)
    return [current - ionic, *gates]


def solved(current, end_ms, t_eval):
    def crossing(_t, y, _current):
        return y[0]

    crossing.direction = 1
    rest = [-65.0] + [a / (a + b) for a, b in zip(*rates(-65.0), strict=True)]
    return solve_ivp(
        right_hand_side,
        (0, end_ms),
        rest,
        t_eval=t_eval,
        events=crossing,
        args=(current,),
        rtol=1e-8,
        atol=1e-8,
    )


def test_the_axon_rests_where_the_literature_says(constant_currents):
    rest = {name: trace[-1, 0] for name, trace in constant_currents.traces.items()}
    assert rest["v"] == pytest.approx(-64.996e-3, abs=2e-6)
    assert [rest[x] for x in GATES] == pytest.approx([0.05296, 0.59599, 0.31773], abs=2e-5)


def test_gates_stay_between_zero_and_one(constant_currents):
    for gate in GATES:
        assert constant_currents.traces[gate].min() > 0
        assert constant_currents.traces[gate].max() < 1


def test_firing_sets_in_with_a_jump_between_6_2_and_6_3(constant_currents):
    rate_hz = constant_currents.rate_hz(0.075)
    assert rate_hz[:2].tolist() == [0, 0]
    assert rate_hz[2] == pytest.approx(52.4, abs=0.3)
    assert rate_hz[3] == pytest.approx(68.3, abs=0.2)


def test_spikes_reach_the_published_height(constant_currents):
    late = constant_currents.traces["v"][3000:, 3]
    assert 0.025 < late.max() < 0.045
    assert -0.078 < late.min() < -0.070


def test_traces_and_spikes_equal_an_independent_solution():
    recording = simulate(
        HodgkinHuxley().model(),
        np.array([0.10]),
        dt_s=1e-5,
        duration_s=0.02,
        record=("v", *GATES),
        target="numpy",
    )
    reference = solved(10.0, 20.0, recording.time_s * 1e3)
    spike_ms = reference.t_events[0]
    assert len(spike_ms) == 2
    np.testing.assert_allclose(recording.spike_time_s * 1e3, spike_ms, rtol=0, atol=0.05)
    np.testing.assert_allclose(recording.traces["v"][:, 0] * 1e3, reference.y[0], atol=0.05)
    for row, gate in enumerate(GATES, start=1):
        np.testing.assert_allclose(recording.traces[gate][:, 0], reference.y[row], atol=1e-3)
    other = solved(9.9, 20.0, recording.time_s * 1e3)
    assert abs(other.t_events[0] - recording.spike_time_s * 1e3).max() > 0.05


def test_the_packaged_reference_equals_the_one_written_here():
    time_s = np.arange(0, 0.03, 1e-4)
    packaged = solve_hodgkin_huxley(HodgkinHuxley(), CurrentStep(0.1, 0.0, 1.0), time_s)
    here = solved(10.0, 30.0, time_s * 1e3)
    np.testing.assert_allclose(packaged.state[:, 0] * 1e3, here.y[0], atol=0.01)
    np.testing.assert_allclose(packaged.spike_time_s * 1e3, here.t_events[0], atol=1e-3)


def test_the_rates_have_no_hole_where_the_formula_is_zero_over_zero():
    potential = np.array([-55.0, -40.0, -55.0 + 1e-9, -40.0 + 1e-9])
    model = HodgkinHuxley().model()
    found = []
    for v in potential:
        start = {"v": v * model.parameters["mV"], "m": 0.0, "h": 0.0, "n": 0.0}
        shifted = simulate(
            replace(model, initial=start),
            np.zeros(1),
            dt_s=1e-5,
            duration_s=2e-5,
            record=("alpha_m", "alpha_n"),
            target="numpy",
        )
        found.append([shifted.traces["alpha_m"][0, 0], shifted.traces["alpha_n"][0, 0]])
    assert found[1][0] == pytest.approx(1000.0)
    assert found[0][1] == pytest.approx(100.0)
    np.testing.assert_allclose(found[:2], found[2:], rtol=1e-6)
