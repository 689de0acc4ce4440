"""Single neurons in continuous time, each against the best solution that there is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from study.figures import COLOURS, label_axes
from study.procedures.membranes import HodgkinHuxleyConfig, IzhikevichConfig, LIFConfig
from study.report.basis import basis
from study.report.section import Figure, Section, Table
from study.request import Request
from study.trial import Record, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TITLE = "Neurons in continuous time"
ORDER = 10

MODELS: dict[str, tuple[str, Any]] = {
    "lif": ("run_lif", LIFConfig()),
    "hodgkin-huxley": ("run_hodgkin_huxley", HodgkinHuxleyConfig()),
    "izhikevich": ("run_izhikevich", IzhikevichConfig()),
}
PROCEDURES = "study.procedures.membranes"
EQUATIONS = (
    'tau_m (dif V)/(dif t) = E_L - V + R I, quad V > V_t => V <- V_r "for" t_"ref"',
    "C (dif V)/(dif t) = I - g_(N a) m^3 h (V - E_(N a)) - g_K n^4 (V - E_K) - g_L (V - E_L)",
    "(dif x)/(dif t) = alpha_x (V) (1 - x) - beta_x (V) x, quad x in {m, h, n}",
    "(dif v)/(dif t) = 0.04 v^2 + 5 v + 140 - u + I, quad (dif u)/(dif t) = a (b v - u), "
    "quad v > 30 => v <- c, u <- u + d",
)


def trials(request: Request) -> list[Trial]:
    """Return one trial for each neuron model."""
    return [
        Trial(f"{PROCEDURES}:{procedure}", name, None, dataclasses.asdict(config), seed=0)
        for name, (procedure, default) in MODELS.items()
        for config in request.configure(default, name)
    ]


def section(records: list[Record]) -> Section:
    """Return traces, f-I curves and errors of the models that ran."""
    shown: dict[str, Record] = {}
    for record in records:
        shown.setdefault(record.trial.learner, record)
    return Section(
        name="dynamics",
        title=TITLE,
        question="Do the neuron models in Brian2 solve their equations, and how large is the error "
        "that the time step leaves?",
        method="Each model receives a step of current that stays on. The leaky integrate-and-fire "
        "neuron is compared with its closed form; the models of Hodgkin and Huxley (fourth-order "
        "Runge-Kutta) and of Izhikevich (likewise) with equations written separately for SciPy's "
        "DOP853 at a tolerance of 1e-10, where spikes and resets are located by root finding. "
        "f-I curves run all currents side by side and use intervals in the second half of the run.",
        equations=EQUATIONS,
        figures=tuple(DRAWN[name](record) for name, record in shown.items()),
        tables=(_errors(records),),
        findings=tuple(sentence for name in shown for sentence in FOUND[name](shown[name])),
        caveats=(
            "Spike times are the ends of time steps, so each is late by up to one step even where "
            "the trace is exact. Where a reset follows, the next spike inherits that delay.",
            "The f-I curves start from rest and rise in steps; they do not show the range of "
            "currents in which the squid axon can both rest and fire.",
        ),
        deviations=(
            "Izhikevich's published script advances v in two half-steps of 0.5 ms; here both "
            "variables are advanced by Runge-Kutta at a smaller step, so spike counts differ.",
        ),
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
    metrics, config, name = record.metrics, record.trial.config, record.trial.learner
    dt_s, engine = float(config["dt_s"]), f"Brian2 {metrics['engine']}"
    if name != "izhikevich":
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


def _draw_izhikevich(record: Record) -> Figure:
    from matplotlib.figure import Figure as Drawing

    arrays, config = record.arrays, record.trial.config
    cells = config["cells"]
    drawing = Drawing(figsize=(7.2, 0.9 + 1.0 * len(cells)), layout="constrained")
    left, right = drawing.subfigures(1, 2, width_ratios=(2, 1), squeeze=False)[0]
    axes = left.subplots(len(cells), 1, sharex=True, squeeze=False)[:, 0]
    convergence = right.subplots()
    dt_ms = [config["dt_s"] / refinement * 1e3 for refinement in config["refinements"]]
    for number, (ax, cell) in enumerate(zip(axes, cells, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        ax.plot(arrays[f"{cell}.time_s"] * 1e3, arrays[f"{cell}.v"] * 1e3, lw=0.8, color=colour)
        # A spike is reset within its step: its peak is drawn, it is in no trace.
        ax.vlines(arrays[f"{cell}.spike_time_s"] * 1e3, -50, 30, lw=0.8, color=colour)
        ax.set_ylabel(f"{cell}: v / mV", fontsize=8)
        ax.tick_params(labelsize=8)
        errors = record.metrics[f"{cell}.max_spike_error_s"]
        known = [(x, error * 1e3) for x, error in zip(dt_ms, errors, strict=True) if error]
        convergence.plot(*zip(*known, strict=True), "o-", ms=4, color=colour, label=cell)
    axes[-1].set_xlabel("time / ms", fontsize=8)
    convergence.set_xscale("log")
    convergence.set_yscale("log")
    convergence.set_xticks(dt_ms, [f"{x:g}" for x in dt_ms])
    convergence.minorticks_off()
    label_axes(convergence, "dt / ms", "largest spike error / ms")
    return Figure(
        "dynamics-izhikevich",
        drawing,
        "Cells of Izhikevich's model under the same step of current, and the largest difference "
        "of a spike time from SciPy's solution as the time step shrinks.",
        "Left, one trace a cell: regular spikes that slow down, fast spikes, bursts. Right, the "
        "largest error of a spike time against the time step, both logarithmic.",
        basis([record], n=f"{len(cells)} cells"),
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


def _found_hodgkin_huxley(record: Record) -> list[str]:
    metrics = record.metrics
    told = [
        f"Hodgkin-Huxley: {metrics['n_spikes']} spikes where SciPy finds "
        f"{metrics['reference_spikes']}; the membrane differs by at most "
        f"{metrics['max_trace_error_v'] * 1e6:.2g} µV and a gate by "
        f"{metrics['max_gate_error']:.1e}, and peaks at {metrics['peak_v'] * 1e3:.1f} mV."
    ]
    if metrics["firing_current"] is not None:
        told.append(
            f"Hodgkin-Huxley: sustained firing sets in between "
            f"{metrics['silent_current'] * 100:.3g} and {metrics['firing_current'] * 100:.3g} "
            f"µA/cm², at once with {metrics['onset_rate_hz']:.1f} Hz."
        )
    return told


def _found_izhikevich(record: Record) -> list[str]:
    config, metrics = record.trial.config, record.metrics
    first_ms, last_ms = (config["dt_s"] / config["refinements"][k] * 1e3 for k in (0, -1))
    return [
        f"Izhikevich {cell}: {metrics[f'{cell}.n_spikes'][-1]} spikes at dt = {last_ms:g} ms, "
        f"{metrics[f'{cell}.reference_spikes'][-1]} in SciPy's solution; the largest error of a "
        f"spike time is {_ms(metrics[f'{cell}.max_spike_error_s'][0])} ms at dt = {first_ms:g} ms "
        f"and {_ms(metrics[f'{cell}.max_spike_error_s'][-1])} ms at dt = {last_ms:g} ms."
        for cell in config["cells"]
    ]


DRAWN: dict[str, Callable[[Record], Figure]] = {
    "lif": _draw_lif,
    "hodgkin-huxley": _draw_hodgkin_huxley,
    "izhikevich": _draw_izhikevich,
}
FOUND: dict[str, Callable[[Record], list[str]]] = {
    "lif": _found_lif,
    "hodgkin-huxley": _found_hodgkin_huxley,
    "izhikevich": _found_izhikevich,
}
