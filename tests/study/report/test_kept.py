"""A report that is there is known by what it follows from and by its own files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from study.report import kept

REPORT = (*kept.REPORT, "figures/one.svg")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Return a folder with a request, a record and a report."""
    for name in ("request.json", "trials/a.json", *REPORT):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def known(out: Path, language: str = "en") -> list[str] | None:
    return kept.notes_of(out, kept.fingerprint(out, language))


def test_a_report_is_known_again_with_what_it_told(out: Path) -> None:
    assert known(out) is None
    kept.note(out, kept.fingerprint(out, "en"), ["slow"])
    assert known(out) == ["slow"]
    assert known(out, "ko") is None
    kept.forget(out)
    assert known(out) is None


@pytest.mark.parametrize("name", ["request.json", "trials/a.json", "trials/b.json", *REPORT])
def test_whatever_changes_or_comes_makes_another_report(out: Path, name: str) -> None:
    kept.note(out, kept.fingerprint(out, "en"), [])
    (out / name).write_text("other")
    assert known(out) is None


@pytest.mark.parametrize("name", ["trials/a.json", *REPORT])
def test_what_is_gone_makes_another_report(out: Path, name: str) -> None:
    kept.note(out, kept.fingerprint(out, "en"), [])
    (out / name).unlink()
    assert known(out) is None


def test_a_record_of_the_same_size_is_known_by_its_time(out: Path) -> None:
    kept.note(out, kept.fingerprint(out, "en"), [])
    os.utime(out / "trials/a.json", ns=(1, 1))
    assert known(out) is None


def test_running_files_do_not_count(out: Path) -> None:
    kept.note(out, kept.fingerprint(out, "en"), [])
    (out / "trials" / ".run-host-1").write_text("lives")
    assert known(out) == []


def test_other_code_makes_another_report(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.note(out, kept.fingerprint(out, "en"), [])
    monkeypatch.setattr(kept, "code_version", lambda: "other")
    assert known(out) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, "\x00"])
def test_what_is_not_a_fingerprint_means_that_there_is_none(out: Path, text: str) -> None:
    (out / kept.FILE).write_text(text)
    assert known(out) is None
