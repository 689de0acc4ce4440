"""Weights that mirror each other: what is run, and what the records say."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.experiments import mirroring
from study.experiments.mirroring import BASE, CLASSICAL, ERROR, LABELLED, PIXELS, RANDOM
from study.report.language import Language
from study.request import Request
from study.trials.trial import Outcome, Trial
from tests.study.experiments import variants
from tests.study.experiments.variants import planter, told

SHARES = {BASE: 0.91, CLASSICAL: 0.12, RANDOM: 0.5, PIXELS: 0.92, LABELLED: 0.1}
ERRORS = {CLASSICAL: 2.0, RANDOM: 5.0}


def outcome(trial: Trial, unequal: bool = False) -> Outcome:
    base = quick()[0].config
    changes = {key: value for key, value in trial.config.items() if base[key] != value}
    changes.pop("hidden", None)
    name = next(name for name, ways in mirroring.VARIANTS.items() if dict(ways) == changes)
    share = SHARES.get(name, 0.7)
    metrics: dict[str, Any] = {
        "test_accuracy": share, ERROR: ERRORS.get(name, 0.18),
        "symmetry": -1.0 if name == CLASSICAL else 0.993,
        "spikes_input_per_sample": 500.0, "spikes_hidden_per_sample": 50.0,
        "spikes_visible_per_sample": 490.0, "synops_per_sample": 90_000.0, "train_seconds": 9.0,
        "n_test": 1000, "n_train": 1000,
    }  # fmt: skip
    wrong = np.arange(1000) >= 1000 * share
    fields = np.random.default_rng(trial.seed + unequal * (name == LABELLED)).random((6, 4, 4))
    return Outcome(
        metrics,
        {
            "test_predictions": wrong.astype(int), "test_labels": np.zeros(1000, int),
            "filters": fields, "curve_seen": np.array([500, 1000]),
            "curve_loss": np.array([1.2, 0.3]), "symmetry": np.array([0.5, 0.99]),
            "originals": fields[:3], "rebuilt": fields[3:],
        },
    )  # fmt: skip


@pytest.fixture
def planted(tmp_path: Path):
    return planter(tmp_path, outcome)


def quick(n_seeds: int | None = None) -> list[Trial]:
    return mirroring.trials(Request("quick", n_seeds))


def test_each_variant_changes_what_it_says_alone() -> None:
    variants.assert_quick_has_all_and_standard_three_seeds(mirroring)


def test_the_user_may_change_what_all_have() -> None:
    variants.assert_the_user_may_change_what_all_have(mirroring, "hidden", 20)


def test_findings_follow_from_the_records_and_one_seed_gives_no_verdict(planted) -> None:
    section = mirroring.section(planted(quick()))
    assert section.lead == (
        "digits: with mirrored STDP the error of rebuilt test images is 0.180 of the mean "
        "image's, forward and feedback weights correlate by 0.993, and a linear read-out of "
        "hidden spikes reaches 91.0 [89.1, 92.6] %.",
    )
    text = " ".join(section.findings)
    assert f"digits: {CLASSICAL}: error 2.000 of the mean image's, correlation -1.000." in text
    assert "bit for bit in 1 of 1 seeds." in text
    assert "sure" not in text
    (table,) = section.tables
    assert [row[1] for row in table.rows] == list(mirroring.VARIANTS)


def test_three_seeds_are_judged_by_the_rule(planted) -> None:
    text = " ".join(mirroring.section(planted(quick(3))).findings)
    assert text.count(": sure.") == len(mirroring.COMPARED)
    assert "bit for bit in 3 of 3 seeds." in text


def test_weights_that_labels_have_reached_are_told(planted) -> None:
    section = mirroring.section(planted(quick(3), unequal=True))
    assert "bit for bit in 0 of 3 seeds." in section.findings[-1]


def test_figures_show_fields_images_and_how_weights_converged(planted) -> None:
    shown, learned = mirroring.section(planted(quick(2))).figures
    assert [ax.get_title() for ax in shown.drawing.axes] == [
        "forward weights",
        "shown, and rebuilt",
    ]
    symmetry, error = learned.drawing.axes
    assert symmetry.get_legend_handles_labels()[1] == list(mirroring.FOLLOWED)
    assert len(symmetry.lines) == 2 * len(mirroring.FOLLOWED)
    assert len(error.lines) == len(symmetry.lines) + 1


def test_one_network_alone_gives_a_section_without_figures(planted) -> None:
    section = mirroring.section(planted(quick()[:1]))
    assert (section.figures, section.tables, section.findings) == ((), (), ())


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_the_section_is_all_korean(planted, n_seeds: int) -> None:
    trials = quick(n_seeds)
    odd = dataclasses.replace(trials[0], config={**trials[0].config, "hidden": 20})
    section = mirroring.section(planted([*trials, odd]))
    language = Language("ko", [{"digits"}, {"burbank"}])
    for text in told(section):
        language.translate(text)
    for figure in section.figures:
        language.draw(figure.drawing)
    assert list(language.missing) == []
