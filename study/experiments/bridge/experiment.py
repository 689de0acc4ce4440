"""One trained network in two simulators: PyTorch's steps and Brian2's continuous time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from study import data
from study.analysis.basis import basis
from study.analysis.figures import COLOURS, draw_shares, label_axes
from study.analysis.replicates import cell, interval_of
from study.analysis.section import Figure, Section, Table
from study.analysis.stats import INTERVAL, mean_interval
from study.config import configured, settings_of
from study.experiments.bridge import limit, robustness
from study.experiments.bridge import run as bridge
from study.experiments.bridge.limit import CostConfig, LimitConfig
from study.experiments.bridge.robustness import KINDS, RobustnessConfig, SubstituteConfig
from study.experiments.bridge.run import CONTROLS, BridgeConfig
from study.request import Request
from study.trials.trial import Record, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "One network, two simulators"
ORDER = 50

# In units of the surrogate learner's own step.
TRAINING_DT = {"quick": (1.0, 2.0, 4.0), "standard": (0.5, 1.0, 2.0, 4.0)}
QUICK = (
    (BridgeConfig(max_samples=100),),
    (LimitConfig(max_samples=30),),
    (CostConfig(refinements=(1, 2, 5, 10), max_samples=200),),
    (RobustnessConfig(refinement=4, max_samples=100), SubstituteConfig(max_samples=25)),
)
WHOLE = (
    (BridgeConfig(),),
    (LimitConfig(),),
    (CostConfig(),),
    (
        RobustnessConfig(),
        *(SubstituteConfig(cell, max_samples=200) for cell in robustness.CELLS),
    ),
)
RUNS: dict[type, tuple[str, str]] = {
    BridgeConfig: ("bridge-same", bridge.PROCEDURE),
    LimitConfig: ("bridge-limit", limit.PROCEDURE),
    CostConfig: ("bridge-cost", limit.COST_PROCEDURE),
    RobustnessConfig: ("bridge-robustness", robustness.PROCEDURE),
    SubstituteConfig: ("bridge-cells", robustness.SUBSTITUTE_PROCEDURE),
}
ALIKE = 0.99  # a control with a larger agreement would not be told from the network
CONTROL_NAMES = {
    "shuffled": "weights shuffled",
    "reset": "the other reset",
    "swapped": "time constants swapped",
    "late": "one step late",
}
AXES = {
    "threshold_jitter": ("deviation of thresholds / %", 100.0),
    "weight_bits": ("bits of a weight", 1.0),
    "time_noise": ("deviation of input times / ms", 1e3),
}

Group = list[Record]
"""Records that differ in their seed alone."""


def trials(request: Request) -> list[Trial]:
    """Return the questions about each network that the surrogate experiment trains.

    Equality and the common limit are asked of all of them, with the recurrent network on touch in
    larger profiles; what continuous time costs, of small networks trained at several steps; what a
    network bears, of those at the learner's own step.
    """
    quick = request.profile == "quick"
    same, limits, cost, bears = QUICK if quick else WHOLE
    own = ["digits"] if quick else ["digits", "tbl"]
    networks = request.learning_trials(["surrogate"], own)
    small = dataclasses.replace(request, profile="quick", n_seeds=len(request.seeds))
    embedded = small.learning_trials(["surrogate"], ["digits"])
    retimed = [
        at_step(trained, factor)
        for trained in embedded
        for factor in TRAINING_DT["quick" if quick else "standard"]
        if factor == 1 or _has_free_steps(trained)
    ]
    asked = ((same, networks), (limits, networks), (cost, retimed), (bears, embedded))
    return [
        Trial(procedure, name, trained.dataset, config, trained.seed, needs=(trained,))
        for bases, needed in asked
        for base in bases
        for name, procedure, config in _configured(request, base)
        for trained in needed
    ]


def _configured(request: Request, base: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    name, procedure = RUNS[type(base)]
    for config in request.configure(base, name):
        yield name, procedure, settings_of(config)


def at_step(trained: Trial, factor: float) -> Trial:
    """Return the training with its step multiplied, for the same duration in seconds.

    Where a unit of current adds 1 to the membrane a step, whatever the step is, weights and the
    learning rate are multiplied too, so that what a spike does does not depend on the step.
    """
    if factor == 1:
        return trained
    old = trained.config
    new = {"dt_s": old["dt_s"] * factor, "n_steps": max(1, round(old["n_steps"] / factor))}
    if old["gain"] == "one":
        scaled = ("weight_scale", "recurrent_scale", "learning_rate")
        new |= {key: old[key] * factor for key in scaled if old[key] is not None}
    return dataclasses.replace(trained, config={**old, **new})


def _has_free_steps(trained: Trial) -> bool:
    """Whether the number of steps is free: the values of traces fix theirs."""
    assert trained.dataset is not None
    return data.kind(trained.dataset) != "traces"


def section(records: list[Record]) -> Section:
    """Return what the three questions found, and what the network bears."""
    same, limits, cost, bears, cells = (_groups(records, run) for _, run in RUNS.values())
    parts = (_same(same), _limits(limits), _cost(cost), _bears(bears), _cells(cells))
    return Section(
        name="bridge",
        title=TITLE,
        question="Is a network that was trained in discrete time the same network in a "
        "continuous-time simulator? Have both the same limit as dt shrinks? What does training in "
        "steps cost in continuous time, and what does the network bear there?",
        method="The networks of the surrogate experiment are written as NIR graphs, with step and "
        "conventions in the metadata, and built from them in Brian2; both simulators get the same "
        "input spikes. Spikes of the same neuron and sample are paired one to one within a "
        "tolerance; agreement is the share of spikes with a partner. (i) At equal dt Brian2 holds "
        "the synaptic current over a step and keeps the order of a step, as training did. "
        "(ii) Both are refined together: PyTorch's step keeps holding the current, Brian2 "
        "integrates the differential equations exactly between spikes, so that they differ at any "
        "step and have the same limit; what took a trained step, delays and reset, keeps its "
        "duration. (iii) Brian2 alone is refined in the same way and compared with networks as "
        "they were trained, at several steps. Then thresholds and input times are perturbed and "
        "weights rounded, and neurons of Hodgkin and Huxley's kind, calibrated to the rates of the "
        "LIF neuron under constant currents, take its place.",
        equations=(
            "tau_m (dif v)/(dif t) = -v + r I, quad tau_s (dif I)/(dif t) = -I + tau_s W S(t)",
            'v_(t+1) = beta v_t + kappa I_t, quad kappa_"held" = r (1 - beta), quad '
            'kappa_"exact" = r tau_s / (tau_s - tau_m) (alpha - beta)',
            '"agreement" = 2 m / (n_"discrete" + n_"continuous")',
        ),
        figures=tuple(figure for figures, _, _ in parts for figure in figures),
        tables=tuple(table for _, tables, _ in parts for table in tables),
        findings=tuple(finding for _, _, findings in parts for finding in findings),
        caveats=(
            "Agreement within a tolerance rises with the tolerance and with the firing rate even "
            "for unrelated trains: read it beside the controls and the coincidence factor, which "
            "takes off what chance matches.",
            "In (ii) and (iii) the delays of the trained step and the time for which a reset holds "
            "the membrane are kept as times. They belong to the trained network: without them a "
            "strongly driven neuron would fire at a rate that grows without bound as dt shrinks.",
            "The neurons that take the place of LIF neurons share their rates under constant "
            "currents only. Their currents are cut where the calibration ends, and the network is "
            "not trained again.",
        ),
        references=(
            "pedersen2024",
            "stimberg2019",
            "dice1945",
            "kistler1997",
            "jolivet2008",
            "vanrossum2001",
        ),
    )


Part = tuple[list[Figure], list[Table], list[str]]


def _groups(records: Sequence[Record], procedure: str) -> list[Group]:
    found: dict[str, Group] = {}
    for record in records:
        if record.trial.procedure == procedure:
            found.setdefault(record.trial.config_id, []).append(record)
    return list(found.values())


def _same(groups: list[Group]) -> Part:
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
        basis(records, n=_counted(records)),
    )  # fmt: skip
    findings = [
        f"At equal dt at least {100 * _least(records, 'agreement_same'):.3f} % of hidden spikes "
        f"agree in every network; {_total(records, 'trains_differing')} trains differ, "
        f"{_total(records, 'trains_differing_by_rounding_tie')} of them from a rounding tie on. "
        f"Membranes differ by at most {_most(records, 'membrane_error'):.0e}; "
        f"{_total_changed(records)} of {_total(records, 'n_test')} answers differ.",
        f"{_detected(records)} of {len(records) * len(CONTROLS)} controls are told apart (less "
        f"than {100 * ALIKE:g} % of hidden spikes agree). At most agree "
        + ", ".join(
            f"{100 * _most(records, f'agreement_{name}'):.1f} % ({CONTROL_NAMES[name]})"
            for name in CONTROLS
        )
        + ".",
        f"Brian2 runs the whole test set, {max(r.metrics['whole_n_test'] for r in records):,} "
        f"samples at most, at {_least(records, 'whole_samples_per_second'):,.0f} samples a second "
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
            *(
                cell(mean_interval([r.metrics[f"{key}_{name}"] for r in group]), scale)
                for key, _, scale in columns
            ),
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


def _limits(groups: list[Group]) -> Part:
    if not groups:
        return [], [], []
    from matplotlib.figure import Figure as Drawing

    records = [record for group in groups for record in group]
    drawing = Drawing(figsize=(7.2, 3.3), layout="constrained")
    left, right = drawing.subplots(1, 2)
    findings = []
    for group, colour in zip(groups, COLOURS, strict=False):
        name = group[0].trial.dataset_name
        dt_ms = _dt_ms(group[0])
        draw_shares(left, dt_ms, _stack(group, "share"), marker="o", ms=4, color=colour, label=name)
        shifts = 1e3 * _stack(group, "mean_shift_s")
        _draw_means(right, dt_ms, shifts, marker="o", ms=4, color=colour, label=name)
        right.plot(dt_ms, shifts[:, -1].mean() * dt_ms / dt_ms[-1], ls=":", color="0.5")
        shares = [record.metrics["share_finest"] for record in group]
        orders = [r.metrics["order"] for r in group if r.metrics["order"] is not None]
        findings.append(
            f"{name}: refined together to dt = {dt_ms[-1]:g} ms, "
            f"{cell(mean_interval(shares, (0, 1)), 100)} % of hidden spikes have a partner within "
            f"one trained step of {1e3 * group[0].metrics['dt_s']:g} ms, at least "
            f"{100 * min(shares):.2f} % in each network"
            + (
                f"; the mean shift of spikes falls with order {cell(mean_interval(orders))} in "
                "the last decade (1 is expected of a current that is held over a step)."
                if orders
                else "."
            )
        )
    label_axes(left, "dt of both / ms", "spikes within a trained step / %")
    label_axes(right, "dt of both / ms", "mean shift of spikes / ms")
    right.set_yscale("log")
    _log_time(left, right)
    figure = Figure(
        "bridge-limit",
        drawing,
        "Both simulators refined together, smaller dt to the right. Left: hidden spikes of one "
        "that have a partner in the other within one step of the trained network. Right: how far "
        "partners lie apart; the dotted line has slope 1.",
        "Two line plots against the time step of both simulators: agreement rises towards 100 "
        "percent, and the shift of spikes falls in proportion to the step.",
        basis(records, n=_counted(records), interval=INTERVAL),
    )
    return [figure], [], findings


def _cost(groups: list[Group]) -> Part:
    if not groups:
        return [], [], []
    from matplotlib.figure import Figure as Drawing

    records = [record for group in groups for record in group]
    groups = sorted(groups, key=lambda group: group[0].metrics["dt_s"])
    steps = configured(CostConfig, groups[0][0].trial.config).tolerances_steps
    column = int(np.argmin(np.abs(np.array(steps) - 1)))
    drawing = Drawing(figsize=(7.2, 3.3), layout="constrained")
    left, right = drawing.subplots(1, 2)
    rows = []
    for group, colour in zip(groups, COLOURS, strict=False):
        dt_ms, trained_ms = _dt_ms(group[0]), 1e3 * group[0].metrics["dt_s"]
        line: dict[str, Any] = {
            "marker": "o", "ms": 4, "color": colour, "label": f"{trained_ms:g} ms",
        }  # fmt: skip
        agreement, accuracies = _stack(group, "agreement"), _stack(group, "accuracy")
        draw_shares(left, dt_ms, agreement[:, :, column], **line)
        draw_shares(right, dt_ms, accuracies, **line)
        lost = [
            r.metrics["accuracy_discrete"] - a[-1] for r, a in zip(group, accuracies, strict=True)
        ]
        rows.append(
            (
                group[0].trial.dataset_name,
                f"{trained_ms:g}",
                cell(interval_of(group, "accuracy_discrete"), 100),
                cell(mean_interval(accuracies[:, -1].tolist(), (0, 1)), 100),
                cell(mean_interval(lost), 100),
                *(
                    cell(mean_interval(agreement[:, -1, k].tolist(), (0, 1)), 100)
                    for k in range(len(steps))
                ),
            )
        )
    label_axes(left, "Brian2's dt / ms", f"spikes within {steps[column]:g} trained step(s) / %")
    label_axes(right, "Brian2's dt / ms", "test accuracy / %")
    _log_time(left, right)
    figure = Figure(
        "bridge-cost",
        drawing,
        "Brian2 alone refined, smaller dt to the right, for networks trained at several steps. "
        "A colour is a step of training. Left: hidden spikes that agree with the network as it was "
        "trained. Right: test accuracy.",
        "Two line plots against Brian2's time step: share of agreeing hidden spikes and test "
        "accuracy, a line for each time step of training.",
        basis(records, n=_counted(records), interval=INTERVAL),
    )
    table = Table(
        "Continuous time at Brian2's finest dt against the network as it was trained.",
        (
            "data set", "trained at dt / ms", "accuracy as trained / %",
            "accuracy in continuous time / %", "lost / points",
            *(f"agreement within {tolerance:g} steps / %" for tolerance in steps),
        ),
        tuple(rows),
        basis(records, n=_counted(records), interval=INTERVAL),
    )  # fmt: skip
    findings = [
        f"Trained in steps of {row[1]} ms ({row[0]}), the accuracy is {row[2]} % as trained and "
        f"{row[3]} % in continuous time: {row[4]} points are lost."
        for row in rows
    ]
    return [figure], [table], findings


def _bears(groups: list[Group]) -> Part:
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
            values = _stack(group, f"{kind}_{measure}")
            draw_shares(ax, levels, values, marker="o", ms=4, color=colour, label=label)
        ax.axhline(100 * np.mean(untouched), ls="--", lw=0.8, color=COLOURS[0])
        ax.grid(alpha=0.3)
        label_axes(ax, title, "%" if ax is panels[0] else "")
        if kind == "weight_bits":
            ax.invert_xaxis()
        worst = mean_interval(_stack(group, f"{kind}_accuracy")[:, -1].tolist(), (0, 1))
        findings.append(f"{levels[-1]:g} ({title}): accuracy {cell(worst, 100)} %")
    figure = Figure(
        "bridge-robustness",
        drawing,
        "The network in continuous time, perturbed more to the right. Agreement is with its own "
        "hidden spikes when untouched, within one trained step; the dashed line is the accuracy "
        "when untouched.",
        "Three line plots of accuracy and agreement against threshold jitter, bits of a weight "
        "and noise of input times.",
        basis(group, n=_counted(group), interval=INTERVAL),
    )
    found = (
        f"Untouched in continuous time: accuracy {cell(mean_interval(untouched, (0, 1)), 100)} %. "
        f"At the strongest perturbations: {'; '.join(findings)}."
    )
    return [figure], [], [found]


def _cells(groups: list[Group]) -> Part:
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
        lif, other = (cell(interval_of(group, f"accuracy_{key}"), 100) for key in ("lif", "cell"))
        share = cell(interval_of(group, "agreement"), 100)
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
        basis(records, n=_counted(records), interval=INTERVAL),
    )  # fmt: skip
    return [figure], [table], findings


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


def _dt_ms(record: Record) -> np.ndarray:
    return 1e3 * record.metrics["dt_s"] / np.array(record.trial.config["refinements"])


def _stack(group: Group, name: str) -> np.ndarray:
    return np.array([record.arrays[name] for record in group])


def _draw_means(ax: Axes, x: np.ndarray, replicates: np.ndarray, **line: Any) -> None:
    ax.plot(x, replicates.mean(axis=0), **line)
    # Of logarithms: the axis is logarithmic and a shift cannot be negative.
    intervals = [mean_interval(np.log(values).tolist()) for values in replicates.T]
    low, high = (np.exp([interval[k] for interval in intervals]) for k in (1, 2))
    ax.fill_between(x, low, high, color=line["color"], alpha=0.2, lw=0)


def _log_time(*panels: Axes) -> None:
    for ax in panels:
        ax.set_xscale("log")
        ax.invert_xaxis()
        ax.grid(alpha=0.3)


def _counted(records: Sequence[Record]) -> str:
    numbers = sorted({record.metrics["n_test"] for record in records})
    return f"{' or '.join(map(str, numbers))} test samples"


def _least(records: Sequence[Record], metric: str) -> float:
    return min(record.metrics[metric] for record in records)


def _most(records: Sequence[Record], metric: str) -> float:
    return max(record.metrics[metric] for record in records)


def _total(records: Sequence[Record], metric: str) -> int:
    return sum(record.metrics[metric] for record in records)


def _detected(records: Sequence[Record]) -> int:
    return sum(
        record.metrics[f"agreement_{name}"] < ALIKE for record in records for name in CONTROLS
    )


def _total_changed(records: Sequence[Record]) -> int:
    tables = [record.arrays["confusion"] for record in records]
    return int(sum(table.sum() - np.trace(table) for table in tables))
