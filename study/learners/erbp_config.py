"""Settings of networks with modulated dendrites, and the paper whose numbers are sought."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from study.learning.conditions import Conditions
from study.learning.published import Control, Published

if TYPE_CHECKING:
    from gradsim.erbp import ERBPNeurons
    from gradsim.erbp_training import ERBPTraining


@dataclass(frozen=True)
class ERBPConfig:
    """The paper's table, in rheobase currents (0.1 nA) and ms; what it lacks is ours.

    Parameters
    ----------
    hidden, layers
        Units of a hidden layer, and how many hidden layers there are.
    present_ms, from_ms
        For how long an image is shown in training, and from when on it is learned.
    answer_ms
        For how long it is shown when the network is to answer.
    input_rate_hz
        Rate of an input unit whose pixel is 1.
    noise
        On membranes in a step, in thresholds: the paper's additive noise.
    transmission
        Probability with which a spike passes a synapse: 1 less the paper's blank-out.
    gate_low, gate_high
        Currents between which the weights of a hidden unit may change.
    tau_gate_ms
        Over which time that current is a mean; 0 is the current of the moment.
    learning_rate, decay, epochs
        η in the first epoch, what it is multiplied by after each, and passes over the training
        images; the one with the best validation accuracy is kept.
    gain
        Initial weights lie within ``gain * sqrt(6 / (in + out))``.
    feedback, feedback_sd
        ``random``: normal with this standard deviation. Controls: ``none`` is 0 everywhere, and
        with ``uniform`` all entries are the standard deviation.
    label_period_ms
        Between spikes of the label neuron; control: 0 is no label.
    hidden_learns
        Control: whether hidden layers learn.
    """

    hidden: int = 200
    layers: int = 1
    present_ms: int = 100
    from_ms: int = 20
    answer_ms: int = 500
    input_rate_hz: float = 100.0
    noise: float = 0.0
    transmission: float = 0.45
    gate_low: float = -11.5
    gate_high: float = 11.5
    tau_gate_ms: float = 0.0
    learning_rate: float = 3e-4
    decay: float = 1.0
    epochs: int = 10
    gain: float = 1.0
    feedback: Literal["random", "none", "uniform"] = "random"
    feedback_sd: float = 0.6
    label_period_ms: int = 4
    hidden_learns: bool = True

    def __post_init__(self) -> None:
        for name in ("hidden", "layers", "present_ms", "answer_ms", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("learning_rate", "gain", "feedback_sd"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if not 0 < self.decay <= 1 or not 0 < self.transmission <= 1 or self.noise < 0:
            raise ValueError(
                "decay and transmission must lie in 0..1 and not be 0, and noise not be negative; "
                f"not {self.decay}, {self.transmission}, {self.noise}"
            )
        if not self.gate_low < self.gate_high or self.tau_gate_ms < 0:
            raise ValueError(
                "gate_low must lie below gate_high, and tau_gate_ms not be negative, not "
                f"{self.gate_low}, {self.gate_high}, {self.tau_gate_ms}"
            )
        if not 0 < self.input_rate_hz <= 250:
            raise ValueError(f"input_rate_hz must lie in 0..250, not {self.input_rate_hz}")
        if not 0 <= self.from_ms < self.present_ms or self.label_period_ms < 0:
            raise ValueError(
                "from_ms must lie in 0..present_ms - 1 and label_period_ms not be negative, not "
                f"{self.from_ms}, {self.label_period_ms}"
            )

    def conditions(self, n_train: int, kind: str) -> Conditions:  # noqa: ARG002
        """Return under which conditions the network learns."""
        return Conditions(
            f"Poisson rates up to {self.input_rate_hz:g} Hz, for {self.present_ms} ms",
            " and ".join([str(self.hidden)] * self.layers),
            self.epochs * n_train,
            step="1 ms",
        )

    def neurons(self) -> ERBPNeurons:
        """Return the constants of the neurons."""
        from gradsim.erbp import ERBPNeurons

        return ERBPNeurons(
            input_rate_hz=self.input_rate_hz, noise=self.noise, transmission=self.transmission
        )

    def training(self) -> ERBPTraining:
        """Return how the network is trained."""
        from gradsim.erbp_training import ERBPTraining

        names = {field.name for field in dataclasses.fields(ERBPTraining)}
        settings = {k: v for k, v in dataclasses.asdict(self).items() if k in names}
        return ERBPTraining(gate=(self.gate_low, self.gate_high), **settings)


_USUAL: dict[str, Any] = {
    "gate_low": 0.0, "gate_high": 1000.0, "tau_gate_ms": 20.0, "transmission": 1.0,
    "learning_rate": 3e-4, "decay": 0.7, "epochs": 8,
}  # fmt: skip
_PRESETS: dict[str, dict[str, Any]] = {
    "digits": {
        "hidden": 100, "present_ms": 50, "from_ms": 10, "answer_ms": 200, "input_rate_hz": 200.0,
        "learning_rate": 3e-3, "decay": 0.7, "epochs": 4,
    },
}  # fmt: skip


def preset(_profile: str, dataset: str) -> ERBPConfig:
    """Return the settings for a data set, in all profiles alike."""
    return ERBPConfig(**{**_USUAL, **_PRESETS.get(dataset, {})})


_DEAF = Control("no feedback reaches hidden units", {"feedback": "none"})
PUBLISHED = (
    Published(
        "Random feedback to dendrites, 200 units", None, "neftci2017", "mnist", control=_DEAF
    ),
    Published(
        "Random feedback to dendrites, 500-500 units", 0.9798, "neftci2017", "mnist",
        {"hidden": 500, "layers": 2, "gate_high": 2.0, "learning_rate": 5e-5, "decay": 0.8},
        small=None, control=_DEAF,
    ),
)  # fmt: skip
