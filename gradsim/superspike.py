"""SuperSpike: spiking neurons with a hidden layer learn to fire at given times.

Zenke & Ganguli, "SuperSpike: Supervised learning in multilayer spiking neural networks", Neural
Comput. 30:1514-1541 (2018), doi:10.1162/neco_a_01086. Potentials are in units of the distance from
rest to threshold, and eps is the postsynaptic potential of a spike, of height 1. In a step, for
inputs i, hidden neurons j and outputs k::

    c <- alpha c + s,   (eps * s) <- beta (eps * s) + g c                             (1)
    c_j <- alpha c_j + sum_i w_ji s_i,   U_j <- beta U_j + g c_j;  0 while resting    (2)
    s_j = 1 where U_j > 1, and then U_j <- 0                                          (3)
    h_j = 1 / (1 + slope |U_j - 1|)^2                                                 (4)
    e_k = eps * (target_k - s_k),   L = dt / 2 sum_t mean_k e_k^2                     (5)
    d_kj = sum_t e_k (eps * [h_k (eps * s_j)])                                        (6)
    d_ji = sum_t (sum_k b_kj e_k) (eps * [h_j (eps * s_i)]) - rho w_ji dt sum_t z_j^4 (7)
    v <- max(gamma v, d^2),   w <- w + eta d / sqrt(v)                                (8)

for both layers alike, (8) after each presentation of a pattern. alpha and beta are
``exp(-dt / tau)`` of synapse and membrane. (6) is the gradient of L with (4) for the slope of a
spike where the reset is left out; (7) sends errors back through b, any matrix of
`gradsim.feedback`, and keeps neurons from firing more and more: z is a trace of their spikes.

In (6) and (7) each synapse has a trace of its own. Summed over a presentation the same comes from
one filter a neuron, where eps' is eps that runs backward in time::

    sum_t e (eps * y) = sum_t y (eps' * e)                                            (9)

so that a presentation takes one product of matrices a layer.

Deviations: no noise, no limit to weights, no delay of errors; a change comes after each
presentation, and eta falls to 0 in a straight line, so that what was learned stays. The published
code has random and symmetric feedback.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from gradsim.arrays import plain
from gradsim.feedback import Feedback, angle
from gradsim.kernels import superspike as loops
from gradsim.kernels.superspike import Layer
from gradsim.training import Progress, TrainingError

EARLIEST_S = 0.02  # no target comes before: hidden neurons have hardly had a spike by then
TINY = 1e-30  # in place of the root of a v that is 0, whose d is 0 too


@dataclass(frozen=True)
class SuperSpikeParameters:
    """Sizes and neurons; the defaults are the paper's time constants.

    Parameters
    ----------
    n_in, n_hidden, n_out
        Numbers of inputs, hidden neurons and outputs.
    tau_mem_s, tau_syn_s, refractory_s
        Time constants of membrane and synapse, and how long a neuron rests behind a spike.
    slope
        Of (4), for potentials in units of the distance from rest to threshold.
    tau_trace_s, dt_s
        Time constant of z in (7), and the step.

    Raises
    ------
    ValueError
        If a number is outside its range, or both time constants of eps are the same.
    """

    n_in: int = 100
    n_hidden: int = 100
    n_out: int = 1
    tau_mem_s: float = 10e-3
    tau_syn_s: float = 5e-3
    refractory_s: float = 5e-3
    slope: float = 10.0
    tau_trace_s: float = 0.1
    dt_s: float = 0.5e-3

    def __post_init__(self) -> None:
        if min(self.n_in, self.n_hidden, self.n_out) < 1:
            raise ValueError(f"there must be inputs, hidden neurons and outputs: {self}")
        for name in ("tau_mem_s", "tau_syn_s", "slope", "tau_trace_s", "dt_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive and finite, not {getattr(self, name)}")
        if self.refractory_s < 0 or self.tau_mem_s == self.tau_syn_s:
            raise ValueError("refractory_s must not be negative, and time constants must differ")

    def cell(self) -> loops.Cell:
        """Return the numbers of a step."""
        alpha, beta = (math.exp(-self.dt_s / tau) for tau in (self.tau_syn_s, self.tau_mem_s))
        steps = np.arange(1, math.ceil(5 * max(self.tau_mem_s, self.tau_syn_s) / self.dt_s) + 2)
        height = ((beta**steps - alpha**steps) / (beta - alpha)).max()
        return loops.Cell(
            np.float32(alpha),
            np.float32(beta),
            np.float32(1 / height),
            np.float32(self.slope),
            round(self.refractory_s / self.dt_s),
        )


class Weights(NamedTuple):
    """Weights ``hidden [n_hidden, n_in]`` and ``output [n_out, n_hidden]``, or their changes."""

    hidden: np.ndarray
    output: np.ndarray


class Pattern(NamedTuple):
    """Input spikes ``[T, n_in]`` and wanted spikes ``[T, n_out]``, 0 or 1."""

    spikes: np.ndarray
    targets: np.ndarray


class Response(NamedTuple):
    """What a network did with a pattern: what its layers did, errors (5) ``[T, n_out]`` and L."""

    hidden: Layer
    output: Layer
    errors: np.ndarray
    loss: float


def draw_pattern(
    parameters: SuperSpikeParameters,
    rng: np.random.Generator,
    duration_s: float = 0.5,
    rate_hz: float = 10.0,
    n_targets: int = 5,
) -> Pattern:
    """Return Poisson spikes that are to be answered by spikes at times drawn at random.

    Parameters
    ----------
    parameters
        Sizes and step.
    rng
        Source of both.
    duration_s, rate_hz
        Of the pattern, and of each input.
    n_targets
        Spikes of each output, none before `EARLIEST_S`.

    Raises
    ------
    ValueError
        If there are not as many steps as targets, or a rate of a spike in each step.

    Examples
    --------
    >>> pattern = draw_pattern(SuperSpikeParameters(n_out=2), np.random.default_rng(0))
    >>> pattern.spikes.shape, pattern.targets.sum(axis=0)
    ((1000, 100), array([5., 5.], dtype=float32))
    """
    n_steps, first = (round(time / parameters.dt_s) for time in (duration_s, EARLIEST_S))
    if not 0 < n_targets <= n_steps - first or not 0 <= rate_hz * parameters.dt_s <= 1:
        raise ValueError(
            f"{n_targets} targets and a rate of {rate_hz} Hz do not go into {n_steps} steps of "
            f"{parameters.dt_s} s"
        )
    spikes = rng.random((n_steps, parameters.n_in)) < rate_hz * parameters.dt_s
    targets = np.zeros((n_steps, parameters.n_out), np.float32)
    for column in targets.T:
        column[rng.choice(np.arange(first, n_steps), n_targets, replace=False)] = 1
    return Pattern(spikes.astype(np.float32), targets)


def initial(
    parameters: SuperSpikeParameters,
    rng: np.random.Generator,
    hidden_scale: float = 3.0,
    output_scale: float = 1.0,
) -> Weights:
    """Return normal weights of deviation ``scale / sqrt(fan_in)``.

    With the defaults hidden neurons fire at about 20 Hz for inputs of 10 Hz, and outputs hardly.

    Examples
    --------
    >>> [part.shape for part in initial(SuperSpikeParameters(), np.random.default_rng(0))]
    [(100, 100), (1, 100)]
    """
    p = parameters
    hidden = rng.standard_normal((p.n_hidden, p.n_in)) * hidden_scale / math.sqrt(p.n_in)
    output = rng.standard_normal((p.n_out, p.n_hidden)) * output_scale / math.sqrt(p.n_hidden)
    return Weights(hidden.astype(np.float32), output.astype(np.float32))


def present(parameters: SuperSpikeParameters, weights: Weights, pattern: Pattern) -> Response:
    """Show a pattern from rest: (1) to (5).

    Raises
    ------
    ValueError
        If weights or pattern do not fit the sizes.

    Examples
    --------
    >>> parameters, rng = SuperSpikeParameters(), np.random.default_rng(0)
    >>> pattern = draw_pattern(parameters, rng)
    >>> present(parameters, initial(parameters, rng), pattern).output.spikes.shape
    (1000, 1)
    """
    weights, pattern = _fitting(parameters, weights, pattern)
    cell = parameters.cell()
    hidden = _fired(pattern.spikes, weights.hidden, cell)
    output = _fired(hidden.spikes, weights.output, cell)
    errors = psp(pattern.targets - output.spikes, cell)
    loss = 0.5 * parameters.dt_s * float(np.square(errors).sum(dtype=np.float64))
    return Response(hidden, output, errors, loss / parameters.n_out)


def _fired(spikes: np.ndarray, weights: np.ndarray, cell: loops.Cell) -> Layer:
    layer = Layer(*(np.empty((len(spikes), len(weights)), np.float32) for _ in Layer._fields))
    loops.fire(spikes, np.ascontiguousarray(weights.T), cell, layer)
    return layer


def psp(signals: np.ndarray, cell: loops.Cell) -> np.ndarray:
    """Return ``eps * signals``, ``[T, n]`` both: (1)."""
    traces = np.empty_like(signals)
    loops.psp(np.ascontiguousarray(signals), cell, traces)
    return traces


def changes(
    parameters: SuperSpikeParameters,
    weights: Weights,
    pattern: Pattern,
    response: Response,
    back: np.ndarray,
    rho: float = 0.0,
) -> Weights:
    """Return d of both layers: (6) and (7), by (9).

    Parameters
    ----------
    parameters, weights, pattern
        As for `present`.
    response
        What `present` returned for them.
    back
        b ``[n_out, n_hidden]``: ``weights.output`` where feedback is symmetric.
    rho
        Of (7).
    """
    cell, (hidden, output, errors, _) = parameters.cell(), response
    owed = psp(errors[::-1], cell)[::-1]
    d_output = (output.slopes * owed).T @ psp(hidden.spikes, cell)
    d_hidden = (hidden.slopes * (owed @ back)).T @ psp(pattern.spikes, cell)
    if rho:
        decay = np.float32(math.exp(-parameters.dt_s / parameters.tau_trace_s))
        excess = loops.excess(hidden.spikes, decay)
        d_hidden -= rho * parameters.dt_s * excess[:, None] * weights.hidden
    return Weights(d_hidden, d_output)


@dataclass(frozen=True)
class SuperSpikeTraining:
    """How to train.

    Parameters
    ----------
    presentations
        Of the pattern, each followed by (8).
    learning_rate
        eta at the start.
    gamma
        What v is multiplied by from one presentation to the next.
    rho
        Of (7).

    Raises
    ------
    ValueError
        If a value is outside its range.
    """

    presentations: int = 600
    learning_rate: float = 1e-2
    gamma: float = 0.9
    rho: float = 0.1

    def __post_init__(self) -> None:
        if self.presentations < 1 or not self.learning_rate > 0:
            raise ValueError(
                "presentations and learning_rate must be positive, not "
                f"{self.presentations}, {self.learning_rate}"
            )
        if not 0 <= self.gamma < 1 or self.rho < 0:
            raise ValueError(
                f"gamma must lie in 0..1, below 1, and rho be 0 or more, not {self.gamma}, "
                f"{self.rho}"
            )


class PatternHistory(NamedTuple):
    """What happened in each presentation.

    Parameters
    ----------
    loss
        ``[P]`` L before the change.
    spikes
        ``[P, 2]`` of all hidden neurons and of all outputs.
    angle_deg
        ``[P]`` between b and the weights of the outputs; NaN where b is 0.
    """

    loss: np.ndarray
    spikes: np.ndarray
    angle_deg: np.ndarray


def learn(
    parameters: SuperSpikeParameters,
    weights: Weights,
    pattern: Pattern,
    feedback: Feedback,
    training: SuperSpikeTraining,
    progress: Progress = lambda _fraction, _note: None,
) -> tuple[Weights, PatternHistory]:
    """Train and return the last weights, and what happened.

    Parameters
    ----------
    parameters, weights, pattern
        As for `present`; unchanged.
    feedback
        From the outputs to the hidden neurons. With ``none`` their weights stay as they are.
    training
        How.
    progress
        Called with the share that is done and a note.

    Raises
    ------
    ValueError
        If something does not fit.
    gradsim.TrainingError
        If weights become NaN or infinite.

    Examples
    --------
    >>> parameters, rng = SuperSpikeParameters(n_hidden=4), np.random.default_rng(0)
    >>> pattern, weights = draw_pattern(parameters, rng), initial(parameters, rng)
    >>> back, how = Feedback("symmetric", 1, 4), SuperSpikeTraining(presentations=300)
    >>> _, history = learn(parameters, weights, pattern, back, how)
    >>> bool(history.loss[-1] < 0.25 * history.loss[0])
    True
    """
    weights, pattern = _fitting(parameters, weights, pattern)
    weights = Weights(*(part.copy() for part in weights))
    sizes = [np.zeros_like(part) for part in weights]
    rows = []
    for done in range(training.presentations):
        response = present(parameters, weights, pattern)
        output = torch.from_numpy(weights.output)
        back = feedback(output)
        fired = [layer.spikes.sum() for layer in (response.hidden, response.output)]
        rows.append((response.loss, *fired, angle(output, back)))
        found = changes(parameters, weights, pattern, response, back.numpy(), training.rho)
        if feedback.kind == "none":
            found.hidden[:] = 0
        eta = training.learning_rate * (1 - done / training.presentations)
        for part, size, d in zip(weights, sizes, found, strict=True):
            np.maximum(training.gamma * size, np.square(d), out=size)
            part += eta * d / np.maximum(np.sqrt(size), TINY)
        progress((done + 1) / training.presentations, f"loss {response.loss:.2g}")
    if not all(np.isfinite(part).all() for part in weights):
        raise TrainingError("weights became nan or infinite; try a smaller learning rate")
    loss, hidden_spikes, output_spikes, angles = np.array(rows).T
    return weights, PatternHistory(loss, np.stack([hidden_spikes, output_spikes], 1), angles)


def _fitting(
    parameters: SuperSpikeParameters, weights: Weights, pattern: Pattern
) -> tuple[Weights, Pattern]:
    """Return both as arrays of float32, or raise ValueError where they do not fit."""
    p, n_steps = parameters, len(pattern.spikes)
    given = {**weights._asdict(), **pattern._asdict()}
    shapes = ((p.n_hidden, p.n_in), (p.n_out, p.n_hidden), (n_steps, p.n_in), (n_steps, p.n_out))
    for (name, values), shape in zip(given.items(), shapes, strict=True):
        found: Any = plain(name, values)
        if found.shape != shape or not n_steps:
            raise ValueError(f"{name} must be {list(shape)}, not {list(found.shape)}")
        given[name] = np.ascontiguousarray(found, np.float32)
    arrays = list(given.values())
    return Weights(*arrays[:2]), Pattern(*arrays[2:])
