"""What systems leave to be looked at, under known names: curves, filters, rasters, reconstructions.

A learner returns these in its `study.learning.contract.Artefacts`; they lie in a trial's arrays
under the names that are written down here, and `study.analysis.artefacts` draws each for any
system by one function.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Curve:
    """How learning went, one value a point of time; what was not followed is empty.

    Parameters
    ----------
    seen
        Samples seen so far, or epochs where ``unit`` says so, ``[P]``.
    loss, train, validation
        The loss, and the task's own score on training and validation samples, each ``[P]`` or
        empty.
    """

    seen: np.ndarray
    loss: np.ndarray
    train: np.ndarray
    validation: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that keep it."""
        return {f"curve_{name}": getattr(self, name) for name in CURVE if len(getattr(self, name))}


CURVE = ("seen", "loss", "train", "validation")


@dataclass(frozen=True)
class Filters:
    """What units answer to, as images ``[n, h, w]``."""

    images: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that keep it."""
        return {"filters": self.images}


@dataclass(frozen=True)
class Raster:
    """Spikes of a layer for a few samples, all in one list.

    Parameters
    ----------
    layer
        Its name.
    step, unit
        ``[E]`` when and who; sample ``n`` owns ``offsets[n]:offsets[n + 1]``.
    offsets
        ``[N + 1]``.
    """

    layer: str
    step: np.ndarray
    unit: np.ndarray
    offsets: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that keep it."""
        parts = {"step": self.step, "unit": self.unit, "offsets": self.offsets}
        return {f"example_{self.layer}_{name}": value for name, value in parts.items()}


@dataclass(frozen=True)
class Reconstructions:
    """Signals and what a system made of them, ``[n, ...]`` each."""

    originals: np.ndarray
    rebuilt: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays that keep it."""
        return {"originals": self.originals, "rebuilt": self.rebuilt}


Named: TypeAlias = Curve | Filters | Raster | Reconstructions

NONE = np.zeros(0)
# How curves were kept before they had names in common: one value an epoch, or a few on the way.
_EPOCHS = {"loss": "loss", "train": "train_accuracy", "validation": "validation_accuracy"}
_ON_THE_WAY = {"seen": "history_seen", "validation": "history_accuracy"}


def curve(arrays: Arrays) -> Curve | None:
    """Return how learning went in a trial, None where it was not followed.

    Examples
    --------
    >>> curve({"validation_accuracy": np.array([0.5, 0.8])}).seen
    array([1, 2])
    """
    for names in ({name: f"curve_{name}" for name in CURVE}, _ON_THE_WAY, _EPOCHS):
        found = {part: arrays[name] for part, name in names.items() if name in arrays}
        followed = [values for part, values in found.items() if part != "seen" and len(values)]
        if followed:
            found.setdefault("seen", np.arange(len(followed[0])) + 1)
            return Curve(**{part: found.get(part, NONE) for part in CURVE})
    return None


def filters(arrays: Arrays) -> Filters | None:
    """Return the filters of a trial, if it left any.

    Before they had a name in common they were kept as ``weights`` ``[h * w, n]`` of square images.
    """
    if "filters" in arrays or "weights" not in arrays:
        return Filters(arrays["filters"]) if "filters" in arrays else None
    side = math.isqrt(len(arrays["weights"]))
    return Filters(arrays["weights"].T.reshape(-1, side, side))


def rasters(arrays: Arrays) -> list[Raster]:
    """Return the rasters of a trial by layer, in the order in which they were left."""
    prefix, suffix = "example_", "_offsets"
    layers = [
        name.removeprefix(prefix).removesuffix(suffix)
        for name in arrays
        if name.startswith(prefix) and name.endswith(suffix)
    ]
    return [
        Raster(layer, *(arrays[f"{prefix}{layer}_{part}"] for part in ("step", "unit", "offsets")))
        for layer in layers
    ]


def reconstructions(arrays: Arrays) -> Reconstructions | None:
    """Return what a trial rebuilt, if it did."""
    if not {"originals", "rebuilt"} <= arrays.keys():
        return None
    return Reconstructions(arrays["originals"], arrays["rebuilt"])
