"""What each setting of a grid does: level means, differences, and shares of variance.

Every function takes a response ``[N]`` of N runs and the levels of its factors, ``{name: [N]}``,
and estimates by least squares, so that a grid with gaps and an orthogonal fraction are as welcome
as a whole grid. Levels are categories; nothing is assumed to be linear in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from study.analysis.comparison import MIN_SEEDS, Strength, strength
from study.analysis.stats import LEVEL, Interval, holm, mean_interval, simultaneous

Factors = Mapping[str, np.ndarray]
"""Levels of each factor in the N runs, ``[N]`` each."""

ESTIMABLE = 1e-8  # largest deviation of a contrast from what the runs span
ROUNDING = 1e-10  # of the largest response: what is smaller is taken for none
MIN_DF = 4  # of the residual, for interactions to be estimated
UNKNOWN = Interval(float("nan"), float("nan"), float("nan"))

_Wanted = tuple[str, Any, Any]  # factor, level, and the level to subtract or None
_Estimate = tuple[Interval, int, int]  # degrees of freedom, and seeds that are the replicates
_Columns = dict[tuple[str, ...], np.ndarray]
_Rows = dict[str, dict[Any, np.ndarray]]


class Difference(NamedTuple):
    """The difference between two levels of a factor, the others averaged over."""

    factor: str
    high: Any
    low: Any
    interval: Interval
    df: int  # of the interval
    n_seeds: int  # that are the replicates; none where the other settings are

    @property
    def strength(self) -> Strength:
        """How sure the difference is."""
        return strength(self.interval, self.n_seeds)

    def turned(self) -> Difference:
        """Return the difference the other way round."""
        mean, low, high = self.interval
        return self._replace(high=self.low, low=self.high, interval=Interval(-mean, -high, -low))


class Term(NamedTuple):
    """A main effect (one name) or an interaction (two) in an analysis of variance."""

    names: tuple[str, ...]
    share: float  # of the total sum of squares
    df: int
    p: float  # of the F test, corrected by Holm for all terms


@dataclass(frozen=True)
class Variance:
    """Where the variance of a response comes from.

    Parameters
    ----------
    terms
        Main effects, then two-way interactions.
    rest
        Share of what no term explains: higher interactions and chance.
    noise
        Standard deviation of the rest, in units of the response; NaN without degrees of freedom.
    df
        Degrees of freedom of the rest.
    """

    terms: tuple[Term, ...]
    rest: float
    noise: float
    df: int

    def share(self, *names: str) -> float:
        """Return the share of a term; NaN where it was not estimated."""
        return next((t.share for t in self.terms if set(t.names) == set(names)), float("nan"))


def level_means(
    response: np.ndarray, factors: Factors, seeds: np.ndarray
) -> dict[str, dict[Any, Interval]]:
    """Return the mean at each level with its 95 % interval, the other factors averaged over.

    Of a whole grid these are the plain means. The intervals are those of `level_differences`.
    """
    wanted = [(name, level, None) for name, values in factors.items() for level in _levels(values)]
    found: dict[str, dict[Any, Interval]] = {name: {} for name in factors}
    estimates = _replicated(response, factors, _replicates(factors, seeds, frozenset()), wanted)
    for (name, level, _), (interval, *_) in zip(wanted, estimates, strict=True):
        found[name][level] = interval
    return found


def level_differences(
    response: np.ndarray, factors: Factors, seeds: np.ndarray, nuisance: Set[str] = frozenset()
) -> list[Difference]:
    """Return the differences between all pairs of levels of each factor; see `at_once`.

    With three seeds or more the seeds are the replicates: the difference is estimated in each and
    the interval is Student's over them. A seed counts once its own runs tell apart all levels that
    the runs of all seeds do, so that one that has only begun takes nothing from the others. With
    fewer the other settings replicate each level: the model has main effects and, where enough
    runs tell them apart, two-way interactions, and what it leaves over, higher interactions and
    chance, gives the interval. That holds for these seeds and these levels of the other factors,
    not for others that might have been chosen.

    Parameters
    ----------
    response, factors
        Of N runs.
    seeds
        ``[N]``.
    nuisance
        Factors whose levels a seed need not tell apart to count, such as the machine.
    """
    wanted = [
        (name, high, low)
        for name, values in factors.items()
        for low, high in combinations(_levels(values), 2)
    ]
    found = _replicated(response, factors, _replicates(factors, seeds, nuisance), wanted)
    return [Difference(*pair, *estimate) for pair, estimate in zip(wanted, found, strict=True)]


def n_replicates(factors: Factors, seeds: np.ndarray) -> int:
    """Return how many seeds count (see `level_differences`); below `MIN_SEEDS` none replicates."""
    return len(_replicates(factors, seeds, frozenset()))


def at_once(differences: Sequence[Difference]) -> list[Difference]:
    """Return the differences with intervals that hold together, widened for their number."""
    known = [difference for difference in differences if not np.isnan(difference.interval.low)]
    return [_widened(difference, len(known)) for difference in differences]


def _widened(difference: Difference, n: int) -> Difference:
    if difference.df < 1:
        return difference
    from scipy import stats

    alone, together = (
        float(stats.t.ppf((1 + level) / 2, difference.df)) for level in (LEVEL, simultaneous(n))
    )
    mean, low, high = difference.interval
    ends = (mean + (end - mean) * together / alone for end in (low, high))
    return difference._replace(interval=Interval(mean, *ends))


def variance(
    response: np.ndarray, factors: Factors, seeds: np.ndarray, nuisance: Set[str] = frozenset()
) -> Variance:
    """Return the shares of variance of main effects and two-way interactions (type II).

    Of a whole grid this is the functional ANOVA: the terms are orthogonal and the shares add up
    to one. Interactions are left out where too few runs are left for the error of the F tests; so
    is every term that the runs cannot tell from others. Where seeds are the replicates (see
    `level_differences`) that error is the interaction of the term with the seeds, else what no
    term explains.

    References
    ----------
    Hutter, Hoos & Leyton-Brown, ICML 2014 (functional ANOVA); Langsrud, Stat. Comput. 13:163-167
    (2003), doi:10.1023/A:1023260610025 (type II).
    """
    columns = _columns(factors, _order(response, factors))
    total = float(((response - response.mean()) ** 2).sum())
    rest = _residual(response, list(columns.values()))
    explained = {names: _explained(response, columns, names) for names in columns}
    parts = _replicates(factors, seeds, nuisance)
    kept = np.any(parts, axis=0) if len(parts) >= MIN_SEEDS else np.full(len(seeds), False)
    own = {names: block[kept] for names, block in columns.items()}
    p_values = [
        _f_test(
            _explained(response[kept], own, names),
            _with_seeds(response[kept], own, names, seeds[kept]),
        )
        if kept.any() and nuisance.isdisjoint(names)
        else _f_test(explained[names], rest)
        for names in columns
    ]
    shares = [found.squares / total if total > 0 else 0.0 for found in explained.values()]
    dfs = [found.df for found in explained.values()]
    terms = map(Term, columns, shares, dfs, holm(p_values))
    # What the runs cannot tell from other terms has lost degrees of freedom to them.
    told = tuple(term for term in terms if term.df == columns[term.names].shape[1])
    return Variance(
        told,
        rest.squares / total if total > 0 else 0.0,
        (rest.squares / rest.df) ** 0.5 if rest.df > 0 else float("nan"),
        rest.df,
    )


class _Squares(NamedTuple):
    """A sum of squares and its degrees of freedom."""

    squares: float
    df: int


class _Fit(NamedTuple):
    """Least squares: coefficients, the pseudo-inverse of the design, its span, the residual."""

    coefficients: np.ndarray
    inverse: np.ndarray
    span: np.ndarray
    residual: _Squares

    def estimates(self, row: np.ndarray) -> bool:
        """Whether the runs span ``row``."""
        return bool(np.abs(row @ self.span - row).max() <= ESTIMABLE)

    def interval(self, row: np.ndarray) -> Interval:
        """Return the estimate of ``row @ coefficients`` with its 95 % interval."""
        if not self.estimates(row):
            return UNKNOWN
        mean, error = float(row @ self.coefficients), self.error(row)
        if np.isnan(error):
            return Interval(mean, float("nan"), float("nan"))
        from scipy import stats

        half = float(stats.t.ppf(0.975, self.residual.df)) * error
        return Interval(mean, mean - half, mean + half)

    def error(self, row: np.ndarray) -> float:
        """Return the standard error of ``row @ coefficients``."""
        squares, df = self.residual
        if df < 1:
            return float("nan")
        return float((squares / df) ** 0.5 * np.linalg.norm(row @ self.inverse))


def _explained(response: np.ndarray, columns: _Columns, names: tuple[str, ...]) -> _Squares:
    """Return what a term explains of what the terms without its factors leave (type II)."""
    others = [block for other, block in columns.items() if not set(names) <= set(other)]
    return _gain(response, others, columns[names])


def _with_seeds(
    response: np.ndarray, columns: _Columns, names: tuple[str, ...], seeds: np.ndarray
) -> _Squares:
    """Return what the interaction of a term with the seeds explains."""
    seed = np.stack([seeds == value for value in np.unique(seeds)[1:]], axis=1).astype(float)
    interaction = (columns[names][:, :, None] * seed[:, None, :]).reshape(len(seeds), -1)
    return _gain(response, [*columns.values(), seed], interaction)


def _gain(response: np.ndarray, blocks: list[np.ndarray], block: np.ndarray) -> _Squares:
    without, with_it = (_residual(response, kept) for kept in (blocks, [*blocks, block]))
    return _Squares(without.squares - with_it.squares, without.df - with_it.df)


def _f_test(effect: _Squares, error: _Squares) -> float:
    """Return the p value of the ratio of two mean squares; NaN where there is none."""
    if effect.df < 1 or error.df < 1 or error.squares <= 0:
        return float("nan")
    from scipy import stats

    ratio = (effect.squares / effect.df) / (error.squares / error.df)
    return float(stats.f.sf(ratio, effect.df, error.df))


def _replicates(factors: Factors, seeds: np.ndarray, nuisance: Set[str]) -> list[np.ndarray]:
    """Return which runs are those of each seed that counts, ``[N]`` each."""
    required = _told(factors, np.full(len(seeds), True)) - nuisance
    parts = [seeds == seed for seed in np.unique(seeds)]
    return [part for part in parts if _told(factors, part) >= required]


def _told(factors: Factors, part: np.ndarray) -> set[str]:
    """Return the factors all of whose levels some of the runs tell apart by themselves."""
    own = {name: values[part] for name, values in factors.items()}
    fit, rows = _least_squares(np.zeros(part.sum()), _columns(own, order=1)), _rows(own, order=1)
    return {
        name
        for name, values in factors.items()
        if len(rows[name]) == len(_levels(values))
        and all(fit.estimates(row) for row in rows[name].values())
    }


def _order(response: np.ndarray, factors: Factors) -> int:
    """Return 2 if the runs tell two-way interactions from main effects and chance, else 1."""
    fit = _least_squares(response, _columns(factors, order=2))
    rows = _rows(factors, order=2).values()
    told = all(fit.estimates(row) for found in rows for row in found.values())
    return 2 if told and fit.residual.df >= MIN_DF else 1


def _fit(response: np.ndarray, factors: Factors) -> tuple[_Fit, _Rows]:
    """Return the richest fit that tells all levels apart, and the rows of their means."""
    order = _order(response, factors)
    return _least_squares(response, _columns(factors, order)), _rows(factors, order)


def _least_squares(response: np.ndarray, columns: _Columns) -> _Fit:
    blocks = list(columns.values())
    design = np.column_stack([np.ones(len(response)), *blocks])
    inverse = np.linalg.pinv(design)
    return _Fit(inverse @ response, inverse, inverse @ design, _residual(response, blocks))


def _replicated(
    response: np.ndarray,
    factors: Factors,
    replicates: Sequence[np.ndarray],
    wanted: Sequence[_Wanted],
) -> list[_Estimate]:
    """Return means and differences: over the replicates where enough of them know it."""
    together = _estimates(response, factors, wanted)
    each = [
        _estimates(response[part], {name: v[part] for name, v in factors.items()}, wanted)
        for part in (replicates if len(replicates) >= MIN_SEEDS else ())
    ]
    found = []
    for pooled, *own in zip(together, *each, strict=True):
        known = [estimate for estimate in own if not np.isnan(estimate[0].mean)]
        found.append(_combined(known) if len(known) >= MIN_SEEDS else pooled)
    return found


def _estimates(
    response: np.ndarray, factors: Factors, wanted: Sequence[_Wanted]
) -> list[_Estimate]:
    """Return each mean or difference with its interval; unknown where a level is absent."""
    fit, rows = _fit(response, factors)
    rounding = ROUNDING * float(np.abs(response).max())
    found = []
    for name, high, low in wanted:
        if high not in rows[name] or (low is not None and low not in rows[name]):
            found.append((UNKNOWN, 0, 0))
            continue
        row = rows[name][high] - (0 if low is None else rows[name][low])
        mean, *ends = fit.interval(row)
        mean = 0.0 if abs(mean) <= rounding else mean
        found.append((Interval(mean, *ends), fit.residual.df, 0))
    return found


def _combined(estimates: Sequence[_Estimate]) -> _Estimate:
    """Return what replicates of an estimate say together."""
    n_seeds = len(estimates)
    return mean_interval([interval.mean for interval, *_ in estimates]), n_seeds - 1, n_seeds


def _levels(values: np.ndarray) -> list[Any]:
    return np.unique(values).tolist()


def _columns(factors: Factors, order: int) -> _Columns:
    """Return the columns of main effects and, with ``order`` 2, of two-way interactions.

    A main effect has ``[N, levels - 1]`` indicators of its levels but the first, an interaction
    the products of two of them.
    """
    main: _Columns = {
        (name,): np.stack([values == level for level in _levels(values)[1:]], axis=1).astype(float)
        for name, values in factors.items()
        if len(_levels(values)) > 1
    }
    pairs: _Columns = {
        a + b: (main[a][:, :, None] * main[b][:, None, :]).reshape(len(main[a]), -1)
        for a, b in combinations(main, 2)
    }
    return main | pairs if order == 2 else main


def _rows(factors: Factors, order: int) -> _Rows:
    """Return, by level, the row of coefficients of its mean over equal weights of the others."""
    levels = {name: _levels(values) for name, values in factors.items()}
    averaged = {name: np.full(len(found) - 1, 1 / len(found)) for name, found in levels.items()}
    rows: _Rows = {}
    for name, found in levels.items():
        rows[name] = {}
        for level, unit in zip(found, np.eye(len(found))[:, 1:], strict=True):
            parts = [part for part in {**averaged, name: unit}.values() if part.size]
            pairs = [np.outer(a, b).ravel() for a, b in combinations(parts, 2)]
            rows[name][level] = np.concatenate([[1.0], *parts, *(pairs if order == 2 else [])])
    return rows


def _residual(response: np.ndarray, blocks: list[np.ndarray]) -> _Squares:
    design = np.column_stack([np.ones(len(response)), *blocks])
    coefficients, _, rank, _ = np.linalg.lstsq(design, response, rcond=None)
    squares = float(((response - design @ coefficients) ** 2).sum())
    rounding = ROUNDING**2 * float((response**2).sum())
    return _Squares(squares if squares > rounding else 0.0, len(response) - int(rank))
