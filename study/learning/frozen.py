"""What can be done to any learner that has its weights out: lesions and controls, written once."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from study.learning.contract import Weighted

System = TypeVar("System", bound=Weighted)


def without(learner: System, share: float, rng: np.random.Generator) -> System:
    """Return a learner after it lost a random ``share`` of the synapses of every layer."""
    return learner.with_weights(
        {
            name: np.where(rng.random(weights.shape) < share, 0, weights).astype(weights.dtype)
            for name, weights in learner.weights().items()
        }
    )


def shuffled(learner: System, rng: np.random.Generator) -> System:
    """Return a learner with the weights of each layer in random places: a control."""
    return learner.with_weights(
        {
            name: rng.permutation(weights.ravel()).reshape(weights.shape)
            for name, weights in learner.weights().items()
        }
    )
