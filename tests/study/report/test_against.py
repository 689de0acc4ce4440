"""The comparison of two runs says what changed, with intervals, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from study.data.reference import DatasetRef
from study.report import against
from study.trials.store import Store
from study.trials.trial import Outcome, Record, Trial


def kept(
    folder: Path,
    accuracies: list[float],
    config: dict[str, Any],
    learner: str = "surrogate",
    cpu: str = "one",
) -> list[Record]:
    """Return records as they come back from a store that knows nothing of the plan."""
    store = Store(folder)
    for seed, accuracy in enumerate(accuracies):
        trial = Trial("x:y", learner, DatasetRef("digits"), config, seed)
        metrics = {"test_accuracy": accuracy, "spikes_per_sample": 40.0, "train_seconds": 2.0}
        store.put_done(trial, Outcome(metrics), {"code_version": folder.name, "cpu": cpu})
    return store.everything()


@pytest.fixture
def before(tmp_path: Path) -> list[Record]:
    (tmp_path / "before").mkdir()
    return kept(tmp_path / "before", [0.80, 0.82, 0.84], {"slope": 10.0})


def after(tmp_path: Path, accuracies: list[float], slope: float = 10.0) -> list[Record]:
    (tmp_path / "after").mkdir()
    return kept(tmp_path / "after", accuracies, {"slope": slope})


def test_a_change_that_seeds_do_not_explain_is_told_with_its_interval(
    before: list[Record], tmp_path: Path
) -> None:
    section = against.section(before, after(tmp_path, [0.82, 0.843, 0.857]), "other")
    row = next(row for row in section.tables[0].rows if row[1] == "test accuracy / %")
    # Paired differences 2.0, 2.3, 1.7 points: 4.303 * 0.3 / sqrt(3) = 0.745.
    assert row[2:] == ("82.0 ± 5.0", "84.0 ± 4.6", "2.00 ± 0.75")
    assert any("test accuracy / % rose by 2.00 ± 0.75" in text for text in section.findings)
    assert any("versions of the code differ" in text for text in section.caveats)
    assert not any("processors differ" in text for text in section.caveats)


def test_where_nothing_differs_nothing_is_drawn(before: list[Record], tmp_path: Path) -> None:
    section = against.section(before, after(tmp_path, [0.80, 0.82, 0.84]), "other")
    assert (section.figures, section.tables) == ((), ())
    assert section.findings[-1] == "Nothing that both measured differs."


def test_trials_that_another_processor_repeats_bit_for_bit_are_counted(
    before: list[Record], tmp_path: Path
) -> None:
    (tmp_path / "after").mkdir()
    again = kept(tmp_path / "after", [0.80, 0.82, 0.841], {"slope": 10.0}, cpu="two")
    told, *_ = against.section(before, again, "other").findings
    assert told == (
        "2 of 3 trials that both runs have computed are equal bit for bit in accuracies, spikes "
        "and operations, on 2 kinds of processor."
    )


def test_records_that_were_copied_prove_nothing(before: list[Record]) -> None:
    assert not any("bit for bit" in told for told in against.section(before, before, "o").findings)


def test_a_fall_is_told_by_its_size(before: list[Record], tmp_path: Path) -> None:
    section = against.section(before, after(tmp_path, [0.78, 0.797, 0.823]), "other")
    assert "surrogate · digits: test accuracy / % fell by 2.00 ± 0.75." in section.findings


def test_a_difference_within_its_interval_is_called_nothing_else(
    before: list[Record], tmp_path: Path
) -> None:
    section = against.section(before, after(tmp_path, [0.83, 0.80, 0.85]), "other")
    assert any("seeds alone may explain" in text for text in section.findings)


def test_a_changed_setting_is_compared_and_named(before: list[Record], tmp_path: Path) -> None:
    section = against.section(before, after(tmp_path, [0.9, 0.9, 0.9], slope=25.0), "other")
    assert section.tables[0].rows[0][0] == "surrogate · digits (slope 10.0 → 25.0)"


def test_runs_without_a_common_configuration_say_so(before: list[Record], tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    other = kept(tmp_path / "else", [0.5], {"slope": 1.0}, learner="mlp")
    section = against.section(before, other, "other")
    assert not section.figures
    assert section.findings == (
        "0 configurations were measured in both runs, 1 in the other alone and 1 in this alone.",
    )


def test_one_seed_gives_a_difference_without_a_verdict(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    old = kept(tmp_path / "one", [0.5], {"slope": 1.0})
    section = against.section(old, after(tmp_path, [0.7], slope=1.0), "other")
    assert section.tables[0].rows[0][4] == "20.0"
    assert "cannot be told" in section.findings[-1]


def test_a_damaged_record_of_the_other_run_is_passed_over(tmp_path: Path) -> None:
    records = after(tmp_path, [0.5, 0.6])
    (tmp_path / "after" / f"{records[0].trial.id}.json").write_text("{")
    assert [record.trial.id for record in Store(tmp_path / "after").everything()] == [
        records[1].trial.id
    ]
