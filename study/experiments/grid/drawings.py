"""Figures of a grid: those of the thesis from our runs, in its order, and better ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from study.analysis.basis import basis
from study.analysis.comparison import MIN_SEEDS
from study.analysis.effects import level_means, n_replicates
from study.analysis.figures import COLOURS, heat_map, label_axes, panel_grid, spread
from study.analysis.section import Figure, figure_name
from study.analysis.stats import INTERVAL
from study.experiments.grid.choice import Choice, choices
from study.experiments.grid.grids import Axis, level_text
from study.experiments.grid.runs import TEST, TIME, TRAIN, VALIDATION, Runs

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

FIRST_FIGURE = {"fashion-mnist": 13, "shd": 17, "hd-spikes": 17, "tbl": 23}
"""Number of the thesis's figure on hidden neurons; the other three axes follow it."""

SIDES = {"fashion-mnist": 28, "mnist": 28, "digits": 8}  # pixels
MOST_SHARES = 7  # drawn
MODEL_INTERVAL = "95 % interval of a model with two-way interactions, the rest as error"
"""With fewer than three seeds; else seeds are the replicates."""
BRAILLE = {
    "A": "1", "B": "12", "C": "14", "D": "145", "E": "15",
    "F": "124", "G": "1245", "H": "125", "I": "24", "J": "245",
}  # fmt: skip
"""Raised dots; 1 to 3 run down the left column, 4 to 6 down the right (the thesis's Fig. 21)."""


def functions(slopes: Sequence[float]) -> Figure:
    """Return the thesis's figures 3 to 5: step, surrogate derivative, time to first spike."""
    import torch

    from gradsim.encode import latency
    from gradsim.surrogate import fast_sigmoid

    drawing = _drawing(7.2, 2.5)
    step, derivative, code = drawing.subplots(1, 3)
    x = np.linspace(-1, 1, 2001)
    step.plot(x, x > 0, color=COLOURS[0])
    step.set_title("Fig. 3: step", fontsize=9)
    label_axes(step, "U - threshold", "spike")
    for slope, colour in zip(slopes, COLOURS, strict=False):
        surrogate = fast_sigmoid(slope)
        height = surrogate.shape(torch.from_numpy(x), *surrogate.parameters).numpy()
        derivative.semilogy(x, height, color=colour, label=f"{slope:g}")
    derivative.set_title("Fig. 4: slopes of the grids", fontsize=9)
    derivative.set(xlabel="U - threshold", ylabel="surrogate derivative")
    derivative.legend(fontsize=6, frameon=False, loc="upper right", handlelength=1)
    intensity = np.arange(256) / 255
    events = latency(intensity[None].astype(np.float32), 100)
    code.plot(intensity[events.unit], events.step, ".", ms=3, color=COLOURS[0])
    code.set_title("Fig. 5: time to first spike", fontsize=9)
    code.set(xlim=(0, 1), ylim=(0, 100))
    label_axes(code, "pixel", "step")
    return Figure(
        "grid-functions",
        drawing,
        "The thesis's figures 3 to 5 from this project's code: the step of a spike; the surrogate "
        "derivative, on a logarithmic scale because all slopes have height 1 at the threshold and "
        "differ in how fast it falls; the step in which an 8-bit pixel fires, for thresholds and "
        f"time constants of the thesis. The latest pixel fires in step {events.step.max()}; "
        f"{256 - len(events.step)} of the 256 values never fire.",
        "Three panels: a step at zero; surrogate derivatives falling from 1 on both sides; spike "
        "time falling with pixel value.",
        "computed, no trials",
    )


def examples(runs: Runs) -> Figure | None:
    """Return the thesis's figure 12: images, rebuilt from the spikes that the network sees."""
    record = runs.records[0]
    arrays, config = record.arrays, record.trial.config
    side = SIDES.get(runs.dataset)
    if side is None or "example_input_step" not in arrays:
        return None
    labels, offsets = arrays["example_labels"], arrays["example_input_offsets"]
    drawing = _drawing(1.4 * len(labels), 1.7)
    panels = drawing.subplots(1, len(labels), squeeze=False)[0]
    for n, (ax, label) in enumerate(zip(panels, labels, strict=True)):
        span = slice(*offsets[n : n + 2])
        time_s = (arrays["example_input_step"][span] + 0.5) * config["dt_s"]
        # The inverse of T(x) = tau ln(x / (x - threshold)).
        value = config["latency_threshold"] / (1 - np.exp(-time_s / config["latency_tau_s"]))
        image = np.zeros(side * side)
        image[arrays["example_input_unit"][span]] = np.minimum(value, 1)
        ax.imshow(image.reshape(side, side), cmap="gray_r", vmin=0, vmax=1)
        ax.set_title(f"class {label}", fontsize=8)
        ax.set_axis_off()
    return Figure(
        figure_name("grid", "examples", runs.dataset),
        drawing,
        f"The thesis's figure 12: samples of {runs.dataset}, rebuilt from the times of the spikes "
        "that stand for their pixels, so that what the code loses is missing here.",
        "Grey images of a few samples with their classes.",
        basis([record], f"{len(labels)} validation samples"),
    )


def braille() -> Figure:
    """Return the thesis's figure 21: the letters A to J in Braille."""
    drawing = _drawing(5.0, 1.1)
    panels = drawing.subplots(1, len(BRAILLE))
    for ax, (letter, raised) in zip(panels, BRAILLE.items(), strict=True):
        for dot in range(6):
            filled = str(dot + 1) in raised
            ax.plot(dot // 3, -(dot % 3), "o", ms=7 if filled else 3, mec="k",
                    color="k" if filled else "w")  # fmt: skip
        ax.set(xlim=(-0.7, 1.7), ylim=(-2.6, 0.6), aspect="equal")
        ax.set_title(letter, fontsize=9)
        ax.set_axis_off()
    return Figure(
        "grid-braille",
        drawing,
        "The thesis's figure 21: the letters A to J in Braille; large dots are raised. Its figure "
        "22 is a listing: samples of 76 steps are made longer by repeating each value.",
        "Ten Braille cells, A to J.",
        "no trials",
    )


def as_in_thesis(runs: Runs) -> Figure:
    """Return mean accuracy and mean time at each level: figures 13-16, 17-20 or 23-26."""
    drawing = _drawing(7.6, 4.2)
    panels = drawing.subplots(2, len(runs.axes), squeeze=False, sharey="row")
    first = FIRST_FIGURE.get(runs.dataset)
    for number, (column, axis) in enumerate(zip(panels.T, runs.axes, strict=True)):
        for response, colour in ((TRAIN, COLOURS[0]), (TEST, COLOURS[1])):
            label = response.name.split()[0] if number == 0 else None
            _plain_means(column[0], runs, axis, 100 * runs.values(response), colour, label)
        _plain_means(column[1], runs, axis, np.exp(runs.values(TIME)), COLOURS[2], None)
        for ax in column:
            _level_ticks(ax, axis)
        label_axes(column[0], "", "accuracy / %" if number == 0 else "")
        label_axes(column[1], axis.name, "training / s per epoch" if number == 0 else "")
        title = f"Fig. {first + number}" if first else axis.name
        column[0].set_title(title, fontsize=9, pad=20 if number == 0 else 6)
    numbered = (
        f"The thesis's figures {first} to {first + 3} from our runs"
        if first
        else "As in the thesis"
    )
    return Figure(
        figure_name("grid", "means", runs.dataset),
        drawing,
        f"{numbered}, {runs.dataset}: mean training and test accuracy, and mean training time, at "
        "each level; the thesis prints means without any spread. Small dots are single runs.",
        "Two rows of panels, one column a setting: accuracy above, training time below, against "
        "the levels of the setting.",
        basis(runs.records, interval="no interval, as in the thesis"),
    )


def _plain_means(
    ax: Axes, runs: Runs, axis: Axis, values: np.ndarray, colour: str, label: str | None
) -> None:
    levels = runs.levels(axis)
    means = [values[levels == level].mean() for level in axis.levels]
    places = np.searchsorted(np.array(axis.levels), levels)
    ax.plot(places, values, ".", ms=2, alpha=0.35, color=colour)
    ax.plot(range(len(means)), means, "o-", ms=4, color=colour, label=label)


def effects(runs: Runs) -> Figure:
    """Return the main effects on validation accuracy with intervals, where the network learns."""
    live = runs.live
    drawing = _drawing(7.6, 2.6)
    panels = drawing.subplots(1, len(live.axes) + 1, squeeze=False)[0]
    means = level_means(live.values(VALIDATION), live.factors, live.seeds)
    replicated = n_replicates(live.factors, live.seeds) >= MIN_SEEDS
    for ax in panels[1:-1]:
        ax.sharey(panels[0])
        ax.tick_params(labelleft=False)
    for ax, axis in zip(panels, live.axes, strict=False):
        found = np.array([means[axis.name][level] for level in axis.levels])
        mean, low, high = 100 * found.T
        ax.errorbar(range(len(mean)), mean, (mean - low, high - mean), fmt="o-", ms=4, capsize=3,
                    color=COLOURS[0])  # fmt: skip
        _level_ticks(ax, axis)
        label_axes(ax, axis.name, "")
        ax.grid(alpha=0.3)
    panels[0].set_ylabel("validation accuracy / %", fontsize=9)
    _shares(panels[-1], live)
    return Figure(
        figure_name("grid", "effects", runs.dataset),
        drawing,
        f"Main effects on {runs.dataset}: validation accuracy at each level, the other settings "
        f"averaged over{_without(runs)}. Right: the {MOST_SHARES} largest shares of the variance "
        "that settings and pairs of settings explain (functional ANOVA); the table has all.",
        "Panels of validation accuracy with error bars against the levels of each setting, and a "
        "bar chart of variance shares.",
        basis(
            live.records,
            interval=INTERVAL if replicated else MODEL_INTERVAL,
        ),
    )


def _shares(ax: Axes, runs: Runs) -> None:
    found = runs.variance(VALIDATION)
    shares = {_short(term.names): term.share for term in found.terms} | {"rest": found.rest}
    ranked = sorted(shares, key=lambda name: shares[name])[-MOST_SHARES:]
    ax.barh(ranked, [100 * shares[name] for name in ranked], color=COLOURS[2])
    label_axes(ax, "variance / %", "")
    ax.tick_params(labelsize=7)


def interactions(runs: Runs) -> Figure | None:
    """Return maps of validation accuracy over each pair of settings."""
    live = runs.live
    pairs = list(combinations(live.axes, 2))
    if not pairs:
        return None
    drawing, axes = panel_grid(len(pairs), 2.0, width=7.2, head=0.4)
    values, found = 100 * live.values(VALIDATION), live.variance(VALIDATION)
    maps = [_map(live, values, first, second) for first, second in pairs]
    limits = (min(map(np.nanmin, maps)), max(map(np.nanmax, maps)))
    for ax, (first, second), grid in zip(axes.flat, pairs, maps, strict=False):
        heat_map(
            ax, grid, _annotated(grid), cmap="viridis", vmin=limits[0], vmax=limits[1], cbar=False,
            xticklabels=[level_text(level) for level in second.levels],
            yticklabels=[level_text(level) for level in first.levels],
        )  # fmt: skip
        ax.invert_yaxis()
        label_axes(ax, second.name, first.name)
        share = found.share(first.name, second.name)
        ax.set_title("" if np.isnan(share) else f"interaction {100 * share:.1f} %", fontsize=8)
    cells = axes[0, 0].collections[0]
    drawing.colorbar(cells, ax=axes.ravel().tolist(), label="validation accuracy / %")
    return Figure(
        figure_name("grid", "interactions", runs.dataset),
        drawing,
        f"Interactions on {runs.dataset}: mean validation accuracy at each pair of levels, the "
        f"other settings averaged over{_without(runs)}. Where the rows of a map differ by more "
        "than a shift, the effect of one setting depends on the other; the title has the share of "
        "variance of that.",
        "Heat maps of validation accuracy, one for each pair of settings.",
        basis(live.records),
    )


def _annotated(grid: np.ndarray) -> np.ndarray:
    return np.array([["" if np.isnan(v) else f"{v:.1f}" for v in row] for row in grid])


def _map(runs: Runs, values: np.ndarray, first: Axis, second: Axis) -> np.ndarray:
    """Return ``[levels of first, levels of second]`` means, NaN where nothing was run."""
    rows, columns = runs.levels(first), runs.levels(second)
    cells = [[values[(rows == y) & (columns == x)] for x in second.levels] for y in first.levels]
    return np.array([[cell.mean() if cell.size else np.nan for cell in row] for row in cells])


def landscape(runs: Runs) -> Figure:
    """Return all combinations: training against validation accuracy, and accuracy with spikes."""
    drawing = _drawing(7.2, 3.1)
    left, right = drawing.subplots(1, 2)
    ranked = choices(runs.live, VALIDATION)
    chosen = {
        "best in validation": choices(runs, VALIDATION)[0],
        "best in training": choices(runs, TRAIN)[0],
    }
    places: tuple[Callable[[Choice], float], ...] = (lambda c: 100 * c.mean(TRAIN), _spikes)
    for ax, place in zip((left, right), places, strict=True):
        accuracy = [100 * choice.mean(VALIDATION) for choice in ranked]
        ax.plot([place(choice) for choice in ranked], accuracy, ".", color="grey", ms=4)
        for (name, choice), marker, colour in zip(chosen.items(), "o^", COLOURS, strict=False):
            ax.plot(place(choice), 100 * choice.mean(VALIDATION), marker, color=colour, ms=8,
                    mfc="none", mew=1.6, label=name)  # fmt: skip
    spread(right, [_spikes(choice) for choice in ranked])
    label_axes(left, "training accuracy / %", "validation accuracy / %")
    label_axes(right, "hidden spikes per sample", "")
    right.get_legend().remove()
    return Figure(
        figure_name("grid", "landscape", runs.dataset),
        drawing,
        f"All {len(ranked)} combinations on {runs.dataset}{_without(runs)}. Left: what "
        "training accuracy says of validation accuracy; the thesis chose by the former. Right: "
        "what the accuracy costs in spikes.",
        "Two scatter plots of validation accuracy, against training accuracy and against hidden "
        "spikes, with two combinations marked.",
        basis(runs.live.records),
    )


def _spikes(choice: Choice) -> float:
    return float(np.mean([r.metrics["spikes_hidden_per_sample"] for r in choice.records]))


def _without(runs: Runs) -> str:
    if runs.live is runs:
        return ""
    left_out = [
        f"{name} {level_text(level)}"
        for name, levels in runs.dead_levels.items()
        for level in levels
    ]
    return f" (without {', '.join(left_out)}, where most runs learn nothing)"


def _short(names: Sequence[str]) -> str:
    return " × ".join(name.split()[-1] for name in names)


def _level_ticks(ax: Axes, axis: Axis) -> None:
    ax.set_xticks(range(len(axis.levels)), [level_text(level) for level in axis.levels])
    ax.margins(x=0.15)


def _drawing(width: float, height: float) -> Drawing:
    from matplotlib.figure import Figure as Drawing

    return Drawing(figsize=(width, height), layout="constrained")
