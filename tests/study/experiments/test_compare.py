"""The comparison and the summary say what the records hold."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.analysis.comparison import Strength, difference
from study.analysis.replicates import cell, replicates
from study.analysis.stats import Interval, holm
from study.analysis.table import trials_table
from study.data.reference import DatasetRef
from study.data.task import NOTHING_ASKED
from study.experiments import compare
from study.report import summary
from study.trials.store import Store
from study.trials.trial import Outcome, Record, Trial

N_TEST = 50
LEADING = (
    "trial", "experiment", "learner", "dataset", "seed", "status", "train_accuracy",
    "validation_accuracy", "test_accuracy", "spikes_per_sample", "synops_per_sample",
    "train_seconds", "inference_ms_per_sample", "peak_memory_mb",
)  # fmt: skip


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    """Two learners with known accuracies over three seeds, one of them without spikes."""
    store = Store(tmp_path)
    made = []
    for learner, rights, spikes in (
        ("surrogate", (45, 46, 47), 40.0),
        ("linear", (40, 40, 40), None),
    ):
        for seed, right in enumerate(rights):
            trial = Trial("x:y", learner, DatasetRef("digits"), {"size": 1, "sizes": (1, 2)}, seed)
            labels = np.zeros(N_TEST, dtype=int)
            predictions = (np.arange(N_TEST) >= right).astype(int)
            metrics = {
                **{f"{part}_accuracy": right / N_TEST for part in ("train", "validation", "test")},
                "spikes_per_sample": spikes,
                "synops_per_sample": spikes and 1000.0,
                "macs_per_sample": 0.0 if spikes else 640.0,
                "neuron_updates_per_sample": 100.0,
                "prepare_seconds": 1.0,
                "train_seconds": 2.0,
                "inference_ms_per_sample": 0.1,
                "peak_memory_mb": 5.0,
            }
            arrays = {"test_predictions": predictions, "test_labels": labels}
            made.append(store.put_done(trial, Outcome(metrics, arrays), {"wall_seconds": 3.0}))
    return made


def test_the_summary_has_means_intervals_and_dashes(records: list[Record]) -> None:
    table = summary.table(records)
    assert table is not None
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    # Seeds at 90, 92, 94 %: the half width is 4.303 * 2 / sqrt(3) = 4.97 points.
    assert rows["surrogate"]["test accuracy / %"] == "92.0 ± 5.0"
    assert rows["linear"]["spikes per sample"] == "–"
    assert rows["linear"]["MACs per sample"] == "640"


def test_without_spiking_learners_there_is_no_picture(records: list[Record]) -> None:
    assert summary.figure(records[3:]) is None
    assert summary.table([]) is None
    figure = summary.figure(records)
    assert figure is not None
    assert figure.drawing.axes[1].get_xlabel().startswith("spikes per sample")


def test_differences_are_paired_and_tested(records: list[Record]) -> None:
    section = compare.section(records)
    (row,) = next(table for table in section.tables if table.columns[0] == "pair").rows
    # Leads of 5, 6 and 7 of 50: over seeds 12 ± 4.97 points, over samples 12 ± 8.7.
    lead = np.array([0] * 40 + [1] * 5 + [2 / 3, 1 / 3] + [0] * 3)
    over_samples = 1.96 * (lead.var(ddof=1) / N_TEST) ** 0.5
    assert (100 * over_samples, (4.97**2 + (100 * over_samples) ** 2) ** 0.5) == pytest.approx(
        (8.7, 10.0), abs=0.03
    )
    assert row == ("linear · digits – surrogate", "-12.0 ± 10.0", "sure")
    assert "surrogate 92.0" in section.findings[0]


def test_sequences_are_compared_by_the_symbols_that_are_asked_for(tmp_path: Path) -> None:
    store, made = Store(tmp_path), []
    labels = np.full((N_TEST, 3), NOTHING_ASKED)
    labels[:, 1] = 0
    for learner, wrong in (("lsnn", 2), ("lsnn-eprop", 7)):
        answers = np.zeros((N_TEST, 3), int)  # right or wrong where nothing is asked, all the same
        answers[:wrong, 1] = 1
        metrics = {
            **{f"{part}_symbol_accuracy": 1 - wrong / N_TEST for part in ("train", "test")},
            "validation_symbol_accuracy": 0.5, "spikes_per_sample": 10.0,
            "synops_per_sample": 10.0, "macs_per_sample": 0.0, "neuron_updates_per_sample": 1.0,
            "prepare_seconds": 1.0, "train_seconds": 2.0, "inference_ms_per_sample": 0.1,
            "peak_memory_mb": 5.0,
        }  # fmt: skip
        arrays = {"test_predictions": answers, "test_labels": labels}
        trial = Trial("x:y", learner, DatasetRef("store-recall"), {"size": 1}, 0)
        made.append(store.put_done(trial, Outcome(metrics, arrays), {}))
    section = compare.section(made)
    assert section.findings[0] == "Test accuracy on store-recall: lsnn 96.0 %, lsnn-eprop 86.0 %."
    assert section.tables[0].rows[0][1:4] == ("96.0", "50.0", "96.0")
    found = difference([made[0]], [made[1]], "test_symbol_accuracy")
    assert found is not None
    assert (round(found.interval.mean, 9), found.strength) == (0.1, Strength.FEW)


def test_holms_correction_follows_its_definition() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_the_table_names_all_users_of_a_trial_and_all_settings(records: list[Record]) -> None:
    table = trials_table({"surrogate": records[:3], "compare": records})
    assert tuple(table.columns[: len(LEADING)]) == LEADING
    assert table["experiment"].tolist() == ["surrogate, compare"] * 3 + ["compare"] * 3
    assert table["config.sizes"].tolist() == ["[1, 2]"] * 6
    assert isinstance(table, pd.DataFrame)


def test_replicates_are_named_by_what_tells_them_apart(tmp_path: Path) -> None:
    store = Store(tmp_path)
    records = [
        store.put_done(
            Trial("x:y", "surrogate", DatasetRef("digits"), {"slope": slope, "size": 1}, seed),
            Outcome({"test_accuracy": 0.5}),
            {},
        )
        for slope in (5, 25)
        for seed in (0, 1)
    ]
    groups = replicates(records)
    assert [group.learner for group in groups] == ["surrogate (slope=25)", "surrogate (slope=5)"]
    assert [len(group) for group in groups] == [2, 2]
    assert replicates(records[:2])[0].learner == "surrogate"


@pytest.mark.parametrize(
    ("interval", "told"),
    [
        (Interval(86.123, 85.9, 86.346), "86.1 ± 0.2"),
        (Interval(-0.072, -2.0799, 1.9359), "-0.07 ± 2.01"),  # no more digits than are known
        (Interval(0.072, 0.071, 0.073), "0.0720 ± 0.0010"),
        (Interval(99.5, 98.0, 100.0), "99.5 [98.0, 100.0]"),
        (Interval(1234.5, math.nan, math.nan), "1,234"),
        (Interval(0.0, math.nan, math.nan), "0"),
        (None, "–"),
    ],
)
def test_cells_show_the_digits_that_are_known(interval: Interval | None, told: str) -> None:
    assert cell(interval) == told
