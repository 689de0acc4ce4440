"""Izhikevich's model and the adaptive exponential neuron: cells of each, held against SciPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from study.analysis.basis import basis
from study.analysis.figures import COLOURS, label_axes
from study.analysis.section import Figure
from study.experiments.dynamics.measured import (
    Target,
    response,
    spike_metrics,
)
from study.experiments.dynamics.traces import draw_spikes, in_ms
from study.settings.config import configured
from study.trials.trial import Context, Outcome, Record, Trial

if TYPE_CHECKING:
    from biosim.neurons import AdEx, Izhikevich

MODELS = {"izhikevich": "Izhikevich", "adex": "AdEx"}  # models of which several cells are shown


@dataclass(frozen=True)
class IzhikevichConfig:
    """Settings of Izhikevich's model; as `LIFConfig`, without an f-I curve.

    Parameters
    ----------
    cells
        Names from the paper.
    refinements
        Into how many parts ``dt_s`` is divided, for the convergence of spike times.
    """

    dt_s: float = 1e-4
    duration_s: float = 0.2
    onset_s: float = 0.01
    current_v_s: float = 10.0
    cells: tuple[str, ...] = ("RS", "FS", "CH")
    refinements: tuple[int, ...] = (1, 2, 4)
    target: Target = "numpy"

    def __post_init__(self) -> None:
        if not self.cells or not self.refinements or min(self.refinements) < 1:
            raise ValueError("cells and refinements must not be empty, refinements at least 1")


@dataclass(frozen=True)
class AdExConfig:
    """Settings of the adaptive exponential neuron; as `IzhikevichConfig`.

    Parameters
    ----------
    cells
        Names from the textbook's table.
    currents_a
        One for each of them.
    """

    dt_s: float = 1e-4
    duration_s: float = 0.3
    onset_s: float = 0.01
    currents_a: tuple[float, ...] = (65e-12, 65e-12, 65e-12, 65e-12, 25e-12)
    cells: tuple[str, ...] = ("tonic", "adapting", "initial burst", "bursting", "delayed")
    refinements: tuple[int, ...] = (1, 2, 4)
    target: Target = "numpy"

    def __post_init__(self) -> None:
        if not self.cells or not self.refinements or min(self.refinements) < 1:
            raise ValueError("cells and refinements must not be empty, refinements at least 1")
        if len(self.currents_a) != len(self.cells):
            raise ValueError("currents_a must have one value for each of cells")


def run_izhikevich(trial: Trial, context: Context) -> Outcome:
    """Return traces of several cells, and spike time errors against SciPy as dt shrinks."""
    from biosim.neurons import izhikevich

    config = configured(IzhikevichConfig, trial.config)
    levels = [config.current_v_s] * len(config.cells)
    return _cells({name: izhikevich.CELLS[name] for name in config.cells}, levels, config, context)


def run_adex(trial: Trial, context: Context) -> Outcome:
    """Return the same of the adaptive exponential neuron."""
    from biosim.neurons import adex

    config = configured(AdExConfig, trial.config)
    cells = {name: adex.CELLS[name] for name in config.cells}
    return _cells(cells, config.currents_a, config, context)


def _cells(
    cells: Mapping[str, Izhikevich | AdEx],
    levels: Sequence[float],
    config: IzhikevichConfig | AdExConfig,
    context: Context,
) -> Outcome:
    from biosim.reference import solve
    from biosim.stimuli import step

    stimulus = step(np.array(levels), config.onset_s)
    runs = []
    for number, refinement in enumerate(config.refinements):
        context.progress(number / (len(config.refinements) + 1), "Brian2")
        runs.append(response(list(cells.values()), stimulus, config, config.dt_s / refinement))
    # The trace shown is that of the last refinement.
    arrays: dict[str, np.ndarray] = {"time_s": runs[-1].time_s}
    metrics: dict[str, Any] = {}
    for unit, (name, cell) in enumerate(cells.items()):
        context.progress(len(runs) / (len(runs) + 1), f"SciPy, {name}")
        ends_s = np.array([0.0, config.duration_s])
        reference = solve(cell, step(levels[unit], config.onset_s), ends_s)
        found = [spike_metrics(run.trains()[unit], reference.spike_time_s) for run in runs]
        arrays[f"{name}.v"] = runs[-1].traces["v"][:, unit]
        arrays[f"{name}.spike_time_s"] = runs[-1].trains()[unit]
        metrics |= {f"{name}.{key}": [each[key] for each in found] for key in found[0]}
    return Outcome({"engine": runs[-1].target, **metrics}, arrays)


def draw(record: Record) -> Figure:
    """Return the cells of a model, and the convergence of their spike times."""
    from matplotlib.figure import Figure as Drawing

    arrays, config = record.arrays, record.trial.config
    cells, model = config["cells"], MODELS[record.trial.subject]
    drawing = Drawing(figsize=(7.2, 0.9 + 1.0 * len(cells)), layout="constrained")
    left, right = drawing.subfigures(1, 2, width_ratios=(2, 1), squeeze=False)[0]
    axes = left.subplots(len(cells), 1, sharex=True, squeeze=False)[:, 0]
    convergence = right.subplots()
    dt_ms = [config["dt_s"] / refinement * 1e3 for refinement in config["refinements"]]
    for number, (ax, cell) in enumerate(zip(axes, cells, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        draw_spikes(
            ax, arrays["time_s"], arrays[f"{cell}.v"], arrays[f"{cell}.spike_time_s"], colour
        )
        ax.set_ylabel(f"{cell}\nv / mV", fontsize=8)
        ax.tick_params(labelsize=8)
        errors = record.metrics[f"{cell}.max_spike_error_s"]
        known = [(x, error * 1e3) for x, error in zip(dt_ms, errors, strict=True) if error]
        if known:
            convergence.plot(*zip(*known, strict=True), "o-", ms=4, color=colour, label=cell)
    axes[-1].set_xlabel("time / ms", fontsize=8)
    convergence.set_xscale("log")
    convergence.set_yscale("log")
    convergence.set_xticks(dt_ms, [f"{x:g}" for x in dt_ms])
    convergence.minorticks_off()
    label_axes(convergence, "dt / ms", "largest spike error / ms")
    # One column: the names are too long for the panel's width otherwise.
    if convergence.get_legend():
        convergence.legend(fontsize=7, frameon=False, loc="lower left", bbox_to_anchor=(0, 1))
    return Figure(
        f"dynamics-{record.trial.subject}",
        drawing,
        f"{model}: cells under a step of current, and the largest difference of a spike time from "
        "SciPy's solution as the time step shrinks.",
        f"Left, one trace a cell: {', '.join(cells)}. Right, the largest error of a spike time "
        "against the time step, both logarithmic.",
        basis([record], n=f"{len(cells)} cells"),
    )


def found(record: Record) -> list[str]:
    """Return each cell's spikes and the largest error of their times."""
    config, metrics, model = record.trial.config, record.metrics, MODELS[record.trial.subject]
    first_ms, last_ms = (config["dt_s"] / config["refinements"][k] * 1e3 for k in (0, -1))
    told = []
    for cell in config["cells"]:
        errors = [in_ms(error) for error in metrics[f"{cell}.max_spike_error_s"]]
        told.append(
            f"{model}, {cell}: {metrics[f'{cell}.n_spikes'][-1]} spikes at dt = {last_ms:g} ms, "
            f"{metrics[f'{cell}.reference_spikes'][-1]} in SciPy's solution; the largest error of "
            f"a spike time is {errors[0]} ms at dt = {first_ms:g} ms and {errors[-1]} ms at dt = "
            f"{last_ms:g} ms."
        )
    return told
