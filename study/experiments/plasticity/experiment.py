"""Spike-timing-dependent plasticity: its window, repeated pairs, and weights that compete."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from study.analysis.basis import basis
from study.analysis.figures import COLOURS, label_axes
from study.analysis.section import Figure, Section, Table, Widget
from study.experiments.plasticity import competition, pairs
from study.experiments.plasticity.competition import FULL, CompetitionConfig
from study.experiments.plasticity.pairs import (
    OBSERVED_CHANGE,
    OBSERVED_DELTA_S,
    OBSERVED_ERROR,
    OBSERVED_HZ,
    FrequencyConfig,
    PairConfig,
)
from study.request import Request
from study.settings.config import settings_of
from study.trials.trial import Record, Trial

TITLE = "Spike-timing-dependent plasticity"
ORDER = 20
BLUE, VERMILION = COLOURS[:2]
EQUATIONS = (
    "W(s) = cases(A_+ e^(-s slash tau_+) &"
    ' "for" s = t_"post" - t_"pre" > 0, -A_- e^(s slash tau_-) & "for" s < 0)',
    'x <- x + 1, quad w <- w - A_- w^mu y quad "on a presynaptic spike"',
    'y <- y + 1, quad w <- w + A_+ (1 - w)^mu x quad "on a postsynaptic spike"',
    "tau_+ (dif x)/(dif t) = -x, quad tau_- (dif y)/(dif t) = -y",
    'w <- w - A_2^- o_1 quad "and" quad w <- w + r_1 (A_2^+ + A_3^+ o_2) quad "(triplet rule)"',
)


def trials(request: Request) -> list[Trial]:
    """Return a trial for the window, repeated pairs and competition; more if settings differ."""
    competing = CompetitionConfig() if request.profile == "quick" else FULL
    kinds = (
        (f"{pairs.PROCEDURES}:run", pairs.WINDOW, PairConfig()),
        (f"{pairs.PROCEDURES}:run_frequency", pairs.FREQUENCY, FrequencyConfig()),
        (competition.PROCEDURE, competition.NAME, competing),
    )
    return [
        Trial(procedure, name, None, settings_of(config), seed=0)
        for procedure, name, default in kinds
        for config in request.configure(default, name)
    ]


def section(records: list[Record]) -> Section:
    """Return figures and findings of the first record of each kind, and tables of all."""
    kinds: dict[str, list[Record]] = {}
    for record in records:
        kinds.setdefault(record.trial.subject, []).append(record)
    return Section(
        name="plasticity",
        title=TITLE,
        question="Do the plasticity rules in Brian2 change weights as their formulas say? Which "
        "rule changes weights as synapses do when pairs are repeated quickly, and what does a "
        "rule make of many weights that compete?",
        method="Window: each synapse sees one presynaptic and one postsynaptic spike at a given "
        "distance; all distances run side by side. The change of weight is compared with the "
        "formula and with equation 1 as a review prints it, which lacks the absolute value in "
        "the exponent and the negative amplitude. Frequency: a pair is repeated, and the change "
        "is compared with measurements in visual cortex. The triplet rule has its published "
        "parameters; the pair rule has the amplitudes that fit the same measurements best. "
        "Competition: neurons receive Poisson spikes through synapses whose weights begin "
        "uniform between the bounds 0 and 1; rules differ in the exponent µ of their weight "
        "dependence alone. Traces are advanced exactly from spike to spike.",
        equations=EQUATIONS,
        figures=tuple(draw(kinds[name][0]) for name in kinds for draw in DRAWN[name]),
        tables=tuple(TABLES[name](kinds[name]) for name in kinds if name in TABLES),
        findings=tuple(told for name in kinds for told in FOUND[name](kinds[name][0])),
        caveats=(
            "Of two spikes in one time step the presynaptic one counts as the earlier: their "
            "order is a convention. The window leaves such pairs out.",
            "Repeated pairs: the lowest frequencies are simulated with the longest interval that "
            "the configuration allows, after which traces have decayed. The triplet rule was "
            "fitted to these measurements by its authors; that it meets them is no prediction.",
            "Competition: in the quick profile few inputs, large steps and strong depression "
            "bring about in seconds what takes 1,000 inputs and small steps many minutes. The "
            "shape of a distribution depends on these numbers; that additive weights part and "
            "multiplicative ones do not is the property shown.",
        ),
        deviations=(
            "The review's equation 1 (Y.-S. Choi, Phys. High Technol. 28 (2019), "
            "doi:10.3938/PhiT.28.014) is not used as printed: its exponent takes the absolute "
            "value of the time difference, and depression its own negative amplitude.",
            "Song, Miller and Abbott (Nat. Neurosci. 3 (2000)) drive their neuron with "
            "inhibitory inputs too, and start all weights at the upper bound.",
        ),
        references=("sjostrom2001", "pfister2006", "song2000", "gutig2003"),
        widget=_widget(kinds[pairs.WINDOW][0]) if pairs.WINDOW in kinds else None,
    )


def _widget(record: Record) -> Widget:
    """Return the window of the record for the reader to move."""
    names = ("a_plus", "a_minus", "tau_plus_s", "tau_minus_s")
    return Widget("stdp", {name: record.trial.config[name] for name in names})


def _found_window(record: Record) -> list[str]:
    metrics, reach_ms = record.metrics, record.trial.config["reach_s"] * 1e3
    return [
        f"The weight changes of {metrics['n_pairs']} pairs equal the formula to "
        f"{metrics['max_relative_error']:.1e} (relative).",
        f"The printed formula is wrong by up to {metrics['printed_relative_error']:.3g} times the "
        f"true value: it gives {metrics['printed_at_reach']:.3g} at the longest distance measured "
        f"(at most {reach_ms:g} ms) in place of {metrics['formula_at_reach']:.3g}.",
    ]


def _found_frequency(record: Record) -> list[str]:
    metrics, frequencies = record.metrics, record.arrays["frequency_hz"]
    lowest, highest = (f"{frequencies[k]:g} Hz" for k in (0, -1))
    changes = " and ".join(
        f"by the {name} rule from {metrics[f'{name}.change_lowest']:+.2f} to "
        f"{metrics[f'{name}.change_highest']:+.2f}"
        for name in ("triplet", "pair")
    )
    return [
        f"Where the postsynaptic spike follows after {OBSERVED_DELTA_S[0] * 1e3:g} ms, the change "
        f"of weight by {metrics['n_pairs']} pairs goes from {lowest} to {highest} {changes}; "
        f"measured in slices: {OBSERVED_CHANGE[0, 0]:+.2f} to {OBSERVED_CHANGE[0, -1]:+.2f}.",
        f"The mean squared distance from {metrics['n_measured']} measured means, in standard "
        f"errors, is {metrics['triplet.mean_squared_misfit']:.2g} for the triplet rule and "
        f"{metrics['pair.mean_squared_misfit']:.2g} for the best pair rule with the same time "
        f"constants (A₊ = {metrics['pair.a_plus']:.2g}, A₋ = {metrics['pair.a_minus']:.2g}).",
    ]


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


def _frequency_figure(record: Record) -> Figure:
    from matplotlib.figure import Figure as Drawing

    arrays = record.arrays
    drawing = Drawing(figsize=(7.2, 3.0), layout="constrained")
    axes = drawing.subplots(1, len(OBSERVED_DELTA_S), sharey=True)
    for row, (ax, delta_s) in enumerate(zip(axes, OBSERVED_DELTA_S, strict=True)):
        ax.axhline(0, color="0.7", lw=0.8)
        for rule, colour in (("triplet", BLUE), ("pair", VERMILION)):
            ax.plot(
                arrays["frequency_hz"], arrays[rule][row], "o-", ms=3.5, lw=1.2, color=colour,
                label=f"{rule} rule",
            )  # fmt: skip
        ax.errorbar(
            OBSERVED_HZ, OBSERVED_CHANGE[row], OBSERVED_ERROR[row], fmt="ks", ms=4, capsize=2,
            lw=1, label="measured",
        )  # fmt: skip
        order = "after" if delta_s > 0 else "before"
        label_axes(ax, f"pairs per second, post {abs(delta_s) * 1e3:g} ms {order} pre", "")
    axes[0].set_ylabel("relative change of weight", fontsize=9)
    return Figure(
        "plasticity-frequency",
        drawing,
        "Change of weight by repeated pairs against the frequency of repetition, with the "
        "postsynaptic spike after (left) and before the presynaptic one (right). Black: "
        "Sjöström, Turrigiano and Nelson (2001), mean and standard error. By the triplet rule "
        "potentiation grows with frequency, as measured; the best pair rule cannot do that.",
        "Two panels of weight change against pairing frequency. The triplet rule follows the "
        "measured points from no change or depression at low frequencies to potentiation at high "
        "ones; the pair rule stays nearly flat on the left and far above the points on the right "
        "at low frequencies.",
        basis([record], n=f"{record.metrics['n_pairs']} pairs a point"),
    )


DRAWN: dict[str, tuple[Callable[[Record], Figure], ...]] = {
    pairs.WINDOW: (_window_figure, _weights_figure),
    pairs.FREQUENCY: (_frequency_figure,),
    competition.NAME: (competition.draw,),
}
TABLES: dict[str, Callable[[Sequence[Record]], Table]] = {
    pairs.WINDOW: _errors,
    competition.NAME: competition.table,
}
FOUND: dict[str, Callable[[Record], list[str]]] = {
    pairs.WINDOW: _found_window,
    pairs.FREQUENCY: _found_frequency,
    competition.NAME: competition.found,
}
