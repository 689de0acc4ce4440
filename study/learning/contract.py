"""The learner contract: one small protocol that every system fulfils."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from study.data.samples import Samples
from study.trials.trial import Progress


@dataclass(frozen=True)
class Evaluation:
    """What one pass over samples showed.

    Parameters
    ----------
    predictions
        ``[N]`` predicted classes.
    accuracy
        Share of right predictions, 0..1.
    spikes_per_sample
        Mean number of spikes per sample by layer, input included as ``"input"``; empty for
        networks that do not spike.
    synops_per_sample
        Spikes times their non-zero outgoing weights (NeuroBench's Effective_ACs).
    macs_per_sample
        Multiply-accumulates of real-valued activations; 0 where all activations are spikes.
    neuron_updates_per_sample
        State updates of spiking neurons: neurons times time steps.
    inference_ms_per_sample
        Median over batches after a warm-up; ``inference_method`` says how.
    """

    predictions: np.ndarray
    accuracy: float
    spikes_per_sample: Mapping[str, float]
    synops_per_sample: float
    macs_per_sample: float
    neuron_updates_per_sample: float
    inference_ms_per_sample: float
    inference_method: str


@dataclass(frozen=True)
class Artefacts:
    """What a trained learner leaves for figures and for other trials."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    metrics: dict[str, float | str | None] = field(default_factory=dict)


class Learner(Protocol):
    """Something that learns a classification; configured by a frozen dataclass."""

    def prepare(self, train: Samples) -> None:
        """Import and compile what `fit` will use; it is timed apart and leaves no trace."""

    def fit(
        self,
        train: Samples,
        validation: Samples,
        rng: np.random.Generator,
        progress: Progress,
    ) -> None:
        """Learn from ``train``; choose on ``validation`` only."""

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:
        """Classify ``samples`` with everything frozen."""

    def artefacts(self) -> Artefacts:
        """Return arrays and files worth keeping; called once, after `fit`."""

    def without(self, share: float, rng: np.random.Generator) -> Learner:
        """Return the learner after it lost a random ``share`` of its learned synapses."""


@runtime_checkable
class NamedLater(Protocol):
    """A learner that needs no label to learn, and some to say what its neurons stand for."""

    def named_by(self, labelled: Samples, rng: np.random.Generator) -> Learner:
        """Return what was learned, named by these samples alone."""


def thinned(weights: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return weights of which a random ``share`` is zero."""
    return np.where(rng.random(weights.shape) < share, 0, weights).astype(weights.dtype)
