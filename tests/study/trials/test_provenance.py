"""What stands beside every number, on machines that lack this or that."""

from __future__ import annotations

import re

import pytest

from study.trials import provenance


def test_code_version_names_release_and_sources() -> None:
    assert re.fullmatch(r"[\d.]+\+(g\w+\.)?src\.[0-9a-f]{10}", provenance.code_version())


def test_a_machine_without_git_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert provenance._commit() == ""


def test_a_changed_source_changes_the_version(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    (tmp_path / "study").mkdir()
    path = tmp_path / "study" / "new.py"
    path.write_text("a = 1\n")
    before = provenance._source_hash()
    path.write_text("a = 2\n")
    assert provenance._source_hash() != before


def test_a_trial_says_where_it_ran() -> None:
    source = provenance.of_trial()
    assert {"brian2", "torch", "numpy"} <= set(source["libraries"])
    assert "cores" in source["cpu"]


def test_members_of_a_family_of_processors_are_told_apart() -> None:
    told = provenance._first_processor(
        "processor\t: 0\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\n\n"
        "processor\t: 1\ncpu family\t: 25\n"
    )
    assert (told["model name"], told["cpu family"], told["model"]) == ("AMD EPYC", "26", "2")
