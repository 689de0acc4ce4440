"""The answer that opens the report: learners by data sets, and accuracy against spikes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from study.report.basis import basis
from study.report.replicates import Replicates, cell, interval_of, replicates
from study.report.section import Figure, Table
from study.stats import INTERVAL
from study.trial import Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = (
    "learner",
    "data set",
    "test accuracy / %",
    "spikes per sample",
    "SynOps per sample",
    "MACs per sample",
    "training / s",
    "inference / ms",
    "memory / MB",
)
LOG_FROM_RATIO = 3  # spikes that differ by more than this factor are drawn on a logarithmic axis
METRICS = (
    "spikes_per_sample",
    "synops_per_sample",
    "macs_per_sample",
    "train_seconds",
    "inference_ms_per_sample",
    "peak_memory_mb",
)


def table(records: Sequence[Record]) -> Table | None:
    """Return learners x data sets with accuracy, spikes and runtime; None if nothing learned."""
    groups = replicates(records)
    if not groups:
        return None
    rows = []
    for group in groups:
        accuracy = cell(interval_of(group, "test_accuracy"), 100)
        costs = (cell(interval_of(group, metric)) for metric in METRICS)
        rows.append((group.learner, group.dataset, accuracy, *costs))
    flat = [record for group in groups for record in group]
    return Table(
        "What each way of learning reaches and costs: means over seeds with 95 % intervals, in "
        "brackets where a bound cuts them. Spikes include the input's; memory is the peak while "
        "training, above what the process held before.",
        COLUMNS,
        tuple(rows),
        basis(flat, interval=INTERVAL),
    )


def figure(records: Sequence[Record]) -> Figure | None:
    """Return accuracy against spikes per sample; None if no network spiked."""
    from matplotlib.figure import Figure as Drawing

    groups = replicates(records)
    spiking = [group for group in groups if interval_of(group, "spikes_per_sample")]
    if not spiking:
        return None
    data_sets = _compared(groups, spiking)
    width = 7.0 if len(data_sets) > 1 else 5.2
    drawing = Drawing(figsize=(width, 3.2), layout="constrained")
    axes = drawing.subplots(1, len(data_sets), squeeze=False, sharey=True)[0]
    for ax, name in zip(axes, data_sets, strict=True):
        _panel(ax, name, [group for group in groups if group.dataset == name])
    axes[0].set_ylabel("test accuracy / %")
    return Figure(
        "accuracy-against-spikes",
        drawing,
        "Accuracy against spikes. Each marker is the mean over seeds with its 95 % interval; "
        "dashed lines are the baselines that do not spike.",
        "Scatter plot of test accuracy against spikes per sample, one panel a data set, one "
        "marker a spiking learner, dashed horizontal lines for the baselines.",
        basis(
            [record for group in groups if group.dataset in data_sets for record in group],
            interval=INTERVAL,
        ),
    )


def _compared(groups: Sequence[Replicates], spiking: Sequence[Replicates]) -> list[str]:
    """Return the data sets with a spiking learner: those with several learners, if there are."""
    names = list(dict.fromkeys(group.dataset for group in spiking))
    learners = {name: {g.learner for g in groups if g.dataset == name} for name in names}
    return [name for name in names if len(learners[name]) > 1] or names


def _panel(ax: Axes, name: str, groups: Sequence[Replicates]) -> None:
    import seaborn as sns

    palette = sns.color_palette("colorblind", len(groups))
    means = []
    for colour, group in zip(palette, groups, strict=True):
        accuracy = interval_of(group, "test_accuracy")
        spikes = interval_of(group, "spikes_per_sample")
        learner = group.learner
        assert accuracy is not None
        if spikes is None:
            ax.axhline(100 * accuracy.mean, ls="--", color=colour, label=learner)
            continue
        means.append(spikes.mean)
        reach = [[100 * (accuracy.mean - accuracy.low)], [100 * (accuracy.high - accuracy.mean)]]
        width = [[spikes.mean - spikes.low], [spikes.high - spikes.mean]]
        ax.errorbar(
            spikes.mean, 100 * accuracy.mean, reach, width, "o", color=colour, label=learner,
            capsize=3,
        )  # fmt: skip
    if max(means) > LOG_FROM_RATIO * min(means) > 0:
        ax.set_xscale("log")
    ax.set(title=name, xlabel="spikes per sample")
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8)
