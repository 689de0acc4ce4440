"""Each test that the page of promises names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def missing(text: str, root: Path) -> list[str]:
    """Return the tests that a text names and that no file has."""
    found = []
    for file, name in NAMED.findall(text):
        path = root / file
        tree = ast.parse(path.read_text()) if path.exists() else ast.Module([], [])
        if name not in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}:
            found.append(f"{file}::{name}")
    return found


def test_each_promise_has_its_test(root: Path) -> None:
    text = (root / "docs" / "promises.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ") and "test |" not in line]
    assert len(rows) > 25
    assert [line for line in rows if not NAMED.search(line)] == []
    assert missing(text, root) == []


def test_a_test_that_is_gone_is_found(root: Path) -> None:
    assert missing("`tests/test_promises.py::test_gone` `tests/none.py::test_a`", root) == [
        "tests/test_promises.py::test_gone",
        "tests/none.py::test_a",
    ]


def test_the_files_that_the_security_page_names_are_there(root: Path) -> None:
    named = re.findall(r"`((?:study|docs)/[\w/.]+)`", (root / "SECURITY.md").read_text())
    assert len(named) > 6
    assert [name for name in named if not (root / name).exists()] == []
