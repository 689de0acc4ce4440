"""Conversion: what is run, and what the records say."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.analysis.section import Section
from study.experiments import conversion
from study.report.language import Language
from study.request import Request
from study.settings.config import parse_setting
from study.trials.store import Store
from study.trials.trial import Outcome, Record, Trial

N = conversion.N_STEPS
TEACHER = 0.95
Rising = Callable[[Trial], float]


def metrics(accuracy: float) -> dict[str, Any]:
    return {
        "test_accuracy": accuracy,
        "agreement_with_rectifier": 0.99,
        "spikes_per_sample": 300.0,
        "synops_per_sample": 20_000.0,
        "macs_per_sample": 6400.0,
        "n_validation": 10_000,
        "lowest_correlation": 0.995,
        "rectifier_validation_accuracy": TEACHER,
        "rectifier_test_accuracy": TEACHER,
        "rectifier_macs_per_sample": 17_400.0,
    }


@pytest.fixture
def planted(tmp_path: Path):
    """Return records of trials whose accuracy is that of their teacher from a step on."""
    store = Store(tmp_path)

    def records(trials: list[Trial], step_of: Callable[[Trial], int]) -> list[Record]:
        return [store.put_done(trial, outcome(trial, step_of(trial)), {}) for trial in trials]

    def outcome(trial: Trial, step: int) -> Outcome:
        validation = np.where(np.arange(N) + 1 >= step, TEACHER - 0.001, 0.5)
        test = np.where(np.arange(N) + 1 >= step, TEACHER + 0.002, 0.4)
        arrays = {"validation_score_by_step": validation, "test_score_by_step": test}
        return Outcome(metrics(float(test[-1])), arrays)

    return records


def changed(trial: Trial) -> dict[str, Any]:
    base = next(iter(conversion.trials(Request("quick")))).config
    return {key: value for key, value in trial.config.items() if base[key] != value}


def late_start(trial: Trial) -> int:
    """Return step 3, 9 where potentials start at zero, and none with spikes as input."""
    if trial.config["input"] == "poisson":
        return N + 1
    return 9 if trial.config["initial"] == 0 else 3


def told(section: Section) -> Iterator[str]:
    yield from (section.question, section.method, section.title)
    yield from (*section.findings, *section.caveats, *section.deviations)
    for figure in section.figures:
        yield from (figure.caption, figure.alt, figure.basis)
    for table in section.tables:
        yield from (table.caption, *table.columns)
        yield from (each for row in table.rows for each in row)


def test_one_choice_at_a_time_is_changed() -> None:
    trials = conversion.trials(Request("quick"))
    ways = sum(len(choice.others) for choice in conversion.CHOICES)
    assert len(trials) == ways + 1
    settings = [changed(trial) for trial in trials]
    assert settings[0] == {}
    conversions = [each for each in settings[1:] if "architecture" not in each]
    assert [len(each) for each in conversions if "activation" not in each] == [1] * 7
    assert {trial.config["n_steps"] for trial in trials} == {N}


def test_conversions_of_one_network_share_its_training() -> None:
    trials = conversion.trials(Request("standard"))
    for name in ("mnist", "fashion-mnist"):
        members = [trial for trial in trials if trial.dataset_name == name]
        assert {trial.seed for trial in members} == {0, 1, 2}
        assert len({trial.needs[0].id for trial in members}) == 3 * 3  # networks times seeds


def test_the_user_may_change_what_all_have() -> None:
    request = Request("quick", 2, settings=(parse_setting("converted.n_steps=5"),))
    trials = conversion.trials(request)
    assert {trial.config["n_steps"] for trial in trials} == {5}
    assert {trial.seed for trial in trials} == {0, 1}
    assert conversion.trials(dataclasses.replace(request, learners=("mlp",))) == []


def test_the_step_is_chosen_on_validation_samples_alone(planted) -> None:
    trials = conversion.trials(Request("quick"))
    section = conversion.section(planted(trials, late_start))
    assert (
        "the base is within 0.15 points of the network without spikes after 3 steps"
        in (section.findings[0])
    )
    assert "it differs by 0.200 points on test samples" in section.findings[0]
    assert section.lead == (section.findings[0],)
    (steps,) = (each for each in section.findings if "as close" in each)
    assert "start at zero 9, reset to zero 3, spikes as input never, first spikes 3" in steps
    table = section.tables[0]
    row = {each[2]: each for each in table.rows}
    where = table.columns.index("steps")
    assert row["start at zero"][where : where + 2] == ("9", "0.200")
    assert row["spikes as input"][where : where + 2] == ("never", "–")
    assert row["start at half (base)"][where] == "3"


def test_a_base_that_never_comes_close_is_owned_up_to(planted) -> None:
    records = planted(conversion.trials(Request("quick")), lambda trial: N + 1)
    assert "at no step is the base within" in conversion.section(records).findings[0]


def test_the_median_seed_counts(planted) -> None:
    trials = conversion.trials(Request("quick", 3))
    section = conversion.section(planted(trials, lambda trial: (2, 4, N + 1)[trial.seed]))
    assert "after 4 steps on validation samples" in section.findings[0]


def test_runs_that_differ_in_more_than_one_choice_are_owned_up_to(planted) -> None:
    trials = conversion.trials(Request("quick"))
    odd = dataclasses.replace(
        trials[0], config={**trials[0].config, "initial": 0.0, "reset": "zero"}
    )
    section = conversion.section(planted([*trials, odd], late_start))
    assert any(each.startswith("1 runs differ") for each in section.caveats)


def test_one_network_alone_gives_a_section_without_figures(planted) -> None:
    section = conversion.section(planted(conversion.trials(Request("quick"))[:1], late_start))
    assert (section.figures, section.tables, section.findings) == ((), (), ())


@pytest.mark.parametrize("step", [3, N + 1])
@pytest.mark.parametrize("n_validation", [100, 10_000])
def test_the_section_is_all_korean(planted, step: int, n_validation: int) -> None:
    records = planted(conversion.trials(Request("quick")), lambda trial: step)
    for record in records:
        record.metrics["n_validation"] = n_validation
    language = Language("ko", [{"digits"}, {"converted"}])
    section = conversion.section(records)
    for text in told(section):
        language.translate(text)
    for figure in section.figures:
        language.draw(figure.drawing)
    assert list(language.missing) == []
