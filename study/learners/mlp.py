"""Baseline: a multilayer perceptron on pixels or binned spike counts."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from study.data.samples import Samples
from study.data.task import Task
from study.learners.dense import CODES, evaluate, features
from study.learning.artefacts import NONE, Curve
from study.learning.conditions import Conditions
from study.learning.contract import Artefacts, Evaluation
from study.trials.trial import Progress

if TYPE_CHECKING:
    from sklearn.neural_network import MLPClassifier


LAYERS = ("input", "hidden")


@dataclass(frozen=True)
class MLPConfig:
    """One hidden layer of rectified linear units, Adam, cross entropy.

    Parameters
    ----------
    hidden
        Hidden layer size.
    learning_rate, batch_size, epochs
        Of Adam; the epoch with the best validation accuracy is kept.
    patience
        Training stops after this many epochs without a better validation accuracy.
    time_bins
        Spike events are counted in this many bins; images ignore it.
    """

    hidden: int = 100
    learning_rate: float = 1e-3
    batch_size: int = 32
    epochs: int = 100
    patience: int = 15
    time_bins: int = 10

    def __post_init__(self) -> None:
        if min(self.hidden, self.batch_size, self.epochs, self.patience, self.time_bins) < 1:
            raise ValueError(
                "hidden, batch_size, epochs, patience and time_bins must be at least 1"
            )
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be positive, not {self.learning_rate}")

    def conditions(self, n_train: int, kind: str) -> Conditions:
        """Return under which conditions the network learns."""
        return Conditions(CODES[kind], str(self.hidden), self.epochs * n_train)


def preset(_profile: str, _dataset: str) -> MLPConfig:
    """Return the same settings everywhere."""
    return MLPConfig()


class MLPLearner:
    """Multilayer perceptron; see `study.learning.contract.Learner`."""

    def __init__(self, config: MLPConfig, task: Task) -> None:
        self.config, self.task = config, task

    def prepare(self, train: Samples) -> None:  # noqa: ARG002
        """Import what `fit` needs; only to plan trials, that would take too long."""
        import sklearn.neural_network  # noqa: F401

    def fit(
        self,
        train: Samples,
        validation: Samples,
        rng: np.random.Generator,
        progress: Progress,
    ) -> None:
        """Train and keep the epoch that is best on ``validation``."""
        from sklearn.neural_network import MLPClassifier

        config = self.config
        model = MLPClassifier(
            hidden_layer_sizes=(config.hidden,),
            learning_rate_init=config.learning_rate,
            batch_size=min(config.batch_size, len(train)),
            random_state=int(rng.integers(2**31)),
        )
        inputs = features(train, config.time_bins)
        held_out = features(validation, config.time_bins)
        classes = np.unique(train.labels)
        accuracies: list[float] = []
        for epoch in range(config.epochs):
            model.partial_fit(inputs, train.labels, classes=classes)
            accuracies.append(model.score(held_out, validation.labels))
            best_epoch = int(np.argmax(accuracies))
            if best_epoch == epoch:
                weights = [[array.copy() for array in group] for group in _parameters(model)]
            progress((epoch + 1) / config.epochs, f"validation {accuracies[-1]:.3f}")
            if epoch - best_epoch >= config.patience:
                break
        model.coefs_, model.intercepts_ = weights
        self._model, self._best_epoch, self._accuracies = model, best_epoch, accuracies

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:  # noqa: ARG002
        """Classify ``samples``."""
        inputs = features(samples, self.config.time_bins)
        return evaluate(self._model.predict, self.weights(), inputs, samples.labels, self.task)

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights by the layer that they leave."""
        return dict(zip(LAYERS, self._model.coefs_, strict=True))

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> MLPLearner:
        """Return the same network with these weights."""
        other = copy.deepcopy(self)
        other._model.coefs_ = [weights[name] for name in LAYERS]
        return other

    def keep(self) -> Artefacts:
        """Return the chosen epoch, and validation accuracy after each."""
        epochs = np.arange(len(self._accuracies)) + 1
        return Artefacts(
            named=(Curve(epochs, NONE, NONE, np.array(self._accuracies)),),
            metrics={"best_epoch": self._best_epoch},
        )


def _parameters(model: MLPClassifier) -> tuple[list[np.ndarray], list[np.ndarray]]:
    return model.coefs_, model.intercepts_
