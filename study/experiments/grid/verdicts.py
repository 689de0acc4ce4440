"""Rules that judge the thesis's claims by the runs; each is written down in `RULES` too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from study.analysis.comparison import MIN_SEEDS, Strength
from study.analysis.effects import UNKNOWN, Difference, n_replicates
from study.experiments.grid.choice import FAMILY, choices, lead_by_chance
from study.experiments.grid.claims import (
    Best,
    Beyond,
    Claim,
    Gain,
    Largest,
    NoEffect,
    Optimum,
    Reaches,
    Rises,
    Silent,
    Statement,
    Step,
)
from study.experiments.grid.grids import Level, level_text
from study.experiments.grid.runs import TIME, TRAIN, VALIDATION, Response, Runs, settled

STANDS, FAILS, OPEN = "stands", "does not", "cannot be told"
STAND_IN = {"hd-spikes": "SHD"}  # data of ours, and those of the thesis that they stand in for
LEVEL = 0.05  # of F tests, after Holm's correction
REACH = 1.0  # points by which a printed accuracy may be missed
ROUNDING = 0.5  # points, of a gain printed without decimals

RULES = (
    (
        "rises, falls, higher at one level",
        "The difference between the highest and the lowest level (or the two named) is sure in the "
        "claimed direction, and no step between neighbouring levels is sure against it.",
        "It, or a step between neighbours, is sure against the claim; or its interval holds only "
        "negligible differences, unless a marginal one is claimed.",
    ),
    (
        "best level",
        "The level is surely better than every other.",
        "Another level is surely better, or differs negligibly, unless a marginal lead is claimed.",
    ),
    (
        "no effect",
        "The interval of every difference between levels holds only negligible ones.",
        "A difference is sure and its interval reaches beyond the negligible.",
    ),
    (
        "nothing is learned",
        "No run at the level has a validation accuracy four binomial standard errors above "
        "chance, and at least half of the level's runs are done.",
        "A run at the level has.",
    ),
    (
        "matter most",
        "Both axes are significant (F test, Holm) and have larger shares of variance than all "
        "others.",
        "An axis that is significant has a larger share than one of the two.",
    ),
    (
        "best combination",
        "Its training accuracy leads every other's by more than chance: a one-sided t test against "
        f"each, p < {FAMILY} after Bonferroni's correction; the spread is that of the two over "
        "seeds.",
        "It lies behind the best one by more than chance.",
    ),
    (
        "reaches an accuracy",
        f"The best training accuracy of the grid is within {REACH:g} point of the printed one.",
        "It is not; where the grid is cut short or the best run had not settled, only if it is "
        "higher.",
    ),
    (
        "gain",
        "The best training accuracy minus the grid's mean lies in the claimed range, give or take "
        f"{ROUNDING:g} points of rounding; also without levels at which nothing is learned.",
        "It lies outside by more than twice the standard deviation of a combination, with these "
        "levels and without, and the grid is whole.",
    ),
    (
        "outside the grid",
        "Never: these runs say nothing of levels that were not run. The experiment beyond runs "
        "some.",
        "Never.",
    ),
)
"""Kind of claim, when it stands, when it does not; in all other cases it cannot be told."""


@dataclass(frozen=True)
class Judgement:
    """What the runs say to a claim: evidence with its effect size, and the verdict."""

    evidence: str
    verdict: str


def judge(claim: Claim, runs: Runs) -> Judgement:
    """Return the judgement of a claim; it stands if all its parts do.

    What was measured on other data than the thesis's, times of event-driven kernels, which the
    thesis had not, and what fewer than `MIN_SEEDS` seeds tell is shown and not judged.
    """
    parts = [_judge(part, runs) for part in claim.parts]
    verdicts = {part.verdict for part in parts}
    verdict = next((v for v in (FAILS, OPEN) if v in verdicts), STANDS)
    if runs.dataset in STAND_IN or any(_of_other_code(part, runs) for part in claim.parts):
        verdict = Strength.OTHER
    elif n_replicates(runs.factors, runs.seeds) < MIN_SEEDS and not _outside(claim):
        verdict = Strength.FEW
    return Judgement("; ".join(part.evidence for part in parts), verdict)


def _outside(claim: Claim) -> bool:
    return all(isinstance(part, Beyond) for part in claim.parts)


def _of_other_code(part: Statement, runs: Runs) -> bool:
    """Whether a statement is about time and the runs were computed by other means than it."""
    timed = getattr(part, "response", None) is TIME
    return timed and any(record.metrics.get("engine") == "events" for record in runs.records)


def _judge(part: Statement, runs: Runs) -> Judgement:
    match part:
        case Rises():
            return _rises(part, runs)
        case Step():
            found = [_between(runs, part.response, part.axis, part.high, part.low)]
            return Judgement(_told(found, part.response), _direction(found, part.response, part.up))
        case Best():
            return _best(part, runs)
        case NoEffect():
            return _no_effect(part, runs)
        case Silent():
            return _silent(part, runs)
        case Largest():
            return _largest(part, runs)
        case Optimum():
            return _optimum(part, runs)
        case Reaches():
            return _reaches(part, runs)
        case Gain():
            return _gain(part, runs)
        case Beyond():
            return Judgement(f"outside the grid: {part.wanted}", OPEN)


def _rises(part: Rises, runs: Runs) -> Judgement:
    axis = runs.axis(part.axis)
    if axis is None:
        return Judgement(f"{part.axis} not varied", OPEN)
    levels = axis.levels
    ends = _between(runs, part.response, part.axis, levels[-1], levels[0])
    steps = [_between(runs, part.response, part.axis, high, low) for low, high in pairwise(levels)]
    verdict = _direction([ends], part.response, part.up, part.marginal)
    if any(_direction([step], part.response, not part.up) == STANDS for step in steps):
        verdict = FAILS
    return Judgement(_told([ends], part.response), verdict)


def _best(part: Best, runs: Runs) -> Judgement:
    axis = runs.axis(part.axis)
    if axis is None or part.level not in axis.levels:
        return Judgement(f"{part.axis} {part.level:g} not run beside others", OPEN)
    found = [
        _between(runs, part.response, part.axis, part.level, other)
        for other in axis.levels
        if other != part.level
    ]
    verdict = _direction(found, part.response, part.up, part.marginal)
    return Judgement(_told(found, part.response), verdict)


def _direction(
    found: Sequence[Difference], response: Response, up: bool, marginal: bool = False
) -> str:
    """Return whether all differences go one way, one of them does not, or neither is known."""
    sign = 1 if up else -1
    if any(_sure(d) and sign * d.interval.mean < 0 for d in found):
        return FAILS
    if all(_sure(d) for d in found):
        return STANDS
    if not marginal and any(_negligible(d, response) and not _sure(d) for d in found):
        return FAILS
    return OPEN


def _no_effect(part: NoEffect, runs: Runs) -> Judgement:
    found = [
        d
        for d in runs.differences(part.response)
        if d.factor == part.axis and (not part.levels or {d.high, d.low} <= set(part.levels))
    ]
    if not found:
        return Judgement(f"{part.axis} not varied", OPEN)
    told = _told(found, part.response)
    if all(_negligible(d, part.response) for d in found):
        return Judgement(told, STANDS)
    if any(_sure(d) and not _negligible(d, part.response) for d in found):
        return Judgement(told, FAILS)
    return Judgement(told, OPEN)


def _silent(part: Silent, runs: Runs) -> Judgement:
    axis = runs.axis(part.axis)
    here = runs.levels(axis) == part.level if axis else np.zeros(0, bool)
    if axis is None or not here.any():
        return Judgement(f"{part.axis} {part.level:g} not run", OPEN)
    learned = int(runs.learned[here].sum())
    told = f"{learned} of {here.sum()} runs learned"
    if learned:
        return Judgement(told, FAILS)
    enough = 2 * here.sum() >= runs.whole() / len(axis.levels)
    return Judgement(told, STANDS if enough else OPEN)


def _largest(part: Largest, runs: Runs) -> Judgement:
    terms = {t.names[0]: t for t in runs.variance(part.response).terms if len(t.names) == 1}
    if any(name not in terms for name in part.axes):
        return Judgement("not both varied", OPEN)
    ranked = sorted(terms.values(), key=lambda term: -term.share)
    told = ", ".join(f"{t.names[0]} {100 * t.share:.1f} %" for t in ranked)
    least = min(terms[name].share for name in part.axes)
    others = [term for name, term in terms.items() if name not in part.axes]
    if any(term.share > least and term.p < LEVEL for term in others):
        return Judgement(told, FAILS)
    leads = all(term.share < least for term in others)
    sure = all(terms[name].p < LEVEL for name in part.axes)
    return Judgement(told, STANDS if leads and sure else OPEN)


def _optimum(part: Optimum, runs: Runs) -> Judgement:
    ranked = choices(runs, TRAIN)
    own = next((c for c in ranked if dict(part.levels).items() <= c.levels.items()), None)
    if own is None:
        return Judgement("this combination was not run", OPEN)
    best, n_rivals = ranked[0], len(ranked) - 1
    behind = 100 * (best.mean(TRAIN) - own.mean(TRAIN))
    # Ties with the best are not behind it; the first of the others is what it must lead.
    rest = [choice for choice in ranked if choice is not own]
    rival = best if best is not own else rest[0] if rest else own
    chance = 100 * lead_by_chance(runs, own, rival, n_rivals)
    lead = 100 * (own.mean(TRAIN) - rival.mean(TRAIN))
    near = sum(
        best.mean(TRAIN) - c.mean(TRAIN) <= lead_by_chance(runs, best, c, n_rivals) for c in ranked
    )
    told = (
        f"rank {ranked.index(own) + 1} of {len(ranked)} in training accuracy, {behind:.2f} points "
        f"behind the best; chance is {chance:.2f} points, {near} combinations are as good as the "
        "best up to chance"
    )
    if np.isnan(chance):
        return Judgement(told, OPEN)
    return Judgement(told, FAILS if behind > chance else STANDS if lead > chance else OPEN)


def _reaches(part: Reaches, runs: Runs) -> Judgement:
    best = choices(runs, TRAIN)[0]
    off = 100 * (best.mean(TRAIN) - part.accuracy)
    told = f"best training accuracy {100 * best.mean(TRAIN):.2f} %, {off:+.2f} points"
    if abs(off) <= REACH:
        return Judgement(told, STANDS)
    final = all(map(settled, best.records))
    if not final:
        told += ", its curve not settled"
    return Judgement(told, FAILS if off > 0 or (final and _complete(runs)) else OPEN)


def _gain(part: Gain, runs: Runs) -> Judgement:
    best = choices(runs, TRAIN)[0]
    meant = [runs] if runs.live is runs else [runs, runs.live]
    gains = [100 * (best.mean(TRAIN) - members.values(TRAIN).mean()) for members in meant]
    told = f"{gains[0]:.1f} points of training accuracy above the mean of {len(runs.records)} runs"
    if len(gains) > 1:
        told += f", {gains[1]:.1f} above that of the {len(runs.live.records)} where it learns"
    if not _complete(runs):
        return Judgement(told, OPEN)
    outside = [max(part.low - gain, gain - part.high) - ROUNDING for gain in gains]
    if max(outside) <= 0:
        return Judgement(told, STANDS)
    chance = 200 * runs.live.variance(TRAIN).noise / len(best.records) ** 0.5
    return Judgement(told, FAILS if min(outside) > chance else OPEN)


def _complete(runs: Runs) -> bool:
    return len(runs.records) >= runs.whole()


def _between(runs: Runs, response: Response, axis: str, high: Level, low: Level) -> Difference:
    """Return the difference ``high - low``, whichever of the two is the larger level."""
    for found in runs.differences(response):
        for way in (found, found.turned()):
            if (way.factor, way.high, way.low) == (axis, high, low):
                return way
    return Difference(axis, high, low, UNKNOWN, 0, 0)


def judge_wish(border: Level, differences: Sequence[Difference]) -> Judgement:
    """Return whether a level outside the grid is more accurate than the one at its border.

    The wish stands if one of them is surely better, and does not if each of them is surely worse
    or leads by no more than is negligible, by its whole interval.
    """
    leads = [d if d.low == border else d.turned() for d in differences if border in (d.high, d.low)]
    told = _told(leads, VALIDATION) if leads else f"{level_text(border)} not run beside others"
    if leads and all(d.strength is Strength.FEW for d in leads):
        return Judgement(told, Strength.FEW)
    if any(_sure(d) and d.interval.mean > 0 for d in leads):
        return Judgement(told, STANDS)
    if leads and all(_no_lead(d) for d in leads):
        return Judgement(told, FAILS)
    return Judgement(told, OPEN)


def _no_lead(difference: Difference) -> bool:
    worse = _sure(difference) and difference.interval.mean < 0
    return worse or VALIDATION.show(difference.interval.high) <= VALIDATION.negligible


def _sure(difference: Difference) -> bool:
    return difference.strength is Strength.SURE


def _negligible(difference: Difference, response: Response) -> bool:
    _, low, high = difference.interval
    return max(abs(response.show(low)), abs(response.show(high))) <= response.negligible


def difference_text(difference: Difference, response: Response) -> str:
    """Return a difference in words: levels, mean with interval."""
    mean, low, high = map(response.show, difference.interval)
    levels = f"{level_text(difference.high)} against {level_text(difference.low)}"
    if np.isnan(mean):
        return f"{levels}: not enough runs"
    effect = f"{mean:+.2f}"
    if not np.isnan(low):
        effect += f" [{low:+.2f}, {high:+.2f}]"
    return f"{levels}: {effect} {response.unit}"


def _told(found: Sequence[Difference], response: Response) -> str:
    return f"{response.name}, " + ", ".join(difference_text(d, response) for d in found)
