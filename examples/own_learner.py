"""A learner of your own, in one file: the nearest class mean.

    python -m study.run compare --plugin examples/own_learner.py

runs it beside all the others, on the same samples and with the same measures. ``list settings
mean`` tells what can be set; ``--set mean.shrink=0,0.5`` makes a grid of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from study.data.samples import Samples
from study.learners import LearnerEntry
from study.learners.dense import evaluate, features
from study.learning.contract import Artefacts, Evaluation, thinned
from study.trials.trial import Progress

TIME_BINS = 10  # in which spike events are counted


@dataclass(frozen=True)
class MeanConfig:
    """What can be set.

    Parameters
    ----------
    shrink
        Share of the way, 0..1, by which class means are drawn to the mean of all.
    """

    shrink: float = 0.0


def preset(_profile: str, _dataset: str) -> MeanConfig:
    """Return the settings for a profile and a data set: the same everywhere."""
    return MeanConfig()


class MeanLearner:
    """The class whose mean is nearest; see `study.learning.contract.Learner`."""

    def __init__(self, config: MeanConfig) -> None:
        self.config = config

    def prepare(self, train: Samples) -> None:
        """Import and compile what `fit` needs: nothing."""

    def fit(
        self, train: Samples, validation: Samples, rng: np.random.Generator, progress: Progress
    ) -> None:
        """Take the means; nothing is chosen, so validation samples are not used."""
        inputs, labels = features(train, TIME_BINS), train.labels
        means = np.stack([inputs[labels == label].mean(0) for label in np.unique(labels)])
        self.means = means + self.config.shrink * (inputs.mean(0) - means)

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:
        """Classify by ``|x - m|^2``, of which ``|x|^2`` is the same for all means ``m``."""
        inputs = features(samples, TIME_BINS)
        return evaluate(self._predict, [self.means], inputs, samples.labels)

    def _predict(self, inputs: np.ndarray) -> np.ndarray:
        return (inputs @ self.means.T - (self.means**2).sum(1) / 2).argmax(1)

    def artefacts(self) -> Artefacts:
        """Return what is worth keeping beside the record."""
        return Artefacts(arrays={"means": self.means})

    def without(self, share: float, rng: np.random.Generator) -> MeanLearner:
        """Return the learner after it lost a share of its weights."""
        lesser = MeanLearner(self.config)
        lesser.means = thinned(self.means, share, rng)
        return lesser


KINDS = ("images", "events", "traces")
LEARNERS = {"mean": LearnerEntry(__name__, "MeanConfig", "MeanLearner", KINDS, 1, "nearest mean")}
