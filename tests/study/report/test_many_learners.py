"""Room for many: with fifteen learners on three data sets pages stay readable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from study.analysis.figures import house_style
from study.analysis.replicates import replicates
from study.data.reference import DatasetRef
from study.experiments import compare
from study.learners import BUDGET_SECONDS, LEARNERS, LearnerEntry, affordable, family, style
from study.learning.families import FAMILIES
from study.report import summary
from study.report.legible import faults
from study.request import Request
from study.trials.store import Store
from study.trials.trial import Outcome, Record, Trial

SETS = ("mnist", "fashion-mnist", "hd-spikes")
PER_FAMILY = 3


@pytest.fixture
def many() -> Iterator[list[str]]:
    """Register three learners of each family in place of those that there are."""
    before = dict(LEARNERS)  # put back whole: their order is that of tables
    entry = LearnerEntry("mlp", "MLPConfig", "MLPLearner", ("images",), 1, "baseline", "planted")
    LEARNERS.clear()
    for name in FAMILIES:
        for number in range(PER_FAMILY):
            LEARNERS[f"{name}-{number}"] = replace(entry, family=name)
    yield list(LEARNERS)
    LEARNERS.clear()
    LEARNERS.update(before)


@pytest.fixture
def records(many: list[str], tmp_path: Path) -> list[Record]:
    store, made = Store(tmp_path), []
    for place, (dataset, name) in enumerate((d, n) for d in SETS for n in many):
        for seed in range(3):
            right = 60 + place % 15 + seed
            metrics = {
                **{f"{part}_accuracy": right / 100 for part in ("train", "validation", "test")},
                "spikes_per_sample": None if "baseline" in name else 30.0 * (1 + place),
                "synops_per_sample": 100.0, "macs_per_sample": 5.0,
                "neuron_updates_per_sample": 1.0, "prepare_seconds": 0.1,
                "train_seconds": 2.0 + place, "inference_ms_per_sample": 0.1, "peak_memory_mb": 5.0,
            }  # fmt: skip
            arrays = {
                "test_predictions": (np.arange(100) >= right).astype(int),
                "test_labels": np.zeros(100, dtype=int),
            }
            trial = Trial("x:y", name, DatasetRef(dataset), {}, seed)
            made.append(store.put_done(trial, Outcome(metrics, arrays), {}))
    return made


def test_the_opening_table_has_the_best_of_each_family(records: list[Record]) -> None:
    table = summary.table(records)
    assert table is not None
    assert len(table.rows) == len(SETS) * len(FAMILIES)
    assert "Of 45 learners and data sets" in table.caption
    shown = {(row[1], family(row[0])): row[0] for row in table.rows}
    for (dataset, of_family), name in shown.items():
        rivals = [
            group
            for group in replicates(records)
            if group.dataset == dataset and family(group[0].trial.subject) == of_family
        ]
        best = max(rivals, key=lambda group: group[0].metrics["validation_accuracy"])
        assert name == best.learner


def test_the_opening_picture_has_the_best_of_each_family(records: list[Record]) -> None:
    with house_style():
        figure = summary.figure(records)
    assert figure is not None
    names = [text.get_text() for text in figure.drawing.axes[0].get_yticklabels()]
    assert len(names) == len(SETS) * (1 + len(FAMILIES))
    figure.drawing.draw_without_rendering()
    assert faults(figure.drawing) == []


def test_learners_are_compared_with_baselines_and_within_families(records: list[Record]) -> None:
    table = next(t for t in compare.section(records).tables if t.columns[0] == "pair")
    pairs = [tuple(row[0].replace(f" · {name}", "").split(" – ")) for row in table.rows
             for name in SETS if f" · {name} –" in row[0]]  # fmt: skip
    wanted = [
        {first, second}
        for first, second in combinations(LEARNERS, 2)
        if family(first) == family(second) or "baseline" in (family(first), family(second))
    ]
    assert len(pairs) == len(SETS) * len(wanted) < len(SETS) * 105
    assert all(set(pair) in wanted for pair in pairs)


def test_each_learner_has_a_look_of_its_own_and_a_family_one_mark(many: list[str]) -> None:
    assert len({style(name) for name in many}) == len(many)
    marks = {name: {style(n).mark for n in many if family(n) == name} for name in FAMILIES}
    assert all(len(found) == 1 for found in marks.values())
    assert len(set.union(*marks.values())) == len(FAMILIES)


def test_the_quick_profile_leaves_out_what_takes_too_long(many: list[str]) -> None:
    slow = many[0]
    LEARNERS[slow] = replace(LEARNERS[slow], seconds=BUDGET_SECONDS + 1)
    assert affordable("quick") == many[1:]
    assert affordable("standard") == many
    assert slow not in {t.subject for t in compare.trials(Request())}
    assert {t.subject for t in compare.trials(Request(learners=(slow,)))} == {slow}


def test_strangers_share_a_look_that_no_learner_has() -> None:
    assert style("unheard of") == style("another")
    assert style("unheard of") not in {style(name) for name in LEARNERS}
