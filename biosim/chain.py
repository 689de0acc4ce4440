"""Feed-forward networks of current-based LIF neurons in Brian2, many samples side by side.

    tau_syn dI/dt = -I,    tau_mem dv/dt = -v + r I,    I jumps by the weight of a spike

Both equations are linear between spikes, so they are advanced by their exact propagator

    v <- beta v + kappa I,    I <- alpha I,    alpha = exp(-dt/tau_syn), beta = exp(-dt/tau_mem),

whose ``kappa = r tau_syn / (tau_syn - tau_mem) (alpha - beta)`` lets the current decay within the
step. A discrete-time network holds its current over the step instead, ``kappa = r (1 - beta)``:
with ``scheme="held"`` and the network's own dt this *is* the discrete network; with
``scheme="exact"`` and dt shrinking it tends to the solution of the differential equations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from biosim.backend import session

Scheme = Literal["held", "exact"]

MAX_SYNAPSES = 4_000_000  # in one Brian2 network; more samples than fit are run in turns


@dataclass(frozen=True)
class Layer:
    """A population and the weights into it; times in seconds.

    Parameters
    ----------
    weight
        ``[post, pre]``: by how much a presynaptic spike lets the current jump.
    tau_mem_s, tau_syn_s, resistance
        Of every neuron of the layer.
    threshold
        The neuron fires above it; None for a readout, which does not fire.
    """

    weight: np.ndarray
    tau_mem_s: float
    tau_syn_s: float
    resistance: float
    threshold: float | None

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.weight.shape[0]


@dataclass(frozen=True)
class Chain:
    """A feed-forward network: layers in order, the last one a readout.

    Parameters
    ----------
    layers
        Spiking layers, then the readout.
    dt_s
        Step of the discrete network that was trained.
    delay_s
        From a spike to the current that it causes.
    hold_s
        How long a spike keeps the membrane at zero.
    """

    layers: tuple[Layer, ...]
    dt_s: float
    delay_s: float
    hold_s: float


@dataclass(frozen=True)
class InputSpikes:
    """Input to run: spike ``k`` of ``unit[k]`` of sample ``sample[k]`` at ``time_s[k]``."""

    time_s: np.ndarray
    unit: np.ndarray
    sample: np.ndarray
    n_samples: int


@dataclass(frozen=True)
class LayerSpikes:
    """Spikes of one layer, ordered by time."""

    time_s: np.ndarray
    unit: np.ndarray
    sample: np.ndarray


@dataclass(frozen=True)
class ChainRecording:
    """What a run showed.

    Parameters
    ----------
    spikes
        One entry a spiking layer.
    readout_peak
        ``[samples, classes]`` largest readout potential over time, at least the initial 0.
    engine
        Brian2's code generation target that was used.
    """

    spikes: tuple[LayerSpikes, ...]
    readout_peak: np.ndarray
    engine: str


def run_chain(
    chain: Chain,
    inputs: InputSpikes,
    n_steps: int,
    dt_s: float | None = None,
    scheme: Scheme = "held",
    progress: Callable[[float, str], None] = lambda _fraction, _note: None,
) -> ChainRecording:
    """Return the spikes and readout of a network for independent samples.

    Parameters
    ----------
    chain
        The network.
    inputs
        Input spikes; times are multiples of ``dt_s``.
    n_steps
        Length of a sample in steps of ``chain.dt_s``.
    dt_s
        Step of the simulation, a whole fraction of ``chain.dt_s``; by default equal to it.
    scheme
        ``"held"`` or ``"exact"``; see the module.
    progress
        Called with the fraction of samples done.

    Raises
    ------
    ValueError
        If ``dt_s`` does not divide ``chain.dt_s``.
    """
    dt_s = chain.dt_s if dt_s is None else dt_s
    ratio = round(chain.dt_s / dt_s)
    if not np.isclose(ratio * dt_s, chain.dt_s, rtol=1e-9, atol=0):
        raise ValueError(f"dt_s = {dt_s} must divide the network's {chain.dt_s}")
    copies = max(1, MAX_SYNAPSES // sum(layer.weight.size for layer in chain.layers))
    parts = []
    for first in range(0, inputs.n_samples, copies):
        here = (inputs.sample >= first) & (inputs.sample < first + copies)
        part = InputSpikes(
            inputs.time_s[here],
            inputs.unit[here],
            inputs.sample[here] - first,
            min(copies, inputs.n_samples - first),
        )
        parts.append(_run_copies(chain, part, n_steps, ratio, scheme))
        progress((first + part.n_samples) / inputs.n_samples, f"dt = {dt_s * 1e3:g} ms")
    return _join(parts, copies)


def _run_copies(
    chain: Chain, inputs: InputSpikes, n_steps: int, ratio: int, scheme: Scheme
) -> ChainRecording:
    """Run one copy of the network for each sample, all in one Brian2 network."""
    import brian2 as b2

    dt_s = chain.dt_s / ratio
    n_in, copies = chain.layers[0].weight.shape[1], inputs.n_samples
    # The numpy target: for these few, large groups compiling would take longer than running.
    with session(target="numpy") as engine:
        clock = b2.Clock(dt=dt_s * b2.second)
        source: Any = b2.SpikeGeneratorGroup(
            n_in * copies,
            inputs.sample * n_in + inputs.unit,
            np.round(inputs.time_s / dt_s) * dt_s * b2.second,
            clock=clock,
            sorted=False,
        )
        network = b2.Network(source)
        monitors = []
        for layer in chain.layers:
            group = _population(layer, copies, dt_s, round(chain.hold_s / dt_s), scheme, clock)
            synapses = _synapses(source, group, layer.weight, copies, chain.delay_s, clock)
            network.add(group, synapses)
            if layer.threshold is not None:
                monitors.append(b2.SpikeMonitor(group))
                network.add(monitors[-1])
            source = group
        # One step more than the input has: the readout is recorded after the last step too.
        network.run((n_steps + 1) * chain.dt_s * b2.second)
        end_s = (n_steps - 0.5 / ratio) * chain.dt_s
        return ChainRecording(
            tuple(
                _layer_spikes(monitor, layer.size, end_s)
                for monitor, layer in zip(monitors, chain.layers[:-1], strict=True)
            ),
            np.array(source.peak).reshape(copies, -1),
            engine,
        )


def _population(
    layer: Layer, copies: int, dt_s: float, hold_steps: int, scheme: Scheme, clock: Any
) -> Any:
    import brian2 as b2

    alpha, beta = np.exp(-dt_s / layer.tau_syn_s), np.exp(-dt_s / layer.tau_mem_s)
    constants = {
        "alpha": alpha,
        "beta": beta,
        "kappa": _kappa(layer, alpha, beta, dt_s, scheme),
        "hold_steps": hold_steps,
        "theta": layer.threshold or 0.0,
    }
    spiking = layer.threshold is not None
    group = b2.NeuronGroup(
        layer.size * copies,
        "v : 1\nI : 1\nheld : integer" if spiking else "v : 1\nI : 1\npeak : 1",
        threshold="v > theta" if spiking else None,
        reset="v = 0\nheld = hold_steps" if spiking else None,
        namespace=constants,
        clock=clock,
    )
    advance = (
        "v = (beta * v + kappa * I) * int(held == 0)\nI = alpha * I\nheld = held - int(held > 0)"
        if spiking
        else "v = beta * v + kappa * I\nI = alpha * I\npeak = clip(v, peak, inf)"
    )
    group.run_regularly(advance, clock=clock, when="groups")
    return group


def _kappa(layer: Layer, alpha: float, beta: float, dt_s: float, scheme: Scheme) -> float:
    if scheme == "held":
        gain = layer.resistance * (1 - beta)
        # r = 1 / (1 - beta) was written for a gain of exactly one.
        return 1.0 if np.isclose(gain, 1.0, rtol=1e-12, atol=0) else gain
    if np.isclose(layer.tau_syn_s, layer.tau_mem_s, rtol=1e-9, atol=0):
        return layer.resistance * dt_s / layer.tau_mem_s * beta
    return layer.resistance * layer.tau_syn_s / (layer.tau_syn_s - layer.tau_mem_s) * (alpha - beta)


def _synapses(
    source: Any, group: Any, weight: np.ndarray, copies: int, delay_s: float, clock: Any
) -> Any:
    import brian2 as b2

    n_post, n_pre = weight.shape
    synapses = b2.Synapses(
        source, group, "w : 1", on_pre="I_post += w", delay=delay_s * b2.second, clock=clock
    )
    pre, post = (axis.ravel() for axis in np.meshgrid(range(n_pre), range(n_post), indexing="ij"))
    copy = np.repeat(np.arange(copies), weight.size)
    synapses.connect(i=np.tile(pre, copies) + copy * n_pre, j=np.tile(post, copies) + copy * n_post)
    synapses.w = np.tile(weight.T.ravel(), copies)
    return synapses


def _layer_spikes(monitor: Any, size: int, end_s: float) -> LayerSpikes:
    time_s, index = np.array(monitor.t), np.array(monitor.i)
    within = time_s < end_s
    return LayerSpikes(time_s[within], index[within] % size, index[within] // size)


def _join(parts: list[ChainRecording], copies: int) -> ChainRecording:
    layers = []
    for pieces in zip(*(part.spikes for part in parts), strict=True):
        layers.append(
            LayerSpikes(
                np.concatenate([piece.time_s for piece in pieces]),
                np.concatenate([piece.unit for piece in pieces]),
                np.concatenate([piece.sample + k * copies for k, piece in enumerate(pieces)]),
            )
        )
    peaks = np.concatenate([part.readout_peak for part in parts])
    return ChainRecording(tuple(layers), peaks, parts[0].engine)
