"""Diehl & Cook: what STDP, homeostasis and inhibition learn without labels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from itertools import cycle

import numpy as np

from study.analysis import votes
from study.analysis.basis import basis, engine_notes
from study.analysis.figures import COLOURS, heat_map, label_axes
from study.analysis.replicates import Replicates, by_dataset, cell, interval_of, percent, replicates
from study.analysis.section import Figure, Section, Table, figure_name
from study.experiments.unsupervised import budget, fields, parts, plan, published
from study.learners.diehl_cook import HISTORY_BLOCK, HISTORY_VALIDATION, SIDE
from study.learners.diehl_cook_config import NETWORKS, DiehlCookConfig
from study.learning.artefacts import curve
from study.request import Request
from study.trials.trial import Record, Trial

TITLE = "Learning without labels: STDP"
ORDER = 30

RULES = {
    "power": 'Delta w_"post" = eta_"post" (x - x_"tar") (w_"max" - w)^mu',
    "triplet": 'Delta w_"pre" = -eta_"pre" y_1, quad Delta w_"post" = eta_"post" x y_2',
}
DEVIATIONS = (
    "The rule of the paper's headline result, a power law of the weight, stands in no published "
    "code; its trace target and exponent are constants that the code declares and does not use. "
    "The code's triplet rule with nearest-spike traces is followed; the paper's is the setting "
    "network=paper.",
    "As in the published code, a neuron cannot fire within 5 ms of its last spike and its membrane "
    "is free to move meanwhile. Ports of that code to Brian2 lock a neuron out for 50 ms, by a "
    "timer that held no neuron back in the simulator it was written for, and clamp the membrane: "
    "the setting network=brian2_ports.",
    "Input spikes arrive at once, as in the paper; in the published code (network=published_code) "
    "they take up to 10 ms.",
    "Neurons are labelled by their responses to training samples only; the published code's "
    "evaluation offers the test set for that.",
    "With learning off, every sample starts with the network at rest; the published code carries "
    "over what 150 ms of silence leave. Weights are normalised once more when training ends.",
    "Increment times decay of thresholds is in proportion to the number of neurons, unless set "
    "otherwise: that keeps the number of spikes that thresholds allow. The published code has one "
    "increment and one decay, with which 100 neurons are allowed fewer than the five spikes "
    "without which an image is shown again.",
    "A sample with fewer than five spikes is shown again with 32 Hz more at most nine times; the "
    "published code has no limit.",
    "BindsNET's DiehlAndCook2015 is another model: a time step of 1 ms, other weights and "
    "potentials, a rule without triplets, no delays. Its accuracies are not comparable.",
    "A membrane that its conductances would carry past their equilibrium within a step stops "
    "there. By forward Euler alone, as in the published code, membranes diverge where two dozen "
    "neurons fire in one step; in a network of 1,600 all neurons then fire together, again and "
    "again, until their thresholds silence them.",
)


READ = "train_accuracy", votes.TEST


def trials(request: Request) -> list[Trial]:
    """Return networks of several sizes on images, and one with parts taken away."""
    return plan.trials(request)


def section(records: list[Record]) -> Section:
    """Return accuracies beside published ones, what parts are for, fields, and learning."""
    groups = replicates(records)
    whole = published.longest(groups) or groups
    family = parts.family(records)
    sets = by_dataset(sorted(whole, key=lambda group: group[0].trial.config["n_exc"]))
    figures = [
        figure
        for members in sets.values()
        for figure in (*_progress(members), fields.of_one(members[-1][0]), _confusion(members[-1]))
    ]
    figures += [parts.figure(family)] if family else []
    figures += [figure for members in sets.values() for figure in _history(members[0])]
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
        tables=(
            *published.beside(groups),
            *budget.tables(published.longest(groups)),
            *([parts.table(family)] if family else []),
            *([_table(groups)] if groups else []),
        ),
        findings=(
            *map(_finding, whole),
            *budget.findings(published.longest(groups)),
            *([parts.finding(family)] if family else []),
        ),
        caveats=(
            *_small(sets),
            *_settings_caveats(whole),
            "A part of the training images is kept for validation: settings were chosen on it, and "
            "accuracy while learning is noted on it. The test set is read once, at the end.",
            "Spikes and operations are those of inference, repeated presentations included.",
        ),
        deviations=DEVIATIONS,
        references=("diehl2015",),
    )


def _small(dataset_names: Collection[str]) -> list[str]:
    if "digits" not in dataset_names:
        return []
    return [
        "Digits of 8x8 pixels prove that the network learns, not how well it does: k-means and "
        "linear classifiers do better on them. MNIST is the published test."
    ]


def _table(groups: Sequence[Replicates]) -> Table:
    rows = [
        (
            record.trial.dataset_name,
            str(record.trial.config["n_exc"]),
            plan.part_missing(record.trial.config),
            f"{record.trial.config['presentations']:,}",
            str(record.trial.seed),
            *(f"{100 * record.metrics[name]:.1f}" for name in (*READ, votes.SHARES)),
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
            "network",
            "samples shown",
            "seed",
            "training accuracy / %",
            "test accuracy / %",
            "vote by shares / %",
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
        f"{group.dataset}, {published.network(group)}: "
        f"{percent(group)} % of test samples are right after "
        f"{group[0].trial.config['presentations']:,} presented samples (chance "
        f"{100 / group[0].metrics['n_classes']:.0f} %), by the vote of shares "
        f"{percent(group, 'by_shares_accuracy')} %, with "
        f"{cell(interval_of(group, 'spikes_excitatory_per_sample'))} excitatory spikes a sample; "
        f"the most frequent mistake is class {true} taken for {taken} "
        f"({100 * off_diagonal[true, taken] / confusion[true].sum():.0f} % of class {true})."
        + votes.warning(group, votes.TEST)
    )


def _settings_caveats(groups: Sequence[Replicates]) -> list[str]:
    """Return what differs from the published learning rates and what ran without a compiler."""
    code, caveats = {**asdict(DiehlCookConfig()), **NETWORKS["published_code"]}, []
    for config in {group[0].trial.config_id: group[0].trial.config for group in groups}.values():
        changed = [
            f"{name} = {config[name]:g} (published: {code[name]:g})"
            for name in (
                "rate_pre",
                "rate_post",
                "theta_plus_v",
                "tau_theta_s",
                "dt_s",
                "max_rate_hz",
            )
            if config[name] != code[name]
        ]
        if changed:
            caveats.append(
                f"Settings for {config['presentations']:,} presentations: {', '.join(changed)}."
            )
    told = engine_notes(record for group in groups for record in group)
    return list(dict.fromkeys(caveats)) + told


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
    told = np.array([[f"{value:.0f}" if value >= 1 else "" for value in row] for row in share])
    heat_map(ax, share, told, cmap="Blues", vmin=0, vmax=100, square=True,
             cbar_kws={"label": "share of the true class / %"})  # fmt: skip
    ax.set(xlabel="predicted class", ylabel="true class")
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
        curves = (
            arrays["history_spikes"],
            1e3 * arrays["history_theta_v"],
            arrays["history_presentations"],
        )
        for ax, values in zip(panels, curves, strict=True):
            ax.plot(arrays["history_shown"], values, lw=1, label=label)
    labels = ("excitatory spikes per sample", "mean θ / mV", "presentations per sample")
    for ax, label in zip(panels, labels, strict=True):
        ax.set(xlabel="training samples shown", ylabel=label)
        ax.grid(alpha=0.3)
    panels[2].set_ylim(bottom=0)
    panels[0].legend(fontsize=7)
    figure = Figure(
        figure_name("unsupervised", "history", group.dataset),
        drawing,
        f"Learning, in means over {HISTORY_BLOCK} samples: every spike raises a threshold, so that "
        "spikes become fewer; samples that evoke fewer than five are shown again.",
        "Three panels against the number of training samples shown: excitatory spikes per "
        "sample, mean adaptive threshold in millivolts, presentations per sample; one line a "
        "seed.",
        basis(group),
    )
    return [figure]


def _progress(groups: Sequence[Replicates]) -> list[Figure]:
    """Return accuracy on validation samples against training samples seen, where it was noted."""
    from matplotlib.figure import Figure as Drawing

    groups = [group for group in groups if curve(group[0].arrays)]
    if not groups:
        return []
    drawing = Drawing(figsize=(5.4, 3.4), layout="constrained")
    ax = drawing.subplots()
    for group, colour in zip(groups, cycle(COLOURS)):
        name: str | None = published.network(group)
        for record in group:
            if learned := curve(record.arrays):
                ax.plot(
                    learned.seen, 100 * learned.validation, ".-", color=colour, lw=1, label=name
                )
            name = None  # one entry in the legend for all seeds
    label_axes(ax, "training images seen", "validation accuracy / %")
    ax.grid(alpha=0.3)
    records = [record for group in groups for record in group]
    figure = Figure(
        figure_name("unsupervised", "progress", groups[0].dataset),
        drawing,
        "Accuracy on validation images while networks learn, one line a seed; learning is frozen "
        "and neurons are named anew for each point. It chooses nothing.",
        "Validation accuracy in percent against the number of training images seen, one line a "
        "seed, one colour a network.",
        basis(records, f"{_followed(records)} validation images a point"),
    )
    return [figure]


def _followed(records: Sequence[Record]) -> int:
    """Return how many validation images learning is followed on."""
    return min(HISTORY_VALIDATION, *(record.metrics["n_validation"] for record in records))
