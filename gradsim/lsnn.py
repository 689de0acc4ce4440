"""LSNN: a recurrent network of LIF neurons with fixed and with adaptive thresholds.

Bellec, Salaj, Subramoney, Legenstein & Maass, "Long short-term memory and learning-to-learn in
networks of spiking neurons", NeurIPS 2018, arXiv:1803.09574. In step t, in this order, with x the
input spikes, z the neurons' own and d the delay of a synapse (`gradsim.delays`)::

    I_j = sum_i w_in_ji x_i(t - d_ji + 1) + sum_i w_rec_ji z_i(t - d_ji)              (1)
    b_j <- rho b_j + (1 - rho) z_j(t - 1)                                             (2)
    B_j = threshold + beta_j b_j                      beta_j = 0 without adaptation   (3)
    v_j <- alpha v_j + (1 - alpha) I_j - B_j z_j(t - 1)                               (4)
    s_j = (v_j - B_j) / B_j                                                           (5)
    z_j = 1 where s_j > 0 and j did not fire in the last n_refractory steps           (6)
    trace_j <- kappa trace_j + (1 - kappa) z_j                                        (7)
    y_k = sum_j w_out_kj trace_j                                                      (8)

with ``alpha = exp(-dt / tau_mem)``, and rho and kappa alike of tau_adapt and tau_out. (2), (3) and
(5) are of the paper's section 2; the order, the reset by the adapted threshold, refractoriness and
delays are those of its published code. `gradsim.lsnn_gradients` trains it.

Guaranteed: what compiled loops read, which check no bounds, was checked for type, shape and range.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gradsim import delays
from gradsim.arrays import integers, plain
from gradsim.events import SpikeEvents
from gradsim.kernels import buffers, orders, threads
from gradsim.kernels import lsnn as loops

LSNNState = loops.State


@dataclass(frozen=True)
class LSNNParameters:
    """Sizes and neurons of a network; the defaults are the paper's for store and recall.

    Parameters
    ----------
    n_in, n_regular, n_adaptive, n_out
        Numbers of inputs, of neurons whose threshold is fixed, of neurons whose threshold adapts
        (they come last), and of readout units.
    tau_mem_s, tau_adapt_s, tau_out_s, dt_s
        Time constants of membrane, adaptation and readout, and the step, in seconds.
    threshold
        Of a neuron that has not fired for long; positive.
    beta
        What an adaptive neuron that fires in every step adds to its threshold; 0 or more.
    n_refractory
        Steps after a spike in which a neuron cannot fire.
    max_delay
        Delays of synapses are drawn from 1 to this many steps.
    dampening
        Largest slope of a spike; see (9) of `gradsim.lsnn_gradients`.
    detach_reset
        Whether back-propagation through time ignores the reset; e-prop always does.

    Raises
    ------
    ValueError
        If a number is outside its range.
    """

    n_in: int = 100
    n_regular: int = 10
    n_adaptive: int = 10
    n_out: int = 2
    tau_mem_s: float = 20e-3
    tau_adapt_s: float = 1.2
    tau_out_s: float = 20e-3
    threshold: float = 0.01
    beta: float = 1.7
    n_refractory: int = 3
    max_delay: int = 10
    dampening: float = 0.3
    detach_reset: bool = False
    dt_s: float = 1e-3

    def __post_init__(self) -> None:
        if min(self.n_in, self.n, self.n_out, self.max_delay) < 1:
            raise ValueError(
                f"there must be inputs, neurons, readouts, delays of 1 or more: {self}"
            )
        if min(self.n_regular, self.n_adaptive, self.n_refractory, self.beta) < 0:
            raise ValueError(
                f"numbers of neurons and steps, and beta, must not be negative: {self}"
            )
        for name in ("tau_mem_s", "tau_adapt_s", "tau_out_s", "threshold", "dampening", "dt_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive and finite, not {getattr(self, name)}")

    @property
    def n(self) -> int:
        """Number of neurons."""
        return self.n_regular + self.n_adaptive


class Weights(NamedTuple):
    """Trained weights, or their gradients: ``w_in [n, n_in]``, ``w_rec [n, n]``, ``w_out [k, n]``.

    One type, float32 or float64, in which everything is computed.
    """

    w_in: np.ndarray
    w_rec: np.ndarray
    w_out: np.ndarray


class LSNN(NamedTuple):
    """A network: parameters, weights, and delays ``[n, n_in + n]`` of inputs, then of neurons."""

    parameters: LSNNParameters
    weights: Weights
    delays: np.ndarray


class Activity(NamedTuple):
    """What a network did: ``spikes [T, B, n]`` uint8, ``readout [T, B, k]`` and the last state."""

    spikes: np.ndarray
    readout: np.ndarray
    state: LSNNState


def initial(
    parameters: LSNNParameters,
    rng: np.random.Generator,
    dtype: type[np.floating] = np.float32,
) -> LSNN:
    """Return a network with weights and delays drawn as in the paper's published code.

    Weights from inputs and neurons are normal with deviation ``1 / sqrt(sources)``, no neuron is
    connected to itself, and weights of the readout are uniform (Glorot & Bengio 2010).

    Examples
    --------
    >>> small = LSNNParameters(n_in=4, n_regular=2, n_adaptive=1)
    >>> network = initial(small, np.random.default_rng(0))
    >>> [weights.shape for weights in network.weights], network.delays.shape
    ([(3, 4), (3, 3), (2, 3)], (3, 7))
    """
    n, n_in, n_out = parameters.n, parameters.n_in, parameters.n_out
    w_in = rng.normal(0, n_in**-0.5, (n, n_in))
    w_rec = rng.normal(0, n**-0.5, (n, n))
    np.fill_diagonal(w_rec, 0)
    bound = math.sqrt(6 / (n + n_out))
    w_out = rng.uniform(-bound, bound, (n_out, n))
    weights = Weights(*(part.astype(dtype) for part in (w_in, w_rec, w_out)))
    return LSNN(parameters, weights, delays.draw(n, n_in + n, parameters.max_delay, rng))


def zero_state(network: LSNN, n_samples: int) -> LSNNState:
    """Return the state of ``n_samples`` networks at rest."""
    parameters, dtype = network.parameters, network.weights.w_in.dtype
    shape = (n_samples, parameters.n)
    return LSNNState(
        mem=np.zeros(shape, dtype),
        adaptation=np.zeros(shape, dtype),
        spikes=np.zeros(shape, dtype),
        trace=np.zeros(shape, dtype),
        refractory=np.zeros(shape, dtype),
        pending=np.zeros((n_samples, parameters.max_delay - 1, parameters.n), dtype),
    )


class Run(NamedTuple):
    """A run of the compiled loops: what they read, what they left behind, and the last state."""

    cell: loops.Cell
    spikes_in: orders.Spikes
    rows: np.ndarray
    record: loops.Record
    state: LSNNState

    @property
    def spikes(self) -> np.ndarray:
        """``[B, T, n]``."""
        return self.record.spikes[:, 1:, : self.state.mem.shape[1]]

    @property
    def traces(self) -> np.ndarray:
        """``[B, S, n]``, averaged over windows."""
        return self.record.traces[:, :, : self.state.mem.shape[1]]


def run(network: LSNN, inputs: SpikeEvents, state: LSNNState | None = None) -> Activity:
    """Run a batch and return what the network did in each step.

    Parameters
    ----------
    network
        See `initial`.
    inputs
        B samples of ``n_in`` units.
    state
        From which to start, unchanged; at rest where None. From the state at the end of a run it
        goes on exactly where that one stopped.

    Raises
    ------
    ValueError
        If inputs or state do not fit the network.
    """
    network = in_plain_arrays(network)
    ran = forward(network, inputs, inputs.n_steps, state, for_gradient=False)
    readout = ran.traces @ network.weights.w_out.T
    return Activity(ran.spikes.swapaxes(0, 1), readout.swapaxes(0, 1), ran.state)


def forward(
    network: LSNN,
    inputs: SpikeEvents,
    n_windows: int,
    state: LSNNState | None,
    for_gradient: bool,
) -> Run:
    """Run a batch; average traces over ``n_windows`` and keep slopes where a gradient is wanted."""
    network = in_plain_arrays(network)
    parameters, dtype = network.parameters, network.weights.w_in.dtype
    n, n_samples, n_steps = parameters.n, len(inputs), inputs.n_steps
    _require_fitting(network, inputs)
    state = _padded(state, zero_state(network, n_samples))
    width = state.mem.shape[1]
    recorded = (n_samples if for_gradient else 0, n_steps, width)
    record = loops.Record(
        buffers.zeros((n_samples, n_steps + 1, width), np.uint8),
        np.zeros((n_samples, n_windows, width), dtype),
        *(buffers.empty(recorded, dtype) for _ in range(3)),
    )
    record.spikes[:, 0] = state.spikes
    spikes_in = orders.spikes_by_step(
        inputs.step, inputs.unit, inputs.offsets, inputs.n_units, n_steps
    )
    cell, rows = _cell(network), _rows(network)
    read = (parameters.n_in, dtype.type(n_windows / n_steps), cell, spikes_in, rows)
    threads.in_parallel(
        lambda first, last: loops.forward(first, last, *read, state, record), n_samples
    )
    last = LSNNState(*(part[..., :n].copy() for part in state))
    return Run(cell, spikes_in, rows, record, last)


def in_plain_arrays(network: LSNN) -> LSNN:
    """Return the network with arrays that compiled loops can read, whatever they were."""
    named = zip(Weights._fields, network.weights, strict=True)
    weights = Weights(*(np.ascontiguousarray(plain(name, part)) for name, part in named))
    return LSNN(network.parameters, weights, integers("delays", network.delays).astype(np.int64))


def _require_fitting(network: LSNN, inputs: SpikeEvents) -> None:
    p, weights = network.parameters, network.weights
    dtype = weights.w_in.dtype
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"weights must be float32 or float64, not {dtype}")
    shapes = ((p.n, p.n_in), (p.n, p.n), (p.n_out, p.n))
    for name, part, shape in zip(Weights._fields, weights, shapes, strict=True):
        if part.shape != shape or part.dtype != dtype:
            raise ValueError(
                f"{name} must be {dtype} {list(shape)}, not {part.dtype} {list(part.shape)}"
            )
    delays.require_delays(network.delays, (p.n, p.n_in + p.n), p.max_delay)
    if inputs.n_units != p.n_in:
        raise ValueError(f"{inputs.n_units} input units for {p.n_in} inputs")


def padded(values: np.ndarray) -> np.ndarray:
    """Return a copy whose last axis has zeros up to a whole number of vectors."""
    missing = -values.shape[-1] % loops.LANES
    return np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, missing)])


def _padded(state: LSNNState | None, rest: LSNNState) -> LSNNState:
    """Return a padded copy of a state that fits one at rest, which it is where None."""
    state = rest if state is None else state
    for name, part, fitting in zip(rest._fields, state, rest, strict=True):
        if part.shape != fitting.shape or part.dtype != fitting.dtype:
            raise ValueError(
                f"{name} of the state must be {fitting.dtype} {list(fitting.shape)}, "
                f"not {part.dtype} {list(part.shape)}"
            )
    return LSNNState(*map(padded, state))


def _cell(network: LSNN) -> loops.Cell:
    p, number = network.parameters, network.weights.w_in.dtype.type
    alpha, rho, kappa = (
        math.exp(-p.dt_s / tau_s) for tau_s in (p.tau_mem_s, p.tau_adapt_s, p.tau_out_s)
    )
    return loops.Cell(
        beta=padded(np.repeat([number(0), number(p.beta)], [p.n_regular, p.n_adaptive])),
        alpha=number(alpha),
        alpha_gain=number(1 - alpha),
        rho=number(rho),
        rho_gain=number(1 - rho),
        kappa=number(kappa),
        kappa_gain=number(1 - kappa),
        threshold=number(p.threshold),
        dampening=number(p.dampening),
        one=number(1),
        n_refractory=number(p.n_refractory),
        detach_reset=p.detach_reset,
    )


def _rows(network: LSNN) -> np.ndarray:
    weights = np.concatenate(network.weights[:2], axis=1)
    return padded(delays.spread(weights, network.delays, network.parameters.max_delay))
