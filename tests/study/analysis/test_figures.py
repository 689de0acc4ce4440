"""What figures share: grids of panels, and axes that fit the spread of their values."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from study.analysis.figures import panel_grid, spread


@pytest.mark.parametrize(
    ("n", "columns", "shape"), [(1, 3, (1, 1)), (3, 3, (1, 3)), (4, 3, (2, 3)), (8, 4, (2, 4))]
)
def test_panels_fill_rows_and_the_rest_stays_blank(
    n: int, columns: int, shape: tuple[int, int]
) -> None:
    drawing, grid = panel_grid(n, 2.0, columns=columns, head=0.5)
    assert grid.shape == shape
    assert [ax.axison for ax in grid.flat] == [True] * n + [False] * (grid.size - n)
    assert drawing.get_figheight() == pytest.approx(0.5 + 2.0 * shape[0])


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([10.0, 29.0], "linear"),
        ([10.0, 31.0], "log"),
        ([0.0, 5.0], "symlog"),
        ([0.0, 0.0], "linear"),
        ([7.0], "linear"),
    ],
)
def test_an_axis_is_logarithmic_where_values_spread(values: list[float], scale: str) -> None:
    ax = Figure().subplots()
    ax.plot(values, values, ".")
    spread(ax, values)
    assert ax.get_xscale() == scale


@pytest.mark.parametrize("values", [[50.0, 170.0], [0.02, 0.3], [900.0, 80_000.0]])
def test_a_logarithmic_axis_has_several_numbers(values: list[float]) -> None:
    drawing = Figure(figsize=(4, 3), layout="constrained")
    ax = drawing.subplots()
    ax.plot(values, values, ".")
    spread(ax, values)
    drawing.draw_without_rendering()
    low, high = ax.get_xlim()
    shown = [
        label.get_text()
        for place, label in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)
        if low <= place <= high and label.get_text()
    ]
    assert len(shown) >= 2
    assert all(text.removesuffix("k").replace(".", "").isdigit() for text in shown)
