"""What a NIR graph leaves open, and how tools fill it: step, order, reset, meaning of a spike.

NIR (Pedersen et al., Nat. Commun. 15:8122 (2024), doi:10.1038/s41467-024-52259-9) states neurons in
continuous time and without units. Tools that export their discrete networks choose a step and a
reading of the equations, and most do not write down which.

What it guarantees: a `Preset` names the version of the tool whose files it reads. What a file tells
is read from it, what it does not tell is asked for, and a file of another version is refused where
its numbers show it; nothing is assumed in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from biosim.chain.network import Order


@dataclass(frozen=True)
class Conventions:
    """How the tool that wrote a graph ran its network.

    Parameters
    ----------
    dt_s
        Its step in seconds.
    order
        Within a step; see `biosim.chain.network`.
    reset, hold_steps
        ``"zero"`` and for how many steps a spike keeps the membrane there, or ``"subtract"``.
    strict
        Whether a membrane at exactly the threshold stays silent.
    delay_steps, recurrent_delay_steps
        From a spike to the step whose current it changes, in the next layer and in its own.
    decay
        What a time constant leaves in a step: ``"exact"``, ``exp(-dt / tau)``, or ``"euler"``,
        ``1 - dt / tau``.
    spike
        What a spike is in ``tau_syn dI/dt = -I + w_in S``: a ``"dirac"`` pulse, so that the
        current jumps by ``w_in / tau_syn``; a value of 1 that lasts a ``"step"``, so that it jumps
        by ``w_in dt / tau_syn``; or a ``"jump"`` by ``w_in``.
    time_unit_s
        Unit of the graph's time constants.
    """

    dt_s: float
    order: Order = "fire_first"
    reset: Literal["zero", "subtract"] = "zero"
    hold_steps: int = 1
    strict: bool = True
    delay_steps: int = 1
    recurrent_delay_steps: int = 2
    decay: Literal["exact", "euler"] = "exact"
    spike: Literal["dirac", "step", "jump"] = "dirac"
    time_unit_s: float = 1.0

    def __post_init__(self) -> None:
        for name in ("dt_s", "time_unit_s"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be positive and finite, not {getattr(self, name)}")
        for name, allowed in (
            ("order", get_args(Order)),
            ("reset", ("zero", "subtract")),
            ("decay", ("exact", "euler")),
            ("spike", ("dirac", "step", "jump")),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"convention {name} = {getattr(self, name)!r}; allowed: {', '.join(allowed)}"
                )
        if min(self.hold_steps, self.delay_steps) < 0:
            raise ValueError("hold_steps and delay_steps must not be negative")


@dataclass(frozen=True)
class Preset:
    """Conventions of one version of a tool, complete once a graph has been seen.

    Parameters
    ----------
    tool
        Name and version.
    settle
        Returns the conventions for the nodes of a graph, by their names; raises ValueError where
        neither the graph nor the caller tells one, or the graph was written by another version.
    """

    tool: str
    settle: Callable[[Mapping[str, Any]], Conventions]


def snntorch(reset: Literal["zero", "subtract"] | None = None, dt_s: float | None = None) -> Preset:
    """Return those of snnTorch 1.0, which reads its step off the graph and asks for the reset.

    ``snntorch.export_nir`` writes ``tau = dt / (1 - beta)``, ``r = tau_mem / dt`` and ``w_in =
    tau_syn / dt``, with dt = 0.1 ms, and drops the reset. ``Leaky`` and ``Synaptic`` with
    ``reset_delay`` (the default) subtract or zero in the step after a spike.

    Parameters
    ----------
    reset
        What the network did (``reset_mechanism``): no file tells. Reading a graph without it is
        refused.
    dt_s
        Step that the graph must have, in seconds; None for that of the graph, ``tau_mem / r``.
    """

    def settle(nodes: Mapping[str, Any]) -> Conventions:
        if reset is None:
            raise ValueError(
                "snnTorch's files do not tell the reset: pass snntorch(reset='subtract') or "
                "snntorch(reset='zero'), whichever the network had"
            )
        return Conventions(
            dt_s=_step_of_gains(nodes, dt_s),
            order="integrate_first",
            reset=reset,
            delay_steps=0,
            recurrent_delay_steps=1,
            decay="euler",
            spike="step",
        )

    return Preset("snnTorch 1.0", settle)


def norse(dt_s: float | None = None, release: str | None = None) -> Preset:
    """Return those of Norse; its files tell neither the step nor the release, so both are asked.

    A spike lets ``LIFCell``'s current jump by the weight, forward Euler follows, and the reset is
    in the step of the spike. The exporter of release 1.1.0 multiplies time constants by dt, those
    before and after it do not: https://github.com/norse/norse/issues/411 and pull request 413.

    Parameters
    ----------
    dt_s
        Step of the network, in seconds.
    release
        Version of Norse that wrote the file, such as ``"1.1.0"``. Reading a graph without it, or
        without the step, is refused, and so is a file of 1.1.0 with time constants above a second:
        that is how others look.
    """

    def settle(nodes: Mapping[str, Any]) -> Conventions:
        if dt_s is None or release is None:
            raise ValueError(
                "Norse's files tell neither the step nor the release, and release 1.1.0 alone "
                "writes time constants times dt: pass norse(dt_s=1e-3, release='1.1.0'), with "
                "yours"
            )
        scaled = release == "1.1.0"
        if scaled and max(_time_constants(nodes), default=0.0) > dt_s:
            raise ValueError(
                "time constants are longer than a second if Norse 1.1.0 wrote them: pass the "
                "release that did, such as norse(dt_s, release='1.0.0')"
            )
        return Conventions(
            dt_s=dt_s,
            order="integrate_first",
            hold_steps=0,
            delay_steps=0,
            recurrent_delay_steps=1,
            decay="euler",
            spike="jump",
            time_unit_s=1 / dt_s if scaled else 1.0,
        )

    return Preset(f"Norse {release}", settle)


def _time_constants(nodes: Mapping[str, Any]) -> list[float]:
    """Return all time constants of neurons, in the graph's unit."""
    names = "tau", "tau_mem", "tau_syn"
    found = [
        getattr(node, name) for node in nodes.values() for name in names if hasattr(node, name)
    ]
    return [float(each) for values in found for each in np.ravel(values)]


def _step_of_gains(nodes: Mapping[str, Any], dt_s: float | None) -> float:
    """Return the step that all gains ``r = tau_mem / dt`` of a graph mean."""
    steps = [
        np.ravel(getattr(node, name)) / np.ravel(node.r)
        for node in nodes.values()
        for name in ("tau", "tau_mem")
        if hasattr(node, name) and np.all(node.r)
    ]
    found = np.concatenate(steps) if steps else np.zeros(0)
    step = float(found[0]) if len(found) else 0.0
    if not step > 0 or not np.allclose(found, step, rtol=1e-4, atol=0):
        raise ValueError(
            "snnTorch did not write this graph: tau_mem / r of its neurons would all be the step; "
            f"they are {np.unique(found)[:3].tolist()}"
        )
    step = float(f"{step:.6g}")  # files hold float32
    if dt_s is not None and not np.isclose(dt_s, step, rtol=1e-4, atol=0):
        raise ValueError(f"the graph's step is {step:g} s (tau_mem / r), not dt_s = {dt_s:g} s")
    return step


def settled(
    given: Conventions | Preset | None, metadata: Mapping[str, Any], nodes: Mapping[str, Any]
) -> Conventions:
    """Return the conventions of a graph: those given, settled by its nodes, or stated by it.

    Raises
    ------
    ValueError
        If one is missing, or does not fit the graph.
    """
    if given is None:
        return stated(metadata)
    return given.settle(nodes) if isinstance(given, Preset) else given


def stated(metadata: Mapping[str, Any]) -> Conventions:
    """Return those that a graph's metadata state; the names are those of gradsim's export.

    Raises
    ------
    ValueError
        If one is missing or has a value that is not known.
    """
    names = {
        "dt_s": "dt_s",
        "step_order": "order",
        "reset": "reset",
        "reset_hold_steps": "hold_steps",
        "threshold_strict": "strict",
        "input_delay_steps": "delay_steps",
        "recurrent_delay_steps": "recurrent_delay_steps",
    }
    for name in ("time_unit", *names):
        if name not in metadata:
            raise ValueError(
                f"the graph's metadata lack {name!r}: NIR itself has no units and no step. Pass "
                "conventions= for graphs of other tools, such as snntorch(reset='subtract')"
            )
    if metadata["time_unit"] != "s":
        raise ValueError(f"convention time_unit = {metadata['time_unit']!r} must be 's'")
    return Conventions(**{field: _plain(metadata[name]) for name, field in names.items()})


def _plain(value: Any) -> Any:
    """Return Python's own number or text: files hold NumPy's."""
    return value.item() if isinstance(value, np.generic | np.ndarray) else value
