"""Training of a `gradsim.lstm.HardLSTM` on sequences of symbols: real numbers first, then counts.

Adam on the cross entropy of the steps in which a symbol is asked for, with a learning rate that
rises and falls once (Smith & Topin 2019, arXiv:1708.07120) and gradients of a norm of 1 at most.
Behind a first part in real numbers values and weights are rounded as in `gradsim.counted_lstm`, so
that what is learned holds for whole spikes; the iteration that is kept is one of these.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from gradsim.arrays import integers
from gradsim.lstm import HardLSTM
from gradsim.training import Progress, TrainingError

LARGEST_NORM = 1.0  # of a gradient


class SymbolSequences(NamedTuple):
    """Sequences and what is asked of them.

    Parameters
    ----------
    inputs
        ``[T, B, n_in]`` in -1..1.
    targets
        ``[T, B]`` integers: the right output of each step, or -1 where none is asked for.
    """

    inputs: Any
    targets: Any


Draw = Callable[[int, np.random.Generator], SymbolSequences]


@dataclass(frozen=True)
class LSTMTraining:
    """How to train.

    Parameters
    ----------
    iterations, batch_size, learning_rate
        Steps of Adam, sequences drawn for each, and the largest rate.
    real_share
        Share of the iterations that is in real numbers.
    window
        Ticks for which values are rounded in the others.
    validate_every
        Iterations from one validation to the next.

    Raises
    ------
    ValueError
        If a value is outside its range.
    """

    iterations: int = 400
    batch_size: int = 64
    learning_rate: float = 1e-2
    real_share: float = 0.5
    window: int = 32
    validate_every: int = 50

    def __post_init__(self) -> None:
        for name in ("iterations", "batch_size", "window", "validate_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not self.learning_rate > 0 or not 0 <= self.real_share < 1:
            raise ValueError(
                "learning_rate must be positive and real_share in 0..1, below 1, not "
                f"{self.learning_rate}, {self.real_share}"
            )

    def window_at(self, iteration: int) -> int | None:
        """Return the window of an iteration, from 1; None for real numbers."""
        return None if iteration <= self.real_share * self.iterations else self.window


class LSTMHistory(NamedTuple):
    """What happened: by iteration, and by validation.

    Parameters
    ----------
    loss, accuracy
        ``[iterations]`` cross entropy in nats, and share of right answers, of the batch before the
        step.
    validated
        ``[V]`` iterations after which there was a validation.
    validation_accuracy
        ``[V]``, with values as they were in training at that time.
    best
        Number of iterations after which the weights were kept.
    """

    loss: np.ndarray
    accuracy: np.ndarray
    validated: np.ndarray
    validation_accuracy: np.ndarray
    best: int


class _Validation(NamedTuple):
    """A validation; the larger one is the better one: rounded, right, sure, late."""

    rounded: bool
    accuracy: float
    surety: float
    iteration: int


def train_lstm(
    lstm: HardLSTM,
    draw: Draw,
    validation: SymbolSequences,
    config: LSTMTraining,
    rng: np.random.Generator,
    progress: Progress = lambda _fraction, _note: None,
) -> tuple[HardLSTM, LSTMHistory]:
    """Train and return the LSTM of the best validation with rounded values, and what happened.

    Parameters
    ----------
    lstm
        Where to start; it is not changed.
    draw
        Returns so many sequences; it gets ``rng``.
    validation
        Sequences by which the iteration is chosen.
    config
        How.
    rng
        Draws sequences. The same generator gives the same weights.
    progress
        Called after each validation with the share that is done and a note.

    Raises
    ------
    ValueError
        If sequences do not fit the LSTM, or none is asked for anything.
    TrainingError
        If the loss becomes NaN or infinite.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> def draw(n, rng):  # which of two symbols came first
    ...     first = rng.integers(2, size=(3, n))
    ...     return SymbolSequences(np.eye(2)[first], np.where([[0], [0], [1]], first[0], -1))
    >>> start, config = HardLSTM(2, 4, 2, rng), LSTMTraining(iterations=60, learning_rate=0.05)
    >>> _, history = train_lstm(start, draw, draw(100, rng), config, rng)
    >>> float(history.validation_accuracy[-1])
    1.0
    """
    lstm = copy.deepcopy(lstm)
    adam = torch.optim.Adam(lstm.parameters(), config.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        adam, config.learning_rate, total_steps=config.iterations + 1
    )
    rows: list[tuple[float, float]] = []
    validations: list[_Validation] = []
    kept = lstm.state_dict()
    for iteration in range(1, config.iterations + 1):
        window = config.window_at(iteration)
        adam.zero_grad()
        loss, accuracy = answered(lstm, draw(config.batch_size, rng), window)
        rows.append((_finite(loss), accuracy))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(lstm.parameters(), LARGEST_NORM)
        adam.step()
        schedule.step()
        if iteration % config.validate_every and iteration < config.iterations:
            continue
        validations.append(_validate(lstm, validation, window, iteration))
        if max(validations) is validations[-1]:
            kept = copy.deepcopy(lstm.state_dict())
        note = f"iteration {iteration}: validation {validations[-1].accuracy:.4f}"
        progress(iteration / config.iterations, note)
    lstm.load_state_dict(kept)
    return lstm, _history(rows, validations)


def answered(
    lstm: HardLSTM, sequences: SymbolSequences, window: int | None
) -> tuple[Tensor, float]:
    """Return cross entropy and share of right answers where something is asked for.

    Steps behind the last in which something is asked for are left out.

    Raises
    ------
    ValueError
        If sequences do not fit the LSTM, or none is asked for anything.
    """
    targets = integers("targets", sequences.targets).astype(np.int64)
    n_out = len(lstm.b_out)
    asked = targets >= 0
    if targets.shape != tuple(sequences.inputs.shape[:2]) or not asked.any():
        raise ValueError(
            "targets must be [T, B] as inputs are, one of them 0 or more, "
            f"not {list(targets.shape)}"
        )
    if targets.max() >= n_out:
        raise ValueError(f"targets must lie in 0..{n_out - 1}, not up to {targets.max()}")
    n_steps = 1 + int(np.flatnonzero(asked.any(axis=1))[-1])
    wanted = torch.from_numpy(targets[:n_steps][asked[:n_steps]])
    logits = lstm(sequences.inputs[:n_steps], window).logits[torch.from_numpy(asked[:n_steps])]
    right = float((logits.argmax(dim=1) == wanted).float().mean())
    return cross_entropy(logits, wanted), right


def _finite(loss: Tensor) -> float:
    if not loss.isfinite():
        raise TrainingError(f"the loss is {loss.item()}; try a smaller learning rate")
    return loss.item()


def _validate(
    lstm: HardLSTM, validation: SymbolSequences, window: int | None, iteration: int
) -> _Validation:
    with torch.no_grad():
        loss, accuracy = answered(lstm, validation, window)
    return _Validation(window is not None, accuracy, -loss.item(), iteration)


def _history(rows: list[tuple[float, float]], validations: list[_Validation]) -> LSTMHistory:
    loss, accuracy = np.array(rows).T
    return LSTMHistory(
        loss,
        accuracy,
        np.array([each.iteration for each in validations]),
        np.array([each.accuracy for each in validations]),
        max(validations).iteration,
    )
