"""A network of rates to which errors come back through fixed random weights.

Lillicrap, Cownden, Tweed & Akerman, "Random synaptic feedback weights support error backpropagation
for deep learning", Nat. Commun. 7:13276 (2016), doi:10.1038/ncomms13276.

**Claim.** Back-propagation needs the transpose of the weights on the way back, which no brain is
known to have. Fixed random weights in its place do: forward weights turn until what comes back
points downhill.

**Number to reach.** On MNIST with 1000 sigmoids 97.9 %, where back-propagation has 97.6 %.

**Reached.** With 500 units and one seed 97.91 % of test samples by random feedback, 97.93 % by
back-propagation; the angle falls from 91 to 50 degrees.

**How.** (1) of `gradsim.feedback`, with a matrix for each layer but the first. The angle between
what the weights of a hidden layer are told and their gradient is taken before the first epoch and
after each, on the same validation samples.

**Deviations.** Mini-batches with momentum and a rate that decays, in place of single images at a
constant one; the loss is the cross entropy of a softmax (``loss="squared"`` is the paper's, on
linear outputs), and the epoch is chosen on validation images. ``feedback`` makes the controls.

**No NIR.** NIR is for neurons with a state; these have none.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from study.data.samples import Samples
from study.data.task import Classes
from study.learners.feedback_config import FeedbackAlignmentConfig, preset
from study.learners.layered import names, pixels
from study.learning.artefacts import NONE, Curve
from study.learning.contract import Artefacts, Evaluation
from study.learning.cost import Cost, Layer
from study.learning.stopwatch import timed
from study.trials.trial import Progress

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from gradsim import feedback

__all__ = ["FeedbackAlignmentConfig", "FeedbackAlignmentLearner", "preset"]

PROBE = 1000  # validation samples on which angles are taken


def network(
    config: FeedbackAlignmentConfig, n_in: int, n_out: int, generator: torch.Generator
) -> nn.Sequential:
    """Return an untrained network, weights normal with deviation ``1 / sqrt(fan_in)``."""
    import torch
    from torch import nn

    from gradsim.feedback import Linear, attach

    units = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}
    sizes = (n_in, *[config.hidden] * config.layers, n_out)
    layers: list[nn.Module] = []
    for fan_in, n in pairwise(sizes):
        linear = Linear(fan_in, n, device="meta").to_empty(device="cpu")  # draws nothing
        with torch.no_grad():
            linear.weight.normal_(0, fan_in**-0.5, generator=generator)
            linear.bias.zero_()
        layers += [linear, units[config.unit]()]
    attach(layers[2:-1:2], config.feedback, config.feedback_scale, generator)
    return nn.Sequential(*layers[:-1])


class FeedbackAlignmentLearner:
    """Network with feedback of its own; see `study.learning.contract.Learner`, ``Weighted``."""

    def __init__(self, config: FeedbackAlignmentConfig, task: Classes) -> None:
        self.config, self.task = config, task

    def prepare(self, train: Samples) -> None:  # noqa: ARG002
        """Import what `fit` needs; only to plan trials, that would take too long."""
        import gradsim  # noqa: F401

    def fit(
        self, train: Samples, validation: Samples, rng: np.random.Generator, progress: Progress
    ) -> None:
        """Train and keep the epoch that is best on ``validation``.

        Raises
        ------
        gradsim.TrainingError
            If the loss becomes NaN or infinite.
        """
        import torch

        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        images, labels = map(torch.as_tensor, (pixels(train), train.labels))
        held_out, expected = map(torch.as_tensor, (pixels(validation), validation.labels))
        self._network = network(self.config, images.shape[1], self.task.n, generator)
        first = self._linear()[0].weight.detach().clone()
        self._angles = [self._aligned(held_out[:PROBE], expected[:PROBE])]
        self._losses: list[float] = []
        self._accuracies: list[float] = []
        for epoch, loss in enumerate(self._epochs(images, labels, generator)):
            self._losses.append(loss)
            self._accuracies.append(float((self._answer(held_out) == expected).double().mean()))
            self._angles.append(self._aligned(held_out[:PROBE], expected[:PROBE]))
            if self._accuracies[-1] > max(self._accuracies[:-1], default=-1.0):
                best, self._best_epoch = copy.deepcopy(self._network.state_dict()), epoch + 1
            share = (epoch + 1) / self.config.epochs
            progress(share, f"validation {self._accuracies[-1]:.3f}")
        self._network.load_state_dict(best)
        moved = self._linear()[0].weight.detach() - first
        self._hidden_change = float(moved.norm() / first.norm())

    def _epochs(
        self, images: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Iterator[float]:
        """Train the network epoch by epoch; yield the mean loss of each."""
        import torch

        from gradsim import TrainingError

        config = self.config
        optimiser = torch.optim.SGD(
            self._network.parameters(), config.learning_rate, config.momentum, fused=True
        )
        for _ in range(config.epochs):
            total = torch.zeros(())
            for chosen in torch.randperm(len(images), generator=generator).split(config.batch_size):
                loss = self._loss(images[chosen], labels[chosen])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                total += loss.detach() * len(chosen)
            for group in optimiser.param_groups:
                group["lr"] *= config.decay
            mean = total.item() / len(images)
            if not np.isfinite(mean):
                raise TrainingError("the loss became nan or infinite; try a smaller learning rate")
            yield mean

    def _loss(self, images: Tensor, labels: Tensor) -> Tensor:
        from torch.nn.functional import cross_entropy, one_hot

        outputs = self._network(images)
        if self.config.loss == "cross_entropy":
            return cross_entropy(outputs, labels)
        return 0.5 * (outputs - one_hot(labels, self.task.n)).square().sum(dim=1).mean()

    def _linear(self) -> list[feedback.Linear]:
        from gradsim.feedback import Linear

        return [layer for layer in self._network if isinstance(layer, Linear)]

    def _aligned(self, images: Tensor, labels: Tensor) -> list[float]:
        """Return the angle of each hidden layer in degrees; see `gradsim.feedback.alignment`."""
        from gradsim.feedback import alignment

        hidden = [layer.weight for layer in self._linear()[:-1]]
        return alignment(self._network, lambda: self._loss(images, labels), hidden)

    def _answer(self, images: Tensor) -> Tensor:
        import torch

        with torch.no_grad():
            return self._network(images).argmax(dim=1)

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:  # noqa: ARG002
        """Classify ``samples``."""
        import torch

        images = torch.as_tensor(pixels(samples))
        found, timing = timed(lambda part: self._answer(images[part]).numpy(), len(samples))
        answers = np.concatenate(found)
        layers = tuple(
            Layer(name, macs=float(np.count_nonzero(weights)), weights=weights.size)
            for name, weights in self.weights().items()
        )
        return Evaluation(answers, self.task.scores(answers, samples.labels), Cost(layers, timing))

    def _names(self) -> list[str]:
        """Return the layers that weights leave."""
        return names(self.config.layers)

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights ``[out, in]`` by the layer that they leave; biases are not told."""
        found = (layer.weight.detach().numpy() for layer in self._linear())
        return dict(zip(self._names(), found, strict=True))

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> FeedbackAlignmentLearner:
        """Return the same network with these weights."""
        import torch

        other = copy.copy(self)
        other._network = copy.deepcopy(self._network)
        for name, layer in zip(self._names(), other._linear(), strict=True):
            layer.weight.data = torch.as_tensor(weights[name])
        return other

    def keep(self) -> Artefacts:
        """Return how learning went, and the angles on its way."""
        epochs, angles = np.arange(len(self._losses)) + 1, np.array(self._angles)
        accuracies = np.array(self._accuracies)
        return Artefacts(
            named=(Curve(epochs, np.array(self._losses), NONE, accuracies),),
            arrays={"alignment_deg": angles},
            metrics={"best_epoch": self._best_epoch, **told(angles, self._hidden_change)},
        )


def told(angles: np.ndarray, hidden_change: float) -> dict[str, float | None]:
    """Return what the table of trials says of feedback.

    Parameters
    ----------
    angles
        ``[epochs + 1, hidden layers]`` in degrees, NaN where nothing came back.
    hidden_change
        Of the first layer's weights in training, as a share of their norm.
    """
    first, last = (None if np.isnan(angle) else float(angle) for angle in angles[[0, -1], 0])
    return {
        "alignment_before_deg": first,
        "alignment_after_deg": last,
        "hidden_change": hidden_change,
    }
