"""NIR graphs of several tools become chains, or are refused by name."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
import time
from pathlib import Path

import nir
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosim.chain import (
    Chain,
    ChainRecording,
    Conventions,
    InputSpikes,
    Preset,
    read_chain,
    run_chain,
)
from biosim.chain.conventions import norse, settled, snntorch

DT, TAU_MEM, TAU_SYN = 1e-3, 10e-3, 5e-3
DATA = Path(__file__).parent / "data"
METADATA = {
    "dt_s": DT,
    "time_unit": "s",
    "step_order": "fire_first",
    "reset": "zero",
    "threshold_strict": True,
    "input_delay_steps": 1,
    "recurrent_delay_steps": 2,
    "reset_hold_steps": 1,
}


def neuron(kind=nir.CubaLIF, n: int = 2, **changes) -> nir.NIRNode:
    full = {"tau_mem": TAU_MEM, "tau_syn": TAU_SYN, "r": 2.0, "v_leak": 0.0, "w_in": TAU_SYN}
    full |= {"v_threshold": 1.0, "v_reset": 0.0} if kind is nir.CubaLIF else {}
    return kind(**{key: np.ones(n) * value for key, value in (full | changes).items()})


def graph(metadata=METADATA, edges=(), without=(), **nodes) -> nir.NIRGraph:
    parts = {
        "input": nir.Input(np.array([3])),
        "first": nir.Linear(np.ones((2, 3))),
        "lif": neuron(),
        "second": nir.Linear(np.ones((2, 2))),
        "readout": neuron(nir.CubaLI),
        "output": nir.Output(np.array([2])),
    } | nodes
    names = [name for name in parts if name not in ("own", "back", "other")]
    chain = [edge for edge in itertools.pairwise(names) if edge not in without]
    return nir.NIRGraph(parts, [*chain, *edges], metadata=metadata, type_check=False)


def recurrent(weight=((0.0, 0.5), (0.25, 0.0)), **changes) -> nir.NIRGraph:
    edges = [("lif", "own"), ("own", "lif")]
    return graph(own=nir.Linear(np.array(weight)), edges=edges, **changes)


def test_a_graph_becomes_layers_with_times_in_seconds() -> None:
    found = read_chain(graph(lif=neuron(w_in=3 * TAU_SYN, tau_mem=np.array([0.01, 0.02]))))
    lif, readout = found.layers
    np.testing.assert_allclose(lif.weight, 3 * np.ones((2, 3)))
    np.testing.assert_allclose(lif.tau_mem_s, [0.01, 0.02])
    assert readout.threshold is None
    assert (found.dt_s, found.delay_s, found.hold_s) == (DT, DT, DT)
    assert (found.order, found.reset, found.strict) == ("fire_first", "zero", True)


@pytest.mark.parametrize(
    ("order", "steps", "delay"), [("fire_first", 2, 2), ("integrate_first", 1, 0)]
)
def test_recurrent_weights_keep_their_delay(order, steps, delay) -> None:
    """Brian2's membrane follows its current a step later in both orders: `biosim.chain.network`."""
    metadata = METADATA | {"step_order": order, "recurrent_delay_steps": steps}
    found = read_chain(recurrent(metadata=metadata))
    np.testing.assert_allclose(found.layers[0].recurrent, [[0.0, 0.5], [0.25, 0.0]])
    assert found.recurrent_delay_s == pytest.approx(delay * DT)


def test_a_graph_within_the_graph_is_opened() -> None:
    inner = nir.NIRGraph(
        {
            "in": nir.Input(np.array([2])), "lif": neuron(), "out": nir.Output(np.array([2])),
            "own": nir.Linear(np.array([[0.0, 0.5], [0.25, 0.0]])),
        },
        [("in", "lif"), ("lif", "own"), ("own", "lif"), ("lif", "out")],
    )  # fmt: skip
    flat, nested = read_chain(recurrent()), read_chain(graph(lif=inner))
    np.testing.assert_array_equal(flat.layers[0].recurrent, nested.layers[0].recurrent)
    assert len(nested.layers) == 2


@given(st.floats(1.5e-4, 1.0), st.floats(1.5e-4, 1.0))
def test_euler_decays_are_kept_step_by_step(tau_mem, tau_syn) -> None:
    lif, readout = (
        neuron(tau_mem=tau_mem, tau_syn=tau_syn, r=tau_mem / 1e-4),
        neuron(nir.CubaLI, r=100.0),
    )
    found = read_chain(graph(lif=lif, readout=readout), snntorch("subtract"))
    decay = np.exp(-1e-4 / np.array([found.layers[0].tau_mem_s, found.layers[0].tau_syn_s]))
    np.testing.assert_allclose(decay[:, 0], 1 - 1e-4 / np.array([tau_mem, tau_syn]), rtol=1e-9)


@pytest.mark.parametrize(
    ("spike", "jump"),
    [
        ("dirac", 0.7 / TAU_SYN),
        ("step", 0.7 * (1 - np.exp(-DT / TAU_SYN))),
        ("jump", 0.7),
    ],
)
def test_what_a_spike_is_decides_how_far_the_current_jumps(spike, jump) -> None:
    found = read_chain(graph(lif=neuron(w_in=0.7)), Conventions(DT, spike=spike))
    np.testing.assert_allclose(found.layers[0].weight, jump)


REFUSED = [
    (graph(metadata={}), "metadata lack 'time_unit'.*conventions="),
    (graph(metadata={k: v for k, v in METADATA.items() if k != "dt_s"}), "metadata lack 'dt_s'"),
    (graph(metadata=METADATA | {"reset": "none"}), "reset = 'none'; allowed: zero, subtract"),
    (graph(metadata=METADATA | {"step_order": "last"}), "order = 'last'; allowed"),
    (graph(metadata=METADATA | {"time_unit": "ms"}), "time_unit"),
    (graph(metadata=METADATA | {"dt_s": -1.0}), "dt_s must be positive"),
    (graph(metadata=METADATA | {"input_delay_steps": -1}), "must not be negative"),
    (graph(first=nir.Linear(np.full((2, 3), np.nan))), "'first' are not all finite"),
    (recurrent(weight=((0, np.inf), (0, 0))), "'own' are not all finite"),
    (graph(lif=neuron(r=np.nan)), "'lif': r is not finite"),
    (graph(first=nir.Linear(np.ones((4, 3)))), "'lif': v_leak has 2 values for 4 neurons"),
    (graph(first=nir.Linear(np.ones((2, 3, 1)))), "'first' are .2, 3, 1.; expected"),
    (graph(second=nir.Linear(np.ones((2, 5)))), "do not fit 2 neurons"),
    (recurrent(weight=np.ones((2, 3))), "'own' are .2, 3. for 2 neurons"),
    (graph(lif=neuron(v_leak=0.5)), "'lif': v_leak other than 0"),
    (graph(lif=neuron(v_reset=-0.5)), "'lif': v_reset other than 0"),
    (graph(lif=neuron(tau_mem=-0.01)), "'lif': tau_mem must be above 0 s"),
    (graph(lif=nir.Threshold(np.ones(2))), "'lif' is Threshold; supported: Linear, Affine"),
    (graph(first=nir.Conv1d(3, np.ones((2, 3, 1)), 1, 0, 1, 1, np.ones(2))), "'first' is Conv1d"),
    (graph(edges=[("lif", "lif")]), "edge 'lif' -> 'lif' has no weights"),
    (graph(edges=[("lif", "first")]), r"'first' has several inputs: \['input', 'lif'\]"),
    (
        graph(edges=[("lif", "other"), ("other", "readout")], other=nir.Linear(np.ones((2, 2)))),
        "'lif' feeds several nodes: 'second', 'other'",
    ),
    (
        graph(
            readout=neuron(),
            back=nir.Linear(np.ones((2, 2))),
            edges=[("readout", "back"), ("back", "lif")],
        ),
        "'back' feeds back to 'lif', an earlier layer",
    ),
    (
        graph(
            own=nir.Linear(np.ones((2, 2))),
            other=nir.Linear(np.ones((2, 2))),
            edges=[("own", "other"), ("other", "own"), ("own", "lif")],
        ),
        "'own', 'other' form a cycle without delay",
    ),
    (recurrent(metadata=METADATA | {"recurrent_delay_steps": 0}), "a cycle without delay"),
    (graph(lif=neuron(nir.CubaLI)), "does not fire .* must be the last"),
    (graph(without=[("lif", "second")]), "not reached: .'readout', 'second'."),
    (graph(other=nir.Input(np.array([3]))), "expected one Input node, found 2"),
]  # fmt: skip


@pytest.mark.parametrize(("bad", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_what_cannot_be_expressed_is_refused_by_name(bad: nir.NIRGraph, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_chain(bad)


def test_time_constants_in_another_unit_are_noticed() -> None:
    """Norse's exporter multiplies time constants by dt: read as they are they undercut the step."""
    with pytest.raises(ValueError, match=r"tau_syn must be above 0.001 s.*unit of time is 1 s"):
        read_chain(graph(lif=neuron(tau_syn=1e-5)), Conventions(DT, decay="euler"))
    scaled = neuron(tau_syn=1e-5, tau_mem=2e-5), neuron(nir.CubaLI, tau_syn=1e-5, tau_mem=2e-5)
    found = read_chain(graph(lif=scaled[0], readout=scaled[1]), norse(DT, "1.1.0"))
    assert found.layers[0].tau_syn_s == pytest.approx(-1e-3 / np.log(0.9))


FOREIGN = {
    "snntorch_synaptic": snntorch("subtract"),
    "snntorch_zero": snntorch(reset="zero"),
    "snntorch_leaky": snntorch("subtract"),
    "snntorch_recurrent": snntorch("subtract"),
    "norse_lif": norse(DT, "1.1.0"),
}


def run_foreign(folder: Path, name: str, conventions: Conventions | Preset) -> tuple[list, list]:
    """Return rasters [T, B, N] of each layer: the tool's own, and those that Brian2 makes."""
    chain = read_chain(nir.read(folder / f"{name}.nir"), conventions)
    with np.load(folder / f"{name}.npz") as archive:
        expected = [archive[key] for key in sorted(archive.files) if key.startswith("layer")]
        step, sample, unit = np.nonzero(archive["input"])
    inputs = InputSpikes(step * chain.dt_s, unit, sample, expected[0].shape[1])
    run = run_chain(chain, inputs, len(expected[0]))
    return expected, rasters(chain, run, expected)


def rasters(chain: Chain, run: ChainRecording, like: list) -> list:
    found = [np.zeros_like(layer) for layer in like]
    for raster, spikes in zip(found, run.spikes, strict=True):
        raster[np.round(spikes.time_s / chain.dt_s).astype(int), spikes.sample, spikes.unit] = 1
    return found


@pytest.mark.parametrize("name", FOREIGN)
def test_a_graph_that_another_tool_wrote_gives_that_tools_own_spikes(name) -> None:
    expected, found = run_foreign(DATA, name, FOREIGN[name])
    assert [layer.sum() > 1000 for layer in expected] == [True, True]
    for theirs, ours in zip(expected, found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("snntorch_synaptic", {"reset": "zero"}),
        ("snntorch_recurrent", {"spike": "jump"}),
        ("norse_lif", {"hold_steps": 1}),
    ],
)
def test_read_with_other_conventions_it_does_not(name, wrong) -> None:
    """Negative controls: the reset, the meaning of a spike, the hold after a spike."""
    right = settled(FOREIGN[name], {}, nir.read(DATA / f"{name}.nir").nodes)
    expected, found = run_foreign(DATA, name, dataclasses.replace(right, **wrong))
    same = sum((a & b).sum() for a, b in zip(expected, found, strict=True))
    assert 2 * same / sum(a.sum() + b.sum() for a, b in zip(expected, found, strict=True)) < 0.9


@pytest.mark.slow
def test_the_exporters_still_write_such_graphs(tmp_path) -> None:
    for package in ("snntorch", "norse", "nirtorch"):
        pytest.importorskip(package)
    script = DATA / "export_foreign_graphs.py"
    subprocess.run([sys.executable, "-W", "ignore", script, tmp_path], check=True)
    for name, conventions in FOREIGN.items():
        for theirs, ours in zip(*run_foreign(tmp_path, name, conventions), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def parallel(kind, layers):
    """Return a graph of two nodes a layer, each connected to both of the next one."""
    nodes = {"input": nir.Input(np.ones(1, int)), "output": nir.Output(np.ones(1, int))}
    nodes |= {f"{side}{k}": kind() for k in range(layers) for side in "ab"}
    edges = [("input", "a0"), ("input", "b0")]
    edges += [(f"{s}{k}", f"{t}{k + 1}") for k in range(layers - 1) for s in "ab" for t in "ab"]
    edges += [(f"{side}{layers - 1}", "output") for side in "ab"]
    return nir.NIRGraph(nodes, edges, type_check=False)


@pytest.mark.parametrize(
    "kind",
    [
        lambda: nir.Linear(np.ones((1, 1))),
        lambda: nir.Flatten({"input": np.ones(1, int)}, 0, -1),
    ],
    ids=["Linear", "Flatten"],
)
def test_parallel_paths_are_refused_in_time_in_proportion_to_the_graph(kind):
    started = time.perf_counter()
    with pytest.raises(ValueError, match="several"):
        read_chain(parallel(kind, 2000), snntorch())
    assert time.perf_counter() - started < 5


def test_a_long_chain_of_weights_and_a_long_cycle_of_them_need_no_recursion():
    nodes = {"input": nir.Input(np.ones(1, int))}
    nodes |= {f"w{k}": nir.Linear(np.ones((1, 1))) for k in range(3000)}
    edges = [("input", "w0"), *((f"w{k}", f"w{k + 1}") for k in range(2999))]
    with pytest.raises(ValueError, match="must feed one population"):
        read_chain(nir.NIRGraph(nodes, edges, type_check=False), snntorch())
    with pytest.raises(ValueError, match="form a cycle without delay"):
        read_chain(nir.NIRGraph(nodes, [*edges, ("w2999", "w7")], type_check=False), snntorch())


def test_graphs_within_graphs_have_a_limit():
    nested = graph()
    for _ in range(100):
        nodes = {"input": nir.Input(np.ones(1)), "g": nested, "output": nir.Output(np.ones(1))}
        nested = nir.NIRGraph(nodes, [("input", "g"), ("g", "output")], type_check=False)
    with pytest.raises(ValueError, match="lies deeper than"):
        read_chain(nested, snntorch())


def test_nodes_that_pass_on_in_a_circle_and_wires_to_nowhere_are_refused():
    flat = nir.Flatten({"input": np.ones(1, int)}, 0, -1)
    nodes = {"input": nir.Input(np.ones(1, int)), "f": flat, "g": flat}
    circle = [("input", "f"), ("f", "g"), ("g", "f")]
    with pytest.raises(ValueError, match="cycle without delay"):
        read_chain(nir.NIRGraph(nodes, circle, type_check=False), snntorch())
    with pytest.raises(ValueError, match="joins a node that is not there"):
        read_chain(nir.NIRGraph(nodes, [("input", "x")], type_check=False), snntorch())


def one_neuron(tau: float, r: float = 1.0) -> nir.NIRGraph:
    """A graph as tools write it: one LIF neuron, no metadata."""
    one = np.ones(1)
    lif = nir.LIF(tau=tau * one, r=r * one, v_leak=0 * one, v_threshold=0.1 * one, v_reset=0 * one)
    nodes = {"in": nir.Input(one), "w": nir.Linear(np.eye(1)), "lif": lif, "out": nir.Output(one)}
    edges = [("in", "w"), ("w", "lif"), ("lif", "out")]
    return nir.NIRGraph(nodes, edges, type_check=False)


@pytest.mark.parametrize(
    ("read", "preset", "reason"),
    [
        (one_neuron(2.5e-3), norse(1e-4), "tell neither the step nor the release"),
        (one_neuron(2.5e-3), norse(release="1.1.0"), "tell neither the step nor the release"),
        (one_neuron(2.5e-3), norse(1e-4, "1.1.0"), "longer than a second if Norse 1.1.0"),
        (one_neuron(2.5e-7), norse(1e-4, "1.0.0"), "tau must be above 0.0001 s"),
        (one_neuron(2.5e-3, 25.0), snntorch(), "do not tell the reset"),
        (one_neuron(2.5e-3, 25.0), snntorch("zero", dt_s=1e-3), "the graph's step is 0.0001 s"),
        (graph(lif=neuron(r=3.0)), snntorch("zero"), "snnTorch did not write this graph"),
    ],
)
def test_a_preset_asks_what_no_file_tells_and_refuses_other_files(read, preset, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        read_chain(read, preset)


def test_a_preset_reads_the_file_of_its_version() -> None:
    for read, preset in (
        (one_neuron(2.5e-3), norse(1e-4, "1.0.0")),
        (one_neuron(2.5e-7), norse(1e-4, "1.1.0")),
        (one_neuron(2.5e-3, 25.0), snntorch("zero")),
    ):
        chain = read_chain(read, preset)
        assert chain.dt_s == 1e-4
        assert chain.layers[0].tau_mem_s[0] == pytest.approx(-1e-4 / np.log(1 - 1e-4 / 2.5e-3))


def test_a_graph_that_holds_another_twice_at_every_depth_is_refused_in_no_time() -> None:
    inner = one_neuron(2.5e-3)
    for _ in range(24):
        nodes = {"in": nir.Input(np.ones(1)), "g": inner, "h": inner, "out": nir.Output(np.ones(1))}
        inner = nir.NIRGraph(nodes, [("in", "g"), ("g", "out")], type_check=False)
    with pytest.raises(ValueError, match="more than 10000 nodes"):
        read_chain(inner, Conventions(DT))
