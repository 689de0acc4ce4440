"""Baseline: a network of rectifiers in PyTorch, which others convert to spikes.

Each image is moved and turned at random as it is learned, dropout leaves units out, and Adam's
learning rate goes through one cycle (Smith & Topin, arXiv:1708.07120). What is kept is what
conversion can take over: dense layers, maps, mean pools and rectifiers; see `gradsim.convert`.
"""

from __future__ import annotations

import copy
import io
import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from study.data import plain
from study.data.samples import Images, Samples
from study.data.task import Classes
from study.learners.rectifier_config import Part, RectifierConfig, preset
from study.learning.artefacts import NONE, Curve
from study.learning.contract import Artefacts, Evaluation
from study.learning.cost import Cost, Layer
from study.learning.stopwatch import timed
from study.trials.trial import Progress

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["RectifierConfig", "RectifierLearner", "preset"]

FILE = "network.npz"  # what `RectifierLearner.keep` leaves: parameters by name
RISING = 0.2  # share of all updates in which the learning rate rises
FEWEST = 10  # updates that a cycle is long at least
BATCH = 1000  # images that are validated at a time


def pixels(samples: Samples) -> Tensor:
    """Return images as ``[N, 1, H, W]``."""
    import torch

    assert isinstance(samples, Images)
    return torch.as_tensor(samples.pixels)[:, None]


def network(config: RectifierConfig, shape: tuple[int, int], n_classes: int) -> nn.Sequential:
    """Return an untrained network with initial weights from PyTorch's generator.

    Parameters
    ----------
    config
        Its settings.
    shape
        Of an image ``[1, H, W]``, without the channel.
    n_classes
        Units of the output.

    Raises
    ------
    ValueError
        If images are too small for its maps and pools.
    """
    import torch
    from torch import nn

    layers: OrderedDict[str, nn.Module] = OrderedDict()
    x = torch.zeros(1, 1, *shape)
    names = iter(layer_names(config))
    for part in (*config.parts(), Part("dense", n_classes)):
        for kind, layer in _layers(config, part, x, first=not layers):
            weighted = isinstance(layer, nn.Linear | nn.Conv2d)
            name = next(names) if weighted else f"{kind} {len(layers)}"
            try:
                x = layer(x)
            except RuntimeError:
                raise ValueError(
                    f"architecture {config.architecture} needs images larger than "
                    f"{shape[0]} x {shape[1]} pixels"
                ) from None
            layers[name] = layer
    layers.popitem()  # the output has no rectifier
    return nn.Sequential(layers)


def _layers(
    config: RectifierConfig, part: Part, x: Tensor, *, first: bool
) -> Iterator[tuple[str, nn.Module]]:
    """Yield what stands in the network for a part that ``x`` comes to, with words for it."""
    from torch import nn

    from gradsim import QCFS

    if part.kind == "pool":
        yield "pool", nn.AvgPool2d(part.size)
        return
    if part.kind == "dense" and x.ndim == 4:
        yield "flat", nn.Flatten()
    if first and config.input_dropout:
        yield "dropout", nn.Dropout(config.input_dropout)
    if part.kind == "maps":
        yield "weights", nn.Conv2d(x.shape[1], part.size, part.kernel, bias=config.bias)
    else:
        if not first and config.dropout:
            yield "dropout", nn.Dropout(config.dropout)
        yield "weights", nn.Linear(x[0].numel(), part.size, bias=config.bias)
    few = config.activation == "qcfs"
    yield "rectifier", QCFS(config.levels, config.threshold) if few else nn.ReLU()


def layer_names(config: RectifierConfig) -> list[str]:
    """Return the names of hidden layers and output.

    Examples
    --------
    >>> layer_names(RectifierConfig("12c5-2s-100"))
    ['hidden 1', 'hidden 2', 'readout']
    """
    n_hidden = sum(part.kind != "pool" for part in config.parts())
    hidden = ["hidden"] if n_hidden == 1 else [f"hidden {k + 1}" for k in range(n_hidden)]
    return [*hidden, "readout"]


def to_bytes(trained: nn.Module) -> bytes:
    """Return the parameters of a network as a file."""
    file = io.BytesIO()
    np.savez(file, **{name: value.numpy() for name, value in trained.state_dict().items()})
    return file.getvalue()


def from_bytes(
    content: bytes, config: RectifierConfig, shape: tuple[int, int], n_classes: int
) -> nn.Sequential:
    """Return the network that `to_bytes` told of; parameters as for `network`."""
    import torch

    with torch.random.fork_rng(devices=[]):
        trained = network(config, shape, n_classes)
    arrays = plain.read(io.BytesIO(content))
    trained.load_state_dict({name: torch.as_tensor(values) for name, values in arrays.items()})
    return trained.eval()


def moved(images: Tensor, shift_pixels: float, rotation_deg: float) -> Tensor:
    """Return images ``[B, 1, H, W]``, each moved and turned by uniform draws up to the limits."""
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    if not shift_pixels and not rotation_deg:
        return images
    n, _, height, width = images.shape
    across, down, turn = (2 * torch.rand(n, 3) - 1).T
    angle = turn * math.radians(rotation_deg)
    cos, sin = angle.cos(), angle.sin()
    # A grid reaches from -1 to 1, so that a pixel is 2 / side.
    across, down = across * 2 * shift_pixels / width, down * 2 * shift_pixels / height
    rows = torch.stack([cos, -sin, across, sin, cos, down], dim=1).reshape(n, 2, 3)
    grid = affine_grid(rows, list(images.shape), align_corners=False)
    return grid_sample(images, grid, align_corners=False)


class RectifierLearner:
    """Network of rectifiers; see `study.learning.contract.Learner`."""

    def __init__(self, config: RectifierConfig, task: Classes) -> None:
        self.config, self.task = config, task

    def prepare(self, train: Samples) -> None:  # noqa: ARG002
        """Import what `fit` needs; only to plan trials, that would take too long."""
        import gradsim  # noqa: F401

    def fit(
        self,
        train: Samples,
        validation: Samples,
        rng: np.random.Generator,
        progress: Progress,
    ) -> None:
        """Train and keep the epoch that is best on ``validation``.

        Raises
        ------
        ValueError
            If images are too small for the architecture.
        """
        import torch

        with torch.random.fork_rng(devices=[]):  # dropout knows no other generator
            torch.manual_seed(int(rng.integers(2**63)))
            height, width = pixels(train).shape[2:]
            self._network = network(self.config, (height, width), self.task.n)
            self._train(train, validation, progress)

    def _train(self, train: Samples, validation: Samples, progress: Progress) -> None:
        import torch

        labels, held_out = torch.as_tensor(validation.labels), pixels(validation)
        self._losses: list[float] = []
        self._accuracies: list[float] = []
        for epoch, loss in enumerate(self._epochs(pixels(train), torch.as_tensor(train.labels))):
            self._losses.append(loss)
            self._accuracies.append(float((self._answer(held_out) == labels).double().mean()))
            if self._accuracies[-1] == max(self._accuracies):
                best, self._best_epoch = copy.deepcopy(self._network.state_dict()), epoch + 1
            share = (epoch + 1) / self.config.epochs
            progress(share, f"validation {self._accuracies[-1]:.3f}")
        self._network.load_state_dict(best)

    def _epochs(self, images: Tensor, labels: Tensor) -> Iterator[float]:
        """Train the network epoch by epoch; yield the mean loss of each."""
        import torch
        from torch.nn.functional import cross_entropy

        config = self.config
        batch = min(config.batch_size, len(images))
        n_batches = len(images) // batch
        optimiser = torch.optim.Adam(self._network.parameters(), config.learning_rate, fused=True)
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            config.learning_rate,
            total_steps=max(FEWEST, config.epochs * n_batches),
            pct_start=RISING,
        )
        for _ in range(config.epochs):
            self._network.train()
            losses = []
            for chosen in torch.randperm(len(images))[: n_batches * batch].split(batch):
                seen = moved(images[chosen], config.shift_pixels, config.rotation_deg)
                loss = cross_entropy(self._network(seen), labels[chosen])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                cycle.step()
                losses.append(loss.item())
            self._network.eval()
            yield float(np.mean(losses))

    def _answer(self, images: Tensor) -> Tensor:
        import torch

        with torch.no_grad():
            return torch.cat([self._network(part).argmax(dim=1) for part in images.split(BATCH)])

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:  # noqa: ARG002
        """Classify ``samples``."""
        images = pixels(samples)
        found, timing = timed(lambda part: self._answer(images[part]).numpy(), len(samples))
        answers = np.concatenate(found)
        layers = tuple(
            Layer(name, macs=macs, weights=weights.size)
            for (name, weights), macs in zip(
                self.weights().items(), self._macs(images[:1]), strict=True
            )
        )
        return Evaluation(answers, self.task.scores(answers, samples.labels), Cost(layers, timing))

    def _macs(self, x: Tensor) -> Iterator[float]:
        """Yield the multiply-accumulates of each layer: its non-zero weights, where they are met.

        Without padding every kernel meets an input at every place of its map.
        """
        import torch

        for layer in self._network:
            x = layer(x)
            if weights := _weights(layer):
                yield float(torch.count_nonzero(weights[0]) * x[0, 0].numel())

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights by the layer that they leave; biases and thresholds are not told."""
        names = ["input", *layer_names(self.config)[:-1]]
        found = [weights for layer in self._network for weights in _weights(layer)]
        return {name: own.detach().numpy() for name, own in zip(names, found, strict=True)}

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> RectifierLearner:
        """Return the same network with these weights."""
        import torch

        other = copy.copy(self)
        other._network = copy.deepcopy(self._network)
        found = [own for layer in other._network for own in _weights(layer)]
        for own, given in zip(found, (weights[name] for name in self.weights()), strict=True):
            own.data = torch.as_tensor(given)
        return other

    def keep(self) -> Artefacts:
        """Return how it learned, and the network as a file for those that build on it."""
        epochs = np.arange(len(self._losses)) + 1
        return Artefacts(
            named=(Curve(epochs, np.array(self._losses), NONE, np.array(self._accuracies)),),
            files={FILE: to_bytes(self._network)},
            metrics={"best_epoch": self._best_epoch},
        )


def _weights(layer: nn.Module) -> list[Tensor]:
    """Return the weights of a layer in a list, which is empty where it has none."""
    from torch import nn

    return [layer.weight] if isinstance(layer, nn.Linear | nn.Conv2d) else []
