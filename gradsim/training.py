"""Training by surrogate gradients and prediction, from event lists."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from gradsim.events import SpikeEvents, raster
from gradsim.losses import activity_bounds, max_over_time, max_over_time_nll, spytorch_activity
from gradsim.network import Recording, SpikingNetwork

Progress = Callable[[float, str], None]

OPTIMISERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamax": torch.optim.Adamax,
}


class TrainingError(RuntimeError):
    """Training cannot go on: the loss is not a number."""


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Parameters
    ----------
    optimiser, learning_rate, epochs, batch_size
        The usual; the last batch of an epoch may be smaller.
    l1, l2
        Strengths of `spytorch_activity`, summed over hidden layers.
    bounds, lower, upper
        Strength and limits of `activity_bounds`, in spikes per neuron and sample.
    patience
        Stop after so many epochs without a better validation result; None never stops.
    """

    optimiser: Literal["adam", "adamax"] = "adam"
    learning_rate: float = 1e-3
    epochs: int = 30
    batch_size: int = 128
    l1: float = 0.0
    l2: float = 0.0
    bounds: float = 0.0
    lower: float = 0.0
    upper: float = math.inf
    patience: int | None = None

    def __post_init__(self) -> None:
        if self.optimiser not in OPTIMISERS:
            raise ValueError(
                f"optimiser must be one of {', '.join(OPTIMISERS)}, not {self.optimiser!r}"
            )
        if not self.learning_rate > 0 or self.epochs < 1 or self.batch_size < 1:
            raise ValueError(
                "learning_rate, epochs and batch_size must be positive, not "
                f"{self.learning_rate}, {self.epochs}, {self.batch_size}"
            )

    def penalty(self, spikes: Tensor) -> Tensor | float:
        """Return the activity penalty of one hidden layer's spikes ``[T, B, N]``."""
        total: Tensor | float = 0.0
        if self.l1 or self.l2:
            total = total + spytorch_activity(spikes, self.l1, self.l2)
        if self.bounds:
            total = total + self.bounds * activity_bounds(spikes, self.lower, self.upper)
        return total


class Labelled(NamedTuple):
    """Spike trains and their classes ``[B]``."""

    events: SpikeEvents
    labels: np.ndarray


@dataclass(frozen=True)
class History:
    """What happened in each epoch.

    Parameters
    ----------
    loss
        ``[epochs]`` mean over training samples, in nats, penalties included.
    train_accuracy, validation_accuracy
        ``[epochs]``; on training samples as they were met, on validation after the epoch.
    validation_loss
        ``[epochs]`` in nats, without penalties.
    hidden_spikes
        ``[epochs, layers]`` mean spikes per training sample.
    best_epoch
        Whose weights were kept: best validation accuracy, then lowest validation loss.
    """

    loss: np.ndarray
    train_accuracy: np.ndarray
    validation_accuracy: np.ndarray
    validation_loss: np.ndarray
    hidden_spikes: np.ndarray
    best_epoch: int

    @property
    def silent(self) -> np.ndarray:
        """``[epochs, layers]``, true where no neuron of a hidden layer fired all epoch long."""
        return self.hidden_spikes == 0


class Prediction(NamedTuple):
    """Logits ``[N, C]``, and ``[N, units]`` spike counts of each hidden layer."""

    logits: np.ndarray
    spikes: tuple[np.ndarray, ...]

    @property
    def classes(self) -> np.ndarray:
        """``[N]`` predicted classes."""
        return self.logits.argmax(axis=1)


def train(
    network: SpikingNetwork,
    training: Labelled,
    validation: Labelled,
    config: TrainingConfig,
    rng: np.random.Generator,
    progress: Progress = lambda _fraction, _note: None,
) -> History:
    """Train ``network`` in place, leave it with its best weights, and return the history.

    Parameters
    ----------
    network
        Changed in place; its dtype and device are used.
    training, validation
        Samples to learn from and to choose the epoch by.
    config
        How to train.
    rng
        Shuffles the training samples.
    progress
        Called after each epoch with the fraction done and a note.

    Raises
    ------
    TrainingError
        If the loss becomes NaN or infinite.
    """
    optimiser = OPTIMISERS[config.optimiser](
        network.parameters(),
        lr=config.learning_rate,  # type: ignore[call-arg]
    )
    rows: list[_Epoch] = []
    best, best_weights = 0, copy.deepcopy(network.state_dict())
    for epoch in range(config.epochs):
        learned = _learn(network, training, config, optimiser, rng)
        checked = _validate(network, validation, config.batch_size)
        _require_finite(checked[1], config)
        rows.append(_Epoch(*learned, *checked))
        if epoch == 0 or rows[-1].rank > rows[best].rank:
            best, best_weights = epoch, copy.deepcopy(network.state_dict())
        progress(
            (epoch + 1) / config.epochs,
            f"epoch {epoch + 1}: loss {learned[0]:.3f}, validation {checked[0]:.3f}",
        )
        if config.patience is not None and epoch - best >= config.patience:
            break
    network.load_state_dict(best_weights)
    loss, accuracy, spikes, validation_accuracy, validation_loss = map(
        np.array, zip(*rows, strict=True)
    )
    return History(loss, accuracy, validation_accuracy, validation_loss, spikes, best)


def predict(network: SpikingNetwork, events: SpikeEvents, batch_size: int = 256) -> Prediction:
    """Return logits and spike counts for all samples; nothing is learned."""
    logits, spikes = [], []
    with torch.no_grad():
        for start in range(0, len(events), batch_size):
            recording = run(
                network, events.take(np.arange(start, min(start + batch_size, len(events))))
            )
            logits.append(max_over_time(recording.readout).cpu().numpy())
            spikes.append([layer.sum(dim=0).cpu().numpy() for layer in recording.spikes])
    return Prediction(
        np.concatenate(logits),
        tuple(np.concatenate(layer) for layer in zip(*spikes, strict=True)),
    )


def run(network: SpikingNetwork, events: SpikeEvents) -> Recording:
    """Return the recording of ``network`` on ``events``, in its own dtype and device."""
    weight = network.readout.weight
    return network(raster(events, weight.dtype, weight.device))


class _Epoch(NamedTuple):
    loss: float
    train_accuracy: float
    hidden_spikes: np.ndarray
    validation_accuracy: float
    validation_loss: float

    @property
    def rank(self) -> tuple[float, float]:
        return self.validation_accuracy, -self.validation_loss


def _learn(
    network: SpikingNetwork,
    training: Labelled,
    config: TrainingConfig,
    optimiser: torch.optim.Optimizer,
    rng: np.random.Generator,
) -> tuple[float, float, np.ndarray]:
    n_samples = len(training.labels)
    order = rng.permutation(n_samples)
    loss_sum, right, spikes = 0.0, 0, np.zeros(len(network.config.hidden))
    for start in range(0, n_samples, config.batch_size):
        index = order[start : start + config.batch_size]
        recording = run(network, training.events.take(index))
        labels = torch.as_tensor(training.labels[index], device=recording.readout.device)
        loss = max_over_time_nll(recording.readout, labels)
        loss = loss + sum(config.penalty(layer) for layer in recording.spikes)
        _require_finite(loss.item(), config)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss_sum += loss.item() * len(index)
        right += int((max_over_time(recording.readout).argmax(dim=1) == labels).sum())
        spikes += [layer.sum().item() for layer in recording.spikes]
    return loss_sum / n_samples, right / n_samples, spikes / n_samples


def _require_finite(loss: float, config: TrainingConfig) -> None:
    if not math.isfinite(loss):
        raise TrainingError(
            f"the loss became {loss}; a lower learning rate than {config.learning_rate:g} or "
            "weaker penalties may help"
        )


def _validate(
    network: SpikingNetwork, validation: Labelled, batch_size: int
) -> tuple[float, float]:
    prediction = predict(network, validation.events, batch_size)
    loss = torch.nn.functional.cross_entropy(
        torch.as_tensor(prediction.logits), torch.as_tensor(validation.labels)
    )
    return float(np.mean(prediction.classes == validation.labels)), loss.item()
