"""Faults of figures are found in what matplotlib would draw, and the kept reports have none."""

from __future__ import annotations

import shutil
from pathlib import Path

import matplotlib
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study import commands
from study.analysis.figures import house_style
from study.report.legible import faults

ROOT = Path(__file__).parents[3]


@pytest.fixture
def ax() -> Axes:
    return Figure(figsize=(3, 2)).subplots()


def found(ax: Axes) -> list[str]:
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    return faults(figure)


def test_marks_inside_are_no_fault(ax: Axes) -> None:
    ax.plot([0, 1], [0, 1], "o")
    ax.scatter([0.5], [1.0])
    ax.errorbar([0.5], [0.5], [0.5], fmt="o", capsize=3)
    ax.axhline(0.3)
    assert found(ax) == []


def test_lines_may_leave_the_axes_as_in_a_detail_and_marks_may_not(ax: Axes) -> None:
    ax.plot([0, 1, 2], [0, 5, 9])
    ax.set_ylim(0, 1)
    assert found(ax) == []
    ax.scatter([0.5, 1.5], [0.5, 2.0])
    assert found(ax) == ["a panel: 1 marks lie outside the axes"]


def test_a_level_and_the_end_of_an_interval_outside_are_faults(ax: Axes) -> None:
    ax.set_title("panel")
    ax.axhline(3)
    ax.errorbar([0.5], [0.5], [2.0], fmt="o", capsize=3)
    ax.set_ylim(0, 2)
    assert found(ax) == ["panel: 4 marks lie outside the axes"]  # both ends of each


def test_what_is_drawn_beyond_the_axes_on_purpose_is_none(ax: Axes) -> None:
    ax.plot(0, 0.5, "<", clip_on=False)
    ax.set_xlim(1, 2)
    assert found(ax) == []


def test_labels_on_each_other_are_found(ax: Axes) -> None:
    ax.set_xticks([0.0, 0.01, 1.0], ["100,000", "200,000", "9"])
    assert found(ax) == ["a panel: labels of the x axis overlap: '100,000' and '200,000'"]
    ax.set_xticks([0.0, 0.5, 1.0], ["100,000", "200,000", "9"])
    assert found(ax) == []


@pytest.mark.parametrize("name", ["sample", "standard", "review", "beyond"])
def test_no_figure_of_the_kept_reports_has_one(name: str, tmp_path: Path) -> None:
    leave = shutil.ignore_patterns("trials", "figures")
    shutil.copytree(ROOT / "reports" / name, tmp_path / name, ignore=leave)
    assert matplotlib.get_backend()
    with house_style():
        for figure in commands.gathered(tmp_path / name).figures:
            figure.drawing.draw_without_rendering()
            assert faults(figure.drawing) == [], figure.name
