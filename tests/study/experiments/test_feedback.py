"""Ways back for errors: what is run, what the records say, and how the statement is judged."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.analysis.section import Section
from study.experiments.feedback import experiment, networks, patterns, rule
from study.report.language import Language
from study.request import Request
from study.trials import addresses
from study.trials.store import Store
from study.trials.trial import Context, Outcome, Record, Trial

EPOCHS, PRESENTATIONS = 4, 300
ACCURACY = {"symmetric": 0.97, "sign": 0.965, "random": 0.96, "uniform": 0.9, "none": 0.9}
LOSS = {
    patterns.EASY: {"symmetric": 0.05, "random": 0.1, "uniform": 0.12, "none": 0.9},
    patterns.HARD: {"symmetric": 0.1, "random": 0.3, "uniform": 1.1, "none": 0.4},
}


def of_network(trial: Trial) -> Outcome:
    kind = trial.config["feedback"]
    found = ACCURACY[kind] + 1e-3 * trial.seed
    squared = trial.config.get("loss") == "squared"
    silent = kind == "none"
    angles = (
        np.full((EPOCHS + 1, 1), np.nan) if silent else np.linspace(90, 30, EPOCHS + 1)[:, None]
    )
    metrics: dict[str, Any] = {
        "test_accuracy": found,
        "validation_accuracy": found,
        "alignment_before_deg": None if silent else 90.0,
        "alignment_after_deg": None if silent else 30.0,
        "hidden_change": {"none": 0.0, "uniform": 0.2 if squared else 1e-8}.get(kind, 1.5),
        "train_seconds": 2.0 + trial.seed,
    }
    return Outcome(metrics, {"alignment_deg": angles})


def of_pattern(trial: Trial) -> Outcome:
    ratio = LOSS[trial.subject][trial.config["feedback"]] * (1 + 0.01 * trial.seed)
    metrics = {
        "loss_start": 0.04,
        "loss_end": 0.04 * ratio,
        "loss_ratio": ratio,
        "hidden_rate_hz": 20.0,
        "output_spikes": 5.0,
        "train_seconds": 1.0,
        "train_cpu_seconds": 0.5,
    }
    arrays = {
        "loss": 0.04 * np.linspace(1, ratio, PRESENTATIONS),
        "angle_deg": np.full(PRESENTATIONS, 60.0),
        "wanted": np.array([[0.1, 0], [0.2, 0]]),
        "answered": np.array([[0.101, 0]]),
    }
    return Outcome(metrics, arrays)


def outcome(trial: Trial) -> Outcome:
    return of_pattern(trial) if trial.subject in patterns.TASKS else of_network(trial)


@pytest.fixture
def planted(tmp_path: Path):
    store = Store(tmp_path)
    return lambda trials: [store.put_done(trial, outcome(trial), {}) for trial in trials]


def planned(profile: str = "standard", n_seeds: int | None = None) -> list[Trial]:
    return experiment.trials(Request(profile, n_seeds))


def told(section: Section) -> Iterator[str]:
    yield from (section.title, section.question, section.method, *section.findings, *section.lead)
    yield from (*section.caveats, *section.deviations)
    for figure in section.figures:
        yield from (figure.caption, figure.alt, figure.basis)
    for table in section.tables:
        yield from (table.caption, *table.columns, table.basis)
        yield from (each for row in table.rows for each in row)


def test_all_ways_back_are_run_with_three_seeds() -> None:
    trials = planned()
    assert {trial.seed for trial in trials} == {0, 1, 2}
    for name, variants in networks.VARIANTS.items():
        own = [t for t in trials if t.subject == name and t.dataset_name == "mnist"]
        assert len(own) == 3 * len(variants)
        assert {t.config["feedback"] for t in own} == set(networks.KINDS)
    for name in patterns.TASKS:
        own = [t for t in trials if t.subject == name]
        assert {t.config["feedback"] for t in own} == set(patterns.WAYS)
        assert len(own) == 3 * len(patterns.WAYS)


def test_the_quick_profile_has_few_networks_and_one_seed() -> None:
    trials = planned("quick")
    assert {trial.seed for trial in trials} == {0}
    kinds = {
        name: [t.config["feedback"] for t in trials if t.subject == name]
        for name in networks.VARIANTS
    }
    assert {name: tuple(found) for name, found in kinds.items()} == networks.FEW
    chosen = experiment.trials(Request("quick", learners=("feedback-spiking",)))
    assert {trial.subject for trial in chosen} == {"feedback-spiking"}


def test_ways_back_of_a_seed_meet_the_same_pattern() -> None:
    small = {"presentations": 2, "n_hidden": 4}
    seen = {}
    for trial in (t for t in planned("quick") if t.subject == patterns.EASY):
        config = {**trial.config, **small}
        found = patterns.run(dataclasses.replace(trial, config=config), Context())
        seen[trial.config["feedback"]] = found
        assert found.metrics["loss_ratio"] > 0
        assert found.arrays["loss"].shape == (2,)
    first = {way: found.metrics["loss_start"] for way, found in seen.items()}
    assert len(set(first.values())) == 1
    wanted = [found.arrays["wanted"] for found in seen.values()]
    assert all((one == wanted[0]).all() for one in wanted)
    assert wanted[0].shape == (15, 2)
    assert addresses.resolve(patterns.PROCEDURE) is patterns.run


def test_findings_follow_from_the_records(planted) -> None:
    section = experiment.section(planted(planned()))
    text = " ".join(section.findings)
    assert "mnist, rates: random feedback reaches 96.1 ± 0.2 % of test samples." in text
    assert "mnist, rates: control, no feedback: 90.1 ± 0.2 %." in text
    assert "random feedback is 1.00 points behind back-propagation (sure)." in text
    assert "the angle to the gradient goes from 90.0° to 30.0°" in text
    assert "mnist, rates: with uniform feedback the hidden weights stay as they were" in text
    assert "with uniform feedback of squared errors the hidden weights learn" in text
    assert "hard pattern: without feedback the loss ends at 40.4 ± 1.0 % of its start." in text
    assert (
        "by the rule the statement holds. Random feedback does for the easy pattern in 3 of 3"
        in text
    )
    assert "hard pattern: control, without feedback the loss ends higher than with random" in text
    images, times = section.tables
    own = [row for row in images.rows if row[:2] == ("mnist", "rates")]
    assert [row[2] for row in own] == list(networks.VARIANTS["feedback-alignment"])
    assert len(times.rows) == 2 * len(patterns.WAYS)


def test_nothing_is_concluded_from_one_seed(planted) -> None:
    section = experiment.section(planted(planned("quick")))
    text = " ".join((*section.findings, *section.lead))
    assert "the statement" not in text
    assert "points behind" not in text
    assert any("fewer than 3 seeds" in told for told in section.caveats)


def test_figures_have_a_line_a_way_back(planted) -> None:
    figures = {f.name: f.drawing for f in experiment.section(planted(planned())).figures}
    turning, reached = figures["feedback-feedback-alignment-mnist"].axes
    assert turning.get_legend_handles_labels()[1] == ["symmetric", "sign", "random", "uniform"]
    assert [label.get_text() for label in reached.get_xticklabels()] == list(networks.KINDS)
    easy, hard = figures["feedback-patterns"].axes
    for ax in (easy, hard):
        assert ax.get_legend_handles_labels()[1] == list(patterns.WAYS)
    line = hard.lines[0]
    assert line.get_xdata()[-1] == PRESENTATIONS
    assert line.get_ydata()[-1] == pytest.approx(10.1, abs=1)
    assert len(figures["feedback-answers"].axes) == len(patterns.WAYS)


def test_runs_that_are_no_variant_are_owned_up_to(planted) -> None:
    trials = planned("quick")
    odd = dataclasses.replace(trials[0], config={**trials[0].config, "epochs": 99, "hidden": 7})
    section = experiment.section(planted([*trials, odd]))
    assert any(each.startswith("1 runs differ") for each in section.caveats)


def test_parts_may_be_alone(planted) -> None:
    of_times = [t for t in planned("quick") if t.subject in patterns.TASKS]
    section = experiment.section(planted(of_times))
    assert len(section.tables) == 1
    assert len(section.figures) == 2
    of_images = [t for t in planned("quick") if t.subject in networks.VARIANTS]
    section = experiment.section(planted(of_images))
    assert len(section.tables) == 1
    assert "statement" not in " ".join(section.findings)


@pytest.mark.parametrize(
    ("done", "needed", "expected"),
    [
        ([True] * 3, [True] * 3, "holds"),
        ([True] * 2, [True] * 3, "open"),
        ([True] * 3, [True, True, False], "open"),
        ([True, False, True], [True] * 3, "open"),
        ([False] * 3, [True] * 3, "fails"),
        ([True] * 3, [False] * 3, "fails"),
        ([], [], "open"),
    ],
)
def test_the_rule(done, needed, expected) -> None:
    assert rule.verdict(done, needed) == expected


def test_the_rule_compares_seed_by_seed() -> None:
    assert rule.does({0: 0.2, 1: 0.25, 2: 0.1}, {0: 0.9, 1: 0.9, 3: 0.9}) == [True, False]
    assert rule.does({0: 0.2, 1: 0.2}, {0: 0.25, 1: 0.24}) == [True, False]
    assert rule.needs({0: 0.1, 1: 0.2}, {1: 0.3, 0: 0.3, 2: 0.9}) == [True, False]


@pytest.mark.parametrize("profile", ["quick", "standard"])
def test_the_section_is_all_korean(planted, profile: str) -> None:
    trials = planned(profile)
    odd = dataclasses.replace(trials[0], config={**trials[0].config, "epochs": 99, "hidden": 7})
    records: list[Record] = planted([*trials, odd])
    section = experiment.section(records)
    language = Language("ko", [{"digits", "mnist", "fashion-mnist"}, {*networks.VARIANTS}])
    for text in told(section):
        language.translate(text)
    for figure in section.figures:
        language.draw(figure.drawing)
    assert list(language.missing) == []
