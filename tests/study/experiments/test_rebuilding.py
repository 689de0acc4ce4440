"""Filters that rebuild their input: what is run, and what the records say."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.experiments import rebuilding
from study.experiments.rebuilding import BASE, HEAD, LABELLED, PIXELS, RANDOM
from study.report.language import Language
from study.request import Request
from study.trials.trial import Outcome, Trial
from tests.study.experiments import variants
from tests.study.experiments.variants import planter, told

SHARES = {BASE: 0.98, HEAD: 0.99, RANDOM: 0.96, LABELLED: 0.1, PIXELS: 0.92}


def variant_of(trial: Trial, base: dict[str, Any]) -> str:
    """Return the name of the variant whose changes a trial has."""
    changes = {key: value for key, value in trial.config.items() if base[key] != value}
    ways = {name: dict(way) for name, way in rebuilding.VARIANTS.items()}
    return next(
        (name for name, way in ways.items() if way == changes), rebuilding.TWO
    )  # two layers have settings that a preset may have too


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
        rng = np.random.default_rng(trial.seed + unequal * (name == LABELLED))
        weights = rng.random((6, 2, 3, 3))
        metrics |= {
            "spikes_input_per_sample": 50.0, "spikes_maps 1_per_sample": 61.0,
            "rebuilding_error": 1.4 if name == RANDOM else 0.4, "window_error_1": 0.5,
        }  # fmt: skip
        arrays |= {
            "weights_1": weights,
            "filters": weights[:, 0] - weights[:, 1],
            "curve_seen": np.array([100, 250, 500]),
            "curve_loss": np.array([1.2, 0.9, 0.5]),
            "originals": rng.random((4, 8, 8)),
            "rebuilt": rng.random((4, 8, 8)),
        }
    return Outcome(metrics, arrays)


@pytest.fixture
def planted(tmp_path: Path):
    return planter(tmp_path, outcome)


def quick(n_seeds: int | None = None) -> list[Trial]:
    return rebuilding.trials(Request("quick", n_seeds))


def test_each_variant_changes_what_it_says_alone() -> None:
    variants.assert_quick_has_all_and_standard_three_seeds(rebuilding)


def test_larger_profiles_have_few_labels() -> None:
    trials = rebuilding.trials(Request("standard"))
    assert {trial.config["label_samples"] for trial in trials} == {10_000}


def test_the_user_may_change_what_all_have() -> None:
    variants.assert_the_user_may_change_what_all_have(rebuilding, "n_steps", 5)


def test_findings_follow_from_the_records_and_one_seed_gives_no_verdict(planted) -> None:
    section = rebuilding.section(planted(quick()))
    (lead,) = section.lead
    assert "a linear read-out reaches 98.0 [96.9, 98.7] % of test samples, with 61 spikes" in lead
    text = " ".join(section.findings)
    assert "digits: random filters: 96.0" in text
    assert "leaves 0.40 of the variance of images, with random filters 1.40." in text
    assert "bit for bit in 1 of 1 seeds." in text
    assert "sure" not in text
    (table,) = section.tables
    assert [row[1] for row in table.rows] == list(rebuilding.VARIANTS)


def test_three_seeds_are_judged_by_the_rule(planted) -> None:
    text = " ".join(rebuilding.section(planted(quick(3))).findings)
    assert text.count(": sure.") == len(rebuilding.COMPARED)
    assert "bit for bit in 3 of 3 seeds." in text


def test_filters_that_labels_have_reached_are_told(planted) -> None:
    section = rebuilding.section(planted(quick(3), unequal=True))
    assert "bit for bit in 0 of 3 seeds." in section.findings[-1]


def test_figures_show_filters_reconstructions_convergence_and_each_variant(planted) -> None:
    shown, judged = rebuilding.section(planted(quick(2))).figures
    assert [ax.get_title() for ax in shown.drawing.axes] == ["filters", BASE, RANDOM]
    assert all(len(ax.images) == 1 for ax in shown.drawing.axes)
    learning, answering = judged.drawing.axes
    assert learning.get_legend_handles_labels()[1] == list(rebuilding.FOLLOWED)
    assert len(learning.lines) == 2 * len(rebuilding.FOLLOWED) + 1
    names = [text.get_text() for text in answering.get_yticklabels()]
    assert names == list(rebuilding.VARIANTS)


def test_runs_that_are_no_variant_are_owned_up_to(planted) -> None:
    trials = quick()
    odd = dataclasses.replace(trials[0], config={**trials[0].config, "rate": 0.1, "side": 5})
    section = rebuilding.section(planted([*trials, odd]))
    assert any(each.startswith("1 runs differ") for each in section.caveats)


def test_one_network_alone_gives_a_section_without_figures(planted) -> None:
    section = rebuilding.section(planted(quick()[:1]))
    assert (section.figures, section.tables, section.findings) == ((), (), ())


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_the_section_is_all_korean(planted, n_seeds: int) -> None:
    trials = quick(n_seeds)
    odd = dataclasses.replace(trials[0], config={**trials[0].config, "rate": 0.1, "side": 5})
    section = rebuilding.section(planted([*trials, odd]))
    language = Language("ko", [{"digits"}, {"panda-roy"}])
    for text in told(section):
        language.translate(text)
    for figure in section.figures:
        language.draw(figure.drawing)
    assert list(language.missing) == []
