"""Spiking convolutions that learn to rebuild what they read, without labels.

Panda & Roy, "Unsupervised regenerative learning of hierarchical features in spiking deep networks
for object recognition", IJCNN 2016, arXiv:1602.01510.

**Claim.** Layers of spiking maps, each an autoencoder of the spikes of the layer before it, learn
features of which a supervised last layer tells classes as well as if all had been supervised.

**Number to reach.** On MNIST 99.05 %, with two layers of maps.

**How.** (1) to (3) of `gradsim.autoencoder`, (4) and (5) of `gradsim.autoencoder_training`, layer
after layer, of windows of the input or of pooled spikes; then `study.learners.readout` of summed
spikes of windows of the last layer, or (1) and (2) of `gradsim.count_head`, trained by
`gradsim.train`.

**Deviations.** Those of the modules: neurons count their input before they spike, the gradient
goes through the decoder alone, maps of a place compete. The input is of ON and OFF contrasts. The
preset is one layer of more maps, which validation samples prefer; two layers are a variant. We know
the paper by its abstract: its sizes and rates are not known to us.

**No NIR.** NIR has no neuron that waits for the end of its input, and no competition among the maps
of a place.
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
from study.learners.layered import FEW, images
from study.learners.panda_roy_config import PandaRoyConfig, preset
from study.learners.panda_roy_features import (
    MATCHED_ON,
    Seen,
    encoded,
    layers_of,
    matched,
    see,
    senders,
)
from study.learners.readout import fit_readout
from study.learning.artefacts import NONE, Curve, Filters, Reconstructions
from study.learning.contract import Artefacts, Evaluation
from study.learning.cost import Cost
from study.learning.stopwatch import batches, timed
from study.trials.trial import Progress, no_progress

if TYPE_CHECKING:
    from gradsim.autoencoder import RebuildingMaps
    from gradsim.autoencoder_training import RebuildingHistory
    from gradsim.count_head import CountHead

__all__ = ["PandaRoyConfig", "PandaRoyLearner", "preset"]

CHUNK = 1000  # images whose spikes are held at once
MAPS_SHARE, FEATURES_SHARE = 0.1, 0.5  # of the progress of `fit`
REBUILT, DRAWN = 200, 8  # validation images whose error is measured, and that are kept


class Chances(NamedTuple):
    """Sources of randomness, one each, so that a control meets the same of all others."""

    windows: np.random.Generator
    weights: np.random.Generator
    order: np.random.Generator
    labels: np.random.Generator
    control: np.random.Generator
    readout: np.random.Generator


class PandaRoyLearner:
    """Rebuilding maps and a read-out; see `study.learning.contract.Learner` and ``Weighted``."""

    def __init__(self, config: PandaRoyConfig, task: Classes) -> None:
        self.config, self.task = config, task

    def prepare(self, train: Samples) -> None:
        """Import what `fit` needs, and use it on a few images."""
        import sklearn.svm  # noqa: F401

        few = dataclasses.replace(self.config, n_batches=1, n_windows=100)
        rehearsal = PandaRoyLearner(few, self.task)
        rehearsal._learn(images(train)[:100], _chances(np.random.default_rng(0)), no_progress)
        see(few, rehearsal.layers, images(train)[:FEW])

    def fit(
        self, train: Samples, validation: Samples, rng: np.random.Generator, progress: Progress
    ) -> None:
        """Let maps learn without labels, then fit the read-out, chosen by ``validation``."""
        chances = _chances(rng)
        self._learn(images(train), chances, _part(progress, 0.0, MAPS_SHARE))
        labelled = train
        if n := self.config.label_samples:
            labelled = train.take(np.sort(chances.labels.permutation(len(train))[:n]))
        labels = labelled.labels
        if self.config.labels == "shuffled":
            labels = chances.labels.permutation(labels)
        features = self._features(images(labelled), _part(progress, MAPS_SHARE, FEATURES_SHARE))
        held_out = self._features(images(validation)), validation.labels
        self._unit = float(features.std()) or 1.0
        self._rebuild(images(validation)[:REBUILT])
        teach = self._fit_head if self.config.readout == "head" else self._fit_linear
        teach((features, labels), held_out, chances.readout, _part(progress, FEATURES_SHARE, 1.0))

    def _learn(self, given: np.ndarray, chances: Chances, progress: Progress) -> None:
        """Let layer after layer learn, each from the pooled spikes of the last."""
        from gradsim.autoencoder import respond, strongest

        self.layers: list[RebuildingMaps] = []
        self._histories: list[RebuildingHistory] = []
        config = self.config
        if config.features != "maps":
            return
        some = np.sort(chances.order.permutation(len(given))[: config.images])
        spikes = encoded(config, given[some])
        for number in config.layers:
            if number:
                spikes = strongest(respond(self.layers[-1], spikes), config.pool[number - 1])
            layer, history = self._learned(number, spikes, chances)
            self.layers.append(layer)
            self._histories.append(history)
            progress((number + 1) / len(config.maps), f"error {history.error[-1]:.3f}")

    def _learned(
        self, number: int, spikes: np.ndarray, chances: Chances
    ) -> tuple[RebuildingMaps, RebuildingHistory]:
        """Return a layer that has learned, or what a control has in its place."""
        from gradsim.autoencoder import respond
        from gradsim.autoencoder_training import initial, learn, windows

        config, rule = self.config, self.config.rule(number)
        size = config.kernel[number]
        shown = windows(spikes, size, rule.n_windows, rule.least, chances.windows)
        start = dataclasses.replace(
            initial(config.maps[number], shown, chances.weights, config.threshold),
            winners=config.winners[number],
            n_steps=config.n_steps,
        )
        adapting = dataclasses.replace(rule, rate=0.0)
        if config.filters == "random":
            return learn(start, shown, adapting, chances.order)
        found, history = learn(start, shown, rule, chances.order)
        if config.filters == "matched":
            random, history = learn(start, shown, adapting, chances.order)
            some = spikes[:MATCHED_ON]
            return matched(random, some, respond(found, some).sum() / len(some)), history
        if config.filters == "displaced":
            return learn(_displaced(found, chances.control), shown, adapting, chances.order)
        return found, history

    def _features(self, given: np.ndarray, progress: Progress = no_progress) -> np.ndarray:
        """Return the features of many images ``[N, H, W]``, seen chunk by chunk."""
        found = []
        for part in batches(len(given), CHUNK):
            found.append(see(self.config, self.layers, given[part]).features)
            progress(part.stop / len(given), "features")
        return np.concatenate(found)

    def _rebuild(self, given: np.ndarray) -> None:
        """Keep what the first layer makes of images, and how much of their variance it leaves."""
        from gradsim.autoencoder import rebuilt, respond

        self._rebuilt: Reconstructions | None = None
        if not self.layers:
            return
        spikes = encoded(self.config, given)
        told = rebuilt(self.layers[0], respond(self.layers[0], spikes))
        left, spread = np.square(spikes - told).sum(), np.square(spikes - spikes.mean(0)).sum()
        self._left = float(left / spread)
        pair = (each[:DRAWN, 0].astype(np.float32) - each[:DRAWN, 1] for each in (spikes, told))
        self._rebuilt = Reconstructions(*pair)

    def _fit_linear(
        self,
        train: tuple[np.ndarray, np.ndarray],
        validation: tuple[np.ndarray, np.ndarray],
        rng: np.random.Generator,
        progress: Progress,
    ) -> None:
        shown, held_out = (
            (self._rows(features), labels) for features, labels in (train, validation)
        )
        self.read = fit_readout(shown, held_out, self.config.inverse_penalties, rng, progress)

    def _rows(self, features: np.ndarray) -> sparse.csr_array:
        return sparse.csr_array(features / self._unit)

    def _fit_head(
        self,
        train: tuple[np.ndarray, np.ndarray],
        validation: tuple[np.ndarray, np.ndarray],
        rng: np.random.Generator,
        progress: Progress,
    ) -> None:
        """Train the head, and then on with a tenth of the rate."""
        import torch

        from gradsim import Labelled, TrainingConfig
        from gradsim import train as learn
        from gradsim.count_head import CountHead, Counts

        config = self.config
        shown, held_out = (
            Labelled(Counts(features), labels) for features, labels in (train, validation)
        )
        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        sizes = (train[0].shape[1], config.hidden, self.task.n)
        self.head = CountHead(sizes, 1 / self._unit, config.n_steps, config.dropout, generator)
        plan = [(config.epochs, config.learning_rate)]
        if config.fine_epochs:
            plan.append((config.fine_epochs, config.learning_rate / 10))
        self._accuracies: list[float] = []
        for epochs, rate in plan:
            settings = TrainingConfig(
                epochs=epochs, learning_rate=rate, readout="last", hopeless=None
            )
            done, total = len(self._accuracies), config.epochs + config.fine_epochs
            told = _part(progress, done / total, (done + epochs) / total)
            history = learn(self.head, shown, held_out, settings, rng, told)
            self._accuracies += list(history.validation_accuracy)

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:  # noqa: ARG002
        """Classify ``samples``."""
        shown = images(samples)

        def answer(part: slice) -> tuple[Seen, np.ndarray, float]:
            seen = see(self.config, self.layers, shown[part])
            return seen, *self._answers(seen.features)

        found, timing = timed(answer, len(shown))
        answers = np.concatenate([each for _, each, _ in found])
        scores = self.task.scores(answers, samples.labels)
        hidden = sum(spikes for *_, spikes in found) if self.config.readout == "head" else None
        layers = layers_of(
            self.config,
            self.layers,
            [seen for seen, *_ in found],
            shown.shape,
            self._read(),
            hidden,
        )
        return Evaluation(answers, scores, Cost(layers, timing))

    def _answers(self, features: np.ndarray) -> tuple[np.ndarray, float]:
        """Return classes, and the spikes of the head's hidden neurons."""
        if self.config.readout == "linear":
            return self.read.answers(self._rows(features)), 0.0
        from gradsim import predict
        from gradsim.count_head import Counts

        found = predict(self.head, Counts(features), len(features), "last")
        return found.classes, float(found.spikes[0].sum())

    def _read(self) -> list[np.ndarray]:
        """Return the weights behind the features, ``[in, out]``."""
        if self.config.readout == "linear":
            return [self.read.weights]
        layers = (self.head.hidden, self.head.output)
        return [layer.weight.detach().numpy().T for layer in layers]

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights by the layer that they leave; the last are those of the read-out."""
        found = [*(layer.weights for layer in self.layers), *self._read()]
        return dict(zip(senders(self.config), found, strict=True))

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> PandaRoyLearner:
        """Return the same maps and read-out with these weights."""
        given = [weights[name] for name in senders(self.config)]
        n, other = len(self.layers), copy.copy(self)
        other.layers = [
            dataclasses.replace(layer, weights=own)
            for layer, own in zip(self.layers, given, strict=False)
        ]
        if self.config.readout == "linear":
            other.read = dataclasses.replace(self.read, weights=given[n])
        else:
            other.head = _with_weights(self.head, given[n:])
        return other

    def keep(self) -> Artefacts:
        """Return filters, ON less OFF, how they converged, what they rebuild, what was chosen."""
        named: list[Curve | Filters | Reconstructions] = []
        metrics: dict[str, float | str | None] = {}
        arrays: dict[str, np.ndarray] = {}
        if self.config.readout == "linear":
            metrics["inverse_penalty"] = self.read.inverse_penalty
        else:
            metrics["best_epoch"] = int(np.argmax(self._accuracies)) + 1
            arrays["head_validation"] = np.array(self._accuracies)
        if self._rebuilt is not None:
            first, history = self.layers[0].weights, self._histories[0]
            learning = Curve(history.seen, history.error, NONE, NONE)
            named = [Filters(first[:, 0] - first[:, 1]), learning, self._rebuilt]
            metrics["rebuilding_error"] = self._left
        for number, (layer, history) in enumerate(
            zip(self.layers, self._histories, strict=True), start=1
        ):
            metrics[f"window_error_{number}"] = float(history.error[-1])
            metrics[f"active_{number}"] = float(history.active[-1])
            arrays |= {f"weights_{number}": layer.weights, f"error_{number}": history.error}
        return Artefacts(tuple(named), arrays, metrics=metrics)


def _displaced(layer: RebuildingMaps, rng: np.random.Generator) -> RebuildingMaps:
    """Return a layer with the weights of each filter in random places."""
    shape = layer.weights.shape
    weights = rng.permuted(layer.weights.reshape(shape[0], -1), axis=1).reshape(shape)
    return dataclasses.replace(layer, weights=weights)


def _with_weights(head: CountHead, given: list[np.ndarray]) -> CountHead:
    import torch

    other = copy.copy(head)
    other._modules = dict(head._modules)
    for name, own in zip(("hidden", "output"), given, strict=True):
        layer = copy.copy(getattr(head, name))
        layer._parameters = dict(layer._parameters)
        layer.weight = torch.nn.Parameter(torch.from_numpy(np.ascontiguousarray(own.T)))
        setattr(other, name, layer)
    return other


def _chances(rng: np.random.Generator) -> Chances:
    return Chances(*rng.spawn(len(Chances._fields)))


def _part(progress: Progress, first: float, last: float) -> Callable[[float, str], None]:
    """Return what tells the progress of a part of the whole."""
    return lambda share, note: progress(first + (last - first) * share, note)
