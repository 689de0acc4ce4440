"""An autoencoder whose forward and feedback weights come to mirror each other by STDP alone.

K. S. Burbank, "Mirrored STDP implements autoencoder learning in a network of spiking neurons",
PLoS Comput. Biol. 11(12):e1004566, 2015.

**Claim.** Feedback synapses whose STDP is opposed in time to that of the forward ones learn, with
them, what an autoencoder does: forward and feedback weights become each other's transpose without
anything that copies them, and the network rebuilds its input. Classical STDP at both does not.

**Number to reach.** The paper prints none for handwritten digits, as far as we could read it. Ours,
with 100 hidden neurons: an error of at most 0.25 of that of the mean image, a correlation of W and
the transpose of Q of 0.95, and 88 % by a linear read-out of hidden spikes.

**How.** (1) to (6) of `biosim.mirrored.network`; the read-out, which alone sees labels, is
`study.learners.readout`, of how often each hidden neuron spikes.

**Deviations.** Those of `biosim.mirrored.network`; the read-out is ours.

**No NIR.** What makes the network is how it learns, in three bouts; its forward part alone is a
layer of integrate-and-fire neurons that may not spike before the input is over, which NIR does not
know.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from study.data.samples import Samples
from study.data.task import Classes
from study.learners.burbank_config import ERROR, BurbankConfig, preset
from study.learners.layered import FEW, images, pixels
from study.learners.readout import fit_readout
from study.learning.artefacts import NONE, Curve, Filters, Reconstructions
from study.learning.contract import Artefacts, Evaluation
from study.learning.cost import Cost, Layer
from study.learning.stopwatch import timed
from study.trials.trial import Progress, no_progress

if TYPE_CHECKING:
    from biosim.mirrored import Response

__all__ = ["BurbankConfig", "BurbankLearner", "preset"]

LEARN_SHARE = 0.7  # of the progress of `fit`
SHOWN = 8  # validation images that are kept as they are and as they are rebuilt
LAYERS = ("input", "hidden", "code")


class Chances(NamedTuple):
    """Sources of randomness, one each, so that a control meets the same of all others."""

    weights: np.random.Generator
    order: np.random.Generator
    learning: np.random.Generator
    answers: np.random.Generator
    labels: np.random.Generator
    readout: np.random.Generator


class BurbankLearner:
    """The autoencoder and a read-out; see `study.learning.contract.Learner` and ``Weighted``."""

    def __init__(self, config: BurbankConfig, task: Classes) -> None:
        self.config, self.task = config, task
        self.spec = config.specification()

    def prepare(self, train: Samples) -> None:
        """Compile the loops on a few images, and import what `fit` needs."""
        import sklearn.svm  # noqa: F401

        from biosim.mirrored import respond

        rehearsal = BurbankLearner(self.config, self.task)
        few = pixels(train.take(np.arange(FEW)))
        rng = np.random.default_rng(0)
        rehearsal._learn(few, np.arange(FEW), _chances(rng), no_progress)
        respond(self.spec, rehearsal.network, few, rng)

    def fit(
        self, train: Samples, validation: Samples, rng: np.random.Generator, progress: Progress
    ) -> None:
        """Learn without labels, then fit the read-out, its penalty by ``validation``."""
        config, chances, given = self.config, _chances(rng), pixels(train)
        passes = -(-config.presentations // len(given))
        order = [chances.order.permutation(len(given)) for _ in range(passes)]
        shown = np.concatenate([np.zeros(0, np.int64), *order])[: config.presentations]
        self._mean = given.mean(axis=0)
        self._shape = images(train).shape[1:]
        self._learn(given, shown, chances, lambda share, note: progress(LEARN_SHARE * share, note))
        labelled = train
        if n := config.label_samples:
            labelled = train.take(np.sort(chances.labels.permutation(len(train))[:n]))
        labels = labelled.labels
        if config.labels == "shuffled":
            labels = chances.labels.permutation(labels)
        held_out = self._respond(validation, chances.answers)
        self._kept = pixels(validation)[:SHOWN], held_out.rebuilt[:SHOWN]
        self._silent = int((held_out.hidden.sum(axis=0) == 0).sum())
        self.read = fit_readout(
            (self._features(labelled, self._respond(labelled, chances.answers)), labels),
            (self._features(validation, held_out), validation.labels),
            config.inverse_penalties,
            chances.readout,
            lambda share, note: progress(LEARN_SHARE + (1 - LEARN_SHARE) * share, note),
        )

    def _learn(
        self, given: np.ndarray, shown: np.ndarray, chances: Chances, progress: Progress
    ) -> None:
        from biosim.mirrored import initial, learn

        start = initial(self.spec, given.shape[1], chances.weights)
        self.network, self._history = learn(
            self.spec, start, given, shown, chances.learning, progress
        )

    def _respond(self, samples: Samples, rng: np.random.Generator) -> Response:
        from biosim.mirrored import respond

        return respond(self.spec, self.network, pixels(samples), rng)

    def _features(self, samples: Samples, found: Response) -> np.ndarray:
        return pixels(samples) if self.config.features == "pixels" else found.hidden.astype(float)

    def named_by(self, labelled: Samples, rng: np.random.Generator) -> BurbankLearner:
        """Return the same network with a read-out of these samples, its penalty as before."""
        other, chances = copy.copy(self), _chances(rng)
        part = self._features(labelled, self._respond(labelled, chances.answers)), labelled.labels
        other.read = fit_readout(part, part, [self.read.inverse_penalty], chances.readout)
        return other

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:
        """Classify ``samples``, and rebuild them: a score of its own."""
        given = pixels(samples)

        def answer(part: slice) -> tuple[Response, np.ndarray]:
            some = samples.take(np.arange(part.start, part.stop))
            found = self._respond(some, rng)
            return found, self.read.answers(self._features(some, found))

        parts, timing = timed(answer, len(given), "compiled loops")
        found = type(parts[0][0])(
            *map(np.concatenate, zip(*(each for each, _ in parts), strict=True))
        )
        answers = np.concatenate([each for _, each in parts])
        scores = self.task.scores(answers, samples.labels)
        scores[ERROR] = float(
            np.sum((self._rebuilt(found.rebuilt) - given) ** 2) / np.sum((self._mean - given) ** 2)
        )
        return Evaluation(answers, scores, Cost(self._layers(found), timing))

    def _rebuilt(self, counts: np.ndarray) -> np.ndarray:
        from biosim.mirrored import rebuilt_images

        return rebuilt_images(self.spec, counts)

    def _layers(self, found: Response) -> tuple[Layer, ...]:
        """Return what each layer does for a sample: all weights are dense."""
        n_in, n_hidden = self.network.forward.shape
        given, hidden, rebuilt = (float(each.sum(axis=1).mean()) for each in found)
        steps, classes = self.spec.bout_steps, self.read.weights.shape[1]
        read = float(np.count_nonzero(found.hidden, axis=1).mean())
        weights = self.network.forward.size
        return (
            Layer(LAYERS[0], given, given * n_hidden, weights=weights),
            Layer(
                LAYERS[1], hidden, hidden * n_in, updates=float(steps * n_hidden), states=1,
                weights=weights,
            ),
            Layer("visible", rebuilt, updates=float(steps * n_in), states=1),
            Layer(LAYERS[2], macs=read * classes, weights=self.read.weights.size),
        )  # fmt: skip

    def weights(self) -> dict[str, np.ndarray]:
        """Return forward and feedback weights, and those of the read-out."""
        found = self.network.forward, self.network.feedback, self.read.weights
        return dict(zip(LAYERS, found, strict=True))

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> BurbankLearner:
        """Return the same network and read-out with these weights."""
        other = copy.copy(self)
        forward, feedback, read = (weights[name] for name in LAYERS)
        other.network = self.network._replace(forward=forward, feedback=feedback)
        other.read = dataclasses.replace(self.read, weights=read)
        return other

    def keep(self) -> Artefacts:
        """Return fields, how weights and error converged, images rebuilt, and what was chosen."""
        history = self._history
        originals, counts = self._kept
        base = float(np.mean((self._mean - originals) ** 2))
        return Artefacts(
            (
                Filters(self.network.forward.T.reshape(-1, *self._shape).astype(np.float32)),
                Curve(history.seen, history.error / base, NONE, NONE),
                Reconstructions(
                    originals.reshape(-1, *self._shape),
                    self._rebuilt(counts).reshape(-1, *self._shape),
                ),
            ),
            {"symmetry": history.symmetry},
            metrics={
                "symmetry": self.network.symmetry,
                "silent_neurons": self._silent,
                "inverse_penalty": self.read.inverse_penalty,
            },
        )


def _chances(rng: np.random.Generator) -> Chances:
    return Chances(*rng.spawn(len(Chances._fields)))
