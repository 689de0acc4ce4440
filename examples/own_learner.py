"""A learner of your own, in one file: the nearest class mean. It runs beside all others by

    python -m study.run compare --plugin examples/own_learner.py --set mean.shrink=0,0.5

and ``list settings mean`` tells what can be set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from study.data.samples import Samples
from study.data.task import Classes
from study.learners import LearnerEntry
from study.learners.dense import evaluate, features
from study.learning.contract import Artefacts, Evaluation
from study.trials.trial import Progress


@dataclass(frozen=True)
class MeanConfig:
    """Settings.

    Parameters
    ----------
    shrink
        Share of the way by which class means are drawn to the mean of all.
    """

    shrink: float = 0.0


def preset(_profile: str, _dataset: str) -> MeanConfig:
    """Return the settings, the same for all profiles and data sets."""
    return MeanConfig()


class MeanLearner:
    """The class whose mean is nearest; see `study.learning.contract.Learner`."""

    def __init__(self, config: MeanConfig, task: Classes) -> None:
        self.config, self.task = config, task

    def fit(
        self, train: Samples, validation: Samples, rng: np.random.Generator, progress: Progress
    ) -> None:
        """Take the means; nothing is chosen on ``validation``."""
        inputs, labels = features(train, 10), train.labels  # events in ten bins of time
        means = np.stack([inputs[labels == label].mean(0) for label in np.unique(labels)])
        self.means = means + self.config.shrink * (inputs.mean(0) - means)

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:
        """Classify by ``|x - m|^2``, of which ``|x|^2`` is the same for all means ``m``."""
        inputs = features(samples, 10)
        return evaluate(self._nearest, self.weights(), inputs, samples.labels, self.task)

    def _nearest(self, inputs: np.ndarray) -> np.ndarray:
        return (inputs @ self.means.T - (self.means**2).sum(1) / 2).argmax(1)

    def keep(self) -> Artefacts:
        """Return what is worth keeping beside the record."""
        return Artefacts(arrays={"means": self.means})

    def weights(self) -> dict[str, np.ndarray]:
        """Return what was learned: with this capability the learner can lose synapses."""
        return {"input": self.means}

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> MeanLearner:
        """Return the same learner with these weights."""
        other = MeanLearner(self.config, self.task)
        other.means = weights["input"]
        return other


ENTRY = LearnerEntry(__name__, "MeanConfig", "MeanLearner", ("images",), 1, "baseline", "a mean")
LEARNERS = {"mean": ENTRY}
