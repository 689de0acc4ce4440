"""Errors as spikes: what is run, and what the records say."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.experiments import error_spikes
from study.report.language import Language
from study.request import Request
from study.trials.trial import Outcome, Record, Trial
from tests.study.experiments import variants
from tests.study.experiments.variants import planter, told

EPOCHS, STEPS = 4, 10


def accuracy(trial: Trial) -> float:
    broken = trial.config["reset_errors"] or trial.config["update_first"]
    return 0.5 if broken else {"fractional": 0.96, "sgd": 0.95, "exact": 0.97}[trial.config["rule"]]


def outcome(trial: Trial) -> Outcome:
    exact = trial.config["rule"] == "exact"
    operations = np.array([30_000.0, 600.0, 400.0])
    metrics: dict[str, Any] = {
        "test_accuracy": accuracy(trial),
        "rectifier_accuracy": accuracy(trial) + 0.01,
        "spikes_per_sample": 500.0,
        "synops_per_sample": 40_000.0,
        "train_synops_per_sample": 0.0 if exact else 31_000.0,
        "train_macs_per_sample": 31_000.0 if exact else 0.0,
        "train_forward_operations_per_sample": operations[0],
        "train_backward_operations_per_sample": operations[1],
        "train_update_operations_per_sample": operations[2],
        "train_seconds": 2.0,
        "n_weights": 17_400,
        "n_train": 1000,
    }
    arrays = {
        "curve_seen": np.arange(EPOCHS) + 1,
        "curve_validation": np.linspace(0.5, accuracy(trial), EPOCHS),
        "train_operations_by_epoch": np.tile(operations, (EPOCHS, 1)),
        "validation_synops_by_step": np.linspace(4000.0, 40_000.0, STEPS),
        "validation_score_by_step": np.linspace(0.2, accuracy(trial), STEPS),
    }
    return Outcome(metrics, arrays)


@pytest.fixture
def planted(tmp_path: Path):
    return planter(tmp_path, outcome)


def quick(n_seeds: int | None = None) -> list[Trial]:
    return error_spikes.trials(Request("quick", n_seeds))


def test_each_variant_changes_what_it_says_alone() -> None:
    variants.assert_quick_has_all_and_standard_three_seeds(error_spikes)


def test_the_user_may_change_what_all_have() -> None:
    variants.assert_the_user_may_change_what_all_have(error_spikes, "n_steps", 5)


def test_findings_follow_from_the_records(planted) -> None:
    section = error_spikes.section(planted(quick()))
    assert section.lead == ("digits: fractional SGD reaches 96.0 % of test samples.",)
    text = " ".join(section.findings)
    assert "takes 31,000 additions a sample, of which 3.2 % are for errors and weights" in text
    assert "exact gradients reach 97.0 % with spikes and 98.0 % without" in text
    assert "40,000 additions with spikes and 17,400 multiply-accumulates without" in text
    assert "control, errors reset: 50.0 %." in text
    (table,) = section.tables
    assert [row[1] for row in table.rows] == list(error_spikes.VARIANTS)


def test_the_figure_has_a_line_for_each_network_and_none_for_controls_that_answer(planted) -> None:
    (figure,) = error_spikes.section(planted(quick())).figures
    learning, answering = figure.drawing.axes
    assert learning.get_legend_handles_labels()[1] == list(error_spikes.VARIANTS)
    first = learning.lines[0].get_xdata()
    np.testing.assert_allclose(first, 31_000 * 1000 * np.arange(1, EPOCHS + 1))
    shown = len(error_spikes.VARIANTS) - len(error_spikes.CONTROLS)
    assert len(answering.lines) == shown + 1  # and the cross


def test_runs_that_are_no_variant_are_owned_up_to(planted) -> None:
    trials = quick()
    odd = dataclasses.replace(trials[0], config={**trials[0].config, "epochs": 99, "hidden": 7})
    section = error_spikes.section(planted([*trials, odd]))
    assert any(each.startswith("1 runs differ") for each in section.caveats)


def test_one_network_alone_gives_a_section_without_figures(planted) -> None:
    section = error_spikes.section(planted(quick()[:1]))
    assert (section.figures, section.tables, section.findings) == ((), (), ())


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_the_section_is_all_korean(planted, n_seeds: int) -> None:
    trials = quick(n_seeds)
    odd = dataclasses.replace(trials[0], config={**trials[0].config, "epochs": 99, "hidden": 7})
    records: list[Record] = planted([*trials, odd])
    section = error_spikes.section(records)
    language = Language("ko", [{"digits"}, {"oconnor-welling"}])
    for text in told(section):
        language.translate(text)
    for figure in section.figures:
        language.draw(figure.drawing)
    assert list(language.missing) == []
