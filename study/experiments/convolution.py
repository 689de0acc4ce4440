"""Filters from the order of spikes: what STDP finds in images, and what it is worth to a reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from study.analysis import one_setting
from study.analysis.artefacts import draw_tiles
from study.analysis.basis import basis
from study.analysis.comparison import RULE, Strength, difference
from study.analysis.figures import COLOURS, draw_interval, legend_above, panel_grid
from study.analysis.replicates import cell, interval_of, mean_of, percent
from study.analysis.section import Figure, Section, Table, figure_name
from study.analysis.stats import INTERVAL
from study.data.reference import DatasetRef
from study.learners import kheradpisheh_config
from study.learning.artefacts import curve, filters
from study.request import Request
from study.trials.trial import Record, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Filters from the order of spikes"
ORDER = 32
SWEEP = True  # too many configurations for the opening table
LEARNER = "kheradpisheh"
LABELS = 10_000  # that the read-out of each variant gets, where there are so many
MAPS = 70  # of one layer in larger profiles: without inhibition more would fill the memory
FILTERS_SHOWN, COLUMNS = 60, 12
CONVERGED = 0.01

Networks = Mapping[Any, Sequence[Record]]
Sweep = one_setting.Sweep[Any]  # of several settings, none of which is named

BASE, DISPLACED, MATCHED = "learned filters", "weights displaced", "displaced, as many spikes"
TIMES, LABELLED, FREE = "spike times shuffled", "labels shuffled", "no inhibition afterwards"
CONTRASTS, PIXELS = "contrasts alone", "pixels alone"
TWO, POTENTIALS = "two layers", "two layers, largest potentials"
VARIANTS: dict[str, Mapping[str, Any]] = {
    BASE: {},
    DISPLACED: {"filters": "displaced"},
    MATCHED: {"filters": "matched"},
    TIMES: {"times": "shuffled"},
    LABELLED: {"labels": "shuffled"},
    FREE: {"inhibits": False},
    CONTRASTS: {"features": "contrast"},
    PIXELS: {"features": "pixels"},
    TWO: kheradpisheh_config.TWO_LAYERS,
    POTENTIALS: {**kheradpisheh_config.TWO_LAYERS, "readout": "potentials"},
}
FOLLOWED = (BASE, TIMES, TWO)  # whose convergence is drawn
COMPARED = (DISPLACED, MATCHED, TIMES, FREE, CONTRASTS, PIXELS, TWO, POTENTIALS)


def trials(request: Request) -> list[Trial]:
    """Return each variant, whose read-out gets `LABELS` labels; see `Request.varied_trials`."""

    def base(dataset: DatasetRef) -> kheradpisheh_config.KheradpishehConfig:
        preset = kheradpisheh_config.preset(request.profile, dataset.name)
        maps = tuple(min(n, MAPS) for n in preset.maps)
        return replace(preset, maps=maps, label_samples=LABELS)

    return request.varied_trials(LEARNER, lambda _dataset: VARIANTS.values(), base)


def section(records: list[Record]) -> Section:
    """Return filters, how they converged, and accuracy with them and with each control."""
    every = one_setting.named(records, VARIANTS, BASE)
    sets = {name: sweep for name, sweep in every.items() if len(sweep.networks) > 1}
    findings = {name: _findings(name, sweep.networks) for name, sweep in sets.items()}
    return Section(
        name="convolution",
        title=TITLE,
        question="What does STDP learn from which contrasts spike first, and what are its filters "
        "worth beside the same weights in random places, and beside none?",
        method="Each contrast of an image spikes once, the strongest first. Maps of neurons share "
        "filters, spike once, and inhibit each other at a place; of those that spike first in an "
        "image a few learn: weights of inputs that came before grow, all others shrink. No label "
        "is used. A linear read-out is then trained on how early pooled maps spike, with up to "
        f"{LABELS:,} labels; its penalty is chosen on validation samples, and test samples are "
        "read once. Controls: the weights of each filter in random places, at the same threshold "
        "and at one that lets at least as many spikes pass; spike times shuffled among the "
        "contrasts of an image, for learning and for reading; labels shuffled; inhibition off once "
        "filters are learned; a read-out of the times of contrasts, and of pixels. Two layers are "
        "the paper's, read by times or, as in the paper, by the largest potential of each map. "
        + RULE,
        equations=(
            'Delta w = cases(a^+ w (1 - w) & "if" t_"in" <= t_"out", -a^- w (1 - w) & "else")',
            "C = 1 / n sum w (1 - w)",
        ),
        figures=tuple(
            figure for sweep in sets.values() for figure in (_filters(sweep), _accuracies(sweep))
        ),
        tables=(_table(sets),) if sets else (),
        findings=tuple(sentence for told in findings.values() for sentence in told),
        lead=tuple(told[0] for told in findings.values()),
        caveats=tuple(_caveats(records, sets)),
        deviations=(
            "One layer of more and larger maps than the paper's two, read by spike times; rates "
            "double now and then, so that filters converge in seconds.",
        ),
        references=("kheradpisheh2018", "mozafari2019"),
    )


def _filters(sweep: Sweep) -> Figure:
    """Return what STDP learned from spikes in their order, and from the same ones shuffled."""
    shown = {
        variant: found.images
        for variant in (BASE, TIMES)
        if variant in sweep.networks
        and (found := filters(sweep.networks[variant][0].arrays)) is not None
    }
    drawing, grid = panel_grid(len(shown), 1.8, columns=2)
    for ax, (variant, images) in zip(grid.flat, shown.items(), strict=False):
        draw_tiles(ax, images[:FILTERS_SHOWN], COLUMNS, cmap="RdBu_r", vmin=-1, vmax=1)
        ax.set_title(variant, fontsize=8)
    first = [sweep.networks[variant][0] for variant in shown]
    return Figure(
        figure_name("convolution", "filters", sweep.dataset),
        drawing,
        f"{sweep.dataset}: filters of the first maps, weights of bright centres (red) less those "
        "of dark ones (blue); left as learned, right from spikes whose times were shuffled.",
        "Two panels of small images, one a filter, with red and blue parts.",
        basis(first, f"{min(FILTERS_SHOWN, len(next(iter(shown.values()))))} filters each"),
    )


def _accuracies(sweep: Sweep) -> Figure:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(7.6, 3.8), layout="constrained")
    learning, answering = drawing.subplots(1, 2, width_ratios=[2, 3])
    for colour, variant in zip(COLOURS, FOLLOWED, strict=False):
        if variant in sweep.networks:
            _draw_convergence(learning, sweep.networks[variant], color=colour, label=variant)
    learning.axhline(CONVERGED, color="0.6", lw=0.8, ls=":")
    learning.set(yscale="log", xlabel="images shown", ylabel="mean of w (1 - w)")
    legend_above(drawing, learning)
    _draw_accuracies(answering, sweep.networks)
    return Figure(
        figure_name("convolution", "accuracies", sweep.dataset),
        drawing,
        f"{sweep.dataset}: how far the weights of the first layer are from 0 and 1, by the number "
        "of images shown, for each seed, where learning ends at the dotted line (left), and test "
        "accuracy with what was learned and with each control (right).",
        "Left falling lines, right a row of accuracy for each variant.",
        basis(sweep.records, interval=INTERVAL),
    )


def _draw_convergence(ax: Axes, members: Sequence[Record], **line: Any) -> None:
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
            colour = COLOURS[0] if name == BASE else "0.3"
            draw_interval(ax, percents, row, fmt="o", ms=4, capsize=2, color=colour)
    ax.set_yticks(range(len(found)), list(found))
    ax.set_ylim(len(found) - 0.5, -0.5)
    ax.set_xlabel("test accuracy / %")
    ax.grid(axis="x", alpha=0.3)


def _table(sets: Mapping[str, Sweep]) -> Table:
    columns = (
        ("test accuracy / %", "test_accuracy", 100),
        ("input spikes", "spikes_input_per_sample", 1),
        ("spikes of maps", "spikes_maps 1_per_sample", 1),
        ("SynOps", "synops_per_sample", 1),
        ("MACs", "macs_per_sample", 1),
        ("density / %", "density_1", 100),
        ("threshold", "threshold_1", 1),
        ("C", "convergence_1", 1),
        ("training / s", "train_seconds", 1),
    )
    return one_setting.named_table(
        "Filters learned by STDP, and controls. Spikes of the input and of the first layer's maps, "
        "SynOps of all maps, and multiply-accumulates of contrasts and read-out, of an answer; "
        "mean weight, threshold and C of the first layer.",
        "variant",
        tuple(sets.values()),
        columns,
    )


def _findings(name: str, networks: Networks) -> list[str]:
    base = networks[BASE]
    told = [
        f"{name}: with filters learned by STDP without labels, a linear read-out reaches "
        f"{percent(base)} % of test samples, with {_spikes(base):,.0f} spikes of maps a sample."
    ]
    told += [_beside(name, variant, networks) for variant in COMPARED if variant in networks]
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
        f"{told}; learned filters less this {cell(found.interval, 100)} points: {found.strength}."
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
        "Filters in random places have the weights of those that were learned: they know how many "
        "inputs a filter should have, which other random filters would not.",
        "A spike of maps is worth more to a linear read-out the more maps there are to tell apart; "
        "accuracies of layers with other numbers of maps differ by that too.",
        "Additions are those of places that have not spiked yet; hardware that does not hold a "
        "place back adds more.",
    ]
    return [*told, *one_setting.caveats(records, sets.values())]
