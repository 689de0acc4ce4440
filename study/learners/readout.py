"""A linear read-out of features that nobody taught, its penalty chosen on validation.

Fan et al., "LIBLINEAR", J. Mach. Learn. Res. 9:1871-1874, 2008: one class against the rest, squared
hinge loss, L2 penalty. What reads its features this way has labels in its read-out alone; a sample
costs one multiply-accumulate a feature that is not zero and a class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from scipy import sparse

from study.trials.trial import Progress, no_progress

Features: TypeAlias = np.ndarray | sparse.csr_array
MAX_ITERATIONS = 1000


@dataclass(frozen=True)
class Readout:
    """A linear classifier of ``F`` features into ``C`` classes.

    Parameters
    ----------
    weights, bias
        ``[F, C]`` and ``[C]``.
    classes
        ``[C]`` the label of each column: those that were seen in training.
    inverse_penalty
        C of the one that was kept.
    accuracy
        In percent, on the samples that chose it.
    """

    weights: np.ndarray
    bias: np.ndarray
    classes: np.ndarray
    inverse_penalty: float
    accuracy: float

    def answers(self, features: Features) -> np.ndarray:
        """Return the class of each row of ``[N, F]`` features."""
        return self.classes[np.argmax(features @ self.weights + self.bias, axis=1)]


def fit_readout(
    train: tuple[Features, np.ndarray],
    validation: tuple[Features, np.ndarray],
    inverse_penalties: Sequence[float],
    rng: np.random.Generator,
    progress: Progress = no_progress,
) -> Readout:
    """Fit once for each penalty and keep the best on ``validation``, of equals the first.

    Parameters
    ----------
    train, validation
        Features ``[N, F]``, dense or CSR, and labels ``[N]``.
    inverse_penalties
        Inverse L2 strengths.
    rng
        Draws the order in which the solver visits samples.
    progress
        Told after each fit.

    Examples
    --------
    >>> features, labels = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([4, 4, 9, 9])
    >>> found = fit_readout((features, labels), (features, labels), [10], np.random.default_rng(0))
    >>> found.answers(features), found.accuracy
    (array([4, 4, 9, 9]), 100.0)
    """
    best: Readout | None = None
    seed = int(rng.integers(2**31))
    for done, inverse_penalty in enumerate(inverse_penalties):
        found = _fitted(*train, inverse_penalty, seed)
        features, labels = validation
        accuracy = 100 * float(np.mean(found.answers(features) == labels))
        if best is None or accuracy > best.accuracy:
            best = replace(found, accuracy=accuracy)
        progress((done + 1) / len(inverse_penalties), f"C = {inverse_penalty:g}")
    if best is None:
        raise ValueError("inverse_penalties must hold at least one number")
    return best


def _fitted(features: Features, labels: np.ndarray, inverse_penalty: float, seed: int) -> Readout:
    """Return the classifier of one penalty; of two classes, one column is minus the other."""
    from sklearn.svm import LinearSVC

    model = LinearSVC(C=inverse_penalty, random_state=seed, max_iter=MAX_ITERATIONS)
    model.fit(features, labels)
    weights, bias = model.coef_, model.intercept_
    if len(weights) == 1:
        weights, bias = np.vstack([-weights, weights]), np.concatenate([-bias, bias])
    return Readout(weights.T.copy(), bias, model.classes_, float(inverse_penalty), 0.0)
