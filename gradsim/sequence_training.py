"""Training of an `gradsim.lsnn.LSNN` on sequences that are drawn as it goes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch

from gradsim import lsnn_gradients
from gradsim.arrays import integers, plain
from gradsim.lsnn import LSNN, LSNNState, Weights
from gradsim.lsnn_gradients import Learned, RatePenalty, Sequences
from gradsim.training import Progress, TrainingError

Draw = Callable[[int, np.random.Generator], Sequences]


@dataclass(frozen=True)
class SequenceTraining:
    """How to train.

    Parameters
    ----------
    rule
        ``"bptt"`` or ``"eprop"``.
    feedback
        Of e-prop: ``"symmetric"``, through the readout's own weights, or ``"random"``, through
        fixed normal ones.
    iterations, batch_size
        Steps of Adam, and sequences drawn for each.
    learning_rate, decay, decay_every
        The rate is multiplied by ``decay`` after every ``decay_every`` iterations.
    carry_state
        Whether an iteration starts in the state in which the one before ended, else at rest.
    validate_every
        Iterations from one validation to the next.
    good_enough
        Training ends when the share of wrong answers in a validation is below this.
    penalty
        On firing rates.

    Raises
    ------
    ValueError
        If a value is unknown or outside its range.
    """

    rule: Literal["bptt", "eprop"] = "bptt"
    feedback: Literal["symmetric", "random"] = "symmetric"
    iterations: int = 200
    batch_size: int = 64
    learning_rate: float = 0.02
    decay: float = 0.3
    decay_every: int = 100
    carry_state: bool = False
    validate_every: int = 10
    good_enough: float = 0.0
    penalty: RatePenalty | None = None

    def __post_init__(self) -> None:
        for name, known in (("rule", ("bptt", "eprop")), ("feedback", ("symmetric", "random"))):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} must be one of {', '.join(known)}, not {getattr(self, name)!r}"
                )
        for name in ("iterations", "batch_size", "decay_every", "validate_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not self.learning_rate > 0 or not 0 < self.decay <= 1:
            raise ValueError(
                "learning_rate must be positive and decay in 0..1, not "
                f"{self.learning_rate}, {self.decay}"
            )


class SequenceHistory(NamedTuple):
    """What happened: by iteration, and by validation.

    Parameters
    ----------
    loss, error
        ``[iterations]`` loss in nats, penalty included, and share of wrong answers, both of the
        batch before the step.
    rate_hz
        ``[iterations]`` mean firing rate.
    validated
        ``[V]`` iterations after which there was a validation.
    validation_loss, validation_error
        ``[V]``.
    best
        Number of iterations after which the weights were kept: lowest validation error, then loss.
    """

    loss: np.ndarray
    error: np.ndarray
    rate_hz: np.ndarray
    validated: np.ndarray
    validation_loss: np.ndarray
    validation_error: np.ndarray
    best: int


class _Validation(NamedTuple):
    """A validation; the smaller one is the better one, the earlier one of equals."""

    error: float
    loss: float
    iteration: int


def error_rate(logits: np.ndarray, targets: np.ndarray) -> float:
    """Return the share of wrong answers.

    Parameters
    ----------
    logits
        ``[B, S, k]``.
    targets
        ``[B, S]``; only windows with a target of 0 or more count.

    Raises
    ------
    ValueError
        If shapes do not fit.

    Examples
    --------
    >>> error_rate(np.array([[[0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]]), np.array([[1, -1, 1]]))
    0.5
    """
    logits, targets = plain("logits", logits), integers("targets", targets)
    if logits.shape[:2] != targets.shape or logits.ndim != 3:
        raise ValueError(
            f"logits must be [B, S, k] and targets [B, S], not {list(logits.shape)} and "
            f"{list(targets.shape)}"
        )
    asked = targets >= 0
    return float(np.mean(logits.argmax(axis=2)[asked] != targets[asked]))


def train_sequences(
    network: LSNN,
    draw: Draw,
    validation: Sequences,
    config: SequenceTraining,
    rng: np.random.Generator,
    progress: Progress = lambda _fraction, _note: None,
) -> tuple[LSNN, SequenceHistory]:
    """Return the network with the weights that were best in validation, and the history.

    Parameters
    ----------
    network
        From which to start; it is not changed.
    draw
        Returns so many sequences; it gets ``rng``.
    validation
        Sequences by which the iteration is chosen; each starts at rest.
    config
        How to train.
    rng
        Draws sequences and random feedback. The same generator gives the same weights.
    progress
        Called after each validation with the fraction done and a note.

    Raises
    ------
    TrainingError
        If the loss becomes NaN or infinite.
    """
    feedback = rng.standard_normal(network.weights.w_out.shape)
    network, step = _optimised(network, config)
    rows: list[tuple[float, float, float]] = []
    validations: list[_Validation] = []
    kept, state = network.weights, None
    for iteration in range(1, config.iterations + 1):
        sequences = draw(config.batch_size, rng)
        learned = _learn(network, sequences, config, feedback, state)
        state = learned.outcome.state if config.carry_state else None
        rows.append(_row(network, sequences, learned))
        step(learned.gradients)
        if iteration % config.validate_every and iteration < config.iterations:
            continue
        validations.append(_validate(network, validation, iteration))
        if min(validations) is validations[-1]:
            kept = Weights(*(part.copy() for part in network.weights))
        progress(iteration / config.iterations, _note(rows[-1][0], validations[-1]))
        if validations[-1].error < config.good_enough:
            break
    return network._replace(weights=kept), _history(rows, validations)


def _optimised(network: LSNN, config: SequenceTraining) -> tuple[LSNN, Callable[[Weights], None]]:
    """Return a copy of the network, and a step of Adam that changes the copy's weights."""
    weights = Weights(*(part.copy() for part in network.weights))
    parameters = [torch.from_numpy(part) for part in weights]
    adam = torch.optim.Adam(parameters, config.learning_rate)
    schedule = torch.optim.lr_scheduler.StepLR(adam, config.decay_every, config.decay)

    def step(gradients: Weights) -> None:
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = torch.from_numpy(gradient)
        adam.step()
        schedule.step()

    return network._replace(weights=weights), step


def _learn(
    network: LSNN,
    sequences: Sequences,
    config: SequenceTraining,
    feedback: np.ndarray,
    state: LSNNState | None,
) -> Learned:
    if config.rule == "bptt":
        return lsnn_gradients.bptt(network, sequences, state, config.penalty)
    through = feedback if config.feedback == "random" else None
    return lsnn_gradients.eprop(network, sequences, state, config.penalty, through)


def _row(network: LSNN, sequences: Sequences, learned: Learned) -> tuple[float, float, float]:
    """Return loss, error and firing rate of a batch."""
    if not math.isfinite(learned.loss):
        raise TrainingError(f"the loss is {learned.loss}; try a smaller learning rate")
    seconds = sequences.inputs.n_steps * network.parameters.dt_s
    outcome = learned.outcome
    error = error_rate(outcome.logits, sequences.targets)
    return learned.loss, error, float(outcome.counts.mean()) / seconds


def _validate(network: LSNN, validation: Sequences, iteration: int) -> _Validation:
    outcome = lsnn_gradients.evaluate(network, validation)
    return _Validation(error_rate(outcome.logits, validation.targets), outcome.loss, iteration)


def _note(loss: float, validation: _Validation) -> str:
    return (
        f"iteration {validation.iteration}: loss {loss:.3f}, "
        f"validation error {validation.error:.3f}"
    )


def _history(
    rows: list[tuple[float, float, float]], validations: list[_Validation]
) -> SequenceHistory:
    loss, error, rate_hz = np.array(rows).T
    validation_error, validation_loss, validated = np.array(validations).T
    return SequenceHistory(
        loss,
        error,
        rate_hz,
        validated.astype(np.int64),
        validation_loss,
        validation_error,
        best=min(validations).iteration,
    )
