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

from gradsim.layers import LIF
from gradsim.network import NetworkConfig, SpikingNetwork
from gradsim.neurons import LIFParameters, LIParameters
from gradsim.surrogate import SURROGATES

STEP_ORDER = "spytorch"


def to_nir(network: SpikingNetwork) -> nir.NIRGraph:
    """Return the network as a graph; times in seconds, conventions in ``graph.metadata``.

    Nodes are ``input``, for each hidden layer ``linear_K``, ``lif_K`` and, where it is
    recurrent, ``recurrent_K``, then ``linear_readout``, ``readout`` and ``output``. Metadata:

    - ``dt_s``, ``time_unit`` ("s"), ``step_order`` ("spytorch": `gradsim.neurons`),
    - ``reset`` ("zero" or "subtract"), ``gain``, ``threshold_strict`` (true),
    - ``input_delay_steps`` 1 and ``recurrent_delay_steps`` 2: from a spike to the current,
    - ``reset_hold_steps``: steps for which a spike keeps the membrane at its reset value,
    - ``detach_reset``, ``surrogate`` (JSON): for training only.
    """
    config = network.config
    neuron = config.neuron
    nodes: dict[str, nir.NIRNode] = {"input": nir.Input(np.array([config.n_in]))}
    edges, last = [], "input"
    for k, layer in enumerate(cast("Iterable[LIF]", network.hidden)):
        nodes[f"linear_{k}"] = nir.Linear(_array(layer.weight))
        nodes[f"lif_{k}"] = _cuba_lif(neuron, config.hidden[k])
        edges += [(last, f"linear_{k}"), (f"linear_{k}", f"lif_{k}")]
        if layer.recurrent is not None:
            nodes[f"recurrent_{k}"] = nir.Linear(_array(layer.recurrent))
            edges += [(f"lif_{k}", f"recurrent_{k}"), (f"recurrent_{k}", f"lif_{k}")]
        last = f"lif_{k}"
    nodes["linear_readout"] = nir.Linear(_array(network.readout.weight))
    nodes["readout"] = nir.CubaLI(**_integrator(neuron, config.n_out))
    nodes["output"] = nir.Output(np.array([config.n_out]))
    edges += [(last, "linear_readout"), ("linear_readout", "readout"), ("readout", "output")]
    return nir.NIRGraph(nodes, edges, metadata=_conventions(neuron))


def from_nir(graph: nir.NIRGraph) -> SpikingNetwork:
    """Return the network of a graph that `to_nir` wrote, equal in outputs bit by bit.

    The initial scale of weights is no part of a graph.

    Raises
    ------
    ValueError
        If the graph says anything that this network cannot: other nodes or edges, neurons that
        differ within the network, conventions that are absent or not those of `gradsim.neurons`.
    """
    n_hidden = sum(isinstance(node, nir.CubaLIF) for node in graph.nodes.values())
    names = [f"linear_{k}" for k in range(n_hidden)] + ["linear_readout"]
    try:
        neuron = _neuron(graph.nodes["lif_0"], graph.metadata)
        weights = [graph.nodes[name].weight for name in names]
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
    )
    network = SpikingNetwork(config, torch.Generator())
    for layer, weight in zip([*network.hidden, network.readout], weights, strict=True):
        layer.weight = nn.Parameter(torch.tensor(weight))
    for layer, weight in zip(network.hidden, recurrent, strict=False):
        layer.recurrent = nn.Parameter(torch.tensor(weight))
    _require_same(graph, to_nir(network))
    return network


def to_bytes(network: SpikingNetwork) -> bytes:
    """Return the network as the content of a ``.nir`` file."""
    buffer = io.BytesIO()
    nir.write(buffer, to_nir(network))
    return buffer.getvalue()


def from_bytes(content: bytes) -> SpikingNetwork:
    """Return the network in the content of a ``.nir`` file; errors as for `from_nir`."""
    return from_nir(nir.read(io.BytesIO(content)))


def _array(weight: Tensor) -> np.ndarray:
    return weight.detach().cpu().numpy().copy()


def _integrator(parameters: LIParameters, n: int) -> dict[str, np.ndarray]:
    resistance = parameters.gain_factor / (1 - parameters.beta)
    return {
        "tau_syn": np.full(n, parameters.tau_syn_s),
        "tau_mem": np.full(n, parameters.tau_mem_s),
        "r": np.full(n, resistance),
        "v_leak": np.zeros(n),
        "w_in": np.full(n, parameters.tau_syn_s),
    }


def _cuba_lif(neuron: LIFParameters, n: int) -> nir.CubaLIF:
    return nir.CubaLIF(
        **_integrator(neuron, n), v_threshold=np.full(n, neuron.threshold), v_reset=np.zeros(n)
    )


def _conventions(neuron: LIFParameters) -> dict[str, Any]:
    surrogate = {"name": neuron.surrogate.name, "parameters": neuron.surrogate.parameters}
    return {
        "dt_s": neuron.dt_s,
        "time_unit": "s",
        "step_order": STEP_ORDER,
        "reset": neuron.reset,
        "gain": neuron.gain,
        "threshold_strict": True,
        "input_delay_steps": 1,
        "recurrent_delay_steps": 2,
        "reset_hold_steps": 1 if neuron.reset == "zero" else 0,
        "detach_reset": neuron.detach_reset,
        "surrogate": json.dumps(surrogate),
    }


def _neuron(node: nir.CubaLIF, metadata: Mapping[str, Any]) -> LIFParameters:
    surrogate = json.loads(metadata["surrogate"])
    return LIFParameters(
        tau_mem_s=float(node.tau_mem[0]),
        tau_syn_s=float(node.tau_syn[0]),
        dt_s=float(metadata["dt_s"]),
        gain=metadata["gain"],
        threshold=float(node.v_threshold[0]),
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
            found = np.asarray(getattr(graph.nodes[name], key, None))
            if isinstance(value, np.ndarray) and not np.array_equal(found, value):
                raise ValueError(f"node {name}: {key} cannot be {found}, expected {value}")
