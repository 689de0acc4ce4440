"""Surrogate gradients: whether the network learns, with how many spikes, and from their times."""

from __future__ import annotations

from collections.abc import Sequence

from study.analysis.artefacts import draw_curves, draw_raster
from study.analysis.basis import basis
from study.analysis.figures import panel_grid
from study.analysis.replicates import Replicates, cell, interval_of, percent, replicates
from study.analysis.section import Figure, Section, Table, figure_name
from study.analysis.stats import INTERVAL
from study.learning.artefacts import curve, rasters
from study.procedures import refit
from study.request import Request
from study.trials.trial import Record, Trial

TITLE = "Learning by surrogate gradients"
ORDER = 40
TIMED, CONTROL = "randman", "randman-shuffled"
SPEAKERS = ("shd", "hd-spikes")


def trials(request: Request) -> list[Trial]:
    """Return the network on ``digits``, on spike-time manifolds and on their shuffled control.

    Where validation takes whole speakers away, each training is followed by one on all of them.
    """
    chosen = request.learning_trials(["surrogate"], ["digits", TIMED, CONTROL])
    return chosen + [refit.trial_after(trial) for trial in chosen if trial.dataset_name in SPEAKERS]


def section(records: list[Record]) -> Section:
    """Return learning curves, rasters and what each data set cost."""
    groups = replicates(records)
    shown = {group.dataset: group[0] for group in reversed(groups) if group.dataset != CONTROL}
    figures = [_curves(groups), *map(_raster, reversed(shown.values()))] if groups else []
    return Section(
        name="surrogate",
        title=TITLE,
        question="Does a network of current-based LIF neurons learn by surrogate gradients, how "
        "many spikes does it need, and does it use the times of spikes or only their number?",
        method="One hidden layer of current-based LIF neurons and a leaky readout, in SpyTorch's "
        "order within a step, trained by backpropagation through time with a surrogate for the "
        "derivative of the spike. Pixels become one spike each, the brighter the earlier; pixels "
        "below the threshold stay silent. Recorded events are binned into the same number of "
        "steps. The logits are the largest readout potentials over time. The epoch is chosen by "
        "validation accuracy; the test set is read once.",
        equations=(
            "tau_m (dif U) / (dif t) = -U + R I, quad (dif I) / (dif t) = -I / tau_s + sum_j W_(i "
            "j) S_j (t)",
            "(partial S) / (partial U) arrow.l h(U - theta), quad h(x) = 1 / (1 + k abs(x))^2",
        ),
        figures=tuple(figures),
        tables=(_table(groups),) if groups else (),
        findings=tuple(_findings(groups)),
        caveats=(
            *_small(groups),
            "Training accuracy in the curves is taken on batches as they are met, before the "
            "weights of the epoch are final, so early in training it lies below validation.",
            "Each data set is split once; intervals show the spread over seeds of weights and "
            "batches, not over splits.",
            *_refitted(groups),
        ),
        deviations=(
            "The last, smaller batch of an epoch is trained on and all test samples are counted; "
            "SpyTorch's generators drop what does not fill a batch.",
        ),
        references=("neftci2019", "zenke2018", "zenke2021"),
    )


def _small(groups: Sequence[Replicates]) -> list[str]:
    if not any(group.dataset == "digits" for group in groups):
        return []
    return [
        "Digits of 8x8 pixels prove that the network learns, not how well it does on images of "
        "common size."
    ]


def _refitted(groups: Sequence[Replicates]) -> list[str]:
    names = {group.dataset for group in groups if group[0].trial.procedure == refit.PROCEDURE}
    return [
        f"{name}: validation takes whole speakers away from training. The rows with nothing held "
        "out are trained again on all training samples, for as many epochs as validation chose; "
        "the test set is read once by each."
        for name in sorted(names)
    ]


def _name(group: Replicates) -> str:
    return f"{group.dataset}, {group.setting}" if group.setting else group.dataset


def _table(groups: Sequence[Replicates]) -> Table:
    rows = [
        (
            _name(group),
            percent(group),
            percent(group, "validation_accuracy"),
            cell(interval_of(group, "spikes_input_per_sample")),
            cell(interval_of(group, "spikes_hidden_per_sample")),
            cell(interval_of(group, "synops_per_sample")),
            ", ".join(f"{r.metrics['best_epoch']}/{r.metrics['epochs_run']}" for r in group),
            cell(interval_of(group, "train_seconds")),
        )
        for group in groups
    ]
    return Table(
        "Accuracy and cost of the surrogate-gradient network; means over seeds with 95 % "
        "intervals.",
        (
            "data set",
            "test accuracy / %",
            "validation accuracy / %",
            "input spikes per sample",
            "hidden spikes per sample",
            "SynOps per sample",
            "epochs chosen",
            "training / s",
        ),
        tuple(rows),
        basis([record for group in groups for record in group], interval=INTERVAL),
    )


def _findings(groups: Sequence[Replicates]) -> list[str]:
    findings = []
    for group in groups:
        chance = 100 / group[0].metrics["n_classes"]
        findings.append(
            f"{_name(group)}: {percent(group)} % of test samples "
            f"are right (chance {chance:.0f} %), with "
            f"{cell(interval_of(group, 'spikes_hidden_per_sample'))} hidden spikes a sample."
        )
    return findings + _timing(groups)


def _timing(groups: Sequence[Replicates]) -> list[str]:
    """Return what shuffling the spike times did, where both data sets were run."""
    found = {group.dataset: interval_of(group, "test_accuracy") for group in groups}
    timed, shuffled = found.get(TIMED), found.get(CONTROL)
    if timed is None or shuffled is None:
        return []
    control = next(group[0] for group in groups if group.dataset == CONTROL)
    chance = 1 / control.metrics["n_classes"]
    # Four binomial standard errors of the mean over the test samples.
    margin = 4 * (chance * (1 - chance) / control.metrics["n_test"]) ** 0.5
    verdict = (
        "brings accuracy to chance, so the network decides by spike times alone"
        if abs(shuffled.mean - chance) < margin
        else "does not bring accuracy to chance: something besides times is left to learn from"
    )
    return [
        f"Every unit of {TIMED} fires once in every sample. Shuffling the times over all events "
        f"{verdict} ({100 * timed.mean:.1f} % against {100 * shuffled.mean:.1f} %, chance "
        f"{100 * chance:.0f} %)."
    ]


def _curves(groups: Sequence[Replicates]) -> Figure:
    drawing, grid = panel_grid(len(groups), 2.8, sharey=True)
    for ax, group in zip(grid.flat, groups, strict=False):
        draw_curves(ax, [learned for r in group if (learned := curve(r.arrays))])
        ax.axhline(100 / group[0].metrics["n_classes"], color="grey", lw=0.8, ls=":")
        ax.set(xlabel="epoch", ylim=(0, 102))
        ax.set_title(_name(group).replace(", ", "\n"), fontsize=9)
        ax.grid(alpha=0.3)
    for ax in grid[:, 0]:
        ax.set_ylabel("accuracy / %")
    grid[0, 0].legend(loc="lower right", fontsize=8)
    return Figure(
        "surrogate-learning",
        drawing,
        "Learning curves: mean over seeds and its 95 % interval; the dotted line is chance. "
        "Where training rises and validation stays at chance, samples are learned by heart.",
        "Accuracy against epoch, one panel a data set, training dashed and validation solid, "
        "with bands, and a dotted line at chance.",
        basis([record for group in groups for record in group], interval=INTERVAL),
    )


def _raster(record: Record) -> Figure:
    from matplotlib.figure import Figure as Drawing

    arrays, config = record.arrays, record.trial.config
    drawing = Drawing(figsize=(6.0, 3.6), layout="constrained")
    named = {"input": "input unit", "hidden": "hidden neuron"}
    for ax, raster in zip(drawing.subplots(2, 1, sharex=True), rasters(arrays), strict=True):
        draw_raster(ax, raster, config["dt_s"])
        ax.set(ylabel=named[raster.layer], xlim=(0, config["n_steps"] * config["dt_s"] * 1e3))
    drawing.axes[-1].set_xlabel("time / ms")
    name, label = Replicates([record]).dataset, arrays["example_labels"][0]
    return Figure(
        figure_name("surrogate", "raster", name),
        drawing,
        f"All spikes of one validation sample of {name} (class {label}) in the trained network.",
        f"Two spike rasters over time: input units above, hidden neurons below, class {label}.",
        basis([record], "1 validation sample"),
    )
