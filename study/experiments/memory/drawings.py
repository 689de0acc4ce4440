"""Pictures of networks that are to remember: errors, and one sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from study.analysis.artefacts import draw_raster
from study.analysis.basis import basis
from study.analysis.figures import COLOURS, draw_shares, label_axes
from study.analysis.replicates import Replicates
from study.analysis.section import Figure
from study.data.store_recall import GROUPS, N_UNITS
from study.data.task import NOTHING_ASKED
from study.experiments.memory.networks import SOLVED, basis_of, wrong_by_wait
from study.learning.artefacts import Raster, curve, rasters
from study.trials.trial import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GENERATED = "store-recall"  # whose inputs are in groups


def all_of(networks: Mapping[str, Replicates]) -> tuple[Figure, ...]:
    """Return errors while learning and by the time that a bit was kept, and one sequence."""
    shown = _shown(networks)
    return (_learning(networks), _waiting(networks), *([_sequence(*shown)] if shown else []))


def _learning(networks: Mapping[str, Replicates]) -> Figure:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(6.4, 4.0), layout="constrained")
    ax = drawing.subplots()
    for place, (name, group) in enumerate(networks.items()):
        curves = [found for record in group if (found := curve(record.arrays))]
        n = min(len(found.validation) for found in curves)
        iterations = curves[0].seen[:n] / group[0].trial.config["batch_size"]
        wrong = 1 - np.array([found.validation[:n] for found in curves])
        draw_shares(ax, iterations, wrong, label=name, color=COLOURS[place % len(COLOURS)])
    ax.axhline(100 * SOLVED, color="grey", lw=0.8, ls=":")
    ax.axhline(50, color="grey", lw=0.8, ls="--")
    ax.set_ylim(0, 60)
    ax.grid(alpha=0.3)
    label_axes(ax, "iteration", "wrong bits in validation / %")
    return Figure(
        "memory-learning",
        drawing,
        "Errors on validation sequences while networks learn: mean over seeds and its 95 % "
        "interval. The dashed line is chance, the dotted line the 5 % at which the task counts as "
        "solved.",
        "Share of wrong bits against iterations, one line a network, with bands, and lines at "
        "chance and at 5 %.",
        basis_of(networks, tested=False),
    )


def _waiting(networks: Mapping[str, Replicates]) -> Figure:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(6.4, 3.8), layout="constrained")
    ax = drawing.subplots()
    waits: list[int] = []
    for place, (name, group) in enumerate(networks.items()):
        if "test_waited" not in group[0].arrays:
            continue
        waits, wrong = wrong_by_wait(group)
        line = {"marker": "o", "ms": 3, "color": COLOURS[place % len(COLOURS)]}
        draw_shares(ax, waits, wrong, label=name, **line)
    if waits:
        ax.set_xticks(waits, [*map(str, waits[:-1]), f"{waits[-1]}+"])
    ax.set_ylim(0, 100)
    ax.grid(alpha=0.3)
    label_axes(ax, "symbols of 200 ms from STORE to RECALL", "wrong test bits / %")
    return Figure(
        "memory-waiting",
        drawing,
        "Errors by how long a bit was kept: mean over seeds and its 95 % interval. Longer waits "
        "are rarer, so their errors are known less well.",
        "Share of wrong test bits against the number of symbols between store and recall, one "
        "line a network, with bands.",
        basis_of(networks),
    )


def _shown(networks: Mapping[str, Replicates]) -> tuple[str, Record] | None:
    """Return the network whose sequence is drawn: the first that adapts, in its first seed."""
    for name, group in networks.items():
        if group[0].trial.config["beta"] and group[0].trial.config["n_adaptive"]:
            return name, group[0]
    return None


def thresholds(raster: Raster, n_steps: int, config: Mapping[str, Any]) -> np.ndarray:
    """Return the thresholds of adaptive neurons in each step, ``[T, n]``, from their spikes.

    (2) and (3) of `gradsim.lsnn`.
    """
    spikes = np.zeros((n_steps + 1, config["n_adaptive"]))
    spikes[raster.step + 1, raster.unit] = 1
    rho = np.exp(-config["dt_s"] / config["tau_adapt_s"])
    raised, found = np.zeros(config["n_adaptive"]), []
    for before in spikes[:n_steps]:
        raised = rho * raised + (1 - rho) * before
        found.append(config["threshold"] + config["beta"] * raised)
    return np.array(found)


def _sequence(name: str, record: Record) -> Figure:
    from matplotlib.figure import Figure as Drawing

    arrays, config = record.arrays, record.trial.config
    readout, labels = arrays["example_readout"], arrays["example_labels"]
    n_steps, dt_s = len(readout), config["dt_s"]
    found = {raster.layer: raster for raster in rasters(arrays)}
    drawing = Drawing(figsize=(7.2, 6.6), layout="constrained")
    axes = drawing.subplots(5, 1, sharex=True, height_ratios=(3, 2, 2, 2, 1.6))
    for ax, layer in zip(axes, ("input", "regular", "adaptive"), strict=False):
        draw_raster(ax, found[layer], dt_s)
        ax.yaxis.get_major_locator().set_params(integer=True)
    if record.trial.dataset_name.startswith(GENERATED):
        size = N_UNITS // len(GROUPS)
        axes[0].set_yticks([size * (k + 0.5) for k in range(len(GROUPS))], GROUPS)
    time_ms = np.arange(n_steps) * dt_s * 1e3
    raised = thresholds(found["adaptive"], n_steps, config) / config["threshold"]
    axes[3].plot(time_ms, raised, lw=0.8)
    axes[4].plot(time_ms, _surety(readout), color="black", lw=0.8)
    _mark_answers(axes[4], labels, n_steps * dt_s * 1e3)
    names = ("input", "LIF neuron", "adaptive neuron", "threshold / rest", "p(1)")
    for ax, label in zip(axes, names, strict=True):
        ax.set_ylabel(label, fontsize=8)
        _mark_symbols(ax, labels, n_steps * dt_s * 1e3)
    axes[4].set(xlabel="time / ms", ylim=(-0.1, 1.1), xlim=(0, n_steps * dt_s * 1e3))
    return Figure(
        "memory-sequence",
        drawing,
        f"One validation sequence in a trained network ({name}): input spikes by group, spikes of "
        "neurons with fixed and with adaptive thresholds, each adaptive threshold against its "
        "value at rest, and how sure the readout is of 1. The bit is asked for where the "
        "background is grey; a cross marks the right answer.",
        "Five panels over time: three spike rasters, thresholds that rise and fall within a "
        "second, and the readout's probability of 1, with the symbols in which a bit is asked for "
        "in grey.",
        basis([record], "1 validation sequence"),
    )


def _surety(readout: np.ndarray) -> np.ndarray:
    """Return the probability that the readout gives to 1 in each step, from ``[T, k]``."""
    odds = np.exp(readout - readout.max(axis=1, keepdims=True))
    return odds[:, 1] / odds.sum(axis=1)


def _mark_symbols(ax: Axes, labels: np.ndarray, end_ms: float) -> None:
    edges = np.linspace(0, end_ms, len(labels) + 1)
    for edge in edges[1:-1]:
        ax.axvline(edge, color="0.85", lw=0.6, zorder=0)
    for k in np.flatnonzero(labels != NOTHING_ASKED):
        ax.axvspan(edges[k], edges[k + 1], color="0.9", zorder=0)


def _mark_answers(ax: Axes, labels: np.ndarray, end_ms: float) -> None:
    asked = np.flatnonzero(labels != NOTHING_ASKED)
    ax.plot((asked + 0.5) * end_ms / len(labels), labels[asked], "x", color=COLOURS[1], ms=7)
