"""How a `gradsim.erbp` network learns: weights change where input spikes meet modulated dendrites.

Behind (1) to (3) of `gradsim.erbp`, from ``from_ms`` of an image on. A label neuron spikes
regularly for the class y. Each class has two error neurons, which sum spikes without a leak, down
to a floor; s_k are spikes of output unit k and l_k those of its label::

    E+_k <- max(E+_k + s_k - l_k, -h),    E-_k <- max(E-_k + l_k - s_k, -h)               (4)
    E >= 1: the error neuron spikes and E <- E - 1

Spikes e = e+ - e- reach all dendrites, those of the output one by one, those of hidden layers by
the fixed random G, whatever the layer (direct feedback)::

    U_l <- exp(-1/τ_D) U_l + G_l e       (for the output: + e)                            (5)
    w_ij <- w_ij - η U_i [a < A_i < b]   at each presynaptic spike of j                   (6)

A is what the step before left of the current, ``A <- A + (1 - exp(-1/τ_A)) (I - A)``: the current
itself where τ_A is 0, as in the paper, or its mean over some time. The gate stands for the
derivative of a unit's rate, and where it is open matters: the paper's boxcar, of 11.5 rheobase
currents to both sides, is open nearly always for currents as large as they are here, and hidden
layers learn as if units were linear. Open for all positive currents it makes them rectifiers. An
upper end has two sides: without one, units of a second hidden layer come to spike as often as the
refractory time lets them; with one, a unit that is driven beyond it is never told to be quieter,
and what a long training had learned may be lost.

A synapse computes with what is at hand at its own unit: two comparisons and an addition a spike.

**Deviations.** The dendrite has the time constant of its synapse, 4 ms; its membrane of 0.2 ms is
below a step, and it is at rest below a thousandth of an error spike. Error neurons are counted in
spikes, not in charges through synapses of 4 ms. η may decay by the epoch, which is chosen on held-
out images.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gradsim import arrays
from gradsim.classified import Classified, in_chunks
from gradsim.erbp import ERBPNetwork, Run, encoded, respond
from gradsim.kernels import erbp as loops
from gradsim.training import Progress, TrainingError

LARGEST_WEIGHT = 1e6


@dataclass(frozen=True)
class ERBPTraining:
    """How to train.

    Parameters
    ----------
    epochs
        Passes over all images, each in an order of its own.
    present_ms, from_ms
        For how long an image is shown, and from when on errors are told and weights change.
    learning_rate, decay
        η in the first epoch, in rheobase currents, and what it is multiplied by after each.
    gate, tau_gate_ms
        ``(a, b)`` of hidden units, and τ_A; the output's gate is always open.
    tau_dendrite_ms
        τ_D.
    label_period_ms
        Time between spikes of the label neuron; 0 is a label that never comes.
    headroom
        h.
    hidden_learns
        Whether weights other than the output's change.

    Raises
    ------
    ValueError
        If a value lies outside its range.
    """

    epochs: int = 10
    present_ms: int = 100
    from_ms: int = 20
    learning_rate: float = 3e-4
    decay: float = 1.0
    gate: tuple[float, float] = (-11.5, 11.5)
    tau_gate_ms: float = 0.0
    tau_dendrite_ms: float = 4.0
    label_period_ms: int = 4
    headroom: float = 1.0
    hidden_learns: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "present_ms", "from_ms", "label_period_ms"):
            value = getattr(self, name)
            if value != int(value) or value < (name in ("epochs", "present_ms")):
                raise ValueError(f"{name} must be a whole number, and positive; not {value}")
        if self.from_ms >= self.present_ms:
            raise ValueError(
                f"from_ms must lie before present_ms, not {self.from_ms}, {self.present_ms}"
            )
        if not (self.learning_rate > 0 and 0 < self.decay <= 1):
            raise ValueError(
                "learning_rate must be positive and decay in 0..1, not "
                f"{self.learning_rate}, {self.decay}"
            )
        if not (self.tau_gate_ms >= 0 and self.tau_dendrite_ms > 0 and self.headroom >= 0):
            raise ValueError(
                "tau_dendrite_ms must be positive, tau_gate_ms and headroom not negative, not "
                f"{self.tau_dendrite_ms}, {self.tau_gate_ms}, {self.headroom}"
            )
        if not self.gate[0] < self.gate[1]:
            raise ValueError(f"gate must be its lower and its upper end, not {self.gate}")

    def rates(self) -> Iterator[float]:
        """Yield η of each epoch."""
        for epoch in range(self.epochs):
            yield self.learning_rate * self.decay**epoch


class ERBPHistory(NamedTuple):
    """What happened in each epoch, all numbers but accuracy a training image.

    Parameters
    ----------
    validation_accuracy
        ``[epochs]``, with frozen weights and without labels.
    spikes
        ``[epochs, layers + 1]`` of the input and each layer.
    errors
        ``[epochs, 2]`` spikes of E+ and E-.
    visited, changed
        ``[epochs, layers]``: weights that spikes passed while learning, which are compared, and
        those of them that changed, by an addition.
    best_epoch
        Whose weights were kept, from 0: the first with the best validation accuracy.
    """

    validation_accuracy: np.ndarray
    spikes: np.ndarray
    errors: np.ndarray
    visited: np.ndarray
    changed: np.ndarray
    best_epoch: int


def train_erbp(
    network: ERBPNetwork,
    train: Classified,
    validation: Classified,
    config: ERBPTraining,
    rng: np.random.Generator,
    progress: Progress = lambda _fraction, _note: None,
) -> tuple[ERBPNetwork, ERBPHistory]:
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
        Source of the order of images and of all that is drawn while they are shown.
    progress
        Called with the share that is done and a note.

    Raises
    ------
    ValueError
        If images or labels do not fit.
    gradsim.TrainingError
        If weights grow without limit.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = np.arange(200) % 2
    >>> images = 0.5 * rng.random((200, 6)) + 0.5 * (np.arange(6) % 2 == labels[:, None])
    >>> samples = Classified(images, labels)
    >>> network = gradsim.erbp.initial((6, 20, 2), rng, gain=2.0)
    >>> config = ERBPTraining(epochs=3, learning_rate=3e-3, gate=(0.0, 2.0))
    >>> _, history = train_erbp(network, samples, samples, config, rng)
    >>> bool(history.validation_accuracy.max() > 0.95)
    True
    """
    for part in (train, validation):
        arrays.classes(part.labels, len(part.images), network.sizes[-1])
    run = Run(network, config.tau_dendrite_ms, config.tau_gate_ms)
    done, total, kept = 0, config.epochs * len(train.labels), network
    accuracies: list[float] = []
    records: list[list[loops.Record]] = []
    for rate in config.rates():
        records.append([])
        for chosen in in_chunks(len(train.labels), rng):
            shown = encoded(network, train.images[chosen])
            how = learning(config, len(run.rows), rate)
            labels = np.asarray(train.labels)[chosen].astype(np.int64)
            records[-1].append(run.show(shown, labels, config.present_ms, how, rng))
            done += len(chosen)
            progress(done / total, f"validation {accuracies[-1]:.4f}" if accuracies else "")
        accuracies.append(accuracy(_finite(run.trained()), validation, config.present_ms, rng))
        if accuracies[-1] > max(accuracies[:-1], default=-1.0):
            kept = run.trained()
    return kept, _history(accuracies, records, len(train.labels))


def accuracy(
    network: ERBPNetwork, samples: Classified, present_ms: int, rng: np.random.Generator
) -> float:
    """Return the share of images that a network, which learns nothing meanwhile, classifies."""
    answers = respond(network, samples.images, rng, present_ms).answers[:, -1]
    return float(np.mean(answers == samples.labels))


def learning(config: ERBPTraining, n_layers: int, rate: float) -> loops.Learning:
    """Return how the loops change weights at a rate."""
    lower = np.full(n_layers, config.gate[0], np.float32)
    upper = np.full(n_layers, config.gate[1], np.float32)
    lower[-1], upper[-1] = -np.inf, np.inf
    return loops.Learning(
        np.float32(rate),
        True,
        int(config.from_ms),
        int(config.label_period_ms),
        np.float32(config.headroom),
        lower,
        upper,
        0 if config.hidden_learns else n_layers - 1,
    )


def _history(
    accuracies: Sequence[float], records: Sequence[Sequence[loops.Record]], n: int
) -> ERBPHistory:
    def summed(name: str) -> np.ndarray:
        return np.array([sum(getattr(each, name) for each in epoch) for epoch in records]) / n

    return ERBPHistory(
        np.array(accuracies),
        summed("spikes").sum(axis=(1, 3)),
        summed("errors"),
        summed("visited"),
        summed("changed"),
        int(np.argmax(accuracies)),
    )


def _finite(network: ERBPNetwork) -> ERBPNetwork:
    if not all(np.abs(part).max() < LARGEST_WEIGHT for part in network.weights):
        raise TrainingError("weights grow without limit; try a smaller learning rate")
    return network
