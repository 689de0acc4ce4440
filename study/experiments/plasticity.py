"""The window of spike-timing-dependent plasticity, measured and as printed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from study.figures import COLOURS, label_axes
from study.procedures.pairs import NAME, PROCEDURE, PairConfig
from study.report.basis import basis
from study.report.section import Figure, Section, Table
from study.request import Request
from study.trial import Record, Trial

TITLE = "Plasticity of spike pairs"
ORDER = 20
BLUE, VERMILION = COLOURS[:2]
EQUATIONS = (
    "W(s) = cases(A_+ e^(-s slash tau_+) &"
    ' "for" s = t_"post" - t_"pre" > 0, -A_- e^(s slash tau_-) & "for" s < 0)',
    'x <- x + 1, quad w <- w - A_- y quad "on a presynaptic spike"',
    'y <- y + 1, quad w <- w + A_+ x quad "on a postsynaptic spike"',
    "tau_+ (dif x)/(dif t) = -x, quad tau_- (dif y)/(dif t) = -y",
)


def trials(request: Request) -> list[Trial]:
    """Return one trial, or one for each setting that the user gave."""
    return [
        Trial(PROCEDURE, NAME, None, dataclasses.asdict(config), seed=0)
        for config in request.configure(PairConfig(), NAME)
    ]


def section(records: list[Record]) -> Section:
    """Return window, residual and weight traces of the first record, and all errors."""
    return Section(
        name="plasticity",
        title=TITLE,
        question="Does the plasticity rule in Brian2 change weights as its formula says, and could "
        "a misprinted formula pass for it?",
        method="Each synapse sees one presynaptic and one postsynaptic spike at a given distance; "
        "all distances run side by side. The rule keeps a trace for each side, advanced exactly "
        "from spike to spike, and counts every pair. The change of weight is compared with the "
        "formula and with equation 1 as a review prints it, which lacks the absolute value in the "
        "exponent and the negative amplitude.",
        equations=EQUATIONS,
        figures=(_window_figure(records[0]), _weights_figure(records[0])),
        tables=(_errors(records),),
        findings=_findings(records[0]),
        caveats=(
            "One pair a synapse: what triplets, bursts and high rates do to a weight is not shown.",
            "Spikes in one and the same time step are left out: their order is a convention.",
        ),
        deviations=(
            "The review's equation 1 (Y.-S. Choi, Phys. High Technol. 28 (2019), "
            "doi:10.3938/PhiT.28.014) is not used as printed: its exponent takes the absolute "
            "value of the time difference, and depression its own negative amplitude.",
        ),
    )


def _findings(record: Record) -> tuple[str, ...]:
    metrics, reach_ms = record.metrics, record.trial.config["reach_s"] * 1e3
    return (
        f"The weight changes of {metrics['n_pairs']} pairs equal the formula to "
        f"{metrics['max_relative_error']:.1e} (relative).",
        f"The printed formula is wrong by up to {metrics['printed_relative_error']:.3g} times the "
        f"true value: it gives {metrics['printed_at_reach']:.3g} at the longest distance measured "
        f"(at most {reach_ms:g} ms) in place of {metrics['formula_at_reach']:.3g}.",
    )


def _errors(records: Sequence[Record]) -> Table:
    rows = tuple(
        (
            *(f"{record.trial.config[key]:g}" for key in ("a_plus", "a_minus")),
            *(f"{record.trial.config[key] * 1e3:g}" for key in ("tau_plus_s", "tau_minus_s")),
            f"Brian2 {record.metrics['engine']}",
            f"{record.metrics['n_pairs']}",
            *(
                f"{record.metrics[key]:.1e}"
                for key in (
                    "max_relative_error_potentiation",
                    "max_relative_error_depression",
                    "printed_relative_error",
                )
            ),
        )
        for record in records
    )
    columns = (
        "A₊", "A₋", "τ₊ / ms", "τ₋ / ms", "engine", "pairs", "potentiation: largest error",
        "depression: largest error", "printed formula: largest error",
    )  # fmt: skip
    return Table("Largest relative errors against the formula.", columns, rows, basis(records))


def _window_figure(record: Record) -> Figure:
    from matplotlib.figure import Figure as Drawing

    arrays = record.arrays
    drawing = Drawing(figsize=(7.2, 3.0), layout="constrained")
    window, residual = drawing.subplots(1, 2)
    delta_ms, expected = arrays["delta_t_s"] * 1e3, arrays["formula"]
    for side in (delta_ms < 0, delta_ms > 0):
        first = side[0]
        window.plot(delta_ms[side], expected[side], "k-", lw=1, label="formula" if first else None)
        window.plot(
            delta_ms[side], arrays["printed"][side], ":", color=VERMILION, lw=1.4,
            label="as printed" if first else None,
        )  # fmt: skip
    window.plot(delta_ms, arrays["measured"], "o", ms=3.5, color=BLUE, label="Brian2")
    # The misprint grows without bound; the window would vanish beside it.
    limit = 2.2 * np.abs(expected).max()
    window.set_ylim(-limit / 1.6, limit)
    label_axes(window, r"$t_\mathrm{post} - t_\mathrm{pre}$ / ms", "change of weight")
    residual.axhline(0, color="0.7", lw=0.8)
    residual.plot(delta_ms, arrays["measured"] - expected, "o", ms=3.5, color=BLUE)
    label_axes(residual, r"$t_\mathrm{post} - t_\mathrm{pre}$ / ms", "measured − formula")
    return Figure(
        "plasticity-window",
        drawing,
        "Left: change of weight by one pair of spikes, as measured, by the formula, and as a "
        "review prints it (cut off above). Right: what remains between measurement and formula.",
        "Left, potentiation that decays to the right of zero and depression that decays to the "
        "left; measured points lie on the formula, the printed formula grows to the right and is "
        "positive on the left. Right, residuals of the size of rounding.",
        basis([record], n=f"{record.metrics['n_pairs']} pairs"),
    )


def _weights_figure(record: Record) -> Figure:
    from matplotlib.figure import Figure as Drawing

    arrays, shown_ms = record.arrays, record.trial.config["shown_s"] * 1e3
    drawing = Drawing(figsize=(7.2, 2.4), layout="constrained")
    ax = drawing.subplots()
    for weight, label, colour in zip(
        arrays["weight"].T,
        (f"post {shown_ms:g} ms after pre", f"post {shown_ms:g} ms before pre"),
        (BLUE, VERMILION),
        strict=True,
    ):
        ax.plot(arrays["time_s"] * 1e3, weight, drawstyle="steps-post", color=colour, label=label)
    label_axes(ax, "time / ms", "weight − initial weight")
    return Figure(
        "plasticity-weights",
        drawing,
        "The weights of two synapses over time. Each changes once, with the second spike of its "
        "pair.",
        "Two step functions: one weight rises when the postsynaptic spike follows, the other "
        "falls when the presynaptic spike follows.",
        basis([record], n="2 pairs"),
    )
