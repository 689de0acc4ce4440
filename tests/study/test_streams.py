"""The state of the standard streams ends no work: closed, without reader, full, of any encoding."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from study import streams
from study.data.reference import DatasetRef
from study.trials.trial import Trial

WORK = """
from pathlib import Path
import sys
from study import streams
streams.prepare()
for number in range(2000):
    print("보라 \\udcff", number)
    print("progress", number, file=sys.stderr)
opened = open("file", "w")
assert opened.fileno() > 2
Path("done").write_text(streams.lost())
"""


def worked(code: str, folder: Path, redirections: str = "", **environment: str) -> str:
    """Run code in a shell with redirections; return what it said was lost."""
    command = f'"$0" -c "$1" {redirections}'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable, code],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return (folder / "done").read_text()


@pytest.mark.parametrize(
    "redirections",
    ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", "| true", "2>&1 | head -1", "2>/dev/full"],
)
def test_work_goes_on_whatever_becomes_of_the_streams(tmp_path, root, redirections: str) -> None:
    assert worked(WORK, tmp_path, redirections, PYTHONPATH=str(root)) == ""


def test_that_what_was_asked_for_is_lost_is_said(tmp_path: Path, root: Path) -> None:
    assert "No space left" in worked(WORK, tmp_path, "> /dev/full", PYTHONPATH=str(root))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_text_can_be_printed_in_any_encoding(tmp_path, root, encoding: str) -> None:
    told = {"PYTHONPATH": str(root), "PYTHONIOENCODING": encoding, "LC_ALL": "C"}
    assert worked(WORK, tmp_path, "> told", **told) == ""
    assert b"udcff 1999" in (tmp_path / "told").read_bytes()


def test_what_a_terminal_obeys_is_printed_as_a_mark(capsys) -> None:
    streams.tell("a\x1b]0;b\x07\u202ec\nd \u2603 보라")
    assert capsys.readouterr().out == "a\ufffd]0;b\ufffd\ufffdc\nd \u2603 보라\n"
    label = Trial("m:f", "x\x1b[2J", DatasetRef("a\nb.npz"), {}, 0).label
    assert label == "x\ufffd[2J · a b.npz · seed 0"


@pytest.mark.parametrize(
    ("redirections", "status"), [(">&- <&-", 0), ("| true", 0), ("> /dev/full", 2)]
)
def test_a_command_ends_with_the_status_of_its_work(tmp_path, root, redirections, status) -> None:
    command = f'"$0" -P -m study.run list learners {redirections}; exit ${{PIPESTATUS[0]}}'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
