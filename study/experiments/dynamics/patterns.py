"""Izhikevich's twenty patterns, with the scheme of their source and solved accurately."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from study.analysis.basis import basis
from study.analysis.figures import COLOURS
from study.analysis.section import Figure
from study.experiments.dynamics.measured import (
    Target,
)
from study.experiments.dynamics.traces import draw_spikes
from study.settings.config import configured
from study.trials.trial import Context, Outcome, Record, Trial

if TYPE_CHECKING:
    from biosim.neurons import Neuron
    from biosim.neurons.izhikevich import Pattern
    from biosim.simulate import Recording


@dataclass(frozen=True)
class PatternsConfig:
    """Settings of Izhikevich's twenty patterns.

    Parameters
    ----------
    accurate_dt_s
        Time step at which the patterns are solved by Runge-Kutta besides; it divides 0.5 ms.
    target
        Engine of Brian2.
    """

    accurate_dt_s: float = 2.5e-5
    target: Target = "numpy"


def run(trial: Trial, context: Context) -> Outcome:
    """Return the twenty patterns as their source computes them, and their spikes when solved."""
    from biosim.neurons.izhikevich import PATTERNS

    config = configured(PatternsConfig, trial.config)
    arrays: dict[str, np.ndarray] = {}
    metrics: dict[str, Any] = {"names": list(PATTERNS)}
    steps_s = sorted({pattern.dt_s for pattern in PATTERNS.values()})
    for number, dt_s in enumerate(steps_s):
        context.progress(number / (len(steps_s) + 1), f"dt = {dt_s * 1e3:g} ms")
        chosen = {name: each for name, each in PATTERNS.items() if each.dt_s == dt_s}
        run = _side_by_side(list(chosen.values()), list(chosen.values()), dt_s, config)
        for unit, (name, pattern) in enumerate(chosen.items()):
            shown = run.time_s < pattern.duration_s
            arrays |= {
                f"{name}.time_s": run.time_s[shown],
                f"{name}.v": run.traces["v"][shown, unit],
                f"{name}.input": pattern.stimulus.sampled(dt_s, pattern.duration_s)[:, 0],
                f"{name}.spike_time_s": _until(run.trains()[unit], pattern),
            }
    context.progress(len(steps_s) / (len(steps_s) + 1), "solved accurately")
    neurons = [pattern.neuron for pattern in PATTERNS.values()]
    solved = _side_by_side(neurons, list(PATTERNS.values()), config.accurate_dt_s, config)
    for (name, pattern), train in zip(PATTERNS.items(), solved.trains(), strict=True):
        arrays[f"{name}.solved_spike_time_s"] = _until(train, pattern)
        metrics[f"{name}.n_spikes"] = len(arrays[f"{name}.spike_time_s"])
        metrics[f"{name}.solved_spikes"] = len(arrays[f"{name}.solved_spike_time_s"])
    return Outcome({"engine": solved.target, **metrics}, arrays)


def _side_by_side(
    neurons: Sequence[Neuron], patterns: Sequence[Pattern], dt_s: float, config: PatternsConfig
) -> Recording:
    """Return what each neuron does under the stimulus of a pattern, for the longest of them."""
    from biosim.simulate import simulate

    duration_s = max(pattern.duration_s for pattern in patterns)
    drive = np.hstack([pattern.stimulus.sampled(dt_s, duration_s) for pattern in patterns])
    # Solved accurately, inhibition-induced bursting runs away, which its section tells.
    return simulate(
        neurons, drive, dt_s=dt_s, duration_s=duration_s, target=config.target, runaway=True
    )


def _until(train_s: np.ndarray, pattern: Pattern) -> np.ndarray:
    return train_s[train_s <= pattern.duration_s]


def draw(record: Record) -> Figure:
    """Return the patterns with their inputs, and the spikes when solved accurately."""
    from matplotlib.figure import Figure as Drawing

    arrays, names = record.arrays, record.metrics["names"]
    drawing = Drawing(figsize=(7.2, 8.0), layout="constrained")
    axes = drawing.subplots(-(-len(names) // 4), 4)
    for ax, name in zip(axes.flat, names, strict=True):
        time_s, drive = arrays[f"{name}.time_s"], arrays[f"{name}.input"]
        draw_spikes(ax, time_s, arrays[f"{name}.v"], arrays[f"{name}.spike_time_s"], COLOURS[0])
        span = max(float(drive.max() - drive.min()), 1e-12)
        ax.plot(time_s * 1e3, -115 + 15 * (drive - drive.min()) / span, lw=0.8, color="0.5")
        solved_ms = arrays[f"{name}.solved_spike_time_s"] * 1e3
        ax.plot(solved_ms, [42] * len(solved_ms), "|", ms=4, color=COLOURS[1])
        ax.set_title(name, fontsize=6.5)
        ax.set_ylim(-120, 52)
        ax.tick_params(labelsize=6)
    drawing.supxlabel("time / ms", fontsize=8)
    drawing.supylabel("v / mV", fontsize=8)
    return Figure(
        "dynamics-izhikevich-patterns",
        drawing,
        "Izhikevich's twenty patterns as their source computes them (blue), with the input below "
        "(grey, each on its own scale). Ticks above: spikes of the same neuron when its equations "
        "are solved accurately.",
        f"{len(names)} small traces, one for each of: {', '.join(names)}.",
        basis([record], n=f"{len(names)} patterns"),
    )


def found(record: Record) -> list[str]:
    """Return in which patterns the number of spikes depends on the scheme."""
    metrics, dt_ms = record.metrics, record.trial.config["accurate_dt_s"] * 1e3
    counts = {
        name: (metrics[f"{name}.n_spikes"], metrics[f"{name}.solved_spikes"])
        for name in metrics["names"]
    }
    changed = [f"{name} ({a} to {b})" for name, (a, b) in counts.items() if a != b]
    return [
        f"Izhikevich's patterns: {len(counts) - len(changed)} of {len(counts)} have the same "
        f"number of spikes when solved by Runge-Kutta at dt = {dt_ms:g} ms as with their source's "
        f"scheme and step. The others: {', '.join(changed) or 'none'}. There the scheme "
        "shapes the firing, not the equations alone."
    ]
