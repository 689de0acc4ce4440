"""Implementations by name: one file each, whose ``build(work, weights)`` returns a `Trainer`.

A new peer is one file here and one line in `IMPLEMENTATIONS`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from gradsim import SpikeEvents
    from study.bench.works import Weights, Work


class Trainer(Protocol):
    """A network with its optimiser."""

    def prepare(self, events: SpikeEvents, labels: np.ndarray) -> Any:
        """Return a batch in the form that `step` takes; timed apart from it."""

    def compile(self, batch: Any) -> None:
        """Do what is done once a process: load, initialise, compile; neither timed nor counted."""

    def step(self, batch: Any) -> float:
        """Learn from a batch: forward, loss, backward, optimiser. Return the loss, in nats."""

    def hidden_rate(self, batch: Any) -> float:
        """Return the mean spikes of a hidden neuron in a step."""


@dataclass(frozen=True)
class Implementation:
    """An implementation that is known by name; nothing is imported until it is built.

    Parameters
    ----------
    module
        Module of this package.
    package
        What must be installed.
    ours
        Whether it is gradsim's own.
    options
        Keyword arguments of the module's ``build``.
    """

    module: str
    package: str
    ours: bool = False
    options: tuple[tuple[str, str], ...] = ()

    @property
    def installed(self) -> bool:
        """Whether the package can be imported."""
        return find_spec(self.package) is not None

    @property
    def version(self) -> str:
        """Version of the package."""
        return version("twinspike" if self.package == "gradsim" else self.package)

    def build(self, work: Work, weights: Weights) -> Trainer:
        """Return a trainer of the network that starts from these weights."""
        module = importlib.import_module(f"study.bench.peers.{self.module}")
        return partial(module.build, **dict(self.options))(work, weights)


IMPLEMENTATIONS: dict[str, Implementation] = {
    "gradsim-events": Implementation("ours", "gradsim", True, (("engine", "events"),)),
    "gradsim-torch": Implementation("ours", "gradsim", True, (("engine", "torch"),)),
    "spytorch-unbind": Implementation("spytorch_unbind", "torch"),
    "spytorch-bf16": Implementation("spytorch_unbind", "torch", False, (("cast", "bfloat16"),)),
    "torch-sparse": Implementation("sparse_csr", "torch"),
    "jax-scan": Implementation("jax_scan", "jax"),
    "snntorch": Implementation("snntorch", "snntorch"),
    "norse": Implementation("norse", "norse"),
    "spikingjelly": Implementation("spikingjelly", "spikingjelly"),
    "sinabs": Implementation("sinabs", "sinabs"),
}
