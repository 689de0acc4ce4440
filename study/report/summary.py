"""The answer that opens the report: learners by data sets, and accuracy against spikes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from study.report.basis import basis
from study.report.section import Figure, Table
from study.stats import INTERVAL, Interval, mean_interval
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
METRICS = (
    "spikes_per_sample",
    "synops_per_sample",
    "macs_per_sample",
    "train_seconds",
    "inference_ms_per_sample",
    "peak_memory_mb",
)


def replicates(records: Sequence[Record]) -> list[list[Record]]:
    """Return the records with a test accuracy, grouped into replicates of a configuration."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        if record.done and "test_accuracy" in record.metrics:
            groups.setdefault(record.trial.config_id, []).append(record)
    return sorted(groups.values(), key=lambda group: _key(group[0]))


def _key(record: Record) -> tuple[str, str]:
    return (record.trial.dataset.name if record.trial.dataset else "", record.trial.learner)


def interval_of(group: Sequence[Record], metric: str) -> Interval | None:
    """Return mean and interval of a metric over replicates, None where it does not apply."""
    values = [record.metrics.get(metric) for record in group]
    if any(value is None for value in values):
        return None
    bounds = (0.0, 1.0) if metric.endswith("accuracy") else (0.0, float("inf"))
    return mean_interval([float(value) for value in values if value is not None], bounds)


def cell(interval: Interval | None, scale: float = 1.0) -> str:
    """Return ``mean ± half width``, or ``mean [low, high]`` where a bound cut it; or a dash.

    The mean stands alone where there is no interval: one replicate, or replicates all equal.
    """
    if interval is None:
        return "–"
    mean, low, high = (value * scale for value in interval)
    # Three significant digits of the mean, and the limits to the same place.
    places = max(0, 2 - math.floor(math.log10(abs(mean)))) if mean else 0
    if not low < high:
        return f"{mean:,.{places}f}"
    if math.isclose(mean - low, high - mean, rel_tol=1e-6):
        return f"{mean:,.{places}f} ± {high - mean:,.{places}f}"
    return f"{mean:,.{places}f} [{low:,.{places}f}, {high:,.{places}f}]"


def table(records: Sequence[Record]) -> Table | None:
    """Return learners x data sets with accuracy, spikes and runtime; None if nothing learned."""
    groups = replicates(records)
    if not groups:
        return None
    rows = []
    for group in groups:
        data_set, learner = _key(group[0])
        accuracy = cell(interval_of(group, "test_accuracy"), 100)
        costs = (cell(interval_of(group, metric)) for metric in METRICS)
        rows.append((learner, data_set, accuracy, *costs))
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
        _panel(ax, name, [group for group in groups if _key(group[0])[0] == name])
    axes[0].set_ylabel("test accuracy / %")
    return Figure(
        "accuracy-against-spikes",
        drawing,
        "Accuracy against spikes. Each marker is the mean over seeds with its 95 % interval; "
        "dashed lines are the baselines that do not spike.",
        "Scatter plot of test accuracy against spikes per sample, one panel a data set, one "
        "marker a spiking learner, dashed horizontal lines for the baselines.",
        basis(
            [record for group in groups if _key(group[0])[0] in data_sets for record in group],
            interval=INTERVAL,
        ),
    )


def _compared(groups: Sequence[list[Record]], spiking: Sequence[list[Record]]) -> list[str]:
    """Return the data sets with a spiking learner: those with several learners, if there are."""
    names = list(dict.fromkeys(_key(group[0])[0] for group in spiking))
    learners = {name: {_key(g[0])[1] for g in groups if _key(g[0])[0] == name} for name in names}
    return [name for name in names if len(learners[name]) > 1] or names


def _panel(ax: Axes, name: str, groups: Sequence[list[Record]]) -> None:
    import seaborn as sns

    palette = sns.color_palette("colorblind", len(groups))
    for colour, group in zip(palette, groups, strict=True):
        accuracy = interval_of(group, "test_accuracy")
        spikes = interval_of(group, "spikes_per_sample")
        learner = group[0].trial.learner
        assert accuracy is not None
        if spikes is None:
            ax.axhline(100 * accuracy.mean, ls="--", color=colour, label=learner)
            continue
        reach = [[100 * (accuracy.mean - accuracy.low)], [100 * (accuracy.high - accuracy.mean)]]
        width = [[spikes.mean - spikes.low], [spikes.high - spikes.mean]]
        ax.errorbar(
            spikes.mean, 100 * accuracy.mean, reach, width, "o", color=colour, label=learner,
            capsize=3,
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set(title=name, xlabel="spikes per sample")
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8)
