"""Questions (ii) and (iii): what both simulators, or Brian2 alone, do as dt shrinks."""

from __future__ import annotations

from typing import Any

import numpy as np

from study.analysis.basis import basis
from study.analysis.figures import COLOURS, draw_shares, label_axes
from study.analysis.replicates import cell, percent
from study.analysis.section import Figure, Table
from study.analysis.stats import INTERVAL, mean_interval
from study.experiments.bridge.groups import (
    Group,
    Part,
    counted,
    draw_means,
    dt_ms_of,
    log_time,
    stack,
)
from study.experiments.bridge.limit import CostConfig
from study.settings.config import configured


def limits(groups: list[Group]) -> Part:
    """Return what both do when they are refined together."""
    if not groups:
        return [], [], []
    from matplotlib.figure import Figure as Drawing

    records = [record for group in groups for record in group]
    drawing = Drawing(figsize=(7.2, 3.3), layout="constrained")
    left, right = drawing.subplots(1, 2)
    findings = []
    for group, colour in zip(groups, COLOURS, strict=False):
        name = group[0].trial.dataset_name
        dt_ms = dt_ms_of(group[0])
        draw_shares(left, dt_ms, stack(group, "share"), marker="o", ms=4, color=colour, label=name)
        shifts = 1e3 * stack(group, "mean_shift_s")
        draw_means(right, dt_ms, shifts, marker="o", ms=4, color=colour, label=name)
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
    log_time(left, right)
    figure = Figure(
        "bridge-limit",
        drawing,
        "Both simulators refined together, smaller dt to the right. Left: hidden spikes of one "
        "that have a partner in the other within one step of the trained network. Right: how far "
        "partners lie apart; the dotted line has slope 1.",
        "Two line plots against the time step of both simulators: agreement rises towards 100 "
        "percent, and the shift of spikes falls in proportion to the step.",
        basis(records, n=counted(records), interval=INTERVAL),
    )
    return [figure], [], findings


def cost(groups: list[Group]) -> Part:
    """Return what training in steps costs in continuous time."""
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
        dt_ms, trained_ms = dt_ms_of(group[0]), 1e3 * group[0].metrics["dt_s"]
        line: dict[str, Any] = {
            "marker": "o", "ms": 4, "color": colour, "label": f"{trained_ms:g} ms",
        }  # fmt: skip
        agreement, accuracies = stack(group, "agreement"), stack(group, "accuracy")
        draw_shares(left, dt_ms, agreement[:, :, column], **line)
        draw_shares(right, dt_ms, accuracies, **line)
        lost = [
            r.metrics["accuracy_discrete"] - a[-1] for r, a in zip(group, accuracies, strict=True)
        ]
        rows.append(
            (
                group[0].trial.dataset_name,
                f"{trained_ms:g}",
                percent(group, "accuracy_discrete"),
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
    log_time(left, right)
    figure = Figure(
        "bridge-cost",
        drawing,
        "Brian2 alone refined, smaller dt to the right, for networks trained at several steps. "
        "A colour is a step of training. Left: hidden spikes that agree with the network as it was "
        "trained. Right: test accuracy.",
        "Two line plots against Brian2's time step: share of agreeing hidden spikes and test "
        "accuracy, a line for each time step of training.",
        basis(records, n=counted(records), interval=INTERVAL),
    )
    table = Table(
        "Continuous time at Brian2's finest dt against the network as it was trained.",
        (
            "data set", "trained at dt / ms", "accuracy as trained / %",
            "accuracy in continuous time / %", "lost / points",
            *(f"agreement within {tolerance:g} steps / %" for tolerance in steps),
        ),
        tuple(rows),
        basis(records, n=counted(records), interval=INTERVAL),
    )  # fmt: skip
    findings = [
        f"Trained in steps of {row[1]} ms ({row[0]}), the accuracy is {row[2]} % as trained and "
        f"{row[3]} % in continuous time: {row[4]} points are lost."
        for row in rows
    ]
    return [figure], [table], findings
