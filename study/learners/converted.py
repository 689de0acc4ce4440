"""Spikes without training: a network of rectifiers whose units become neurons.

The claim (Diehl et al., IJCNN 2015; Rueckauer et al., Front. Neurosci. 11:682 (2017)): an
integrate-and-fire neuron's rate is a rectifier's activation, so a trained network answers with
spikes as it did without, if weights are scaled so that no neuron has to exceed one spike a step.

Numbers to reach, on MNIST: 98.60 % with 1200-1200 units and 99.10 % with 12c5-2s-64c5-2s (Diehl et
al. 2015), 99.44 %, that of its network without spikes, with LeNet (Rueckauer et al. 2017). Bu et
al. (ICLR 2022) train a network of few levels and need few steps; one spike a neuron does too
(Rueckauer & Liu, ISCAS 2018; exactly, in continuous time: Stanojevic et al., arXiv:2212.12522).

In the order of what is done, with the equations in `gradsim`:

1. Another trial trains the network: `study.learners.rectifier`.
2. Weights are scaled by the largest activation λ of each layer on training images, or by a
   percentile: ``W <- W λ_before / λ``, ``b <- b / λ`` (`gradsim.normalisation`; Diehl et al. 2015,
   data-based; Rueckauer et al. 2017). Nothing is learned, no label is read.
3. Units become neurons, with reset by subtraction (Rueckauer et al. 2017) and a first potential of
   half a threshold (Bu et al. 2022, theorem 2): ``V <- V + W s + b, s' = [V >= 1], V <- V - s'``
   (`gradsim.conversion`); or each spikes once (`gradsim.first_spike`).
4. The class is that of the highest potential of the output after ``n_steps``; it has no threshold.

With currents as input, the first layer's products of weights and real-valued pixels are needed
once a sample: they stand in the cost as multiply-accumulates.

Deviations: the networks learn with images moved at random and Adam in one cycle, which the papers
do not have; pools take the mean where LeNet has maxima, and lie in the synapses behind them; Diehl
et al.'s maps have biases here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from study.data.samples import Samples
from study.data.task import Classes, own_score
from study.learners import rectifier
from study.learners.converted_config import ConvertedConfig, preset
from study.learning.contract import Artefacts, Evaluation
from study.learning.cost import Cost, Layer
from study.learning.stopwatch import Timing, batches, timed
from study.trials.trial import Outcome, Progress

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from gradsim.conversion import Converted
    from gradsim.first_spike import FirstSpikes
    from gradsim.operations import LayerCost

__all__ = ["ConvertedConfig", "ConvertedLearner", "preset"]

STATES = {"rate": 1, "first_spike": 2}  # of a neuron: its potential, and its slope
COMPARED = 500  # training images on which rates are held against activations
# Of the network without spikes.
TOLD = ("validation_accuracy", "test_accuracy", "macs_per_sample")


class ConvertedLearner:
    """A network converted to spikes; see `study.learning.contract.Learner` and ``Taught``."""

    def __init__(self, config: ConvertedConfig, task: Classes) -> None:
        self.config, self.task = config, task

    def taught_by(self, teachers: Sequence[Outcome]) -> None:
        """Take the network that the trial of the configuration's teacher left."""
        (self._teacher,) = teachers

    def prepare(self, train: Samples) -> None:  # noqa: ARG002
        """Import what `fit` needs."""
        import gradsim  # noqa: F401

    def fit(
        self,
        train: Samples,
        validation: Samples,  # noqa: ARG002
        rng: np.random.Generator,
        progress: Progress,
    ) -> None:
        """Convert the network, scaled by activations on training images.

        Raises
        ------
        ValueError
            If a layer is never active on them.
        """
        images = rectifier.pixels(train)
        height, width = images.shape[2:]
        content = self._teacher.files[rectifier.FILE]
        self._network = rectifier.from_bytes(
            content, self.config.teacher, (height, width), self.task.n
        )
        chosen = rng.permutation(len(images))[: self.config.n_images]
        self._images = images[chosen]
        self._spiking = self._converted(self.config.n_steps)
        progress(0.5, "converted")
        self._correlations = self._compared(self._images[:COMPARED], rng)

    def _converted(self, n_steps: int) -> Converted | FirstSpikes:
        from gradsim import convert, convert_to_first_spikes

        config = self.config
        if config.method == "first_spike":
            return convert_to_first_spikes(
                self._network,
                self._images,
                n_ticks=n_steps,
                method=config.normalisation,
                percentile=config.percentile,
            )
        return convert(
            self._network,
            self._images,
            method=config.normalisation,
            percentile=config.percentile,
            reset=config.reset,
            initial=config.initial,
            input=config.input,
        )

    def _compared(self, images: Tensor, rng: np.random.Generator) -> list[float]:
        """Return the correlation, over neurons and images, of what each hidden layer tells."""
        from gradsim.normalisation import stages

        correlations, x = [], images
        *hidden, _ = stages(self._network)
        for stage, told in zip(hidden, self._told(images, rng), strict=True):
            assert stage.rectifier is not None
            x = stage.rectifier(stage.synapses(x)).detach()
            both = np.stack([x.numpy().ravel(), told.numpy().ravel()])
            varies = bool((both.std(axis=1) > 0).all())
            correlations.append(float(np.corrcoef(both)[0, 1]) if varies else 0.0)
        return correlations

    def _told(self, images: Tensor, rng: np.random.Generator) -> list[Tensor]:
        """Return of each hidden layer the numbers of spikes, or the levels of the one spike."""
        import torch

        from gradsim.first_spike import FirstSpikes

        if isinstance(self._spiking, FirstSpikes):
            return list(self._spiking.levels(images))[1:-1]
        steps = self._spiking.steps(images, self.config.n_steps, _generator(rng))
        _, *layers = zip(*(step.spikes for step in steps), strict=True)
        return [torch.stack(layer).sum(dim=0) for layer in layers]

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:
        """Classify ``samples``, and tell how often the network without spikes agrees."""
        import torch

        readouts, costs, timing = self._shown(samples, rng)
        answers = readouts[-1].argmax(-1)
        with torch.no_grad():
            images = rectifier.pixels(samples)
            theirs = [self._network(images[part]).argmax(-1) for part in batches(len(images))]
        agreement = float(np.mean(answers == torch.cat(theirs).numpy()))
        scores = self.task.scores(answers, samples.labels) | {"agreement_with_rectifier": agreement}
        return Evaluation(answers, scores, Cost(self._layers(costs), timing))

    def scores_by_step(self, samples: Samples, rng: np.random.Generator) -> np.ndarray:
        """Return the accuracy after each step; of single spikes, with windows of so many ticks."""
        if self.config.method == "rate":
            readouts = self._shown(samples, rng)[0]
        else:
            windows = (self._converted(n + 1) for n in range(self.config.n_steps))
            images = rectifier.pixels(samples)
            readouts = np.stack([window(images).readout.numpy() for window in windows])
        scores = (self.task.scores(each.argmax(-1), samples.labels) for each in readouts)
        return np.array([own_score(self.task, each) for each in scores])

    def _shown(
        self, samples: Samples, rng: np.random.Generator
    ) -> tuple[np.ndarray, list[LayerCost], Timing]:
        """Return readouts ``[T, N, C]``, or ``[1, N, C]`` of single spikes, costs and time."""
        from gradsim.first_spike import FirstSpikes

        images, generator, spiking = rectifier.pixels(samples), _generator(rng), self._spiking

        def shown(part: slice) -> tuple[np.ndarray, tuple[LayerCost, ...]]:
            if isinstance(spiking, FirstSpikes):
                once = spiking(images[part])
                return once.readout.numpy()[None], once.costs
            response = spiking(images[part], self.config.n_steps, generator)
            return response.readout.numpy(), response.costs()

        found, timing = timed(shown, len(images), "one thread, spikes counted")
        readouts, costs = zip(*found, strict=True)
        sizes = [readout.shape[1] for readout in readouts]
        return np.concatenate(readouts, axis=1), _mean(costs, sizes), timing

    def _layers(self, costs: Sequence[LayerCost]) -> tuple[Layer, ...]:
        """Return the layers with what they cause behind them; of a current nothing spikes."""
        states = STATES[self.config.method]
        spikes = self.config.method == "first_spike" or self.config.input == "poisson"
        *senders, readout = costs
        return (
            *(
                Layer(
                    sender.name,
                    spikes=sender.spikes if spikes or sender is not costs[0] else None,
                    additions=receiver.additions,
                    macs=receiver.macs,
                    updates=float(sender.updates),
                    states=states if sender.updates else 0,
                    weights=receiver.weights,
                )
                for sender, receiver in zip(senders, costs[1:], strict=True)
            ),
            Layer(readout.name, updates=float(readout.updates), states=states),
        )

    def keep(self) -> Artefacts:
        """Return the activations that became thresholds, and how the network did without spikes."""
        from gradsim.normalisation import scales, stages

        config, told = self.config, self._teacher.metrics
        largest = scales(
            stages(self._network), self._images, config.normalisation, config.percentile
        )
        return Artefacts(
            arrays={
                "scales": np.array(largest),
                "correlation_by_layer": np.array(self._correlations),
            },
            metrics={
                "lowest_correlation": min(self._correlations),
                **{f"rectifier_{name}": told[name] for name in TOLD},
            },
        )


def _generator(rng: np.random.Generator) -> torch.Generator:
    import torch

    return torch.Generator().manual_seed(int(rng.integers(2**63)))


def _mean(costs: Iterable[Sequence[LayerCost]], sizes: Sequence[int]) -> list[LayerCost]:
    """Return the costs of all samples from those of batches of these sizes."""
    return [
        dataclasses.replace(
            batches_[0],
            spikes=float(np.average([cost.spikes for cost in batches_], weights=sizes)),
            additions=float(np.average([cost.additions for cost in batches_], weights=sizes)),
        )
        for batches_ in zip(*costs, strict=True)
    ]
