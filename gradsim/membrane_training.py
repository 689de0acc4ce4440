"""Training of a `gradsim.membrane` network by the gradients of `gradsim.membrane_gradients`.

Steps of Adam or of stochastic gradient descent, with the mean gradient of a few samples, at a rate
that falls to 0 along half a cosine. Thresholds learn as well where ``threshold_rate`` is not 0, and
never fall below `LEAST` of what they were. After each step of ``batch_size`` samples thresholds are
*regularised*: for each sample in which N_w of a hidden layer's N neurons fired,

    θ_i <- θ_i + ρ (N [i fired] - N_w)                                                   (13)

which leaves their mean as it is, and brings those nearer to firing that are silent; i is a feature
of convolutions, of whose neurons those are counted that fired.

Deviations: the paper's rate is constant; here it falls. Samples share a step, where the paper
changes weights after each, which ``batch_size=1`` does. The epoch is chosen on held-out samples.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import torch

from gradsim import arrays
from gradsim.membrane import MembraneNetwork, MembraneResponse, Run, classes
from gradsim.membrane_gradients import MembraneGradients, gradients, output_error
from gradsim.membrane_stimuli import Stimuli
from gradsim.training import Progress, TrainingError

LEAST = 0.1
SHOWN = 128  # samples at a time where nothing is learned
OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": partial(torch.optim.Adam, fused=True),  # one pass over the weights
    "sgd": torch.optim.SGD,
}


@dataclass(frozen=True)
class MembraneTraining:
    """How to train.

    Parameters
    ----------
    optimiser
        ``"adam"``, or ``"sgd"`` without momentum.
    epochs, batch_size
        Passes over all samples, each in an order of its own, and samples that share a step.
    learning_rate
        In the first step.
    threshold_rate
        That of thresholds, as a multiple; 0 where thresholds do not learn.
    sharpness
        κ of the output's error.
    normalised
        Whether errors are normalised.
    regularisation
        ρ in (13); 0 for none.
    hidden_learns
        Whether hidden layers learn; a control where not.

    Raises
    ------
    ValueError
        If a value is unknown or outside its range.
    """

    optimiser: Literal["adam", "sgd"] = "adam"
    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 1e-3
    threshold_rate: float = 0.0
    sharpness: float = 1.0
    normalised: bool = False
    regularisation: float = 0.0
    hidden_learns: bool = True

    def __post_init__(self) -> None:
        if self.optimiser not in OPTIMISERS:
            raise ValueError(
                f"optimiser must be one of {', '.join(OPTIMISERS)}, not {self.optimiser!r}"
            )
        if min(self.epochs, self.batch_size) < 1:
            raise ValueError(
                f"epochs and batch_size must be at least 1, not {self.epochs}, {self.batch_size}"
            )
        if not self.learning_rate > 0 or not self.sharpness > 0:
            raise ValueError(
                "learning_rate and sharpness must be positive, not "
                f"{self.learning_rate}, {self.sharpness}"
            )
        if not min(self.threshold_rate, self.regularisation) >= 0:
            raise ValueError(
                "threshold_rate and regularisation must not be negative, not "
                f"{self.threshold_rate}, {self.regularisation}"
            )


class Labelled(NamedTuple):
    """Stimuli and their classes ``[N]``."""

    stimuli: Stimuli
    labels: np.ndarray


class MembraneHistory(NamedTuple):
    """What happened in each epoch.

    Parameters
    ----------
    train_accuracy, validation_accuracy
        ``[epochs]``: of training samples as they were met, and of held-out ones after the epoch.
    spikes
        ``[epochs, layers + 1]`` of the input and each layer, a training sample.
    silent
        ``[epochs, hidden layers]``: share of neurons that did not fire once all epoch long.
    best_epoch
        Whose network was kept, from 0: the first with the best validation accuracy.
    """

    train_accuracy: np.ndarray
    validation_accuracy: np.ndarray
    spikes: np.ndarray
    silent: np.ndarray
    best_epoch: int


class Answers(NamedTuple):
    """Classes ``[N]``, and spikes a sample ``[layers + 1]`` of the input and each layer."""

    classes: np.ndarray
    spikes: np.ndarray


def answers(network: MembraneNetwork, stimuli: Stimuli, rng: np.random.Generator) -> Answers:
    """Return what a network, which learns nothing meanwhile, makes of stimuli."""
    run, parts = Run(network), []
    for first in range(0, len(stimuli), SHOWN):
        chosen = np.arange(first, min(first + SHOWN, len(stimuli)))
        parts.append(_seen(run, run.show(stimuli.spikes(chosen, rng))))
    seen = _all_seen(parts)
    return Answers(seen.classes, seen.spikes / len(stimuli))


def train_membrane(
    network: MembraneNetwork,
    train: Labelled,
    validation: Labelled,
    config: MembraneTraining,
    rng: np.random.Generator,
    progress: Progress = lambda _fraction, _note: None,
) -> tuple[MembraneNetwork, MembraneHistory]:
    """Train and return the network of the epoch that is best in validation, and what happened.

    Parameters
    ----------
    network
        Where to start; unchanged.
    train, validation
        Classes count from 0 and have an output neuron each.
    config
        How.
    rng
        Source of the order of samples, and of what stimuli draw.
    progress
        Called with the share that is done and a note.

    Raises
    ------
    ValueError
        If stimuli or labels do not fit.
    gradsim.TrainingError
        If weights are no finite numbers any more.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(200) % 2
    >>> pixels = 0.5 * rng.random((200, 2, 3))
    >>> pixels[np.arange(200), labels] += 0.5
    >>> samples = Labelled(gradsim.membrane_stimuli.Poisson(pixels), labels)
    >>> network = gradsim.membrane_initial.initial((6, 20, 2), rng, (3, 3))
    >>> config = MembraneTraining(epochs=5, batch_size=10, learning_rate=0.01)
    >>> _, history = train_membrane(network, samples, samples, config, rng)
    >>> bool(history.validation_accuracy.max() > 0.95)
    True
    """
    train, validation = (_fitting(network, part) for part in (train, validation))
    run, best = Run(network), 0
    floors = [LEAST * layer.thresholds for layer in run.layers]
    epochs: list[_Epoch] = []
    step = _optimised(run, config, config.epochs * -(-len(train.labels) // config.batch_size))
    for epoch in range(config.epochs):
        with np.errstate(over="ignore", invalid="ignore"):  # told as an error
            accuracy, spikes, silent = _learn(run, train, config, step, floors, rng)
        _require_finite(run)
        trained = run.trained()
        found = answers(trained, validation.stimuli, rng).classes
        score = float(np.mean(found == validation.labels))
        epochs.append(_Epoch(accuracy, score, spikes, silent))
        if epoch == 0 or score > epochs[best].validation_accuracy:
            best, kept = epoch, trained
        progress((epoch + 1) / config.epochs, f"validation {score:.4f}")
    learned, held_out, spikes, silent = map(np.array, zip(*epochs, strict=True))
    return kept, MembraneHistory(learned, held_out, spikes, silent, best)


class _Epoch(NamedTuple):
    """An epoch of `MembraneHistory`, in its order."""

    train_accuracy: float
    validation_accuracy: float
    spikes: np.ndarray
    silent: np.ndarray


class _Seen(NamedTuple):
    """Of some samples: classes ``[N]``, sums of spikes, and which hidden neurons have fired."""

    classes: np.ndarray
    spikes: np.ndarray
    fired: tuple[np.ndarray, ...]


def _seen(run: Run, response: MembraneResponse) -> _Seen:
    counts = [response.input_counts, *(layer.counts for layer in response.layers)]
    return _Seen(
        classes(response.layers[-1], run.layers[-1].thresholds),
        np.array([part.sum(dtype=np.float64) for part in counts]),
        tuple(part.max(axis=0) > 0 for part in counts[1:-1]),
    )


def _all_seen(parts: Sequence[_Seen]) -> _Seen:
    found, spikes, fired = zip(*parts, strict=True)
    ever = tuple(np.array(layer).max(axis=0) for layer in zip(*fired, strict=True))
    return _Seen(np.concatenate(found), np.sum(spikes, axis=0), ever)


def _learn(
    run: Run,
    train: Labelled,
    config: MembraneTraining,
    step: Callable[[MembraneGradients], None],
    floors: Sequence[np.ndarray],
    rng: np.random.Generator,
) -> tuple[float, np.ndarray, np.ndarray]:
    """Learn from all samples once; return accuracy, spikes and silent shares as they were met."""
    order, parts = rng.permutation(len(train.labels)), []
    for first in range(0, len(order), config.batch_size):
        chosen = order[first : first + config.batch_size]
        response = run.show(train.stimuli.spikes(chosen, rng))
        error = output_error(response.layers[-1].trace, train.labels[chosen], config.sharpness)
        step(gradients(run, response, error / len(chosen), config.normalised))
        _regularise(run, response, config.regularisation)
        for layer, floor in zip(run.layers, floors, strict=True):
            np.maximum(layer.thresholds, floor, out=layer.thresholds)
        parts.append(_seen(run, response))
    seen = _all_seen(parts)
    silent = np.array([1 - fired.mean() for fired in seen.fired])
    accuracy = float(np.mean(seen.classes == train.labels[order]))
    return accuracy, seen.spikes / len(order), silent


def _optimised(
    run: Run, config: MembraneTraining, n_steps: int
) -> Callable[[MembraneGradients], None]:
    """Return a step of the optimiser, which changes the run."""
    learning = range(0 if config.hidden_learns else len(run.layers) - 1, len(run.layers))
    # Padding learns nothing; what is fused wants weights in one piece.
    weights = [torch.from_numpy(run.layers[number].learned) for number in learning]
    thresholds = [torch.from_numpy(run.layers[number].thresholds) for number in learning]
    by_weights = [torch.zeros_like(part) for part in weights]
    optimiser = OPTIMISERS[config.optimiser](
        [
            {"params": weights},
            {"params": thresholds, "lr": config.threshold_rate * config.learning_rate},
        ],
        lr=config.learning_rate,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda done: 0.5 + 0.5 * math.cos(math.pi * done / n_steps)
    )

    def step(found: MembraneGradients) -> None:
        for k, number in enumerate(learning):
            gradient = torch.from_numpy(found.learned[number])
            by_weights[k][..., : gradient.shape[-1]] = gradient
            weights[k].grad = by_weights[k]
            thresholds[k].grad = torch.from_numpy(found.thresholds[number])
        optimiser.step()
        schedule.step()

    return step


def _regularise(run: Run, response: MembraneResponse, strength: float) -> None:
    """Change hidden thresholds by (13)."""
    if not strength:
        return
    for layer, found in zip(run.layers[:-1], response.layers[:-1], strict=True):
        fired = layer.gathered((found.counts > 0).sum(axis=0))
        layer.thresholds += np.float32(strength) * (len(fired) * fired - fired.sum())


def _fitting(network: MembraneNetwork, samples: Labelled) -> Labelled:
    """Return samples with plain labels, or raise ValueError where they do not fit."""
    labels = arrays.classes(samples.labels, len(samples.stimuli), network.sizes[-1])
    if samples.stimuli.n_units != network.sizes[0]:
        raise ValueError(
            f"stimuli must be of {network.sizes[0]} units, not {samples.stimuli.n_units}"
        )
    return Labelled(samples.stimuli, labels)


def _require_finite(run: Run) -> None:
    if not all(
        np.isfinite(part).all()
        for layer in run.layers
        for part in (layer.learned, layer.thresholds)
    ):
        raise TrainingError("weights grow without limit; try a smaller learning rate")
