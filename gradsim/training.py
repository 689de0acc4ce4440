"""Training by surrogate gradients and prediction, of any module that returns a `Recording`.

Guaranteed: there is one label of an existing class for each sample, of any integer type, before
anything is learned from it; a checkpoint is of the same training and undamaged
(`gradsim.checkpoint`), or nothing is taken from it.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from gradsim import arrays
from gradsim import checkpoint as checkpoints
from gradsim.described import KEY, only_constants
from gradsim.losses import (
    READOUTS,
    activity_bounds,
    logits,
    mean_activity,
    spytorch_activity,
)
from gradsim.network import SpikingNetwork
from gradsim.surrogate import Surrogate, built_in

Progress = Callable[[float, str], None]

OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": partial(torch.optim.Adam, fused=True),
    "adamax": torch.optim.Adamax,
}
SATURATED = 0.4  # spikes per neuron and step; a neuron that resets to zero can reach 0.5


class TrainingError(RuntimeError):
    """Training cannot go on: the loss or a weight is not a number."""


@dataclass(frozen=True)
class TrainingConfig:
    """How to train.

    Parameters
    ----------
    optimiser, learning_rate, betas, epochs, batch_size
        The usual; the last batch of an epoch may be smaller.
    readout
        How logits come from the readout over time: a name in `gradsim.losses.READOUTS`.
    l1, l2
        Strengths of `spytorch_activity`, summed over hidden layers.
    mean
        Strength of `mean_activity`.
    bounds, lower, upper
        Strength and limits of `activity_bounds`, in spikes per neuron and sample.
    patience
        Stop after so many epochs without a better validation result; None never stops.
    hopeless
        Stop after so many epochs running in which a hidden layer never fired, or fired more than
        `SATURATED` times per neuron and step; None never stops.
    """

    optimiser: Literal["adam", "adamax"] = "adam"
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    epochs: int = 30
    batch_size: int = 128
    readout: Literal["max", "sum", "last"] = "max"
    l1: float = 0.0
    l2: float = 0.0
    mean: float = 0.0
    bounds: float = 0.0
    lower: float = 0.0
    upper: float = math.inf
    patience: int | None = None
    hopeless: int | None = 3

    def __post_init__(self) -> None:
        for name, known in (("optimiser", OPTIMISERS), ("readout", READOUTS)):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} must be one of {', '.join(known)}, not {getattr(self, name)!r}"
                )
        if not self.learning_rate > 0 or self.epochs < 1 or self.batch_size < 1:
            raise ValueError(
                "learning_rate, epochs and batch_size must be positive, not "
                f"{self.learning_rate}, {self.epochs}, {self.batch_size}"
            )
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must lie in 0..1, below 1, not {self.betas}")
        for name in ("patience", "hopeless"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, or None, not {getattr(self, name)}")

    def penalty(self, counts: Tensor) -> Tensor | float:
        """Return the activity penalty of one hidden layer's spike counts ``[B, N]``."""
        total: Tensor | float = 0.0
        if self.l1 or self.l2:
            total = total + spytorch_activity(counts, self.l1, self.l2)
        if self.mean:
            total = total + self.mean * mean_activity(counts)
        if self.bounds:
            total = total + self.bounds * activity_bounds(counts, self.lower, self.upper)
        return total


class Inputs(Protocol):
    """Samples to draw batches from: `gradsim.SpikeEvents`, or `gradsim.Traces`."""

    def __len__(self) -> int: ...

    def take(self, index: np.ndarray | slice) -> Any:
        """Return what the module is called with for the samples at ``index``."""


class Labelled(NamedTuple):
    """Samples and their classes ``[N]``."""

    inputs: Inputs
    labels: np.ndarray


@dataclass(frozen=True)
class History:
    """What happened in each epoch.

    Parameters
    ----------
    loss
        ``[epochs]`` mean over training samples, in nats, penalties included.
    train_accuracy
        ``[epochs]``, of training samples as they were met.
    hidden_spikes
        ``[epochs, layers]`` mean spikes per training sample.
    hidden_rate
        ``[epochs, layers]`` mean spikes per neuron and step of the readout's recording.
    validation_accuracy, validation_loss
        ``[epochs]`` after the epoch; the loss in nats, without penalties. NaN where nothing was
        held out.
    best_epoch
        Whose weights were kept: best validation accuracy, then lowest validation loss; the last
        where nothing was held out.
    stopped
        Why training ended before its last epoch, in words; None if it did not.
    """

    loss: np.ndarray
    train_accuracy: np.ndarray
    hidden_spikes: np.ndarray
    hidden_rate: np.ndarray
    validation_accuracy: np.ndarray
    validation_loss: np.ndarray
    best_epoch: int
    stopped: str | None

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
    model: nn.Module,
    training: Labelled,
    validation: Labelled | None,
    config: TrainingConfig,
    rng: np.random.Generator,
    progress: Progress = lambda _fraction, _note: None,
    checkpoint: Path | str | None = None,
) -> History:
    """Train ``model`` in place, leave it with its best weights, and return the history.

    Parameters
    ----------
    model
        Returns a `gradsim.Recording` for a batch of ``training.inputs``: a `SpikingNetwork` for
        events, an `EncodedNetwork` for traces. Changed in place; its dtype and device are used.
        Left in evaluation mode.
    training, validation
        Samples to learn from and to choose the epoch by; without the latter the last is kept.
    config
        How to train.
    rng
        Shuffles the training samples.
    progress
        Called after each epoch with the fraction done and a note.
    checkpoint
        File that is written after each epoch. If it exists, training goes on from there, bit by
        bit as if it had never been interrupted (unless the model itself draws random numbers).

    Raises
    ------
    TrainingError
        If the loss or a weight becomes NaN or infinite.
    ValueError
        If there are no samples, not one label for each, or labels without a readout unit; if
        ``checkpoint`` is damaged or belongs to another training.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(2, size=100)
    >>> images = 0.5 * rng.random((100, 10)) + 0.5 * np.eye(2)[labels].repeat(5, axis=1)
    >>> spikes = gradsim.encode.latency(images, n_steps=50)
    >>> neuron = gradsim.LIFParameters(surrogate=gradsim.surrogate.fast_sigmoid(slope=25))
    >>> config = gradsim.NetworkConfig(n_in=10, hidden=(20,), n_out=2, neuron=neuron)
    >>> network = gradsim.SpikingNetwork(config, torch.Generator().manual_seed(0))
    >>> settings = gradsim.TrainingConfig(epochs=5, batch_size=10, learning_rate=5e-3)
    >>> history = gradsim.train(network, gradsim.Labelled(spikes, labels), None, settings, rng)
    >>> bool(history.loss[-1] < 0.1 < history.loss[0])
    True
    >>> float(np.mean(gradsim.predict(network, spikes).classes == labels))
    1.0
    """
    training = _labelled("training", training)
    validation = validation and _labelled("validation", validation)
    optimiser = OPTIMISERS[config.optimiser](
        model.parameters(), lr=config.learning_rate, betas=config.betas
    )
    checkpoint = Path(checkpoint) if checkpoint else None
    rows: list[_Epoch] = []
    best_weights: dict[str, Any] = {}
    identity = _identity(model, training, validation, config, rng) if checkpoint else {}
    if checkpoint and checkpoint.exists():
        rows, best_weights = _resume(checkpoint, identity, model, optimiser, rng)
    while (stopped := _reason_to_stop(rows, config)) is None and len(rows) < config.epochs:
        with threads_for(model):
            learned = _learn(model, training, config, optimiser, rng)
        row = _Epoch(*learned, *_validate(model, validation, config))
        _require_finite(row, model, config, validation is not None)
        rows.append(row)
        if _best(rows) == len(rows) - 1:
            best_weights = copy.deepcopy(model.state_dict())
        if checkpoint:
            state = _state(rows, best_weights, model, optimiser, rng)
            checkpoints.save(checkpoint, identity, state)
        progress(len(rows) / config.epochs, _note(len(rows), row))
    model.load_state_dict(best_weights)
    model.eval()
    return _history(rows, stopped)


def predict(
    model: nn.Module, inputs: Inputs, batch_size: int = 256, readout: str = "max"
) -> Prediction:
    """Return logits and spike counts for all samples; nothing is learned.

    Parameters
    ----------
    model, inputs
        As for `train`.
    batch_size
        Samples at a time.
    readout
        As in training; a name in `gradsim.losses.READOUTS`.

    Examples
    --------
    >>> config = gradsim.NetworkConfig(n_in=3, hidden=(20,), n_out=2)
    >>> network = gradsim.SpikingNetwork(config, torch.Generator().manual_seed(0))
    >>> spikes = gradsim.encode.latency(np.random.default_rng(0).random((5, 3)), n_steps=30)
    >>> prediction = gradsim.predict(network, spikes)
    >>> prediction.logits.shape, prediction.spikes[0].shape, prediction.classes.shape
    ((5, 2), (5, 20), (5,))
    """
    if not len(inputs):
        raise ValueError("there are no samples to predict")
    scores, spikes = [], []
    with torch.no_grad(), threads_for(model):
        for start in range(0, len(inputs), batch_size):
            recording = model(inputs.take(slice(start, start + batch_size)))
            scores.append(logits(recording, readout).cpu().numpy())
            spikes.append([counts.cpu().numpy() for counts in recording.counts])
    return Prediction(
        np.concatenate(scores),
        tuple(np.concatenate(layer) for layer in zip(*spikes, strict=True)),
    )


def threads_for(model: nn.Module) -> AbstractContextManager[None]:
    """Return a context for training steps in which threads serve what takes their time.

    `train` and `predict` use it; a loop of one's own gains by it as well where the event-driven
    engine runs. See `gradsim.kernels.threads.lent_by_torch`.
    """
    if not isinstance(model, SpikingNetwork) or model.resolved_engine == "torch":
        return nullcontext()
    from gradsim.kernels.threads import lent_by_torch

    return lent_by_torch()


def _labelled(name: str, part: Labelled) -> Labelled:
    """Return samples with their labels as int64, or raise ValueError, which names them."""
    inputs, labels = part
    try:
        found = arrays.labels(labels, len(inputs))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from None
    if not len(found):
        raise ValueError(f"there are no {name} samples")
    return Labelled(inputs, found)


class _Epoch(NamedTuple):
    """An epoch of `History` in plain numbers, in its order; lists hold one number a layer."""

    loss: float
    train_accuracy: float
    hidden_spikes: list[float]
    hidden_rate: list[float]
    validation_accuracy: float
    validation_loss: float


def _note(epoch: int, row: _Epoch) -> str:
    return f"epoch {epoch}: loss {row.loss:.3f}, validation {row.validation_accuracy:.3f}"


def _learn(
    model: nn.Module,
    training: Labelled,
    config: TrainingConfig,
    optimiser: torch.optim.Optimizer,
    rng: np.random.Generator,
) -> tuple[float, float, list[float], list[float]]:
    n_samples = len(training.labels)
    order = rng.permutation(n_samples)
    # Sums stay tensors until the epoch ends: reading one waits for the device.
    loss_sum, right, spikes, rate = (torch.zeros((), dtype=torch.float64) for _ in range(4))
    model.train()
    for start in range(0, n_samples, config.batch_size):
        index = order[start : start + config.batch_size]
        recording = model(training.inputs.take(index))
        readout, counts = recording.readout, recording.counts
        own, scores = training.labels[index], logits(recording, config.readout)
        arrays.require_classes(own, scores.shape[1])
        labels = torch.as_tensor(own, device=readout.device)
        loss = cross_entropy(scores, labels) + sum(config.penalty(layer) for layer in counts)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            loss_sum = loss_sum + loss * len(index)
            right = right + (scores.argmax(dim=1) == labels).sum()
            fired = torch.stack([layer.sum(dtype=torch.float64) for layer in counts])
            sizes = fired.new_tensor([layer.shape[1] * len(readout) for layer in counts])
            spikes, rate = spikes + fired, rate + fired / sizes
    loss_sum, right, spikes, rate = (part / n_samples for part in (loss_sum, right, spikes, rate))
    return loss_sum.item(), right.item(), spikes.tolist(), rate.tolist()


def _validate(
    model: nn.Module, validation: Labelled | None, config: TrainingConfig
) -> tuple[float, float]:
    if validation is None:
        return math.nan, math.nan
    model.eval()
    prediction = predict(model, validation.inputs, config.batch_size, config.readout)
    arrays.require_classes(validation.labels, prediction.logits.shape[1])
    loss = cross_entropy(torch.as_tensor(prediction.logits), torch.as_tensor(validation.labels))
    return float(np.mean(prediction.classes == validation.labels)), loss.item()


def _state(
    rows: list[_Epoch],
    best_weights: dict[str, Any],
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return all that decides how training goes on, in plain data."""
    return {
        "rows": [tuple(row) for row in rows],
        "best_weights": best_weights,
        "weights": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "generator": checkpoints.generator_state(rng),
    }


def _resume(
    checkpoint: Path,
    identity: dict[str, Any],
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    rng: np.random.Generator,
) -> tuple[list[_Epoch], dict[str, Any]]:
    """Go on from a checkpoint, or raise ValueError if it is damaged or another training's."""
    state = checkpoints.load(checkpoint, identity)
    try:
        return _restore(state, model, optimiser, rng)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
        raise ValueError(f"{checkpoint} is damaged; delete it ({error})") from None


def _restore(
    state: dict[str, Any],
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    rng: np.random.Generator,
) -> tuple[list[_Epoch], dict[str, Any]]:
    """Put model, optimiser and generator into a `_state`; return its rows and best weights."""
    # A checkpoint of an earlier version holds no constants; its identity has them.
    constants = only_constants(model.state_dict())
    model.load_state_dict(constants | state["weights"])
    optimiser.load_state_dict(state["optimiser"])
    checkpoints.restore_generator(rng, state["generator"])
    return [_Epoch(*row) for row in state["rows"]], constants | state["best_weights"]


def _history(rows: list[_Epoch], stopped: str | None) -> History:
    loss, accuracy, spikes, rate, validation_accuracy, validation_loss = map(
        np.array, zip(*rows, strict=True)
    )
    return History(
        loss,
        accuracy,
        spikes,
        rate,
        validation_accuracy,
        validation_loss,
        best_epoch=_best(rows),
        stopped=stopped,
    )


def _best(rows: list[_Epoch]) -> int:
    """Return the first of the epochs with the best validation result; without any, the last."""
    if math.isnan(rows[-1].validation_accuracy):
        return len(rows) - 1
    return max(
        range(len(rows)), key=lambda k: (rows[k].validation_accuracy, -rows[k].validation_loss)
    )


def _reason_to_stop(rows: list[_Epoch], config: TrainingConfig) -> str | None:
    if not rows:
        return None
    if config.patience is not None and len(rows) - 1 - _best(rows) >= config.patience:
        return f"no better validation result for {config.patience} epochs"
    if config.hopeless is None or len(rows) < config.hopeless:
        return None
    rates = np.array([row.hidden_rate for row in rows[-config.hopeless :]])
    for found, what in (
        ((rates == 0).all(axis=0), "silent"),
        ((rates > SATURATED).all(axis=0), "saturated"),
    ):
        if found.any():
            return f"hidden layer {found.argmax()} {what} for {config.hopeless} epochs"
    return None


def _require_finite(row: _Epoch, model: nn.Module, config: TrainingConfig, validated: bool) -> None:
    # The weights too: neurons whose membrane is NaN are silent, and may leave the loss finite.
    losses = [row.loss, row.validation_loss] if validated else [row.loss]
    values = {"loss": torch.tensor(losses)} | model.state_dict()
    for name, value in values.items():
        if not value.isfinite().all():
            raise TrainingError(
                f"{name} became nan or infinite; a lower learning rate than "
                f"{config.learning_rate:g} or weaker penalties may help"
            )


def _identity(
    model: nn.Module,
    training: Labelled,
    validation: Labelled | None,
    config: TrainingConfig,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return what two trainings must have in common for one to continue the other."""
    weights = [
        weight.cpu().numpy()
        for name, weight in model.state_dict().items()
        if not name.endswith(KEY)  # what the text of the model says
    ]
    own = [code for each in model.modules() if (code := _own_surrogate(each))]
    return (
        dataclasses.asdict(config)
        | ({"own surrogates": own} if own else {})
        | {
            "model": repr(model),
            "initial weights": checkpoints.digest(*weights),
            "generator": checkpoints.digest(np.array(checkpoints.generator_state(rng))),
            "training labels": checkpoints.digest(training.labels),
            "validation labels": checkpoints.digest(
                validation.labels if validation else training.labels[:0]
            ),
        }
    )


def _own_surrogate(module: nn.Module) -> str | None:
    """Return the code of a surrogate of one's own, whose name and numbers do not tell it."""
    surrogate = getattr(getattr(module, "neuron", module), "surrogate", None)
    if not isinstance(surrogate, Surrogate) or built_in(surrogate):
        return None
    name = getattr(surrogate.shape, "__qualname__", type(surrogate.shape).__name__)
    code = getattr(surrogate.shape, "__code__", None)
    if code is None:
        return name
    numbers = [value for value in code.co_consts if isinstance(value, int | float | str)]
    return f"{name} {code.co_code.hex()} {code.co_names} {numbers}"
