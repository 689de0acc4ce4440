"""Who may import whom, and what must stay quick to import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

FORBIDDEN = {
    "biosim": {"torch", "gradsim", "study", "pandas", "matplotlib", "seaborn"},
    "gradsim": {"brian2", "biosim", "study", "pandas", "matplotlib", "seaborn"},
}
PACKAGES = ("biosim", "gradsim", "study")
# Of study, from the bottom to the top: files stand on what is below them, and on it alone.
FLOORS = (
    {"errors"},
    {"plugins", "installation", "streams"},
    {"settings"},
    {"data"},
    {"trials"},
    {"learning"},
    {"learners"},
    {"procedures"},
    {"analysis"},
    {"request"},
    {"experiments"},
    {"report"},
    {"listing", "bench"},
    {"commands"},
    {"options"},
    {"run"},
    {"__main__"},
)
LOOSE = {"errors", "plugins", "installation", "request", "commands", "options", "run", "streams"}
LONGEST, MOST = 80, 26  # lines of a function, and of nine in ten
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


def modules(root: Path) -> dict[str, Path]:
    """Return the files of the packages by the name under which they are imported."""
    files = [path for package in PACKAGES for path in (root / package).rglob("*.py")]
    return {_name(path.relative_to(root)): path for path in files}


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def graph(root: Path) -> dict[str, set[str]]:
    """Return which file imports which, wherever the import stands: lazy and for typing too."""
    known = modules(root)
    return {name: _imported(path, set(known)) - {name} for name, path in known.items()}


def _imported(path: Path, known: set[str]) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # What is imported from a package is a file of it, or else a name in its __init__.
            inside = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found |= {full if full in known else node.module for full in inside.values()}
    return found & known


def room(module: str) -> str:
    """Return where a file of study stands: a folder, or the file itself where it is loose."""
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] if package == "study" else ""


def climbing(arrows: Mapping[str, set[str]]) -> list[str]:
    """Return the imports within study that do not go down, other than within one room."""
    floors = {name: number for number, names in enumerate(FLOORS) for name in names}
    return [
        f"{start} imports {end}"
        for start, ends in arrows.items()
        for end in sorted(ends)
        if room(start) and room(end) and room(start) != room(end)
        if not floors.get(room(end), -1) < floors.get(room(start), -1)
    ]


def circles(arrows: Mapping[str, set[str]]) -> list[set[str]]:
    """Return the files that import one another, one set for each circle."""
    reach = {name: _reached(name, arrows) for name in arrows}
    found: list[set[str]] = []
    for name in arrows:
        circle = {other for other in reach[name] if name in reach[other]}
        if circle and circle not in found:
            found.append(circle)
    return found


def _reached(start: str, arrows: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    rest = list(arrows[start])
    while rest:
        name = rest.pop()
        if name not in reached:
            reached.add(name)
            rest += arrows[name]
    return reached


def lengths(root: Path) -> dict[str, int]:
    """Return the lines of every function."""
    return {
        f"{name}:{node.name}:{node.lineno}": (node.end_lineno or 0) - node.lineno + 1
        for name, path in modules(root).items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_no_import_goes_up(root: Path) -> None:
    assert climbing(graph(root)) == []


def test_no_files_import_one_another(root: Path) -> None:
    assert [sorted(circle) for circle in circles(graph(root))] == []


def test_every_file_and_folder_of_study_has_its_floor(root: Path) -> None:
    rooms = {room(name) for name in modules(root)} - {""}
    loose = {path.stem for path in (root / "study").glob("*.py")} - {"__init__", "__main__"}
    assert rooms - {name for names in FLOORS for name in names} == set()
    assert loose - LOOSE == set()
    assert len(LOOSE) <= 8


def test_functions_are_short(root: Path) -> None:
    found = lengths(root)
    assert {name: lines for name, lines in found.items() if lines > LONGEST} == {}
    assert np.percentile(list(found.values()), 90) <= MOST


def planted(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("study__data__digits", "from study.trials.trial import Trial"),
        ("study__trials__trial", "def later():\n    from study import request"),
        ("study__analysis__stats", "if TYPE_CHECKING:\n    import study.experiments.bridge"),
        ("study__errors", "from study.settings.config import configure"),
        ("study__listing__names", "from study.bench import frame"),
        ("study__attic__old", "from study.errors import UserError"),
    ],
)
def test_an_import_that_goes_up_is_found(where: str, text: str, tmp_path: Path) -> None:
    planted(
        tmp_path, study__trials__trial="", study__request="", study__experiments__bridge="",
        study__settings__config="", study__errors="", study__bench__frame="",
    )  # fmt: skip
    assert climbing(graph(tmp_path)) == []
    assert len(climbing(graph(planted(tmp_path, **{where: text})))) == 1


def test_a_circle_is_found_whatever_its_length(tmp_path: Path) -> None:
    planted(
        tmp_path,
        biosim__a="from biosim import b",
        biosim__b="def f():\n    import biosim.c",
        biosim__c="if TYPE_CHECKING:\n    from biosim.a import A",
        biosim__d="from biosim.a import A",
    )
    assert circles(graph(tmp_path)) == [{"biosim.a", "biosim.b", "biosim.c"}]


def test_the_lines_of_functions_and_methods_are_counted(tmp_path: Path) -> None:
    body = "".join(f"        x = {n}\n" for n in range(100))
    found = lengths(planted(tmp_path, gradsim__a=f"class A:\n    def f(self):\n{body}"))
    assert list(found.values()) == [101]


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
