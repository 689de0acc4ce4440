"""What figures of several experiments share: colours, labels, curves with intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from study.analysis.stats import Interval, mean_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart without full colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

LOG_FROM_RATIO = 3  # of values from which on their axis is logarithmic
ONE_DECADE = 10
FEW_DECADES = 100  # a ratio again: below it such an axis needs more numbers than powers of ten
THOUSANDS = 1000  # from which on they are written as k
NAMES_IN_A_ROW = 3  # of a legend
ABOVE = 1.15  # of an axis that begins at zero, in its largest value
ASIDE = 0.12  # of marks that share a level, in levels
LETTERS_PER_INCH = 15  # of a legend's type
LETTERS_OF_A_HANDLE = 4


@contextmanager
def house_style() -> Iterator[None]:
    """Draw what is made meanwhile in the report's one visual language: seaborn's, for paper."""
    import seaborn as sns
    from cycler import cycler
    from matplotlib import rc_context

    own = {
        "axes.prop_cycle": cycler(color=COLOURS),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 9,
        "axes.labelsize": 9,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.fontsize": 8,
        "legend.frameon": False,
        "grid.color": "0.9",
        "image.interpolation": "none",
    }
    style: Any = {**sns.plotting_context("paper"), **sns.axes_style("ticks"), **own}
    with rc_context(style):
        yield


def heat_map(ax: Axes, values: np.ndarray, annotations: np.ndarray, **options: Any) -> None:
    """Draw a matrix as seaborn's heat map, with texts that contrast with their cells.

    Parameters
    ----------
    ax
        Where to draw.
    values
        ``[rows, columns]``; NaN leaves a cell blank.
    annotations
        ``[rows, columns]`` texts.
    options
        Of `seaborn.heatmap`.
    """
    import seaborn as sns

    sns.heatmap(
        values, ax=ax, annot=annotations, fmt="", annot_kws={"fontsize": 7}, linewidths=0.5,
        **options,
    )  # fmt: skip
    ax.tick_params(length=0)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)


def panel_grid(
    n: int, height: float, *, width: float = 7.6, columns: int = 3, head: float = 0.0, **axes: Any
) -> tuple[Figure, np.ndarray]:
    """Return a figure and its axes ``[rows, columns]``, of which the first ``n`` are for use.

    Parameters
    ----------
    n
        Panels. Axes behind them stay blank.
    height, width
        Of a row, and of the figure, in inches.
    columns
        Panels side by side; fewer where there are fewer.
    head
        Height besides the rows.
    axes
        Of `matplotlib.figure.Figure.subplots`.
    """
    from matplotlib.figure import Figure

    rows = -(-n // columns)
    drawing = Figure(figsize=(width, head + height * rows), layout="constrained")
    grid = drawing.subplots(rows, min(n, columns), squeeze=False, **axes)
    for ax in grid.flat[n:]:
        ax.set_axis_off()
    return drawing, grid


def label_axes(ax: Axes, x: str, y: str) -> None:
    """Label the axes, and put a legend above them where lines have names."""
    ax.set_xlabel(x, fontsize=9)
    ax.set_ylabel(y, fontsize=9)
    ax.tick_params(labelsize=8)
    if names := ax.get_legend_handles_labels()[1]:
        ax.legend(
            fontsize=8, frameon=False, loc="lower left", bbox_to_anchor=(0, 1),
            ncols=_columns(ax, max(map(len, names))), borderpad=0, handlelength=1.4,
            columnspacing=1.0,
        )  # fmt: skip


def legend_above(drawing: Figure, ax: Axes, columns: int = 4) -> None:
    """Put the names of a panel's lines above all panels, which keep their places side by side."""
    drawing.legend(*ax.get_legend_handles_labels(), loc="outside upper left", ncols=columns)


def spread(ax: Axes, values: Sequence[float]) -> None:
    """Make the horizontal axis logarithmic where values, zero or more, differ by a factor."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = min(values), max(values)
    if high <= LOG_FROM_RATIO * low:
        return
    if low == 0:
        ax.set_xscale("symlog", linthresh=1)
        return
    ax.set_xscale("log")
    if high < FEW_DECADES * low:
        # Powers of ten alone would leave an axis with one number or none.
        ax.xaxis.set_major_locator(
            LogLocator(subs=(1, 2, 5) if high < ONE_DECADE * low else (1, 3))
        )
        ax.xaxis.set_major_formatter(FuncFormatter(_brief))
        ax.xaxis.set_minor_formatter(NullFormatter())


def _brief(value: float, _place: int) -> str:
    """Return a number of an axis; thousands as k, which leaves room for the others."""
    return f"{value / 1000:.10g}k" if value >= THOUSANDS else f"{value:.10g}"


def _columns(ax: Axes, longest: int) -> int:
    """Return how many names stand side by side between the axes' left end and the page's right.

    Names that need more room than that would take it from the axes.
    """
    place, page = ax.get_subplotspec(), ax.get_figure(root=True)
    assert place is not None
    assert page is not None
    share = 1 - place.colspan.start / place.get_gridspec().ncols
    room = share * page.get_figwidth() * LETTERS_PER_INCH
    return max(1, min(NAMES_IN_A_ROW, int(room / (longest + LETTERS_OF_A_HANDLE))))


def draw_shares(
    ax: Axes, x: Sequence[float] | np.ndarray, replicates: np.ndarray, **line: Any
) -> None:
    """Draw shares in percent: their mean over replicates and its 95 % interval as a band.

    Parameters
    ----------
    ax
        Where to draw.
    x
        ``[X]``.
    replicates
        ``[seeds, X]`` shares, 0..1.
    line
        Properties of the line of means.
    """
    intervals = [mean_interval(values.tolist(), (0, 1)) for values in replicates.T]
    mean, low, high = (100 * np.array(part) for part in zip(*intervals, strict=True))
    (drawn,) = ax.plot(x, mean, **line)
    ax.fill_between(x, low, high, color=drawn.get_color(), alpha=0.2, lw=0)


def draw_interval(ax: Axes, found: Interval, row: float, **marks: Any) -> None:
    """Draw a mean and its interval along a row; what lies beyond the axis ends in an arrow.

    Parameters
    ----------
    ax
        Where to draw; its horizontal limits are set.
    found
        Mean and interval.
    row
        Place on the vertical axis.
    marks
        Of `matplotlib.axes.Axes.errorbar`.
    """
    low, high = ax.get_xlim()
    ends = max(found.low, low), min(found.high, high)
    ax.errorbar(found.mean, row, xerr=[[found.mean - ends[0]], [ends[1] - found.mean]], **marks)
    for end, beyond, arrow in zip(ends, (found.low < low, found.high > high), "<>", strict=True):
        if beyond:
            ax.plot(end, row, arrow, color=marks.get("color"), ms=5, clip_on=False)


def draw_levels(
    accuracies: Axes,
    costs: Axes,
    levels: Sequence[str],
    found: Mapping[str, Sequence[Interval | None]],
    spikes: Sequence[float],
) -> None:
    """Draw accuracy at each level of a setting, and below what it costs in spikes.

    Parameters
    ----------
    accuracies, costs
        Where to draw: two axes, one above the other.
    levels
        Texts of the L levels, in their order.
    found
        By name, which the legend shows, L shares with their intervals; what is None is left out.
    spikes
        L numbers a sample.
    """
    aside = np.linspace(-ASIDE, ASIDE, len(found)) if len(found) > 1 else [0.0]
    for shift, colour, (name, shares) in zip(aside, COLOURS, found.items(), strict=False):
        known = [(place + shift, share) for place, share in enumerate(shares) if share]
        reach = np.array([(share.mean - share.low, share.high - share.mean) for _, share in known])
        accuracies.errorbar(
            [place for place, _ in known], [100 * share.mean for _, share in known],
            100 * reach.T, fmt="o", ms=3.5, capsize=2, lw=1, color=colour, label=name,
        )  # fmt: skip
    costs.plot(range(len(levels)), spikes, "s", ms=3, color="0.4", clip_on=False)
    costs.set_ylim(0, ABOVE * max(*spikes, 1e-9))
    accuracies.margins(x=0.15)
    accuracies.set_xticks(range(len(levels)), [""] * len(levels))
    costs.set_xticks(range(len(levels)), levels)
    costs.set_xlim(accuracies.get_xlim())
    for ax in (accuracies, costs):
        ax.grid(axis="y", alpha=0.3)
