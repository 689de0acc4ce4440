"""Convolutions that learn by STDP from the order of spikes, one a contrast, without labels.

Kheradpisheh, Ganjtabesh, Thorpe & Masquelier, "STDP-based spiking deep convolutional neural
networks for object recognition", Neural Networks 99:56-67, 2018.

**Claim.** Where the strongest contrast spikes first, STDP finds what often comes early: its weights
go to 0 or 1 and become features, edges in a first layer, of which a linear classifier can read the
class. Neurons inhibit each other, so that maps learn different things and few spikes are needed.

**Number to reach.** On MNIST 98.4 %, with two layers of 30 and 100 maps and a linear support vector
machine on the largest potential of each map.

**How.** (1) to (3) of `gradsim.rank_code`; (1) to (3) of `gradsim.stdp_convolution`; (4) to (6) of
`gradsim.stdp_convolution_training`, layer after layer. The read-out is `study.learners.readout`, of
how early each pooled window spikes, or of the largest potentials, brought to mean 0 and deviation
1 by training images.

**Deviations.** The preset is one layer of more and larger maps, read by latencies: the shape with
which others reach the number (Goupy, CSNN-VDSP: 70 maps 7 x 7, 98.56 %). The paper's two layers and
its read-out are variants; we know of nobody who reaches the number with them, and do not either.
Rates double as in SpykeTorch, which makes convergence a matter of seconds. Maps are as large as
what they read, pooled windows do not overlap. Steps of the paper's code are not known to us.

**No NIR.** NIR's integrate-and-fire neuron spikes whenever it is above threshold, and its graphs
know no inhibition between the maps of a place: another tool would read a graph of these weights
as a network of many more spikes.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import sparse

from study.data.samples import Samples
from study.data.task import Classes
from study.learners.kheradpisheh_config import KheradpishehConfig, preset
from study.learners.kheradpisheh_cost import layers_of, senders
from study.learners.kheradpisheh_features import MATCHED_ON, Seen, displaced, encoded, matched, see
from study.learners.layered import FEW, images
from study.learners.readout import fit_readout
from study.learning.artefacts import NONE, Curve, Filters
from study.learning.contract import Artefacts, Evaluation
from study.learning.cost import Cost
from study.learning.stopwatch import batches, timed
from study.trials.trial import Progress, no_progress

if TYPE_CHECKING:
    from gradsim.stdp_convolution import SpikingMaps
    from gradsim.stdp_convolution_training import MapsHistory

__all__ = ["KheradpishehConfig", "KheradpishehLearner", "preset"]

CHUNK = 1000  # images whose pooled times are held at once
STDP_SHARE = 0.1  # of the progress of `fit`, and what features take besides
FEATURES_SHARE = 0.6


class Chances(NamedTuple):
    """Sources of randomness, one each, so that a control meets the same of all others."""

    weights: np.random.Generator
    order: np.random.Generator
    labels: np.random.Generator
    control: np.random.Generator
    readout: np.random.Generator


class KheradpishehLearner:
    """Spiking maps and a read-out; see `study.learning.contract.Learner` and ``Weighted``."""

    def __init__(self, config: KheradpishehConfig, task: Classes) -> None:
        self.config, self.task = config, task

    def prepare(self, train: Samples) -> None:
        """Compile the loops on a few images, and import what `fit` needs."""
        import sklearn.svm  # noqa: F401

        shown = (FEW,) * len(self.config.images)
        rehearsal = KheradpishehLearner(dataclasses.replace(self.config, images=shown), self.task)
        few = images(train.take(np.arange(FEW)))
        chances = _chances(np.random.default_rng(0))
        rehearsal._learn(few, chances, no_progress)
        see(self.config, rehearsal.layers, few, chances.control)

    def fit(
        self, train: Samples, validation: Samples, rng: np.random.Generator, progress: Progress
    ) -> None:
        """Let maps learn without labels, then fit the read-out, its penalty by ``validation``."""
        chances = _chances(rng)
        self._learn(images(train), chances, lambda share, note: progress(STDP_SHARE * share, note))
        labelled = train
        if n := self.config.label_samples:
            labelled = train.take(np.sort(chances.labels.permutation(len(train))[:n]))
        labels = labelled.labels
        if self.config.labels == "shuffled":
            labels = chances.labels.permutation(labels)
        told = _part(progress, STDP_SHARE, FEATURES_SHARE)
        raw = self._features(images(labelled), chances.control, told)
        self._scale = _deviations(raw) if self._potentials else None
        held_out = self._scaled(self._features(images(validation), chances.control))
        self.read = fit_readout(
            (self._scaled(raw), labels),
            (held_out, validation.labels),
            self.config.inverse_penalties,
            chances.readout,
            _part(progress, FEATURES_SHARE, 1.0),
        )

    @property
    def _potentials(self) -> bool:
        """Whether potentials are read, which differ in size from map to map."""
        return self.config.features == "maps" and self.config.readout == "potentials"

    def _learn(self, given: np.ndarray, chances: Chances, progress: Progress) -> None:
        """Let layer after layer learn; then take away what a control does without."""
        from gradsim.stdp_convolution import respond
        from gradsim.stdp_convolution_training import learn

        self.layers: list[SpikingMaps] = []
        self._histories: list[MapsHistory] = []
        config = self.config
        for number in config.layers if config.features == "maps" else ():
            shown = chances.order.permutation(len(given))
            shown = np.resize(shown, config.images[number])
            times = encoded(config, given[shown], chances.control)
            for layer in self.layers:
                times = respond(layer, times).times
            start = self._initial(number, times.shape[1], chances.weights)
            layer, history = learn(start, times, config.rule(number), progress)
            self._histories.append(history)
            self.layers.append(self._controlled(layer, times[:MATCHED_ON], chances.control))

    def _initial(self, number: int, channels: int, rng: np.random.Generator) -> SpikingMaps:
        from gradsim.stdp_convolution_training import initial

        config = self.config
        size = config.kernel[number]
        shape = (config.maps[number], channels, size, size)
        return dataclasses.replace(
            initial(shape, config.threshold[number], rng),
            padding=size // 2,
            pool=config.pool[number],
            n_steps=config.n_steps,
        )

    def _controlled(
        self, layer: SpikingMaps, times: np.ndarray, rng: np.random.Generator
    ) -> SpikingMaps:
        """Return the layer with what the configuration takes from it once it has learned."""
        from gradsim.stdp_convolution import respond

        layer = dataclasses.replace(layer, inhibits=self.config.inhibits)
        if self.config.filters == "learned":
            return layer
        other = displaced(layer, rng)
        if self.config.filters == "displaced":
            return other
        return matched(other, times, float(respond(layer, times).spikes.mean()))

    def _features(
        self, given: np.ndarray, rng: np.random.Generator, progress: Progress = no_progress
    ) -> sparse.csr_array:
        """Return the features of many images ``[N, H, W]``, seen chunk by chunk."""
        found = []
        for part in batches(len(given), CHUNK):
            found.append(see(self.config, self.layers, given[part], rng).features)
            progress(part.stop / len(given), "features")
        return sparse.csr_array(sparse.vstack(found))

    def _scaled(self, features: sparse.csr_array) -> sparse.csr_array | np.ndarray:
        """Return potentials with mean 0 and deviation 1 over training images; others as are."""
        if self._scale is None:
            return features
        mean, deviation = self._scale
        return (features.toarray() - mean) / deviation

    def named_by(self, labelled: Samples, rng: np.random.Generator) -> KheradpishehLearner:
        """Return the same maps with a read-out of these samples, its penalty as chosen before."""
        other, chances = copy.copy(self), _chances(rng)
        given = self._scaled(self._features(images(labelled), chances.control))
        part, penalty = (given, labelled.labels), self.read.inverse_penalty
        other.read = fit_readout(part, part, [penalty], chances.readout)
        return other

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:
        """Classify ``samples``."""
        shown = images(samples)

        def answer(part: slice) -> tuple[Seen, np.ndarray]:
            seen = see(self.config, self.layers, shown[part], rng)
            return seen, self.read.answers(self._scaled(seen.features))

        found, timing = timed(answer, len(shown), "compiled loops")
        answers = np.concatenate([each for _, each in found])
        scores = self.task.scores(answers, samples.labels)
        layers = layers_of(
            self.config, self.layers, [seen for seen, _ in found], shown.shape, self.read.weights
        )
        return Evaluation(answers, scores, Cost(layers, timing))

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights by the layer that they leave; the last are those of the read-out."""
        names = senders(len(self.layers))
        filters = [layer.weights for layer in self.layers]
        return dict(zip(names, [*filters, self.read.weights], strict=True))

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> KheradpishehLearner:
        """Return the same maps and read-out with these weights."""
        *filters, read = (weights[name] for name in senders(len(self.layers)))
        other = copy.copy(self)
        other.layers = [
            dataclasses.replace(layer, weights=own)
            for layer, own in zip(self.layers, filters, strict=True)
        ]
        other.read = dataclasses.replace(self.read, weights=read)
        return other

    def keep(self) -> Artefacts:
        """Return filters, ON less OFF, how they converged, and what was chosen."""
        named: list[Curve | Filters] = []
        if self.layers:
            first, history = self.layers[0].weights, self._histories[0]
            learning = Curve(history.seen, history.convergence, NONE, NONE)
            named = [Filters(first[:, 0] - first[:, 1]), learning]
        arrays: dict[str, np.ndarray] = {}
        metrics: dict[str, float | str | None] = {"inverse_penalty": self.read.inverse_penalty}
        for number, layer in enumerate(self.layers):
            history = self._histories[number]
            found = {
                "threshold": float(layer.thresholds.mean()),
                "density": float(layer.weights.mean()),
                "convergence": float(history.convergence[-1]),
                "stdp_images": int(history.seen[-1]),
            }
            metrics |= {f"{name}_{number + 1}": value for name, value in found.items()}
            arrays |= {
                f"weights_{number + 1}": layer.weights,
                f"seen_{number + 1}": history.seen,
                f"convergence_{number + 1}": history.convergence,
            }
        return Artefacts(tuple(named), arrays, metrics=metrics)


def _chances(rng: np.random.Generator) -> Chances:
    return Chances(*rng.spawn(len(Chances._fields)))


def _part(progress: Progress, first: float, last: float) -> Callable[[float, str], None]:
    """Return what tells the progress of a part of the whole."""
    return lambda share, note: progress(first + (last - first) * share, note)


def _deviations(potentials: sparse.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and deviation of each feature; 1 where there is none."""
    dense = potentials.toarray()
    deviation = dense.std(axis=0)
    return dense.mean(axis=0), np.where(deviation > 0, deviation, 1.0)
