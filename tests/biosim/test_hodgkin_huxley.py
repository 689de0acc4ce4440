import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from biosim.neurons import HodgkinHuxley
from biosim.reference import solve
from biosim.simulate import simulate
from biosim.stimuli import pulses, step

GATES = ("m", "h", "n")
DT_S = 2.5e-5
DURATION_S = 0.15
CURRENT = {0.0, 2.2, 2.3, 6.2, 6.3, 7, 10, 20, 50, 100, 130, 160}  # uA/cm2
RATE = {6.3: 52.4, 7: 58.3, 10: 68.3, 20: 86.5, 50: 117}
PULSE = (13.2, 13.26, 13.3, 20.0)  # uA/cm2, 0.5 ms
GAP = (5.0, 10.0, 14.0, 14.4, 20.0)  # ms between equal pulses of 20 uA/cm2


def run(stimulus, dt_s=DT_S, duration_s=DURATION_S, record=("v", *GATES)):
    return simulate(
        HodgkinHuxley(), stimulus, dt_s=dt_s, duration_s=duration_s, record=record, target="numpy"
    )


@pytest.fixture(scope="module")
def axons():
    """All currents, pulses and pairs of pulses, and a hyperpolarising step, side by side."""
    pairs = pulses(0.2, [5e-3, 5e-3 + np.array(GAP) * 1e-3], 5e-4)
    kinds = {
        "step": step(np.array(sorted(CURRENT)) / 100),
        "pulse": step(np.array(PULSE) / 100, 5e-3, 5.5e-3),
        "pair": pairs,
        "anode break": step(-0.1, 0.01, 0.06),
    }
    sampled = {name: kind.sampled(DT_S, DURATION_S) for name, kind in kinds.items()}
    recording = run(np.hstack(list(sampled.values())), record=("v", *GATES, "alpha_m", "beta_m",
        "alpha_h", "beta_h", "alpha_n", "beta_n"))  # fmt: skip
    ends = np.cumsum([values.shape[1] for values in sampled.values()])
    trains, potential = recording.trains(), recording.traces["v"]
    return recording, {
        name: (trains[end - values.shape[1] : end], potential[:, end - values.shape[1] : end])
        for (name, values), end in zip(sampled.items(), ends, strict=True)
    }


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


def test_the_axon_rests_where_the_literature_says(axons):
    recording, _ = axons
    rest = {name: trace[-1, 0] for name, trace in recording.traces.items()}
    assert rest["v"] == pytest.approx(-64.996e-3, abs=2e-6)
    assert [rest[x] for x in GATES] == pytest.approx([0.05296, 0.59599, 0.31773], abs=2e-5)
    tau_ms = [1e3 / (rest[f"alpha_{x}"] + rest[f"beta_{x}"]) for x in GATES]
    assert tau_ms == pytest.approx([0.237, 8.52, 5.46], abs=5e-3)


def test_gates_stay_between_zero_and_one(axons):
    recording, _ = axons
    for gate in GATES:
        assert recording.traces[gate].min() > 0
        assert recording.traces[gate].max() < 1


def test_one_spike_takes_2_24_and_firing_6_26_microamperes(axons):
    _, kinds = axons
    counts = dict(zip(sorted(CURRENT), map(len, kinds["step"][0]), strict=True))
    assert counts[2.2] == 0
    assert counts[2.3] == 1
    assert counts[6.2] <= 3 < 7 < counts[6.3]


def test_rates_rise_from_a_jump_as_published_and_end_in_block(axons):
    _, kinds = axons
    found = {}
    for current, train in zip(sorted(CURRENT), kinds["step"][0], strict=True):
        late = train[train > 0.05]
        found[current] = 1 / np.diff(late).mean() if len(late) > 1 else 0.0
    assert {current: found[current] for current in RATE} == pytest.approx(RATE, rel=4e-3)
    assert [found[current] for current in (2.3, 6.2, 100, 130, 160)] == [0] * 5
    assert [len(train) for train in kinds["step"][0][-3:]] == [1] * 3


def test_short_pulses_excite_from_13_28_on(axons):
    _, kinds = axons
    trains, potential = kinds["pulse"]
    assert [len(train) for train in trains] == [0, 0, 1, 1]
    assert potential[:, -1].max() == pytest.approx(39.3e-3, abs=0.2e-3)
    assert potential[:, -1].min() == pytest.approx(-76.2e-3, abs=0.1e-3)


def test_a_second_pulse_excites_after_the_refractory_period(axons):
    _, kinds = axons
    assert [len(train) for train in kinds["pair"][0]] == [1, 1, 1, 2, 2]


def test_the_end_of_hyperpolarisation_excites_once(axons):
    _, kinds = axons
    ((spike_s,), *_), _ = kinds["anode break"]
    assert 0.06 < spike_s < 0.07


@pytest.mark.slow
def test_published_thresholds_are_exact():
    onset = run(np.array([6.25, 6.27, 2.23, 2.25]) / 100, duration_s=0.4, record=())
    quiet, firing, none, single = onset.trains()
    assert quiet[-1] < 0.25 < 0.38 < firing[-1]
    assert (len(none), len(single)) == (0, 1)
    gaps = np.array([14.1, 14.3]) * 1e-3
    pairs = run(pulses(0.2, [5e-3, 5e-3 + gaps], 5e-4), duration_s=0.04, record=())
    assert [len(train) for train in pairs.trains()] == [1, 2]


def test_traces_and_spikes_equal_an_independent_solution():
    recording = run(0.1, dt_s=1e-5, duration_s=0.02)
    reference = solved(10.0, 20.0, recording.time_s * 1e3)
    spike_ms = reference.t_events[0]
    assert len(spike_ms) == 2
    np.testing.assert_allclose(recording.spike_time_s * 1e3, spike_ms, rtol=0, atol=0.05)
    np.testing.assert_allclose(recording.traces["v"][:, 0] * 1e3, reference.y[0], atol=0.05)
    for row, gate in enumerate(GATES, start=1):
        np.testing.assert_allclose(recording.traces[gate][:, 0], reference.y[row], atol=1e-3)
    other = solved(9.9, 20.0, recording.time_s * 1e3)
    assert abs(other.t_events[0] - recording.spike_time_s * 1e3).max() > 0.05


def test_the_membrane_converges_with_the_fourth_power_of_the_step():
    time_s = np.arange(0, 5e-3, 1e-4)
    reference = solve(HodgkinHuxley(), step(0.05), time_s).state[:, 0]

    def error_v(refinement):
        found = run(0.05, dt_s=4e-5 / refinement, duration_s=5e-3).traces["v"][:, 0]
        shared = np.arange(0, len(found), 5 * refinement)
        np.testing.assert_allclose(shared * 4e-5 / refinement, time_s[::2], atol=1e-9)
        return np.abs(found[shared] - reference[::2]).max()

    # Up to the middle of the first upstroke.
    assert reference.max() > -30e-3
    assert np.log2(error_v(2) / error_v(4)) == pytest.approx(4, abs=0.4)


def test_the_packaged_reference_equals_the_one_written_here():
    time_s = np.arange(0, 0.03, 1e-4)
    packaged = solve(HodgkinHuxley(), step(0.1), time_s)
    here = solved(10.0, 30.0, time_s * 1e3)
    np.testing.assert_allclose(packaged.state[:, 0] * 1e3, here.y[0], atol=0.01)
    np.testing.assert_allclose(packaged.spike_time_s * 1e3, here.t_events[0], atol=1e-3)


def test_the_rates_have_no_hole_where_the_formula_is_zero_over_zero():
    potential = np.array([-55.0, -40.0, -55.0 + 1e-9, -40.0 + 1e-9])
    model = HodgkinHuxley().model()
    models = [
        replace(model, initial={"v": v * model.parameters["mV"], "m": 0.0, "h": 0.0, "n": 0.0})
        for v in potential
    ]
    found = simulate(
        models, 0.0, dt_s=1e-5, duration_s=2e-5, record=("alpha_m", "alpha_n"), target="numpy"
    ).traces
    assert found["alpha_m"][0, 1] == pytest.approx(1000.0)
    assert found["alpha_n"][0, 0] == pytest.approx(100.0)
    for trace in found.values():
        np.testing.assert_allclose(trace[0, :2], trace[0, 2:], rtol=1e-6)
