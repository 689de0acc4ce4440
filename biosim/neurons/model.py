"""A neuron model as data: what Brian2 needs to build a group of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Protocol


@dataclass(frozen=True)
class NeuronModel:
    """Equations of one neuron, driven by its inputs.

    Parameters
    ----------
    equations
        Brian2 equations without those of the inputs, which `biosim.simulate` adds.
    threshold, reset
        Condition of a spike, and what follows it; an empty reset changes nothing.
    method
        Integration method of Brian2: its name, or a function that makes the update code.
    parameters
        Brian2 quantities by the names that the equations use.
    initial
        Initial values, in the order in which they are set: quantities or expressions.
    inputs
        SI units, as Brian2 writes them, of the inputs by name; the first is the default.
    refractory
        Seconds, or the condition that keeps a neuron from firing again.
    longest_step_s
        Longest time step that the method carries; see `biosim.limits`.
    """

    equations: str
    threshold: str
    reset: str
    method: str | Callable[..., str]
    parameters: Mapping[str, Any]
    initial: Mapping[str, Any]
    inputs: Mapping[str, str]
    refractory: float | str = 0.0
    longest_step_s: float = inf


class Neuron(Protocol):
    """Parameters of a neuron, which know its model."""

    def model(self) -> NeuronModel:
        """Return the model for Brian2."""
