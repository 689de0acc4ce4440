"""The learner contract: what every system that learns fulfils, and what some can do besides.

A learner is built from its frozen configuration and the task that it is to do. It needs `fit`,
`evaluate` and `keep`. Everything else is a capability, a protocol of its own that is asked for by
``isinstance``: a system that lacks one lacks no more than what is asked of it there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from study.data.samples import Samples
from study.learning.artefacts import Named
from study.learning.cost import Cost
from study.trials.trial import Outcome, Progress


@dataclass(frozen=True)
class Evaluation:
    """What one pass over samples showed.

    Parameters
    ----------
    answers
        What the system answered, in the shape of the task's labels.
    scores
        How good that is: the measures of the task, and then those of other read-outs, if there
        are any, under names of their own.
    cost
        What an answer cost.
    """

    answers: np.ndarray
    scores: Mapping[str, float]
    cost: Cost


@dataclass(frozen=True)
class Artefacts:
    """What a trained learner leaves for figures and for other trials.

    Parameters
    ----------
    named
        Curves, filters, rasters and reconstructions: what any reader knows how to draw.
    arrays
        Arrays of the system's own, by names of its own.
    files
        Whole files by suffix.
    metrics
        Numbers and words for the table of trials.
    """

    named: tuple[Named, ...] = ()
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    metrics: dict[str, float | str | None] = field(default_factory=dict)

    def all_arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays to keep, what is known under the names that all systems share."""
        known = {name: value for each in self.named for name, value in each.arrays().items()}
        return {**known, **self.arrays}


@runtime_checkable
class Learner(Protocol):
    """Something that learns; built from a frozen dataclass and a `study.data.task.Task`."""

    def fit(
        self,
        train: Samples,
        validation: Samples,
        rng: np.random.Generator,
        progress: Progress,
    ) -> None:
        """Learn from ``train``; choose on ``validation`` only."""

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:
        """Answer ``samples`` with everything frozen, and note nothing of it."""

    def keep(self) -> Artefacts:
        """Return what is worth keeping of what `fit` learned."""


@runtime_checkable
class Compiles(Protocol):
    """A learner that imports or compiles before it learns, once a process."""

    def prepare(self, train: Samples) -> None:
        """Do so; it is timed apart and leaves no trace."""


@runtime_checkable
class Weighted(Protocol):
    """A learner whose learned weights can be taken out, changed and put back."""

    def weights(self) -> Mapping[str, np.ndarray]:
        """Return the learned weights by name, in a fixed order."""

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> Self:
        """Return the same learner with these weights; nothing else differs."""


@runtime_checkable
class NamedLater(Protocol):
    """A learner that needs no label to learn, and some to say what its neurons stand for."""

    def named_by(self, labelled: Samples, rng: np.random.Generator) -> Learner:
        """Return what was learned, named by these samples alone."""


@runtime_checkable
class Refits(Protocol):
    """A learner that can train again on everything, for as long as a first training chose."""

    def refit(self, train: Samples, rng: np.random.Generator, progress: Progress) -> None:
        """Learn from ``train`` with nothing held out."""


@runtime_checkable
class OverTime(Protocol):
    """A learner whose answer to a sample gets better the longer it is asked."""

    def scores_by_step(self, samples: Samples, rng: np.random.Generator) -> np.ndarray:
        """Return the task's own score after each step, ``[T]``."""


@runtime_checkable
class Taught(Protocol):
    """A learner that begins from what others have learned; its configuration is a `Pupil`."""

    def taught_by(self, teachers: Sequence[Outcome]) -> None:
        """Take what the trials of the configuration's teachers left; called before `fit`."""


@runtime_checkable
class Pupil(Protocol):
    """A configuration whose learner builds on trials of other learners."""

    def teachers(self) -> Sequence[tuple[str, Any]]:
        """Return the learners by name and their configurations."""
