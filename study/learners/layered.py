"""What learners of layer upon layer share: pixels, names of layers, weights, a rehearsal."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from study.data.samples import Images, Samples
from study.learning.contract import Learner
from study.trials.trial import no_progress

if TYPE_CHECKING:
    from gradsim.classified import Classified

FEW = 2  # samples of a rehearsal


def images(samples: Samples) -> np.ndarray:
    """Return images as ``[N, H, W]``."""
    assert isinstance(samples, Images), "the registry lets no other samples in"
    return samples.pixels


def pixels(samples: Samples) -> np.ndarray:
    """Return images as ``[N, pixels]``."""
    return images(samples).reshape(len(samples), -1)


def classified(samples: Samples) -> Classified:
    """Return images and their classes as `gradsim` takes them."""
    from gradsim.classified import Classified

    return Classified(pixels(samples), samples.labels)


def names(n_hidden: int, n_maps: int = 0) -> list[str]:
    """Return the layers that weights leave: the input, layers of maps, and hidden ones.

    Examples
    --------
    >>> names(1), names(2, n_maps=1)
    (['input', 'hidden'], ['input', 'maps 1', 'hidden 1', 'hidden 2'])
    """
    hidden = ["hidden"] if n_hidden == 1 else [f"hidden {k + 1}" for k in range(n_hidden)]
    return ["input", *(f"maps {k + 1}" for k in range(n_maps)), *hidden]


def rehearse(learner: Learner, train: Samples) -> Samples:
    """Train a learner that is thrown away on `FEW` samples, so that everything is compiled.

    Returns these samples.
    """
    few = train.take(np.arange(FEW))
    learner.fit(few, few, np.random.default_rng(0), no_progress)
    return few


class LayerWeights:
    """A learner whose ``network`` is a dataclass with a tuple of weights; ``Weighted`` by that."""

    network: Any

    def _names(self) -> list[str]:
        """Return the layers that weights leave."""
        raise NotImplementedError

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights by the layer that they leave."""
        return dict(zip(self._names(), self.network.weights, strict=True))

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> Self:
        """Return the same network with these weights."""
        other = copy.copy(self)
        given = tuple(weights[name] for name in self._names())
        other.network = dataclasses.replace(self.network, weights=given)
        return other
