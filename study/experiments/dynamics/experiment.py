"""Single neurons in continuous time, each against the best solution that there is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from study.analysis.basis import basis
from study.analysis.figures import COLOURS, label_axes
from study.analysis.section import Figure, Section, Table, Widget
from study.experiments.dynamics import conductances, lif, patterns, two_variable
from study.experiments.dynamics.traces import in_ms
from study.request import Request
from study.settings.config import settings_of
from study.trials.trial import Record, Trial

TITLE = "Neurons in continuous time"
ORDER = 10

PATTERNS = "izhikevich-patterns"


class Model(NamedTuple):
    """A model: how it is run, drawn and told of."""

    procedure: str
    config: Any
    draw: Callable[[Record], Figure]
    found: Callable[[Record], list[str]]


MODELS = {
    "lif": Model("run_lif", lif.LIFConfig(), lif.draw, lif.found),
    "hodgkin-huxley": Model(
        "run_hodgkin_huxley", conductances.HodgkinHuxleyConfig(),
        conductances.draw_hodgkin_huxley, conductances.found,
    ),
    "traub": Model(
        "run_traub", conductances.TraubConfig(), conductances.draw_traub, conductances.found
    ),
    "izhikevich": Model(
        "run_izhikevich", two_variable.IzhikevichConfig(), two_variable.draw, two_variable.found
    ),
    "adex": Model("run_adex", two_variable.AdExConfig(), two_variable.draw, two_variable.found),
    PATTERNS: Model("run_patterns", patterns.PatternsConfig(), patterns.draw, patterns.found),
}  # fmt: skip
PROCEDURES = "study.procedures.membranes"
EQUATIONS = (
    'tau_m (dif V)/(dif t) = E_L - V + R I, quad V > V_t => V <- V_r "for" t_"ref"',
    "C (dif V)/(dif t) = I - g_(N a) m^3 h (V - E_(N a)) - g_K n^4 (V - E_K) - g_L (V - E_L)",
    "(dif x)/(dif t) = alpha_x (V) (1 - x) - beta_x (V) x, quad x in {m, h, n}",
    "(dif v)/(dif t) = 0.04 v^2 + 5 v + 140 - u + I, quad (dif u)/(dif t) = a (b v - u), "
    "quad v > 30 => v <- c, u <- u + d",
    "C (dif v)/(dif t) = g_L (E_L - v) + g_L Delta_T e^((v - V_T) slash Delta_T) - w + I, "
    'quad tau_w (dif w)/(dif t) = a (v - E_L) - w, quad v > V_"peak" => v <- V_r, w <- w + b',
)


def trials(request: Request) -> list[Trial]:
    """Return one trial for each neuron model."""
    return [
        Trial(f"{PROCEDURES}:{model.procedure}", name, None, settings_of(config), seed=0)
        for name, model in MODELS.items()
        for config in request.configure(model.config, name)
    ]


def section(records: list[Record]) -> Section:
    """Return traces, f-I curves and errors of the models that ran."""
    shown: dict[str, Record] = {}
    for record in records:
        shown.setdefault(record.trial.subject, record)
    return Section(
        name="dynamics",
        title=TITLE,
        question="Do the neuron models in Brian2 solve their equations, and how large is the error "
        "that the time step leaves?",
        method="Each model receives a step of current that stays on. The leaky integrate-and-fire "
        "neuron is compared with its closed form; the others (Hodgkin and Huxley's squid axon, "
        "Traub and Miles' cell with the same equations and other rates, Izhikevich's model, the "
        "adaptive exponential neuron; all by fourth-order Runge-Kutta) with equations written "
        "separately for SciPy's DOP853 at a tolerance of 1e-10, where spikes and resets are "
        "located by root finding. f-I curves run all currents side by side and use intervals in "
        "the second half of the run. Izhikevich's twenty patterns are computed with the time step "
        "and the scheme of their source, and besides solved accurately.",
        equations=EQUATIONS,
        figures=(*(MODELS[name].draw(record) for name, record in shown.items()), *_types(shown)),
        tables=(_errors([record for record in records if record.trial.subject != PATTERNS]),),
        findings=tuple(sentence for name in shown for sentence in MODELS[name].found(shown[name])),
        caveats=(
            "Spike times are the ends of time steps, so each is late by up to one step even where "
            "the trace is exact. Where a reset follows, the next spike inherits that delay.",
            "The f-I curves start from rest and rise in steps; they do not show the range of "
            "currents in which the squid axon can both rest and fire.",
            "A neuron counts as firing where it has two spikes in the second half of its run: a "
            "rate that is lower still is not seen.",
        ),
        deviations=(
            "Izhikevich's published script for networks advances v in two half-steps of 0.5 ms; in "
            "the figure of cells both variables are advanced by Runge-Kutta at a smaller step, so "
            "spike counts differ. The twenty patterns follow their own script, except that a ramp "
            "is read in the middle of each step and pulses begin on the grid of steps.",
        ),
        references=(
            "stimberg2019",
            "hodgkin1952",
            "brette2007",
            "izhikevich2003",
            "izhikevich2004",
            "brette2005",
        ),
        widget=_widget(shown["lif"]) if "lif" in shown else None,
    )


def _widget(record: Record) -> Widget:
    """Return the LIF neuron of the record for the reader to turn up its current."""
    from biosim.neurons import LIF

    return Widget(
        "lif", {**dataclasses.asdict(LIF()), "current_a": record.trial.config["current_a"]}
    )


def _errors(records: Sequence[Record]) -> Table:
    rows = [row for record in records for row in _error_rows(record)]
    columns = (
        "model", "engine", "dt / ms", "spikes, reference", "largest error of v / mV",
        "largest error of a spike / ms",
    )  # fmt: skip
    return Table(
        "Errors against the closed form (LIF, up to the first spike) and SciPy (others).",
        columns,
        tuple(rows),
        basis(records),
    )


def _error_rows(record: Record) -> list[tuple[str, ...]]:
    metrics, config, name = record.metrics, record.trial.config, record.trial.subject
    dt_s, engine = float(config["dt_s"]), f"Brian2 {metrics['engine']}"
    if name not in two_variable.MODELS:
        spikes = f"{metrics['n_spikes']}, {metrics['reference_spikes']}"
        trace = f"{metrics['max_trace_error_v'] * 1e3:.1e}"
        return [
            (
                name,
                engine,
                f"{dt_s * 1e3:g}",
                spikes,
                trace,
                in_ms(metrics["max_spike_error_s"]),
            )
        ]
    return [
        (
            f"{name} {cell}",
            engine,
            f"{dt_s / refinement * 1e3:g}",
            f"{metrics[f'{cell}.n_spikes'][k]}, {metrics[f'{cell}.reference_spikes'][k]}",
            "–",
            in_ms(metrics[f"{cell}.max_spike_error_s"][k]),
        )
        for cell in config["cells"]
        for k, refinement in enumerate(config["refinements"])
    ]


def _types(shown: dict[str, Record]) -> list[Figure]:
    """Return the figure that sets the two kinds of onset side by side, where both models fire."""
    from matplotlib.figure import Figure as Drawing

    names = {"hodgkin-huxley": "Hodgkin-Huxley: type II", "traub": "Traub: type I"}
    both = [shown[name] for name in names if name in shown and conductances.fires(shown[name])]
    if len(both) < len(names):
        return []
    drawing = Drawing(figsize=(4.4, 2.8), layout="constrained")
    ax = drawing.subplots()
    for record, colour in zip(both, COLOURS, strict=False):
        relative = record.arrays["current"] / record.metrics["firing_current"]
        label = names[record.trial.subject]
        ax.plot(relative, record.arrays["rate_hz"], ".", ms=3, color=colour, label=label)
    label_axes(ax, "current / smallest that fires", "rate / Hz")
    return [
        Figure(
            "dynamics-types",
            drawing,
            "Two kinds of excitability: rate against the current relative to the smallest one that "
            "sustains firing. The squid axon begins with a jump, Traub's cell does not.",
            "Two curves that are zero up to a relative current of one: one jumps there to a high "
            "rate, the other one rises from near zero.",
            basis(both, n=f"{sum(len(record.arrays['current']) for record in both)} currents"),
        )
    ]
