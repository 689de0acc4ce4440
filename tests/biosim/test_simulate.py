"""One function runs any neuron under any stimulus."""

from dataclasses import fields, replace

import numpy as np
import pytest

from biosim.neurons import (
    LIF,
    AdaptiveLIF,
    AdEx,
    ConductanceLIF,
    HodgkinHuxley,
    Izhikevich,
    Traub,
    izhikevich,
)
from biosim.simulate import simulate
from biosim.stimuli import noise, step

DRIVES = {
    LIF(): 0.3e-9,
    AdaptiveLIF(): 0.3e-9,
    ConductanceLIF(): 5e-9,
    AdEx(): 1e-9,
    HodgkinHuxley(): 0.2,
    Traub(): 0.5e-9,
    Izhikevich(): 15.0,
}


def run(neuron, stimulus, dt_s=5e-5, duration_s=0.03, record=("v",)):
    return simulate(
        neuron, stimulus, dt_s=dt_s, duration_s=duration_s, record=record, target="numpy"
    )


@pytest.mark.parametrize("neuron", DRIVES, ids=lambda neuron: type(neuron).__name__)
def test_every_neuron_runs_under_a_step_and_tells_its_units(neuron):
    levels = DRIVES[neuron] * np.array([0.0, 1.0])
    recording = run(neuron, step(levels, 2e-3))
    silent, firing = recording.trains()
    assert len(silent) == 0
    assert len(firing) >= 1
    assert firing[0] > 2e-3
    assert recording.traces["v"].shape == (600, 2) == (len(recording.time_s), recording.n_units)
    assert recording.units == {"v": "V"}


def test_units_are_those_of_the_equations():
    assert run(AdEx(), 0.0, record=("v", "w")).units == {"v": "V", "w": "A"}
    assert run(Izhikevich(), 0.0, record=("u",)).units == {"u": "V/s"}
    assert run(HodgkinHuxley(), 0.0, record=("m", "alpha_m")).units == {"m": "1", "alpha_m": "Hz"}


def test_a_constant_array_a_sampled_one_and_a_stimulus_are_the_same():
    currents = np.array([0.2e-9, 0.4e-9])
    given = (currents, np.tile(currents, (600, 1)), step(currents))
    constant, sampled, described = (run(LIF(), drive) for drive in given)
    for other in (sampled, described):
        np.testing.assert_allclose(other.traces["v"], constant.traces["v"], rtol=1e-12)
        np.testing.assert_array_equal(other.spike_time_s, constant.spike_time_s)


def test_neurons_with_different_parameters_run_as_if_alone():
    cells = [izhikevich.CELLS[name] for name in ("RS", "FS", "CH")]
    cells.append(replace(cells[0], start_v=-70.0, start_u=-10.0))
    together = run(cells, [10.0, 10.0, 10.0, 4.0], record=("v", "u"))
    for number, (cell, level) in enumerate(zip(cells, (10.0, 10.0, 10.0, 4.0), strict=True)):
        alone = run(cell, level, record=("v", "u"))
        np.testing.assert_array_equal(together.trains()[number], alone.spike_time_s)
        for name in ("v", "u"):
            np.testing.assert_allclose(
                together.traces[name][:, number], alone.traces[name][:, 0], rtol=1e-9
            )


@pytest.mark.parametrize(
    ("cell", "field"),
    [(cell, field.name) for cell in (LIF(), HodgkinHuxley(), Traub(), AdEx())
     for field in fields(cell) if field.name not in ("refractory_s",)],
    ids=lambda part: part if isinstance(part, str) else type(part).__name__,
)  # fmt: skip
def test_any_parameter_may_differ_whatever_its_unit(cell, field):
    cells = [cell, replace(cell, **{field: 1.1 * getattr(cell, field)})]
    assert run(cells, 0.0, duration_s=1e-3).n_units == 2


def test_one_stimulus_serves_neurons_with_different_parameters():
    cells = [LIF(), LIF(threshold_v=-60e-3)]
    recording = run(cells, step(0.18e-9, 5e-3), duration_s=0.05)
    assert [len(train) for train in recording.trains()] == [1, 2]


def test_one_neuron_model_serves_stimuli_by_name():
    both = run(ConductanceLIF(), {"g_e": [2e-9, 20e-9], "g_i": step(0.0) + step(1e-9, 0.01)})
    assert both.n_units == 2
    assert len(both.trains()[1]) >= 1


def test_noise_and_steps_add():
    recording = run(LIF(), step(0.1e-9) + noise(1e-10, 5e-3, seed=0, n=3))
    assert recording.n_units == 3
    assert len(np.unique(recording.traces["v"][-1])) == 3


@pytest.mark.parametrize(
    ("neuron", "stimulus", "message"),
    [
        (LIF(), np.zeros((7, 1)), r"stimulus I has shape \(7, 1\).*\[600, N\]"),
        (LIF(), np.zeros((600, 1, 1)), r"allowed: \[N\]"),
        (LIF(), np.array([np.nan]), "not finite"),
        (LIF(), {"g_e": 1.0}, "unknown name 'g_e'; allowed: I"),
        ([LIF()] * 2, np.zeros(3), "one or as many as the others"),
        ([], 0.0, "at least one neuron"),
        ([LIF(), AdEx()], 0.0, "differ in their parameters only"),
        ([LIF(), LIF(refractory_s=1e-3)], 0.0, "refractory time"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_reason(neuron, stimulus, message):
    with pytest.raises(ValueError, match=message):
        run(neuron, stimulus)


def test_unknown_variables_are_refused_by_name():
    with pytest.raises(ValueError, match=r"record: unknown name 'w'; allowed: .*v"):
        run(LIF(), 0.0, record=("w",))


def test_durations_off_the_grid_are_refused():
    with pytest.raises(ValueError, match="not a multiple"):
        run(LIF(), 0.0, dt_s=3e-4, duration_s=0.05)


@pytest.mark.slow
def test_both_engines_give_the_same_traces():
    pytest.importorskip("Cython")
    from biosim.backend import has_compiler

    if not has_compiler():
        pytest.skip("no compiler")
    for neuron in (HodgkinHuxley(), AdEx()):
        compiled, interpreted = (
            simulate(neuron, DRIVES[neuron], dt_s=2.5e-5, duration_s=0.01, target=target)
            for target in ("cython", "numpy")
        )
        np.testing.assert_allclose(
            compiled.traces["v"], interpreted.traces["v"], rtol=0, atol=1e-12
        )
