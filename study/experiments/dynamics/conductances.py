"""Hodgkin and Huxley's squid axon and Traub's cell, held against SciPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from study.analysis.basis import basis
from study.analysis.figures import COLOURS, label_axes
from study.analysis.replicates import significant
from study.analysis.section import Figure
from study.experiments.dynamics.measured import (
    Target,
    largest,
    onset,
    rates_of,
    response,
    spike_metrics,
)
from study.experiments.dynamics.traces import draw_trace
from study.settings.config import configured
from study.trials.trial import Context, Outcome, Record, Trial

if TYPE_CHECKING:
    from biosim.neurons import HodgkinHuxley, Traub

GATED = {  # name, unit of the current, its scale
    "hodgkin-huxley": ("Hodgkin-Huxley", "µA/cm²", 100),
    "traub": ("Traub", "nA", 1e9),
}


@dataclass(frozen=True)
class HodgkinHuxleyConfig:
    """Settings of the squid axon; as `LIFConfig`, with currents per area."""

    dt_s: float = 2.5e-5
    duration_s: float = 0.06
    onset_s: float = 0.01
    current_a_m2: float = 0.1
    rate_dt_s: float = 5e-5
    rate_duration_s: float = 0.2
    max_current_a_m2: float = 0.2
    n_currents: int = 101
    target: Target = "numpy"


@dataclass(frozen=True)
class TraubConfig:
    """Settings of Traub's cell; as `LIFConfig`."""

    dt_s: float = 2.5e-5
    duration_s: float = 0.08
    onset_s: float = 0.01
    current_a: float = 0.3e-9
    rate_dt_s: float = 5e-5
    rate_duration_s: float = 1.0
    max_current_a: float = 0.06e-9
    n_currents: int = 121
    target: Target = "numpy"


def run_hodgkin_huxley(trial: Trial, context: Context) -> Outcome:
    """Return trace, gates and f-I curve of the squid axon, the traces beside SciPy's."""
    from biosim.neurons import HodgkinHuxley

    config = configured(HodgkinHuxleyConfig, trial.config)
    return _gated(HodgkinHuxley(), config, config.current_a_m2, config.max_current_a_m2, context)


def run_traub(trial: Trial, context: Context) -> Outcome:
    """Return trace, gates and f-I curve of Traub's cell, the traces beside SciPy's."""
    from biosim.neurons import Traub

    config = configured(TraubConfig, trial.config)
    return _gated(Traub(), config, config.current_a, config.max_current_a, context)


def _gated(
    neuron: HodgkinHuxley | Traub,
    config: HodgkinHuxleyConfig | TraubConfig,
    level: float,
    max_level: float,
    context: Context,
) -> Outcome:
    from biosim.reference import solve
    from biosim.stimuli import step

    stimulus = step(level, config.onset_s)
    trace = response(neuron, stimulus, config, config.dt_s, ("v", "m", "h", "n"))
    reference = solve(neuron, stimulus, trace.time_s)
    context.progress(0.3, "f-I curve")
    current = np.linspace(0, max_level, config.n_currents)
    rates = rates_of(neuron, current, config)
    gates = np.column_stack([trace.traces[gate][:, 0] for gate in "mhn"])
    return Outcome(
        {
            "engine": trace.target,
            "max_trace_error_v": largest(trace.traces["v"][:, 0] - reference.state[:, 0]),
            "max_gate_error": largest(gates - reference.state[:, 1:]),
            **spike_metrics(trace.spike_time_s, reference.spike_time_s),
            "peak_v": float(trace.traces["v"].max()),
            **onset(current, rates),
        },
        {
            "time_s": trace.time_s,
            "v": trace.traces["v"][:, 0],
            "reference_v": reference.state[:, 0],
            "gates": gates,
            "spike_time_s": trace.spike_time_s,
            "current": current,
            "rate_hz": rates,
        },
    )


def draw_hodgkin_huxley(record: Record) -> Figure:
    """Return membrane, gates and f-I curve of the squid axon."""
    from matplotlib.figure import Figure as Drawing

    arrays = record.arrays
    drawing = Drawing(figsize=(7.2, 2.8), layout="constrained")
    trace, gates, curve = drawing.subplots(1, 3)
    draw_trace(trace, arrays["time_s"], arrays["v"], arrays["reference_v"], "SciPy")
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


def draw_traub(record: Record) -> Figure:
    """Return membrane and f-I curve of Traub's cell."""
    from matplotlib.figure import Figure as Drawing

    arrays = record.arrays
    drawing = Drawing(figsize=(7.2, 2.8), layout="constrained")
    trace, curve = drawing.subplots(1, 2)
    draw_trace(trace, arrays["time_s"], arrays["v"], arrays["reference_v"], "SciPy")
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


def found(record: Record) -> list[str]:
    """Return how close to SciPy the model is, and where it begins to fire."""
    metrics = record.metrics
    name, unit, scale = GATED[record.trial.subject]
    told = [
        f"{name}: {metrics['n_spikes']} spikes where SciPy finds "
        f"{metrics['reference_spikes']}; the membrane differs by at most "
        f"{significant(metrics['max_trace_error_v'] * 1e6)} µV and a gate by "
        f"{metrics['max_gate_error']:.1e}, and peaks at {metrics['peak_v'] * 1e3:.1f} mV."
    ]
    if fires(record):
        told.append(
            f"{name}: sustained firing sets in between "
            f"{metrics['silent_current'] * scale:.5g} and {metrics['firing_current'] * scale:.5g} "
            f"{unit}, with {metrics['onset_rate_hz']:.1f} Hz."
        )
    return told


def fires(record: Record) -> bool:
    """Whether a current of the f-I curve was found at which firing sets in."""
    return record.metrics["firing_current"] is not None
