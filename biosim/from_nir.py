"""Networks from NIR graphs, to be run by `biosim.chain`.

NIR (Pedersen et al., Nat. Commun. 15:8122 (2024), doi:10.1038/s41467-024-52259-9) states

    tau_syn dI/dt = -I + w_in S,    tau_mem dv/dt = (v_leak - v) + r I

What it cannot say is read from ``graph.metadata``: ``dt_s``, ``input_delay_steps`` (from a spike
to the current it causes) and ``reset_hold_steps`` (for how long a spike keeps the membrane at its
reset value); both become times, in units of the graph's dt.
"""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from biosim.chain import Chain, Layer


def read_chain(graph: nir.NIRGraph) -> Chain:
    """Return the feed-forward network of a graph.

    Raises
    ------
    ValueError
        If the graph holds what cannot be expressed, naming it: nodes other than Linear, CubaLIF
        and CubaLI, branches or recurrence, neurons that differ within a layer, a leak or reset
        other than zero, weights that are not finite, missing conventions.
    """
    conventions = _conventions(graph.metadata)
    order = _path(graph)
    layers = []
    for linear, neuron in zip(order[0::2], order[1::2], strict=True):
        layers.append(_layer(linear, graph.nodes[linear], neuron, graph.nodes[neuron]))
    if layers[-1].threshold is not None or any(layer.threshold is None for layer in layers[:-1]):
        raise ValueError("expected CubaLIF layers followed by one CubaLI readout")
    return Chain(tuple(layers), **conventions)


def _conventions(metadata: dict[str, Any]) -> dict[str, float]:
    wanted = {"time_unit": "s", "reset": "zero", "threshold_strict": True}
    for name in ("dt_s", "input_delay_steps", "reset_hold_steps", *wanted):
        if name not in metadata:
            raise ValueError(f"the graph's metadata lack {name!r}; NIR itself has no units")
    for name, value in wanted.items():
        if metadata[name] != value:
            raise ValueError(f"convention {name} = {metadata[name]!r} must be {value!r}")
    dt_s = float(metadata["dt_s"])
    if not 0 < dt_s < np.inf:
        raise ValueError(f"dt_s must be positive, not {dt_s}")
    return {
        "dt_s": dt_s,
        "delay_s": dt_s * int(metadata["input_delay_steps"]),
        "hold_s": dt_s * int(metadata["reset_hold_steps"]),
    }


def _path(graph: nir.NIRGraph) -> list[str]:
    """Return the names between input and output, refusing anything but one path."""
    after: dict[str, str] = {}
    for source, target in graph.edges:
        if source in after:
            raise ValueError(
                f"node {source!r} feeds several nodes; recurrence and branches are not supported"
            )
        after[source] = target
    starts = [name for name, node in graph.nodes.items() if isinstance(node, nir.Input)]
    if len(starts) != 1:
        raise ValueError(f"expected one Input node, found {len(starts)}")
    path, name = [], after.get(starts[0])
    while name is not None and not isinstance(graph.nodes[name], nir.Output):
        if name in path:
            raise ValueError(f"node {name!r} lies on a cycle")
        path.append(name)
        name = after.get(name)
    if name is None or not path or len(path) % 2:
        raise ValueError("expected Input, then pairs of Linear and CubaLIF or CubaLI, then Output")
    return path  # fmt: skip


def _layer(linear: str, weights: nir.NIRNode, name: str, neuron: nir.NIRNode) -> Layer:
    if not isinstance(weights, nir.Linear):
        raise ValueError(f"node {linear!r} is {type(weights).__name__}; supported: Linear")
    if not isinstance(neuron, nir.CubaLIF | nir.CubaLI):
        raise ValueError(f"node {name!r} is {type(neuron).__name__}; supported: CubaLIF, CubaLI")
    weight = np.asarray(weights.weight, dtype=float)
    if weight.ndim != 2 or weight.shape[0] != len(neuron.tau_mem):
        raise ValueError(
            f"weights of {linear!r} are {weight.shape} for {len(neuron.tau_mem)} neurons"
        )
    if not np.isfinite(weight).all():
        raise ValueError(f"weights of {linear!r} are not all finite")
    tau_syn_s = _shared(name, neuron, "tau_syn")
    for key in ("v_leak", "v_reset"):
        if hasattr(neuron, key) and _shared(name, neuron, key) != 0:
            raise ValueError(f"node {name!r}: {key} other than 0 is not supported")
    return Layer(
        # A Dirac pulse lets I jump by w_in / tau_syn.
        weight * (_shared(name, neuron, "w_in") / tau_syn_s),
        _shared(name, neuron, "tau_mem"),
        tau_syn_s,
        _shared(name, neuron, "r"),
        _shared(name, neuron, "v_threshold") if isinstance(neuron, nir.CubaLIF) else None,
    )


def _shared(name: str, neuron: nir.NIRNode, key: str) -> float:
    values = np.unique(getattr(neuron, key))
    if len(values) != 1 or not np.isfinite(values[0]):
        raise ValueError(f"node {name!r}: {key} must be one finite value for the whole layer")
    return float(values[0])
