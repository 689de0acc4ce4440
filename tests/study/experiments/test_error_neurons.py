"""Error neurons: what is run, and what the records say."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.experiments import error_neurons
from study.report.language import Language
from study.request import Request
from study.trials.trial import Outcome, Record, Trial
from tests.study.experiments import variants
from tests.study.experiments.variants import planter, told

EPOCHS, STEPS = 4, 500


def accuracy(trial: Trial) -> float:
    config = trial.config
    if config["feedback"] != "random" or not config["label_period_ms"]:
        return 0.3
    return 0.92 if config["gate_low"] < 0 else 0.96


def outcome(trial: Trial) -> Outcome:
    operations = np.array([200_000.0, 900.0, 50_000.0])
    metrics: dict[str, Any] = {
        "test_accuracy": accuracy(trial),
        "spikes_per_sample": 9000.0,
        "synops_per_sample": 1_000_000.0,
        "train_synops_per_sample": operations.sum(),
        "train_forward_operations_per_sample": operations[0],
        "train_backward_operations_per_sample": operations[1],
        "train_update_operations_per_sample": operations[2],
        "train_comparisons_per_sample": 360_000.0,
        "train_seconds": 2.0,
        "n_weights": 158_800,
        "n_train": 1000,
    }
    arrays = {
        "curve_seen": np.arange(EPOCHS) + 1,
        "curve_validation": np.linspace(0.5, accuracy(trial), EPOCHS),
        "train_operations_by_epoch": np.tile(operations, (EPOCHS, 1)),
        "validation_score_by_step": np.linspace(0.002, 1.0, STEPS) * accuracy(trial),
    }
    return Outcome(metrics, arrays)


@pytest.fixture
def planted(tmp_path: Path):
    return planter(tmp_path, outcome)


def quick(n_seeds: int | None = None) -> list[Trial]:
    return error_neurons.trials(Request("quick", n_seeds))


def test_each_variant_changes_what_it_says_alone() -> None:
    variants.assert_quick_has_all_and_standard_three_seeds(error_neurons)


def test_the_user_may_change_what_all_have() -> None:
    variants.assert_the_user_may_change_what_all_have(error_neurons, "hidden", 5)


def test_findings_follow_from_the_records(planted) -> None:
    section = error_neurons.section(planted(quick()))
    assert section.lead == (
        "digits: with gates that are open for positive currents, error neurons teach the network "
        "to 96.0 % of test samples.",
    )
    text = " ".join(section.findings)
    assert "takes 250,900 additions a sample, of which 50,000 change weights, and 360,000" in text
    assert "to change all once takes 317,600 multiply-accumulates" in text
    assert "48.0 % of validation samples are known after 250 ms" in text
    assert "96.0 % of validation samples are known after 500 ms" in text
    assert "digits: the paper's boxcar: 92.0 %." in text
    assert "digits: control, no feedback: 30.0 %." in text
    assert "digits: no feedback" not in text
    (table,) = section.tables
    assert [row[1] for row in table.rows] == list(error_neurons.VARIANTS)


def test_the_figure_has_a_line_for_each_network_and_for_one_control(planted) -> None:
    (figure,) = error_neurons.section(planted(quick())).figures
    learning, answering = figure.drawing.axes
    shown = [name for name in error_neurons.VARIANTS if name not in ("no labels", "equal feedback")]
    assert learning.get_legend_handles_labels()[1] == shown
    first = learning.lines[0].get_xdata()
    np.testing.assert_allclose(first, 250_900 * 1000 * np.arange(1, EPOCHS + 1))
    longest = max(len(line.get_xdata()) for line in answering.lines)
    assert longest == STEPS


def test_runs_that_are_no_variant_are_owned_up_to(planted) -> None:
    trials = quick()
    odd = dataclasses.replace(trials[0], config={**trials[0].config, "epochs": 99, "hidden": 7})
    section = error_neurons.section(planted([*trials, odd]))
    assert any(each.startswith("1 runs differ") for each in section.caveats)


def test_one_network_alone_gives_a_section_without_figures(planted) -> None:
    section = error_neurons.section(planted(quick()[:1]))
    assert (section.figures, section.tables, section.findings) == ((), (), ())


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_the_section_is_all_korean(planted, n_seeds: int) -> None:
    trials = quick(n_seeds)
    odd = dataclasses.replace(trials[0], config={**trials[0].config, "epochs": 99, "hidden": 7})
    records: list[Record] = planted([*trials, odd])
    section = error_neurons.section(records)
    language = Language("ko", [{"digits"}, {"erbp"}])
    for text in told(section):
        language.translate(text)
    for figure in section.figures:
        language.draw(figure.drawing)
    assert list(language.missing) == []
