"""Networks as NIR graphs, and back.

NIR (Pedersen et al., Nat. Commun. 15:8122 (2024), doi:10.1038/s41467-024-52259-9) states its
neurons in continuous time and without units. A layer becomes ``Linear -> CubaLIF``, with

    tau_syn dI/dt = -I + w_in S,    tau_mem dv/dt = (v_leak - v) + r I

where S is a train of Dirac pulses: ``w_in = tau_syn`` lets the current jump by the weight, and a
current held over a step adds ``(1 - beta) r I`` to the membrane, so ``r = gain / (1 - beta)``.
What NIR cannot say - the step, the unit of time, the order within a step - stands in the graph's
metadata as a flat dictionary of texts and numbers, which the file format keeps.

Guaranteed: reading takes time and memory in proportion to the graph, without recursion, and ends
with a network that says the same or with a ValueError; a surrogate is never another one of the
same name.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

import nir
import numpy as np
import torch
from torch import Tensor, nn

from gradsim import nir_file
from gradsim.layers import LIF, TAUS, Readout, TimeConstants
from gradsim.network import NetworkConfig, SpikingNetwork
from gradsim.neurons import LIFParameters
from gradsim.surrogate import SURROGATES, Surrogate, built_in

# From a spike of the input, and of the layer itself, to the current that it causes.
DELAY_STEPS = {"fire_first": (1, 2), "integrate_first": (0, 1)}
ROUNDING = 1e-6  # between time constants and their logarithms in float32


def to_nir(network: SpikingNetwork) -> nir.NIRGraph:
    """Return the network as a graph; times in seconds, conventions in ``graph.metadata``.

    Nodes are ``input``, for each hidden layer ``linear_K``, ``lif_K`` and, where it is
    recurrent, ``recurrent_K``, then ``linear_readout``, ``readout`` and ``output``. Learned time
    constants are written as the values that they have. Metadata:

    - ``dt_s``, ``time_unit`` ("s"), ``step_order`` and ``gain``: as in `gradsim.neurons`,
    - ``reset`` ("zero" or "subtract"), ``threshold_strict``,
    - ``input_delay_steps``, ``recurrent_delay_steps``: from a spike to the step whose current it
      changes; the membrane sees that current one step later where the step order is "fire_first",
    - ``reset_hold_steps``: steps for which a spike keeps the membrane at its reset value,
    - ``tau_mem_s``, ``tau_syn_s``, ``per_neuron``, ``learned``, ``detach_reset``, ``surrogate``
      (JSON; of a surrogate of one's own the name, marked as such): for training only.

    Raises
    ------
    ValueError
        If NIR cannot express the network: its thresholds adapt, or a weight is not finite.

    Examples
    --------
    >>> config = gradsim.NetworkConfig(n_in=3, hidden=(20,), n_out=2)
    >>> graph = gradsim.to_nir(gradsim.SpikingNetwork(config, torch.Generator().manual_seed(0)))
    >>> sorted(graph.nodes)
    ['input', 'lif_0', 'linear_0', 'linear_readout', 'output', 'readout']
    >>> graph.metadata["step_order"], graph.metadata["dt_s"]
    ('fire_first', 0.001)
    """
    config = network.config
    if config.neuron.adaptation is not None:
        raise ValueError("NIR has no adaptive threshold; only networks without adaptation cross")
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input(np.array([config.n_in]))}
    edges, last = [], "input"
    for k, layer in enumerate(cast("Iterable[LIF]", network.hidden)):
        nodes[f"linear_{k}"] = _linear(f"linear_{k}", layer.weight)
        nodes[f"lif_{k}"] = _cuba_lif(layer)
        edges += [(last, f"linear_{k}"), (f"linear_{k}", f"lif_{k}")]
        if layer.recurrent is not None:
            nodes[f"recurrent_{k}"] = _linear(f"recurrent_{k}", layer.recurrent)
            edges += [(f"lif_{k}", f"recurrent_{k}"), (f"recurrent_{k}", f"lif_{k}")]
        last = f"lif_{k}"
    nodes["linear_readout"] = _linear("linear_readout", network.readout.weight)
    nodes["readout"] = nir.CubaLI(**_integrator(network.readout))
    nodes["output"] = nir.Output(np.array([config.n_out]))
    edges += [(last, "linear_readout"), ("linear_readout", "readout"), ("readout", "output")]
    return nir.NIRGraph(nodes, edges, metadata=_conventions(config))


def from_nir(graph: nir.NIRGraph, surrogate: Surrogate | None = None) -> SpikingNetwork:
    """Return the network of a graph that `to_nir` wrote, equal in outputs.

    Bit by bit in float32, and in float64 where time constants are shared: their logarithms may
    differ in the last bit. The initial scale of weights is no part of a graph.

    Parameters
    ----------
    graph
        As `to_nir` returns it.
    surrogate
        In place of the graph's; necessary where that is none of `gradsim.surrogate`.

    Raises
    ------
    ValueError
        If the graph says anything that this network cannot: other nodes or edges, thresholds
        that differ, conventions that are absent or not those of `gradsim.neurons`, weights that
        are not finite, a surrogate of somebody's own that is not given.

    Examples
    --------
    >>> config = gradsim.NetworkConfig(n_in=3, hidden=(20,), n_out=2)
    >>> network = gradsim.SpikingNetwork(config, torch.Generator().manual_seed(0))
    >>> again = gradsim.from_nir(gradsim.to_nir(network))
    >>> torch.equal(again.readout.weight, network.readout.weight)
    True
    """
    try:
        network = _network(graph, surrogate)
        _require_same(graph, to_nir(network), () if surrogate is None else ("surrogate",))
    except (KeyError, AttributeError, TypeError, IndexError, OverflowError) as error:
        raise ValueError(f"not a graph of this package: lacks {error}") from None
    return network


def _network(graph: nir.NIRGraph, surrogate: Surrogate | None) -> SpikingNetwork:
    n_hidden = sum(isinstance(node, nir.CubaLIF) for node in graph.nodes.values())
    neuron = _neuron(graph.nodes["lif_0"], graph.metadata, surrogate)
    constants = {key: bool(graph.metadata[key]) for key in ("per_neuron", "learned")}
    weights = [_weights(graph, name) for name in (*_names("linear", n_hidden), "linear_readout")]
    neurons = [graph.nodes[name] for name in (*_names("lif", n_hidden), "readout")]
    recurrent = [
        _weights(graph, name)
        for name in _names("recurrent", n_hidden)
        if "recurrent_0" in graph.nodes
    ]
    sizes = [weights[0].shape[1], *(len(weight) for weight in weights)]
    _require_sizes(sizes, weights, recurrent, neurons)
    config = NetworkConfig(
        n_in=sizes[0],
        hidden=tuple(sizes[1:-1]),
        n_out=sizes[-1],
        neuron=neuron,
        recurrent=bool(recurrent),
        **constants,
    )
    network = SpikingNetwork(config, torch.Generator())
    layers: list[nn.Module] = [*network.hidden, network.readout]
    for layer, weight, node in zip(layers, weights, neurons, strict=True):
        layer.weight = nn.Parameter(torch.tensor(weight))
        _set_taus(cast(TimeConstants, layer.time_constants), node, layer.weight.dtype)
    for layer, weight in zip(network.hidden, recurrent, strict=False):
        layer.recurrent = nn.Parameter(torch.tensor(weight))
    return network


def _names(kind: str, n_hidden: int) -> list[str]:
    return [f"{kind}_{k}" for k in range(n_hidden)]


def _weights(graph: nir.NIRGraph, name: str) -> np.ndarray:
    weight = np.asarray(graph.nodes[name].weight)
    if weight.ndim != 2 or weight.dtype not in (np.float32, np.float64):
        raise ValueError(
            f"weights of {name!r} must be [out, in], float32 or float64, not {weight.dtype} "
            f"{list(weight.shape)}"
        )
    return weight.astype(weight.dtype.newbyteorder("="))


def _require_sizes(
    sizes: list[int],
    weights: list[np.ndarray],
    recurrent: list[np.ndarray],
    neurons: list[nir.NIRNode],
) -> None:
    """Refuse layers that do not fit each other, before a network of their size is made."""
    shapes = [weight.shape for weight in weights]
    own = [weight.shape for weight in recurrent]
    taus = [np.shape(node.tau_mem) + np.shape(node.tau_syn) for node in neurons]
    if (
        shapes != list(zip(sizes[1:], sizes[:-1], strict=True))
        or (own and own != [(n, n) for n in sizes[1:-1]])
        or taus != [(n, n) for n in sizes[1:]]
    ):
        raise ValueError(
            f"layers do not fit each other: weights {shapes}, recurrent weights {own}, time "
            f"constants of membranes and currents {taus}"
        )


def to_bytes(network: SpikingNetwork) -> bytes:
    """Return the network as the content of a ``.nir`` file; errors as for `to_nir`."""
    buffer = io.BytesIO()
    nir.write(buffer, to_nir(network))
    return buffer.getvalue()


def from_bytes(content: bytes) -> SpikingNetwork:
    """Return the network in the content of a ``.nir`` file; errors as for `from_nir`."""
    return from_nir(nir_file.read(content))


def _linear(name: str, weight: Tensor) -> nir.Linear:
    values = weight.detach().cpu().numpy().copy()
    if not np.isfinite(values).all():
        raise ValueError(f"weights of {name!r} are not all finite")
    return nir.Linear(values)


def _taus(layer: LIF | Readout) -> dict[str, np.ndarray]:
    """Return the time constants of each neuron, float64 ``[N]`` in seconds."""
    constants, n = layer.time_constants, len(layer.weight)
    if constants.fixed_and_shared:
        return {name: np.full(n, getattr(layer.neuron, name)) for name in TAUS}
    logs = {name: getattr(constants, f"log_{name}").detach().cpu().double() for name in TAUS}
    return {name: np.full(n, np.exp(log.numpy())) for name, log in logs.items()}


def _set_taus(constants: TimeConstants, node: nir.NIRNode, dtype: torch.dtype) -> None:
    if constants.fixed_and_shared:
        return
    for name, values in (("tau_mem_s", node.tau_mem), ("tau_syn_s", node.tau_syn)):
        log = getattr(constants, f"log_{name}")
        with torch.no_grad():
            log.data = torch.from_numpy(np.log(values)).to(dtype)[: log.numel()].view(log.shape)


def _integrator(layer: LIF | Readout) -> dict[str, np.ndarray]:
    taus = _taus(layer)
    held = 1 - np.exp(-layer.neuron.dt_s / taus["tau_mem_s"])
    gain = 1.0 if layer.neuron.gain == "one" else held
    return {
        "tau_syn": taus["tau_syn_s"],
        "tau_mem": taus["tau_mem_s"],
        "r": gain / held,
        "v_leak": np.zeros_like(held),
        "w_in": taus["tau_syn_s"].copy(),
    }


def _cuba_lif(layer: LIF) -> nir.CubaLIF:
    n = len(layer.weight)
    return nir.CubaLIF(
        **_integrator(layer), v_threshold=np.full(n, layer.neuron.threshold), v_reset=np.zeros(n)
    )


def _conventions(config: NetworkConfig) -> dict[str, Any]:
    neuron = config.neuron
    surrogate: dict[str, Any] = {
        "name": neuron.surrogate.name,
        "parameters": neuron.surrogate.parameters,
    }
    if not built_in(neuron.surrogate):
        surrogate["own"] = True
    input_delay, recurrent_delay = DELAY_STEPS[neuron.order]
    return {
        "dt_s": neuron.dt_s,
        "time_unit": "s",
        "step_order": neuron.order,
        "reset": neuron.reset,
        "gain": neuron.gain,
        "threshold_strict": neuron.strict,
        "input_delay_steps": input_delay,
        "recurrent_delay_steps": recurrent_delay,
        "reset_hold_steps": 1 if neuron.reset == "zero" else 0,
        "tau_mem_s": neuron.tau_mem_s,
        "tau_syn_s": neuron.tau_syn_s,
        "per_neuron": config.per_neuron,
        "learned": config.learned,
        "detach_reset": neuron.detach_reset,
        "surrogate": json.dumps(surrogate),
    }


def _neuron(
    node: nir.CubaLIF, metadata: Mapping[str, Any], surrogate: Surrogate | None
) -> LIFParameters:
    return LIFParameters(
        tau_mem_s=float(metadata["tau_mem_s"]),
        tau_syn_s=float(metadata["tau_syn_s"]),
        dt_s=float(metadata["dt_s"]),
        gain=metadata["gain"],
        order=metadata["step_order"],
        threshold=float(node.v_threshold[0]),
        strict=bool(metadata["threshold_strict"]),
        reset=metadata["reset"],
        detach_reset=bool(metadata["detach_reset"]),
        surrogate=surrogate or _surrogate(metadata["surrogate"]),
    )


def _surrogate(text: str) -> Surrogate:
    """Return the surrogate of `gradsim.surrogate` that a graph states."""
    try:
        stated = json.loads(text)
        name, parameters = stated["name"], tuple(map(float, stated["parameters"]))
        if not stated.get("own") and name in SURROGATES:
            return SURROGATES[name](*parameters)
    except (ValueError, RecursionError, AttributeError) as error:
        raise ValueError(f"the graph's surrogate {text[:60]!r} is none: {error}") from None
    raise ValueError(
        f"the graph's surrogate {name!r} is none of gradsim.surrogate; hand yours to from_nir"
    )


def _require_same(graph: nir.NIRGraph, expected: nir.NIRGraph, but: Collection[str] = ()) -> None:
    for name, value in expected.metadata.items():
        if name not in but and not _equal(graph.metadata.get(name), value):
            raise ValueError(
                f"convention {name} must be {value!r}, not {graph.metadata.get(name)!r}"
            )
    strange = sorted(set(map(tuple, graph.edges)) ^ set(expected.edges))
    if strange or set(graph.nodes) != set(expected.nodes):
        raise ValueError(
            "only a chain of layers can be read; edges at fault: "
            f"{strange}, nodes at fault: {sorted(set(graph.nodes) ^ set(expected.nodes))}"
        )
    for name, node in expected.nodes.items():
        for key, value in vars(node).items():
            if not isinstance(value, np.ndarray):
                continue
            found = np.asarray(getattr(graph.nodes[name], key, None))
            if found.shape != value.shape or not np.allclose(found, value, ROUNDING, 0):
                raise ValueError(f"node {name}: {key} cannot be {found}, expected {value}")


def _equal(found: Any, value: object) -> bool:
    """Return whether a convention, which a file may hold as an array, is the one expected."""
    return np.ndim(found) == 0 and bool(found == value)
