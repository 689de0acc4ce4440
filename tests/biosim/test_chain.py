"""Chains in Brian2 against a scalar loop, Brian2's own synapses, and closed forms."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq

from biosim.backend import session
from biosim.chain import Chain, InputSpikes, Layer, LayerSpikes, Substitute, run_chain
from biosim.neurons import HodgkinHuxley
from biosim.simulate import simulate

DT = 1e-3
TAU_MEM, TAU_SYN = 10e-3, 5e-3
BETA, ALPHA = np.exp(-DT / TAU_MEM), np.exp(-DT / TAU_SYN)
FIRE_FIRST = {"order": "fire_first", "delay_s": DT, "recurrent_delay_s": 2 * DT}
INTEGRATE_FIRST = {"order": "integrate_first", "delay_s": 0.0, "recurrent_delay_s": 0.0}


def chain(weights: list[np.ndarray], **changes: Any) -> Chain:
    layers = tuple(
        Layer(weight, TAU_MEM, TAU_SYN, 1 / (1 - BETA), 1.0 if k < len(weights) - 1 else None)
        for k, weight in enumerate(weights)
    )
    return Chain(layers, **({"dt_s": DT, "delay_s": DT, "hold_s": DT} | changes))


def random_input(
    rng: np.random.Generator, n_in: int = 5, rate: float = 0.1, n_samples: int = 4
) -> tuple[InputSpikes, np.ndarray]:
    raster = rng.random((60, n_samples, n_in)) < rate
    step, sample, unit = np.nonzero(raster)
    return InputSpikes(step * DT, unit, sample, n_samples), raster


def random_chain(rng: np.random.Generator, **changes: Any) -> Chain:
    """Two recurrent layers whose neurons all differ, and a readout."""
    layers = []
    for n_in, n, fires in ((5, 7, True), (7, 6, True), (6, 3, False)):
        layers.append(
            Layer(
                rng.normal(0, 1, (n, n_in)),
                rng.uniform(5e-3, 20e-3, n),
                rng.uniform(2e-3, 10e-3, n),
                rng.uniform(5, 10, n),
                rng.uniform(0.8, 1.2, n) if fires else None,
                rng.normal(0, 0.3, (n, n)) if fires else None,
                rng.normal(0, 0.02, n),
            )
        )
    return Chain(tuple(layers), **({"dt_s": DT, "hold_s": DT} | changes))


def scalar_loop(network: Chain, raster: np.ndarray) -> tuple[list[set], np.ndarray, np.ndarray]:
    """Discrete networks as `gradsim.neurons` defines them, neuron by neuron.

    Returns the spikes of each hidden layer as (step, sample, neuron), the readout, and the
    membranes of the first hidden layer at which the threshold looks.
    """
    n_steps, n_samples, _ = raster.shape
    first = network.order == "fire_first"
    spikes: list[set] = [set() for _ in network.layers[:-1]]
    readout = np.zeros((n_steps + first, n_samples, network.layers[-1].size))
    looked_at = np.zeros((n_steps, n_samples, network.layers[0].size))
    for b in range(n_samples):
        mem = [np.zeros(layer.size) for layer in network.layers]
        syn = [np.zeros(layer.size) for layer in network.layers]
        own = [np.zeros(layer.size) for layer in network.layers]
        for t in range(n_steps):
            x = raster[t, b].astype(float)
            for k, layer in enumerate(network.layers):
                fires = layer.threshold is not None
                if fires and first:
                    looked_at[t, b] = mem[0] if k == 0 else looked_at[t, b]
                    before, own[k] = own[k], (mem[k] > layer.threshold).astype(float)
                else:
                    before = own[k]
                arriving = layer.bias.copy()
                for i, j in itertools.product(range(layer.size), range(len(x))):
                    arriving[i] += layer.weight[i, j] * x[j]
                if fires:
                    arriving += layer.recurrent @ before
                old = syn[k]
                syn[k] = np.exp(-DT / layer.tau_syn_s) * syn[k] + arriving
                beta = np.exp(-DT / layer.tau_mem_s)
                mem[k] = beta * mem[k] + layer.resistance * (1 - beta) * (old if first else syn[k])
                if fires:
                    reset = own[k] if first else before
                    mem[k] = (
                        mem[k] * (1 - reset)
                        if network.reset == "zero"
                        else mem[k] - layer.threshold * reset
                    )
                    if not first:
                        looked_at[t, b] = mem[0] if k == 0 else looked_at[t, b]
                        own[k] = (mem[k] > layer.threshold).astype(float)
                    spikes[k] |= {(t, b, int(i)) for i in np.flatnonzero(own[k])}
                else:
                    readout[t + first, b] = mem[k]
                x = own[k]
    return spikes, readout, looked_at


def as_set(spikes: LayerSpikes) -> set:
    step = np.round(spikes.time_s / DT).astype(int)
    return set(zip(step.tolist(), spikes.sample.tolist(), spikes.unit.tolist(), strict=True))


@pytest.mark.parametrize("conventions", [FIRE_FIRST, INTEGRATE_FIRST], ids=lambda c: c["order"])
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_at_its_own_dt_a_network_is_the_discrete_one(conventions, reset) -> None:
    rng = np.random.default_rng(1)
    network = random_chain(rng, reset=reset, **conventions)
    inputs, raster = random_input(rng)
    run = run_chain(network, inputs, len(raster), membranes_of=2)
    spikes, readout, membranes = scalar_loop(network, raster)
    assert all(len(expected) > 20 for expected in spikes)
    assert [as_set(found) for found in run.spikes] == spikes
    np.testing.assert_allclose(run.readout, readout, atol=1e-12)
    np.testing.assert_allclose(run.membranes[0], membranes[:, :2], atol=1e-12)


@pytest.mark.parametrize(
    ("conventions", "wrong"),
    [
        (FIRE_FIRST, {"delay_s": 0.0}),
        (FIRE_FIRST, {"recurrent_delay_s": DT}),
        (FIRE_FIRST, {"hold_s": 0.0}),
        (FIRE_FIRST, {"reset": "subtract"}),
        (INTEGRATE_FIRST, {"recurrent_delay_s": DT}),
        (INTEGRATE_FIRST, {"order": "fire_first"}),
    ],
)
def test_any_other_convention_does_not_agree(conventions, wrong) -> None:
    """Negative controls: each convention alone decides."""
    rng = np.random.default_rng(1)
    network = random_chain(rng, **conventions)
    inputs, raster = random_input(rng)
    right = run_chain(network, inputs, len(raster))
    other = run_chain(dataclasses.replace(network, **wrong), inputs, len(raster))
    assert as_set(right.spikes[0]) != as_set(other.spikes[0])


def test_a_membrane_at_the_threshold_fires_only_where_that_is_not_strict() -> None:
    layer = Layer(np.ones((1, 1)), 1.0, 0.0, 1 / (1 - np.exp(-DT)), 1.0)
    inputs = InputSpikes(np.array([0.0]), np.array([0]), np.array([0]), 1)
    for strict, expected in ((True, 0), (False, 1)):
        network = Chain((layer,), DT, 0.0, DT, strict=strict, order="integrate_first")
        assert len(run_chain(network, inputs, 3).spikes[0].time_s) == expected


def by_brian2_synapses(network: Chain, inputs: InputSpikes, n_steps: int) -> list[set]:
    """The spikes of the first two layers in a network of Brian2's own sources and synapses."""
    import brian2 as b2

    copies, found = inputs.n_samples, []
    with session(target="numpy", dt_s=DT):
        n_in = network.layers[0].weight.shape[1]
        source = b2.SpikeGeneratorGroup(
            n_in * copies, inputs.sample * n_in + inputs.unit, inputs.time_s * b2.second
        )
        everything = b2.Network(source)
        monitors = []
        for layer in network.layers[:2]:
            group = b2.NeuronGroup(
                layer.size * copies, "v : 1\nI : 1\nquiet : integer",
                threshold="v > 1", reset="v = 0\nquiet = 1",
                namespace={"beta": BETA, "alpha": ALPHA},
            )  # fmt: skip
            group.run_regularly(
                "v = (beta * v + I) * int(quiet == 0)\nI = alpha * I\nquiet = 0", when="groups"
            )
            paths = [(source, layer.weight, 1), (group, layer.recurrent, 2)]
            for pre, weight, delay in paths:
                synapses = b2.Synapses(
                    pre, group, "w : 1", on_pre="I_post += w", delay=delay * DT * b2.second
                )
                n_post, n_pre = weight.shape
                synapses.connect(
                    "i // n_pre == j // n_post", namespace={"n_pre": n_pre, "n_post": n_post}
                )
                synapses.w_[:] = weight[synapses.j[:] % n_post, synapses.i[:] % n_pre]
                everything.add(synapses)
            monitors.append((layer.size, b2.SpikeMonitor(group)))
            everything.add(group, monitors[-1][1])
            source = group
        everything.run(n_steps * DT * b2.second)
        for size, monitor in monitors:
            step, index = np.round(np.array(monitor.t) / DT).astype(int), np.array(monitor.i)
            found.append(
                set(
                    zip(
                        step.tolist(),
                        (index // size).tolist(),
                        (index % size).tolist(),
                        strict=True,
                    )
                )
            )
    return found


def test_spikes_cross_as_they_do_through_brian2s_synapses() -> None:
    rng = np.random.default_rng(2)
    weights = [rng.normal(0, 1, shape) for shape in ((7, 5), (6, 7), (3, 6))]
    network = chain(weights, **FIRE_FIRST)
    recurrent = [rng.normal(0, 0.5, (7, 7)), rng.normal(0, 0.5, (6, 6)), None]
    layers = tuple(
        dataclasses.replace(layer, recurrent=own)
        for layer, own in zip(network.layers, recurrent, strict=True)
    )
    network = dataclasses.replace(network, layers=layers)
    inputs, raster = random_input(rng)
    expected = by_brian2_synapses(network, inputs, len(raster))
    assert all(len(layer) > 20 for layer in expected)
    assert [as_set(layer) for layer in run_chain(network, inputs, len(raster)).spikes] == expected


def test_an_input_that_fires_twice_in_a_step_counts_twice() -> None:
    network = chain([np.ones((1, 1))])
    network = dataclasses.replace(network, layers=network.layers[-1:])
    once, twice = (
        run_chain(network, InputSpikes(np.zeros(n), np.zeros(n, int), np.zeros(n, int), 1), 9)
        for n in (1, 2)
    )
    np.testing.assert_allclose(twice.readout, 2 * once.readout)
    assert once.readout.max() > 0


def test_runs_in_turns_equal_one_run(monkeypatch) -> None:
    rng = np.random.default_rng(3)
    network, (inputs, raster) = random_chain(rng, **FIRE_FIRST), random_input(rng)
    together = run_chain(network, inputs, len(raster), membranes_of=3)
    monkeypatch.setattr("biosim.chain.run.MAX_NEURONS", 1)
    in_turns = run_chain(network, inputs, len(raster), membranes_of=3)
    np.testing.assert_array_equal(together.readout, in_turns.readout)
    np.testing.assert_array_equal(together.membranes[1], in_turns.membranes[1])
    assert as_set(together.spikes[1]) == as_set(in_turns.spikes[1])
    assert (np.diff(in_turns.spikes[1].time_s) >= 0).all()
    assert len(together.spikes[1].time_s) > 20


@pytest.mark.parametrize("refinement", [1, 4])
@pytest.mark.parametrize("tau_syn", [5e-3, 10e-3])
def test_exact_integration_gives_the_closed_form_at_any_dt(refinement, tau_syn) -> None:
    """One postsynaptic potential; for equal time constants its limit."""
    layer = Layer(np.ones((1, 1)), TAU_MEM, tau_syn, 2.0, None)
    network = Chain((layer,), DT, 0.0, 0.0)
    inputs = InputSpikes(np.array([0.0]), np.array([0]), np.array([0]), 1)
    run = run_chain(network, inputs, 40, DT / refinement, scheme="exact")
    t = np.arange(41) * DT
    potential = (
        2.0 * tau_syn / (TAU_MEM - tau_syn) * (np.exp(-t / TAU_MEM) - np.exp(-t / tau_syn))
        if tau_syn != TAU_MEM
        else 2.0 * t / TAU_MEM * np.exp(-t / TAU_MEM)
    )
    np.testing.assert_allclose(run.readout[:, 0, 0], potential, rtol=1e-9, atol=1e-12)


def test_without_a_synaptic_current_the_membrane_jumps_whatever_the_step() -> None:
    layer = Layer(np.ones((1, 1)), TAU_MEM, 0.0, 1 / (1 - BETA), None)
    inputs = InputSpikes(np.array([0.0]), np.array([0]), np.array([0]), 1)
    for refinement in (1, 4):
        run = run_chain(Chain((layer,), DT, 0.0, 0.0), inputs, 20, DT / refinement, "exact")
        expected = np.exp(-(np.arange(1, 21) * DT - DT / refinement) / TAU_MEM)
        np.testing.assert_allclose(run.readout[1:, 0, 0], expected, rtol=1e-9)


def true_first_spike_s(times_s: np.ndarray, weights: np.ndarray, resistance: float) -> float:
    """When the solution of the differential equations crosses 1, by bisection."""

    def above(t: float) -> float:
        since = np.maximum(t - times_s, 0)
        rise = np.exp(-since / TAU_MEM) - np.exp(-since / TAU_SYN)
        return resistance * TAU_SYN / (TAU_MEM - TAU_SYN) * (weights * rise).sum() - 1

    grid = np.linspace(0, 60e-3, 6001)
    first = np.flatnonzero([above(t) > 0 for t in grid])[0]
    return brentq(above, grid[first - 1], grid[first])


def test_spike_times_converge_to_the_solution_with_order_one() -> None:
    rng = np.random.default_rng(4)
    n_samples, n_in = 40, 8
    step = rng.integers(0, 30, (n_samples, n_in))
    weight = rng.uniform(0.3, 0.6, (1, n_in))
    layer = Layer(weight, TAU_MEM, TAU_SYN, 4.0, 1.0)
    sample, unit = np.divmod(np.arange(n_samples * n_in), n_in)
    inputs = InputSpikes(step.ravel() * DT, unit, sample, n_samples)
    truth = np.array([true_first_spike_s(row * DT, weight[0], 4.0) for row in step])
    errors = []
    for refinement in (1, 10, 100):
        run = run_chain(Chain((layer,), DT, 0.0, 0.0), inputs, 60, DT / refinement, "exact")
        first = np.full(n_samples, np.inf)
        np.minimum.at(first, run.spikes[0].sample, run.spikes[0].time_s)
        assert ((first >= truth - 1e-12) & (first <= truth + DT / refinement + 1e-12)).all()
        errors.append(np.mean(first - truth))
    np.testing.assert_allclose(np.array(errors[:-1]) / errors[1:], 10, rtol=0.3)


def test_a_substitute_fires_as_it_does_alone_under_the_same_current() -> None:
    """A synapse of infinite memory makes a constant current."""
    squid = HodgkinHuxley().model()
    layer = Layer(np.ones((1, 1)), TAU_MEM, 1e6, 3.0, 2.0)
    inputs = InputSpikes(np.array([0.0]), np.array([0]), np.array([0]), 1)
    dt = DT / 50
    found = run_chain(
        Chain((layer,), DT, 0.0, 0.0), inputs, 60, dt, "exact",
        substitute=Substitute(squid, offset=0.02, gain=0.1, largest_drive=2.0),
    ).spikes[0].time_s  # fmt: skip
    alone = simulate(squid, [0.02 + 0.1 * 3 / 2], dt_s=dt, duration_s=60e-3, target="numpy")
    assert len(found) > 3
    # The current sets in one step later here, before which the offset alone acts.
    np.testing.assert_allclose(found, alone.spike_time_s[: len(found)], atol=2e-4)


def test_a_step_that_does_not_divide_is_refused() -> None:
    network = chain([np.ones((2, 5)), np.ones((1, 2))])
    inputs, raster = random_input(np.random.default_rng(0))
    with pytest.raises(ValueError, match="must divide"):
        run_chain(network, inputs, len(raster), DT / 2.5)
