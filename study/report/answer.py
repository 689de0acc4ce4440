"""The first page in words: the question, what the data say to it, and what that rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from study.analysis.basis import processors
from study.analysis.comparison import MIN_SEEDS, Strength, difference
from study.analysis.replicates import (
    Replicates,
    by_dataset,
    cell,
    interval_of,
    percent,
    replicates,
    significant,
    spikes_apart,
)
from study.analysis.section import Section
from study.trials.trial import Record, Trial

QUESTION = (
    "On the same data and with the same measures, what does each kind of learning buy in accuracy, "
    "and what does it cost in spikes and runtime?"
)
SCORE = "test_accuracy"
NAMED = 5  # learners of a data set at least, one by one, where more than one is left
NOTHING = "No trial of this run ended with a test accuracy, so there is no answer yet."


def answer(records: Sequence[Record], waiting: Sequence[Trial] = ()) -> tuple[str, ...]:
    """Return what the trials say, a few sentences a data set; nothing where nothing was tested.

    Parameters
    ----------
    records
        Of the trials that learners have in common.
    waiting
        Trials that were planned and not run.
    """
    sets = _best_first(records)
    compared = _compared(sets)
    alone = [
        f"{group.learner} on {name} {_percent(group)} ({_seeds(len(group))})"
        for name, groups in sets.items()
        if name not in compared
        for group in groups
    ]
    sentences = [
        sentence for name, groups in compared.items() for sentence in _of_dataset(name, groups)
    ]
    if alone:
        sentences.append(f"Without a rival on the same data: {', '.join(alone)}.")
        lonely = {name: groups for name, groups in sets.items() if name not in compared}
        sentences += [
            told for name, groups in lonely.items() for told in _expected(name, groups, waiting)
        ]
    return tuple(sentences)


def headlines(records: Sequence[Record]) -> list[str]:
    """Return what of the answer a reader wants first: what was reached, then what it costs."""
    compared = _compared(_best_first(records))
    reached = [_of_dataset(name, groups)[0] for name, groups in compared.items()]
    return reached + [told for groups in compared.values() for told in _price(_spiking(groups))]


def _best_first(records: Sequence[Record]) -> dict[str, list[Replicates]]:
    return by_dataset(sorted(replicates(records), key=_accuracy, reverse=True))


def _compared(sets: Mapping[str, list[Replicates]]) -> dict[str, list[Replicates]]:
    return {name: groups for name, groups in sets.items() if _n_learners(groups) > 1}


def _spiking(groups: Sequence[Replicates]) -> list[Replicates]:
    return [group for group in groups if interval_of(group, "spikes_per_sample")]


def _expected(name: str, groups: Sequence[Replicates], waiting: Sequence[Trial]) -> list[str]:
    """Return the rivals that were planned on a data set and not run, if there are any."""
    run = {group[0].trial.subject for group in groups}
    names = dict.fromkeys(
        trial.subject
        for trial in waiting
        if trial.dataset_name == name and trial.subject not in run
    )
    return [f"Planned on {name} and not run: {', '.join(names)}."] if names else []


def opening(
    records: Sequence[Record], sections: Sequence[Section], waiting: Sequence[Trial] = ()
) -> tuple[str, tuple[str, ...]]:
    """Return question and answer of the first page; see `answer`.

    Where no learners stand side by side, as in a sweep alone, both are those of the sections.
    """
    if told := answer(records, waiting):
        return QUESTION, told
    leads = tuple(told for section in sections for told in section.lead or section.findings[:1])
    return (sections[0].question, leads) if leads else (QUESTION, (NOTHING,))


def _of_dataset(name: str, best_first: Sequence[Replicates]) -> list[str]:
    # A sentence that says that one more follows would be longer than its name.
    named = best_first if len(best_first) <= NAMED + 1 else best_first[:NAMED]
    left, last = len(best_first) - len(named), best_first[-1]
    rest = f"{left} more learners follow, the last of them {last.learner} with {_percent(last)}."
    return [
        _reached(name, named, ranked=all(len(group) >= MIN_SEEDS for group in best_first)),
        *([rest] if left > 0 else []),
        *_ties(best_first),
        *_price(_spiking(best_first)),
    ]


def _reached(name: str, groups: Sequence[Replicates], *, ranked: bool) -> str:
    """Return the accuracies and how many seeds each rests on; few are no ground for a ranking."""
    sizes = {len(group) for group in groups}
    one = len(sizes) == 1
    each = ", ".join(
        f"{group.learner} {_percent(group)}{'' if one else f' ({_seeds(len(group))})'}"
        for group in groups
    )
    order = ", best first" if ranked else ""
    return f"Test accuracy on {name}{order}: {each}{f' ({_seeds(*sizes)})' if one else ''}."


def _seeds(n: int) -> str:
    return "one seed" if n == 1 else f"{n} seeds"


def _ties(best_first: Sequence[Replicates]) -> list[str]:
    """Return which learners the most accurate does not surely lead."""
    best, *others = best_first
    tied = [
        group.learner
        for group in others
        if (found := difference(best, group, SCORE, len(others)))
        and found.strength is Strength.TIED
    ]
    return [f"Tied with {best.learner}: {', '.join(tied)}."] if tied else []


def _percent(group: Replicates) -> str:
    return f"{percent(group)} %"


def _n_learners(groups: Sequence[Replicates]) -> int:
    return len({group[0].trial.subject for group in groups})


def _price(spiking: Sequence[Replicates]) -> list[str]:
    """Return what the best spiking learner costs against the next of another kind."""
    rivals = [group for group in spiking if group[0].trial.subject != spiking[0][0].trial.subject]
    if not rivals:
        return []
    first, second = spiking[0], rivals[0]
    found = difference(first, second, SCORE)
    if found is None:
        return []
    above = (
        f"{first.learner} is {cell(found.interval, 100)} percentage points above {second.learner} "
        f"({found.strength})"
    )
    told = [f"{above}; {_spikes(first, second)}."]
    if len(processors([*first, *second])) <= 1:  # of two, times do not compare
        told.append(f"It trains in {_times(first, second, 'train_seconds')} the time.")
    return [" ".join(told)]


def _spikes(first: Replicates, second: Replicates) -> str:
    """Return what two networks emit, and what comes in: an input code's price is no network's."""
    ours, theirs = spikes_apart(first), spikes_apart(second)
    return (
        f"its network emits {significant(ours[1])} spikes a sample against "
        f"{significant(theirs[1])}, besides {significant(ours[0])} against "
        f"{significant(theirs[0])} that come in"
    )


def _times(first: Replicates, second: Replicates, metric: str) -> str:
    one, other = interval_of(first, metric), interval_of(second, metric)
    if one is None or other is None or not other.mean:
        return "an unknown multiple of"
    return f"{one.mean / other.mean:.2g} times"


def _accuracy(group: Replicates) -> float:
    interval = interval_of(group, "test_accuracy")
    return interval.mean if interval else 0.0


def basis(records: Sequence[Record]) -> tuple[str, ...]:
    """Return what the answer rests on: trials and failures, data, machines of the trials."""
    n_failed = sum(not record.done for record in records)
    failed = "none failed" if not n_failed else f"{n_failed} failed"
    sources = {
        record.trial.dataset.name: str(record.metrics["data_source"])
        for record in records
        if record.trial.dataset is not None and record.metrics.get("data_source")
    }
    return (
        f"{len(records)} trials, of which {failed}.",
        *(f"{name}: {source}." for name, source in sources.items()),
        *(f"Machine: {machine}." for machine in processors(records)),
    )
