"""Draws what systems leave under known names: one function each, the same for every system."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from study.analysis.figures import draw_shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

    from study.learning.artefacts import Curve, Raster, Reconstructions

GAP = 2  # pixels between two tiles


def draw_curves(ax: Axes, curves: Sequence[Curve]) -> None:
    """Draw the scores of replicates as they learned: means with 95 % intervals, training dashed.

    Replicates that stopped early are followed as far as the shortest.
    """
    for part, style in (("train", "--"), ("validation", "-")):
        followed = [getattr(curve, part) for curve in curves]
        n_points = min(map(len, followed))
        if n_points:
            values = np.array([values[:n_points] for values in followed])
            draw_shares(ax, curves[0].seen[:n_points], values, ls=style, label=part)


def draw_raster(ax: Axes, raster: Raster, dt_s: float, sample: int = 0) -> None:
    """Draw the spikes of one sample against time in milliseconds."""
    span = slice(*raster.offsets[sample : sample + 2])
    ax.scatter(raster.step[span] * dt_s * 1e3, raster.unit[span], s=4, color="C0")


def draw_tiles(ax: Axes, images: np.ndarray, columns: int, **options: object) -> AxesImage:
    """Draw images ``[n, h, w]`` as one picture of tiles: many axes would take seconds to lay out.

    Parameters
    ----------
    ax
        Where to draw; its frame goes.
    images
        Filters, originals or reconstructions.
    columns
        Tiles in a row.
    options
        Of `matplotlib.axes.Axes.imshow`.
    """
    ax.set_axis_off()
    return ax.imshow(tiles(images, columns), **options)  # type: ignore[arg-type]


def tiles(images: np.ndarray, columns: int) -> np.ndarray:
    """Return images ``[n, h, w]`` as one, NaN between them and where none is."""
    n, height, width = images.shape
    rows = math.ceil(n / columns)
    laid = np.full((rows * columns, height + GAP, width + GAP), np.nan)
    laid[:n, :height, :width] = images
    grid = laid.reshape(rows, columns, height + GAP, width + GAP).swapaxes(1, 2)
    return grid.reshape(rows * (height + GAP), columns * (width + GAP))


def draw_reconstructions(ax: Axes, shown: Reconstructions) -> AxesImage:
    """Draw originals above what a system made of them."""
    both = np.concatenate([shown.originals, shown.rebuilt])
    return draw_tiles(ax, both, len(shown.originals), cmap="gray")
