"""Diehl & Cook: what STDP, homeostasis and inhibition learn without labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from study.learners.diehl_cook import SIDE
from study.report.basis import basis, engine_notes
from study.report.replicates import Replicates, cell, interval_of, replicates
from study.report.section import Figure, Section, Table, figure_name
from study.request import Request
from study.trial import Record, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Learning without labels: STDP"
ORDER = 30
SHOWN = 100  # receptive fields drawn
TILE = SIDE + 2  # pixels a receptive field takes, with the gap to the next
WINDOW = 25  # presentations over which the history is averaged

RULES = {
    "power": 'Delta w_"post" = eta_"post" (x - x_"tar") (w_"max" - w)^mu',
    "triplet": 'Delta w_"pre" = -eta_"pre" y_1, quad Delta w_"post" = eta_"post" x y_2',
}
DEVIATIONS = (
    "The rule of the paper's headline result, a power law of the weight, stands in no published "
    "code; its trace target and exponent are constants that the code declares and does not use. "
    "The code's triplet rule with nearest-spike traces is the setting rule=triplet.",
    "As in the published code and not in the paper, input spikes arrive after 0 to 10 ms and a "
    "neuron cannot fire within 50 ms of its last spike, besides 5 ms of refractoriness.",
    "Neurons are labelled by their responses to training samples only; the published code's "
    "evaluation offers the test set for that.",
    "With learning off, every sample starts with the network at rest; the published code carries "
    "over what 150 ms of silence leave. Weights are normalised once more when training ends.",
    "A sample with fewer than five spikes is shown again with 32 Hz more at most nine times; the "
    "published code has no limit.",
    "BindsNET's DiehlAndCook2015 is another model: a time step of 1 ms, other weights and "
    "potentials, a rule without triplets, no delays. Its accuracies are not comparable.",
)


def trials(request: Request) -> list[Trial]:
    """Return the network on ``digits``, or on the user's images."""
    return request.learning_trials(["diehl-cook"], ["digits"])


def section(records: list[Record]) -> Section:
    """Return receptive fields, confusions, the history of learning and a table of all seeds."""
    groups = replicates(records)
    first = {group.dataset: group for group in reversed(groups)}
    figures = [
        figure
        for group in first.values()
        for figure in (_fields(group[0]), _confusion(group), *_history(group), *_progress(group))
    ]
    return Section(
        name="unsupervised",
        title=TITLE,
        question="What do neurons learn from images by spike-timing-dependent plasticity alone, "
        "and how well can classes be read off afterwards?",
        method="Pixels are Poisson inputs, connected to all excitatory neurons by plastic "
        "synapses. Each neuron excites an inhibitory partner that inhibits all others, so that "
        "few win; each spike raises the threshold of its neuron, so that all get to win. Images "
        f"are brought to {SIDE}x{SIDE} pixels, for which the published constants hold. A sample "
        "is shown for 350 ms and followed by 150 ms of silence, unless set otherwise. Labels are "
        "used only after learning: a neuron gets the class of training samples to which it "
        "responds most on average, and a sample the class whose neurons fire most on average.",
        equations=(
            "tau_m (dif V) / (dif t) = (E_r - V) + g_e (E_e - V) + g_i (E_i - V)",
            *(RULES[rule] for rule in sorted({group[0].trial.config["rule"] for group in groups})),
        ),
        figures=tuple(figures),
        tables=(_table(groups),) if groups else (),
        findings=tuple(_finding(group) for group in groups),
        caveats=(
            "Digits of 8x8 pixels prove that the network learns, not how well it does: k-means "
            "and linear classifiers do better on them. MNIST is the published test.",
            *_settings_caveats(groups),
            "Spikes and operations are those of inference, repeated presentations included.",
        ),
        deviations=DEVIATIONS,
    )


def _table(groups: Sequence[Replicates]) -> Table:
    rows = [
        (
            record.trial.dataset_name,
            str(record.trial.config["n_exc"]),
            f"{record.trial.config['presentations']:,}",
            str(record.trial.seed),
            *(f"{100 * record.metrics[f'{part}_accuracy']:.1f}" for part in ("train", "test")),
            f"{record.metrics['spikes_input_per_sample']:,.0f}",
            f"{record.metrics['spikes_excitatory_per_sample']:.1f}",
            f"{record.metrics['synops_per_sample']:,.0f}",
            str(record.metrics["silent_neurons"]),
            f"{record.metrics['train_seconds']:.0f}",
            record.metrics["engine"],
        )
        for group in groups
        for record in group
    ]
    return Table(
        "The STDP network, seed by seed.",
        (
            "data set",
            "neurons",
            "samples shown",
            "seed",
            "training accuracy / %",
            "test accuracy / %",
            "input spikes",
            "excitatory spikes",
            "SynOps",
            "silent neurons",
            "training / s",
            "engine",
        ),
        tuple(rows),
        basis([record for group in groups for record in group]),
    )


def _finding(group: Replicates) -> str:
    confusion = _confusions(group)
    off_diagonal = confusion - np.diag(np.diag(confusion))
    true, taken = np.unravel_index(off_diagonal.argmax(), confusion.shape)
    return (
        f"{group.dataset}, {group[0].trial.config['n_exc']} neurons: "
        f"{cell(interval_of(group, 'test_accuracy'), 100)} % of test samples are right after "
        f"{group[0].trial.config['presentations']:,} presented samples (chance "
        f"{100 / group[0].metrics['n_classes']:.0f} %), with "
        f"{cell(interval_of(group, 'spikes_excitatory_per_sample'))} excitatory spikes a sample; "
        f"the most frequent mistake is class {true} taken for {taken} "
        f"({100 * off_diagonal[true, taken] / confusion[true].sum():.0f} % of class {true})."
    )


def _settings_caveats(groups: Sequence[Replicates]) -> list[str]:
    """Return what differs from the published learning rates and what ran without a compiler."""
    from study.learners.diehl_cook import DiehlCookConfig

    published, caveats = DiehlCookConfig(), []
    for config in {group[0].trial.config_id: group[0].trial.config for group in groups}.values():
        changed = [
            f"{name} = {config[name]:g} (published: {getattr(published, name):g})"
            for name in ("rate_pre", "rate_post", "theta_plus_v", "dt_s", "max_rate_hz")
            if config[name] != getattr(published, name)
        ]
        if changed:
            caveats.append(
                f"Settings for {config['presentations']:,} presentations: {', '.join(changed)}."
            )
    told = engine_notes(record for group in groups for record in group)
    return list(dict.fromkeys(caveats)) + told


def _fields(record: Record) -> Figure:
    """Return the input weights of each neuron as an image, sorted by class."""
    from matplotlib.figure import Figure as Drawing

    arrays = record.arrays
    classes = arrays["assignments"]
    order = np.argsort(classes, kind="stable")[:: max(1, len(classes) // SHOWN)][:SHOWN]
    columns = math.ceil(math.sqrt(len(order)))
    drawing = Drawing(figsize=(6.4, 6.0), layout="constrained")
    ax = drawing.subplots()
    # One image for all fields: a hundred axes would take seconds to lay out.
    image = ax.imshow(_tiles(arrays["weights"][:, order], columns), cmap="magma", vmin=0)
    for place, neuron in enumerate(order):
        row, column = divmod(place, columns)
        label = str(classes[neuron]) if classes[neuron] >= 0 else "–"
        ax.text(
            column * TILE + 1, row * TILE + 1, label, color="white", fontsize=6, va="top", ha="left"
        )
    ax.set_axis_off()
    drawing.colorbar(image, shrink=0.6, label="synaptic weight / leak conductance")
    return Figure(
        figure_name("unsupervised", "fields", record.trial.dataset_name),
        drawing,
        "Receptive fields: the learned input weights of each neuron, marked with the class that it "
        "was assigned and sorted by it; – marks neurons that never fired.",
        f"Grid of {len(order)} images, one a neuron, showing its input weights; most look like "
        "a blurred sample of the assigned class.",
        basis([record], f"{len(order)} neurons"),
    )


def _tiles(fields: np.ndarray, columns: int) -> np.ndarray:
    """Return fields ``[n_in, K]`` as one image of tiles, NaN between them and where none is."""
    rows = math.ceil(fields.shape[1] / columns)
    tiles = np.full((rows * columns, TILE, TILE), np.nan)
    tiles[: fields.shape[1], :SIDE, :SIDE] = fields.T.reshape(-1, SIDE, SIDE)
    grid = tiles.reshape(rows, columns, TILE, TILE).swapaxes(1, 2)
    return grid.reshape(rows * TILE, columns * TILE)


def _confusions(group: Sequence[Record]) -> np.ndarray:
    """Return how often each class (row) was taken for each (column), over all seeds."""
    n_classes = group[0].metrics["n_classes"]
    confusion = np.zeros((n_classes, n_classes), dtype=np.int64)
    for record in group:
        arrays = record.arrays
        np.add.at(confusion, (arrays["test_labels"], arrays["test_predictions"]), 1)
    return confusion


def _confusion(group: Replicates) -> Figure:
    from matplotlib.figure import Figure as Drawing

    confusion = _confusions(group)
    share = 100 * confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    drawing = Drawing(figsize=(4.8, 4.2), layout="constrained")
    ax = drawing.subplots()
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=100)
    for row, column in np.argwhere(share >= 1):
        value = share[row, column]
        colour = "white" if value > 60 else "black"
        ax.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=7, color=colour)
    classes = range(len(confusion))
    ax.set(xlabel="predicted class", ylabel="true class", xticks=classes, yticks=classes)
    drawing.colorbar(image, label="share of the true class / %")
    return Figure(
        figure_name("unsupervised", "confusion", group.dataset),
        drawing,
        "What test samples of each class are taken for, summed over seeds; shares below 1 % are "
        "left blank.",
        "Confusion matrix with true classes as rows and predicted classes as columns, in percent "
        "of the true class.",
        basis(group, f"{group[0].metrics['n_test']} test samples a seed"),
    )


def _history(group: Replicates) -> list[Figure]:
    from matplotlib.figure import Figure as Drawing

    if not len(group[0].arrays["history_spikes"]):
        return []
    drawing = Drawing(figsize=(7.2, 2.6), layout="constrained")
    panels = drawing.subplots(1, 3)
    for record in group:
        arrays, label = record.arrays, f"seed {record.trial.seed}"
        _smoothed(panels[0], arrays["history_spikes"], label)
        _smoothed(panels[1], 1e3 * arrays["history_theta_v"], label)
        _smoothed(panels[2], arrays["history_presentations"], label)
    labels = ("excitatory spikes per sample", "mean θ / mV", "presentations per sample")
    for ax, label in zip(panels, labels, strict=True):
        ax.set(xlabel="training samples shown", ylabel=label)
        ax.grid(alpha=0.3)
    panels[2].set_ylim(bottom=0)
    panels[0].legend(fontsize=7)
    figure = Figure(
        figure_name("unsupervised", "history", group.dataset),
        drawing,
        f"Learning, in means over {WINDOW} samples: every spike raises a threshold, so that spikes "
        "become fewer; samples that evoke fewer than five are shown again.",
        "Three panels against the number of training samples shown: excitatory spikes per "
        "sample, mean adaptive threshold in millivolts, presentations per sample; one line a "
        "seed.",
        basis(group),
    )
    return [figure]


def _progress(group: Replicates) -> list[Figure]:
    """Return accuracy on validation samples against training samples seen, where it was noted."""
    from matplotlib.figure import Figure as Drawing

    if not len(group[0].arrays["history_seen"]):
        return []
    drawing = Drawing(figsize=(4.8, 3.0), layout="constrained")
    ax = drawing.subplots()
    for record in group:
        arrays = record.arrays
        ax.plot(
            arrays["history_seen"],
            100 * arrays["history_accuracy"],
            marker="o",
            ms=3,
            lw=1,
            label=f"seed {record.trial.seed}",
        )
    ax.set(xlabel="training samples seen", ylabel="validation accuracy / %")
    ax.grid(alpha=0.3)
    ax.legend(fontsize=7)
    figure = Figure(
        figure_name("unsupervised", "progress", group.dataset),
        drawing,
        "Accuracy on validation samples while the network learns; learning is frozen and neurons "
        "are named anew for each point.",
        "Validation accuracy in percent against the number of training samples seen, one line a "
        "seed.",
        basis(group),
    )
    return [figure]


def _smoothed(ax: Axes, values: np.ndarray, label: str) -> None:
    window = min(WINDOW, len(values))
    mean = np.convolve(values, np.full(window, 1 / window), mode="valid")
    ax.plot(np.arange(window, len(values) + 1), mean, lw=1, label=label)
