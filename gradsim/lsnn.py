"""LSNN: a recurrent network of LIF neurons with fixed and with adaptive thresholds.

Bellec, Salaj, Subramoney, Legenstein & Maass, NeurIPS 2018, arXiv:1803.09574 (P); e-prop: Bellec
et al., Nat. Commun. 11:3625 (2020), doi:10.1038/s41467-020-17236-y (E). In step t, in this order,
with x the input spikes, z the neurons' own and d the delay of a synapse (`gradsim.delays`)::

    I_j = sum_i w_in_ji x_i(t - d_ji + 1) + sum_i w_rec_ji z_i(t - d_ji)              (1)
    b_j <- rho b_j + (1 - rho) z_j(t - 1)                                             (2)
    B_j = threshold + beta_j b_j                      beta_j = 0 without adaptation   (3)
    v_j <- alpha v_j + (1 - alpha) I_j - B_j z_j(t - 1)                               (4)
    s_j = (v_j - B_j) / B_j                                                           (5)
    z_j = 1 where s_j > 0 and j did not fire in the last n_refractory steps           (6)
    y_k = sum_j w_out_kj trace_j,     trace_j <- kappa trace_j + (1 - kappa) z_j      (7)

with ``alpha = exp(-dt / tau_mem)``, and rho and kappa alike of tau_adapt and tau_out. (2), (3) and
(8) are of P, section 2; order, reset and refractoriness are those of its published code. In place
of the derivative of a spike, and 0 while a neuron is refractory, gradients use::

    dz_j/ds_j = dampening max(0, 1 - |s_j|)                                           (8)

Time is divided into S windows of equal length. The logits of a window are the readout's mean over
it; the loss is their cross entropy, averaged over all windows of the batch that have a target (-1:
nothing is asked). `bptt` gives the gradient of this loss. `eprop` gives what is left of it if the
paths through recurrent synapses and through the reset are cut. It needs no past: a synapse carries
eligibility traces forward in time (E, Methods, adaptive neurons; here with the slope of (8))::

    eps_v <- alpha eps_v + (1 - alpha) arriving spikes
    eps_b <- rho eps_b + (1 - rho) e                  with e of the step before
    e = dz/ds / B_j (eps_v - beta_j (v_j / B_j) eps_b)
    e_bar <- kappa e_bar + (1 - kappa) e

and the gradient is the sum over time of ``e_bar_ji L_j``. The learning signal ``L_j`` sends the
error of the readout back through ``w_out`` (symmetric) or through other weights (random feedback).

Gradients begin with the run: nothing flows into the state from which it starts, and spikes that
were under way then are not credited to their synapses.

Deviations: E divides the pseudo-derivative by the base threshold and resets by it, so that v / B is
missing from e there; here e is exactly the derivative of (5), and e-prop equals `bptt` where there
is nothing to cut. The rate penalty of P, numerically nil, is left out unless asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gradsim import delays
from gradsim.events import SpikeEvents
from gradsim.kernels import buffers, orders, threads
from gradsim.kernels import lsnn as loops

LSNNState = loops.State


@dataclass(frozen=True)
class LSNNParameters:
    """Sizes and neurons of a network; the defaults are those of P for store and recall.

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
        Largest slope of a spike; see (8) of the module.
    detach_reset
        Whether `bptt` ignores the reset; `eprop` always does.

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


class Sequences(NamedTuple):
    """Input spikes, and ``targets [B, S]``: the class asked for in each window, or -1."""

    inputs: SpikeEvents
    targets: np.ndarray


class Outcome(NamedTuple):
    """What a batch of sequences gave: ``logits [B, S, k]``, ``counts [B, n]`` of spikes, a state.

    ``loss`` is the mean cross entropy of the windows that have a target, in nats.
    """

    loss: float
    logits: np.ndarray
    counts: np.ndarray
    state: LSNNState


class Learned(NamedTuple):
    """An outcome, its loss with the rate penalty added, and the gradients of that loss."""

    outcome: Outcome
    loss: float
    gradients: Weights


@dataclass(frozen=True)
class RatePenalty:
    """``strength`` times the mean over neurons of (firing rate - ``rate_hz``)^2, rates in Hz."""

    strength: float
    rate_hz: float = 10.0

    def gradient(self, counts: np.ndarray, seconds: float) -> tuple[float, np.ndarray]:
        """Return the penalty for ``counts [B, n]``, and its gradient ``[n]`` by each spike."""
        excess = counts.sum(axis=0) / (len(counts) * seconds) - self.rate_hz
        return (
            self.strength * float(np.mean(excess**2)),
            2 * self.strength * excess / (excess.size * len(counts) * seconds),
        )


def initial(
    parameters: LSNNParameters,
    rng: np.random.Generator,
    dtype: type[np.floating] = np.float32,
) -> LSNN:
    """Return a network with weights and delays drawn as in P's published code.

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
        spikes=np.zeros(shape, np.uint8),
        trace=np.zeros(shape, dtype),
        refractory=np.zeros(shape, np.int32),
        pending=np.zeros((n_samples, parameters.max_delay - 1, parameters.n), dtype),
    )


def run(network: LSNN, inputs: SpikeEvents, state: LSNNState | None = None) -> Activity:
    """Run a batch and return what the network did in each step.

    Parameters
    ----------
    network
        See `initial`.
    inputs
        B samples of ``n_in`` units.
    state
        From which to start; at rest where None. It is not changed. Starting from the state of a
        run's end goes on exactly where that one stopped.
    """
    record, state = _forward(network, inputs, inputs.n_steps, state, learning=False)
    readout = record.traces @ network.weights.w_out.T
    return Activity(record.spikes[:, 1:].swapaxes(0, 1), readout.swapaxes(0, 1), state)


def evaluate(network: LSNN, sequences: Sequences, state: LSNNState | None = None) -> Outcome:
    """Return loss and logits of a batch; nothing is learned. See `bptt`."""
    _, targets = _checked(network, sequences)
    record, state = _forward(network, sequences.inputs, targets.shape[1], state, learning=False)
    return _outcome(network, record, targets, state)[0]


def bptt(
    network: LSNN,
    sequences: Sequences,
    state: LSNNState | None = None,
    penalty: RatePenalty | None = None,
) -> Learned:
    """Return the loss of a batch and its gradients, by back-propagation through time.

    Parameters
    ----------
    network
        See `initial`.
    sequences
        B samples, ``targets [B, S]``; S divides the number of steps.
    state
        From which to start, unchanged; at rest where None.
    penalty
        On firing rates.

    Raises
    ------
    ValueError
        If sequences do not fit the network, or no window has a target.
    """
    inputs, targets = _checked(network, sequences)
    record, state = _forward(network, inputs, targets.shape[1], state, learning=True)
    outcome, error = _outcome(network, record, targets, state)
    signal, drive, loss = _signals(network, error @ network.weights.w_out, outcome, inputs, penalty)
    cell, events, rows = _cell(network), _by_step(inputs), _rows(network)
    gradient = np.zeros((-(-len(inputs) // orders.GROUP), *rows.shape), rows.dtype)
    threads.in_parallel(
        lambda first, last: loops.backward(
            first, last, cell, events, rows, record, signal, drive, gradient
        ),
        len(inputs),
    )
    by_synapse = delays.gathered(gradient.sum(axis=0), network.delays)
    return Learned(outcome, loss, _gradients(network, by_synapse, record, error))


def eprop(
    network: LSNN,
    sequences: Sequences,
    state: LSNNState | None = None,
    penalty: RatePenalty | None = None,
    feedback: np.ndarray | None = None,
) -> Learned:
    """Return the loss of a batch and what e-prop takes for its gradients.

    Parameters
    ----------
    network, sequences, state, penalty
        As for `bptt`.
    feedback
        ``[k, n]`` weights that bring the readout's error to the neurons; ``w_out`` where None
        (symmetric).

    Raises
    ------
    ValueError
        If sequences do not fit the network, or no window has a target.
    """
    inputs, targets = _checked(network, sequences)
    record, state = _forward(network, inputs, targets.shape[1], state, learning=True)
    outcome, error = _outcome(network, record, targets, state)
    through = network.weights.w_out if feedback is None else feedback.astype(error.dtype)
    signal, drive, loss = _signals(network, error @ through, outcome, inputs, penalty)
    cell, events = _cell(network), _by_step(inputs)
    arrivals = delays.by_delay(network.delays, network.parameters.max_delay)
    n, n_sources = network.delays.shape
    n_groups, width = -(-len(inputs) // orders.GROUP), -(-n_sources // loops.LANES) * loops.LANES
    gradient = np.zeros((n_groups, n, width), error.dtype)
    threads.in_parallel(
        lambda first, last: loops.eligibility(
            first, last, n_sources, cell, events, arrivals, record, signal, drive, gradient
        ),
        len(inputs),
    )
    by_synapse = gradient.sum(axis=0)[:, :n_sources]
    return Learned(outcome, loss, _gradients(network, by_synapse, record, error))


def _forward(
    network: LSNN, inputs: SpikeEvents, n_windows: int, state: LSNNState | None, learning: bool
) -> tuple[loops.Record, LSNNState]:
    """Run a batch; return what it leaves behind and its last state."""
    n, n_samples, n_steps = network.parameters.n, len(inputs), inputs.n_steps
    dtype = network.weights.w_in.dtype
    state = LSNNState(*(part.copy() for part in state or zero_state(network, n_samples)))
    recorded = (n_samples if learning else 0, n_steps, n)
    record = loops.Record(
        buffers.empty((n_samples, n_steps + 1, n), np.uint8),
        np.zeros((n_samples, n_windows, n), dtype),
        *(buffers.empty(recorded, dtype) for _ in range(3)),
    )
    record.spikes[:, 0] = state.spikes
    share = dtype.type(n_windows / n_steps)
    cell, events, rows = _cell(network), _by_step(inputs), _rows(network)
    threads.in_parallel(
        lambda first, last: loops.forward(first, last, share, cell, events, rows, state, record),
        n_samples,
    )
    return record, state._replace(spikes=record.spikes[:, -1].copy())


def _outcome(
    network: LSNN, record: loops.Record, targets: np.ndarray, state: LSNNState
) -> tuple[Outcome, np.ndarray]:
    """Return the outcome, and the loss's gradient ``[B, S, k]`` by the logits."""
    logits = record.traces @ network.weights.w_out.T
    asked = targets >= 0
    log_p = logits - logits.max(axis=2, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(axis=2, keepdims=True))
    right = np.arange(logits.shape[2]) == targets[:, :, None]
    error = (np.exp(log_p) - right) * asked[:, :, None] / asked.sum()
    counts = record.spikes[:, 1:].sum(axis=1, dtype=np.int64)
    loss = -float(log_p[right].mean(dtype=np.float64))
    return Outcome(loss, logits, counts, state), error.astype(logits.dtype)


def _signals(
    network: LSNN,
    by_trace: np.ndarray,
    outcome: Outcome,
    inputs: SpikeEvents,
    penalty: RatePenalty | None,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return gradients by a trace in each step of a window, and by a spike; and the whole loss."""
    dtype = by_trace.dtype
    per_step = by_trace * dtype.type(by_trace.shape[1] / inputs.n_steps)
    if penalty is None:
        return per_step, np.zeros(network.parameters.n, dtype), outcome.loss
    seconds = inputs.n_steps * network.parameters.dt_s
    cost, drive = penalty.gradient(outcome.counts, seconds)
    return per_step, drive.astype(dtype), outcome.loss + cost


def _gradients(
    network: LSNN, by_synapse: np.ndarray, record: loops.Record, error: np.ndarray
) -> Weights:
    n_in = network.parameters.n_in
    w_in, w_rec = by_synapse[:, :n_in].copy(), by_synapse[:, n_in:].copy()
    np.fill_diagonal(w_rec, 0)
    return Weights(w_in, w_rec, np.einsum("bsk,bsn->kn", error, record.traces))


def _cell(network: LSNN) -> loops.Cell:
    p, dtype = network.parameters, network.weights.w_in.dtype
    alpha, rho, kappa = (
        math.exp(-p.dt_s / tau_s) for tau_s in (p.tau_mem_s, p.tau_adapt_s, p.tau_out_s)
    )
    numbers = (alpha, 1 - alpha, rho, 1 - rho, kappa, 1 - kappa, p.threshold, p.dampening, 1)
    beta = np.repeat([0, p.beta], [p.n_regular, p.n_adaptive]).astype(dtype)
    return loops.Cell(beta, *map(dtype.type, numbers), p.n_refractory, p.detach_reset)


def _rows(network: LSNN) -> np.ndarray:
    weights = np.concatenate(network.weights[:2], axis=1)
    return delays.spread(weights, network.delays, network.parameters.max_delay)


def _by_step(inputs: SpikeEvents) -> orders.Spikes:
    return orders.spikes_by_step(
        inputs.step, inputs.unit, inputs.offsets, inputs.n_units, inputs.n_steps
    )


def _checked(network: LSNN, sequences: Sequences) -> Sequences:
    """Return the sequences.

    Raises
    ------
    ValueError
        If they do not fit the network, or no window has a target.
    """
    inputs, targets = sequences
    n_out = network.parameters.n_out
    if inputs.n_units != network.parameters.n_in:
        raise ValueError(f"{inputs.n_units} input units for {network.parameters.n_in} inputs")
    if targets.ndim != 2 or len(targets) != len(inputs) or inputs.n_steps % targets.shape[1]:
        raise ValueError(
            f"targets must be [{len(inputs)}, S] with S a divisor of {inputs.n_steps} steps, "
            f"not {list(targets.shape)}"
        )
    if targets.min() < -1 or targets.max() >= n_out:
        raise ValueError(
            f"targets must lie in -1..{n_out - 1}, not {targets.min()}..{targets.max()}"
        )
    if (targets < 0).all():
        raise ValueError("no window has a target; -1 means that nothing is asked")
    return sequences
