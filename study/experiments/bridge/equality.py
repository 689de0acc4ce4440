"""Question (i): at equal dt, is it the same network?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from study.analysis.basis import basis
from study.analysis.figures import COLOURS, label_axes
from study.analysis.replicates import at_least, at_most, cell, interval_of
from study.analysis.section import Figure, Table
from study.analysis.stats import INTERVAL
from study.experiments.bridge import run as bridge
from study.experiments.bridge.groups import (
    Group,
    Part,
    counted,
    least,
    most,
    total,
)
from study.experiments.bridge.run import CONTROLS
from study.trials.trial import Record

ALIKE = 0.99  # a control with a larger agreement would not be told from the network
CONTROL_NAMES = {
    "shuffled": "weights shuffled",
    "reset": "the other reset",
    "swapped": "time constants swapped",
    "late": "one step late",
}


def part(groups: list[Group]) -> Part:
    """Return the two networks side by side, and the controls."""
    if not groups:
        return [], [], []
    records = [record for group in groups for record in group]
    rows = [
        (
            f"{record.trial.dataset_name} · seed {record.trial.seed}",
            f"{record.metrics['spikes_discrete']:,}",
            f"{100 * record.metrics['agreement_same']:.3f}",
            f"{record.metrics['trains_differing']} "
            f"({record.metrics['trains_differing_by_rounding_tie']})",
            _place(record),
            f"{record.metrics['membrane_error']:.1e}",
            f"{100 * record.metrics['accuracy_discrete']:.2f}",
            f"{100 * record.metrics['accuracy_same']:.2f}",
            f"{100 * record.metrics['whole_accuracy']:.2f} of {record.metrics['whole_n_test']:,}",
            f"{record.metrics['whole_samples_per_second']:,.0f}",
            cell(interval_of([record], "whole_peak_memory_mb")),
        )
        for record in records
    ]
    same = Table(
        "The same network at equal dt.",
        (
            "network", "hidden spikes", "agreement / %", "trains that differ (by a rounding tie)",
            "first divergence", "largest membrane error / threshold", "accuracy, PyTorch / %",
            "accuracy, Brian2 / %", "accuracy, Brian2, whole test set / %",
            "there, samples a second", "peak memory / MB",
        ),
        tuple(rows),
        basis(records, n=counted(records)),
    )  # fmt: skip
    findings = [
        f"At equal dt at least {at_least(100 * least(records, 'agreement_same'), 3)} % of hidden "
        f"spikes agree in every network; {total(records, 'trains_differing')} trains differ, "
        f"{total(records, 'trains_differing_by_rounding_tie')} of them from a rounding tie on. "
        f"Membranes differ by at most {at_most(most(records, 'membrane_error'))}; "
        f"{_total_changed(records)} of {total(records, 'n_test')} answers differ.",
        f"{_detected(records)} of {len(records) * len(CONTROLS)} controls are told apart (less "
        f"than {100 * ALIKE:g} % of hidden spikes agree). At most agree "
        + ", ".join(
            f"{100 * most(records, f'agreement_{name}'):.1f} % ({CONTROL_NAMES[name]})"
            for name in CONTROLS
        )
        + ".",
        f"Brian2 runs the whole test set, {max(r.metrics['whole_n_test'] for r in records):,} "
        f"samples at most, at {least(records, 'whole_samples_per_second'):,.0f} samples a second "
        "or more, in one process.",
    ]
    return [_raster(records[0])], [same, _controls(groups)], findings


def _controls(groups: list[Group]) -> Table:
    columns = (
        ("agreement", "agreement / %", 100.0),
        ("coincidence", "coincidence factor", 1.0),
        ("van_rossum", "van Rossum distance", 1.0),
        ("largest_shift_s", "largest shift / ms", 1e3),
        ("correlation", "correlation of membranes", 1.0),
        ("accuracy", "accuracy / %", 100.0),
    )
    rows = tuple(
        (
            group[0].trial.dataset_name,
            CONTROL_NAMES.get(name, "the same network"),
            *(cell(interval_of(group, f"{key}_{name}"), scale) for key, _, scale in columns),
        )
        for group in groups
        for name in ("same", *CONTROLS)
    )
    return Table(
        "Measures of agreement with PyTorch's network, and negative controls, which must not "
        f"agree. Agreement is exact; coincidences and shifts are within {bridge.WIDTH_STEPS:g} "
        "steps, the time constant of the distance is as long.",
        ("data set", "Brian2 runs", *(title for _, title, _ in columns)),
        rows,
        basis([record for group in groups for record in group], interval=INTERVAL),
    )


def _place(record: Record) -> str:
    found = record.metrics
    if found["first_divergence_s"] is None:
        return "none"
    return (
        f"layer {found['first_divergence_layer']}, neuron {found['first_divergence_neuron']}, "
        f"{1e3 * found['first_divergence_s']:g} ms (sample {found['first_divergence_sample']})"
    )


def _raster(record: Record) -> Figure:
    from matplotlib.figure import Figure as Drawing

    arrays = record.arrays
    drawing = Drawing(figsize=(7.2, 3.0), layout="constrained")
    ax = drawing.subplots()
    for name, marker, label in (("discrete", "o", "PyTorch"), ("continuous", "|", "Brian2")):
        ax.plot(
            1e3 * arrays[f"example_{name}_s"], arrays[f"example_{name}_unit"], marker, ms=5,
            mfc="none", ls="none", label=label, color=COLOURS[name == "continuous"],
        )  # fmt: skip
    label_axes(ax, "time / ms", "hidden neuron")
    return Figure(
        "bridge-raster",
        drawing,
        "Hidden spikes of the first test sample in both simulators at equal dt.",
        "Raster plot: circles for PyTorch's spikes, bars for Brian2's; every bar that belongs to "
        "the same network lies in a circle.",
        basis([record], n="1 test sample"),
    )


def _detected(records: Sequence[Record]) -> int:
    return sum(
        record.metrics[f"agreement_{name}"] < ALIKE for record in records for name in CONTROLS
    )


def _total_changed(records: Sequence[Record]) -> int:
    tables = [record.arrays["confusion"] for record in records]
    return int(sum(table.sum() - np.trace(table) for table in tables))
