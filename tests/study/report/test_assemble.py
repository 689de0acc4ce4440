"""What a section lacks is told; what is wrong with it is not hidden."""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest

from study.analysis.section import Section
from study.data.reference import DatasetRef
from study.experiments import beyond
from study.report import answer, assemble
from study.report.document import Report
from study.request import Request
from study.trials import provenance
from study.trials.store import Store
from study.trials.trial import Damaged, Lacking, Outcome, Record, Trial
from tests.study.experiments.grid_records import planted

REQUEST = Request("quick", None, (DatasetRef("digits"),))


@pytest.fixture
def records() -> list[Record]:
    return planted(beyond.trials(REQUEST), lambda _: {"spikes_per_sample": 350.0})


def reported(records: list[Record]) -> Report:
    return assemble.gather({"beyond": records}, REQUEST, "command")[1]


def test_a_record_without_a_measure_costs_its_section_alone(records: list[Record]) -> None:
    whole = reported(records)
    assert whole.sections[0].findings
    lost = [record.metrics.pop("spikes_input_per_sample") for record in records[-1:]]
    assert lost
    report = reported(records)
    (section,) = report.sections
    assert section.findings == ()
    assert section.caveats == (
        f"This section could not be made of its {len(records)} records: trial "
        f"{records[-1].trial.id} has no spikes_input_per_sample, which it needs.",
    )
    assert len(report.details) == len(whole.details)


def test_what_made_the_trials_is_told_apart_from_what_makes_the_report(
    records: list[Record],
) -> None:
    elsewhere = {"cpu": "other, 64 cores", "code_version": "0.0+src.old", "libraries": {"a": "1"}}
    newer = {**elsewhere, "libraries": {"a": "2"}}
    made = [
        dataclasses.replace(r, provenance={"wall_seconds": 2.0, **(newer if k else elsewhere)})
        for k, r in enumerate(records)
    ]
    found = reported(made).provenance
    assert found["trials"] == {
        "number": len(made), "seconds": 2.0 * len(made), "cpu": "other, 64 cores",
        "code_version": "0.0+src.old", "libraries": {"a": ["1", "2"]},
    }  # fmt: skip
    assert found["report"]["code_version"] == provenance.code_version()


def test_damaged_arrays_cost_their_record_and_not_the_section(
    records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    make, damaged = beyond.section, records[0].trial.id

    def section(members: list[Record]) -> Section:
        if damaged in {record.trial.id for record in members}:
            raise Damaged(damaged, "arrays that can be read")
        return make(members)

    monkeypatch.setattr(beyond, "section", section)
    (found,) = reported(records).sections
    assert found.findings
    assert found.caveats[-1].startswith(f"Trial {damaged} is left out: its arrays are damaged.")


def test_damaged_arrays_cost_the_first_page_their_record_alone(tmp_path: Path) -> None:
    store, made = Store(tmp_path), []
    for learner, right in (("surrogate", 45), ("linear", 40), ("mlp", 44)):
        for seed in range(3):
            trial = Trial("x:y", learner, DatasetRef("digits"), {}, seed)
            labels = np.zeros(50, int)
            arrays = {"test_predictions": (np.arange(50) >= right).astype(int),
                      "test_labels": labels}  # fmt: skip
            made.append(store.put_done(trial, Outcome({"test_accuracy": right / 50}, arrays), {}))
    (tmp_path / f"{made[0].trial.id}.npz").write_bytes(b"no arrays")
    found, damaged = assemble._undamaged(answer.answer, made)
    assert damaged == [made[0].trial.id]
    assert "surrogate 90.0 % (2 seeds)" in found[0]


@pytest.mark.parametrize("mistake", [KeyError("typo"), TypeError("None"), ValueError("shape")])
def test_a_mistake_in_a_section_is_loud(
    mistake: Exception, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(_: list[Record]) -> None:
        raise mistake

    monkeypatch.setattr(beyond, "section", mistaken)
    with pytest.raises(type(mistake)) as raised:
        reported(records)
    assert raised.value is mistake


def test_a_record_says_what_it_lacks_and_of_which_trial(
    records: list[Record], tmp_path: Path
) -> None:
    record = pickle.loads(pickle.dumps(records[0]))
    assert record == records[0]
    assert record.metrics.get("nothing") is None
    for held in (record.metrics, record.arrays):
        with pytest.raises(Lacking, match=f"^trial {record.trial.id} has no nothing$"):
            held["nothing"]
