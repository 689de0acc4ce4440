"""Networks from NIR graphs, to be run by `biosim.chain.run_chain`.

NIR (Pedersen et al., Nat. Commun. 15:8122 (2024), doi:10.1038/s41467-024-52259-9) states

    tau_syn dI/dt = -I + w_in S,    tau_mem dv/dt = (v_leak - v) + r I

What it cannot say is in `biosim.chain.conventions`: stated by the graph's metadata, or by the
caller.

Guaranteed: reading takes time in proportion to nodes and edges, parallel paths included, and no
recursion, whatever the graph; a graph within a graph may be `DEEPEST` deep, there may be
`MOST_NODES` nodes in all, and reading ends with a chain or with a ValueError.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import nir
import numpy as np

from biosim.chain.conventions import Conventions, Preset, settled
from biosim.chain.network import Chain, Layer

WEIGHTS = (nir.Linear, nir.Affine)
FIRING = (nir.CubaLIF, nir.LIF)
INTEGRATING = (nir.CubaLI, nir.LI)
NEURONS = (*FIRING, *INTEGRATING)
TRANSPARENT = (nir.Input, nir.Output, nir.Flatten)
DEEPEST, MOST_NODES = 32, 10_000
MOST_PASSED_ON = 4  # wires into or out of a node that only passes on, in any graph accepted
SUPPORTED = ", ".join(kind.__name__ for kind in (*WEIGHTS, *NEURONS, nir.Flatten))


def read_chain(graph: nir.NIRGraph, conventions: Conventions | Preset | None = None) -> Chain:
    """Return the network of a graph: layers one after another, each perhaps recurrent.

    Parameters
    ----------
    graph
        Of any tool. Graphs within the graph are opened.
    conventions
        What NIR does not say; None for what the graph's metadata state.

    Raises
    ------
    ValueError
        If the graph holds what cannot be expressed, naming it: other nodes, branches, feedback
        from layer to layer, cycles without delay, a leak or reset other than zero, values that
        are not finite or have wrong shapes, missing conventions.

    Examples
    --------
    >>> import nir
    >>> one = np.ones(1)
    >>> cell = nir.CubaLIF(5e-3 * one, 10e-3 * one, 4 * one, 0 * one, one, w_in=5e-3 * one)
    >>> nodes = {"in": nir.Input(one), "w": nir.Linear(np.eye(1)), "lif": cell}
    >>> graph = nir.NIRGraph(nodes, [("in", "w"), ("w", "lif")])
    >>> conventions = biosim.chain.Conventions(dt_s=1e-3)
    >>> biosim.chain.read_chain(graph, conventions).layers[0].weight
    array([[1.]])
    """
    nodes, edges = _flat(graph)
    for name, node in nodes.items():
        if not isinstance(node, (*WEIGHTS, *NEURONS, *TRANSPARENT)):
            raise ValueError(f"node {name!r} is {type(node).__name__}; supported: {SUPPORTED}")
    wires = _without_transparent(nodes, _wires(nodes, edges))
    _refuse_cycles_of_weights(nodes, wires)
    parts = _parts(nodes, wires)
    conventions = settled(conventions, graph.metadata, nodes)
    layers = tuple(_layer(nodes, part, conventions) for part in parts)
    recurrent = any(layer.recurrent is not None for layer in layers)
    if recurrent and conventions.recurrent_delay_steps < 1:
        raise ValueError(
            "the graph has a cycle without delay: recurrent_delay_steps must be at least 1, not "
            f"{conventions.recurrent_delay_steps}"
        )
    late = int(conventions.order == "integrate_first")
    return Chain(
        layers,
        dt_s=conventions.dt_s,
        delay_s=conventions.dt_s * conventions.delay_steps,
        hold_s=conventions.dt_s * conventions.hold_steps,
        recurrent_delay_s=conventions.dt_s * (conventions.recurrent_delay_steps - late),
        order=conventions.order,
        reset=conventions.reset,
        strict=conventions.strict,
    )


Nodes = dict[str, nir.NIRNode]
Edges = list[tuple[str, str]]


class _Wires(NamedTuple):
    """Names of the nodes before and after each node."""

    before: dict[str, list[str]]
    after: dict[str, list[str]]


@dataclass(frozen=True)
class _Part:
    """Names of the nodes that make a layer."""

    weights: str
    neurons: str
    recurrent: str | None


def _flat(graph: nir.NIRGraph) -> tuple[Nodes, Edges]:
    """Return nodes and edges with graphs within the graph opened."""
    nodes: Nodes = {}
    edges: dict[tuple[str, str], None] = {}
    waiting = [(graph, "", 1)]
    while waiting:
        outer, prefix, depth = waiting.pop()
        if depth > DEEPEST:
            raise ValueError(f"graph {prefix[:60]!r} lies deeper than {DEEPEST} graphs")
        if len(nodes) > MOST_NODES:
            raise ValueError(f"the graph has more than {MOST_NODES} nodes: no chain of layers")
        inner = {name for name, node in outer.nodes.items() if isinstance(node, nir.NIRGraph)}
        nodes |= {prefix + name: outer.nodes[name] for name in outer.nodes if name not in inner}
        waiting += [(outer.nodes[name], f"{prefix}{name}.", depth + 1) for name in inner]
        entry = {
            name: _gate(outer, name, nir.Input) if name in inner else name for name in outer.nodes
        }
        ways_out = {
            name: _gate(outer, name, nir.Output) if name in inner else name for name in outer.nodes
        }
        for source, target in outer.edges:
            if source not in ways_out or target not in entry:
                raise ValueError(f"edge {source!r} -> {target!r} joins a node that is not there")
            edges[prefix + ways_out[source], prefix + entry[target]] = None
    return nodes, list(edges)


def _gate(graph: nir.NIRGraph, name: str, kind: type) -> str:
    """Return the one Input or Output of a graph within the graph."""
    gates = [key for key, node in graph.nodes[name].nodes.items() if isinstance(node, kind)]
    if len(gates) != 1:
        raise ValueError(f"graph {name!r} has {len(gates)} {kind.__name__} nodes; expected one")
    return f"{name}.{gates[0]}"


def _wires(nodes: Nodes, edges: Edges) -> _Wires:
    wires = _Wires({name: [] for name in nodes}, {name: [] for name in nodes})
    for source, target in edges:
        wires.before[target].append(source)
        wires.after[source].append(target)
    return wires


def _without_transparent(nodes: Nodes, wires: _Wires) -> _Wires:
    """Drop nodes that only pass on, other than the ends of the whole graph.

    One with many wires belongs to no chain; without it, numbers of wires could multiply.
    """
    for name, node in list(nodes.items()):
        before, after = wires.before[name], wires.after[name]
        if not (isinstance(node, TRANSPARENT) and before and after):
            continue
        if name in after:
            raise ValueError(f"node {name!r} forms a cycle without delay: no neuron is on it")
        if max(len(before), len(after)) > MOST_PASSED_ON:
            raise ValueError(
                f"node {name!r} has several inputs or feeds several nodes: {before} -> {after}. "
                "Supported are a chain of layers and one recurrent Linear a layer"
            )
        for source in before:
            wires.after[source].remove(name)
            wires.after[source].extend(after)
        for target in after:
            wires.before[target].remove(name)
            wires.before[target].extend(before)
        del nodes[name], wires.before[name], wires.after[name]
    return wires


def _refuse_cycles_of_weights(nodes: Nodes, wires: _Wires) -> None:
    """Go along wires from weights to weights, each once; the path stands in ``path``."""
    done: set[str] = set()
    for start, node in nodes.items():
        path: dict[str, list[str]] = {}
        at: str | None = start if isinstance(node, WEIGHTS) and start not in done else None
        while at is not None:
            if at not in path:
                path[at] = [t for t in wires.after[at] if isinstance(nodes[t], WEIGHTS)]
            onward = path[at].pop() if path[at] else None
            if onward in path:
                cycle = list(path)[list(path).index(onward) :]
                names = ", ".join(map(repr, cycle))
                raise ValueError(f"nodes {names} form a cycle without delay: no neuron is on it")
            if onward is None:
                done.add(at)
                del path[at]
                at = next(reversed(path), None)
            elif onward not in done:
                at = onward


def _parts(nodes: Nodes, wires: _Wires) -> list[_Part]:
    """Return the layers in order, refusing anything but a chain."""
    starts = [name for name, node in nodes.items() if isinstance(node, nir.Input)]
    if len(starts) != 1:
        raise ValueError(f"expected one Input node, found {len(starts)}")
    parts: list[_Part] = []
    at, seen = starts[0], set(starts)
    while True:
        own, onward = _leaving(nodes, wires, at, recurrent=bool(parts))
        if own is not None:
            parts[-1] = _Part(parts[-1].weights, at, own)
            seen.add(own)
        if onward is None:
            break
        neurons = wires.after[onward]
        if len(neurons) != 1 or not isinstance(nodes[neurons[0]], NEURONS):
            raise ValueError(f"node {onward!r} must feed one population, not {neurons}")
        if neurons[0] in seen:
            raise ValueError(f"node {onward!r} feeds back to {neurons[0]!r}, an earlier layer")
        at = neurons[0]
        parts.append(_Part(onward, at, None))
        seen |= {onward, at}
    lost = [n for n, node in nodes.items() if n not in seen and not isinstance(node, nir.Output)]
    if lost or not parts:
        raise ValueError(
            f"expected Input, pairs of Linear and neurons, Output; not reached: {sorted(lost)}"
        )
    return parts


def _leaving(
    nodes: Nodes, wires: _Wires, at: str, *, recurrent: bool
) -> tuple[str | None, str | None]:
    """Return the weights of a population onto itself, and those onto the next one."""
    targets = [t for t in wires.after[at] if not isinstance(nodes[t], nir.Output)]
    for target in targets:
        if not isinstance(nodes[target], WEIGHTS):
            raise ValueError(f"edge {at!r} -> {target!r} has no weights; expected Linear")
        if len(wires.before[target]) > 1:
            raise ValueError(
                f"node {target!r} has several inputs: {wires.before[target]}; expected one"
            )
    own = [t for t in targets if recurrent and at in wires.after[t]]
    onward = [t for t in targets if t not in own]
    if len(own) > 1 or len(onward) > 1:
        raise ValueError(
            f"node {at!r} feeds several nodes: {', '.join(map(repr, targets))}. Supported are "
            "a chain of layers and one recurrent Linear a layer"
        )
    return next(iter(own), None), next(iter(onward), None)


def _layer(nodes: Nodes, part: _Part, conventions: Conventions) -> Layer:
    name, node, affine = part.neurons, nodes[part.neurons], nodes[part.weights]
    weight = _matrix(part.weights, affine)
    n = len(weight)
    for key in ("v_leak", "v_reset"):
        if hasattr(node, key) and _values(name, node, key, n).any():
            raise ValueError(f"node {name!r}: {key} other than 0 is not supported")
    tau_syn, jump, pulse = _synapse(name, node, n, conventions)
    bias = (
        _values(part.weights, affine, "bias", n) if isinstance(affine, nir.Affine) else np.zeros(n)
    )
    recurrent = None
    if part.recurrent is not None:
        recurrent = _matrix(part.recurrent, nodes[part.recurrent])
        if recurrent.shape != (n, n):
            raise ValueError(f"weights of {part.recurrent!r} are {recurrent.shape} for {n} neurons")
        recurrent = recurrent * jump[:, None]
        if isinstance(nodes[part.recurrent], nir.Affine):
            bias = bias + _values(part.recurrent, nodes[part.recurrent], "bias", n)
    tau_mem = "tau_mem" if hasattr(node, "tau_mem") else "tau"
    return Layer(
        weight * jump[:, None],
        _tau_s(name, node, tau_mem, n, conventions),
        tau_syn,
        _values(name, node, "r", n),
        _values(name, node, "v_threshold", n) if isinstance(node, FIRING) else None,
        recurrent,
        bias * pulse if bias.any() else None,
    )


def _synapse(
    name: str, node: nir.NIRNode, n: int, conventions: Conventions
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return tau_syn, by how much a spike of weight 1, and by how much a bias of 1 moves I."""
    one = np.ones(n)
    if not hasattr(node, "tau_syn"):
        dt = conventions.dt_s / conventions.time_unit_s
        return 0 * one, one / dt if conventions.spike == "dirac" else one, one
    w_in, tau = _values(name, node, "w_in", n), _tau_s(name, node, "tau_syn", n, conventions)
    with np.errstate(divide="ignore"):
        lasting = w_in * (1 - np.exp(-conventions.dt_s / tau))
    if conventions.spike == "jump":
        return tau, w_in, w_in
    raw = _values(name, node, "tau_syn", n)
    return tau, lasting if conventions.spike == "step" else w_in / raw, lasting


def _tau_s(name: str, node: nir.NIRNode, key: str, n: int, conventions: Conventions) -> np.ndarray:
    """Return the time constants with which ``exp(-dt / tau)`` is the tool's own decay."""
    tau_s, dt_s = _values(name, node, key, n) * conventions.time_unit_s, conventions.dt_s
    smallest = dt_s if conventions.decay == "euler" else 0.0
    if not (tau_s > smallest * (1 - 1e-9)).all() or not (tau_s > 0).all():
        raise ValueError(
            f"node {name!r}: {key} must be above {smallest:g} s, not {tau_s.min():g} s; the "
            f"conventions say that a unit of time is {conventions.time_unit_s:g} s and decays are "
            f"{conventions.decay}"
        )
    if conventions.decay == "exact":
        return tau_s
    with np.errstate(divide="ignore"):
        return -dt_s / np.log(np.maximum(1 - dt_s / tau_s, 0))


def _matrix(name: str, node: nir.NIRNode) -> np.ndarray:
    weight = np.asarray(node.weight, dtype=float)
    if weight.ndim != 2:
        raise ValueError(f"weights of {name!r} are {weight.shape}; expected [post, pre]")
    if not np.isfinite(weight).all():
        raise ValueError(f"weights of {name!r} are not all finite")
    return weight


def _values(name: str, node: nir.NIRNode, key: str, n: int) -> np.ndarray:
    """Return a parameter for each of ``n`` neurons."""
    values = np.asarray(getattr(node, key), dtype=float)
    if values.size not in (1, n):
        raise ValueError(f"node {name!r}: {key} has {values.size} values for {n} neurons")
    if not np.isfinite(values).all():
        raise ValueError(f"node {name!r}: {key} is not finite everywhere")
    return np.broadcast_to(values.reshape(-1), n).copy()
