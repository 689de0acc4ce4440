"""What the README shows works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from study.run import main


def test_the_library_example_trains_a_network(root: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    assert names["accuracy"] > 0.8
    assert "lif_0" in names["graph"].nodes


@pytest.mark.parametrize("command", ["compare --seeds 5", "surrogate --set slope=5,25", "all"])
def test_its_commands_plan_trials(root: Path, capsys, command: str) -> None:
    assert f"python -m study.run {command}" in (root / "README.md").read_text()
    assert main([*command.split(), "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("#1 ")


def test_every_dependency_has_its_reason(root: Path) -> None:
    import tomllib

    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    listed = (root / "README.md").read_text().split("## Dependencies")[1]
    for requirement in project["dependencies"]:
        name = re.split(r"[<>=;\[ ]", requirement)[0]
        assert re.search(rf"\| .*\b{name}\b.* \|", listed), f"{name} has no line in the README"
