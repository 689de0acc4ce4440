"""Two data sets of one name are two rows, and the identities of their trials stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from study.analysis.same_names import told_apart
from study.analysis.table import trials_table
from study.data.reference import DatasetRef
from study.trials.trial import Record, Trial


def record(dataset: DatasetRef | None, seed: int = 0, **metrics: Any) -> Record:
    trial = Trial("m:f", "linear", dataset, {}, seed)
    return Record(trial, "done", metrics, None, {}, Path())


def shown(*records: Record) -> list[str]:
    found = told_apart({"compare": records})["compare"]
    assert [one.trial.id for one in found] == [one.trial.id for one in records]
    assert [one.trial.config_id for one in found] == [one.trial.config_id for one in records]
    return [one.trial.dataset_name for one in found]


ONE, OTHER = (DatasetRef("mine.npz", f"/{digit}/mine.npz", digit * 64, "images") for digit in "ab")


def test_two_files_of_one_name_are_told_apart_by_their_content() -> None:
    assert shown(record(ONE), record(OTHER), record(None)) == [
        "mine.npz (aaaaaa)",
        "mine.npz (bbbbbb)",
        "",
    ]
    table = trials_table(told_apart({"compare": [record(ONE), record(OTHER)]}))
    assert table["dataset"].nunique() == 2


def test_one_content_keeps_its_name_wherever_the_file_lay() -> None:
    moved = DatasetRef("mine.npz", "/elsewhere/mine.npz", ONE.sha256, "images")
    assert shown(record(ONE), record(moved, 1)) == ["mine.npz"] * 2


def test_a_named_data_set_that_was_replaced_is_told_apart() -> None:
    named = DatasetRef("hd-spikes")
    first, second = (record(named, seed, data_checksum=str(seed) * 64) for seed in range(2))
    unknown = record(named, 2)
    assert shown(first, second, unknown) == [
        "hd-spikes (000000)",
        "hd-spikes (111111)",
        "hd-spikes",
    ]
    assert shown(first, unknown) == ["hd-spikes"] * 2
