"""Sequences by counts: what is run, and what the records say."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.data.reference import DatasetRef
from study.experiments import sequences
from study.learners.counted_lstm import WINDOWS
from study.report.language import Language
from study.request import Request
from study.settings.config import parse_setting
from study.trials.trial import Outcome, Trial
from tests.study.experiments.variants import (
    assert_each_changes_what_it_says_alone,
    planter,
    told,
)

SPIKES = {"input": 160.0, "gates": 400.0, "candidates": 100.0, "cells": 240.0, "products": 80.0}


def share(trial: Trial) -> float:
    return 0.5 if trial.config["cell"] == "rate" or trial.config["late"] else 1.0


def outcome(trial: Trial, short_windows: float = 0.4) -> Outcome:
    reber = trial.dataset_name == "reber"
    metrics: dict[str, Any] = {
        "test_sequence_accuracy": share(trial),
        "test_symbol_accuracy": 0.5 + share(trial) / 2,
        "lstm_sequence_accuracy": 0.99,
        "rounded_sequence_accuracy": 0.98,
        **{f"spikes_{part}_per_sample": 10 * count for part, count in SPIKES.items()},
        "spikes_hidden_per_sample": 200.0,
        "synops_per_sample": 40_000.0,
        "train_seconds": 8.0,
    }
    by_window = np.full((len(WINDOWS), 4, 2), short_windows)
    by_window[3:] = np.array([1.0, 0.8, 0.6, 1.0])[:, None]
    by_window[4, 0] = 0.9  # a window of 6 after one of 4 that was long enough
    labels = np.zeros((4, 12), np.int64)
    labels[:, 10:] = -1
    answers = labels.copy()
    answers[0, 5] = 1
    arrays = {
        "windows": np.array(WINDOWS),
        "validation_by_window": by_window,
        "example_cells": np.linspace(-2, 2, 12 * 3).reshape(12, 3),
        "example_labels": labels[0],
        "test_labels": labels,
        "test_predictions": answers,
    }
    if reber:
        arrays["test_kept"] = np.where(np.arange(12) == 5, 5, 0) * np.ones((4, 1), np.int64)
    return Outcome(metrics, arrays)


@pytest.fixture
def planted(tmp_path: Path):
    return planter(tmp_path, outcome)


def planned(profile: str = "standard", n_seeds: int | None = None) -> list[Trial]:
    return sequences.trials(Request(profile, n_seeds))


def test_each_variant_changes_what_it_says_alone() -> None:
    for name in sequences.OWN:
        members = [trial for trial in planned(n_seeds=1) if trial.dataset_name == name]
        assert_each_changes_what_it_says_alone(members, sequences.VARIANTS)
    assert {trial.seed for trial in planned()} == {0, 1, 2}


def test_the_quick_profile_has_no_controls_of_their_own() -> None:
    quick = planned("quick")
    assert [(trial.dataset_name, trial.seed) for trial in quick] == [("reber", 0), ("parity", 0)]
    assert all(share(trial) == 1 for trial in quick)


def test_the_user_may_change_what_all_have() -> None:
    request = Request(
        "quick", 2, (DatasetRef("parity"),), settings=(parse_setting("counted-lstm.window=8"),)
    )
    trials = sequences.trials(request)
    assert {trial.config["window"] for trial in trials} == {8}
    assert {(trial.dataset_name, trial.seed) for trial in trials} == {("parity", 0), ("parity", 1)}
    assert sequences.trials(dataclasses.replace(request, learners=("mlp",))) == []
    assert sequences.trials(Request("quick", datasets=(DatasetRef("digits"),))) == []


def test_findings_follow_from_the_records(planted) -> None:
    section = sequences.section(planted(planned()))
    start = "with windows of 16 ticks 100 % of test strings are without a mistake, and 100 %"
    assert [each[: len(start) + 7] for each in section.lead[:1]] == [f"reber: {start}"]
    text = " ".join(section.findings)
    assert "gets 99.0 % of strings in real numbers and 98.0 % with rounded values" in text
    # 10 symbols a string: 160 + 400 + 100 + 240 + 80 + 20 spikes, 240 of them of cells.
    assert "a symbol takes 1,000 spikes, 24 % of them of cells, and 4,000 additions" in text
    assert "reber: 75.0 % of the symbols are right that had to be kept, for 5 to 5 symbols" in text
    assert "parity: 75.0 % of the symbols" not in text
    assert "from windows of 8 ticks on 99 % of validation strings or more" in text
    assert "with one tick it is 40.0 %" in text
    assert "control, cells in rate code: 80.0 % of validation strings, 100.0 % without" in text
    assert "control, gates a quarter of a window late: 60.0 % of validation strings" in text
    (table,) = section.tables
    assert [row[1] for row in table.rows] == 2 * list(sequences.VARIANTS)
    assert [row[2] for row in table.rows] == 2 * ["100", "50.0", "50.0"]


def test_where_no_window_is_long_enough_it_says_so(planted, monkeypatch) -> None:
    monkeypatch.setattr(sequences, "WHOLE", 1.01)
    text = " ".join(sequences.section(planted(planned("quick"))).findings)
    assert "reber: no window makes 101 % of validation strings right." in text


def test_figures_have_a_line_for_each_way_and_each_cell(planted) -> None:
    figures = sequences.section(planted(planned("quick"))).figures
    assert [figure.name for figure in figures] == ["sequences-reber", "sequences-parity"]
    windows, cells = figures[0].drawing.axes
    assert windows.get_legend_handles_labels()[1] == list(sequences.WAYS)
    np.testing.assert_array_equal(windows.lines[0].get_xdata(), WINDOWS)
    np.testing.assert_array_equal(windows.lines[0].get_ydata()[:4], [40, 40, 40, 100])
    held = [line for line in cells.lines if len(line.get_xdata()) == 10]  # not where none is asked
    assert len(held) == 3


def test_runs_that_are_no_variant_are_owned_up_to(planted) -> None:
    trials = planned("quick")
    odd = dataclasses.replace(trials[0], config={**trials[0].config, "hidden": 7, "late": 0.5})
    section = sequences.section(planted([*trials, odd]))
    assert any(each.startswith("1 runs differ") for each in section.caveats)


def test_a_control_alone_gives_a_section_without_figures(planted) -> None:
    controls = [trial for trial in planned() if trial.config["late"]]
    section = sequences.section(planted(controls))
    assert (section.figures, section.tables, section.findings) == ((), (), ())


@pytest.mark.parametrize("whole", [0.99, 1.01])
@pytest.mark.parametrize("n_seeds", [1, 3])
def test_the_section_is_all_korean(planted, monkeypatch, n_seeds: int, whole: float) -> None:
    monkeypatch.setattr(sequences, "WHOLE", whole)
    trials = planned(n_seeds=n_seeds)
    odd = dataclasses.replace(trials[0], config={**trials[0].config, "hidden": 7, "late": 0.5})
    section = sequences.section(planted([*trials, odd]))
    language = Language("ko", [{"reber", "parity"}, {"counted-lstm"}])
    for text in told(section):
        language.translate(text)
    for figure in section.figures:
        language.draw(figure.drawing)
    assert list(language.missing) == []
