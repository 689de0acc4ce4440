"""Tables of a grid: choices (the thesis's tables 2 to 4), effects, differences, claims, rules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from study.analysis.basis import basis, processors
from study.analysis.comparison import MIN_SEEDS, RULE
from study.analysis.effects import Term, n_replicates
from study.analysis.replicates import cell, interval_of, mean_of, p_text, significant
from study.analysis.section import Table
from study.experiments.grid.choice import Choice, choices, unsearched
from study.experiments.grid.claims import CLAIMS
from study.experiments.grid.grids import level_text
from study.experiments.grid.misprints import ERRORS
from study.experiments.grid.runs import RESPONSES, TIME, TRAIN, VALIDATION, Runs
from study.experiments.grid.verdicts import RULES, Judgement, difference_text, judge

PRINTED = {
    "fashion-mnist": ("2", ("150+", "100", "80-", "1e-06-"), "89.53"),
    "shd": ("3", ("200+", "75-", "100", "2e-06"), "99.92"),
    "hd-spikes": ("3", ("200+", "75-", "100", "2e-06"), "99.92"),
    "tbl": ("4", ("300+", "76-", "20", "0.01+"), "99.80"),
}
"""The thesis's tables of best combinations: number, settings in the order of the axes, accuracy."""


def chosen(runs: Runs) -> Table:
    """Return the combinations that training and validation accuracy choose, and the base."""
    base = unsearched(runs)
    ways = [
        ("best in training accuracy (the thesis's way)", choices(runs, TRAIN)[0]),
        ("best in validation accuracy", choices(runs, VALIDATION)[0]),
        *([("fixed settings of the grid, unsearched", base)] if base else []),
    ]
    rows = [
        (way, *map(level_text, choice.levels.values()), *_results(choice)) for way, choice in ways
    ]
    number, levels, accuracy = PRINTED.get(runs.dataset, ("", (), ""))
    if len(levels) == len(runs.axes):
        rows.insert(0, ("printed in the thesis", *levels, accuracy, *("–",) * 4))
    like = f"The thesis's table {number} from our runs: " if number else ""
    return Table(
        f"{like}Combinations on {runs.dataset} and who chooses them. The test set chose nothing; "
        "its interval is binomial, those of spikes and seconds are over seeds.",
        (
            "combination",
            *(axis.name for axis in runs.axes),
            "training accuracy / %",
            "validation accuracy / %",
            "test accuracy / %",
            "hidden spikes per sample",
            "training / s",
        ),
        tuple(rows),
        basis(runs.records, interval="95 % Wilson interval over test samples"),
    )


def _results(choice: Choice) -> tuple[str, ...]:
    return (
        f"{100 * choice.mean(TRAIN):.2f}",
        f"{100 * choice.mean(VALIDATION):.2f}",
        choice.test(),
        cell(interval_of(choice.records, "spikes_hidden_per_sample")),
        _seconds(choice),
    )


def _seconds(choice: Choice) -> str:
    """Return the mean, without an interval where seeds ran on different processors."""
    if len(processors(choice.records)) > 1:
        return significant(mean_of(choice.records, "train_seconds"))
    return cell(interval_of(choice.records, "train_seconds"))


def shares(all_runs: Sequence[Runs]) -> Table:
    """Return shares of variance of settings and pairs, for several responses."""
    rows = []
    for runs in all_runs:
        parts = {
            "validation accuracy": runs.variance(VALIDATION),
            "where it learns": runs.live.variance(VALIDATION),
            "time": runs.variance(TIME),
        }
        judged = n_replicates(runs.factors, runs.seeds) >= MIN_SEEDS
        terms = list(dict.fromkeys(t.names for part in parts.values() for t in part.terms))
        found = [{t.names: t for t in part.terms} for part in parts.values()]
        rows += [
            (
                runs.dataset,
                " × ".join(names),
                *(_share(terms.get(names), judged) for terms in found),
            )
            for names in terms
        ]
        rows.append((runs.dataset, "rest", *(f"{100 * part.rest:.1f}" for part in parts.values())))
    return Table(
        "Shares of variance in percent: functional ANOVA, which on a grid with gaps is type II; "
        f"from {MIN_SEEDS} seeds on F tests against the interaction with the seeds, with Holm's "
        "correction over the terms of one response.",
        (
            "data set",
            "setting or pair",
            "validation accuracy",
            "validation accuracy where the network learns",
            "logarithm of training time",
        ),
        tuple(rows),
        basis([record for runs in all_runs for record in runs.records]),
    )


def _share(term: Term | None, judged: bool) -> str:
    if term is None:
        return "–"
    p = f" (p {p_text(term.p)})" if judged and not np.isnan(term.p) else ""
    return f"{100 * term.share:.1f}{p}"


def differences(all_runs: Sequence[Runs]) -> Table:
    """Return the differences between all levels, for each response."""
    rows = [
        (
            runs.dataset,
            found.factor,
            response.name,
            difference_text(found, response),
            str(found.strength),
        )
        for runs in all_runs
        for response in RESPONSES
        for found in runs.differences(response)
    ]
    return Table(
        "Differences between levels, the other settings averaged over, with 95 % intervals that "
        "hold at once for all differences of one response on one data set. Levels at which most "
        "runs learn nothing are averaged over only where one of them is compared.",
        ("data set", "setting", "response", "difference", "how sure"),
        tuple(rows),
        basis([record for runs in all_runs for record in runs.records]),
    )


def judgements(runs: Runs) -> list[tuple[str, str, Judgement]]:
    """Return text, source and judgement of every claim on a data set."""
    return [(c.text, c.source, judge(c, runs)) for c in CLAIMS.get(runs.dataset, ())]


def claims(all_runs: Sequence[Runs]) -> Table | None:
    """Return every claim with evidence and verdict; None where the thesis says nothing."""
    rows = [
        (runs.dataset, text, source, found.evidence, found.verdict)
        for runs in all_runs
        for text, source, found in judgements(runs)
    ]
    if not rows:
        return None
    return Table(
        "The thesis's claims, held against our runs. Accuracy claims are judged by validation "
        "accuracy unless they name another. Intervals hold at once for all differences of a "
        "response. A level with + or - is the thesis's own mark: it expects still better beyond.",
        ("data set", "claim", "thesis", "evidence", "verdict"),
        tuple(rows),
        basis([record for runs in all_runs for record in runs.records]),
    )


def rules() -> Table:
    """Return how verdicts come about."""
    return Table(
        "Rules of the verdicts; a claim of several parts stands if all do. Negligible are "
        f"differences up to {VALIDATION.negligible:g} points of accuracy and "
        f"{TIME.negligible:g} % of time. {RULE} A claim is not comparable where our data are not "
        "the thesis's, and a claim about time where event-driven kernels computed the runs.",
        ("kind of claim", "stands", "does not"),
        RULES,
    )


def errors() -> Table:
    """Return what the thesis says that does not hold."""
    return Table(
        "What the thesis says that does not hold, or not for the reason it gives: read in its "
        "text, whatever our runs show. The plan of the runs rests on it.",
        ("thesis", "it says", "what holds"),
        ERRORS,
    )
