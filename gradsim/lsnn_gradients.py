"""Gradients of an LSNN's loss: back-propagation through time, and e-prop.

Time is divided into S windows of L steps. The logits of a window are the readout's mean over it;
the loss E is their cross entropy, averaged over all windows of the batch that have a target. In
place of the derivative of a spike, and 0 while a neuron is refractory (Bellec et al. 2018,
arXiv:1803.09574, section 2; numbers (1) to (8) are those of `gradsim.lsnn`)::

    dz_j/ds_j = dampening max(0, 1 - |s_j|),     h_j = dz_j/ds_j / B_j                (9)

`bptt` goes back from the last step. Below, a name stands for dE by it; of step t + 1 with a prime,
and ``L_j`` for ``sum_k w_out_kj dE/dy_k`` in the window of the step::

    trace_j = kappa trace_j' + L_j / L                                               (10)
    z_j = (1 - kappa) trace_j + (1 - rho) b_j' - B_j(t + 1) v_j'
          + (1 - alpha) sum_i w_rec_ij v_i(t + d_ij)                                 (11)
    v_j = alpha v_j' + h_j z_j                                                       (12)
    b_j = rho b_j' - beta_j (h_j (v_j / B_j) z_j + z_j(t - 1) v_j)                   (13)
    w_ji = (1 - alpha) sum_t v_j(t) (spikes that arrive from i in step t)            (14)

where ``v_j / B_j`` and ``z_j(t - 1)`` in (13) are values. With ``detach_reset`` the last terms of
(11), first line, and of (13) are left out.

`eprop` (Bellec et al., Nat. Commun. 11:3625 (2020), doi:10.1038/s41467-020-17236-y) also leaves out
the sum in (11), which would have to be known from the future. What is left can be summed forward in
time: a synapse carries eligibility traces, and a learning signal says what they are worth::

    eps_v <- alpha eps_v + (1 - alpha) (spikes that arrive)
    e = h_j (eps_v - beta_j (v_j / B_j) eps_b)
    e_bar <- kappa e_bar + (1 - kappa) e
    eps_b <- rho eps_b + (1 - rho) e                  for the step to come
    w_ji = sum_t e_bar_ji L_j / L

``L_j`` sends the readout's error back through ``w_out`` (symmetric) or other weights (random
feedback).

Guaranteed: targets may be integers of any type, of numpy, PyTorch or lists, and there is a row of
them for each sample, or a ValueError says what differs.

Samples are divided among as many threads as ``torch.get_num_threads`` says; results do not depend
on how many. Gradients begin with the run: none flows into the state from which it starts, and
spikes that were on their way then are not credited to their synapses.

Deviations from the paper of 2020, whose slope is divided by the base threshold and whose reset
subtracts it: h and the factor ``v_j / B_j`` make e the exact derivative of (5), so that both rules
agree where there is nothing to leave out. The rate penalty of 2018, numerically nil, is optional.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gradsim import delays
from gradsim.arrays import integers, plain
from gradsim.events import SpikeEvents
from gradsim.kernels import lsnn as loops
from gradsim.kernels.orders import GROUP
from gradsim.kernels.threads import in_parallel
from gradsim.lsnn import LSNN, LSNNState, Run, Weights, forward, in_plain_arrays, padded


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


def evaluate(network: LSNN, sequences: Sequences, state: LSNNState | None = None) -> Outcome:
    """Return loss and logits of a batch; nothing is learned. See `bptt`."""
    network, sequences = _checked(network, sequences)
    ran = _forward(network, sequences, state, for_gradient=False)
    return _outcome(network, sequences.targets, ran)[0]


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
        See `gradsim.lsnn.initial`.
    sequences
        B samples, ``targets [B, S]``; S divides the number of steps.
    state
        From which to start, unchanged; at rest where None.
    penalty
        On firing rates.

    Raises
    ------
    ValueError
        If sequences or state do not fit the network, or no window has a target.
    """
    network, sequences = _checked(network, sequences)
    ran = _forward(network, sequences, state, for_gradient=True)
    outcome, error = _outcome(network, sequences.targets, ran)
    signals = _signals(network, error @ network.weights.w_out, outcome, sequences, penalty)
    n_samples, rows = len(sequences.inputs), ran.rows
    sums = np.zeros((-(-n_samples // GROUP), *rows.shape), rows.dtype)
    read = (network.parameters.n_in, ran.cell, ran.spikes_in, rows, ran.record, *signals[1:])
    in_parallel(lambda first, last: loops.backward(first, last, *read, sums), n_samples)
    by_synapse = delays.gathered(sums.sum(axis=0), network.delays)
    return Learned(outcome, signals.loss, _gradients(network, by_synapse, ran, error))


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
        If sequences, state or feedback do not fit the network, or no window has a target.
    """
    network, sequences = _checked(network, sequences)
    through = network.weights.w_out if feedback is None else plain("feedback", feedback)
    if through.shape != network.weights.w_out.shape:
        raise ValueError(
            f"feedback must be {list(network.weights.w_out.shape)}, not {list(through.shape)}"
        )
    ran = _forward(network, sequences, state, for_gradient=True)
    outcome, error = _outcome(network, sequences.targets, ran)
    signals = _signals(network, error @ through.astype(error.dtype), outcome, sequences, penalty)
    n_samples, (n, n_sources) = len(sequences.inputs), network.delays.shape
    sums = padded(np.zeros((-(-n_samples // GROUP), n, n_sources), error.dtype))
    later = np.ascontiguousarray(network.delays.T - 1)
    read = (ran.cell, ran.spikes_in, later, ran.record, *signals[1:])
    in_parallel(lambda first, last: loops.eligibility(first, last, *read, sums), n_samples)
    by_synapse = sums.sum(axis=0)[:, :n_sources]
    return Learned(outcome, signals.loss, _gradients(network, by_synapse, ran, error))


class _Signals(NamedTuple):
    """The loss, penalty included, and its gradient by what neurons do.

    ``trace [B, S, n]`` by a neuron's trace in each step of a window, ``spike [n]`` by each of its
    spikes besides.
    """

    loss: float
    trace: np.ndarray
    spike: np.ndarray


def _forward(
    network: LSNN, sequences: Sequences, state: LSNNState | None, for_gradient: bool
) -> Run:
    return forward(network, sequences.inputs, sequences.targets.shape[1], state, for_gradient)


def _checked(network: LSNN, sequences: Sequences) -> tuple[LSNN, Sequences]:
    """Return plain arrays, targets as int64, or raise ValueError if targets do not fit."""
    inputs = sequences.inputs
    targets = integers("targets", sequences.targets).astype(np.int64)
    _require_targets(targets, inputs, network.parameters.n_out)
    return in_plain_arrays(network), Sequences(inputs, targets)


def _outcome(network: LSNN, targets: np.ndarray, ran: Run) -> tuple[Outcome, np.ndarray]:
    """Return the outcome, and the loss's gradient ``[B, S, k]`` by the logits."""
    logits = ran.traces @ network.weights.w_out.T
    asked = targets >= 0
    log_p = logits - logits.max(axis=2, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(axis=2, keepdims=True))
    right = np.arange(logits.shape[2]) == targets[:, :, None]
    error = (np.exp(log_p) - right) * asked[:, :, None] / asked.sum()
    counts = ran.spikes.sum(axis=1, dtype=np.int64)
    loss = -float(log_p[right].mean(dtype=np.float64))
    return Outcome(loss, logits, counts, ran.state), error.astype(logits.dtype)


def _signals(
    network: LSNN,
    by_mean: np.ndarray,
    outcome: Outcome,
    sequences: Sequences,
    penalty: RatePenalty | None,
) -> _Signals:
    """Return the signals for the gradient ``by_mean`` of a trace over each window."""
    n_steps, dtype = sequences.inputs.n_steps, by_mean.dtype
    by_trace = by_mean * dtype.type(by_mean.shape[1] / n_steps)
    if penalty is None:
        return _Signals(outcome.loss, by_trace, np.zeros(network.parameters.n, dtype))
    cost, by_spike = penalty.gradient(outcome.counts, n_steps * network.parameters.dt_s)
    return _Signals(outcome.loss + cost, by_trace, by_spike.astype(dtype))


def _gradients(network: LSNN, by_synapse: np.ndarray, ran: Run, error: np.ndarray) -> Weights:
    n_in = network.parameters.n_in
    w_in, w_rec = by_synapse[:, :n_in].copy(), by_synapse[:, n_in:].copy()
    np.fill_diagonal(w_rec, 0)
    return Weights(w_in, w_rec, np.einsum("bsk,bsn->kn", error, ran.traces))


def _require_targets(targets: np.ndarray, inputs: SpikeEvents, n_out: int) -> None:
    """Raise ValueError unless targets fit inputs and readout, and one is asked for."""
    fits = targets.ndim == 2 and targets.shape[1] and not inputs.n_steps % targets.shape[1]
    if not fits or len(targets) != len(inputs):
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
