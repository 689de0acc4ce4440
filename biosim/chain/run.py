"""A chain in Brian2: one network that holds a copy of it for each sample.

Neurons, thresholds, resets and clock are Brian2's. The copies share their weights, which Brian2's
synapses cannot: such an object would hold every weight once a copy, and building it would take far
longer than running it. Spikes therefore cross by a matrix product in each step, in the slot in
which Brian2's synapses act.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, get_args

import brian2
import numpy as np
from brian2 import second
from scipy.sparse import csr_matrix

from biosim.backend import session
from biosim.chain.network import Chain, ChainRecording, InputSpikes, Layer, LayerSpikes, Scheme
from biosim.chain.substitute import Substitute
from biosim.given import number, whole
from biosim.limits import check_finite, check_step
from biosim.stimuli import whole_steps

MAX_NEURONS = 100_000  # in one Brian2 network; more samples than fit are run in turns
STATE = "v : 1\nsyn : 1\nalpha : 1 (constant)\nbeta : 1 (constant)\nkappa : 1 (constant)\n"
FIRING = "theta : 1 (constant)\nheld : integer"
DECAY = "syn = alpha * syn"
RESET = {"zero": "v = 0\nheld = hold_steps", "subtract": "held = 1"}
ADVANCE = {
    "zero": f"v = (beta * v + kappa * syn) * int(held == 0)\n{DECAY}\nheld = held - int(held > 0)",
    "subtract": f"v = beta * v + kappa * syn - theta * held\n{DECAY}\nheld = 0",
}
INTEGRATE = f"v = beta * v + kappa * syn\n{DECAY}"

Fired = Callable[[], np.ndarray]
"""Returns who fires in the present step, in ascending order; neuron n of copy c is c N + n."""


def run_chain(
    chain: Chain,
    inputs: InputSpikes,
    n_steps: int,
    dt_s: float | None = None,
    scheme: Scheme = "held",
    *,
    membranes_of: int = 0,
    substitute: Substitute | None = None,
    progress: Callable[[float, str], None] = lambda _fraction, _note: None,
) -> ChainRecording:
    """Return the spikes and the readout of a network for independent samples.

    Parameters
    ----------
    chain
        The network.
    inputs
        Input spikes; times are rounded to multiples of ``dt_s``.
    n_steps
        Length of a sample in steps of ``chain.dt_s``.
    dt_s
        Step of the simulation, a whole fraction of ``chain.dt_s``; by default equal to it.
    scheme
        ``"held"`` or ``"exact"``; see `biosim.chain.network`.
    membranes_of
        Number of samples, the first ones, whose membranes are kept.
    substitute
        Another model for the spiking neurons; it knows no reset and no hold.
    progress
        Called with the fraction of samples done.

    Raises
    ------
    ValueError
        If ``dt_s`` does not divide ``chain.dt_s`` or a delay, or is too long for the substitute; if
        an input spike is of no unit of the first layer; or if the run shows that its step was too
        long: variables that are not finite.

    Examples
    --------
    Two inputs make a neuron fire; a smaller step shows when, were time continuous:

    >>> from biosim.chain import Chain, InputSpikes, Layer, run_chain
    >>> layer = Layer(np.array([[0.6, 0.6]]), 10e-3, 5e-3, resistance=4.0, threshold=1.0)
    >>> chain = Chain((layer,), dt_s=1e-3, delay_s=1e-3, hold_s=1e-3)
    >>> inputs = InputSpikes(np.array([0.0, 1e-3]), np.array([0, 1]), np.array([0, 0]), n_samples=1)
    >>> run_chain(chain, inputs, n_steps=20).spikes[0].time_s
    array([0.005])
    >>> run_chain(chain, inputs, 20, dt_s=1e-5, scheme="exact").spikes[0].time_s
    array([0.00507])
    """
    n_steps = whole("n_steps", n_steps, at_least=1)
    membranes_of = whole("membranes_of", membranes_of, at_least=0)
    if scheme not in get_args(Scheme):
        raise ValueError(f"unknown scheme {scheme!r}; allowed: {', '.join(get_args(Scheme))}")
    n_in = chain.layers[0].weight.shape[1]
    if inputs.unit.max(initial=0) >= n_in:
        raise ValueError(f"input spikes of unit {inputs.unit.max()}, but there are {n_in} units")
    dt_s = chain.dt_s if dt_s is None else number("dt_s", dt_s, above=0.0, unit="second")
    if substitute:
        check_step(dt_s, substitute.model.longest_step_s, "the substitute's method needs less")
    ratio = round(chain.dt_s / dt_s)
    if not np.isclose(ratio * dt_s, chain.dt_s, rtol=1e-9, atol=0):
        raise ValueError(f"dt_s = {dt_s} must divide the network's {chain.dt_s}")
    at_once = max(1, MAX_NEURONS // sum(layer.size for layer in chain.layers))
    parts = []
    for first in range(0, inputs.n_samples, at_once):
        part = inputs.between(first, min(first + at_once, inputs.n_samples))
        recorded = min(max(membranes_of - first, 0), part.n_samples)
        parts.append(_run_copies(chain, part, n_steps, ratio, scheme, recorded, substitute))
        progress((first + part.n_samples) / inputs.n_samples, f"dt = {dt_s * 1e3:g} ms")
    return _join(parts, at_once)


def _run_copies(
    chain: Chain,
    inputs: InputSpikes,
    n_steps: int,
    ratio: int,
    scheme: Scheme,
    recorded: int,
    substitute: Substitute | None,
) -> ChainRecording:
    """Return what `run_chain` does, with ``ratio`` of Brian2's steps a step."""
    dt_s, copies = chain.dt_s / ratio, inputs.n_samples
    late = int(chain.order == "integrate_first")
    n_recorded = n_steps + (chain.order == "fire_first")
    delay, own_delay = (whole_steps(s, dt_s) for s in (chain.delay_s, chain.recurrent_delay_s))
    # The numpy target: for these few, large groups compiling would take longer than running.
    with session(target="numpy", dt_s=dt_s) as engine:
        network, monitors, probes, groups = brian2.Network(), [], [], []
        fired: Fired = _InputEvents(inputs, chain.layers[0].weight.shape[1], dt_s)
        for k, layer in enumerate(chain.layers):
            fires, lag = layer.threshold is not None, late * (k + 1)
            if fires and substitute:
                group = _substituted(layer, copies, dt_s, substitute)
            else:
                group = _population(layer, copies, dt_s, chain, scheme)
            groups.append(group)
            current = _values(group, "syn", copies)
            arrivals: list[Callable[[], None]] = [_Weights(fired, layer.weight, current, delay)]
            fired = _spikes_of(group)
            if layer.recurrent is not None:
                arrivals.append(_Weights(fired, layer.recurrent, current, own_delay))
            if layer.bias is not None:
                pulses = range(late * k + delay, late * k + delay + n_steps * ratio, ratio)
                arrivals.append(_Pulses(layer.bias, current, pulses))
            labels = range(lag, lag + n_recorded * ratio, ratio)
            probe = _Probe(_values(group, "v", copies)[: recorded if fires else copies], labels)
            probes.append(probe)
            network.add(
                group,
                brian2.NetworkOperation(probe, when="thresholds"),
                *(brian2.NetworkOperation(arrival, when="synapses") for arrival in arrivals),
            )
            if fires:
                monitors.append((brian2.SpikeMonitor(group), layer.size, lag))
                network.add(monitors[-1][0])
        network.run((labels[-1] + 1) * dt_s * second)
        ends = {f"v of layer {k}": _values(g, "v", copies) for k, g in enumerate(groups)}
        check_finite(ends, dt_s)
        readout = None if fires else probes.pop().recorded()
        return ChainRecording(
            tuple(_layer_spikes(*each, n_steps * ratio, dt_s) for each in monitors),
            readout,
            tuple(probe.recorded()[:n_steps] for probe in probes),
            engine,
        )


def _join(parts: list[ChainRecording], at_once: int) -> ChainRecording:
    readouts = [part.readout for part in parts if part.readout is not None]
    return ChainRecording(
        tuple(
            _join_spikes(pieces, at_once)
            for pieces in zip(*(part.spikes for part in parts), strict=True)
        ),
        np.concatenate(readouts, axis=1) if readouts else None,
        tuple(
            np.concatenate(pieces, axis=1)
            for pieces in zip(*(part.membranes for part in parts), strict=True)
        ),
        parts[0].engine,
    )


def _join_spikes(pieces: tuple[LayerSpikes, ...], at_once: int) -> LayerSpikes:
    time_s = np.concatenate([piece.time_s for piece in pieces])
    unit = np.concatenate([piece.unit for piece in pieces])
    sample = np.concatenate([piece.sample + k * at_once for k, piece in enumerate(pieces)])
    by_time = np.argsort(time_s, kind="stable")
    return LayerSpikes(time_s[by_time], unit[by_time], sample[by_time])


def _values(group: Any, name: str, copies: int) -> np.ndarray:
    """Return a view on a variable, ``[copies, N]``."""
    return group.variables[name].get_value().reshape(copies, -1)


def _spikes_of(group: Any) -> Fired:
    return lambda: group.spikes


def _population(layer: Layer, copies: int, dt_s: float, chain: Chain, scheme: Scheme) -> Any:
    fires = layer.threshold is not None
    group = brian2.NeuronGroup(
        layer.size * copies,
        STATE + FIRING if fires else STATE,
        threshold=f"v {'>' if chain.strict else '>='} theta" if fires else None,
        reset=RESET[chain.reset] if fires else None,
        namespace={"hold_steps": whole_steps(chain.hold_s, dt_s)},
    )
    values = _propagator(layer, dt_s, chain.dt_s, scheme)
    if fires:
        values["theta"] = np.asarray(layer.threshold)
    for name, value in values.items():
        setattr(group, name, np.tile(np.broadcast_to(value, layer.size), copies))
    group.run_regularly(ADVANCE[chain.reset] if fires else INTEGRATE, when="groups")
    return group


def _substituted(layer: Layer, copies: int, dt_s: float, substitute: Substitute) -> Any:
    model = substitute.model
    name, unit = next(iter(model.inputs.items()))
    refractory = model.refractory
    group = brian2.NeuronGroup(
        layer.size * copies,
        f"{model.equations}\nsyn : 1\nalpha : 1 (constant)\nper_syn : 1 (constant)\n"
        f"{name} = (offset + gain * clip(per_syn * syn, -largest, largest)) * {unit}"
        f" : {unit} (constant over dt)",
        threshold=model.threshold,
        reset=model.reset,
        refractory=refractory if isinstance(refractory, str) else refractory * second,
        method=model.method,
        namespace={
            **model.parameters,
            "offset": substitute.offset,
            "gain": substitute.gain,
            "largest": substitute.largest_drive,
        },
    )
    for key, value in model.initial.items():
        setattr(group, key, value)
    per_syn = np.asarray(layer.resistance) / np.asarray(layer.threshold)
    for key, value in (("alpha", _decay(layer.tau_syn_s, dt_s)), ("per_syn", per_syn)):
        setattr(group, key, np.tile(np.broadcast_to(value, layer.size), copies))
    group.run_regularly(DECAY, when="groups", order=1)
    return group


def _decay(tau_s: float | np.ndarray, dt_s: float) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.exp(-dt_s / np.asarray(tau_s, dtype=float))


def _propagator(layer: Layer, dt_s: float, network_dt_s: float, scheme: Scheme) -> dict[str, Any]:
    """Return alpha, beta and kappa, each one number or ``[N]``."""
    tau_syn, tau_mem = (np.asarray(t, dtype=float) for t in (layer.tau_syn_s, layer.tau_mem_s))
    alpha, beta = _decay(tau_syn, dt_s), _decay(tau_mem, dt_s)
    held = layer.resistance * (1 - beta)
    # r = 1 / (1 - beta) was written for a gain of exactly one.
    kappa = np.where(np.isclose(held, 1.0, rtol=1e-12, atol=0), 1.0, held)
    if scheme == "exact":
        equal = np.isclose(tau_syn, tau_mem, rtol=1e-9, atol=0)
        apart = np.where(equal, 1.0, tau_syn - tau_mem)
        kappa = layer.resistance * np.where(
            equal, dt_s / tau_mem * beta, tau_syn / apart * (alpha - beta)
        )
    # A current that lasts a step of the network makes the membrane jump, whatever dt.
    jump = layer.resistance * (1 - _decay(tau_mem, network_dt_s))
    return {"alpha": alpha, "beta": beta, "kappa": np.where(tau_syn == 0, jump, kappa)}


class _InputEvents:
    """Who fires in the input; called once a step."""

    def __init__(self, inputs: InputSpikes, n_in: int, dt_s: float) -> None:
        step = np.round(inputs.time_s / dt_s).astype(np.int64)
        cell = inputs.sample.astype(np.int64) * n_in + inputs.unit
        order = np.lexsort((cell, step))
        self._cells = cell[order]
        self._ends = np.append(0, np.cumsum(np.bincount(step)))
        self._step = -1

    def __call__(self) -> np.ndarray:
        self._step += 1
        first, last = self._ends[np.minimum([self._step, self._step + 1], len(self._ends) - 1)]
        return self._cells[first:last]


class _Weights:
    """Weights ``[post, pre]`` in every copy: adds to ``current [copies, post]`` what arrives."""

    def __init__(self, fired: Fired, weight: np.ndarray, current: np.ndarray, delay: int) -> None:
        self._fired, self._current = fired, current
        self._by_source = np.ascontiguousarray(weight.T, dtype=float)
        self._copies = np.arange(len(current) + 1)
        self._waiting = deque([np.empty(0, np.int64)] * delay)

    def __call__(self) -> None:
        self._waiting.append(np.array(self._fired()))
        cells = self._waiting.popleft()
        if not len(cells):
            return
        copy, source = np.divmod(cells, len(self._by_source))
        spikes = csr_matrix(
            (np.ones(len(cells)), source, np.searchsorted(copy, self._copies)),
            shape=(len(self._current), len(self._by_source)),
        )
        self._current += spikes @ self._by_source


class _Pulses:
    """A bias: the current jumps in the given steps."""

    def __init__(self, bias: np.ndarray, current: np.ndarray, steps: range) -> None:
        self._bias, self._current, self._steps, self._step = bias, current, steps, -1

    def __call__(self) -> None:
        self._step += 1
        if self._step in self._steps:
            self._current += self._bias


class _Probe:
    """Keeps the values ``[copies, N]`` of the given steps."""

    def __init__(self, values: np.ndarray, steps: range) -> None:
        self._values, self._steps, self._step = values, steps, -1
        self._kept: list[np.ndarray] = []

    def __call__(self) -> None:
        self._step += 1
        if self._step in self._steps:
            self._kept.append(self._values.copy())

    def recorded(self) -> np.ndarray:
        """Return ``[T, copies, N]``."""
        return np.stack(self._kept)


def _layer_spikes(monitor: Any, size: int, lag: int, n_steps: int, dt_s: float) -> LayerSpikes:
    step, index = np.round(np.array(monitor.t) / dt_s).astype(np.int64) - lag, np.array(monitor.i)
    within = step < n_steps
    return LayerSpikes(step[within] * dt_s, index[within] % size, index[within] // size)
