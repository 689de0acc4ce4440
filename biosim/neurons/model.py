"""A neuron model as data: what Brian2 needs to build a group of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NeuronModel:
    """Equations of one neuron, driven by the current ``I``.

    Parameters
    ----------
    equations
        Brian2 equations without that of ``I``, which `biosim.simulate` adds.
    threshold, reset
        Condition of a spike, and what follows it; an empty reset changes nothing.
    method
        Integration method of Brian2.
    parameters
        Brian2 quantities by the names that the equations use.
    initial
        Initial values, in the order in which they are set: quantities or expressions.
    current_unit
        SI unit of ``I`` as Brian2 writes it.
    refractory
        Seconds, or the condition that keeps a neuron from firing again.
    """

    equations: str
    threshold: str
    reset: str
    method: str
    parameters: Mapping[str, Any]
    initial: Mapping[str, Any]
    current_unit: str
    refractory: float | str = 0.0
