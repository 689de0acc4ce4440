"""What users call their data stands in figures as it was given."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from study.analysis.section import figure_name
from study.report.drawing import write
from study.report.figure_texts import as_data

NAMES = [
    "$x_$",
    "$\\frac{$",
    "a$b$c^$",
    "\x1b[31m",
    "보라",
    "数据",
    "\udcff",
    "😀",
    "a\x00b",
    "<&>'\"",
]


def drawn(name: str) -> Figure:
    figure = Figure(figsize=(3, 2))
    ax = figure.subplots()
    ax.plot([1, 1000], [1, 2], label=name)
    ax.set_xscale("log")
    ax.set_title(name)
    ax.set_yticks([1, 2], [name, "other"])
    ax.text(1, 1, name)
    ax.legend()
    return figure


@pytest.mark.parametrize("name", NAMES)
def test_any_name_can_be_drawn(tmp_path: Path, name: str) -> None:
    write("figure", drawn(name), tmp_path)
    svg = (tmp_path / "figure.svg").read_bytes()
    assert svg.startswith(b"<?xml")
    assert b"\x1b" not in svg
    assert (tmp_path / "figure.png").stat().st_size


def test_only_the_projects_own_mathematics_is_set() -> None:
    figure = drawn("$t_0$")
    (ax,) = figure.axes
    ax.set_xlabel(r"$t_\mathrm{post} - t_\mathrm{pre}$ / ms")
    as_data(figure)
    assert not ax.title.get_parse_math()
    assert not ax.get_yticklabels()[0].get_parse_math()
    assert ax.xaxis.label.get_parse_math()
    figure.canvas.draw()
    assert all(tick.get_parse_math() for tick in ax.get_xticklabels())


def test_the_file_of_a_figure_has_a_name_that_disks_take() -> None:
    long = figure_name("compare", "보" * 500)
    assert len(f"{long}.svg".encode()) < 100
    assert long != figure_name("compare", "보" * 501)
    assert figure_name("a", "mnist") == "a-mnist"
    assert figure_name("a", "\udcff")
