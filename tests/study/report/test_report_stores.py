"""A report of whatever a store holds: nothing, failures alone, one learner, missing metrics."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from study import commands
from study.trials.pack import PACKED, unpack

SAMPLE = Path(__file__).parents[3] / "reports" / "sample"
ERROR = {"type": "TrainingError", "message": "loss became nan", "traceback": "Traceback"}
LOST = ("spikes_per_sample", "train_seconds", "validation_accuracy", "synops_per_sample")

Entry = dict[str, Any]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    shutil.copy(SAMPLE / PACKED, folder)
    unpack(folder)
    return folder / "trials"


def page(sample: Path, out: Path, change: Callable[[Entry], Entry | None]) -> str:
    """Return the page of a store of the sample's comparison, each record changed or left out."""
    (out / "trials").mkdir(parents=True)
    request = json.loads((SAMPLE / "request.json").read_text()) | {"experiments": ["compare"]}
    (out / "request.json").write_text(json.dumps(request))
    for path in sample.glob("*.json"):
        if entry := change(json.loads(path.read_text())):
            (out / "trials" / path.name).write_text(json.dumps(entry))
            if path.with_suffix(".npz").exists():
                shutil.copy(path.with_suffix(".npz"), out / "trials")
    commands.report(out)
    assert (out / "report.pdf").stat().st_size > 1000
    return " ".join((out / "report.html").read_text().split())


def compared(entry: Entry) -> bool:
    learning = entry["procedure"] == "study.procedures.learning:run"
    return learning and entry["dataset"] == {"name": "digits"}


def test_an_empty_store_says_that_nothing_was_run(sample: Path, tmp_path: Path) -> None:
    told = page(sample, tmp_path, lambda _: None)
    assert "there is no answer yet" in told
    assert "planned trials have not been run" in told


def test_a_whole_store_lacks_nothing_that_was_planned(sample: Path, tmp_path: Path) -> None:
    """Networks that others begin with are planned too, and belong to no experiment."""
    assert "planned trials" not in page(sample, tmp_path, lambda entry: entry)


def test_failures_alone_are_told_with_their_reasons(sample: Path, tmp_path: Path) -> None:
    def failed(entry: Entry) -> Entry | None:
        gone = {"status": "failed", "metrics": {}, "error": ERROR}
        return entry | gone if compared(entry) else None

    told = page(sample, tmp_path, failed)
    assert "there is no answer yet" in told
    assert "loss became nan" in told


def test_one_learner_with_one_seed_has_no_rival_and_no_interval(
    sample: Path, tmp_path: Path
) -> None:
    def alone(entry: Entry) -> Entry | None:
        kept = compared(entry) and (entry["learner"], entry["seed"]) == ("linear", 0)
        return entry if kept else None

    told = page(sample, tmp_path, alone)
    assert "Without a rival on the same data: linear on digits" in told


def test_missing_metrics_become_dashes(sample: Path, tmp_path: Path) -> None:
    def holed(entry: Entry) -> Entry | None:
        kept = {key: value for key, value in entry["metrics"].items() if key not in LOST}
        return entry | {"metrics": kept} if compared(entry) else None

    told = page(sample, tmp_path, holed)
    assert "Test accuracy on digits, best first" in told
    assert '<td class="number">–</td>' in told or ">–<" in told
