"""What an inference costs, layer by layer, as counts: operations of a system, whatever runs it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from study.learning.stopwatch import Timing


@dataclass(frozen=True)
class Layer:
    """What a layer does for one sample, on average, and what leaves it.

    Parameters
    ----------
    name
        In tables and figures; unique in a system.
    spikes
        Spikes of the layer; None where it has none to give: a read-out, real-valued units.
    additions
        Synaptic operations: its spikes times their non-zero outgoing weights (NeuroBench's
        Effective_ACs).
    macs
        Multiply-accumulates of its real-valued activations with non-zero outgoing weights.
    updates
        Updates of its neurons: neurons times steps.
    states
        Numbers that an update changes in a neuron: 2 for membrane potential and current.
    weights
        Weights that leave it.
    """

    name: str
    spikes: float | None = None
    additions: float = 0.0
    macs: float = 0.0
    updates: float = 0.0
    states: int = 0
    weights: int = 0


@dataclass(frozen=True)
class Cost:
    """What an inference costs, by layer, and how long it takes here.

    Examples
    --------
    >>> cost = Cost((Layer("input", spikes=20, additions=200), Layer("hidden", 5, 50, updates=100)))
    >>> cost.spikes, cost.additions, cost.updates
    (25, 250, 100)
    """

    layers: tuple[Layer, ...]
    timing: Timing = field(default_factory=Timing)

    @property
    def spikes(self) -> float | None:
        """Spikes of all layers; None where none spikes."""
        counts = self.spikes_by_layer
        return sum(counts.values()) if counts else None

    @property
    def spikes_by_layer(self) -> dict[str, float]:
        """Spikes of those layers that spike, by name."""
        return {layer.name: layer.spikes for layer in self.layers if layer.spikes is not None}

    @property
    def additions(self) -> float:
        """Synaptic operations of all layers."""
        return _sum(layer.additions for layer in self.layers)

    @property
    def macs(self) -> float:
        """Multiply-accumulates of all layers."""
        return _sum(layer.macs for layer in self.layers)

    @property
    def updates(self) -> float:
        """Updates of all neurons."""
        return _sum(layer.updates for layer in self.layers)

    def columns(self) -> dict[str, float | str | None]:
        """Return the measures of a trial under the names that they have in its record."""
        spiking = self.spikes_by_layer
        return {
            "spikes_per_sample": self.spikes,
            **{f"spikes_{name}_per_sample": spikes for name, spikes in spiking.items()},
            "synops_per_sample": self.additions if spiking else None,
            "macs_per_sample": self.macs,
            "neuron_updates_per_sample": self.updates,
            "state_updates_per_sample": _sum(layer.updates * layer.states for layer in self.layers),
            "n_weights": sum(layer.weights for layer in self.layers),
            "inference_ms_per_sample": self.timing.ms_per_sample,
            "inference_method": self.timing.method,
        }


def _sum(values: Iterable[float]) -> float:
    return float(sum(values))
