"""Weights that mirror each other: an autoencoder by STDP, and what its control cannot learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from study.analysis import one_setting
from study.analysis.artefacts import draw_reconstructions, draw_tiles
from study.analysis.basis import basis
from study.analysis.comparison import RULE, Strength, difference
from study.analysis.figures import COLOURS, legend_above
from study.analysis.replicates import cell, mean_of, percent
from study.analysis.section import Figure, Section, Table, figure_name
from study.learners.burbank_config import ERROR
from study.learning.artefacts import curve, filters, reconstructions
from study.request import Request
from study.trials.trial import Record, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Weights that mirror each other"
ORDER = 33
SWEEP = True  # too many configurations for the opening table
LEARNER = "burbank"
FIELDS_SHOWN, COLUMNS = 50, 10

Networks = Mapping[Any, Sequence[Record]]
Sweep = one_setting.Sweep[Any]  # of several settings, none of which is named

BASE, CLASSICAL = "mirrored STDP", "classical STDP at the feedback"
RANDOM, FADING = "random weights", "traces that fade in 20 ms"
PIXELS, LABELLED = "pixels alone", "labels shuffled"
VARIANTS: dict[str, Mapping[str, Any]] = {
    BASE: {},
    CLASSICAL: {"feedback": "classical"},
    RANDOM: {"presentations": 0},
    FADING: {"tau_trace_s": 20e-3},
    PIXELS: {"features": "pixels"},
    LABELLED: {"labels": "shuffled"},
}
FOLLOWED = (BASE, CLASSICAL, FADING)  # whose learning is drawn
REBUILDS = (BASE, CLASSICAL, RANDOM, FADING)  # PIXELS and LABELLED do not change the network
COMPARED = (CLASSICAL, RANDOM, FADING, PIXELS)  # read-outs beside the base's


def trials(request: Request) -> list[Trial]:
    """Return each variant; see `Request.varied_trials`."""
    return request.varied_trials(LEARNER, lambda _dataset: VARIANTS.values())


def section(records: list[Record]) -> Section:
    """Return fields and rebuilt images, how weights came to mirror each other, and controls."""
    every = one_setting.named(records, VARIANTS, BASE)
    sets = {name: sweep for name, sweep in every.items() if len(sweep.networks) > 1}
    findings = [_findings(name, sweep.networks) for name, sweep in sets.items()]
    return Section(
        name="mirroring",
        title=TITLE,
        question="Can forward and feedback synapses that know nothing of each other become each "
        "other's mirror image by STDP, and does the network then rebuild what it was shown?",
        method="An image is shown in three bouts: visible neurons spike at random, hidden ones "
        "answer, visible ones answer to that. Forward synapses learn by classical STDP, feedback "
        "synapses by one that is opposed in time. No label is used. The error of rebuilt images is "
        "told as a share of that of the mean training image. A linear read-out of hidden spikes is "
        "trained afterwards, its penalty chosen on validation samples, and test samples are read "
        "once. Controls: classical STDP at the feedback too, weights that stay random, traces that "
        "fade within an image, a read-out of pixels, labels shuffled. " + RULE,
        equations=(
            "Delta W_(i j) = Delta Q_(j i) = eta h_j (x_i - r_i)",
            "theta_j arrow.l theta_j + gamma (h_j - p)",
        ),
        figures=tuple(
            figure for sweep in sets.values() for figure in (_fields(sweep), _learning(sweep))
        ),
        tables=(_table(sets),) if sets else (),
        findings=tuple(sentence for told in findings for sentence in told),
        lead=tuple(told[0] for told in findings),
        caveats=tuple(_caveats(records, sets)),
        deviations=(
            "The rules are derived from the paper's claim; its neurons leak, its images are "
            "natural ones, and it prints no accuracy of a read-out.",
        ),
        references=("burbank2015",),
    )


def _fields(sweep: Sweep) -> Figure:
    """Return what hidden neurons answer to, and images beside what was made of them."""
    from matplotlib.figure import Figure as Drawing

    record = sweep.networks[BASE][0]
    found, shown = filters(record.arrays), reconstructions(record.arrays)
    drawing = Drawing(figsize=(7.6, 2.9), layout="constrained")
    fields, rebuilt = drawing.subplots(1, 2, width_ratios=[3, 2])
    if found is not None:
        most = float(np.abs(found.images).max()) or 1.0
        draw_tiles(
            fields, found.images[:FIELDS_SHOWN], COLUMNS, cmap="RdBu_r", vmin=-most, vmax=most
        )
    if shown is not None:
        draw_reconstructions(rebuilt, shown)
    fields.set_title("forward weights", fontsize=8)
    rebuilt.set_title("shown, and rebuilt", fontsize=8)
    return Figure(
        figure_name("mirroring", "fields", sweep.dataset),
        drawing,
        f"{sweep.dataset}: forward weights of hidden neurons, positive red and negative blue "
        "(left); validation images, and below each what the network rebuilds (right).",
        "Left small images with red and blue parts, right rows of images in pairs.",
        basis([record], f"{FIELDS_SHOWN} neurons at most"),
    )


def _learning(sweep: Sweep) -> Figure:
    from matplotlib.figure import Figure as Drawing

    drawing = Drawing(figsize=(7.2, 3.2), layout="constrained")
    symmetry, error = drawing.subplots(1, 2)
    for colour, variant in zip(COLOURS, FOLLOWED, strict=False):
        if variant in sweep.networks:
            _draw(symmetry, error, sweep.networks[variant], color=colour, label=variant)
    symmetry.set(
        xlabel="images shown", ylabel="correlation of W and transposed Q", ylim=(-1.05, 1.05)
    )
    error.set(xlabel="images shown", ylabel="error / error of the mean image", yscale="log")
    error.axhline(1.0, color="0.6", lw=0.8, ls=":")
    legend_above(drawing, symmetry)
    return Figure(
        figure_name("mirroring", "learning", sweep.dataset),
        drawing,
        f"{sweep.dataset}: how forward and feedback weights come to mirror each other (left), and "
        "the error of rebuilt training images while the network learns, that of the mean image "
        "dotted (right), for each seed.",
        "Left lines that rise to one and fall to minus one, right lines that fall or rise.",
        basis(sweep.records),
    )


def _draw(symmetry: Axes, error: Axes, members: Sequence[Record], **line: Any) -> None:
    for record in members:
        if (found := curve(record.arrays)) is not None:
            symmetry.plot(found.seen, record.arrays["symmetry"], lw=1.2, **line)
            line.pop("label", None)
            error.plot(found.seen, found.loss, lw=1.2, **line)


def _table(sets: Mapping[str, Sweep]) -> Table:
    columns = (
        ("error / mean image's", ERROR, 1),
        ("correlation of W and Q", "symmetry", 1),
        ("test accuracy / %", "test_accuracy", 100),
        ("input spikes", "spikes_input_per_sample", 1),
        ("hidden spikes", "spikes_hidden_per_sample", 1),
        ("rebuilt spikes", "spikes_visible_per_sample", 1),
        ("SynOps", "synops_per_sample", 1),
        ("training / s", "train_seconds", 1),
    )
    return one_setting.named_table(
        "The autoencoder and its controls: error of rebuilt test images as a share of that of the "
        "mean training image, correlation of forward and transposed feedback weights, accuracy of "
        "a linear read-out, and spikes in the three bouts.",
        "variant",
        tuple(sets.values()),
        columns,
    )


def _findings(name: str, networks: Networks) -> list[str]:
    base = networks[BASE]
    told = [
        f"{name}: with mirrored STDP the error of rebuilt test images is "
        f"{mean_of(base, ERROR):.3f} of the mean image's, forward and feedback weights correlate "
        f"by {mean_of(base, 'symmetry'):.3f}, and a linear read-out of hidden spikes reaches "
        f"{percent(base)} %."
    ]
    told += [
        f"{name}: {variant}: error {mean_of(networks[variant], ERROR):.3f} of the mean image's, "
        f"correlation {mean_of(networks[variant], 'symmetry'):.3f}."
        for variant in REBUILDS
        if variant in networks and variant != BASE
    ]
    told += [_beside(name, variant, networks) for variant in COMPARED if variant in networks]
    if LABELLED in networks:
        told.append(_labels(name, base, networks[LABELLED]))
    return told


def _beside(name: str, variant: str, networks: Networks) -> str:
    """Return a variant's read-out, and how sure the difference is."""
    members = networks[variant]
    told = f"{name}: read-out, {variant}: {percent(members)} %"
    others = sum(each in networks for each in COMPARED)
    found = difference(networks[BASE], members, "test_accuracy", others)
    if found is None or found.strength is Strength.FEW:
        return f"{told}."
    return f"{told}; mirrored STDP less this {cell(found.interval, 100)} points: {found.strength}."


def _labels(name: str, base: Sequence[Record], shuffled: Sequence[Record]) -> str:
    """Return what is left with wrong labels, and in how many seeds the weights are the same."""
    given = {record.trial.seed: record.arrays["filters"] for record in base}
    both = [record for record in shuffled if record.trial.seed in given]
    same = sum(
        np.array_equal(record.arrays["filters"], given[record.trial.seed]) for record in both
    )
    return (
        f"{name}: control, {LABELLED}: {percent(shuffled)} %; forward weights equal those of the "
        f"right labels bit for bit in {same} of {len(both)} seeds."
    )


def _caveats(records: Sequence[Record], sets: Mapping[str, Sweep]) -> list[str]:
    told = [
        "Inputs spike at random: of the error, part is what no network of such inputs could avoid.",
    ]
    return [*told, *one_setting.caveats(records, sets.values())]
