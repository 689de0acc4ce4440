import contextlib
import io
import math
import time

import h5py
import nir
import numpy as np
import pytest
import torch

from gradsim.network import NetworkConfig, SpikingNetwork
from gradsim.neurons import Adaptation, LIFParameters, snntorch
from gradsim.surrogate import Surrogate, superspike, triangle
from gradsim.to_nir import from_bytes, from_nir, to_bytes, to_nir

VARIANTS = [
    {},
    {"hidden": (7, 6), "recurrent": True},
    {
        "neuron": LIFParameters(
            tau_mem_s=23e-3,
            tau_syn_s=7e-3,
            dt_s=0.5e-3,
            gain="one_minus_beta",
            threshold=0.1,
            reset="subtract",
            detach_reset=False,
            surrogate=triangle(0.4, 2.0),
        )
    },
    {"hidden": (7, 6), "recurrent": True, "neuron": snntorch()},
    {"neuron": LIFParameters(strict=False, order="integrate_first")},
    {"hidden": (7, 6), "per_neuron": True},
    {"hidden": (7, 6), "per_neuron": True, "learned": True, "recurrent": True},
    {"learned": True},
]
NAMES = [
    "default",
    "deep recurrent",
    "other neurons",
    "integrates first",
    "not strict",
    "constants of each neuron",
    "learned constants of each neuron",
    "learned shared constants",
]


def network(dtype=torch.float32, **settings):
    config = NetworkConfig(**({"n_in": 5, "hidden": (8,), "n_out": 3} | settings))
    scaled = SpikingNetwork(config, torch.Generator().manual_seed(1)).to(dtype)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, value in [*scaled.named_parameters(), *scaled.named_buffers()]:
            if "log_tau" in name:
                value += 0.3 * torch.randn(value.shape, generator=generator)
            else:
                value *= 3
    return scaled


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("settings", VARIANTS, ids=NAMES)
def test_a_network_read_from_its_file_gives_equal_outputs(settings, dtype):
    original = network(dtype, **settings)
    read = from_bytes(to_bytes(original))
    x = (torch.rand(30, 4, 5, generator=torch.Generator().manual_seed(2)) < 0.3).to(dtype)
    expected, found = original(x), read(x)
    assert read.config.neuron == original.config.neuron
    assert read.config.learned == original.config.learned
    # Logarithms of time constants in float64 may differ in their last bit.
    last_bit = dtype == torch.float64 and {"per_neuron", "learned"} & settings.keys()
    tolerance = 1e-13 if last_bit else 0
    assert torch.allclose(found.readout, expected.readout, rtol=tolerance, atol=tolerance)
    assert all(map(torch.equal, found.spikes, expected.spikes))
    assert expected.spikes[-1].sum() > 0


def test_the_graph_says_in_continuous_time_what_the_network_does_in_steps():
    graph = to_nir(network())
    lif, readout = graph.nodes["lif_0"], graph.nodes["readout"]
    assert isinstance(lif, nir.CubaLIF)
    assert isinstance(readout, nir.CubaLI)
    assert np.allclose(lif.tau_mem, 10e-3)
    assert np.array_equal(lif.w_in, lif.tau_syn)  # a Dirac pulse makes I jump by the weight
    assert np.allclose(lif.r, 1 / (1 - math.exp(-0.1)))  # current held for dt adds 1 to v
    assert graph.nodes["linear_0"].weight.shape == (8, 5)
    assert set(graph.edges) == {
        ("input", "linear_0"),
        ("linear_0", "lif_0"),
        ("lif_0", "linear_readout"),
        ("linear_readout", "readout"),
        ("readout", "output"),
    }


def test_the_conventions_survive_the_file(tmp_path):
    path = tmp_path / "network.nir"
    path.write_bytes(to_bytes(network()))
    metadata = nir.read(path).metadata
    surrogate = metadata.pop("surrogate")
    assert metadata == {
        "dt_s": 1e-3,
        "time_unit": "s",
        "step_order": "fire_first",
        "reset": "zero",
        "gain": "one",
        "threshold_strict": True,
        "input_delay_steps": 1,
        "recurrent_delay_steps": 2,
        "reset_hold_steps": 1,
        "tau_mem_s": 10e-3,
        "tau_syn_s": 5e-3,
        "per_neuron": False,
        "learned": False,
        "detach_reset": True,
    }
    assert surrogate == '{"name": "superspike", "parameters": [100.0]}'


def damage_node(name, key, value):
    def change(graph):
        getattr(graph.nodes[name], key)[0] = value

    return change


def widen(name):
    def change(graph):
        graph.nodes[name].weight = np.ones((3, 9))

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda graph: graph.metadata.clear(), "lacks 'tau_mem_s'"),
        (lambda graph: graph.metadata.update(step_order="norse"), "order must be 'fire_first' or"),
        (lambda graph: graph.metadata.update(time_unit="ms"), "time_unit must be 's'"),
        (lambda graph: graph.metadata.update(dt_s=2e-3), "node lif_0: r cannot be"),
        (lambda graph: graph.metadata.update(input_delay_steps=0), "input_delay_steps must be 1"),
        (damage_node("linear_0", "weight", np.nan), "weights of 'linear_0' are not all finite"),
        (widen("linear_readout"), "layers do not fit each other"),
        (damage_node("lif_0", "v_leak", -0.5), "node lif_0: v_leak"),
        (damage_node("lif_0", "tau_mem", 11e-3), "node lif_0: tau_mem"),
        (damage_node("readout", "w_in", 1.0), "node readout: w_in"),
        (lambda graph: graph.nodes.pop("linear_readout"), "lacks 'linear_readout'"),
        (lambda graph: graph.edges.append(("linear_0", "lif_0x")), "edges at fault"),
    ],
)
def test_a_graph_that_this_network_cannot_be_is_refused(change, message):
    graph = to_nir(network())
    change(graph)
    with pytest.raises(ValueError, match=message):
        from_nir(graph)


def test_each_neuron_keeps_its_own_time_constants_in_the_graph():
    original = network(per_neuron=True)
    node = to_nir(original).nodes["lif_0"]
    _, beta = original.hidden[0].time_constants()
    assert np.ptp(node.tau_mem) > 0
    np.testing.assert_allclose(np.exp(-1e-3 / node.tau_mem), beta.numpy(), rtol=1e-6)
    np.testing.assert_allclose(node.r, 1 / (1 - beta.numpy()), rtol=1e-5)


def test_where_the_neuron_integrates_first_spikes_act_a_step_earlier():
    metadata = to_nir(network(neuron=snntorch())).metadata
    assert (metadata["input_delay_steps"], metadata["recurrent_delay_steps"]) == (0, 1)
    assert (metadata["reset"], metadata["reset_hold_steps"]) == ("subtract", 0)


def test_an_adaptive_threshold_is_refused_by_name():
    adaptive = network(neuron=LIFParameters(adaptation=Adaptation()))
    with pytest.raises(ValueError, match="no adaptive threshold"):
        to_nir(adaptive)


def test_a_surrogate_without_a_name_cannot_be_read_back():
    own = network(neuron=LIFParameters(surrogate=Surrogate("own", torch.ones_like)))
    with pytest.raises(ValueError, match="'own'"):
        from_bytes(to_bytes(own))
    assert from_bytes(to_bytes(network())).config.neuron.surrogate == superspike()


def steep(x, slope):
    return torch.exp(-slope * x.abs())


def test_a_surrogate_of_ones_own_is_never_taken_for_one_of_the_same_name():
    own = Surrogate("superspike", steep, (100.0,))
    graph = to_nir(network(neuron=LIFParameters(surrogate=own)))
    with pytest.raises(ValueError, match=r"'superspike' is none of .*; hand yours"):
        from_nir(graph)
    assert from_nir(graph, own).config.neuron.surrogate is own


@pytest.mark.parametrize(
    "text", ["", "[" * 10**5, "[]", '{"name": "triangle", "parameters": ["x"]}', "null", b"\xff", 3]
)
def test_a_surrogate_that_is_none_is_refused(text):
    graph = to_nir(network())
    graph.metadata["surrogate"] = text
    with pytest.raises(ValueError, match=r"surrogate|not a graph of this package"):
        from_nir(graph)


def test_sizes_are_looked_at_before_a_network_of_that_size_is_made():
    graph = to_nir(network(hidden=(8,), recurrent=True))
    n = 2_000_000  # recurrent weights of that size would take 16 TB
    graph.nodes["linear_0"].weight = np.ones((n, 1), np.float32)
    with pytest.raises(ValueError, match="layers do not fit each other"):
        from_nir(graph)


def test_nodes_that_are_connected_to_nothing_are_refused():
    graph = to_nir(network())
    graph.nodes["stray"] = nir.Linear(np.ones((2, 2), np.float32))
    with pytest.raises(ValueError, match=r"nodes at fault: \['stray'"):
        from_nir(graph)


def test_a_long_chain_takes_time_in_proportion():
    seconds = []
    for n in (100, 400):
        graph = to_nir(SpikingNetwork(NetworkConfig(1, (1,) * n, 1), torch.Generator()))
        started = time.perf_counter()
        from_nir(graph)
        seconds.append(time.perf_counter() - started)
    assert seconds[1] < 12 * seconds[0] + 0.5


def changed(change):
    """Return the content of a file after a change to it as HDF5."""
    buffer = io.BytesIO(to_bytes(network()))
    with h5py.File(buffer, "r+") as file:
        change(file)
    return buffer.getvalue()


def nested(file):
    group = file["node"]
    for _ in range(500):
        group = group.create_group("nodes_of_nodes")


def filled(file):
    file["node"].create_dataset("zeros", (2**40,), np.uint8, chunks=(2**20,), compression="gzip")


def outside(file):
    file["node"].create_dataset("x", (4,), np.uint8, external=[("/etc/hostname", 0, 4)])


def virtual(file):
    layout = h5py.VirtualLayout(shape=(4,), dtype=np.uint8)
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", shape=(4,))
    file["node"].create_virtual_dataset("x", layout)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (nested, "deeper than"),
        (filled, "bytes"),
        (outside, "does not lie in the file"),
        (virtual, "does not lie in the file"),
        (lambda file: file["node"].__setitem__("again", file["node"]), "occurs twice"),
        (lambda file: file.__setitem__("x", h5py.SoftLink("/node")), "link to somewhere else"),
        (lambda file: file.__setitem__("x", h5py.ExternalLink("a.nir", "/")), "link to somewhere"),
        (lambda file: file.__delitem__("node"), "KeyError"),
        (lambda file: file["node"].create_dataset("x", data=np.zeros(2, [("a", "f4")])), "holds"),
        (lambda file: file["node/nodes/lif_0"].__delitem__("tau_mem"), "not a readable .nir file"),
    ],
)
def test_a_file_that_is_more_than_a_graph_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        from_bytes(changed(change))


def test_damaged_files_are_refused_or_read_and_nothing_else_happens():
    content, rng = bytearray(to_bytes(network())), np.random.default_rng(0)
    read = 0
    for _ in range(80):
        damaged = content.copy()
        for place in rng.integers(len(content), size=rng.integers(1, 4)):
            damaged[place] ^= 1 << rng.integers(8)
        with contextlib.suppress(ValueError):
            read += isinstance(from_bytes(bytes(damaged)), SpikingNetwork)
    assert 0 < read < 80
    for length in range(0, len(content), 3989):
        with pytest.raises(ValueError, match="not a readable"):
            from_bytes(bytes(content[:length]))
