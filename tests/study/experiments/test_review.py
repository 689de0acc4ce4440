"""The review: its rows come from the registry, and its verdicts from records alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from study import learners
from study.analysis.section import Section
from study.experiments import review
from study.report.language import Language
from study.request import Request
from study.trials.store import Store
from study.trials.trial import Outcome, Record, Trial

Planted = Callable[[Sequence[Trial], Callable[[Trial], float]], list[Record]]
PUBLISHED = 0.829  # Diehl & Cook with 100 neurons, on MNIST
FEW_SEEDS, ELSEWHERE = "too few seeds", "not comparable"


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    store = Store(tmp_path)

    def outcome(trial: Trial, score: float) -> Outcome:
        of_symbols = trial.subject.startswith(("lsnn", "counted"))
        name = "test_symbol_accuracy" if of_symbols else "test_accuracy"
        counts = ("spikes_per_sample", "synops_per_sample", "macs_per_sample", "train_seconds")
        return Outcome({name: score, **dict.fromkeys(counts, 5.0)})

    def records(trials: Sequence[Trial], score: Callable[[Trial], float]) -> list[Record]:
        return [store.put_done(trial, outcome(trial, score(trial)), {}) for trial in trials]

    return records


def asked(learner: str, n_seeds: int = 3, profile: str = "standard") -> list[Trial]:
    return review.trials(Request(profile, n_seeds, learners=(learner,)))


def is_control(trial: Trial) -> bool:
    return trial.config.get("presentations") == 0 or trial.config.get("beta") == 0


def rows(section: Section) -> dict[str, dict[str, str]]:
    (table,) = section.tables
    return {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}


def test_there_is_a_row_for_each_published_system_and_trials_for_it_and_its_control() -> None:
    found = review.rows()
    assert len({row.published.system for row in found}) == len(found)
    trials = review.trials(Request("standard", 1))
    for row in found:
        dataset, settings = row.published.dataset, dict(row.published.settings)
        members = [t for t in trials if (t.subject, t.dataset_name) == (row.learner, dataset)]
        wanted = [settings]
        if row.published.control:
            wanted.append({**settings, **row.published.control.settings})
        for each in wanted:
            assert any(each.items() <= trial.config.items() for trial in members), (row, each)


def test_the_quick_profile_takes_small_data_and_leaves_out_what_has_none() -> None:
    quick = review.trials(Request("quick", 1))
    assert {trial.dataset_name for trial in quick} == {"digits", "store-recall", "reber"}
    assert "lsnn-eprop" not in {trial.subject for trial in quick}


def test_the_quick_profile_has_one_seed_unless_the_user_says_how_many() -> None:
    def seeds(request: Request) -> set[int]:
        return {trial.seed for trial in review.trials(request) if is_control(trial)}

    assert seeds(Request("quick")) == {0}
    assert seeds(Request("quick", 2)) == {0, 1}
    assert len(seeds(Request("standard"))) == 5


@pytest.mark.parametrize(
    ("n_seeds", "scores", "verdict"),
    [
        (3, (0.80, 0.801, 0.802), "below"),
        (3, (0.82, 0.83, 0.84), "equal within its interval"),
        (3, (0.90, 0.901, 0.902), "above"),
        (2, (0.90, 0.901), FEW_SEEDS),
        (1, (0.10,), FEW_SEEDS),
    ],
)
def test_the_verdict_follows_from_interval_and_seeds(planted, n_seeds, scores, verdict) -> None:
    trials = asked("diehl-cook", n_seeds)
    score = lambda trial: 0.1 if is_control(trial) else scores[trial.seed]  # noqa: E731
    row = rows(review.section(planted(trials, score)))["STDP and homeostasis, 100 neurons"]
    assert row["verdict"] == verdict
    assert row["published / %"] == f"{100 * PUBLISHED:.2f}"
    assert row["control / %"].startswith("10")


def test_a_number_on_other_data_is_not_compared(planted) -> None:
    section = review.section(planted(asked("diehl-cook", profile="quick"), lambda trial: 0.95))
    row = rows(section)["STDP and homeostasis, 100 neurons"]
    assert (row["data set"], row["verdict"]) == ("digits", ELSEWHERE)
    assert any("Small data stand in" in told for told in section.caveats)
    assert "reach the published number" not in section.lead[0]


def test_what_was_not_run_stands_there_as_not_run(planted) -> None:
    run = [trial for trial in asked("diehl-cook") if trial.config["n_exc"] == 100]
    section = review.section(planted(run, lambda trial: 0.9))
    found = rows(section)
    others = {name for name, row in found.items() if row["here / %"] == review.NOT_RUN}
    assert others == {row.published.system for row in review.rows()} - {
        "STDP and homeostasis, 100 neurons"
    }
    (told,) = (each for each in section.caveats if each.startswith("Not run: "))
    assert all(name in told for name in others)
    assert section.lead == (
        f"1 of {len(found)} published systems were run; 1 of 1 that compare reach the published "
        "number.",
    )


def test_each_configuration_goes_to_the_row_that_says_most_of_it(planted) -> None:
    score = lambda trial: 0.6 if is_control(trial) else 0.97  # noqa: E731
    symmetric = rows(review.section(planted(asked("lsnn-eprop"), score)))
    assert symmetric["LSNN, e-prop with symmetric feedback"]["control / %"].startswith("60")
    assert symmetric["LSNN, e-prop with random feedback"]["here / %"].startswith("97")
    assert symmetric["LSNN, e-prop with random feedback"]["control / %"] == "–"


def test_a_control_alone_is_no_system_that_was_run(planted) -> None:
    controls = [trial for trial in asked("diehl-cook") if is_control(trial)]
    section = review.section(planted(controls, lambda trial: 0.1))
    assert section.figures == ()
    assert section.lead[0].startswith("0 of ")


@pytest.mark.parametrize("profile", ["quick", "standard"])
def test_the_section_is_all_korean(planted, profile: str) -> None:
    trials = review.trials(Request(profile, 3))
    section = review.section(planted(trials, lambda trial: 0.9))
    language = Language("ko", [{trial.dataset_name for trial in trials}, set(learners.known())])
    told = (section.title, section.question, section.method, *section.findings, *section.caveats)
    for text in (*told, *section.lead, section.figures[0].caption, section.tables[0].caption):
        language.translate(text)
    assert list(language.missing) == []


def test_a_read_out_that_fails_allows_no_verdict(planted) -> None:
    run = [trial for trial in asked("diehl-cook") if trial.config["n_exc"] == 400]
    records = planted(run, lambda trial: 0.9)
    for record in records:
        record.metrics.update(by_shares_accuracy=0.95, n_test=10_000)
    section = review.section(records)
    row = rows(section)["STDP and homeostasis, 400 neurons"]
    assert row["verdict"] == review.MISREAD
    assert "nothing about learning follows" in " ".join(section.findings)
    language = Language("ko", [{"mnist"}, {"diehl-cook"}])
    for text in (*section.findings, row["verdict"]):
        language.translate(text)
    assert list(language.missing) == []
    for record in records:
        record.metrics.update(by_shares_accuracy=0.901)
    row = rows(review.section(records))["STDP and homeostasis, 400 neurons"]
    assert row["verdict"] == "above"
