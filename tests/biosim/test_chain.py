"""NIR graphs run in Brian2 as they say, against a scalar loop, a closed form and refusals."""

from __future__ import annotations

import dataclasses
import itertools

import nir
import numpy as np
import pytest

from biosim.chain import Chain, InputSpikes, Layer, run_chain
from biosim.from_nir import read_chain

DT = 1e-3
TAU_MEM, TAU_SYN = 10e-3, 5e-3
BETA, ALPHA = np.exp(-DT / TAU_MEM), np.exp(-DT / TAU_SYN)


def chain(weights: list[np.ndarray], **changes) -> Chain:
    layers = tuple(
        Layer(weight, TAU_MEM, TAU_SYN, 1 / (1 - BETA), 1.0 if k < len(weights) - 1 else None)
        for k, weight in enumerate(weights)
    )
    return Chain(layers, **({"dt_s": DT, "delay_s": DT, "hold_s": DT} | changes))


def random_case(rng: np.random.Generator) -> tuple[Chain, InputSpikes, np.ndarray]:
    n_in, n_hidden, n_out, n_samples, n_steps = 5, 7, 3, 4, 60
    raster = rng.random((n_steps, n_samples, n_in)) < 0.1
    step, sample, unit = np.nonzero(raster)
    weights = [rng.normal(0, 1, (n_hidden, n_in)), rng.normal(0, 1, (n_out, n_hidden))]
    return chain(weights), InputSpikes(step * DT, unit, sample, n_samples), raster


def scalar_loop(network: Chain, raster: np.ndarray) -> tuple[list[tuple[int, int, int]], list]:
    """The discrete network of SpyTorch, neuron by neuron."""
    hidden, readout = network.layers
    n_steps, n_samples, _ = raster.shape
    fired, peaks = [], []
    for b in range(n_samples):
        mem, syn = [0.0] * hidden.size, [0.0] * hidden.size
        out, flt = [0.0] * readout.size, [0.0] * readout.size
        peak = [0.0] * readout.size
        for t in range(n_steps):
            spikes = [m > 1.0 for m in mem]
            fired += [(t, b, i) for i, s in enumerate(spikes) if s]
            for k in range(readout.size):
                new = BETA * out[k] + flt[k]
                drive = sum(readout.weight[k, i] for i in range(hidden.size) if spikes[i])
                flt[k] = ALPHA * flt[k] + drive
                out[k] = new
                peak[k] = max(peak[k], new)
            for i in range(hidden.size):
                new = (BETA * mem[i] + syn[i]) * (not spikes[i])
                drive = sum(hidden.weight[i, j] for j in np.flatnonzero(raster[t, b]))
                syn[i] = ALPHA * syn[i] + drive
                mem[i] = new
        peaks.append(peak)
    return fired, peaks


@pytest.mark.parametrize("seed", range(3))
def test_at_its_own_dt_the_network_is_the_discrete_one(seed: int) -> None:
    network, inputs, raster = random_case(np.random.default_rng(seed))
    run = run_chain(network, inputs, len(raster))
    fired, peaks = scalar_loop(network, raster)
    hidden = run.spikes[0]
    found = sorted(
        zip(np.round(hidden.time_s / DT).astype(int), hidden.sample, hidden.unit, strict=True)
    )
    assert len(fired) > 20
    assert found == sorted(fired)
    np.testing.assert_allclose(run.readout_peak, peaks, atol=1e-12)


def test_another_step_order_does_not_agree() -> None:
    """Negative control: without the delay the spikes come a step too early."""
    network, inputs, raster = random_case(np.random.default_rng(0))
    prompt = run_chain(dataclasses.replace(network, delay_s=0.0), inputs, len(raster)).spikes[0]
    delayed = run_chain(network, inputs, len(raster)).spikes[0]
    assert not np.array_equal(prompt.time_s, delayed.time_s)


def test_runs_in_turns_equal_one_run(monkeypatch) -> None:
    network, inputs, raster = random_case(np.random.default_rng(3))
    together = run_chain(network, inputs, len(raster))
    monkeypatch.setattr("biosim.chain.MAX_SYNAPSES", 1)
    in_turns = run_chain(network, inputs, len(raster))
    np.testing.assert_array_equal(together.readout_peak, in_turns.readout_peak)
    for run in (together, in_turns):
        assert len(run.spikes[0].time_s) > 20
    key = [
        sorted(zip(run.spikes[0].sample, run.spikes[0].unit, run.spikes[0].time_s, strict=True))
        for run in (together, in_turns)
    ]
    assert key[0] == key[1]


@pytest.mark.parametrize("refinement", [1, 4])
@pytest.mark.parametrize("tau_syn", [5e-3, 10e-3])
def test_exact_integration_gives_the_closed_form_at_any_dt(refinement, tau_syn) -> None:
    """The peak of one postsynaptic potential; for equal time constants its limit."""
    layer = Layer(np.ones((1, 1)), TAU_MEM, tau_syn, 2.0, None)
    network = Chain((layer,), DT, 0.0, 0.0)
    inputs = InputSpikes(np.array([0.0]), np.array([0]), np.array([0]), 1)
    run = run_chain(network, inputs, 40, DT / refinement, scheme="exact")
    t = np.arange(1, 40 * refinement) * DT / refinement
    potential = (
        2.0 * tau_syn / (TAU_MEM - tau_syn) * (np.exp(-t / TAU_MEM) - np.exp(-t / tau_syn))
        if tau_syn != TAU_MEM
        else 2.0 * t / TAU_MEM * np.exp(-t / TAU_MEM)
    )
    assert run.readout_peak[0, 0] == pytest.approx(potential.max(), rel=1e-9)


def test_a_step_that_does_not_divide_is_refused() -> None:
    network, inputs, raster = random_case(np.random.default_rng(0))
    with pytest.raises(ValueError, match="must divide"):
        run_chain(network, inputs, len(raster), DT / 2.5)


METADATA = {
    "dt_s": DT,
    "time_unit": "s",
    "reset": "zero",
    "threshold_strict": True,
    "input_delay_steps": 1,
    "reset_hold_steps": 1,
}


def neuron(kind=nir.CubaLIF, n: int = 2, **changes) -> nir.NIRNode:
    full = {
        "tau_mem": TAU_MEM, "tau_syn": TAU_SYN, "r": 2.0, "v_leak": 0.0, "w_in": TAU_SYN,
    } | ({"v_threshold": 1.0, "v_reset": 0.0} if kind is nir.CubaLIF else {})  # fmt: skip
    return kind(**{key: np.full(n, value) * np.ones(n) for key, value in (full | changes).items()})


def graph(metadata=METADATA, edges=(), **nodes) -> nir.NIRGraph:
    parts = {
        "input": nir.Input(np.array([3])),
        "first": nir.Linear(np.ones((2, 3))),
        "lif": neuron(),
        "second": nir.Linear(np.ones((2, 2))),
        "readout": neuron(nir.CubaLI),
        "output": nir.Output(np.array([2])),
    } | nodes
    names = list(parts)
    return nir.NIRGraph(
        parts, [*itertools.pairwise(names), *edges], metadata=metadata, type_check=False
    )


def test_a_graph_becomes_layers_with_times_in_seconds() -> None:
    found = read_chain(graph(lif=neuron(w_in=3 * TAU_SYN)))
    assert [layer.threshold for layer in found.layers] == [1.0, None]
    np.testing.assert_allclose(found.layers[0].weight, 3 * np.ones((2, 3)))
    assert (found.dt_s, found.delay_s, found.hold_s) == (DT, DT, DT)


REFUSED = [
    (graph(metadata={}), "metadata lack 'dt_s'"),
    (graph(metadata=METADATA | {"reset": "subtract"}), "reset = 'subtract'"),
    (graph(metadata=METADATA | {"time_unit": "ms"}), "time_unit"),
    (graph(metadata=METADATA | {"dt_s": -1.0}), "dt_s must be positive"),
    (graph(first=nir.Linear(np.full((2, 3), np.nan))), "'first' are not all finite"),
    (graph(first=nir.Linear(np.ones((4, 3)))), "weights of 'first' are"),
    (graph(lif=neuron(tau_mem=np.array([1e-3, 2e-3]))), "'lif': tau_mem must be one"),
    (graph(lif=neuron(v_leak=0.5)), "v_leak other than 0"),
    (graph(first=nir.Affine(np.ones((2, 3)), np.ones(2))), "'first' is Affine"),
    (graph(lif=nir.Threshold(np.ones(2))), "'lif' is Threshold"),
    (graph(edges=[("lif", "first")]), "'lif' feeds several nodes"),
    (graph(readout=neuron()), "one CubaLI readout"),
]


@pytest.mark.parametrize(("bad", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_what_cannot_be_expressed_is_refused_by_name(bad: nir.NIRGraph, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_chain(bad)
