"""The first page in words follows the trials: other trials, other sentences."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from study.analysis.section import Section
from study.data.reference import DatasetRef
from study.report import answer
from study.trials.trial import Record, Trial


def records(
    learner: str, accuracies: list[float], spikes: float | None, dataset: str = "digits"
) -> list[Record]:
    return [
        Record(
            Trial("x:y", learner, DatasetRef(dataset), {}, seed),
            "done",
            {
                "test_accuracy": accuracy,
                "spikes_per_sample": spikes,
                "spikes_input_per_sample": None if spikes is None else 0.8 * spikes,
                "train_seconds": 4.0,
                "data_source": "somewhere",
            },
            None,
            {},
            Path("/nowhere"),
        )
        for seed, accuracy in enumerate(accuracies)
    ]


SURROGATE = records("surrogate", [0.95, 0.96, 0.97], 50.0)
LOCAL = records("diehl-cook", [0.90, 0.91, 0.92], 1000.0)
LINEAR = records("linear", [0.93, 0.93, 0.93], None)


def test_learners_stand_from_best_to_worst_with_intervals_and_price() -> None:
    told = answer.answer([*LINEAR, *LOCAL, *SURROGATE])
    assert told == (
        "Test accuracy on digits, best first: surrogate 96.0 ± 2.5 %, linear 93.0 %, "
        "diehl-cook 91.0 ± 2.5 % (3 seeds).",
        "Tied with surrogate: linear.",
        "surrogate is 5.00 percentage points above diehl-cook (sure); its network emits 10.0 "
        "spikes a sample against 200, besides 40.0 against 800 that come in. It trains in 1 times "
        "the time.",
    )


def test_headlines_are_what_was_reached_everywhere_and_then_what_it_costs() -> None:
    elsewhere = records("linear", [0.5] * 3, None, "mnist") + records(
        "mlp", [0.6] * 3, None, "mnist"
    )
    alone = records("mlp", [0.6] * 3, None, "hd-spikes")
    everything = [*LINEAR, *LOCAL, *SURROGATE, *elsewhere, *alone]
    digits, mnist, price = answer.headlines(everything)
    assert digits.startswith("Test accuracy on digits")
    assert mnist.startswith("Test accuracy on mnist")
    assert price.startswith("surrogate is 5.00 percentage points above diehl-cook")
    assert {digits, mnist, price} < set(answer.answer(everything))


def test_of_many_learners_the_best_five_are_named() -> None:
    many = [record for n in range(9) for record in records(f"one{n}", [0.875 - n / 64] * 3, None)]
    told, rest, *_ = answer.answer(many)
    assert "one0 87.5 %" in told
    assert "one4 81.2 % (3 seeds)" in told
    assert rest == "4 more learners follow, the last of them one8 with 75.0 %."
    assert "one5" not in told


def test_where_one_more_would_follow_it_is_named() -> None:
    six = [record for n in range(6) for record in records(f"one{n}", [0.875 - n / 64] * 3, None)]
    told, *rest = answer.answer(six)
    assert "one5 79.7 % (3 seeds)" in told
    assert not any("follow" in sentence for sentence in rest)


def test_times_of_different_processors_are_not_compared() -> None:
    elsewhere = [dataclasses.replace(r, provenance={"cpu": "other"}) for r in LOCAL]
    here = [dataclasses.replace(r, provenance={"cpu": "this"}) for r in SURROGATE]
    assert answer.answer([*here, *elsewhere])[-1] == (
        "surrogate is 5.00 percentage points above diehl-cook (sure); its network emits 10.0 "
        "spikes a sample against 200, besides 40.0 against 800 that come in."
    )


def numbers(sentences: tuple[str, ...]) -> list[str]:
    return re.findall(r"\d[\d.]*", " ".join(sentences))


@pytest.mark.parametrize("learner", ["surrogate", "diehl-cook", "linear"])
def test_an_altered_trial_alters_the_sentences(learner: str) -> None:
    whole = [*LINEAR, *LOCAL, *SURROGATE]
    altered = [
        dataclasses.replace(record, metrics={**record.metrics, "test_accuracy": 0.5})
        if record.trial.subject == learner and record.trial.seed == 0
        else record
        for record in whole
    ]
    assert numbers(answer.answer(altered)) != numbers(answer.answer(whole))


def test_a_learner_without_a_rival_is_not_compared() -> None:
    (told,) = answer.answer(SURROGATE)
    assert told == "Without a rival on the same data: surrogate on digits 96.0 ± 2.5 % (3 seeds)."


def test_one_seed_ranks_nothing_and_says_so() -> None:
    told = answer.answer([SURROGATE[0], LOCAL[0]])
    assert told[0] == "Test accuracy on digits: surrogate 95.0 %, diehl-cook 90.0 % (one seed)."
    assert "5.00 percentage points above diehl-cook (too few seeds)" in told[1]


def test_each_accuracy_has_its_seeds_where_they_differ() -> None:
    told = answer.answer([*SURROGATE, LOCAL[0]])
    assert "surrogate 96.0 ± 2.5 % (3 seeds), diehl-cook 90.0 % (one seed)." in told[0]


def test_ties_with_the_best_are_called_ties() -> None:
    near = records("mlp", [0.96, 0.95, 0.965], None)
    assert "Tied with surrogate: mlp." in answer.answer([*SURROGATE, *near, *LOCAL])


def test_rivals_that_were_planned_and_not_run_are_named() -> None:
    waiting = [records("mlp", [0.9], None)[0].trial, records("mlp", [0.9], None, "mnist")[0].trial]
    waiting += [SURROGATE[0].trial]  # another seed of its own is no rival
    assert answer.answer(SURROGATE, waiting)[1] == "Planned on digits and not run: mlp."


def test_failures_alone_give_no_answer_but_are_counted() -> None:
    failed = [
        dataclasses.replace(record, status="failed", metrics={}, error={"type": "E"})
        for record in LOCAL
    ]
    assert answer.opening(failed, []) == (answer.QUESTION, (answer.NOTHING,))
    assert answer.basis(failed)[0] == "3 trials, of which 3 failed."


def test_where_no_learners_are_compared_the_sections_speak() -> None:
    sweep = Section("grid", "Grid", "Which?", "So.", findings=("This one.", "Not that."))
    empty = Section("none", "None", "What?", "So.")
    assert answer.opening([], [sweep, empty]) == ("Which?", ("This one.",))
    led = dataclasses.replace(sweep, lead=("First.", "Second."))
    assert answer.opening([], [led, sweep])[1] == ("First.", "Second.", "This one.")
    assert answer.opening([*SURROGATE, *LOCAL], [sweep])[0] == answer.QUESTION


def test_missing_metrics_are_called_unknown() -> None:
    bare = [dataclasses.replace(r, metrics={**r.metrics, "train_seconds": None}) for r in LOCAL]
    told = " ".join(answer.answer([*SURROGATE, *bare]))
    assert "trains in an unknown multiple of the time" in told


def test_the_basis_names_data_and_the_machines_of_the_trials() -> None:
    def on(record: Record, cpu: str) -> Record:
        return dataclasses.replace(record, provenance={**record.provenance, "cpu": cpu})

    assert answer.basis([on(SURROGATE[0], "slow"), *(on(r, "fast") for r in SURROGATE[1:])]) == (
        "3 trials, of which none failed.",
        "digits: somewhere.",
        "Machine: fast.",
        "Machine: slow.",
    )
