"""Gradient descent by spikes: how a `gradsim.herded` network learns, O'Connor & Welling 2016.

In each step, behind (3) to (5) of `gradsim.herded`, errors go back as spikes, from the last layer
to the first, with y the one-hot target and the signed quantiser (1) of `gradsim.herding`
(arXiv:1602.08323, section 4)::

    e_L = (s_L - y) [u_L >= 0]                                                        (6)
    ψ_l <- ψ_l + W_(l+1)^T e_(l+1),    e_l = (signed spikes of ψ_l) [u_l >= 0]        (7)
    W_l <- W_l - (η / T^2) e_l c_(l-1)^T            (fractional, after (7))           (8)
    W_l <- W_l - (η / T^2) (sum_t e_l) c_(l-1)^T    (sgd, after the last step)        (9)

with ``c_l`` the spikes of a layer in the sample so far. ψ is never reset, not even between samples:
an error of a fraction of a spike is sent when it has added up. Reset with each sample, small errors
are lost and hidden layers learn nothing.

(7) reads the weights as they were before (8). The other way round (``update_first``) the error that
comes back has the additional term ``-(η / T^2) c_i sum e^2``, which is never positive; ψ integrates
it, every active unit is told to be more active, and a network that had begun to learn collapses.

*Integer weights* learn at a rate of 1 by (8): ``U = T^2 / η`` is what a spike is worth, so that
training is additions of integers only, but for a network's rounding to another U where η decays.

``exact`` is the same descent in real numbers, one image after another, through the rectifier
network with the same weights (`gradsim.kernels.rectifiers`): what quantising costs shows beside it.

Deviations: η may decay by a factor an epoch; the epoch is chosen on held-out images. In the
authors' code each output error is sent all the way back before the next one; here layers take
turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from gradsim import arrays
from gradsim.classified import Classified, in_chunks
from gradsim.herded import HerdedNetwork, Run, encoded, respond, rounded
from gradsim.kernels import herding as loops
from gradsim.kernels import rectifiers
from gradsim.training import Progress

RULES = ("fractional", "sgd", "exact")


@dataclass(frozen=True)
class HerdedTraining:
    """How to train; the defaults are the paper's.

    Parameters
    ----------
    rule
        ``"fractional"``, ``"sgd"`` or ``"exact"``; see the module.
    epochs
        Passes over all images, each in an order of its own.
    learning_rate, decay
        η in the first epoch, and what it is multiplied by after each.
    reset_errors, update_first
        What the paper does not do: ψ begins anew with each sample; weights change before errors
        go back through them.

    Raises
    ------
    ValueError
        If a value is unknown or outside its range.
    """

    rule: Literal["fractional", "sgd", "exact"] = "fractional"
    epochs: int = 20
    learning_rate: float = 0.01
    decay: float = 1.0
    reset_errors: bool = False
    update_first: bool = False

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"rule must be one of {', '.join(RULES)}, not {self.rule!r}")
        if self.epochs < 1 or not self.learning_rate > 0 or not 0 < self.decay <= 1:
            raise ValueError(
                "epochs must be at least 1, learning_rate positive and decay in 0..1, not "
                f"{self.epochs}, {self.learning_rate}, {self.decay}"
            )
        if self.rule != "fractional" and self.update_first:
            raise ValueError("only fractional updates can come first")

    def rates(self) -> Iterator[float]:
        """Yield η of each epoch."""
        for epoch in range(self.epochs):
            yield self.learning_rate * self.decay**epoch


class HerdedHistory(NamedTuple):
    """What happened in each epoch, all numbers but accuracy a training sample.

    Parameters
    ----------
    validation_accuracy
        ``[epochs]``.
    spikes, errors
        ``[epochs, layers]``: spikes of the input and each layer, and error spikes that pass each.
    operations
        ``[epochs, 3]``: additions forward, additions backward, and additions to weights; with exact
        gradients multiply-accumulates of these.
    best_epoch
        Whose weights were kept, from 0: the first with the best validation accuracy.
    """

    validation_accuracy: np.ndarray
    spikes: np.ndarray
    errors: np.ndarray
    operations: np.ndarray
    best_epoch: int


class _Epoch(NamedTuple):
    """Sums over the samples of an epoch; as in `HerdedHistory`."""

    spikes: np.ndarray
    errors: np.ndarray
    operations: np.ndarray


def train_herded(
    network: HerdedNetwork,
    train: Classified,
    validation: Classified,
    config: HerdedTraining,
    rng: np.random.Generator,
    progress: Progress = lambda _fraction, _note: None,
) -> tuple[HerdedNetwork, HerdedHistory]:
    """Train and return the network of the epoch that is best in validation, and what happened.

    Parameters
    ----------
    network
        Where to start; unchanged.
    train, validation
        Classes count from 0 and have an output unit each.
    config
        How.
    rng
        Source of the order of images.
    progress
        Called with the share that is done and a note.

    Raises
    ------
    ValueError
        If images or labels do not fit, or integer weights are to have exact gradients.
    gradsim.TrainingError
        If weights or spikes grow without limit.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(200) % 2
    >>> images = 0.5 * rng.random((200, 6)) + 0.5 * (np.arange(6) % 2 == labels[:, None])
    >>> samples = Classified(images, labels)
    >>> network = gradsim.herded.initial((6, 20, 2), rng, deviation=0.2)
    >>> config = HerdedTraining(epochs=5)
    >>> _, history = train_herded(network, samples, samples, config, rng)
    >>> float(history.validation_accuracy.max())
    1.0
    """
    for part in (train, validation):
        arrays.classes(part.labels, len(part.images), network.sizes[-1])
    if config.rule == "exact" and network.integer:
        raise ValueError("integer weights cannot follow exact gradients")
    run, done, total = Run(network), 0, config.epochs * len(train.labels)
    accuracies: list[float] = []
    epochs: list[_Epoch] = []
    for rate in config.rates():
        run, counted = _at_rate(run, rate), _nothing(network)
        for chosen in in_chunks(len(train.labels), rng):
            part = Classified(train.images[chosen], train.labels[chosen])
            counted = _sum(counted, _learn(run, part, config, rate))
            done += len(chosen)
            progress(done / total, f"validation {accuracies[-1]:.4f}" if accuracies else "")
        accuracies.append(accuracy(run.trained(), validation))
        epochs.append(counted)
        if accuracies[-1] > max(accuracies[:-1], default=-1.0):
            kept = run.trained()
    spikes, errors, operations = map(np.array, zip(*epochs, strict=True))
    n, best = len(train.labels), int(np.argmax(accuracies))
    history = HerdedHistory(np.array(accuracies), spikes / n, errors / n, operations / n, best)
    return kept, history


def accuracy(network: HerdedNetwork, samples: Classified) -> float:
    """Return the share of images that a network, which learns nothing meanwhile, classifies."""
    answers = respond(network, samples.images).readout[:, -1].argmax(axis=1)
    return float(np.mean(answers == samples.labels))


def _at_rate(run: Run, rate: float) -> Run:
    """Return a run of integer weights in units in which the rate is 1; any other as it is."""
    before = run.network
    if not before.integer:
        return run
    unit = round(before.n_steps**2 / rate)
    if unit == before.unit:
        return run
    other = Run(rounded(run.trained(), unit))
    scaled = run.state.error_potential * (unit / before.unit)
    other.state.error_potential[:] = np.rint(scaled).astype(np.int64)
    return other


def _learn(run: Run, samples: Classified, config: HerdedTraining, rate: float) -> _Epoch:
    """Show samples and change weights; return what it took."""
    network = run.network
    images, labels = encoded(network, samples.images), samples.labels
    n_in, n_out = np.array(network.sizes[:-1]), np.array(network.sizes[1:])
    if config.rule == "exact":
        rectifiers.descend(images, labels, run.rows, np.float32(rate))
        each = (n_in @ n_out, n_in[1:] @ n_out[1:], n_in @ n_out)
        return _nothing(network)._replace(operations=len(labels) * np.array(each, float))
    record = run.show(
        images,
        labels,
        loops.Learning(
            rate=1 if network.integer else rate / network.n_steps**2,
            learns=True,
            fractional=config.rule == "fractional",
            update_first=config.update_first,
            reset_errors=config.reset_errors,
        ),
    )
    spikes, errors = record.spikes.sum(axis=(0, 2)), record.errors
    operations = (spikes[:-1] @ n_out, errors[2:] @ n_in[1:], record.changes.sum())
    return _Epoch(spikes, errors, np.array(operations))


def _nothing(network: HerdedNetwork) -> _Epoch:
    n_layers = len(network.sizes)
    return _Epoch(np.zeros(n_layers), np.zeros(n_layers), np.zeros(3))


def _sum(first: _Epoch, second: _Epoch) -> _Epoch:
    return _Epoch(*(a + b for a, b in zip(first, second, strict=True)))
