"""Single neurons in continuous time, each against the best solution that there is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from study.analysis.basis import basis
from study.analysis.figures import COLOURS, label_axes
from study.analysis.replicates import significant
from study.analysis.section import Figure, Section, Table, Widget
from study.config import settings_of
from study.experiments.dynamics.membranes import (
    AdExConfig,
    HodgkinHuxleyConfig,
    IzhikevichConfig,
    LIFConfig,
    PatternsConfig,
    TraubConfig,
)
from study.request import Request
from study.trials.trial import Record, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Neurons in continuous time"
ORDER = 10

MODELS: dict[str, tuple[str, Any]] = {
    "lif": ("run_lif", LIFConfig()),
    "hodgkin-huxley": ("run_hodgkin_huxley", HodgkinHuxleyConfig()),
    "traub": ("run_traub", TraubConfig()),
    "izhikevich": ("run_izhikevich", IzhikevichConfig()),
    "adex": ("run_adex", AdExConfig()),
    "izhikevich-patterns": ("run_patterns", PatternsConfig()),
}
CELLS = {"izhikevich": "Izhikevich", "adex": "AdEx"}  # models of which several cells are shown
PATTERNS = "izhikevich-patterns"
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
        Trial(f"{PROCEDURES}:{procedure}", name, None, settings_of(config), seed=0)
        for name, (procedure, default) in MODELS.items()
        for config in request.configure(default, name)
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
        figures=(*(DRAWN[name](record) for name, record in shown.items()), *_types(shown)),
        tables=(_errors([record for record in records if record.trial.subject != PATTERNS]),),
        findings=tuple(sentence for name in shown for sentence in FOUND[name](shown[name])),
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
    if name not in CELLS:
        spikes = f"{metrics['n_spikes']}, {metrics['reference_spikes']}"
        trace = f"{metrics['max_trace_error_v'] * 1e3:.1e}"
        return [(name, engine, f"{dt_s * 1e3:g}", spikes, trace, _ms(metrics["max_spike_error_s"]))]
    return [
        (
            f"{name} {cell}",
            engine,
            f"{dt_s / refinement * 1e3:g}",
            f"{metrics[f'{cell}.n_spikes'][k]}, {metrics[f'{cell}.reference_spikes'][k]}",
            "–",
            _ms(metrics[f"{cell}.max_spike_error_s"][k]),
        )
        for cell in config["cells"]
        for k, refinement in enumerate(config["refinements"])
    ]


def _ms(time_s: float | None) -> str:
    return "–" if time_s is None else f"{time_s * 1e3:.4f}"


def _draw_lif(record: Record) -> Figure:
    from matplotlib.figure import Figure as Drawing

    arrays = record.arrays
    drawing = Drawing(figsize=(7.2, 2.8), layout="constrained")
    trace, curve = drawing.subplots(1, 2)
    _trace(trace, arrays["time_s"], arrays["v"], arrays["reference_v"], "closed form")
    for spike_s in arrays["spike_time_s"]:
        trace.axvline(spike_s * 1e3, color="0.6", lw=0.6, ls=":")
    curve.plot(
        arrays["current"] * 1e9, arrays["reference_rate_hz"], "k--", lw=1, label="closed form"
    )
    curve.plot(arrays["current"] * 1e9, arrays["rate_hz"], ".", color=COLOURS[0], label="Brian2")
    label_axes(curve, "current / nA", "rate / Hz")
    return Figure(
        "dynamics-lif",
        drawing,
        "Leaky integrate-and-fire neuron. Left: membrane under a step of current with the closed "
        "form up to the first spike; dotted lines are spikes. Right: the rate rises continuously "
        "from the rheobase.",
        "Left, a membrane potential that charges, fires and is reset periodically, on top of its "
        "closed form. Right, firing rate against current: zero, then rising without a jump.",
        basis([record], n=f"{len(arrays['current'])} currents"),
    )


def _draw_hodgkin_huxley(record: Record) -> Figure:
    from matplotlib.figure import Figure as Drawing

    arrays = record.arrays
    drawing = Drawing(figsize=(7.2, 2.8), layout="constrained")
    trace, gates, curve = drawing.subplots(1, 3)
    _trace(trace, arrays["time_s"], arrays["v"], arrays["reference_v"], "SciPy")
    for gate, colour, values in zip("mhn", COLOURS[:3], arrays["gates"].T, strict=True):
        gates.plot(arrays["time_s"] * 1e3, values, color=colour, lw=1, label=f"${gate}$")
    label_axes(gates, "time / ms", "gating variable")
    # 1 A/m2 = 100 uA/cm2
    curve.plot(arrays["current"] * 100, arrays["rate_hz"], ".", color=COLOURS[0], label="Brian2")
    label_axes(curve, "current / µA cm⁻²", "rate / Hz")
    return Figure(
        "dynamics-hodgkin-huxley",
        drawing,
        "Hodgkin and Huxley's squid axon. Left: membrane under a step of current, with SciPy's "
        "solution. Middle: activation m, inactivation h and potassium n. Right: the rate jumps "
        "where sustained firing sets in.",
        "Three panels: action potentials that lie on the reference; the gating variables between "
        "zero and one; firing rate against current with a jump from zero.",
        basis([record], n=f"{len(arrays['current'])} currents"),
    )


def _draw_traub(record: Record) -> Figure:
    from matplotlib.figure import Figure as Drawing

    arrays = record.arrays
    drawing = Drawing(figsize=(7.2, 2.8), layout="constrained")
    trace, curve = drawing.subplots(1, 2)
    _trace(trace, arrays["time_s"], arrays["v"], arrays["reference_v"], "SciPy")
    curve.plot(arrays["current"] * 1e9, arrays["rate_hz"], ".", color=COLOURS[0], label="Brian2")
    label_axes(curve, "current / nA", "rate / Hz")
    return Figure(
        "dynamics-traub",
        drawing,
        "Traub and Miles' cell. Left: membrane under a step of current, with SciPy's solution. "
        "Right: the rate rises from low values.",
        "Left, action potentials that lie on the reference. Right, firing rate against current: "
        "zero, then rising steeply from a few hertz.",
        basis([record], n=f"{len(arrays['current'])} currents"),
    )


def _types(shown: dict[str, Record]) -> list[Figure]:
    """Return the figure that sets the two kinds of onset side by side, where both models fire."""
    from matplotlib.figure import Figure as Drawing

    names = {"hodgkin-huxley": "Hodgkin-Huxley: type II", "traub": "Traub: type I"}
    both = [shown[name] for name in names if name in shown and _fires(shown[name])]
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


def _fires(record: Record) -> bool:
    return record.metrics["firing_current"] is not None


def _draw_cells(record: Record) -> Figure:
    from matplotlib.figure import Figure as Drawing

    arrays, config = record.arrays, record.trial.config
    cells, model = config["cells"], CELLS[record.trial.subject]
    drawing = Drawing(figsize=(7.2, 0.9 + 1.0 * len(cells)), layout="constrained")
    left, right = drawing.subfigures(1, 2, width_ratios=(2, 1), squeeze=False)[0]
    axes = left.subplots(len(cells), 1, sharex=True, squeeze=False)[:, 0]
    convergence = right.subplots()
    dt_ms = [config["dt_s"] / refinement * 1e3 for refinement in config["refinements"]]
    for number, (ax, cell) in enumerate(zip(axes, cells, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        _spiking(ax, arrays["time_s"], arrays[f"{cell}.v"], arrays[f"{cell}.spike_time_s"], colour)
        ax.set_ylabel(f"{cell}\nv / mV", fontsize=8)
        ax.tick_params(labelsize=8)
        errors = record.metrics[f"{cell}.max_spike_error_s"]
        known = [(x, error * 1e3) for x, error in zip(dt_ms, errors, strict=True) if error]
        if known:
            convergence.plot(*zip(*known, strict=True), "o-", ms=4, color=colour, label=cell)
    axes[-1].set_xlabel("time / ms", fontsize=8)
    convergence.set_xscale("log")
    convergence.set_yscale("log")
    convergence.set_xticks(dt_ms, [f"{x:g}" for x in dt_ms])
    convergence.minorticks_off()
    label_axes(convergence, "dt / ms", "largest spike error / ms")
    # One column: the names are too long for the panel's width otherwise.
    if convergence.get_legend():
        convergence.legend(fontsize=7, frameon=False, loc="lower left", bbox_to_anchor=(0, 1))
    return Figure(
        f"dynamics-{record.trial.subject}",
        drawing,
        f"{model}: cells under a step of current, and the largest difference of a spike time from "
        "SciPy's solution as the time step shrinks.",
        f"Left, one trace a cell: {', '.join(cells)}. Right, the largest error of a spike time "
        "against the time step, both logarithmic.",
        basis([record], n=f"{len(cells)} cells"),
    )


def _spiking(ax: Axes, time_s: Any, v: Any, spike_time_s: Any, colour: str) -> None:
    ax.plot(time_s * 1e3, v * 1e3, lw=0.8, color=colour)
    # A spike is reset within its step: its peak is drawn, it is in no trace.
    ax.vlines(spike_time_s * 1e3, -50, 30, lw=0.8, color=colour)


def _draw_patterns(record: Record) -> Figure:
    from matplotlib.figure import Figure as Drawing

    arrays, names = record.arrays, record.metrics["names"]
    drawing = Drawing(figsize=(7.2, 8.0), layout="constrained")
    axes = drawing.subplots(-(-len(names) // 4), 4)
    for ax, name in zip(axes.flat, names, strict=True):
        time_s, drive = arrays[f"{name}.time_s"], arrays[f"{name}.input"]
        _spiking(ax, time_s, arrays[f"{name}.v"], arrays[f"{name}.spike_time_s"], COLOURS[0])
        span = max(float(drive.max() - drive.min()), 1e-12)
        ax.plot(time_s * 1e3, -115 + 15 * (drive - drive.min()) / span, lw=0.8, color="0.5")
        solved_ms = arrays[f"{name}.solved_spike_time_s"] * 1e3
        ax.plot(solved_ms, [42] * len(solved_ms), "|", ms=4, color=COLOURS[1])
        ax.set_title(name, fontsize=6.5)
        ax.set_ylim(-120, 52)
        ax.tick_params(labelsize=6)
    drawing.supxlabel("time / ms", fontsize=8)
    drawing.supylabel("v / mV", fontsize=8)
    return Figure(
        "dynamics-izhikevich-patterns",
        drawing,
        "Izhikevich's twenty patterns as their source computes them (blue), with the input below "
        "(grey, each on its own scale). Ticks above: spikes of the same neuron when its equations "
        "are solved accurately.",
        f"{len(names)} small traces, one for each of: {', '.join(names)}.",
        basis([record], n=f"{len(names)} patterns"),
    )


def _trace(ax: Axes, time_s: Any, v: Any, reference_v: Any, name: str) -> None:
    ax.plot(time_s * 1e3, v * 1e3, lw=1.6, color=COLOURS[0], label="Brian2")
    ax.plot(time_s * 1e3, reference_v * 1e3, "k--", lw=0.9, label=name)
    label_axes(ax, "time / ms", "membrane potential / mV")


def _found_lif(record: Record) -> list[str]:
    metrics = record.metrics
    told = [
        f"LIF: the trace is within {metrics['max_trace_error_v'] * 1e3:.1e} mV of the closed form, "
        f"and the rates of the f-I curve within {metrics['max_rate_error_hz']:.2g} Hz."
    ]
    if metrics["firing_current"] is not None:
        told.append(
            f"LIF: firing begins between {metrics['silent_current'] * 1e9:.5g} and "
            f"{metrics['firing_current'] * 1e9:.5g} nA (rheobase {metrics['rheobase'] * 1e9:.3g} "
            f"nA) at {metrics['onset_rate_hz']:.3g} Hz."
        )
    return told


def _found_gated(record: Record) -> list[str]:
    metrics = record.metrics
    name, unit, scale = GATED[record.trial.subject]
    told = [
        f"{name}: {metrics['n_spikes']} spikes where SciPy finds "
        f"{metrics['reference_spikes']}; the membrane differs by at most "
        f"{significant(metrics['max_trace_error_v'] * 1e6)} µV and a gate by "
        f"{metrics['max_gate_error']:.1e}, and peaks at {metrics['peak_v'] * 1e3:.1f} mV."
    ]
    if _fires(record):
        told.append(
            f"{name}: sustained firing sets in between "
            f"{metrics['silent_current'] * scale:.5g} and {metrics['firing_current'] * scale:.5g} "
            f"{unit}, with {metrics['onset_rate_hz']:.1f} Hz."
        )
    return told


def _found_cells(record: Record) -> list[str]:
    config, metrics, model = record.trial.config, record.metrics, CELLS[record.trial.subject]
    first_ms, last_ms = (config["dt_s"] / config["refinements"][k] * 1e3 for k in (0, -1))
    return [
        f"{model}, {cell}: {metrics[f'{cell}.n_spikes'][-1]} spikes at dt = {last_ms:g} ms, "
        f"{metrics[f'{cell}.reference_spikes'][-1]} in SciPy's solution; the largest error of a "
        f"spike time is {_ms(metrics[f'{cell}.max_spike_error_s'][0])} ms at dt = {first_ms:g} ms "
        f"and {_ms(metrics[f'{cell}.max_spike_error_s'][-1])} ms at dt = {last_ms:g} ms."
        for cell in config["cells"]
    ]


def _found_patterns(record: Record) -> list[str]:
    metrics, dt_ms = record.metrics, record.trial.config["accurate_dt_s"] * 1e3
    counts = {
        name: (metrics[f"{name}.n_spikes"], metrics[f"{name}.solved_spikes"])
        for name in metrics["names"]
    }
    changed = [f"{name} ({a} to {b})" for name, (a, b) in counts.items() if a != b]
    return [
        f"Izhikevich's patterns: {len(counts) - len(changed)} of {len(counts)} have the same "
        f"number of spikes when solved by Runge-Kutta at dt = {dt_ms:g} ms as with their source's "
        f"scheme and step. The others: {', '.join(changed) or 'none'}. There the scheme "
        "shapes the firing, not the equations alone."
    ]


GATED = {  # name, unit of the current, its scale
    "hodgkin-huxley": ("Hodgkin-Huxley", "µA/cm²", 100),
    "traub": ("Traub", "nA", 1e9),
}
DRAWN: dict[str, Callable[[Record], Figure]] = {
    "lif": _draw_lif,
    "hodgkin-huxley": _draw_hodgkin_huxley,
    "traub": _draw_traub,
    "izhikevich": _draw_cells,
    "adex": _draw_cells,
    PATTERNS: _draw_patterns,
}
FOUND: dict[str, Callable[[Record], list[str]]] = {
    "lif": _found_lif,
    "hodgkin-huxley": _found_gated,
    "traub": _found_gated,
    "izhikevich": _found_cells,
    "adex": _found_cells,
    PATTERNS: _found_patterns,
}
