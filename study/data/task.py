"""What is asked of a system that learns: a data set says it, a learner says which it can do.

The labels of samples have the shape that the task gives them. Each task scores answers by the
measures that it names; the first is the one that validation chooses by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np

NOTHING_ASKED = -1  # a label where no answer counts


@dataclass(frozen=True)
class Classes:
    """One of ``n`` classes a sample; labels ``[N]`` int64 in 0..n-1.

    Examples
    --------
    >>> Classes(3).scores(np.array([0, 2, 1, 1]), np.array([0, 2, 2, 1]))
    {'accuracy': 0.75}
    """

    n: int
    kind: ClassVar[str] = "classes"
    measures: ClassVar[tuple[str, ...]] = ("accuracy",)

    def scores(self, answers: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """Return the share of right answers ``[N]``."""
        return {"accuracy": float(np.mean(answers == labels))}


@dataclass(frozen=True)
class Symbols:
    """One of ``n`` symbols at each step of a sequence where one is asked for.

    Labels are ``[N, S]`` int64: a symbol in 0..n-1, or `NOTHING_ASKED`.

    Examples
    --------
    >>> labels = np.array([[0, -1], [1, 1]])
    >>> Symbols(2).scores(np.array([[0, 1], [1, 0]]), labels)
    {'symbol_accuracy': 0.6666666666666666, 'sequence_accuracy': 0.5}
    """

    n: int
    kind: ClassVar[str] = "symbols"
    measures: ClassVar[tuple[str, ...]] = ("symbol_accuracy", "sequence_accuracy")

    def scores(self, answers: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """Return the share of right symbols, and of sequences without a wrong one.

        Raises
        ------
        ValueError
            If no symbol is asked for.
        """
        asked = labels != NOTHING_ASKED
        if not asked.any():
            raise ValueError("these sequences ask for no symbol")
        right = answers == labels
        return {
            "symbol_accuracy": float(np.mean(right[asked])),
            "sequence_accuracy": float(np.mean((right | ~asked).all(axis=1))),
        }


@dataclass(frozen=True)
class Signals:
    """Real numbers to be given back; labels are the wanted signals, ``[N, ...]``.

    Examples
    --------
    >>> Signals().scores(np.array([[0.0], [2.0]]), np.array([[0.0], [1.0]]))
    {'mse': 0.5, 'mse_of_mean': 0.25}
    """

    kind: ClassVar[str] = "signals"
    measures: ClassVar[tuple[str, ...]] = ("mse", "mse_of_mean")

    def scores(self, answers: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        """Return the mean squared error, and that of answering with the mean signal always."""
        mean = labels.mean(axis=0)
        return {
            "mse": float(np.mean((answers - labels) ** 2)),
            "mse_of_mean": float(np.mean((mean - labels) ** 2)),
        }


Task: TypeAlias = Classes | Symbols | Signals


def own_score(task: Task, scores: Mapping[str, float]) -> float:
    """Return the score that validation chooses by."""
    return scores[task.measures[0]]
