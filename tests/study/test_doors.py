"""The ways in: how the program is called, what it says of itself, and whose packages it meets."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from rich.console import Console

from study import installation, learners
from study.data.reference import DataAccess
from study.listing import names
from study.listing import settings as meanings
from study.run import main
from study.settings.config import choices_of
from study.trials import provenance, watch
from study.trials.executor import open_workers
from study.trials.trial import Trial
from study.trials.watch import Limits


def called(
    *words: str, cwd: Path, path: Path, module: str = "study", safe: bool = False
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *(["-P"] if safe else []), "-m", module, *words],
        capture_output=True, text=True, check=False, cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(path)},
    )  # fmt: skip


def test_the_command_is_that_of_the_module(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"twinspike": "study.run:main"}


@pytest.mark.parametrize("module", ["study", "study.run"])
def test_the_usage_line_shows_the_program_as_it_was_called(root, tmp_path, module) -> None:
    helped = called("--help", cwd=tmp_path, path=root, module=module)
    assert helped.stdout.startswith(f"usage: python -m {module} [-h]")
    assert f"  python -m {module} compare --seeds 5 " in helped.stdout
    wrong = called("--seeds", "5", cwd=tmp_path, path=root, module=module)
    assert f"as in: python -m {module} all" in wrong.stderr


def test_a_script_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/twinspike"])
    with pytest.raises(SystemExit):
        main(["compare", "--help"])
    assert capsys.readouterr().out.startswith("usage: twinspike compare [-h]")
    assert main(["--seeds", "5"]) == 2
    assert "as in: twinspike all" in capsys.readouterr().err


def test_the_version_has_the_hash_of_the_code(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"twinspike {provenance.code_version()}\n"


@pytest.mark.parametrize("name", learners.LEARNERS)
def test_every_setting_of_every_learner_is_told(name: str) -> None:
    entry = learners.find(name)
    found = meanings.of_learner(entry)
    choices = choices_of(entry.kind)
    fields = [field.name for field in dataclasses.fields(entry.kind)]
    assert [each.name for each in found] == [*choices, *fields]
    for each in found:
        assert each.what, f"{name}.{each.name} has no meaning in the docstring"
        assert each.allowed
        assert each.default or each.name in choices


def test_presets_are_told_where_they_depart(capsys, monkeypatch) -> None:
    told = {each.name: each for each in meanings.of_learner(learners.find("diehl-cook"))}
    assert told["n_exc"].default == "100"
    assert told["n_exc"].presets == "400: mnist (thesis), fashion-mnist (thesis)"
    assert told["rule"].allowed == "one of power, triplet"
    assert told["dt_s"].presets == ""
    assert told["network"].allowed == "one of published_code, brian2_ports, paper"
    assert "lockout_s=0.05, clamped=true" in told["network"].presets
    told = {each.name: each for each in meanings.of_learner(learners.find("surrogate"))}
    assert "true: shd, hd-spikes" in told["recurrent"].presets
    monkeypatch.setattr(names, "_console", Console(width=200))
    assert main(["list", "settings", "mlp"]) == 0
    assert re.search(r"│ hidden +│ Hidden layer size\. +│ a whole number", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["settings", "surogate"], "Did you mean 'surrogate'"),
        (["settings"], "of which learner?\nAllowed: "),
        (["learners", "mlp"], "list settings LEARNER"),
    ],
)
def test_mistakes_in_list_are_told(capsys, words, told) -> None:
    assert main(["list", *words]) == 2
    assert told in capsys.readouterr().err


def test_a_package_in_the_way_is_told(root: Path, tmp_path: Path) -> None:
    (tmp_path / "biosim").mkdir()
    (tmp_path / "biosim" / "__init__.py").write_text("")
    stopped = called("list", cwd=tmp_path, path=root)
    assert stopped.returncode == 2
    assert f"another package called biosim, at {tmp_path / 'biosim'}" in stopped.stderr
    assert "Traceback" not in stopped.stderr


def test_a_folder_called_study_in_the_working_directory_is_no_harm(root, tmp_path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "__init__.py").write_text("raise SystemExit('not ours')\n")
    assert "not ours" in called("list", cwd=tmp_path, path=root).stderr
    assert called("list", "learners", cwd=tmp_path, path=root, safe=True).returncode == 0


def test_packages_that_another_distribution_wrote_over_are_told(root, tmp_path) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    for package in installation.PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "fonts")
        shutil.copytree(root / package, site / package, ignore=ignored)
    (site / "twinspike-9.dist-info").mkdir()
    (site / "twinspike-9.dist-info" / "METADATA").write_text("Name: twinspike\nVersion: 9\n")
    first = site / "biosim" / "__init__.py"
    digest = base64.urlsafe_b64encode(hashlib.sha256(first.read_bytes()).digest()).rstrip(b"=")
    record = f"biosim/__init__.py,sha256={digest.decode()},1\n"
    (site / "twinspike-9.dist-info" / "RECORD").write_text(record)

    def stopped() -> str:
        done = called("list", "learners", cwd=elsewhere, path=site)
        assert done.returncode == (2 if done.stderr else 0), done.stderr
        return done.stderr

    assert stopped() == ""
    first.write_text("# somebody else's\n")
    assert "another distribution called biosim was installed over it" in stopped()
    first.unlink()
    assert "package biosim is not whole" in stopped()


def test_workers_look_in_the_working_directory_last(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('not numpy')\n")
    (tmp_path / "mine_alone.py").write_text(
        "from study.trials.trial import Outcome\n"
        "def run(trial, context):\n"
        "    return Outcome({'value': 3})\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    with open_workers(1, None, Limits(seconds=60)) as workers:
        trial = Trial("mine_alone:run", "own", None, {}, 0)
        result = workers.submit(0, trial, (), DataAccess()).result(timeout=60)
    assert result.error is None, result.error
    assert result.outcome.metrics == {"value": 3}


def test_the_project_comes_first_where_it_lies_in_the_working_directory(monkeypatch) -> None:
    root = str(installation.ROOT)
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "path", ["", "/somewhere"])
    assert watch.search_path() == [root, "/somewhere"]
    monkeypatch.setattr(sys, "path", ["/somewhere"])  # an import hook finds the project
    assert watch.search_path() == [root, "/somewhere"]


def test_extras_are_installed_as_the_project_was(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(installation.ROOT)
    assert installation.how_to_install("cluster") == "pip install -e '.[cluster]'"
    monkeypatch.chdir(tmp_path)
    assert installation.how_to_install("bench") == f"pip install -e '{installation.ROOT}[bench]'"
    monkeypatch.setattr(installation, "ROOT", tmp_path)
    assert installation.how_to_install("cluster") == "pip install 'twinspike[cluster]'"
