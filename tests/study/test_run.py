"""The command line: what it prints, what it refuses and with which status; runs end to end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study import experiments
from study.data.reference import DatasetRef
from study.request import Request
from study.run import main

SMALL = ["compare", "--learner", "linear", "--seeds", "2", "--jobs", "1"]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must be refused: status 2, at most three lines, no traceback."""
    assert main(arguments) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert "Traceback" not in printed
    assert len(printed.splitlines()) <= 3
    return printed


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["al"], "Did you mean 'all'"),
        ([], "COMMAND"),
        (["compare", "--learner", "surogate"], "Did you mean 'surrogate'"),
        (["compare", "--dataset", "digit"], "Did you mean 'digits'"),
        (["compare", "--dataset", "none.npz"], "does not exist"),
        (["compare", "--set", "hiden=3"], "Did you mean 'hidden'"),
        (["compare", "--set", "hidden=many"], "a whole number"),
        (["compare", "--set", "hidden"], "KEY=VALUE"),
        (["compare", "--set", "mlp.hidden=0"], "must be at least 1"),
        (["compare", "--set", "learning_rate=inf"], "a number"),
        (["compare", "--design", "half"], "full, fraction, random:N"),
        (["compare", "--grid", "none.toml"], "cannot read grid file none.toml"),
        (["compare", "--time-limit", "0"], "a number above 0"),
        (["compare", "--memory-limit", "much"], "a number above 0"),
        (["compare", "--seeds", "0"], "at least 1"),
        (["compare", "--profile", "fast"], "quick"),
        (["compare", "--profil", "quick", "extra"], "extra"),
        (["unsupervised", "--learner", "mlp"], "nothing to run"),
        (["data", "fetch", "minst"], "Did you mean 'mnist'"),
        (["status", "--out", "nowhere"], "nothing was run in nowhere"),
        (["--profile", "quick", "surrogate"], "options follow it"),
    ],
)
def test_mistakes_are_told_in_a_line_or_two(capsys, tmp_path, monkeypatch, arguments, told) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in refused(capsys, *arguments)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_none_and_a_damaged_request_are_told(capsys, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert f"nothing was run in {file}" in refused(capsys, "status", "--out", str(file))
    (tmp_path / "request.json").write_text('{"request": {}}')
    assert "request.json is damaged" in refused(capsys, "report", "--out", str(tmp_path))
    (tmp_path / "folder" / "request.json").mkdir(parents=True)
    assert "cannot read or write" in refused(capsys, "report", "--out", str(tmp_path / "folder"))


def test_a_missing_data_set_is_told_before_anything_runs(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    printed = refused(capsys, *SMALL, "--dataset", "mnist", "--offline", "--out", str(tmp_path))
    assert "--offline" in printed
    assert not list((tmp_path / "trials").glob("*.json"))


def test_a_damaged_file_of_ones_own_is_told(capsys, tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    path.write_bytes(b"PK no zip at all")
    assert "mine.npz" in refused(capsys, *SMALL, "--dataset", str(path), "--out", str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_told(capsys, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert "cannot read or write" in refused(capsys, *SMALL, "--out", str(tmp_path / "out"))


def test_a_folder_that_cannot_be_made_is_told(capsys, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot read or write" in refused(
        capsys, *SMALL, "--out", str(tmp_path / "file" / "out")
    )


def test_a_dry_run_lists_numbered_trials_and_runs_none(capsys, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["compare", "--learner", "mlp", "--seeds", "2", "--set", "hidden=5,6"]
    assert main([*arguments, "--dry-run", "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["#1", "#2", "#3", "#4"]
    assert "hidden=6" in lines[-1]
    assert not out.exists()


def test_a_grid_file_and_a_design_plan_trials_and_the_command_line_wins(capsys, tmp_path) -> None:
    grid = tmp_path / "grid.toml"
    grid.write_text("[mlp]\nhidden = [5, 6, 7]\nlearning_rate = [1e-3, 1e-2, 1e-1]\n")
    arguments = ["compare", "--learner", "mlp", "--seeds", "1", "--grid", str(grid), "--dry-run"]

    def planned(*more: str) -> list[str]:
        assert main([*arguments, *more]) == 0
        return capsys.readouterr().out.splitlines()

    assert len(planned()) == 9
    assert len(planned("--design", "fraction", "--set", "epochs=1,2,3")) == 9
    assert len(planned("--design", "random:4")) == 4
    overridden = planned("--set", "mlp.hidden=8")
    assert len(overridden) == 3
    assert all("hidden=8" in line for line in overridden)


def test_what_is_named_twice_is_planned_once(capsys) -> None:
    once = ["compare", "--learner", "mlp", "--dataset", "digits", "--set", "hidden=5", "--dry-run"]
    assert main(once) == 0
    planned = capsys.readouterr().out
    assert main([*once[:5], "digits", "--set", "hidden=5,5", "--dry-run"]) == 0
    assert capsys.readouterr().out == planned


def test_a_network_by_its_source_is_planned_with_the_values_that_it_stands_for(capsys) -> None:
    words = ["unsupervised", "--seeds", "1", "--set", "network=brian2_ports", "--dry-run"]
    # Also a value that is left out of the identity, as it held before there was the field.
    assert main([*words, "--set", "clamped=true"]) == 0
    (planned,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("#")]
    assert "lockout_s=0.05 max_delay_s=0.01" in planned
    assert "clamped" not in planned
    assert main([*words, "--set", "clampd=true"]) == 2
    assert "Did you mean 'clamped'" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["experiments", "datasets", "learners"])
def test_names_are_listed(capsys, what: str) -> None:
    assert main(["list", what]) == 0
    expected = {"experiments": "bridge", "datasets": "randman", "learners": "diehl-cook"}
    assert expected[what] in capsys.readouterr().out


def test_embedded_data_are_whole(capsys) -> None:
    assert main(["data", "verify", "digits", "randman"]) == 0
    assert capsys.readouterr().out.count("whole") == 2


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "study.run", *arguments], capture_output=True, text=True, check=False
    )


def test_a_run_leaves_a_report_and_running_again_repeats_nothing(tmp_path: Path) -> None:
    arguments = [*SMALL, "--out", str(tmp_path)]
    first = run(*arguments)
    assert first.returncode == 0, first.stderr
    for name in ("report.html", "report.pdf", "trials.csv", "provenance.json"):
        assert (tmp_path / name).stat().st_size > 0
    trials = pd.read_csv(tmp_path / "trials.csv")
    assert trials["seed"].tolist() == [0, 1]
    assert (trials["test_accuracy"] > 0.9).all()
    assert "config.inverse_penalties" in trials
    provenance = json.loads((tmp_path / "provenance.json").read_text())
    assert provenance["trials"]["number"] == 2
    # Made and rendered by the same code: of other trials the two differ.
    assert provenance["trials"]["code_version"] == provenance["report"]["code_version"]
    assert provenance["data"]["digits"]["sha256"]

    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "trials").iterdir()}
    again = run(*arguments)
    assert "every trial is done" in again.stderr
    assert "the report is as it was" in again.stderr
    assert kept == {path: path.stat().st_mtime_ns for path in (tmp_path / "trials").iterdir()}
    page = (tmp_path / "report.html").read_bytes()
    (tmp_path / "report.html").unlink()
    again = run(*arguments)
    assert "rendering only" in again.stderr
    assert (tmp_path / "report.html").read_bytes() == page

    assert run("report", "--out", str(tmp_path)).returncode == 0
    rendered = json.loads((tmp_path / "provenance.json").read_text())
    assert rendered["command"] == provenance["command"]
    assert rendered["command"] == (
        "python -m study.run compare --profile quick --seeds 2 --learner linear"
    )

    status = run("status", "--out", str(tmp_path))
    assert status.returncode == 0
    assert "2 done, 0 failed, 0 running, 0 missing" in status.stdout
    next((tmp_path / "trials").glob("*.json")).unlink()
    status = run("status", "--out", str(tmp_path))
    assert "1 missing" in status.stdout
    assert re.search(r"about \d+ s left with 1 worker$", status.stdout.strip())


def test_a_failed_trial_gives_status_one_and_stands_in_the_report(tmp_path: Path) -> None:
    # A learning rate beyond all bounds makes the loss NaN.
    done = run(
        "compare", "--learner", "surrogate", "linear", "--seeds", "1", "--out", str(tmp_path),
        "--set", "surrogate.learning_rate=1e37", "surrogate.epochs=2",
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    page = (tmp_path / "report.html").read_text()
    assert "TrainingError" in page
    trials = pd.read_csv(tmp_path / "trials.csv").set_index("learner")
    assert trials["status"].to_dict() == {"surrogate": "failed", "linear": "done"}


def test_ones_own_events_are_learned_and_unfit_learners_are_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 2
    counts = np.full(90, 3)
    path = tmp_path / "own <b>.npz"
    np.savez(
        path, time_s=np.repeat(0.1 + 0.5 * labels, 3) + rng.uniform(0, 0.1, 270),
        unit=np.tile(np.arange(3), 90), offsets=np.concatenate([[0], np.cumsum(counts)]),
        labels=labels, n_units=3, duration_s=1.0,
    )  # fmt: skip
    out = tmp_path / "out"
    done = run("compare", "--dataset", str(path), "--learner", "linear", "diehl-cook",
               "--seeds", "1", "--out", str(out))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert pd.read_csv(out / "trials.csv")["test_accuracy"].tolist() == [1.0]
    page = (out / "report.html").read_text()
    assert "diehl-cook takes no events" in page
    assert "own <b>" not in page


def test_learners_that_an_experiment_never_runs_are_not_missed() -> None:
    on_traces = Request(datasets=(DatasetRef("tbl"),))
    of_images = [
        "diehl-cook",
        "kheradpisheh",
        "burbank",
        "panda-roy",
        "converted",
        "feedback-alignment",
        "lee",
        "erbp",
        "rectifier",
    ]  # what takes long is not in quick comparisons, and LSNNs do another task
    for name, expected in (("grid", []), ("compare", of_images)):
        told = on_traces.unfit(experiments.learners([name], on_traces))
        assert [sentence.split()[0] for sentence in told] == expected


def test_any_file_name_gives_a_report(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    path = tmp_path / "eigene Bilder (2) $#ü.npz"
    np.savez(path, images=rng.random((60, 4, 4)) * (0.5 + 0.5 * labels)[:, None, None],
             labels=labels)  # fmt: skip
    done = run("surrogate", "--dataset", str(path), "--seeds", "1", "--set", "epochs=1",
               "hidden=5", "n_steps=20", "--out", str(tmp_path / "out"))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.pdf").stat().st_size > 0


def test_status_and_report_know_the_design_and_why_a_trial_failed(tmp_path: Path) -> None:
    arguments = ["compare", "--learner", "linear", "--seeds", "1", "--out", str(tmp_path)]
    design = ["--set", "inverse_penalties=[1],[2],[3]", "--design", "random:2"]
    done = run(*arguments, *design, "--jobs", "2", "--time-limit", "0.01")
    assert done.returncode == 1, done.stderr
    assert "took longer than --time-limit 0.01 s" in done.stderr
    assert set(pd.read_csv(tmp_path / "trials.csv")["error"].str[:9]) == {"TimeLimit"}
    status = run("status", "--out", str(tmp_path))
    assert status.returncode == 1
    assert "0 done, 2 failed, 0 running, 0 missing" in status.stdout
    assert "): TimeLimit" in status.stdout

    assert run(*arguments, *design).returncode == 0
    assert "2 done, 0 failed" in run("status", "--out", str(tmp_path)).stdout
    assert not list((tmp_path / "trials").glob(".*"))


def test_a_reader_that_has_gone_is_no_error() -> None:
    planned = subprocess.run(
        f"{sys.executable} -m study.run surrogate --dry-run | true; echo ${{PIPESTATUS[0]}}",
        shell=True, executable="/bin/bash", capture_output=True, text=True,
    )  # fmt: skip
    assert (planned.stdout, planned.stderr) == ("0\n", "")


def test_ones_own_data_may_be_gone_when_the_report_is_made(tmp_path: Path) -> None:
    mine, out = tmp_path / "mine.npz", tmp_path / "out"
    images = np.random.default_rng(0).integers(0, 256, (60, 4, 5), dtype=np.uint8)
    np.savez(mine, images=images, labels=np.arange(60) % 3)
    run(*SMALL, "--dataset", str(mine), "--out", str(out))
    mine.unlink()
    assert "2 done" in run("status", "--out", str(out)).stdout
    assert run("report", "--out", str(out)).returncode == 0
