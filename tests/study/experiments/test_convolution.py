"""Filters from the order of spikes: what is run, and what the records say."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.experiments import convolution
from study.experiments.convolution import BASE, LABELLED, MATCHED, PIXELS, POTENTIALS, TIMES
from study.report.language import Language
from study.request import Request
from study.trials.trial import Outcome, Trial
from tests.study.experiments import variants
from tests.study.experiments.variants import planter, told

SHARES = {BASE: 0.98, MATCHED: 0.96, TIMES: 0.95, LABELLED: 0.1, PIXELS: 0.92, POTENTIALS: 0.85}


def variant_of(trial: Trial, base: dict[str, Any]) -> str:
    """Return the name of the variant whose changes a trial has."""
    changes = {key: value for key, value in trial.config.items() if base[key] != value}
    return next(name for name, ways in convolution.VARIANTS.items() if dict(ways) == changes)


def outcome(trial: Trial, unequal: bool = False) -> Outcome:
    base = quick()[0].config
    odd = trial.config["rate"] != base["rate"]
    name = BASE if odd else variant_of(trial, base)
    share = SHARES.get(name, 0.9)
    metrics: dict[str, Any] = {
        "test_accuracy": share,
        "spikes_per_sample": 900.0,
        "synops_per_sample": 60_000.0,
        "macs_per_sample": 5000.0,
        "train_seconds": 2.0,
        "n_test": 1000,
        "n_train": 1000,
    }
    wrong = np.arange(1000) >= 1000 * share
    arrays = {"test_predictions": wrong.astype(int), "test_labels": np.zeros(1000, int)}
    if trial.config["features"] == "maps":
        weights = np.random.default_rng(trial.seed + unequal * (name == LABELLED)).random(
            (6, 2, 3, 3)
        )
        metrics |= {
            "spikes_input_per_sample": 50.0, "spikes_maps 1_per_sample": 61.0, "density_1": 0.4,
            "threshold_1": 2.5, "convergence_1": 0.009,
        }  # fmt: skip
        arrays |= {
            "weights_1": weights,
            "filters": weights[:, 0] - weights[:, 1],
            "curve_seen": np.array([0, 250, 500]),
            "curve_loss": np.array([0.16, 0.1, 0.009]),
        }
    return Outcome(metrics, arrays)


@pytest.fixture
def planted(tmp_path: Path):
    return planter(tmp_path, outcome)


def quick(n_seeds: int | None = None) -> list[Trial]:
    return convolution.trials(Request("quick", n_seeds))


def test_each_variant_changes_what_it_says_alone() -> None:
    variants.assert_quick_has_all_and_standard_three_seeds(convolution)


def test_larger_profiles_have_few_maps_and_few_labels() -> None:
    trials = convolution.trials(Request("standard"))
    assert {trial.dataset_name for trial in trials} == {"mnist", "fashion-mnist"}
    assert {trial.config["label_samples"] for trial in trials} == {10_000}
    assert {trial.config["maps"] for trial in trials} == {(70,), (30, 100)}


def test_the_user_may_change_what_all_have() -> None:
    variants.assert_the_user_may_change_what_all_have(convolution, "n_steps", 5)


def test_findings_follow_from_the_records_and_one_seed_gives_no_verdict(planted) -> None:
    section = convolution.section(planted(quick()))
    assert section.lead == (
        "digits: with filters learned by STDP without labels, a linear read-out reaches "
        "98.0 [96.9, 98.7] % of test samples, with 61 spikes of maps a sample.",
    )
    text = " ".join(section.findings)
    assert "digits: displaced, as many spikes: 96.0" in text
    assert "pixels alone: 92.0 [90.2, 93.5] %." in text
    assert "bit for bit in 1 of 1 seeds." in text
    assert "sure" not in text
    (table,) = section.tables
    assert [row[1] for row in table.rows] == list(convolution.VARIANTS)


def test_three_seeds_are_judged_by_the_rule(planted) -> None:
    text = " ".join(convolution.section(planted(quick(3))).findings)
    assert "displaced, as many spikes: 96.0" in text
    assert text.count(": sure.") == len(convolution.COMPARED)
    assert "bit for bit in 3 of 3 seeds." in text


def test_filters_that_labels_have_reached_are_told(planted) -> None:
    section = convolution.section(planted(quick(3), unequal=True))
    assert "bit for bit in 0 of 3 seeds." in section.findings[-1]


def test_figures_show_filters_convergence_and_each_variant(planted) -> None:
    shown, judged = convolution.section(planted(quick(2))).figures
    assert [ax.get_title() for ax in shown.drawing.axes] == [BASE, TIMES]
    learning, answering = judged.drawing.axes
    assert learning.get_legend_handles_labels()[1] == list(convolution.FOLLOWED)
    assert len(learning.lines) == 2 * len(convolution.FOLLOWED) + 1
    names = [text.get_text() for text in answering.get_yticklabels()]
    assert names == list(convolution.VARIANTS)


def test_runs_that_are_no_variant_are_owned_up_to(planted) -> None:
    trials = quick()
    odd = dataclasses.replace(trials[0], config={**trials[0].config, "rate": 0.1, "side": 5})
    section = convolution.section(planted([*trials, odd]))
    assert any(each.startswith("1 runs differ") for each in section.caveats)


def test_one_network_alone_gives_a_section_without_figures(planted) -> None:
    section = convolution.section(planted(quick()[:1]))
    assert (section.figures, section.tables, section.findings) == ((), (), ())


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_the_section_is_all_korean(planted, n_seeds: int) -> None:
    trials = quick(n_seeds)
    odd = dataclasses.replace(trials[0], config={**trials[0].config, "rate": 0.1, "side": 5})
    section = convolution.section(planted([*trials, odd]))
    language = Language("ko", [{"digits"}, {"kheradpisheh"}])
    for text in told(section):
        language.translate(text)
    for figure in section.figures:
        language.draw(figure.drawing)
    assert list(language.missing) == []
