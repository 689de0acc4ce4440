"""The runs that are kept with the code: every trial and every number is still found.

``kept_runs.json`` was written by the code before identities stopped depending on where files
stand: of each run the trials that each experiment showed, and a hash of the metrics of each.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from study import commands, experiments
from study.learners import surrogate_config
from study.report.context import context
from study.report.document import Report
from study.report.language import Language, names
from study.request import REQUEST_FILE
from study.trials.pack import PACKED
from study.trials.trial import canonical_hash

KEPT = json.loads((Path(__file__).parent / "kept_runs.json").read_text())


def laid_out(run: str, root: Path, out: Path) -> Path:
    for name in (REQUEST_FILE, PACKED):
        shutil.copy(root / "reports" / run / name, out)
    return out


def shown(report: Report) -> dict[str, set[str]]:
    """Return the trials that a report shows of each experiment."""
    found: dict[str, set[str]] = {}
    for detail in report.details:
        for experiment in detail.experiment.split(", "):
            found.setdefault(experiment, set()).add(detail.trial_id)
    return found


def wanted(run: str) -> dict[str, set[str]]:
    return {name: set(trials) for name, trials in KEPT[run]["experiments"].items() if trials}


def digests(report: Report) -> dict[str, str]:
    return {d.trial_id: canonical_hash([d.status, d.metrics]) for d in report.details}


@pytest.fixture(scope="module", params=KEPT)
def kept(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Report]:
    root = Path(__file__).resolve().parents[2]
    out = laid_out(request.param, root, tmp_path_factory.mktemp(request.param))
    return request.param, commands.gathered(out)


def test_a_kept_run_shows_the_trials_and_metrics_that_it_always_showed(
    kept: tuple[str, Report], root: Path
) -> None:
    run, report = kept
    found, told = shown(report), digests(report)
    # What was run since, for new experiments, may stand beside them.
    assert {name: found[name] & trials for name, trials in wanted(run).items()} == wanted(run)
    metrics = KEPT[run]["metrics"]
    assert {trial: told[trial] for trial in metrics} == metrics
    unmade = [s.name for s in report.sections if "could not be made" in " ".join(s.caveats)]
    assert not unmade
    table = root / "reports" / run / "trials.csv"
    if table.exists():
        assert ",".join(report.trial_columns) == table.read_text().partition("\n")[0]


def test_every_section_of_a_kept_run_is_all_korean(kept: tuple[str, Report]) -> None:
    _, report = kept
    lacking: dict[str, list[str]] = {}
    for section in report.sections:
        alone = replace(report, sections=(section,), details=(), trial_rows=())
        korean = Language("ko", names(report))
        korean.context(context(alone))
        for figure in section.figures:
            korean.draw(figure.drawing)
        if korean.missing:
            lacking[section.name] = list(korean.missing)
    assert lacking == {}


def test_the_kept_sample_has_every_experiment(root: Path, tmp_path: Path) -> None:
    saved = json.loads((laid_out("sample", root, tmp_path) / REQUEST_FILE).read_text())
    assert set(saved["plan"]["experiments"]) == set(experiments.names())


def test_a_changed_default_hides_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid_out("beyond", root, tmp_path)
    presets: dict[str, dict[str, Any]] = surrogate_config.PRESETS
    monkeypatch.setitem(
        presets, "fashion-mnist", presets["fashion-mnist"] | {"latency_threshold": 0.3}
    )
    assert shown(commands.gathered(tmp_path)) == wanted("beyond")


def test_without_its_plan_a_changed_default_would_hide_trials(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid_out("beyond", root, tmp_path)
    saved = json.loads((tmp_path / REQUEST_FILE).read_text())
    del saved["plan"]
    (tmp_path / REQUEST_FILE).write_text(json.dumps(saved))
    presets: dict[str, dict[str, Any]] = surrogate_config.PRESETS
    monkeypatch.setitem(
        presets, "fashion-mnist", presets["fashion-mnist"] | {"latency_threshold": 0.3}
    )
    assert shown(commands.gathered(tmp_path)) != wanted("beyond")
