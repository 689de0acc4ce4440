"""What the network bears in continuous time: perturbations, and other neurons."""

from __future__ import annotations

import numpy as np

from study.analysis.basis import basis
from study.analysis.figures import COLOURS, draw_shares, label_axes
from study.analysis.replicates import cell, interval_of, percent
from study.analysis.section import Figure, Table
from study.analysis.stats import INTERVAL, mean_interval
from study.experiments.bridge.groups import (
    Group,
    Part,
    counted,
    stack,
)
from study.experiments.bridge.robustness import KINDS, RobustnessConfig
from study.settings.config import configured

AXES = {
    "threshold_jitter": ("deviation of thresholds / %", 100.0),
    "weight_bits": ("bits of a weight", 1.0),
    "time_noise": ("deviation of input times / ms", 1e3),
}


def perturbed(groups: list[Group]) -> Part:
    """Return accuracy and agreement of the network, perturbed."""
    if not groups:
        return [], [], []
    from matplotlib.figure import Figure as Drawing

    group = groups[0]
    config = configured(RobustnessConfig, group[0].trial.config)
    untouched = [record.metrics["accuracy"] for record in group]
    kinds = [kind for kind in KINDS if config.levels(kind)]
    drawing = Drawing(figsize=(7.2, 2.8), layout="constrained")
    panels = drawing.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    findings = []
    for ax, kind in zip(panels, kinds, strict=True):
        title, scale = AXES[kind]
        levels = np.array(config.levels(kind)) * scale
        for measure, colour, label in (
            ("accuracy", COLOURS[0], "accuracy"),
            ("share", COLOURS[1], "agreement"),
        ):
            values = stack(group, f"{kind}_{measure}")
            draw_shares(ax, levels, values, marker="o", ms=4, color=colour, label=label)
        ax.axhline(100 * np.mean(untouched), ls="--", lw=0.8, color=COLOURS[0])
        ax.grid(alpha=0.3)
        label_axes(ax, title, "%" if ax is panels[0] else "")
        if kind == "weight_bits":
            ax.invert_xaxis()
        worst = mean_interval(stack(group, f"{kind}_accuracy")[:, -1].tolist(), (0, 1))
        findings.append(f"{levels[-1]:g} ({title}): accuracy {cell(worst, 100)} %")
    figure = Figure(
        "bridge-robustness",
        drawing,
        "The network in continuous time, perturbed more to the right. Agreement is with its own "
        "hidden spikes when untouched, within one trained step; the dashed line is the accuracy "
        "when untouched.",
        "Three line plots of accuracy and agreement against threshold jitter, bits of a weight "
        "and noise of input times.",
        basis(group, n=counted(group), interval=INTERVAL),
    )
    found = (
        f"Untouched in continuous time: accuracy {cell(mean_interval(untouched, (0, 1)), 100)} %. "
        f"At the strongest perturbations: {'; '.join(findings)}."
    )
    return [figure], [], [found]


def substituted(groups: list[Group]) -> Part:
    """Return what other neurons do in place of LIF neurons."""
    if not groups:
        return [], [], []
    from matplotlib.figure import Figure as Drawing

    records = [record for group in groups for record in group]
    drawing = Drawing(figsize=(7.2, 2.8), layout="constrained")
    ax = drawing.subplots()
    arrays = groups[0][0].arrays
    ax.plot(arrays["drive"], arrays["lif_hz"], color="0.3", label="LIF")
    rows, findings = [], []
    for group, colour in zip(groups, COLOURS, strict=False):
        arrays = group[0].arrays
        name = group[0].trial.config["cell"]
        ax.plot(arrays["drive"], arrays["cell_hz"], color=colour, label=name)
        lif, other = (percent(group, f"accuracy_{key}") for key in ("lif", "cell"))
        share = percent(group, "agreement")
        spikes = [
            cell(mean_interval([r.metrics[f"spikes_{key}"] / r.metrics["n_test"] for r in group]))
            for key in ("lif", "cell")
        ]
        rows.append(
            (group[0].trial.dataset_name, name, lif, other, share, *spikes,
             cell(interval_of(group, "rate_error_hz")))
        )  # fmt: skip
        findings.append(
            f"With {name} neurons in place of LIF neurons accuracy is {other} %, with LIF neurons "
            f"{lif} %, of the same samples; {share} % of spikes lie within a trained step of their "
            f"partner, {spikes[1]} against {spikes[0]} a sample."
        )
    label_axes(ax, "constant drive / threshold", "rate / Hz")
    ax.grid(alpha=0.3)
    figure = Figure(
        "bridge-calibration",
        drawing,
        "Rates under constant currents after the calibration, an affine map of the current.",
        "Line plot of firing rate against drive for the LIF neuron and its substitutes.",
        basis(records),
    )
    table = Table(
        "Neurons of Hodgkin and Huxley's kind in the trained network.",
        (
            "data set", "neuron", "accuracy with LIF / %", "accuracy with it / %",
            "agreement within a step / %", "spikes a sample, LIF", "spikes a sample",
            "rms error of rates / Hz",
        ),
        tuple(rows),
        basis(records, n=counted(records), interval=INTERVAL),
    )  # fmt: skip
    return [figure], [table], findings
