"""Who may import whom, and what must stay quick to import."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

FORBIDDEN = {
    "biosim": {"torch", "gradsim", "study", "pandas", "matplotlib", "seaborn"},
    "gradsim": {"brian2", "biosim", "study", "pandas", "matplotlib", "seaborn"},
}
HEAVY = {"torch", "brian2", "biosim", "gradsim", "matplotlib", "seaborn", "pandas", "sklearn"}


def imports(path: Path, *, top_level_only: bool = False) -> set[str]:
    """Return the packages that a file imports."""
    tree = ast.parse(path.read_text())
    nodes = _outside_functions(tree) if top_level_only else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


def _outside_functions(tree: ast.Module):
    for node in tree.body:
        if isinstance(node, ast.If):  # if TYPE_CHECKING: never runs
            continue
        yield node


@pytest.mark.parametrize("package", FORBIDDEN)
def test_simulators_import_neither_each_other_nor_the_study(package: str, root: Path) -> None:
    for path in (root / package).rglob("*.py"):
        breach = imports(path) & FORBIDDEN[package]
        assert not breach, f"{path.relative_to(root)} imports {', '.join(breach)}"


@pytest.mark.parametrize("folder", ["study/experiments", "study"])
def test_experiments_and_command_line_import_nothing_heavy(folder: str, root: Path) -> None:
    paths = (root / folder).glob("*.py") if folder != "study" else [root / "study/run.py"]
    for path in paths:
        breach = imports(path, top_level_only=True) & HEAVY
        assert not breach, f"{path.relative_to(root)} imports {', '.join(breach)} at once"


def test_the_check_itself_finds_a_breach(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text("import torch.nn\nfrom brian2 import ms\n")
    assert imports(path) == {"torch", "brian2"}


def test_help_imports_no_simulator() -> None:
    code = (
        "import sys, study.run\n"
        "try: study.run.main(['--help'])\n"
        "except SystemExit: pass\n"
        "loaded = {'torch', 'brian2', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "all" in done.stdout


def test_names_say_what_files_hold(root: Path) -> None:
    vague = {"utils.py", "helpers.py", "common.py", "misc.py"}
    for package in ("biosim", "gradsim", "study"):
        assert not vague & {path.name for path in (root / package).rglob("*.py")}
