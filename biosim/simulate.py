"""Neurons under given currents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import brian2
import numpy as np

from biosim.backend import Target, session
from biosim.neurons.model import NeuronModel
from biosim.stimuli import whole_steps


@dataclass(frozen=True)
class Recording:
    """What a run showed, in SI units.

    Parameters
    ----------
    time_s
        ``[T]``; the first is 0.
    traces
        Recorded variables by name, ``[T, N]``: the state at these times.
    spike_time_s, spike_unit
        ``[S]``: end of the step in which a neuron crossed its threshold, and its index. The
        crossing lies at most one step earlier.
    n_units
        N.
    target
        Engine that ran it.
    """

    time_s: np.ndarray
    traces: dict[str, np.ndarray]
    spike_time_s: np.ndarray
    spike_unit: np.ndarray
    n_units: int
    target: str

    def spikes_of(self, unit: int) -> np.ndarray:
        """Return the spike times of one neuron."""
        return self.spike_time_s[self.spike_unit == unit]

    def rate_hz(self, from_s: float) -> np.ndarray:
        """Return 1 / mean inter-spike interval of each neuron from a time on, ``[N]``.

        Zero for a neuron with fewer than two spikes there.
        """
        trains = [self.spikes_of(unit) for unit in range(self.n_units)]
        late = [train[train >= from_s] for train in trains]
        return np.array([1 / np.diff(t).mean() if len(t) > 1 else 0.0 for t in late])


def simulate(
    model: NeuronModel,
    current: np.ndarray,
    *,
    dt_s: float,
    duration_s: float,
    record: Sequence[str] = ("v",),
    target: Target = "auto",
) -> Recording:
    """Return the response of N unconnected neurons to their currents, computed in one run.

    Parameters
    ----------
    model
        What each of them is.
    current
        ``[N]`` for constant currents or ``[T, N]`` for one value a step; in the model's unit.
    dt_s, duration_s
        Time step, and a multiple of it.
    record
        Variables whose traces are wanted.
    target
        Engine; see `biosim.backend.session`.

    Raises
    ------
    ValueError
        If the current has another shape, or the duration is no multiple of the step.
    """
    n_steps = whole_steps(duration_s, dt_s)
    current = np.asarray(current, dtype=float)
    if current.ndim not in (1, 2) or (current.ndim == 2 and len(current) != n_steps):
        raise ValueError(f"current has shape {current.shape}; allowed: [N] or [{n_steps}, N]")
    with session(target=target, seed=0, dt_s=dt_s) as resolved:
        group = _group(model, current, dt_s)
        traces = brian2.StateMonitor(group, list(record), record=True, name="traces")
        spikes = brian2.SpikeMonitor(group, name="spikes")
        brian2.Network(group, traces, spikes).run(n_steps * dt_s * brian2.second, namespace={})
        return Recording(
            time_s=np.arange(n_steps) * dt_s,
            traces={name: np.array(getattr(traces, name + "_")).T for name in record},
            # Brian2 stamps a spike with the beginning of its step.
            spike_time_s=(np.round(np.array(spikes.t) / dt_s) + 1) * dt_s,
            spike_unit=np.array(spikes.i),
            n_units=current.shape[-1],
            target=resolved,
        )


def _group(model: NeuronModel, current: np.ndarray, dt_s: float) -> Any:
    unit, namespace = model.current_unit, dict(model.parameters)
    equation = f"I : {unit} (constant)"
    if current.ndim == 2:
        equation = f"I = stimulus(t, i) * {unit} : {unit} (constant over dt)"
        namespace["stimulus"] = brian2.TimedArray(current, dt=dt_s * brian2.second, name="stimulus")
    refractory: Any = model.refractory
    if isinstance(refractory, float):
        # Brian2 counts from the beginning of the step that ends in a spike.
        refractory = (refractory + dt_s if refractory else 0) * brian2.second
    group = brian2.NeuronGroup(
        current.shape[-1],
        model.equations + equation,
        threshold=model.threshold,
        reset=model.reset,
        refractory=refractory,
        method=model.method,
        namespace=namespace,
        name="neurons",
    )
    if current.ndim == 1:
        group.I_ = current
    for name, value in model.initial.items():
        setattr(group, name, value)
    return group
