"""Neurons under given stimuli.

What it guarantees: numbers are those of the equations, or there are none. A step that the model's
method cannot carry is refused before the run or found after it (`biosim.limits`), and so is input
of another dimension or not finite (`biosim.given`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import brian2
import numpy as np
from numpy.typing import ArrayLike

from biosim.backend import Target, session
from biosim.given import number, numbers
from biosim.limits import check_run, check_step
from biosim.neurons.model import Neuron, NeuronModel
from biosim.stimuli import Stimulus, trains_of, whole_steps

Cell = Neuron | NeuronModel
Drive = Stimulus | ArrayLike

BASE_UNITS = {
    "length": "metre",
    "mass": "kilogram",
    "time": "second",
    "current": "amp",
    "temperature": "kelvin",
    "substance": "mole",
    "luminosity": "candle",
}


@dataclass(frozen=True)
class Recording:
    """What a run showed, in SI units.

    Parameters
    ----------
    time_s
        ``[T]``; the first is 0.
    traces
        Recorded variables by name, ``[T, N]``: the state at these times.
    units
        Symbols of their SI units by name, such as ``"V"``, and ``"1"`` for pure numbers.
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
    units: dict[str, str]
    spike_time_s: np.ndarray
    spike_unit: np.ndarray
    n_units: int
    target: str

    def trains(self) -> list[np.ndarray]:
        """Return the spike times of each neuron."""
        return trains_of(self.spike_time_s, self.spike_unit, self.n_units)

    def rate_hz(self, from_s: float) -> np.ndarray:
        """Return 1 / mean inter-spike interval of each neuron from a time on, ``[N]``.

        Zero for a neuron with fewer than two spikes there.
        """
        late = [train[train >= from_s] for train in self.trains()]
        return np.array([1 / np.diff(t).mean() if len(t) > 1 else 0.0 for t in late])


def simulate(
    neuron: Cell | Sequence[Cell],
    stimulus: Drive | Mapping[str, Drive],
    *,
    dt_s: float,
    duration_s: float,
    record: Sequence[str] = ("v",),
    target: Target = "auto",
    runaway: bool = False,
) -> Recording:
    """Return the response of N unconnected neurons to their stimuli, computed in one run.

    Parameters
    ----------
    neuron
        What each of them is; or N of them, which differ in parameters alone.
    stimulus
        A `Stimulus`, ``[N]`` for constant inputs or ``[T, N]`` for one value a step, in the unit
        of the neuron's first input; or such stimuli by the names of inputs, the others zero.
    dt_s, duration_s
        Time step, and a multiple of it.
    record
        Variables whose traces are wanted.
    target
        Engine; see `biosim.backend.session`.
    runaway
        Whether neurons may fire in one step after the other, where equations are known to run
        away and that is what is to be shown; their rates are those of the steps.

    Raises
    ------
    ValueError
        If the stimuli do not fit each other, the neurons or the duration, a value is not finite or
        a quantity of another dimension than the input, the neurons differ in their equations, a
        name is unknown, the step is too long for the method, or the run shows that it was: a
        variable that is not finite, a neuron that fires in one step after the other.

    Examples
    --------
    An f-I curve, all currents side by side:

    >>> current_a = np.array([0.1e-9, 0.2e-9, 0.3e-9])
    >>> run = biosim.simulate(biosim.LIF(), current_a, dt_s=1e-4, duration_s=0.3, target="numpy")
    >>> run.rate_hz(from_s=0.1).round(1)
    array([ 0. , 33.6, 62.9])
    >>> run.traces["v"].shape, run.units["v"]
    ((3000, 3), 'V')
    """
    dt_s, duration_s = (
        number(n, v, above=0.0, unit="second")
        for n, v in (("dt_s", dt_s), ("duration_s", duration_s))
    )
    n_steps = whole_steps(duration_s, dt_s)
    record = [record] if isinstance(record, str) else list(record)
    if not isinstance(neuron, Sequence):
        neuron = [neuron]
    models = [cell if isinstance(cell, NeuronModel) else cell.model() for cell in neuron]
    _check_alike(models)
    for model in models:
        check_step(dt_s, model.longest_step_s, "the method leaves the solution of the equations")
    inputs = _inputs(models[0], stimulus, dt_s, duration_s)
    n_units = _count(len(models), inputs, n_steps)
    with session(target=target, seed=0, dt_s=dt_s) as resolved:
        group = _group(models, inputs, n_units, dt_s)
        _check_names("record", record, group.equations.names)
        traces = brian2.StateMonitor(group, list(record), record=True, name="traces")
        spikes = brian2.SpikeMonitor(group, name="spikes")
        brian2.Network(group, traces, spikes).run(n_steps * dt_s * brian2.second, namespace={})
        check_run(group, spikes, dt_s, runaway=runaway)
        return Recording(
            time_s=np.arange(n_steps) * dt_s,
            traces={name: np.array(getattr(traces, name + "_")).T for name in record},
            units={name: _symbol(group, name) for name in record},
            # Brian2 stamps a spike with the beginning of its step.
            spike_time_s=(np.round(np.array(spikes.t) / dt_s) + 1) * dt_s,
            spike_unit=np.array(spikes.i),
            n_units=n_units,
            target=resolved,
        )


def _inputs(
    model: NeuronModel, stimulus: Drive | Mapping[str, Drive], dt_s: float, duration_s: float
) -> dict[str, np.ndarray]:
    """Return the values of every input, ``[N]`` or ``[T, N]``."""
    if not isinstance(stimulus, Mapping):
        stimulus = {next(iter(model.inputs)): stimulus}
    _check_names("stimulus", stimulus, model.inputs)
    values = {name: np.zeros(1) for name in model.inputs}
    for name, drive in stimulus.items():
        sampled = drive.sampled(dt_s, duration_s) if isinstance(drive, Stimulus) else drive
        given = numbers(f"stimulus {name}", sampled, unit=model.inputs[name])
        values[name] = np.atleast_1d(given)
    return values


def _count(n_models: int, inputs: Mapping[str, np.ndarray], n_steps: int) -> int:
    """Return N: what is not 1 of the numbers of neurons and of stimuli must be equal."""
    for name, values in inputs.items():
        if values.ndim > 2 or (values.ndim == 2 and len(values) != n_steps):
            raise ValueError(
                f"stimulus {name} has shape {values.shape}; allowed: [N] or [{n_steps}, N]"
            )
    counts = {"neurons": n_models} | {name: values.shape[-1] for name, values in inputs.items()}
    n_units = max(counts.values())
    if set(counts.values()) - {1, n_units}:
        raise ValueError(f"one or as many as the others are needed of each, not {counts}")
    return n_units


def _check_alike(models: Sequence[NeuronModel]) -> None:
    if not models:
        raise ValueError("there must be at least one neuron")
    shared = [replace(model, parameters={}, initial={}, longest_step_s=0.0) for model in models]
    if any(each != shared[0] for each in shared):
        raise ValueError(
            "neurons of one run may differ in their parameters only, not in equations, threshold, "
            "method or refractory time; run them one after the other"
        )


def _check_names(what: str, given: Sequence[str] | Mapping, allowed: Any) -> None:
    for name in given:
        if name not in allowed:
            raise ValueError(f"{what}: unknown name {name!r}; allowed: {', '.join(allowed)}")


def _group(
    models: Sequence[NeuronModel], inputs: Mapping[str, np.ndarray], n_units: int, dt_s: float
) -> Any:
    model, lines = models[0], [models[0].equations]
    namespace: dict[str, Any] = {}
    own: dict[str, np.ndarray] = {}
    for name, value in model.parameters.items():
        values = [each.parameters[name] for each in models]
        if any(each != value for each in values):
            lines.append(f"{name} : {_unit(value)} (constant)")
            own[name] = np.array([float(each) for each in values])
        else:
            namespace[name] = value
    for name, unit in model.inputs.items():
        if inputs[name].ndim == 1:
            lines.append(f"{name} : {unit} (constant)")
            own[name] = inputs[name]
        else:
            lines.append(f"{name} = stimulus_{name}(t, i) * {unit} : {unit} (constant over dt)")
            sampled = np.broadcast_to(inputs[name], (len(inputs[name]), n_units))
            namespace[f"stimulus_{name}"] = brian2.TimedArray(sampled, dt=dt_s * brian2.second)
    refractory: Any = model.refractory
    if isinstance(refractory, float):
        # Brian2 counts from the beginning of the step that ends in a spike.
        refractory = (refractory + dt_s if refractory else 0) * brian2.second
    group = brian2.NeuronGroup(
        n_units,
        "\n".join(lines),
        threshold=model.threshold,
        reset=model.reset,
        refractory=refractory,
        method=model.method,
        namespace=namespace,
        name="neurons",
    )
    for name, each_own in own.items():
        setattr(group, f"{name}_", each_own)
    for name, value in model.initial.items():
        if isinstance(value, str):
            setattr(group, name, value)
        else:
            setattr(group, f"{name}_", np.array([float(each.initial[name]) for each in models]))
    return group


def _unit(value: Any) -> str:
    """Return the unit of a quantity as equations take it: a product of powers, no brackets."""
    dimensions = brian2.get_dimensions(value)
    powers = {unit: dimensions.get_dimension(of) for of, unit in BASE_UNITS.items()}
    return "*".join(f"{unit}**{power:g}" for unit, power in powers.items() if power) or "1"


def _symbol(group: Any, name: str) -> str:
    unit = group.equations[name].unit
    return "1" if brian2.get_dimensions(unit).is_dimensionless else str(unit)
