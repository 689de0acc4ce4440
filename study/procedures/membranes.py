"""Neuron models under a current step, held against closed forms and against SciPy.

The procedures of the experiment ``dynamics``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from study.trial import Context, Outcome, Trial

if TYPE_CHECKING:
    from biosim.neurons import NeuronModel
    from biosim.simulate import Recording
    from biosim.stimuli import CurrentStep

N_NEAR_RHEOBASE = 12  # currents just above the LIF neuron's rheobase

Target = Literal["auto", "cython", "numpy"]


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
class IzhikevichConfig:
    """Settings of Izhikevich's model; as `LIFConfig`, without an f-I curve.

    Parameters
    ----------
    cells
        Names from the paper.
    refinements
        Into how many parts ``dt_s`` is divided, for the convergence of spike times.
    """

    dt_s: float = 1e-4
    duration_s: float = 0.2
    onset_s: float = 0.01
    current_v_s: float = 10.0
    cells: tuple[str, ...] = ("RS", "FS", "CH")
    refinements: tuple[int, ...] = (1, 2, 4)
    target: Target = "numpy"

    def __post_init__(self) -> None:
        if not self.cells or not self.refinements or min(self.refinements) < 1:
            raise ValueError("cells and refinements must not be empty, refinements at least 1")


def run_lif(trial: Trial, context: Context) -> Outcome:
    """Return trace and f-I curve of the LIF neuron beside their closed forms."""
    from biosim.neurons import LIF
    from biosim.stimuli import CurrentStep

    config = LIFConfig(**trial.config)
    neuron = LIF()
    step = CurrentStep(config.current_a, config.onset_s, config.duration_s)
    trace = _response(neuron.model(), step, config, config.dt_s)
    context.progress(0.5, "f-I curve")
    rheobase_a = (neuron.threshold_v - neuron.leak_v) / neuron.resistance_ohm
    current = np.union1d(
        np.linspace(0, config.max_current_a, config.n_currents),
        # The rate falls to zero like 1 / log at the rheobase: even steps would hide that.
        rheobase_a * (1 + np.geomspace(1e-4, 5e-2, N_NEAR_RHEOBASE)),
    )
    rates = _rates(neuron.model(), current, config)
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
            "max_trace_error_v": _largest(trace.traces["v"][charging, 0] - expected_v[charging]),
            **_spike_metrics(trace.spike_time_s, expected_s),
            "max_rate_error_hz": _largest(rates - expected_rates),
            **_onset(current, rates),
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


def run_hodgkin_huxley(trial: Trial, context: Context) -> Outcome:
    """Return trace, gates and f-I curve of the squid axon, the traces beside SciPy's."""
    from biosim.neurons import HodgkinHuxley
    from biosim.reference import solve_hodgkin_huxley
    from biosim.stimuli import CurrentStep

    config = HodgkinHuxleyConfig(**trial.config)
    neuron = HodgkinHuxley()
    step = CurrentStep(config.current_a_m2, config.onset_s, config.duration_s)
    trace = _response(neuron.model(), step, config, config.dt_s, ("v", "m", "h", "n"))
    reference = solve_hodgkin_huxley(neuron, step, trace.time_s)
    context.progress(0.3, "f-I curve")
    current = np.linspace(0, config.max_current_a_m2, config.n_currents)
    rates = _rates(neuron.model(), current, config)
    gates = np.column_stack([trace.traces[gate][:, 0] for gate in "mhn"])
    return Outcome(
        {
            "engine": trace.target,
            "max_trace_error_v": _largest(trace.traces["v"][:, 0] - reference.state[:, 0]),
            "max_gate_error": _largest(gates - reference.state[:, 1:]),
            **_spike_metrics(trace.spike_time_s, reference.spike_time_s),
            "peak_v": float(trace.traces["v"].max()),
            **_onset(current, rates),
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


def run_izhikevich(trial: Trial, context: Context) -> Outcome:
    """Return traces of several cells, and spike time errors against SciPy as dt shrinks."""
    from biosim.neurons import CELLS
    from biosim.reference import solve_izhikevich
    from biosim.stimuli import CurrentStep

    config = IzhikevichConfig(**trial.config)
    step = CurrentStep(config.current_v_s, config.onset_s, config.duration_s)
    arrays: dict[str, np.ndarray] = {}
    metrics: dict[str, Any] = {}
    for number, name in enumerate(config.cells):
        context.progress(number / len(config.cells), name)
        reference = solve_izhikevich(CELLS[name], step, np.array([0.0, config.duration_s]))
        found = []
        for refinement in config.refinements:
            run = _response(CELLS[name].model(), step, config, config.dt_s / refinement)
            found.append(_spike_metrics(run.spike_time_s, reference.spike_time_s))
        # The trace shown is that of the last refinement.
        arrays |= {f"{name}.time_s": run.time_s, f"{name}.v": run.traces["v"][:, 0]}
        arrays[f"{name}.spike_time_s"] = run.spike_time_s
        metrics |= {f"{name}.{key}": [each[key] for each in found] for key in found[0]}
    return Outcome({"engine": run.target, **metrics}, arrays)


def _response(
    model: NeuronModel,
    step: CurrentStep,
    config: LIFConfig | HodgkinHuxleyConfig | IzhikevichConfig,
    dt_s: float,
    record: Sequence[str] = ("v",),
) -> Recording:
    """Return what one neuron does under a step of current."""
    from biosim.simulate import simulate

    return simulate(
        model,
        step.sampled(dt_s, config.duration_s),
        dt_s=dt_s,
        duration_s=config.duration_s,
        record=record,
        target=config.target,
    )


def _rates(model: Any, current: np.ndarray, config: LIFConfig | HodgkinHuxleyConfig) -> np.ndarray:
    """Return firing rates in the second half of a run of many neurons, in hertz."""
    from biosim.simulate import simulate

    run = simulate(
        model,
        current,
        dt_s=config.rate_dt_s,
        duration_s=config.rate_duration_s,
        record=(),
        target=config.target,
    )
    return run.rate_hz(from_s=config.rate_duration_s / 2)


def _spike_metrics(found_s: np.ndarray, expected_s: np.ndarray) -> dict[str, Any]:
    """Compare spike by spike in order, as far as both trains go."""
    shared = min(len(found_s), len(expected_s))
    error_s = found_s[:shared] - expected_s[:shared]
    return {
        "n_spikes": len(found_s),
        "reference_spikes": len(expected_s),
        "max_spike_error_s": _largest(error_s) if shared else None,
    }


def _onset(current: np.ndarray, rates: np.ndarray) -> dict[str, Any]:
    """Return the last silent and the first firing current, and the rate there."""
    firing = np.flatnonzero(rates > 0)
    if not len(firing) or not firing[0]:
        return {"silent_current": None, "firing_current": None, "onset_rate_hz": None}
    first = int(firing[0])
    return {
        "silent_current": float(current[first - 1]),
        "firing_current": float(current[first]),
        "onset_rate_hz": float(rates[first]),
    }


def _largest(error: np.ndarray | Sequence[float]) -> float:
    return float(np.abs(error).max())
