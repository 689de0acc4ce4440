"""Settings of the networks whose errors come back through another matrix, and what papers report.

One network fires at rates (`study.learners.feedback_alignment`), the other by spikes
(`study.learners.feedback_spiking`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from study.learners.surrogate_config import PRESETS, SurrogateConfig
from study.learning.conditions import Conditions
from study.learning.published import Control, Published

Kind = Literal["symmetric", "random", "sign", "uniform", "none"]
KINDS: tuple[Kind, ...] = ("symmetric", "random", "sign", "uniform", "none")


@dataclass(frozen=True)
class FeedbackAlignmentConfig:
    """A network of sigmoids or other units, gradient descent with momentum.

    Parameters
    ----------
    hidden, layers
        Units of a hidden layer, and how many hidden layers there are.
    unit
        What a hidden unit makes of its drive.
    feedback, feedback_scale
        How errors come back, and how large the matrix is; see `gradsim.feedback`.
    loss
        ``cross_entropy`` of a softmax, whose errors sum to 0, or ``squared``: the sum over linear
        outputs of half the squared distance from one-hot targets, as in the paper.
    learning_rate, momentum, decay
        Of the descent; the rate is multiplied by ``decay`` after each epoch.
    batch_size, epochs
        The epoch with the best validation accuracy is kept.
    """

    hidden: int = 1000
    layers: int = 1
    unit: Literal["sigmoid", "tanh", "relu"] = "sigmoid"
    feedback: Kind = "random"
    feedback_scale: float = 1.0
    loss: Literal["cross_entropy", "squared"] = "cross_entropy"
    learning_rate: float = 0.1
    momentum: float = 0.9
    decay: float = 0.9
    batch_size: int = 50
    epochs: int = 20

    def __post_init__(self) -> None:
        for name in ("hidden", "layers", "batch_size", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        _require_positive(self, "learning_rate", "feedback_scale")
        if not 0 <= self.momentum < 1 or not 0 < self.decay <= 1:
            raise ValueError(
                "momentum must lie in 0..1, below 1, and decay in 0..1, above 0, not "
                f"{self.momentum}, {self.decay}"
            )

    def conditions(self, n_train: int, kind: str) -> Conditions:  # noqa: ARG002
        """Return under which conditions the network learns."""
        units = " and ".join([str(self.hidden)] * self.layers)
        return Conditions("brightness", units, self.epochs * n_train)


@dataclass(frozen=True)
class FeedbackSpikingConfig(SurrogateConfig):
    """The network of `SurrogateConfig`, and how errors come back from layer to layer.

    Parameters
    ----------
    feedback, feedback_scale
        As in `FeedbackAlignmentConfig`.
    """

    feedback: Kind = "random"
    feedback_scale: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_positive(self, "feedback_scale")


def _require_positive(config: Any, *names: str) -> None:
    for name in names:
        if not 0 < getattr(config, name) < math.inf:
            raise ValueError(f"{name} must be positive and finite, not {getattr(config, name)}")


Settings = Mapping[str, Any]

_RATES: Settings = {"hidden": 500}
_RATES_ON_DIGITS: Settings = {"hidden": 100, "batch_size": 20}
_QUICK_RATES: Settings = {"epochs": 10}
# No penalty on activity, so that hidden weights hear nothing but errors.
_SPIKES: Settings = {
    "feedback_scale": 0.1, "l1": 0.0, "l2": 0.0, "learning_rate": 1e-3, "epochs": 20,
}  # fmt: skip
_QUICK_SPIKES: Settings = {"learning_rate": 2e-3, "epochs": 6}


def preset(profile: str, dataset: str) -> FeedbackAlignmentConfig:
    """Return the settings of a network of rates; the quick profile learns briefly."""
    own = _RATES_ON_DIGITS if dataset == "digits" else _RATES
    return FeedbackAlignmentConfig(**own, **(_QUICK_RATES if profile == "quick" else {}))


def spiking_preset(profile: str, dataset: str) -> FeedbackSpikingConfig:
    """Return the settings of a spiking network; the quick profile learns briefly."""
    own = {**PRESETS.get(dataset, {}), **_SPIKES}
    return FeedbackSpikingConfig(**{**own, **(_QUICK_SPIKES if profile == "quick" else {})})


PUBLISHED = (
    Published(
        "Feedback alignment, 1000 units", 0.979, "lillicrap2016", "mnist", {"hidden": 1000},
        control=Control("no feedback", {"feedback": "none"}),
    ),
)  # fmt: skip
