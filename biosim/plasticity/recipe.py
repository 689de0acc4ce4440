"""What Brian2 needs to build plastic synapses, and the pieces of text that rules share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Literal, Protocol, get_args

import brian2

Pairing = Literal["all", "nearest"]
"""Which spikes of the other side count: all earlier ones, or the last one only."""

UNBOUNDED = (-inf, inf)


@dataclass(frozen=True)
class Recipe:
    """A rule as text for `brian2.Synapses`.

    Parameters
    ----------
    model
        Equations: the weight ``w`` and event-driven traces.
    on_pre, on_post
        What a spike on either side does.
    namespace
        Brian2 quantities by the names that the text uses.
    """

    model: str
    on_pre: str
    on_post: str
    namespace: Mapping[str, Any]

    def synapses(
        self, before: Any, after: Any, *, effect: str = "", name: str = "plastic*", **constants: Any
    ) -> brian2.Synapses:
        """Return synapses that are not yet connected.

        Parameters
        ----------
        before, after
            Groups on either side.
        effect
            What a presynaptic spike does to its target, such as ``"g_post += peak * w"``.
        name
            Of the Brian2 object.
        constants
            Names that ``effect`` uses besides variables.
        """
        return brian2.Synapses(
            before,
            after,
            self.model,
            on_pre=f"{effect}\n{self.on_pre}",
            on_post=self.on_post,
            namespace={**self.namespace, **constants},
            name=name,
        )


class Rule(Protocol):
    """Anything with a recipe."""

    def recipe(self) -> Recipe:
        """Return the rule for Brian2."""


def model(traces: Mapping[str, str]) -> str:
    """Return the weight and traces that decay, given the name of each trace's time constant."""
    decays = (f"d{x}/dt = -{x} / {tau} : 1 (event-driven)" for x, tau in traces.items())
    return "\n".join(("w : 1", *decays))


def changed(change: str) -> str:
    """Return the statement that adds ``change``, a text with its sign, within the bounds."""
    return f"w = clip(w {change}, w_low, w_high)"


def marked(pairing: Pairing, *traces: str) -> str:
    """Return the statements by which traces note a spike."""
    mark = {"all": "+= 1", "nearest": "= 1"}[pairing]
    return "\n".join(f"{trace} {mark}" for trace in traces)


def check(pairing: str, bounds: tuple[float, float]) -> None:
    """Raise ValueError unless the pairing is known and the bounds are in order."""
    allowed = get_args(Pairing)
    if pairing not in allowed:
        raise ValueError(f"unknown pairing {pairing!r}; allowed: {', '.join(allowed)}")
    if len(bounds) != 2 or not bounds[0] < bounds[1]:
        raise ValueError(f"the lower bound must lie below the upper one: {bounds}")
