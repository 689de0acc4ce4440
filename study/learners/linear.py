"""Baseline: multinomial logistic regression on pixels or binned spike counts."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from study.data.samples import Samples
from study.data.task import Task
from study.learners.dense import CODES, evaluate, features
from study.learning.conditions import Conditions
from study.learning.contract import Artefacts, Evaluation
from study.trials.trial import Progress


@dataclass(frozen=True)
class LinearConfig:
    """Settings.

    Parameters
    ----------
    inverse_penalties
        Inverse L2 strengths; the one with the best validation accuracy is used.
    max_iterations
        Of the solver (L-BFGS).
    time_bins
        Spike events are counted in this many bins; images ignore it.
    """

    inverse_penalties: tuple[float, ...] = (0.01, 0.1, 1.0, 10.0)
    max_iterations: int = 2000
    time_bins: int = 10

    def __post_init__(self) -> None:
        if not self.inverse_penalties or min(self.inverse_penalties) <= 0:
            raise ValueError("inverse_penalties must be positive numbers, at least one")
        if self.max_iterations < 1 or self.time_bins < 1:
            raise ValueError("max_iterations and time_bins must be at least 1")

    def conditions(self, n_train: int, kind: str) -> Conditions:
        """Return under which conditions the classifier learns."""
        chosen = f"the penalty, of {len(self.inverse_penalties)}"
        return Conditions(CODES[kind], "none", n_train, chosen=chosen)


def preset(_profile: str, _dataset: str) -> LinearConfig:
    """Return the same settings everywhere."""
    return LinearConfig()


class LinearLearner:
    """Logistic regression; see `study.learning.contract.Learner`."""

    def __init__(self, config: LinearConfig, task: Task) -> None:
        self.config, self.task = config, task

    def prepare(self, train: Samples) -> None:  # noqa: ARG002
        """Import what `fit` needs; only to plan trials, that would take too long."""
        import sklearn.linear_model  # noqa: F401

    def fit(
        self,
        train: Samples,
        validation: Samples,
        rng: np.random.Generator,  # noqa: ARG002 - the solver is deterministic
        progress: Progress,
    ) -> None:
        """Fit once for each penalty and keep the best on ``validation``."""
        from sklearn.linear_model import LogisticRegression

        inputs = features(train, self.config.time_bins)
        held_out = features(validation, self.config.time_bins)
        best = -1.0
        for done, inverse_penalty in enumerate(self.config.inverse_penalties):
            model = LogisticRegression(C=inverse_penalty, max_iter=self.config.max_iterations)
            model.fit(inputs, train.labels)
            accuracy = model.score(held_out, validation.labels)
            if accuracy > best:
                best, self._model, self._chosen = accuracy, model, inverse_penalty
            progress((done + 1) / len(self.config.inverse_penalties), f"C = {inverse_penalty:g}")

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:  # noqa: ARG002
        """Classify ``samples``."""
        inputs = features(samples, self.config.time_bins)
        return evaluate(self._model.predict, self.weights(), inputs, samples.labels, self.task)

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights, ``[classes, features]``."""
        return {"input": self._model.coef_}

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> LinearLearner:
        """Return the same model with these weights."""
        other = copy.deepcopy(self)
        other._model.coef_ = weights["input"]
        return other

    def keep(self) -> Artefacts:
        """Return the chosen penalty."""
        return Artefacts(metrics={"chosen_inverse_penalty": self._chosen})
