"""Errors through membrane potentials: what is run, and what the records say."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.experiments import membrane
from study.report.language import Language
from study.request import Request
from study.trials.trial import Outcome, Record, Trial
from tests.study.experiments import variants
from tests.study.experiments.variants import planter, told

EPOCHS = 4


def accuracy(trial: Trial) -> float:
    if not trial.config["hidden_learns"]:
        return 0.5
    return 0.96 - 0.01 * (trial.config["regularisation"] > 0)


def outcome(trial: Trial) -> Outcome:
    metrics: dict[str, Any] = {
        "test_accuracy": accuracy(trial),
        "spikes_per_sample": 1500.0,
        "spikes_hidden_per_sample": 600.0,
        "spikes_output_per_sample": 40.0,
        "silent_share": 0.1 if trial.config["regularisation"] else 0.25,
        "synops_per_sample": 90_000.0,
        "train_seconds": 2.0,
    }
    arrays = {
        "curve_seen": np.arange(EPOCHS) + 1,
        "curve_validation": np.linspace(0.5, accuracy(trial), EPOCHS),
        "spikes_by_epoch": np.tile([800.0, 600.0, 40.0], (EPOCHS, 1)),
    }
    return Outcome(metrics, arrays)


@pytest.fixture
def planted(tmp_path: Path):
    return planter(tmp_path, outcome)


def quick(n_seeds: int | None = None) -> list[Trial]:
    return membrane.trials(Request("quick", n_seeds))


def test_each_variant_changes_what_it_says_alone() -> None:
    variants.assert_quick_has_all_and_standard_three_seeds(membrane)


def test_the_user_may_change_what_all_have() -> None:
    variants.assert_the_user_may_change_what_all_have(membrane, "n_steps", 25)


def test_findings_follow_from_the_records(planted) -> None:
    section = membrane.section(planted(quick()))
    assert section.lead == (
        "digits: errors through membrane potentials reach 96.0 % of test samples, with 1,500 "
        "spikes a sample.",
    )
    assert section.findings[1:] == (
        "digits: without competition of outputs 96.0 %.",
        "digits: with regularised thresholds 95.0 %; 10.0 % of hidden neurons never fire, 25.0 % "
        "without.",
        "digits: control, frozen hidden layer: 50.0 %.",
    )
    (table,) = section.tables
    assert [row[1] for row in table.rows] == list(membrane.VARIANTS)


def test_the_figure_has_a_line_for_each_network(planted) -> None:
    (figure,) = membrane.section(planted(quick())).figures
    learning, spiking = figure.drawing.axes
    assert learning.get_legend_handles_labels()[1] == list(membrane.VARIANTS)
    np.testing.assert_array_equal(learning.lines[0].get_xdata(), [1, 2, 3, 4])
    assert len(spiking.lines) == len(membrane.VARIANTS)
    np.testing.assert_array_equal(spiking.lines[0].get_ydata(), [600.0] * EPOCHS)


def test_runs_that_are_no_variant_are_owned_up_to(planted) -> None:
    trials = quick()
    odd = dataclasses.replace(trials[0], config={**trials[0].config, "epochs": 99, "hidden": 7})
    section = membrane.section(planted([*trials, odd]))
    assert any(each.startswith("1 runs differ") for each in section.caveats)


def test_one_network_alone_gives_a_section_without_figures(planted) -> None:
    section = membrane.section(planted(quick()[:1]))
    assert (section.figures, section.tables, section.findings) == ((), (), ())


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_the_section_is_all_korean(planted, n_seeds: int) -> None:
    trials = quick(n_seeds)
    odd = dataclasses.replace(trials[0], config={**trials[0].config, "epochs": 99, "hidden": 7})
    records: list[Record] = planted([*trials, odd])
    section = membrane.section(records)
    language = Language("ko", [{"digits"}, {"lee"}])
    for text in told(section):
        language.translate(text)
    for figure in section.figures:
        language.draw(figure.drawing)
    assert list(language.missing) == []
