"""Back-propagation through membrane potentials, spikes taken for noise.

Lee, Delbruck & Pfeiffer, "Training deep spiking neural networks using backpropagation", Frontiers
in Neuroscience 10:508 (2016), doi:10.3389/fnins.2016.00508.

**Claim.** Between spikes a membrane potential is a differentiable signal; with what spikes take
from it left out as noise, errors go back through traces of spikes as through the activations of a
conventional network, of which competing outputs and thresholds are a part, and a spiking network
learns from events as well as that one.

**Numbers to reach.** On MNIST 98.88 % with 784-800-10 neurons, 99.31 % with convolutions; on
N-MNIST, recorded by an event camera, 98.74 %.

**How.** (1) to (5) of `gradsim.membrane`, (6) to (12) of `gradsim.membrane_gradients`, (13) of
`gradsim.membrane_training`. Images are shown for 50 ms as Poisson events that are drawn anew each
time; recorded events are shown as they are, to membranes that hardly leak: with the leak of images
only the last phase of a recording would be learned, while all phases answer. The class is that of
the output with most spikes. Convolutions pool by counting the spikes of a window as of one unit.

**Deviations.** Those of the three modules: steps of a millisecond, cross entropy, samples that
share a step of Adam, a rate that falls to 0. The paper's table of settings could not be read: the
shares by which initial thresholds follow from training samples, rates, and that training images of
MNIST move by a pixel at most were chosen on validation images. Regularisation of thresholds is off,
since it wakes silent neurons and lowers accuracy: see `study.experiments.membrane`. The epoch is
chosen on validation images.

**No NIR.** NIR has no lateral inhibition within a layer that acts on potentials by shares of their
thresholds; without it the outputs of the same weights fire otherwise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from study.data.samples import Events, Images, Samples, Traces
from study.data.task import Classes
from study.learners.layered import LayerWeights, names, rehearse
from study.learners.membrane_config import MembraneConfig, preset
from study.learning.artefacts import NONE, Curve
from study.learning.contract import Artefacts, Evaluation
from study.learning.cost import Cost, Layer
from study.learning.stopwatch import timed
from study.trials.trial import Progress

if TYPE_CHECKING:
    from gradsim.membrane import MembraneNetwork, MembraneResponse
    from gradsim.membrane_stimuli import Stimuli

__all__ = ["MembraneConfig", "MembraneLearner", "preset"]

SOME = 100  # training samples by which initial thresholds are set
IMAGE_DT_S = 1e-3


class MembraneLearner(LayerWeights):
    """Membrane network; see `study.learning.contract.Learner` and ``Weighted``."""

    def __init__(self, config: MembraneConfig, task: Classes) -> None:
        self.config, self.task = config, task

    def prepare(self, train: Samples) -> None:
        """Compile the loops on a few samples."""
        rehearse(MembraneLearner(dataclasses.replace(self.config, epochs=1), self.task), train)

    def fit(
        self, train: Samples, validation: Samples, rng: np.random.Generator, progress: Progress
    ) -> None:
        """Train and keep the epoch that is best on ``validation``.

        Raises
        ------
        gradsim.TrainingError
            If weights grow without limit.
        """
        from gradsim import membrane_initial
        from gradsim.membrane_training import Labelled, train_membrane

        config = self.config
        shown = Labelled(_stimuli(train, config, config.shift), train.labels)
        held_out = Labelled(_stimuli(validation, config), validation.labels)
        start = self._start(train, rng)
        some = shown.stimuli.spikes(np.arange(min(SOME, len(train))), rng)
        start = membrane_initial.with_thresholds(start, some, config.alphas())
        self.network, self._history = train_membrane(
            start, shown, held_out, config.training(), rng, progress
        )

    def _start(self, train: Samples, rng: np.random.Generator) -> MembraneNetwork:
        """Return an untrained network.

        Raises
        ------
        ValueError
            If convolutions do not fit the samples.
        """
        from gradsim import membrane_initial

        config, seconds = self.config, _seconds(train, self.config)
        dense = [*[config.hidden] * config.layers, self.task.n]
        tau = config.tau_events if isinstance(train, Events) else config.tau_mem
        how = (rng, config.alphas(), tau * seconds, config.inhibition)
        if not config.features:
            n_in = _stimuli(train, config).n_units
            start = membrane_initial.initial((n_in, *dense), *how)
        elif not isinstance(train, Images):
            raise ValueError("features want images; recorded events take none")
        else:
            shape = (1, *train.pixels.shape[1:])
            start = membrane_initial.initial_maps(shape, config.features, dense, *how)
        return dataclasses.replace(start, dt_s=seconds / config.n_steps)

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:
        """Classify ``samples``, events of images drawn from ``rng``."""
        from gradsim.membrane import Run, classes

        stimuli, run = _stimuli(samples, self.config), Run(self.network)
        found, timing = timed(
            lambda part: run.show(stimuli.spikes(np.arange(part.start, part.stop), rng)),
            len(samples),
            "compiled loops",
        )
        thresholds = self.network.thresholds[-1]
        answers = np.concatenate([classes(each.layers[-1], thresholds) for each in found])
        scores = self.task.scores(answers, samples.labels)
        return Evaluation(answers, scores, Cost(self._layers(found), timing))

    def _layers(self, found: Sequence[MembraneResponse]) -> tuple[Layer, ...]:
        """Return what each layer does for a sample."""
        from gradsim.membrane import Run

        network, run = self.network, Run(self.network)
        n_samples = sum(len(each.input_counts) for each in found)
        layers = []
        for k, name in enumerate([*self._names(), "output"]):
            parts = [each.input_counts if k == 0 else each.layers[k - 1].counts for each in found]
            counts = sum(part.sum(axis=0, dtype=np.float64) for part in parts) / n_samples
            going_on = run.layers[k - 1].pooled(counts[None])[0] if k else counts
            layers.append(
                Layer(
                    name,
                    spikes=float(counts.sum()),
                    additions=float(going_on @ _reached(network, k)),
                    updates=float(self.config.n_steps * len(counts)) if k else 0.0,
                    states=1 if k else 0,
                    weights=network.weights[k].size if k < len(network.weights) else 0,
                )
            )
        return tuple(layers)

    def _names(self) -> list[str]:
        return names(self.config.layers, len(self.config.features))

    def keep(self) -> Artefacts:
        """Return how learning went."""
        history = self._history
        epochs = np.arange(len(history.validation_accuracy)) + 1
        return Artefacts(
            named=(Curve(epochs, NONE, history.train_accuracy, history.validation_accuracy),),
            arrays={"spikes_by_epoch": history.spikes, "silent_by_epoch": history.silent},
            metrics={
                "best_epoch": history.best_epoch + 1,
                "silent_share": float(history.silent[history.best_epoch].mean()),
            },
        )


def _stimuli(samples: Samples, config: MembraneConfig, shift: int = 0) -> Stimuli:
    """Return what is shown of samples."""
    from gradsim import encode
    from gradsim.membrane_stimuli import Poisson, Recorded

    if not isinstance(samples, Events):
        assert not isinstance(samples, Traces), "the registry lets no traces in"
        return Poisson(samples.pixels, config.n_steps, config.chance, shift)
    return Recorded(
        encode.bin_events(
            samples.time_s,
            samples.unit,
            samples.offsets,
            samples.n_units,
            samples.duration_s,
            config.n_steps,
        )
    )


def _reached(network: MembraneNetwork, number: int) -> np.ndarray:
    """Return how many neurons a spike of each unit reaches: by weights, or by competition."""
    from gradsim.membrane import Run

    n_out = network.sizes[-1]
    if number == len(network.weights):
        return np.full(n_out, n_out - 1 if network.inhibition else 0)
    there = tuple((part != 0).astype(np.float32) for part in network.weights)
    layer = Run(dataclasses.replace(network, weights=there)).layers[number]
    return layer.back(np.ones((1, network.sizes[number + 1]), np.float32))[0]


def _seconds(samples: Samples, config: MembraneConfig) -> float:
    """Return how long a sample is shown."""
    return samples.duration_s if isinstance(samples, Events) else IMAGE_DT_S * config.n_steps
