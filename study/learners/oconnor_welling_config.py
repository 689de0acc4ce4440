"""Settings of networks whose errors travel as spikes, and the paper whose numbers are sought."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from study.learning.conditions import Conditions
from study.learning.published import Control, Published

if TYPE_CHECKING:
    from gradsim.herded_training import HerdedTraining


@dataclass(frozen=True)
class OConnorWellingConfig:
    """The paper's table.

    Parameters
    ----------
    hidden, layers
        Units of a hidden layer, and how many hidden layers there are.
    n_steps
        Steps for which an image is shown.
    quantiser
        Whether units look at their potential once a ``step``, or after every ``event``.
    weights
        ``float``, or ``integer``: training then adds integers only.
    rule
        Weights change with each error spike (``fractional``), or at the end of an image (``sgd``);
        ``exact`` trains the rectifier network with the same weights, by its exact gradients.
    learning_rate, decay
        η, and what it is multiplied by after each epoch.
    deviation
        Of initial weights.
    epochs
        Passes over the training images; the one with the best validation accuracy is kept.
    reset_errors, update_first
        Controls: errors' quantisers begin anew with each image; weights change before errors go
        back through them.
    """

    hidden: int = 300
    layers: int = 2
    n_steps: int = 10
    quantiser: Literal["step", "event"] = "step"
    weights: Literal["float", "integer"] = "float"
    rule: Literal["fractional", "sgd", "exact"] = "fractional"
    learning_rate: float = 0.01
    decay: float = 1.0
    deviation: float = 0.01
    epochs: int = 20
    reset_errors: bool = False
    update_first: bool = False

    def __post_init__(self) -> None:
        for name in ("hidden", "layers", "n_steps", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not self.learning_rate > 0 or not self.deviation > 0 or not 0 < self.decay <= 1:
            raise ValueError(
                "learning_rate and deviation must be positive and decay in 0..1, not "
                f"{self.learning_rate}, {self.deviation}, {self.decay}"
            )
        if self.rule != "fractional" and self.update_first:
            raise ValueError("update_first is for rule=fractional")
        if self.rule == "exact" and self.weights == "integer":
            raise ValueError("rule=exact wants weights=float")

    def conditions(self, n_train: int, kind: str) -> Conditions:  # noqa: ARG002
        """Return under which conditions the network learns."""
        return Conditions(
            "spikes by herding, as many as brightness asks for",
            " and ".join([str(self.hidden)] * self.layers),
            self.epochs * n_train,
            step=f"{self.n_steps} without unit",
        )

    def training(self) -> HerdedTraining:
        """Return how the network is trained."""
        from gradsim.herded_training import HerdedTraining

        names = {field.name for field in dataclasses.fields(HerdedTraining)}
        settings = dataclasses.asdict(self)
        return HerdedTraining(**{name: settings[name] for name in names})


_PRESETS: dict[str, dict[str, Any]] = {
    "digits": {"hidden": 100, "learning_rate": 0.03, "deviation": 0.02},
}
_USUAL: dict[str, Any] = {"deviation": 0.03, "decay": 0.9}


def preset(_profile: str, dataset: str) -> OConnorWellingConfig:
    """Return the settings for a data set, in all profiles alike."""
    return OConnorWellingConfig(**{**_USUAL, **_PRESETS.get(dataset, {})})


_RESET = Control("errors' quantisers reset with each image", {"reset_errors": True})
PUBLISHED = (
    Published(
        "Spikes back, fractional SGD, 300-300 units", 0.9793, "oconnor2016", "mnist",
        control=_RESET,
    ),
    Published(
        "Spikes back, SGD, 300-300 units", 0.964, "oconnor2016", "mnist", {"rule": "sgd"},
        control=_RESET,
    ),
)  # fmt: skip
