"""What makes a figure mislead or illegible: marks outside their axes, tick labels on each other.

It is asked of every figure that a report has, after its layout: `faults` finds them in what
matplotlib would draw, not in how the figure was made.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

TOLERANCE = 0.5  # of a pixel
NO_MARKERS = ("None", "none", " ", "", None)


def faults(drawing: Figure) -> list[str]:
    """Return, as sentences, what a reader of a figure would be misled or stopped by.

    Parameters
    ----------
    drawing
        It is laid out: saved once, or drawn without rendering.
    """
    return [told for ax in drawing.axes if ax.get_visible() for told in _of(ax)]


def _of(ax: Axes) -> Iterator[str]:
    where = ax.get_title() or ax.get_ylabel() or ax.get_xlabel() or "a panel"
    lost = _outside(ax, _marks(ax))
    if lost:
        yield f"{where}: {lost} marks lie outside the axes"
    for name, axis in (("x", ax.xaxis), ("y", ax.yaxis)):
        pairs = [f"{a!r} and {b!r}" for a, b in _overlapping(axis)]
        if pairs:
            yield f"{where}: labels of the {name} axis overlap: {', '.join(pairs)}"


def _marks(ax: Axes) -> Iterator[np.ndarray]:
    """Yield the places of marks and of horizontal and vertical lines, ``[N, 2]`` in pixels."""
    for line in ax.lines:
        if line.get_visible() and line.get_clip_on():
            points = line.get_transform().transform(line.get_xydata())
            if line.get_marker() not in NO_MARKERS or _is_straight(points):
                yield points
    for collection in ax.collections:
        if collection.get_visible() and collection.get_offset_transform() == ax.transData:
            yield ax.transData.transform(np.ma.filled(collection.get_offsets(), np.nan))


def _is_straight(points: np.ndarray) -> bool:
    """Whether a line is that of one value, from one end of the axes to the other."""
    return len(points) == 2 and bool((points[0] == points[1]).any())


def _outside(ax: Axes, marks: Iterator[np.ndarray]) -> int:
    box, lost = ax.bbox, 0
    for points in marks:
        x, y = points[np.isfinite(points).all(axis=1)].T
        beside = (x < box.x0 - TOLERANCE) | (x > box.x1 + TOLERANCE)
        lost += int((beside | (y < box.y0 - TOLERANCE) | (y > box.y1 + TOLERANCE)).sum())
    return lost


def _overlapping(axis: Axis) -> Iterator[tuple[str, str]]:
    """Yield neighbours among the tick labels that share room."""
    if not axis.get_visible() or not axis.axes.axison:
        return
    low, high = sorted(axis.get_view_interval())
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    texts = [tick.label1 for tick in ticks if low <= tick.get_loc() <= high]
    shown = [text for text in texts if text.get_visible() and text.get_text()]
    boxes = [(text.get_window_extent(), text.get_text()) for text in shown]
    along = "x0" if axis is axis.axes.xaxis else "y0"
    boxes.sort(key=lambda each: getattr(each[0], along))
    for (one, first), (other, second) in pairwise(boxes):
        if first != second and _share(one, other):
            yield first, second


def _share(one: Bbox, other: Bbox) -> bool:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return width > TOLERANCE and height > TOLERANCE
