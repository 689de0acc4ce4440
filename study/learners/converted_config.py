"""Settings of networks that are converted to spikes, and the papers whose numbers are sought."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from study.learners.rectifier_config import (
    CONVOLUTION,
    CONVOLUTION_ON_DIGITS,
    FEW_LEVELS,
    FEW_LEVELS_ON_DIGITS,
    PRESETS,
    RectifierConfig,
    Settings,
)
from study.learning.conditions import Conditions
from study.learning.published import Control, Published


@dataclass(frozen=True)
class ConvertedConfig(RectifierConfig):
    """A trained network of rectifiers, and how its units become neurons.

    Parameters
    ----------
    method
        ``rate``: a neuron tells its activation by its rate; ``first_spike``: by when it spikes,
        once at most.
    n_steps
        Steps that a sample is shown, or ticks of a layer's window where neurons spike once.
    normalisation, percentile
        What activation becomes a threshold's worth: a ``percentile`` of the activations that are
        not zero, their ``max``, or what the weights allow at most (``model``); ``qcfs`` brings
        its own.
    n_images
        Training images whose activations are looked at.
    reset, initial
        Of rates: what a spike leaves of the potential (``subtract`` the threshold, or ``zero``),
        and where it starts, as a share of the threshold.
    input
        Of rates: pixels as a constant ``current``, or as probabilities of a spike (``poisson``).
    """

    method: Literal["rate", "first_spike"] = "rate"
    n_steps: int = 8
    normalisation: Literal["percentile", "max", "model"] = "percentile"
    percentile: float = 99.0
    n_images: int = 5000
    reset: Literal["subtract", "zero"] = "subtract"
    initial: float = 0.5
    input: Literal["current", "poisson"] = "current"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("n_steps", "n_images"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 < self.percentile <= 100:
            raise ValueError(f"percentile must lie in 0..100, above 0, not {self.percentile}")
        if not 0 <= self.initial < 1:
            raise ValueError(f"initial must lie in 0..1, below 1, not {self.initial}")

    def conditions(self, n_train: int, kind: str) -> Conditions:
        """Return under which conditions the network that is converted learned."""
        code = "constant currents" if self.input == "current" else "Poisson spikes"
        taught = self.teacher.conditions(n_train, kind)
        return dataclasses.replace(taught, code=code, step=f"{self.n_steps} without unit")

    @property
    def teacher(self) -> RectifierConfig:
        """The network that is converted."""
        fields = dataclasses.fields(RectifierConfig)
        return RectifierConfig(**{field.name: getattr(self, field.name) for field in fields})

    def teachers(self) -> list[tuple[str, RectifierConfig]]:
        """Return what has to be trained first; see `study.learning.contract.Pupil`."""
        return [("rectifier", self.teacher)]


def preset(_profile: str, dataset: str) -> ConvertedConfig:
    """Return the settings for a data set, in all profiles alike."""
    return ConvertedConfig(**PRESETS.get(dataset, {}))


# Diehl et al. (2015): spikes as input, reset to zero, no head start.
_BALANCED: Settings = {
    "normalisation": "max",
    "input": "poisson",
    "reset": "zero",
    "initial": 0.0,
    "n_steps": 16,
}
_BY_WEIGHTS = Control("weights scaled by what they allow, not by activations", {
    "normalisation": "model",
})  # fmt: skip
# Rueckauer et al. (2017).
_ROBUST: Settings = {"percentile": 99.9, "initial": 0.0, "n_steps": 16}
_MAPS_ON_DIGITS: Settings = {**CONVOLUTION_ON_DIGITS, "n_steps": 8}

PUBLISHED = (
    Published(
        "Converted, 1200-1200 units, spikes as input", 0.986, "diehl2015weight", "mnist",
        _BALANCED, control=_BY_WEIGHTS,
    ),
    Published(
        "Converted, 12c5-2s-64c5-2s, spikes as input", 0.991, "diehl2015weight", "mnist",
        {**CONVOLUTION, **_BALANCED}, ("digits", _MAPS_ON_DIGITS), _BY_WEIGHTS,
    ),
    Published(
        "Converted, 12c5-2s-64c5-2s, currents as input", 0.9944, "rueckauer2017", "mnist",
        {**CONVOLUTION, **_ROBUST}, ("digits", _MAPS_ON_DIGITS), _BY_WEIGHTS,
    ),
    Published(
        "Converted from few levels, two steps", None, "bu2022", "mnist",
        {**FEW_LEVELS, "n_steps": 2}, ("digits", FEW_LEVELS_ON_DIGITS),
        Control("potentials start at zero", {"initial": 0.0}),
    ),
    Published(
        "Converted, one spike a neuron", None, "rueckauer2018", "mnist",
        {"method": "first_spike", "percentile": 99.9},
        control=Control("windows of one tick, so that times tell nothing", {"n_steps": 1}),
    ),
)  # fmt: skip
