"""A step, a rate or a unit that a method cannot carry is refused before or found after a run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from biosim.chain import Chain, InputSpikes, Layer, Substitute, run_chain
from biosim.diehl_cook import DiehlCook
from biosim.diehl_cook.specification import INHIBITORY, Population, PowerLaw, Triplet
from biosim.diehl_cook.stimulus import poisson_spikes
from biosim.isolation import brian2
from biosim.limits import check_intervals
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
from biosim.plasticity import Competition, PairSTDP, TripletSTDP, compete
from biosim.simulate import simulate
from biosim.stimuli import exponential_input, noise, pulses, step


def run(neuron, stimulus, dt_s, duration_s=0.05):
    return simulate(neuron, stimulus, dt_s=dt_s, duration_s=duration_s, target="numpy")


@pytest.mark.parametrize(("cell", "level"), [(HodgkinHuxley(), 0.1), (Traub(), 0.5e-9)])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_equations_that_left_the_range_of_numbers_are_told_every_time(cell, level) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match=r"v left the range.*dt_s = 0.0001 s is too long"):
            run(cell, [0.0, level], 1e-4)


@pytest.mark.parametrize(
    ("cell", "dt_s"), [(Izhikevich(), 2e-3), (Izhikevich(), 5e-4), (AdEx(), 1e-2)]
)
def test_a_step_beyond_the_reach_of_the_method_is_refused(cell, dt_s) -> None:
    with pytest.raises(ValueError, match=r"dt_s = .* is too long.*at most"):
        run(cell, 0.0, dt_s)
    assert run(cell, 0.0, cell.model().longest_step_s, 10 * cell.model().longest_step_s).n_units


def test_the_patterns_of_a_source_have_its_step_and_no_longer_one() -> None:
    pattern = izhikevich.PATTERNS["accommodation"]
    assert run(pattern.model(), pattern.stimulus, pattern.dt_s, 0.4).n_units == 1
    with pytest.raises(ValueError, match=r"at most 0\.0005 s"):
        run(pattern.model(), 0.0, 1e-3)


def test_a_neuron_that_fires_at_every_step_has_no_rate_of_its_own() -> None:
    with pytest.raises(ValueError, match=r"neurons \[1\] fire in one step after the other"):
        run(LIF(refractory_s=0.0), [0.3e-9, 1e-6], 1e-3)


def test_bursts_are_not_taken_for_it() -> None:
    check_intervals(np.array([0.0, 1e-3, 2e-2, 2.1e-2, 4e-2]), np.zeros(5, int), 1e-3)
    check_intervals(np.array([0.0, 1e-3, 2e-3]), np.array([0, 1, 2]), 1e-3)


@pytest.mark.parametrize(
    ("cell", "given", "unit"),
    [
        (HodgkinHuxley(), 10 * brian2.nA, "amp / meter"),
        (LIF(), [1 * brian2.nA, 2 * brian2.mV], "amp"),
        (Izhikevich(), 10 * brian2.mV, "volt / second"),
        (ConductanceLIF(), {"g_e": 1 * brian2.nA}, "siemens"),
    ],
)
def test_input_of_another_dimension_is_refused(cell, given, unit) -> None:
    with pytest.raises(ValueError, match=f"must be in {unit}"):
        run(cell, given, 5e-5)


def test_input_of_the_right_dimension_is_taken() -> None:
    given = run(LIF(), 0.3 * brian2.nA, 0.1 * brian2.ms, 50 * brian2.ms)
    plain = run(LIF(), 0.3e-9, 1e-4)
    np.testing.assert_array_equal(given.traces["v"], plain.traces["v"])


@pytest.mark.parametrize(
    "make",
    [
        lambda: step(10 * brian2.nA),
        lambda: step(1.0, onset_s=5 * brian2.mV),
        lambda: step(1.0, offset_s=5 * brian2.mV),
        lambda: pulses(1.0, [0.0], 1 * brian2.mV),
        lambda: LIF(tau_mem_s=20 * brian2.ms),
    ],
)
def test_quantities_where_plain_numbers_belong_are_refused(make) -> None:
    with pytest.raises(ValueError, match="not a quantity in"):
        make()


NAN_OR_INF = (np.nan, np.inf, -np.inf)
BAD = [
    *((kind, name, bad) for kind in (LIF, AdaptiveLIF, AdEx, ConductanceLIF, HodgkinHuxley, Traub,
                                     Izhikevich, PairSTDP, Triplet, PowerLaw, DiehlCook)
      for name, bad in (
          ("tau_mem_s", -1.0), ("tau_threshold_s", 0.0), ("capacitance_f", np.nan),
          ("capacitance_f_m2", 0.0), ("sodium_s_m2", -1.0), ("leak_v", np.inf), ("a", np.nan),
          ("area_m2", -1.0), ("start_v", np.inf), ("tau_plus_s", np.nan), ("mu_plus", -1.0),
          ("tau_pre_s", np.inf), ("rate_post", np.nan), ("weight_sum", np.nan),
          ("n_exc", 2.5), ("theta_offset_v", np.nan), ("start_below_rest_v", np.inf),
      ) if name in kind.__dataclass_fields__),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "bad"), BAD, ids=str)
def test_parameters_that_are_not_finite_or_negative_are_refused_by_name(kind, name, bad) -> None:
    with pytest.raises(ValueError, match=name):
        kind(**{name: bad})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dt_s": 2e-3}, "cannot follow tau_exc_s = 0.001 s"),
        ({"tau_theta_s": 1e-4}, "cannot follow tau_theta_s"),
        ({"weight_exc_inh": 100.0}, "weight_exc_inh makes membranes too fast"),
        ({"max_rate_hz": 4000.0}, r"rate of the last presentation of 4288 Hz.*0 to 2000 Hz"),
        ({"max_presentations": 100}, "99 extra_rate_hz"),
        ({"dt_s": 3e-4}, "not a multiple"),
        ({"inhibitory": replace(INHIBITORY, tau_mem_s=1e-4)}, r"inhibitory\.tau_mem_s"),
    ],
)
def test_the_network_refuses_what_its_step_cannot_carry(change, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        DiehlCook(**change)


def test_a_population_refuses_what_no_neuron_has() -> None:
    with pytest.raises(ValueError, match="tau_mem_s must be positive"):
        Population(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("rate_hz", [4000.0, -1.0, np.nan])
def test_rates_that_steps_cannot_hold_are_refused_where_they_are_drawn(rate_hz) -> None:
    with pytest.raises(ValueError, match="rate"):
        poisson_spikes(DiehlCook(), np.array([10.0, rate_hz]), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"rate_hz": 2000.0}, "0 to 1000 Hz"),
        ({"dt_s": 0.01}, "cannot follow tau_syn = 0.005 s"),
        ({"rate_hz": np.nan}, "rate_hz has values that are not finite"),
        ({"n_inputs": 0}, "n_inputs must be at least 1"),
    ],
)
def test_a_competition_refuses_what_its_step_cannot_carry(change, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        Competition(**change)


def test_a_competition_in_which_neurons_fire_at_every_step_is_told() -> None:
    asked = Competition(n_inputs=20, rate_hz=1000.0, total_conductance=50.0, duration_s=0.1)
    with pytest.raises(ValueError, match="one step after the other"):
        compete([TripletSTDP(0, 1e-3, 1e-3, 0, bounds=(0, 1))], asked, 0, "numpy")


LAYER = Layer([[2.0]], 10e-3, 5e-3, 4.0, 1.0)
CHAIN = Chain((LAYER,), dt_s=1e-3, delay_s=1e-3, hold_s=1e-3)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: run_chain(CHAIN, one_spike(), 5, dt_s=3e-4), "must divide"),
        (lambda: run_chain(CHAIN, one_spike(), 5, dt_s=0.0), "dt_s must be positive"),
        (lambda: run_chain(replace(CHAIN, delay_s=1.5e-3), one_spike(), 5), "not a multiple"),
        (lambda: run_chain(CHAIN, one_spike(), 5, scheme="hold"), "unknown scheme"),
        (lambda: run_chain(CHAIN, one_spike(unit=1), 5), "input spikes of unit 1"),
        (lambda: one_spike(sample=1), "sample must lie in 0..0"),
        (lambda: one_spike(time_s=np.nan), "time_s has values"),
        (lambda: replace(LAYER, tau_mem_s=0.0), "tau_mem_s must be positive"),
        (lambda: replace(LAYER, weight=[[np.inf]]), "weight has values"),
        (lambda: replace(LAYER, bias=[1.0, 2.0]), "bias must be"),
        (lambda: replace(CHAIN, reset="none"), "unknown reset"),
        (lambda: replace(CHAIN, layers=()), "at least one layer"),
        (lambda: replace(CHAIN, layers=(LAYER, replace(LAYER, weight=[[1.0, 2.0]]))), "do not fit"),
    ],
)
def test_a_chain_refuses_what_it_would_round_or_mix(call, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        call()


def one_spike(time_s=0.0, unit=0, sample=0):
    return InputSpikes([time_s], [unit], [sample], 1)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_substitute_is_held_to_its_step_and_its_range() -> None:
    coarse = Substitute(Izhikevich().model(), 0.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="substitute's method needs less"):
        run_chain(CHAIN, one_spike(), 5, substitute=coarse)
    driven = Substitute(HodgkinHuxley().model(), 0.2, 1.0, 1.0)
    with pytest.raises(ValueError, match="v of layer 0 left the range"):
        run_chain(CHAIN, one_spike(), 20, dt_s=1e-4, substitute=driven)


def test_noise_and_decays_refuse_what_is_no_process() -> None:
    with pytest.raises(ValueError, match="sigma has values"):
        noise(np.nan, 1e-3, seed=0)
    with pytest.raises(ValueError, match="jump has values"):
        exponential_input([[0.0]], np.inf, 1e-3)
