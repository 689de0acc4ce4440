"""The leaky integrate-and-fire neuron under a step, held against its closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from study.analysis.basis import basis
from study.analysis.figures import COLOURS, label_axes
from study.analysis.replicates import at_most
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

N_NEAR_RHEOBASE = 12  # currents just above the rheobase


@dataclass(frozen=True)
class LIFConfig:
    """Settings of the leaky integrate-and-fire neuron.

    Parameters
    ----------
    dt_s
        Time step.
    duration_s, onset_s, current_a
        The trace: its length, when the current sets in (it stays), and how strong it is.
    rate_dt_s, rate_duration_s, max_current_a, n_currents
        The f-I curve: time step and length of the run, constant currents from 0 to the largest
        and a few more just above the rheobase.
    target
        Engine of Brian2.
    """

    dt_s: float = 1e-4
    duration_s: float = 0.12
    onset_s: float = 0.01
    current_a: float = 0.2e-9
    rate_dt_s: float = 1e-4
    rate_duration_s: float = 1.0
    max_current_a: float = 0.5e-9
    n_currents: int = 51
    target: Target = "numpy"


def run(trial: Trial, context: Context) -> Outcome:
    """Return trace and f-I curve of the LIF neuron beside their closed forms."""
    from biosim.neurons import LIF
    from biosim.stimuli import step

    config = configured(LIFConfig, trial.config)
    neuron = LIF()
    trace = response(neuron, step(config.current_a, config.onset_s), config, config.dt_s)
    context.progress(0.5, "f-I curve")
    rheobase_a = (neuron.threshold_v - neuron.leak_v) / neuron.resistance_ohm
    current = np.union1d(
        np.linspace(0, config.max_current_a, config.n_currents),
        # The rate falls to zero like 1 / log at the rheobase: even steps would hide that.
        rheobase_a * (1 + np.geomspace(1e-4, 5e-2, N_NEAR_RHEOBASE)),
    )
    rates = rates_of(neuron, current, config)
    expected_rates = 1 / neuron.interval_s(current)
    first_s = config.onset_s + float(neuron.rise_s(np.array(config.current_a), neuron.leak_v))
    interval_s = float(neuron.interval_s(np.array(config.current_a)))
    expected_s = np.arange(first_s, config.duration_s, interval_s)
    charging = trace.time_s < first_s
    since_s = np.maximum(trace.time_s - config.onset_s, 0.0)
    expected_v = np.where(charging, neuron.membrane_v(config.current_a, since_s), np.nan)
    return Outcome(
        {
            "engine": trace.target,
            "max_trace_error_v": largest(trace.traces["v"][charging, 0] - expected_v[charging]),
            **spike_metrics(trace.spike_time_s, expected_s),
            "max_rate_error_hz": largest(rates - expected_rates),
            **onset(current, rates),
            "rheobase": rheobase_a,
        },
        {
            "time_s": trace.time_s,
            "v": trace.traces["v"][:, 0],
            "reference_v": expected_v,
            "spike_time_s": trace.spike_time_s,
            "current": current,
            "rate_hz": rates,
            "reference_rate_hz": expected_rates,
        },
    )


def draw(record: Record) -> Figure:
    """Return membrane and f-I curve beside their closed forms."""
    from matplotlib.figure import Figure as Drawing

    arrays = record.arrays
    drawing = Drawing(figsize=(7.2, 2.8), layout="constrained")
    trace, curve = drawing.subplots(1, 2)
    draw_trace(trace, arrays["time_s"], arrays["v"], arrays["reference_v"], "closed form")
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


def found(record: Record) -> list[str]:
    """Return how close to the closed form the neuron is, and where it begins to fire."""
    metrics = record.metrics
    told = [
        f"LIF: the trace is within {at_most(metrics['max_trace_error_v'] * 1e3)} mV of the closed "
        f"form, and the rates of the f-I curve within {at_most(metrics['max_rate_error_hz'])} Hz."
    ]
    if metrics["firing_current"] is not None:
        told.append(
            f"LIF: firing begins between {metrics['silent_current'] * 1e9:.5g} and "
            f"{metrics['firing_current'] * 1e9:.5g} nA (rheobase {metrics['rheobase'] * 1e9:.3g} "
            f"nA) at {metrics['onset_rate_hz']:.3g} Hz."
        )
    return told
