"""Event-driven random back-propagation: errors reach dendrites, which let synapses learn.

Neftci, Augustine, Paul & Detorakis, "Event-driven random back-propagation: enabling neuromorphic
deep learning machines", Front. Neurosci. 11:324, 2017.

**Claim.** A rule that is local in space and time trains deep spiking networks: error neurons
compare output and label, their spikes reach the dendrites of all units by fixed random weights, and
at each presynaptic spike a weight changes by what the dendrite of its unit holds: two comparisons
and an addition.

**Number to reach.** On MNIST 97.98 % with 500-500 hidden units.

**How.** (1) to (3) of `gradsim.erbp`, (4) to (6) of `gradsim.erbp_training`: images are shown as
Poisson-like spikes for 100 ms, of which the first 20 ms are not learned, and for longer when an
answer is wanted. No label reaches a network that answers.

**Deviations.** Those of `gradsim.erbp_training`. The presets leave blank-out and noise away and
open the gate where the mean current of 20 ms is positive: with the paper's boxcar (the defaults'
gate) less is learned, which the experiment ``error_neurons`` shows beside the controls. Initial
weights, input rates and η are not in the paper's table in these units, and are ours.

**What limits it.** Prototypes of this rule stay near 92 % of MNIST. Accuracy on held-out training
images (10,000 for rates, 4,000 for spikes), 784-200-10 units, 50,000 images, one seed, step by step
from a network of rates to spikes:

==========================================================  =======  ========
network, errors by fixed random feedback, image by image    epochs   accuracy
==========================================================  =======  ========
rectifiers, hidden weights fixed                            6        90.1 %
rectifiers, errors pass inactive units too                  6        93.6 %
rectifiers                                                  6        97.4 %
the same, outputs bounded to 0..1                           6        97.3 %
the same, Poisson input, 10 spikes for a pixel of 1         6        96.8 %
spikes all over, gate for positive currents of the moment   8        95.4 %
the same, gate for positive means of 20 ms, τ_D 5 ms        8        96.7 %
==========================================================  =======  ========

So the plateau is that of linear hidden units, which is what a gate leaves that is open for nearly
all currents; with currents as large as here the paper's boxcar is such a gate. What remains to
rectifiers is mostly what random input costs in 100 ms. Rates twice as high as usual make units
saturate, and with an upper end of the gate, at twice the rheobase, outputs of two classes come to
spike for one image after some 100,000 images.

**No NIR.** A graph of the somata is possible; but input by chance, noise and blank-out are no nodes
of NIR, nor is what learns, the second compartment. What is left is a chain of LIF neurons that
gives other answers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from study.data.samples import Samples
from study.data.task import Classes, own_score
from study.learners.erbp_config import ERBPConfig, preset
from study.learners.layered import LayerWeights, classified, names, pixels, rehearse
from study.learning.artefacts import NONE, Curve
from study.learning.contract import Artefacts, Evaluation
from study.learning.cost import Cost, Layer
from study.learning.stopwatch import batches, timed
from study.trials.trial import Progress

if TYPE_CHECKING:
    from gradsim.erbp import ERBPNetwork, ERBPResponse

__all__ = ["ERBPConfig", "ERBPLearner", "preset"]

STATES = 2  # of a unit that answers: current and membrane potential
OPERATIONS = ("forward", "backward", "update")


class ERBPLearner(LayerWeights):
    """Modulated network; see `study.learning.contract.Learner`, ``Weighted`` and ``OverTime``."""

    def __init__(self, config: ERBPConfig, task: Classes) -> None:
        self.config, self.task = config, task

    def prepare(self, train: Samples) -> None:
        """Compile the loops on a few images."""
        rehearse(ERBPLearner(dataclasses.replace(self.config, epochs=1), self.task), train)

    def fit(
        self, train: Samples, validation: Samples, rng: np.random.Generator, progress: Progress
    ) -> None:
        """Train and keep the epoch that is best on ``validation``.

        Raises
        ------
        gradsim.TrainingError
            If weights grow without limit.
        """
        from gradsim.erbp_training import train_erbp

        held_out = classified(validation)
        self.network, self._history = train_erbp(
            self._initial(held_out.images.shape[1], rng),
            classified(train),
            held_out,
            self.config.training(),
            rng,
            progress,
        )

    def _initial(self, n_in: int, rng: np.random.Generator) -> ERBPNetwork:
        from gradsim import erbp

        config = self.config
        sizes = (n_in, *[config.hidden] * config.layers, self.task.n)
        network = erbp.initial(sizes, rng, config.gain, config.feedback_sd, config.neurons())
        if config.feedback == "random":
            return network
        entry = config.feedback_sd if config.feedback == "uniform" else 0.0
        return dataclasses.replace(network, feedback=np.full_like(network.feedback, entry))

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:
        """Classify ``samples`` by the spikes of the output."""
        found, timing = timed(self._answering(samples, rng), len(samples), "compiled loops")
        answers = np.concatenate([each.answers[:, -1] for each in found])
        scores = self.task.scores(answers, samples.labels)
        return Evaluation(answers, scores, Cost(self._layers(found), timing))

    def scores_by_step(self, samples: Samples, rng: np.random.Generator) -> np.ndarray:
        """Return the accuracy after each ms."""
        answering = self._answering(samples, rng)
        answers = np.concatenate([answering(part).answers for part in batches(len(samples))])
        scores = (self.task.scores(each, samples.labels) for each in answers.T)
        return np.array([own_score(self.task, each) for each in scores])

    def _answering(
        self, samples: Samples, rng: np.random.Generator
    ) -> Callable[[slice], ERBPResponse]:
        """Return what answers a batch: the same each time, since a batch has its own chance."""
        from gradsim.erbp import respond

        images, seed = pixels(samples), int(rng.integers(2**63))

        def answer(part: slice) -> ERBPResponse:
            chance = np.random.default_rng([seed, part.start])
            return respond(self.network, images[part], chance, self.config.answer_ms)

        return answer

    def _layers(self, found: Sequence[ERBPResponse]) -> tuple[Layer, ...]:
        """Return what each layer does for a sample."""
        from gradsim.erbp import additions

        network = self.network
        shares = [len(each.answers) for each in found]
        spikes = [
            np.average(parts, axis=0, weights=shares)
            for parts in zip(*(each.spikes for each in found), strict=True)
        ]
        added = [*(part.sum() for part in additions(network, spikes)), 0.0]
        weights = [*(part.size for part in network.weights), 0]
        return tuple(
            Layer(
                name,
                spikes=float(spikes[k].sum()),
                additions=float(added[k]),
                updates=float(self.config.answer_ms * network.sizes[k]) if k else 0.0,
                states=STATES if k else 0,
                weights=weights[k],
            )
            for k, name in enumerate([*self._names(), "output"])
        )

    def _names(self) -> list[str]:
        return names(self.config.layers)

    def keep(self) -> Artefacts:
        """Return how learning went, and what it took in operations."""
        history, operations = self._history, self._operations()
        epochs = np.arange(len(history.validation_accuracy)) + 1
        each = operations.mean(axis=0)
        return Artefacts(
            named=(Curve(epochs, NONE, NONE, history.validation_accuracy),),
            arrays={
                "train_operations_by_epoch": operations,
                "spikes_by_epoch": history.spikes,
                "error_spikes_by_epoch": history.errors,
            },
            metrics={
                "best_epoch": history.best_epoch + 1,
                "train_synops_per_sample": float(each.sum()),
                "train_comparisons_per_sample": float(2 * history.visited.sum(axis=1).mean()),
                **{
                    f"train_{name}_operations_per_sample": float(count)
                    for name, count in zip(OPERATIONS, each, strict=True)
                },
            },
        )

    def _operations(self) -> np.ndarray:
        """Return the additions of training a sample, by epoch, as of `OPERATIONS`."""
        history, sizes = self._history, np.array(self.network.sizes)
        forward = history.spikes[:, :-1] @ sizes[1:] * self.network.neurons.transmission
        backward = history.errors.sum(axis=1) * (sizes[1:-1].sum() + 1)
        return np.stack([forward, backward, history.changed.sum(axis=1)], axis=1)
