"""Spikes at given times: SuperSpike with several ways back, on an easy and on a hard pattern.

A part of the experiment ``feedback``: settings, procedure, figures, table and findings.

How long is learned is part of the task. In trial runs with 20 hidden neurons and 20 outputs the
loss with symmetric feedback was 0.30 to 0.50 of that with random after 600 presentations, and 0.46
to 0.62 after 1,500 (three seeds); readout weights alone did as well as random feedback.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from study.analysis import one_setting
from study.analysis.basis import basis
from study.analysis.comparison import difference
from study.analysis.figures import COLOURS, label_axes
from study.analysis.replicates import cell, mean_of
from study.analysis.section import Figure, Table
from study.analysis.stats import INTERVAL, mean_interval
from study.experiments.feedback.rule import DONE
from study.learners.feedback_config import Kind
from study.request import SEEDS_OF_WAYS, Request
from study.settings.config import configured, settings_of
from study.trials.measure import measured
from study.trials.trial import Context, Outcome, Record, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PROCEDURE = "spike-patterns"
EASY, HARD = "patterns-easy", "patterns-hard"
NAMES = {EASY: "easy pattern", HARD: "hard pattern"}
WAYS: tuple[Kind, ...] = ("symmetric", "random", "uniform", "none")
TOLD = {str(way): f"with {way} feedback" for way in WAYS} | {"none": "without feedback"}
LAST = 20  # presentations over whose loss a trial ends
QUICK_PRESENTATIONS = 300
BLOCKS = 100  # points of a curve


@dataclass(frozen=True)
class PatternsConfig:
    """A pattern, the network that learns it, and how.

    Parameters
    ----------
    n_in, n_hidden, n_out
        Inputs, hidden neurons and outputs.
    n_targets, duration_s, rate_hz
        Wanted spikes of each output, length of the pattern, and rate of each input.
    feedback, feedback_scale
        How errors come back; see `gradsim.feedback`.
    presentations, learning_rate, gamma, rho
        See `gradsim.superspike.SuperSpikeTraining`.
    """

    n_in: int = 100
    n_hidden: int = 10
    n_out: int = 1
    n_targets: int = 15
    duration_s: float = 1.0
    rate_hz: float = 10.0
    feedback: Kind = "symmetric"
    feedback_scale: float = 1.0
    presentations: int = 600
    learning_rate: float = 1e-2
    gamma: float = 0.9
    rho: float = 0.1


TASKS = {
    EASY: PatternsConfig(),
    HARD: PatternsConfig(n_hidden=40, n_out=20, n_targets=5, duration_s=0.5),
}


def trials(request: Request) -> list[Trial]:
    """Return each way back on each pattern; one seed in the quick profile."""
    quick = request.profile == "quick"
    n_seeds = request.n_seeds or (1 if quick else SEEDS_OF_WAYS)
    shorter = {"presentations": QUICK_PRESENTATIONS} if quick else {}
    planned = [
        Trial(PROCEDURE, name, None, settings_of(config), seed)
        for name, task in TASKS.items()
        for way in WAYS
        for config in request.configure(dataclasses.replace(task, feedback=way, **shorter), name)
        for seed in range(n_seeds)
    ]
    return list({trial.id: trial for trial in planned}.values())


def run(trial: Trial, context: Context) -> Outcome:
    """Learn a pattern; pattern and first weights depend on the seed alone.

    Raises
    ------
    ValueError
        If a setting is impossible.
    gradsim.TrainingError
        If weights become NaN or infinite.
    """
    import torch

    from gradsim import superspike
    from gradsim.feedback import Feedback

    config = configured(PatternsConfig, trial.config)
    parameters = superspike.SuperSpikeParameters(config.n_in, config.n_hidden, config.n_out)
    rng, of_feedback = (
        np.random.default_rng(child) for child in np.random.SeedSequence(trial.seed).spawn(2)
    )
    pattern = superspike.draw_pattern(
        parameters, rng, config.duration_s, config.rate_hz, config.n_targets
    )
    weights = superspike.initial(parameters, rng)
    generator = torch.Generator().manual_seed(int(of_feedback.integers(2**63)))
    sizes = config.n_out, config.n_hidden
    back = Feedback(config.feedback, *sizes, config.feedback_scale, generator)
    training = superspike.SuperSpikeTraining(
        config.presentations, config.learning_rate, config.gamma, config.rho
    )
    superspike.present(parameters, weights, pattern)  # compiles
    with measured() as cost:
        learned, history = superspike.learn(
            parameters, weights, pattern, back, training, context.progress
        )
    answer = superspike.present(parameters, learned, pattern)
    end = history.loss[-LAST:].mean()
    return Outcome(
        metrics={
            "loss_start": float(history.loss[0]),
            "loss_end": float(end),
            "loss_ratio": float(end / history.loss[0]),
            "hidden_rate_hz": float(history.spikes[-1, 0] / config.n_hidden / config.duration_s),
            "output_spikes": float(history.spikes[-1, 1]),
            "train_seconds": cost.seconds,
            "train_cpu_seconds": cost.cpu_seconds,
        },
        arrays={
            "loss": history.loss,
            "angle_deg": history.angle_deg,
            "wanted": _times(pattern.targets, parameters.dt_s),
            "answered": _times(answer.output.spikes, parameters.dt_s),
        },
    )


def _times(spikes: np.ndarray, dt_s: float) -> np.ndarray:
    """Return the time in seconds and the unit of each spike, ``[E, 2]``."""
    return np.argwhere(spikes) * (dt_s, 1)


Patterns = Mapping[str, Mapping[str, Sequence[Record]]]
"""Records by task and by way back."""


def found(records: Sequence[Record]) -> Patterns:
    """Return the records of patterns; of each way those with the settings most have."""
    patterns: dict[str, dict[str, Sequence[Record]]] = {
        name: {
            way: members
            for way in WAYS
            if (members := [r for r in _usual(records, name) if r.trial.config["feedback"] == way])
        }
        for name in TASKS
    }
    return {name: ways for name, ways in patterns.items() if ways}


def _usual(records: Sequence[Record], name: str) -> list[Record]:
    own = [record for record in records if record.trial.subject == name]
    if not own:
        return []
    usual = one_setting.usual([record.trial.config for record in own])
    return [
        r
        for r in own
        if one_setting.alike(r.trial.config, {**usual, "feedback": r.trial.config["feedback"]})
    ]


def ratios(patterns: Patterns, name: str, way: str) -> dict[int, float]:
    """Return the last loss against the first, by seed."""
    members = patterns.get(name, {}).get(way, ())
    return {record.trial.seed: record.metrics["loss_ratio"] for record in members}


def of_patterns(patterns: Patterns) -> list[Record]:
    """Return all records that are shown."""
    return [r for ways in patterns.values() for members in ways.values() for r in members]


def figures(patterns: Patterns) -> tuple[Figure, ...]:
    """Return the loss over presentations, and what outputs answer in the end."""
    return (_learning(patterns), *_answers(patterns))


def _learning(patterns: Patterns) -> Figure:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(7.6, 3.2), layout="constrained")
    axes = drawing.subplots(1, len(patterns), squeeze=False, sharey=True)[0]
    for ax, (name, ways) in zip(axes, patterns.items(), strict=True):
        for colour, (way, members) in zip(COLOURS, ways.items(), strict=False):
            _draw_loss(ax, members, color=colour, label=way)
        ax.axhline(100 * DONE, color="grey", lw=0.8, ls="--")
        ax.set_yscale("log")
        label_axes(ax, f"presentations · {NAMES[name]}", "loss / % of start")
    return Figure(
        "feedback-patterns",
        drawing,
        "Van Rossum distance from the wanted spikes over presentations of the pattern, by the way "
        "back of errors: mean over seeds, of blocks of presentations. The dashed line is the loss "
        "at which a pattern counts as learned.",
        "Panels of loss against presentations, a line a way back, with a line at a quarter.",
        basis(of_patterns(patterns)),
    )


def _draw_loss(ax: Axes, members: Sequence[Record], **line: Any) -> None:
    losses = np.mean([r.arrays["loss"] / r.metrics["loss_start"] for r in members], axis=0)
    blocks = np.array_split(losses, min(BLOCKS, len(losses)))
    ends = np.cumsum([len(block) for block in blocks])
    ax.plot(ends, [100 * block.mean() for block in blocks], lw=1.4, **line)


def _answers(patterns: Patterns) -> tuple[Figure, ...]:
    from matplotlib.figure import Figure as Drawing

    ways = {way: members[0] for way, members in patterns.get(HARD, {}).items()}
    if not ways:
        return ()
    drawing = Drawing(figsize=(7.6, 3.0), layout="constrained")
    axes = drawing.subplots(1, len(ways), squeeze=False, sharey=True)[0]
    for ax, (way, record) in zip(axes, ways.items(), strict=True):
        for name, mark in (("wanted", "o"), ("answered", "|")):
            time_s, unit = record.arrays[name].T
            look = {"mfc": "none", "ms": 5} if name == "wanted" else {"ms": 6}
            ax.plot(1e3 * time_s, unit, mark, color=COLOURS[name == "answered"], **look)
        ax.set_title(way, fontsize=9)
        ax.yaxis.get_major_locator().set_params(integer=True)
        label_axes(ax, "time / ms", "output" if ax is axes[0] else "")
    return (
        Figure(
            "feedback-answers",
            drawing,
            "What the outputs answer to the hard pattern behind training, in the first seed: "
            "circles are wanted spikes, strokes are spikes.",
            "Panels of output spikes over time, a panel a way back, over the wanted ones.",
            basis(list(ways.values())),
        ),
    )


def table(patterns: Patterns) -> Table:
    """Return a row a way back on each pattern."""
    return Table(
        "Patterns of spikes by the way back of errors. Loss behind training as a share of the loss "
        "before it; firing rate of hidden neurons and spikes of all outputs in the last "
        "presentation.",
        ("pattern", "feedback", "loss / % of start", "hidden rate / Hz", "output spikes", "CPU s"),
        tuple(
            (
                NAMES[name],
                way,
                _percent(members),
                f"{mean_of(members, 'hidden_rate_hz'):.1f}",
                f"{mean_of(members, 'output_spikes'):.1f}",
                f"{mean_of(members, 'train_cpu_seconds'):.2f}",
            )
            for name, ways in patterns.items()
            for way, members in ways.items()
        ),
        basis(of_patterns(patterns), interval=INTERVAL),
    )


def _percent(members: Sequence[Record]) -> str:
    values = [record.metrics["loss_ratio"] for record in members]
    return cell(mean_interval(values, (0, float("inf"))), 100)


def findings(patterns: Patterns) -> list[str]:
    """Return where the loss ends, and whether random feedback does better than none."""
    told = [
        f"{NAMES[name]}: {TOLD[way]} the loss ends at {_percent(members)} % of its start."
        for name, ways in patterns.items()
        for way, members in ways.items()
    ]
    for name, ways in patterns.items():
        found = difference(ways.get("none", ()), ways.get("random", ()), "loss_ratio")
        if found:
            told.append(
                f"{NAMES[name]}: control, without feedback the loss ends higher than with random "
                f"feedback by {cell(found.interval, 100)} ({found.strength}) points of its start."
            )
    return told
