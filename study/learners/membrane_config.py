"""Settings of networks trained through membrane potentials, and the paper to be reached."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from study.learning.conditions import Conditions
from study.learning.published import Control, Published

if TYPE_CHECKING:
    from gradsim.membrane_training import MembraneTraining


@dataclass(frozen=True)
class MembraneConfig:
    """Network, stimulus and training.

    Parameters
    ----------
    hidden, layers
        Neurons of a hidden layer, and how many hidden layers there are.
    features
        Of convolutions of 5 x 5 before these, each pooled by two; none where empty.
    n_steps
        Steps for which a sample is shown: milliseconds of an image, parts of recorded events.
    chance
        Of an event of a white pixel in a millisecond.
    shift
        Pixels by which training images are moved at most, anew each time.
    tau_mem
        Time constant of membranes as a share of an image's duration: 20 ms of 50 ms.
    tau_events
        The same of recorded events. They come in phases, all of which count for the answer, while
        the error is of what has not decayed by the end.
    alpha_hidden, alpha_output
        Initial thresholds, as multiples of the root mean square of what weights bring to a neuron
        by the end of a training sample.
    inhibition
        Share of its threshold that a spike of one output neuron takes from every other.
    optimiser
        ``adam`` or ``sgd``.
    learning_rate, threshold_rate
        In the first step, from which it falls to 0, and that of thresholds as a multiple.
    sharpness
        Factor of the outputs' traces in the softmax of the error.
    normalised
        Whether errors are brought to the same size in all layers.
    regularisation
        Of thresholds: what one is raised by for each neuron of the layer when its own fires.
    batch_size, epochs
        Samples that share a step, and passes over the training samples; the epoch with the best
        validation accuracy is kept.
    hidden_learns
        Control where not: only the output learns.
    """

    hidden: int = 800
    layers: int = 1
    features: tuple[int, ...] = ()
    n_steps: int = 50
    chance: float = 0.4
    shift: int = 0
    tau_mem: float = 0.4
    tau_events: float = 4.0
    alpha_hidden: float = 0.7
    alpha_output: float = 0.3
    inhibition: float = 0.2
    optimiser: Literal["adam", "sgd"] = "adam"
    learning_rate: float = 2e-3
    threshold_rate: float = 0.0
    sharpness: float = 1.0
    normalised: bool = False
    regularisation: float = 0.0
    batch_size: int = 64
    epochs: int = 20
    hidden_learns: bool = True

    def __post_init__(self) -> None:
        for name in ("hidden", "layers", "n_steps", "batch_size", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not all(n >= 1 for n in self.features):
            raise ValueError(f"features must be positive, not {self.features}")
        for name in (
            "tau_mem",
            "tau_events",
            "alpha_hidden",
            "alpha_output",
            "learning_rate",
            "sharpness",
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        for name in ("shift", "threshold_rate", "regularisation"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")
        if not 0 <= self.chance <= 1 or not 0 <= self.inhibition < 1:
            raise ValueError(
                "chance must lie in 0..1, and inhibition too, below 1, not "
                f"{self.chance}, {self.inhibition}"
            )

    def conditions(self, n_train: int, kind: str) -> Conditions:
        """Return under which conditions the network learns."""
        maps = [f"{n} maps" for n in self.features]
        return Conditions(
            "Poisson spikes" if kind == "images" else "spikes as recorded, in bins",
            " and ".join([*maps, *[str(self.hidden)] * self.layers]),
            self.epochs * n_train,
            step=f"{self.n_steps} of 1 ms",
        )

    def training(self) -> MembraneTraining:
        """Return how the network is trained."""
        from gradsim.membrane_training import MembraneTraining

        names = {field.name for field in dataclasses.fields(MembraneTraining)}
        settings = dataclasses.asdict(self)
        return MembraneTraining(**{name: settings[name] for name in names})

    def alphas(self) -> tuple[float, ...]:
        """Return α of all layers."""
        n_hidden = len(self.features) + self.layers
        return (*[self.alpha_hidden] * n_hidden, self.alpha_output)


_SMALL = {"hidden": 100, "learning_rate": 5e-3, "batch_size": 20, "epochs": 15}
_PRESETS: dict[str, dict[str, Any]] = {
    "digits": _SMALL,
    "mnist": {"shift": 1, "epochs": 30},
    "randman": _SMALL,
    "randman-shuffled": _SMALL,
}


def preset(_profile: str, dataset: str) -> MembraneConfig:
    """Return the settings for a data set, in all profiles alike."""
    return MembraneConfig(**_PRESETS.get(dataset, {}))


_FROZEN = Control("hidden layers do not learn", {"hidden_learns": False})
PUBLISHED = (
    Published(
        "Errors through membrane potentials, 800 units", 0.9888, "lee2016", "mnist",
        control=_FROZEN,
    ),
    Published(
        "Errors through membrane potentials, 20-50 features, 200 units", 0.9931, "lee2016", "mnist",
        {"features": (20, 50), "hidden": 200, "alpha_hidden": 1.5}, small=None, control=_FROZEN,
    ),
)  # fmt: skip
