"""Filters that rebuild their input: what an autoencoder of spikes learns, and what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from study.analysis import one_setting
from study.analysis.artefacts import draw_reconstructions, draw_tiles
from study.analysis.basis import basis
from study.analysis.comparison import RULE, Strength, difference
from study.analysis.figures import COLOURS, draw_interval, legend_above
from study.analysis.replicates import cell, interval_of, mean_of, percent
from study.analysis.section import Figure, Section, Table, figure_name
from study.analysis.stats import INTERVAL
from study.data.reference import DatasetRef
from study.learners import panda_roy_config
from study.learning.artefacts import Reconstructions, curve, filters
from study.request import Request
from study.trials.trial import Record, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Filters that rebuild their input"
ORDER = 33
SWEEP = True  # too many configurations for the opening table
LEARNER = "panda-roy"
LABELS = 10_000  # that the read-out of each variant gets, where there are so many
FILTERS_SHOWN, COLUMNS = 40, 10

Networks = Mapping[Any, Sequence[Record]]
Sweep = one_setting.Sweep[Any]  # of several settings, none of which is named

BASE, HEAD = "rebuilding filters", "trained head"
RANDOM, DISPLACED = "random filters", "weights displaced"
MATCHED = "random filters, as many spikes"
RANDOM_HEAD, LABELLED = "random filters, trained head", "labels shuffled"
CONTRASTS, PIXELS, TWO = "contrasts alone", "pixels alone", "two layers"
VARIANTS: dict[str, Mapping[str, Any]] = {
    BASE: {},
    RANDOM: {"filters": "random"},
    MATCHED: {"filters": "matched"},
    DISPLACED: {"filters": "displaced"},
    LABELLED: {"labels": "shuffled"},
    CONTRASTS: {"features": "contrast"},
    PIXELS: {"features": "pixels"},
    HEAD: {"readout": "head"},
    RANDOM_HEAD: {"readout": "head", "filters": "random"},
    TWO: panda_roy_config.TWO_LAYERS,
}
FOLLOWED = (BASE, RANDOM, DISPLACED)  # whose error is drawn
COMPARED = (RANDOM, MATCHED, DISPLACED, CONTRASTS, PIXELS, HEAD, RANDOM_HEAD, TWO)


def trials(request: Request) -> list[Trial]:
    """Return each variant, whose read-out gets `LABELS` labels; see `Request.varied_trials`."""

    def base(dataset: DatasetRef) -> panda_roy_config.PandaRoyConfig:
        preset = panda_roy_config.preset(request.profile, dataset.name)
        return replace(preset, label_samples=LABELS)

    return request.varied_trials(LEARNER, lambda _dataset: VARIANTS.values(), base)


def section(records: list[Record]) -> Section:
    """Return filters, what they rebuild, and accuracy with them and with each control."""
    every = one_setting.named(records, VARIANTS, BASE)
    sets = {name: sweep for name, sweep in every.items() if len(sweep.networks) > 1}
    findings = {name: _findings(name, sweep.networks) for name, sweep in sets.items()}
    return Section(
        name="rebuilding",
        title=TITLE,
        question="What do spiking maps learn that are to rebuild what they read, and what are "
        "their filters worth to a classifier beside random ones that spike as often?",
        method="Contrasts of an image spike the more often the stronger they are. A hidden neuron "
        "counts the spikes of its window through its weights and then spikes itself; the two most "
        "driven maps of a place inhibit the others. Its spikes take from the potentials of the "
        "window, through the same weights, what they say of it: what is left is the error, and "
        "weights change by it times the hidden spikes. No label is used. Summed spikes of small "
        "windows are then read by a linear read-out, its penalty chosen on validation samples, or "
        "by a hidden layer of spiking neurons that is trained, its epoch chosen on these, with up "
        f"to {LABELS:,} labels; test samples are read once. Controls: random filters, and learned "
        "ones with the weights of each in random places, both with biases by which maps spike as "
        "often as is their target; random ones driven until they spike as often in images as those "
        "that learned; labels shuffled; a read-out of contrasts and of pixels. In two "
        "layers the second rebuilds pooled spikes of the first. " + RULE,
        equations=(
            'h_k = "clip"(floor((sum_i w_(k i) g n_i - b_k) / theta), 0, T)',
            "Delta w_(k i) = eta theta h_k (g n_i - theta sum_j w_(j i) h_j)",
        ),
        figures=tuple(
            figure for sweep in sets.values() for figure in (_rebuilt(sweep), _accuracies(sweep))
        ),
        tables=(_table(sets),) if sets else (),
        findings=tuple(sentence for told in findings.values() for sentence in told),
        lead=tuple(told[0] for told in findings.values()),
        caveats=tuple(_caveats(records, sets)),
        deviations=(
            "Neurons wait for the end of their input before they spike, and the gradient goes "
            "through the decoder alone; one layer of maps, where the paper has two.",
        ),
        references=("panda2016",),
    )


def _rebuilt(sweep: Sweep) -> Figure:
    """Return filters, and images with what learned and random filters make of them."""
    from matplotlib.figure import Figure as Drawing

    first = sweep.networks[BASE][0]
    drawing = Drawing(figsize=(7.6, 3.4), layout="constrained")
    left, *right = drawing.subplots(1, 3)
    shown = filters(first.arrays)
    if shown is not None:
        largest = float(np.abs(shown.images).max())
        images = shown.images[:FILTERS_SHOWN]
        draw_tiles(left, images, COLUMNS // 2, cmap="RdBu_r", vmin=-largest, vmax=largest)
    left.set_title("filters", fontsize=8)
    panels = [name for name in (BASE, RANDOM) if name in sweep.networks]
    for ax, variant in zip(right, panels, strict=False):
        arrays = sweep.networks[variant][0].arrays
        draw_reconstructions(ax, Reconstructions(arrays["originals"], arrays["rebuilt"]))
        ax.set_title(variant, fontsize=8)
    for ax in right:
        ax.set_axis_off()
    return Figure(
        figure_name("rebuilding", "filters", sweep.dataset),
        drawing,
        f"{sweep.dataset}: filters, weights of bright centres (red) less those of dark ones "
        "(blue), and validation images as spikes of bright less those of dark centres, each above "
        "what hidden spikes tell of it.",
        "A panel of small filters with red and blue parts, and two of grey images in two rows.",
        basis([sweep.networks[variant][0] for variant in panels]),
    )


def _accuracies(sweep: Sweep) -> Figure:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(7.6, 3.8), layout="constrained")
    learning, answering = drawing.subplots(1, 2, width_ratios=[2, 3])
    for colour, variant in zip(COLOURS, FOLLOWED, strict=False):
        if variant in sweep.networks:
            _draw_errors(learning, sweep.networks[variant], color=colour, label=variant)
    learning.axhline(1, color="0.6", lw=0.8, ls=":")
    learning.set(xlabel="windows shown", ylabel="error / error of the mean window")
    legend_above(drawing, learning)
    _draw_accuracies(answering, sweep.networks)
    return Figure(
        figure_name("rebuilding", "accuracies", sweep.dataset),
        drawing,
        f"{sweep.dataset}: error of the first layer by the number of windows shown, for each seed "
        "(left; at the dotted line nothing but the mean window is told), and test accuracy with "
        "what was learned and with each control (right).",
        "Left a falling line and lines that stay high, right a row of accuracy for each variant.",
        basis(sweep.records, interval=INTERVAL),
    )


def _draw_errors(ax: Axes, members: Sequence[Record], **line: Any) -> None:
    for record in members:
        if (found := curve(record.arrays)) is not None:
            ax.plot(found.seen, found.loss, lw=1.2, **line)
            line.pop("label", None)


def _draw_accuracies(ax: Axes, networks: Networks) -> None:
    found = {name: interval_of(members, "test_accuracy") for name, members in networks.items()}
    ax.set_xlim(0, 100)
    for row, (name, interval) in enumerate(found.items()):
        if interval is not None:
            percents = type(interval)(*(100 * value for value in interval))
            colour = COLOURS[0] if name in (BASE, HEAD) else "0.3"
            draw_interval(ax, percents, row, fmt="o", ms=4, capsize=2, color=colour)
    ax.set_yticks(range(len(found)), list(found))
    ax.set_ylim(len(found) - 0.5, -0.5)
    ax.set_xlabel("test accuracy / %")
    ax.grid(axis="x", alpha=0.3)


def _table(sets: Mapping[str, Sweep]) -> Table:
    columns = (
        ("test accuracy / %", "test_accuracy", 100),
        ("error of images", "rebuilding_error", 1),
        ("error of windows", "window_error_1", 1),
        ("input spikes", "spikes_input_per_sample", 1),
        ("spikes of maps", "spikes_maps 1_per_sample", 1),
        ("SynOps", "synops_per_sample", 1),
        ("MACs", "macs_per_sample", 1),
        ("training / s", "train_seconds", 1),
    )
    return one_setting.named_table(
        "Filters that rebuild their input, and controls. Errors of the first layer as shares of "
        "those of the mean; spikes, SynOps and multiply-accumulates of an answer.",
        "variant",
        tuple(sets.values()),
        columns,
    )


def _findings(name: str, networks: Networks) -> list[str]:
    base = networks[BASE]
    told = [
        f"{name}: with filters that learned to rebuild their input, without labels, a linear "
        f"read-out reaches {percent(base)} % of test samples, with {_spikes(base):,.0f} spikes of "
        "maps a sample."
    ]
    told += [_beside(name, variant, networks) for variant in COMPARED if variant in networks]
    if RANDOM in networks:
        learned, random = (mean_of(networks[each], "rebuilding_error") for each in (BASE, RANDOM))
        told.append(
            f"{name}: what is rebuilt leaves {learned:.2f} of the variance of images, with random "
            f"filters {random:.2f}."
        )
    if LABELLED in networks:
        told.append(_labels(name, base, networks[LABELLED]))
    return told


def _spikes(members: Sequence[Record]) -> float:
    """Return the mean spikes of all maps."""
    layers = [name for name in members[0].metrics if name.startswith("spikes_maps")]
    return sum(mean_of(members, layer) for layer in layers)


def _beside(name: str, variant: str, networks: Networks) -> str:
    """Return a variant's accuracy, its spikes where it has maps, and how sure the difference is."""
    members = networks[variant]
    told = f"{name}: {variant}: {percent(members)} %"
    if members[0].metrics.get("spikes_maps 1_per_sample") is not None:
        told += f", with {_spikes(members):,.0f} spikes of maps"
    others = sum(each in networks for each in COMPARED)
    found = difference(networks[BASE], members, "test_accuracy", others)
    if found is None or found.strength is Strength.FEW:
        return f"{told}."
    return (
        f"{told}; rebuilding filters less this {cell(found.interval, 100)} points: "
        f"{found.strength}."
    )


def _labels(name: str, base: Sequence[Record], shuffled: Sequence[Record]) -> str:
    """Return what is left with wrong labels, and in how many seeds the filters are the same."""
    given = {record.trial.seed: record.arrays["weights_1"] for record in base}
    both = [record for record in shuffled if record.trial.seed in given]
    same = sum(
        np.array_equal(record.arrays["weights_1"], given[record.trial.seed]) for record in both
    )
    return (
        f"{name}: control, {LABELLED}: {percent(shuffled)} %; filters equal those of the right "
        f"labels bit for bit in {same} of {len(both)} seeds."
    )


def _caveats(records: Sequence[Record], sets: Mapping[str, Sweep]) -> list[str]:
    told = [
        "Random filters share contrasts, competition between maps, and biases that make each map "
        "spike as often as the others: what they reach is what these are worth without learning.",
        "Biases bring maps to the same share of windows; of whole images random filters may spike "
        "less often than those that learned.",
    ]
    return [*told, *one_setting.caveats(records, sets.values())]
