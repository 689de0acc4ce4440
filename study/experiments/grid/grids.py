"""Grids of four settings, as data: the thesis's three, a small one, and one for any other data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from study.learners.surrogate_config import SPYTORCH, SurrogateConfig, preset

Level = int | float


def level_text(level: object) -> str:
    """Return a level for people; those of settings that are no numbers are texts."""
    number = isinstance(level, int | float) and not isinstance(level, bool)
    return f"{level:g}" if number else str(level)


@dataclass(frozen=True)
class Axis:
    """One setting of a grid.

    Parameters
    ----------
    name
        In words.
    fields
        Fields of the configuration that take the same value.
    levels
        Their values, from low to high.
    """

    name: str
    fields: tuple[str, ...]
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class Grid:
    """A full factorial of settings on one data set.

    Parameters
    ----------
    axes
        What is varied.
    base
        Where the fixed settings differ from the preset of the data set.
    """

    axes: tuple[Axis, ...]
    base: Mapping[str, Any] = field(default_factory=dict)

    def settings(self) -> list[dict[str, Level]]:
        """Return the settings of every run, by field.

        They come in blocks that are each an orthogonal fraction of the whole, so that a grid cut
        short still tells the settings apart: with four axes of three levels, the first 9 runs are
        Taguchi's L9 array and the first 27 a 3^(4-1) fraction.
        """
        points = sorted(product(*(enumerate(axis.levels) for axis in self.axes)), key=self._block)
        return [
            {
                name: level
                for axis, (_, level) in zip(self.axes, point, strict=True)
                for name in axis.fields
            }
            for point in points
        ]

    def fraction(self) -> list[dict[str, Level]]:
        """Return the first third of three-level settings, the first half of two-level ones."""
        found = self.settings()
        return found[: len(found) // max(len(axis.levels) for axis in self.axes)]

    def _block(self, point: tuple[tuple[int, Level], ...]) -> tuple[int, int]:
        index = [place for place, _ in point] + [0] * 4
        a, b, c, d = index[:4]
        size = max(len(axis.levels) for axis in self.axes)
        return (a + b + c) % size, (a + 2 * b + d) % size


PENALTY = "activity penalty"


def _axes(
    hidden: tuple[int, ...],
    n_steps: tuple[int, ...],
    slope: tuple[float, ...],
    penalty: tuple[float, ...],
    penalised: tuple[str, ...] = ("l1", "l2"),
) -> tuple[Axis, ...]:
    return (
        Axis("hidden neurons", ("hidden",), hidden),
        Axis("time steps", ("n_steps",), n_steps),
        Axis("surrogate slope", ("slope",), slope),
        Axis(PENALTY, penalised, penalty),
    )


# The thesis prints results, not its levels: they are those that its text names, completed by the
# defaults of the SpyTorch tutorials that it repackages (3, 4 and 5) and one step to either side.
# Its number of epochs is not stated; on speech it is that of the tutorial.
FASHION = Grid(
    _axes((50, 100, 150), (80, 100, 120), (80.0, 100.0, 120.0), (1e-6, 1e-5, 1e-4)),
    SPYTORCH | {"weight_scale": 0.2, "optimiser": "adamax", "epochs": 30, "l1": 1e-5, "l2": 1e-5},
)
SPEECH = Grid(_axes((100, 150, 200), (80, 100, 120), (80.0, 100.0, 120.0), (1e-6, 2e-6, 3e-6)))
TOUCH = Grid(
    _axes(
        (100, 200, 300), (76, 152, 228), (10.0, 20.0, 30.0), (1e-4, 1e-3, 1e-2), ("mean_activity",)
    ),
    {"mean_activity": 1e-3},
)
# Proves the machinery on the embedded digits; 25 steps cut off the dimmest pixels' spikes.
SMALL = Grid(_axes((25, 100), (25, 50), (5.0, 100.0), (1e-5, 1e-3)), {"epochs": 6})

GRIDS = {
    "fashion-mnist": FASHION,
    "mnist": FASHION,
    "shd": SPEECH,
    "hd-spikes": SPEECH,
    "tbl": TOUCH,
    "digits": SMALL,
}


def grid_of(dataset: str) -> Grid:
    """Return the grid of a data set; for one unknown, three levels around its preset."""
    return GRIDS.get(dataset) or _around(preset("", dataset))


def _around(config: SurrogateConfig) -> Grid:
    def counts(value: int) -> tuple[int, ...]:
        return (max(1, value // 2), value, 2 * value)

    slopes = (config.slope / 5, config.slope, config.slope * 5)
    return Grid(_axes(counts(config.hidden), counts(config.n_steps), slopes, (1e-5, 1e-4, 1e-3)))


def base_of(dataset: str) -> SurrogateConfig:
    """Return the settings that a grid's runs share."""
    return dataclasses.replace(preset("", dataset), **grid_of(dataset).base)
