"""One trained network in two simulators: PyTorch's steps and Brian2's continuous time."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from study.figures import draw_shares
from study.procedures.bridge import NAME, PROCEDURE, BridgeConfig
from study.report.basis import basis
from study.report.section import Figure, Section, Table
from study.request import Request
from study.stats import INTERVAL
from study.trial import Record, Trial

TITLE = "One network, two simulators"
ORDER = 50


def trials(request: Request) -> list[Trial]:
    """Return one trial for each network that the surrogate experiment trains on ``digits``."""
    return [
        Trial(
            procedure=PROCEDURE,
            learner=NAME,
            dataset=trained.dataset,
            config=dataclasses.asdict(config),
            seed=trained.seed,
            needs=(trained,),
        )
        for config in request.configure(BridgeConfig(), NAME)
        for trained in request.learning_trials(["surrogate"], ["digits"])
    ]


def section(records: list[Record]) -> Section:
    """Return the agreement at equal dt, towards continuous time, and of the controls.

    Where the user swept settings, figures and findings are those of the first configuration.
    """
    first = [record for record in records if record.trial.config_id == records[0].trial.config_id]
    return Section(
        name="bridge",
        title=TITLE,
        question="Is a network that was trained in discrete time the same network in a "
        "continuous-time simulator, and how far from continuous time is it?",
        method="The network of the surrogate experiment is written as a NIR graph, with its step "
        "and conventions in the metadata, and built from it in Brian2 with the trained weights. "
        "Both simulators get the same input spikes of every test sample. At equal dt Brian2 holds "
        "the synaptic current over a step, as training did; for smaller dt it integrates the "
        "differential equations exactly between spikes. Spikes of the same neuron and sample are "
        "paired one to one within a tolerance; agreement is the share of spikes with a partner. "
        "The negative controls are the same network with the weights into the hidden layer "
        "shuffled, and with the two time constants exchanged.",
        equations=(
            "tau_m (dif v)/(dif t) = -v + r I, quad tau_s (dif I)/(dif t) = -I + tau_s W S(t)",
            'v_(t+1) = beta v_t + kappa I_t, quad kappa_"held" = r (1 - beta), quad '
            'kappa_"exact" = r tau_s / (tau_s - tau_m) (alpha - beta)',
            '"agreement" = 2 m / (n_"discrete" + n_"continuous")',
        ),
        figures=(_curves(first), _raster(first[0])),
        tables=(_table(records),),
        findings=tuple(_findings(first)),
        caveats=(
            "Agreement within a tolerance rises with the tolerance and with the firing rate even "
            "for unrelated trains: read it beside the controls.",
            "The delays and the hold after a spike of the discrete network are kept as times when "
            "dt shrinks. They belong to the trained network, not to continuous time.",
            "Refining Brian2 alone shows what discrete training costs in continuous time. It does "
            "not show that both simulators have the same limit.",
        ),
    )


def _table(records: Sequence[Record]) -> Table:
    rows = []
    for record in records:
        found = record.metrics
        rows.append(
            (
                f"{record.trial.dataset_name} · seed {record.trial.seed}",
                f"{found['spikes_discrete']:,}",
                f"{100 * found['agreement_same']:.3f}",
                f"{found['trains_differing']} ({found['trains_differing_by_rounding_tie']})",
                f"{100 * found['accuracy_discrete']:.2f}",
                f"{100 * found['accuracy_same']:.2f}",
                f"{100 * found['agreement_shuffled']:.1f} / {100 * found['agreement_swapped']:.1f}",
                f"{100 * found['accuracy_shuffled']:.1f} / {100 * found['accuracy_swapped']:.1f}",
            )
        )
    return Table(
        "The same network at equal dt. Controls: shuffled weights / exchanged time constants.",
        (
            "network",
            "hidden spikes",
            "agreement / %",
            "trains that differ (by a rounding tie)",
            "accuracy, PyTorch / %",
            "accuracy, Brian2 / %",
            "agreement of controls / %",
            "accuracy of controls / %",
        ),
        tuple(rows),
        basis(records, n=_counted(records)),
    )


def _counted(records: Sequence[Record]) -> str:
    return f"{records[0].metrics['n_test']} test samples"


def _curves(records: Sequence[Record]) -> Figure:
    from matplotlib.figure import Figure as Drawing

    config = BridgeConfig(**records[0].trial.config)
    dt_ms = 1e3 * records[0].metrics["dt_s"] / np.array(config.refinements)
    agreement = np.array([record.arrays["agreement"] for record in records])
    accuracies = np.array([record.arrays["accuracy"] for record in records])
    drawing = Drawing(figsize=(7.2, 3.3), layout="constrained")
    left, right = drawing.subplots(1, 2)
    for column, steps in enumerate(config.tolerances_steps):
        label = f"within {steps:g} training steps"
        draw_shares(
            left, dt_ms, agreement[:, :, column], marker="o", ms=4, color=f"C{column}", label=label
        )
    control = np.mean([record.metrics["agreement_shuffled"] for record in records])
    left.axhline(100 * control, ls=":", color="0.4", label="control: shuffled, same step")
    left.set(xlabel="Brian2's dt / ms", ylabel="hidden spikes that agree / %", ylim=(0, 102))
    draw_shares(right, dt_ms, accuracies, marker="o", ms=4, color="C0", label="Brian2")
    trained = np.mean([record.metrics["accuracy_discrete"] for record in records])
    right.axhline(100 * trained, ls="--", color="0.4", label="PyTorch, as trained")
    right.set(xlabel="Brian2's dt / ms", ylabel="test accuracy / %")
    for ax in (left, right):
        ax.set_xscale("log")
        ax.invert_xaxis()
        ax.grid(alpha=0.3)
        ax.legend(fontsize=8)
    return Figure(
        "bridge-towards-continuous-time",
        drawing,
        "Towards continuous time: Brian2's dt shrinks to the right while the trained network "
        "stays as it is. Left: hidden spikes that agree with PyTorch's, by tolerance. Right: "
        "test accuracy.",
        "Two line plots against Brian2's time step, decreasing to the right: share of agreeing "
        "hidden spikes for several tolerances with a control line, and test accuracy.",
        basis(records, n=_counted(records), interval=INTERVAL),
    )


def _raster(record: Record) -> Figure:
    from matplotlib.figure import Figure as Drawing

    arrays = record.arrays
    config = BridgeConfig(**record.trial.config)
    dt_ms = 1e3 * record.metrics["dt_s"]
    drawing = Drawing(figsize=(7.2, 3.2), layout="constrained")
    ax = drawing.subplots()
    for name, marker, label in (
        ("discrete", "o", f"PyTorch, dt = {dt_ms:g} ms"),
        ("continuous", "|", f"Brian2, dt = {dt_ms / config.refinements[-1]:g} ms"),
    ):
        ax.plot(
            1e3 * arrays[f"example_{name}_s"], arrays[f"example_{name}_unit"], marker, ms=5,
            mfc="none", ls="none", label=label, color="C0" if name == "discrete" else "C3",
        )  # fmt: skip
    ax.set(xlabel="time / ms", ylabel="hidden neuron")
    ax.legend(fontsize=8, loc="upper right")
    return Figure(
        "bridge-raster",
        drawing,
        "Hidden spikes of the first test sample in both simulators, Brian2 at its finest dt.",
        "Raster plot: circles for PyTorch's spikes, bars for Brian2's; most bars lie in circles "
        "or next to them.",
        basis([record], n="1 test sample"),
    )


def _findings(records: Sequence[Record]) -> list[str]:
    lowest = min(record.metrics["agreement_same"] for record in records)
    differing = sum(record.metrics["trains_differing"] for record in records)
    ties = sum(record.metrics["trains_differing_by_rounding_tie"] for record in records)
    gap = max(
        abs(record.metrics["accuracy_same"] - record.metrics["accuracy_discrete"])
        for record in records
    )
    config = BridgeConfig(**records[0].trial.config)
    finest = np.mean([record.arrays["agreement"][-1] for record in records], axis=0)
    accuracy = np.mean([record.arrays["accuracy"][-1] for record in records])
    trained = np.mean([record.metrics["accuracy_discrete"] for record in records])
    control = max(record.metrics["agreement_shuffled"] for record in records)
    swapped = max(record.metrics["agreement_swapped"] for record in records)
    by_tolerance = ", ".join(
        f"{100 * share:.1f} % within {steps:g} steps"
        for steps, share in zip(config.tolerances_steps, finest, strict=True)
    )
    return [
        f"At equal dt at least {100 * lowest:.3f} % of hidden spikes agree in every network; "
        f"{differing} trains differ, {ties} of them from a rounding tie on. The accuracies "
        f"differ by at most {100 * gap:.2f} points.",
        f"At the finest dt, {config.refinements[-1]} times smaller than in training, agreement is "
        f"{by_tolerance}; accuracy is {100 * accuracy:.1f} % against {100 * trained:.1f} % as "
        "trained.",
        f"The controls fail as they must: at most {100 * control:.1f} % of spikes agree with "
        f"shuffled weights and {100 * swapped:.1f} % with exchanged time constants.",
    ]
