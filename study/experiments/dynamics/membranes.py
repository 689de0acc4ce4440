"""Neuron models under a current step, held against closed forms and against SciPy.

The procedures of the experiment ``dynamics``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from study.config import configured
from study.trials.trial import Context, Outcome, Trial

if TYPE_CHECKING:
    from biosim.neurons import AdEx, HodgkinHuxley, Izhikevich, Neuron, Traub
    from biosim.neurons.izhikevich import Pattern
    from biosim.simulate import Recording
    from biosim.stimuli import Stimulus

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


@dataclass(frozen=True)
class AdExConfig:
    """Settings of the adaptive exponential neuron; as `IzhikevichConfig`.

    Parameters
    ----------
    cells
        Names from the textbook's table.
    currents_a
        One for each of them.
    """

    dt_s: float = 1e-4
    duration_s: float = 0.3
    onset_s: float = 0.01
    currents_a: tuple[float, ...] = (65e-12, 65e-12, 65e-12, 65e-12, 25e-12)
    cells: tuple[str, ...] = ("tonic", "adapting", "initial burst", "bursting", "delayed")
    refinements: tuple[int, ...] = (1, 2, 4)
    target: Target = "numpy"

    def __post_init__(self) -> None:
        if not self.cells or not self.refinements or min(self.refinements) < 1:
            raise ValueError("cells and refinements must not be empty, refinements at least 1")
        if len(self.currents_a) != len(self.cells):
            raise ValueError("currents_a must have one value for each of cells")


@dataclass(frozen=True)
class PatternsConfig:
    """Settings of Izhikevich's twenty patterns.

    Parameters
    ----------
    accurate_dt_s
        Time step at which the patterns are solved by Runge-Kutta besides; it divides 0.5 ms.
    target
        Engine of Brian2.
    """

    accurate_dt_s: float = 2.5e-5
    target: Target = "numpy"


def run_lif(trial: Trial, context: Context) -> Outcome:
    """Return trace and f-I curve of the LIF neuron beside their closed forms."""
    from biosim.neurons import LIF
    from biosim.stimuli import step

    config = configured(LIFConfig, trial.config)
    neuron = LIF()
    trace = _response(neuron, step(config.current_a, config.onset_s), config, config.dt_s)
    context.progress(0.5, "f-I curve")
    rheobase_a = (neuron.threshold_v - neuron.leak_v) / neuron.resistance_ohm
    current = np.union1d(
        np.linspace(0, config.max_current_a, config.n_currents),
        # The rate falls to zero like 1 / log at the rheobase: even steps would hide that.
        rheobase_a * (1 + np.geomspace(1e-4, 5e-2, N_NEAR_RHEOBASE)),
    )
    rates = _rates(neuron, current, config)
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
    trace = _response(neuron, stimulus, config, config.dt_s, ("v", "m", "h", "n"))
    reference = solve(neuron, stimulus, trace.time_s)
    context.progress(0.3, "f-I curve")
    current = np.linspace(0, max_level, config.n_currents)
    rates = _rates(neuron, current, config)
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
    from biosim.neurons.izhikevich import CELLS

    config = configured(IzhikevichConfig, trial.config)
    levels = [config.current_v_s] * len(config.cells)
    return _cells({name: CELLS[name] for name in config.cells}, levels, config, context)


def run_adex(trial: Trial, context: Context) -> Outcome:
    """Return the same of the adaptive exponential neuron."""
    from biosim.neurons.adex import CELLS

    config = configured(AdExConfig, trial.config)
    cells = {name: CELLS[name] for name in config.cells}
    return _cells(cells, config.currents_a, config, context)


def _cells(
    cells: Mapping[str, Izhikevich | AdEx],
    levels: Sequence[float],
    config: IzhikevichConfig | AdExConfig,
    context: Context,
) -> Outcome:
    from biosim.reference import solve
    from biosim.stimuli import step

    stimulus = step(np.array(levels), config.onset_s)
    runs = []
    for number, refinement in enumerate(config.refinements):
        context.progress(number / (len(config.refinements) + 1), "Brian2")
        runs.append(_response(list(cells.values()), stimulus, config, config.dt_s / refinement))
    # The trace shown is that of the last refinement.
    arrays: dict[str, np.ndarray] = {"time_s": runs[-1].time_s}
    metrics: dict[str, Any] = {}
    for unit, (name, cell) in enumerate(cells.items()):
        context.progress(len(runs) / (len(runs) + 1), f"SciPy, {name}")
        ends_s = np.array([0.0, config.duration_s])
        reference = solve(cell, step(levels[unit], config.onset_s), ends_s)
        found = [_spike_metrics(run.trains()[unit], reference.spike_time_s) for run in runs]
        arrays[f"{name}.v"] = runs[-1].traces["v"][:, unit]
        arrays[f"{name}.spike_time_s"] = runs[-1].trains()[unit]
        metrics |= {f"{name}.{key}": [each[key] for each in found] for key in found[0]}
    return Outcome({"engine": runs[-1].target, **metrics}, arrays)


def run_patterns(trial: Trial, context: Context) -> Outcome:
    """Return the twenty patterns as their source computes them, and their spikes when solved."""
    from biosim.neurons.izhikevich import PATTERNS

    config = configured(PatternsConfig, trial.config)
    arrays: dict[str, np.ndarray] = {}
    metrics: dict[str, Any] = {"names": list(PATTERNS)}
    steps_s = sorted({pattern.dt_s for pattern in PATTERNS.values()})
    for number, dt_s in enumerate(steps_s):
        context.progress(number / (len(steps_s) + 1), f"dt = {dt_s * 1e3:g} ms")
        chosen = {name: each for name, each in PATTERNS.items() if each.dt_s == dt_s}
        run = _side_by_side(list(chosen.values()), list(chosen.values()), dt_s, config)
        for unit, (name, pattern) in enumerate(chosen.items()):
            shown = run.time_s < pattern.duration_s
            arrays |= {
                f"{name}.time_s": run.time_s[shown],
                f"{name}.v": run.traces["v"][shown, unit],
                f"{name}.input": pattern.stimulus.sampled(dt_s, pattern.duration_s)[:, 0],
                f"{name}.spike_time_s": _until(run.trains()[unit], pattern),
            }
    context.progress(len(steps_s) / (len(steps_s) + 1), "solved accurately")
    neurons = [pattern.neuron for pattern in PATTERNS.values()]
    solved = _side_by_side(neurons, list(PATTERNS.values()), config.accurate_dt_s, config)
    for (name, pattern), train in zip(PATTERNS.items(), solved.trains(), strict=True):
        arrays[f"{name}.solved_spike_time_s"] = _until(train, pattern)
        metrics[f"{name}.n_spikes"] = len(arrays[f"{name}.spike_time_s"])
        metrics[f"{name}.solved_spikes"] = len(arrays[f"{name}.solved_spike_time_s"])
    return Outcome({"engine": solved.target, **metrics}, arrays)


def _side_by_side(
    neurons: Sequence[Neuron], patterns: Sequence[Pattern], dt_s: float, config: PatternsConfig
) -> Recording:
    """Return what each neuron does under the stimulus of a pattern, for the longest of them."""
    from biosim.simulate import simulate

    duration_s = max(pattern.duration_s for pattern in patterns)
    drive = np.hstack([pattern.stimulus.sampled(dt_s, duration_s) for pattern in patterns])
    return simulate(neurons, drive, dt_s=dt_s, duration_s=duration_s, target=config.target)


def _until(train_s: np.ndarray, pattern: Pattern) -> np.ndarray:
    return train_s[train_s <= pattern.duration_s]


def _response(
    neuron: Neuron | Sequence[Neuron],
    stimulus: Stimulus,
    config: LIFConfig | HodgkinHuxleyConfig | TraubConfig | IzhikevichConfig | AdExConfig,
    dt_s: float,
    record: Sequence[str] = ("v",),
) -> Recording:
    """Return what neurons do under a stimulus."""
    from biosim.simulate import simulate

    return simulate(
        neuron,
        stimulus,
        dt_s=dt_s,
        duration_s=config.duration_s,
        record=record,
        target=config.target,
    )


def _rates(
    neuron: Neuron, current: np.ndarray, config: LIFConfig | HodgkinHuxleyConfig | TraubConfig
) -> np.ndarray:
    """Return firing rates in the second half of a run of many neurons, in hertz."""
    from biosim.simulate import simulate

    run = simulate(
        neuron,
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
