"""Settings of the network without spikes that conversion begins with.

Networks are written as their papers write them, without the output: ``1200-1200`` are two dense
layers (Diehl et al. 2015), ``12c5-2s-64c5-2s`` is 12 maps of 5 x 5 kernels, pools of 2 x 2 that
take the mean, and both again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from study.learning.conditions import Conditions

PART = re.compile(r"(?P<size>[1-9]\d*)(?:(?P<pooling>s)|c(?P<kernel>[1-9]\d*))?")


class Part(NamedTuple):
    """A layer: ``size`` units or maps, or the side of a pool; ``kernel`` is the side of kernels."""

    kind: Literal["dense", "maps", "pool"]
    size: int
    kernel: int = 0


@dataclass(frozen=True)
class RectifierConfig:
    """A network of rectifiers, Adam in one cycle, cross entropy.

    Parameters
    ----------
    architecture
        Hidden layers: ``N`` units, ``NcK`` maps of K x K kernels, ``Ks`` pools; see the module.
    activation
        ``relu``, or ``qcfs``: a rectifier of few levels (Bu et al. 2022; `gradsim.QCFS`).
    levels, threshold
        Of ``qcfs``: the levels above 0, and the initial value of the largest, which is learned.
    bias
        Whether units have one; without it a black image leaves all silent.
    dropout, input_dropout
        Shares that are left out in front of each dense layer but the first, and of the input.
    shift_pixels, rotation_deg
        How far each image is moved and turned at most while the network learns, anew each time.
    learning_rate
        The highest, of Adam: it rises for a fifth of all updates and falls for the others.
    epochs, batch_size
        Of training; the epoch with the best validation accuracy is kept, the last of several.
    """

    architecture: str = "1200-1200"
    activation: Literal["relu", "qcfs"] = "relu"
    levels: int = 4
    threshold: float = 2.0
    bias: bool = False
    dropout: float = 0.1
    input_dropout: float = 0.0
    shift_pixels: float = 1.5
    rotation_deg: float = 10.0
    learning_rate: float = 2e-3
    epochs: int = 14
    batch_size: int = 128

    def __post_init__(self) -> None:
        self.parts()
        for name in ("levels", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("threshold", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        for name in ("dropout", "input_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in 0..1, below 1, not {getattr(self, name)}")
        for name in ("shift_pixels", "rotation_deg"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")

    def conditions(self, n_train: int, kind: str) -> Conditions:  # noqa: ARG002
        """Return under which conditions the network learns."""
        return Conditions("brightness", self.architecture, self.epochs * n_train)

    def parts(self) -> list[Part]:
        """Return the hidden layers.

        Raises
        ------
        ValueError
            If the architecture has another form.

        Examples
        --------
        >>> RectifierConfig("12c5-2s-100").parts()[:2]
        [Part(kind='maps', size=12, kernel=5), Part(kind='pool', size=2, kernel=0)]
        """
        found = [PART.fullmatch(text) for text in self.architecture.split("-")]
        kinds = ["" if part is None else _kind(part) for part in found]
        in_order = kinds == sorted(kinds, key=lambda kind: kind == "dense")
        if "" in kinds or kinds[0] == "pool" or not in_order:
            raise ValueError(
                "architecture must be hidden layers such as 1200-1200 or 12c5-2s-64c5-2s, maps "
                f"first and then dense layers, not {self.architecture!r}"
            )
        return [_part(part) for part in found if part]


def _kind(found: re.Match[str]) -> Literal["dense", "maps", "pool"]:
    return "pool" if found["pooling"] else "maps" if found["kernel"] else "dense"


def _part(found: re.Match[str]) -> Part:
    return Part(_kind(found), int(found["size"]), int(found["kernel"] or 0))


Settings = dict[str, Any]

_DIGITS: Settings = {
    "shift_pixels": 0.0,
    "rotation_deg": 0.0,
    "learning_rate": 5e-3,
    "epochs": 20,
    "batch_size": 64,
}
# The network of Diehl et al. (2015); of mnist, as found on its validation samples.
PRESETS: dict[str, Settings] = {"digits": {"architecture": "100-100", **_DIGITS}}
# Their network of maps.
CONVOLUTION: Settings = {
    "architecture": "12c5-2s-64c5-2s",
    "bias": True,
    "shift_pixels": 2.0,
    "learning_rate": 5e-3,
    "epochs": 12,
}
CONVOLUTION_ON_DIGITS: Settings = {
    **_DIGITS,
    "architecture": "16c3-32c3-2s",
    "bias": True,
    "learning_rate": 1e-2,
    "epochs": 12,
}
# A network of few levels for few steps (Bu et al. 2022).
FEW_LEVELS: Settings = {
    "architecture": "400-400",
    "activation": "qcfs",
    "dropout": 0.05,
    "epochs": 10,
}
FEW_LEVELS_ON_DIGITS: Settings = {**FEW_LEVELS, "architecture": "100-100", **_DIGITS}


def preset(_profile: str, dataset: str) -> RectifierConfig:
    """Return the settings for a data set, in all profiles alike."""
    return RectifierConfig(**PRESETS.get(dataset, {}))
