"""One network beside another: by how much it differs, and how sure that is, by one written rule.

**The rule.** A difference is *sure* where its interval leaves out zero and *tied* where it holds
zero. From fewer than `MIN_SEEDS` seeds nothing is concluded (*too few seeds*), and nothing where
data or implementation are not the same (*not comparable*). Intervals are of `stats.LEVEL`, and of
several comparisons that stand together they hold at once (Bonferroni). A tie is no proof that two
networks are equal.

**The interval** is over seeds and, of accuracies, over samples: paired by sample where all networks
answered the same ones and the answers were kept, else as if each had met samples of its own, which
is wider. Symbols of a sequence are not independent: of sequences it is over seeds alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from study.analysis.replicates import n_samples
from study.analysis.stats import (
    Interval,
    accuracy_difference,
    mean_interval,
    paired_accuracy_interval,
    simultaneous,
)
from study.trials.trial import Record

MIN_SEEDS = 3  # below it nothing is concluded
ANSWERED = "test_accuracy"  # the metric of which answers were kept, sample by sample
ANSWERS = ("test_predictions", "test_labels")

RULE = (
    "A difference is called sure where its interval leaves out zero and tied where it holds zero, "
    f"which is no proof of equality; from fewer than {MIN_SEEDS} seeds nothing is concluded."
)


class Strength(StrEnum):
    """How sure a difference is; see the rule above."""

    SURE = "sure"
    TIED = "tied"
    FEW = "too few seeds"
    OTHER = "not comparable"


class Difference(NamedTuple):
    """First minus second over the seeds that both have."""

    interval: Interval
    n_seeds: int

    @property
    def strength(self) -> Strength:
        """How sure the difference is."""
        return strength(self.interval, self.n_seeds)


def strength(interval: Interval, n_seeds: int) -> Strength:
    """Return how sure a difference is by its interval.

    Examples
    --------
    >>> str(strength(Interval(2.0, 1.0, 3.0), 3)), str(strength(Interval(2.0, -1.0, 5.0), 3))
    ('sure', 'tied')
    >>> str(strength(Interval(2.0, 1.0, 3.0), 1))
    'too few seeds'
    """
    if n_seeds < MIN_SEEDS:
        return Strength.FEW
    return Strength.SURE if interval.low > 0 or interval.high < 0 else Strength.TIED


def difference(
    first: Sequence[Record], second: Sequence[Record], metric: str, n_compared: int = 1
) -> Difference | None:
    """Return first minus second in a metric; None where no seed has it in both.

    Parameters
    ----------
    first, second
        Replicates of two configurations.
    metric
        Its name.
    n_compared
        How many differences stand together, of which this is one.
    """
    one, other = ({r.trial.seed: r for r in group if _has(r, metric)} for group in (first, second))
    seeds = sorted(one.keys() & other.keys())
    if not seeds:
        return None
    ours, theirs = [one[seed] for seed in seeds], [other[seed] for seed in seeds]
    return Difference(_interval(ours, theirs, metric, simultaneous(n_compared)), len(seeds))


def _has(record: Record, metric: str) -> bool:
    return record.metrics.get(metric) is not None


def _interval(
    ours: Sequence[Record], theirs: Sequence[Record], metric: str, level: float
) -> Interval:
    """Return the interval of a difference between records of the same seeds, in their order."""
    if metric == ANSWERED and (right := _paired(ours, theirs)):
        return paired_accuracy_interval(*right, level)
    values = [[float(r.metrics[metric]) for r in side] for side in (ours, theirs)]
    sizes = [n_samples(side, metric) for side in (ours, theirs)]
    if sizes[0] is None or sizes[1] is None:
        return mean_interval(np.subtract(values[0], values[1]).tolist(), level=level)
    return accuracy_difference(values[0], values[1], (sizes[0], sizes[1]), level)


def _paired(
    ours: Sequence[Record], theirs: Sequence[Record]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return whether each answer is right, ``[seeds, samples]`` of both.

    None where answers were not kept, or where not all are answers to the same samples.
    """
    found = [_answers(record) for record in (*ours, *theirs)]
    known = [both for both in found if both is not None]
    if len(known) < len(found):
        return None
    answers, labels = zip(*known, strict=True)
    if not all(np.array_equal(labels[0], of) for of in labels):
        return None
    right = np.stack(answers) == labels[0]
    return right[: len(ours)], right[len(ours) :]


def _answers(record: Record) -> tuple[np.ndarray, np.ndarray] | None:
    """Return answers and labels of the test samples, where they were kept."""
    arrays = record.read_arrays(ANSWERS)
    if not all(name in arrays for name in ANSWERS):
        return None
    answers, labels = (arrays[name] for name in ANSWERS)
    return answers, labels
