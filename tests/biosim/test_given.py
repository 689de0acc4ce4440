"""Every public entry takes what a user has, whatever its type, or refuses it in a sentence."""

from __future__ import annotations

import numpy as np
import pytest

from biosim import stimuli
from biosim.chain import Chain, InputSpikes, Layer, calibrate, run_chain
from biosim.diehl_cook import (
    DiehlCook,
    Trained,
    assign_labels,
    class_shares,
    classify,
    respond,
    train,
    vote,
)  # fmt: skip
from biosim.neurons import LIF
from biosim.plasticity import (
    PairSTDP,
    normalised,
    printed_window,
    simulate_pairs,
    simulate_trains,
    window,
)  # fmt: skip
from biosim.simulate import simulate

SPEC = DiehlCook(n_exc=2, weight_sum=2.0, present_s=0.1, rest_s=0.05, max_presentations=1)
RULE = PairSTDP(bounds=(-1, 1))
CELL = LIF(resistance_ohm=1.0, leak_v=0.0, reset_v=0.0, threshold_v=0.5)
TRAINED = train(SPEC, np.ones((1, 3)), [], seed=0)


def chain(weight, unit):
    layer = Layer(weight, 10e-3, 5e-3, 1.0, 0.1)
    spikes = InputSpikes([0.0, 0.0, 1e-3], unit, [0, 0, 0], 1)
    return run_chain(Chain((layer,), 1e-3, 1e-3, 1e-3), spikes, 6).spikes[0].time_s


# Each takes one array of zeros and ones, or of whole numbers, and returns arrays.
ENTRIES = {
    "simulate": ([1, 0], lambda x: simulate(
        CELL, x, dt_s=1e-3, duration_s=0.02, target="numpy").traces["v"]),
    "step": ([1, 0], lambda x: stimuli.step(x).sampled(1e-3, 5e-3)),
    "ramp": ([1, 0], lambda x: stimuli.ramp(x).sampled(1e-3, 5e-3)),
    "pulses": ([1, 0], lambda x: stimuli.pulses(1.0, [x], 1e-3).sampled(1e-3, 2.0)),
    "noise": ([1, 0], lambda x: stimuli.noise(x, 1e-3, seed=0, n=2).sampled(1e-3, 5e-3)),
    "exponential_input": ([0, 1], lambda x: stimuli.exponential_input([x], 1, 1).sampled(0.5, 2.0)),
    "poisson_trains": ([1, 0], lambda x: np.concatenate(
        stimuli.poisson_trains(x, 5, np.random.default_rng(0)))),
    "trains_of": ([0, 1], lambda x: np.concatenate(stimuli.trains_of([2, 1], x, 2))),
    "rise_s": ([0, 1], lambda x: CELL.rise_s(x, 0.0)),
    "interval_s": ([0, 1], CELL.interval_s),
    "membrane_v": ([0, 1], lambda x: CELL.membrane_v(1.0, x)),
    "window": ([0, 1], lambda x: window(RULE, x)),
    "printed_window": ([0, 1], lambda x: printed_window(RULE, x)),
    "normalised": ([[1, 0], [1, 1]], lambda x: normalised(x, 1)),
    "simulate_pairs": ([0, 1], lambda x: simulate_pairs(RULE, x, dt_s=1, target="numpy").weight),
    "simulate_trains": ([0, 1], lambda x: simulate_trains(
        RULE, [x], [x], dt_s=1, target="numpy").weight),
    "calibrate": ([0, 1, 2], lambda x: calibrate(CELL.model(), x, 0.02, 0.002, 1e-3, 0.1).lif_hz),
    "chain weights": ([[1, 0, 1]], lambda x: chain(x, [0, 1, 2])),
    "chain units": ([0, 1, 1], lambda x: chain([[1.0, 1.0]], x)),
    "images": ([[1, 0, 1]], lambda x: train(SPEC, x, [0], 0).weights),
    "order": ([0, 1, 0], lambda x: train(SPEC, np.ones((2, 3)), x, 0).weights),
    "given spikes": ([0, 1, 2], lambda x: train(
        SPEC, np.ones((1, 3)), [0], 0, spikes=[(x, x)]).weights),
    "respond": ([[1, 0, 1]], lambda x: respond(SPEC, TRAINED, x, 0).counts),
    "trained": ([[1, 1], [1, 1], [1, 1]], lambda x: respond(
        SPEC, Trained(x, TRAINED.theta_v, TRAINED.delays_s, *[np.zeros(0)] * 3, ""),
        np.ones((1, 3)), 0).counts),
    "counts": ([[1, 0], [1, 1]], lambda x: assign_labels(x, [0, 1], 2)),
    "labels": ([0, 1], lambda x: class_shares([[3, 0], [1, 2]], x, 2)),
    "classify": ([[1, 1], [0, 1]], lambda x: classify(x, [0, 1], 2)),
    "assignments": ([0, 1], lambda x: classify([[3, 0], [1, 2]], x, 2)),
    "vote": ([[1, 1], [0, 1]], lambda x: vote(x, [[1, 0], [0, 1]])),
    "shares": ([[1, 0], [0, 1]], lambda x: vote([[3, 0], [1, 2]], x)),
}  # fmt: skip
INDICES = {"trains_of", "chain units", "order", "given spikes", "assignments"}
TYPES = ("u1", ">u2", "i1", "<i4", ">i8", "u8", "f2", ">f4", ">f8", "<f8")


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_type_of_an_array_changes_no_result(entry) -> None:
    values, call = ENTRIES[entry]
    expected = call(np.array(values, dtype=float))
    given = [values, tuple(values), *(np.array(values, dtype=kind) for kind in TYPES)]
    if entry not in INDICES and np.max(values) <= 1:
        given.append(np.array(values, dtype=bool))
    for each in given:
        np.testing.assert_array_equal(
            call(each), expected, err_msg=str(getattr(each, "dtype", each))
        )


BAD = {
    "nan": np.nan, "text": "many", "complex": 1j, "none": None, "infinite": np.inf,
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("entry", ENTRIES)
def test_what_is_no_finite_number_is_refused_in_a_sentence(entry, bad) -> None:
    values, call = ENTRIES[entry]
    spoiled = np.array(values, dtype=object)
    spoiled.flat[0] = BAD[bad]
    with pytest.raises(ValueError, match=r"."):
        call(spoiled.tolist())


@pytest.mark.parametrize("entry", sorted(INDICES))
def test_masks_and_fractions_are_no_indices(entry) -> None:
    values, call = ENTRIES[entry]
    with pytest.raises(ValueError, match="whole numbers, not Booleans"):
        call(np.array(values) > 0)
    with pytest.raises(ValueError, match="must hold whole numbers"):
        call(np.array(values) + 0.5)


def test_counts_are_summed_in_a_type_that_holds_the_sum() -> None:
    counts = np.full((1, 300), 200, dtype=np.uint8)
    counts[0, 299] = 255
    classes = np.r_[np.zeros(299, int), 1]
    np.testing.assert_array_equal(classify(counts, classes, 2), [1])
    np.testing.assert_array_equal(classify(counts > 0, np.r_[classes[1:], 1], 2), [0])


def test_networks_that_do_not_fit_are_refused() -> None:
    other = DiehlCook(n_exc=3)
    with pytest.raises(ValueError, match=r"trained has weights \(3, 2\), not \(3, 3\)"):
        respond(other, TRAINED, np.ones((1, 3)), 0)
    with pytest.raises(ValueError, match="assignments must hold a class below 2"):
        classify([[1, 2]], [0, 5], 2)
    with pytest.raises(ValueError, match="counts of 2 neurons, but shares of 3"):
        vote([[1, 2]], np.ones((3, 2)))


@pytest.mark.parametrize("seed", [1.5, -1, "0", True])
def test_seeds_are_whole_numbers(seed) -> None:
    with pytest.raises(ValueError, match="seed"):
        train(SPEC, np.ones((1, 3)), [], seed=seed)
