"""Gradient descent in which errors travel as spikes too, and training is additions.

O'Connor & Welling, "Deep spiking networks", 2016, arXiv:1602.08323.

**Claim.** Units that quantise what they get by herding, without chance, tell the activations of a
rectifier network by their spikes; errors quantised the same way come back through the same weights,
and weights change by an addition where an error spike arrives. Such a network learns online, one
image at a time, about as well as by back-propagation.

**Numbers to reach.** On MNIST 97.93 % with fractional SGD, 96.40 % with SGD, where the rectifier
network has 98.37 %; 97.66 % is in the log of the authors' code for 200-200 units.

**How.** (3) to (5) of `gradsim.herded`, (6) to (9) of `gradsim.herded_training`: images are shown
for 10 steps, errors pass where the drive is not negative, and what is too small for a spike waits
in a quantiser that is never reset. The class is that of the largest drive after the last step.

**Deviations.** The presets draw initial weights with deviation 0.03, where 0.01 leaves the first
thousands of images without a spike in deep layers; η decays by the epoch; the epoch is chosen on
validation images. Controls: ``reset_errors`` forgets small errors with each image, and
``update_first`` reads weights that have changed already: it learns, and collapses.

**No NIR.** NIR's integrate-and-fire neuron is reset to one potential, and spikes once. A unit here
loses twice its threshold, as often within a step as its input is worth, and the readout sums what
arrives: another tool would read a graph of these weights as another network.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from study.data.samples import Samples
from study.data.task import Classes, own_score
from study.learners.layered import LayerWeights, classified, names, pixels, rehearse
from study.learners.oconnor_welling_config import OConnorWellingConfig, preset
from study.learning.artefacts import NONE, Curve
from study.learning.contract import Artefacts, Evaluation
from study.learning.cost import Cost, Layer
from study.learning.stopwatch import timed
from study.trials.trial import Progress

if TYPE_CHECKING:
    from gradsim.herded import HerdedNetwork, HerdedResponse

__all__ = ["OConnorWellingConfig", "OConnorWellingLearner", "preset"]

OPERATIONS = ("forward", "backward", "update")


class OConnorWellingLearner(LayerWeights):
    """Herded network; see `study.learning.contract.Learner`, ``Weighted`` and ``OverTime``."""

    def __init__(self, config: OConnorWellingConfig, task: Classes) -> None:
        self.config, self.task = config, task

    def prepare(self, train: Samples) -> None:
        """Compile the loops on a few images."""
        rehearse(
            OConnorWellingLearner(dataclasses.replace(self.config, epochs=1), self.task), train
        )

    def fit(
        self, train: Samples, validation: Samples, rng: np.random.Generator, progress: Progress
    ) -> None:
        """Train and keep the epoch that is best on ``validation``.

        Raises
        ------
        gradsim.TrainingError
            If weights or spikes grow without limit.
        """
        from gradsim import herded
        from gradsim.herded_training import train_herded

        config, held_out = self.config, classified(validation)
        sizes = (held_out.images.shape[1], *[config.hidden] * config.layers, self.task.n)
        network = herded.initial(
            sizes, rng, config.deviation, config.n_steps, config.quantiser == "event"
        )
        if config.weights == "integer":
            network = herded.rounded(network, round(config.n_steps**2 / config.learning_rate))
        self.network, self._history = train_herded(
            network, classified(train), held_out, config.training(), rng, progress
        )
        shown = herded.respond(self.network, held_out.images)
        self._synops_by_step = np.cumsum(sum(herded.additions(self.network, shown.spikes)))

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:  # noqa: ARG002
        """Classify ``samples``; also with the same weights in the network of rectifiers."""
        from gradsim.herded import respond

        images = pixels(samples)
        found, timing = timed(
            lambda part: respond(self.network, images[part]), len(images), "compiled loops"
        )
        answers = np.concatenate([each.readout[:, -1].argmax(axis=1) for each in found])
        without = self.task.scores(_rectified(self.network, images), samples.labels)
        scores = self.task.scores(answers, samples.labels)
        scores["rectifier_accuracy"] = own_score(self.task, without)
        return Evaluation(answers, scores, Cost(self._layers(found), timing))

    def scores_by_step(self, samples: Samples, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002
        """Return the accuracy after each step."""
        from gradsim.herded import respond

        answers = respond(self.network, pixels(samples)).readout.argmax(axis=2)
        scores = (self.task.scores(each, samples.labels) for each in answers.T)
        return np.array([own_score(self.task, each) for each in scores])

    def _layers(self, found: Sequence[HerdedResponse]) -> tuple[Layer, ...]:
        """Return what each layer does for a sample; the readout sums, and its spikes are unused."""
        network, names = self.network, self._names()
        sizes = [len(each.readout) for each in found]
        fan_out = [np.count_nonzero(part, axis=0) for part in network.weights]
        layers = []
        for k, reached in enumerate(fan_out):
            counts = np.average([each.spikes[k].sum(axis=0) for each in found], 0, sizes)
            layers.append(
                Layer(
                    names[k],
                    spikes=float(counts.sum()),
                    additions=float(counts @ reached),
                    updates=float(network.n_steps * len(counts)),
                    states=1,
                    weights=network.weights[k].size,
                )
            )
        readout = Layer("readout", updates=float(network.n_steps * self.task.n), states=1)
        return (*layers, readout)

    def _names(self) -> list[str]:
        return names(self.config.layers)

    def keep(self) -> Artefacts:
        """Return how learning went, and what it took in operations."""
        history = self._history
        epochs = np.arange(len(history.validation_accuracy)) + 1
        each = history.operations.mean(axis=0)
        kind = "macs" if self.config.rule == "exact" else "synops"
        return Artefacts(
            named=(Curve(epochs, NONE, NONE, history.validation_accuracy),),
            arrays={
                "train_operations_by_epoch": history.operations,
                "spikes_by_epoch": history.spikes,
                "error_spikes_by_epoch": history.errors,
                "validation_synops_by_step": self._synops_by_step,
            },
            metrics={
                "best_epoch": history.best_epoch + 1,
                "train_synops_per_sample": 0.0,
                "train_macs_per_sample": 0.0,
                f"train_{kind}_per_sample": float(each.sum()),
                **{
                    f"train_{name}_operations_per_sample": float(count)
                    for name, count in zip(OPERATIONS, each, strict=True)
                },
            },
        )


def _rectified(network: HerdedNetwork, images: np.ndarray) -> np.ndarray:
    """Return the answers of rectifiers with the same weights."""
    *hidden, last = (part / network.unit for part in network.weights)
    for weights in hidden:
        images = np.maximum(images @ weights.T, 0)
    return (images @ last.T).argmax(axis=1)
