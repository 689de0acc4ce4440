"""Networks as NIR graphs, and back.

NIR (Pedersen et al., Nat. Commun. 15:8122 (2024), doi:10.1038/s41467-024-52259-9) states its
neurons in continuous time and without units. A layer becomes ``Linear -> CubaLIF``, with

    tau_syn dI/dt = -I + w_in S,    tau_mem dv/dt = (v_leak - v) + r I

where S is a train of Dirac pulses: ``w_in = tau_syn`` lets the current jump by the weight, and a
current held over a step adds ``(1 - beta) r I`` to the membrane, so ``r = gain / (1 - beta)``.
What NIR cannot say - the step, the unit of time, the order within a step - stands in the graph's
metadata as a flat dictionary of texts and numbers, which the file format keeps.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

import nir
import numpy as np
import torch
from torch import Tensor, nn

from gradsim.layers import LIF, TAUS, Readout, TimeConstants
from gradsim.network import NetworkConfig, SpikingNetwork
from gradsim.neurons import LIFParameters
from gradsim.surrogate import SURROGATES

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
      (JSON): for training only.

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


def from_nir(graph: nir.NIRGraph) -> SpikingNetwork:
    """Return the network of a graph that `to_nir` wrote, equal in outputs.

    Bit by bit in float32, and in float64 where time constants are shared: their logarithms may
    differ in the last bit. The initial scale of weights is no part of a graph.

    Raises
    ------
    ValueError
        If the graph says anything that this network cannot: other nodes or edges, thresholds
        that differ, conventions that are absent or not those of `gradsim.neurons`, weights that
        are not finite.

    Examples
    --------
    >>> config = gradsim.NetworkConfig(n_in=3, hidden=(20,), n_out=2)
    >>> network = gradsim.SpikingNetwork(config, torch.Generator().manual_seed(0))
    >>> again = gradsim.from_nir(gradsim.to_nir(network))
    >>> torch.equal(again.readout.weight, network.readout.weight)
    True
    """
    n_hidden = sum(isinstance(node, nir.CubaLIF) for node in graph.nodes.values())
    names = [f"linear_{k}" for k in range(n_hidden)] + ["linear_readout"]
    try:
        neuron = _neuron(graph.nodes["lif_0"], graph.metadata)
        constants = {key: bool(graph.metadata[key]) for key in ("per_neuron", "learned")}
        weights = [graph.nodes[name].weight for name in names]
        neurons = [graph.nodes[f"lif_{k}"] for k in range(n_hidden)] + [graph.nodes["readout"]]
        recurrent = [
            graph.nodes[f"recurrent_{k}"].weight
            for k in range(n_hidden)
            if "recurrent_0" in graph.nodes
        ]
    except (KeyError, AttributeError) as error:
        raise ValueError(f"not a graph of this package: lacks {error}") from None
    config = NetworkConfig(
        n_in=weights[0].shape[1],
        hidden=tuple(weight.shape[0] for weight in weights[:-1]),
        n_out=weights[-1].shape[0],
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
    _require_same(graph, to_nir(network))
    return network


def to_bytes(network: SpikingNetwork) -> bytes:
    """Return the network as the content of a ``.nir`` file; errors as for `to_nir`."""
    buffer = io.BytesIO()
    nir.write(buffer, to_nir(network))
    return buffer.getvalue()


def from_bytes(content: bytes) -> SpikingNetwork:
    """Return the network in the content of a ``.nir`` file; errors as for `from_nir`."""
    return from_nir(nir.read(io.BytesIO(content)))


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
    surrogate = {"name": neuron.surrogate.name, "parameters": neuron.surrogate.parameters}
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


def _neuron(node: nir.CubaLIF, metadata: Mapping[str, Any]) -> LIFParameters:
    surrogate = json.loads(metadata["surrogate"])
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
        surrogate=SURROGATES[surrogate["name"]](*surrogate["parameters"]),
    )


def _require_same(graph: nir.NIRGraph, expected: nir.NIRGraph) -> None:
    for name, value in expected.metadata.items():
        if graph.metadata.get(name) != value:
            raise ValueError(
                f"convention {name} must be {value!r}, not {graph.metadata.get(name)!r}"
            )
    if set(graph.edges) != set(expected.edges):
        strange = sorted(set(graph.edges) ^ set(expected.edges))
        raise ValueError(f"only a chain of layers can be read; edges at fault: {strange}")
    for name, node in expected.nodes.items():
        for key, value in vars(node).items():
            if not isinstance(value, np.ndarray):
                continue
            found = np.asarray(getattr(graph.nodes[name], key, None))
            if found.shape != value.shape or not np.allclose(found, value, ROUNDING, 0):
                raise ValueError(f"node {name}: {key} cannot be {found}, expected {value}")
