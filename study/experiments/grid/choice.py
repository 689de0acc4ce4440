"""Which combination of settings is chosen, by which accuracy, and what the choice costs."""

from __future__ import annotations

from dataclasses import dataclass
from math import isclose

import numpy as np

from study.analysis.comparison import ANSWERED, Difference, difference
from study.analysis.replicates import percent
from study.experiments.grid.grids import Level, base_of
from study.experiments.grid.runs import TRAIN, VALIDATION, Response, Runs
from study.trials.trial import Record

FAMILY = 0.05  # probability that any of the combinations leads by chance


@dataclass(frozen=True)
class Choice:
    """One combination of settings and its runs over seeds."""

    levels: dict[str, Level]
    records: tuple[Record, ...]

    def mean(self, response: Response) -> float:
        """Return the mean over seeds."""
        return float(np.mean([response.of(record.metrics) for record in self.records]))

    def test(self) -> str:
        """Return the test accuracy in percent with its interval over seeds and samples."""
        return percent(self.records, ANSWERED)


def choices(runs: Runs, response: Response) -> list[Choice]:
    """Return all combinations, the largest mean response first; ties in the order of the grid."""
    found: dict[tuple[Level, ...], list[Record]] = {}
    columns = [runs.levels(axis).tolist() for axis in runs.axes]
    rows = zip(*columns, strict=True) if columns else iter([()] * len(runs.records))
    for levels, record in zip(rows, runs.records, strict=True):
        found.setdefault(levels, []).append(record)
    names = [axis.name for axis in runs.axes]
    combinations = [
        Choice(dict(zip(names, levels, strict=True)), tuple(records))
        for levels, records in sorted(found.items())
    ]
    return sorted(combinations, key=lambda choice: -choice.mean(response))


def ties(runs: Runs, response: Response) -> list[Choice]:
    """Return the combinations with the largest mean response; with few samples many have it."""
    ranked = choices(runs, response)
    return [c for c in ranked if isclose(c.mean(response), ranked[0].mean(response))]


def lead_by_chance(runs: Runs, one: Choice, other: Choice, n_rivals: int) -> float:
    """Return the difference in training accuracy that chance alone exceeds in 5 % of families.

    A one-sided t test of a combination against each of ``n_rivals``, with Bonferroni's correction.
    The spread is that of the two over their seeds; with one seed that of what the settings leave
    unexplained where the network learns. NaN where neither is known.
    """
    from scipy import stats

    values = [np.array([TRAIN.of(r.metrics) for r in c.records]) for c in (one, other)]
    df = sum(len(of_seeds) - 1 for of_seeds in values)
    if df:
        spread = (sum(((v - v.mean()) ** 2).sum() for v in values) / df) ** 0.5
    else:
        found = runs.live.variance(TRAIN)
        spread, df = found.noise, found.df
    if not df:
        return float("nan")
    critical = float(stats.t.ppf(1 - FAMILY / max(1, n_rivals), df))
    return critical * spread * sum(1 / len(v) for v in values) ** 0.5


@dataclass(frozen=True)
class Comparison:
    """Two combinations, and the first's test accuracy minus the second's where seeds are shared."""

    first: Choice
    second: Choice
    difference: Difference | None


def compare(first: Choice, second: Choice) -> Comparison:
    """Compare two combinations on the same test samples."""
    return Comparison(first, second, difference(first.records, second.records, ANSWERED))


def cost_of_training_choice(runs: Runs) -> Comparison:
    """Return what the thesis's way of choosing, by training accuracy, costs."""
    validated, trained = (choices(runs, response)[0] for response in (VALIDATION, TRAIN))
    return compare(validated, trained)


def unsearched(runs: Runs) -> Choice | None:
    """Return the combination of the base, on the thesis's data SpyTorch's own, if it was run."""
    base = base_of(runs.dataset)
    wanted = {axis.name: getattr(base, axis.fields[0]) for axis in runs.axes}
    return next((c for c in choices(runs, VALIDATION) if c.levels == wanted), None)
