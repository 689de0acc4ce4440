"""Settings of spiking LSTMs, and the paper whose tasks they do."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from study.learning.conditions import Conditions
from study.learning.published import Control, Published

if TYPE_CHECKING:
    from gradsim.lstm_training import LSTMTraining


@dataclass(frozen=True)
class CountedLSTMConfig:
    """An LSTM, its training, and the circuits that it becomes.

    Parameters
    ----------
    hidden
        Cells.
    limit
        Largest size of a cell's value in training.
    unit
        Weights are multiples of one over this power of two.
    window
        Ticks in which a value is told, in training (from where values are rounded) and by spikes.
    cell
        ``burst``: a cell sends up to ``limit`` spikes a tick. ``rate``: one, so that its value ends
        at 1; a control.
    products
        ``coincidence``, or ``exact``, which no circuit makes.
    late
        Share of a window by which gates are released behind other trains; a control where not 0.
    iterations, batch_size, learning_rate, real_share, validate_every
        Of `gradsim.lstm_training.LSTMTraining`.
    """

    hidden: int = 16
    limit: int = 4
    unit: int = 64
    window: int = 16
    cell: Literal["burst", "rate"] = "burst"
    products: Literal["coincidence", "exact"] = "coincidence"
    late: float = 0.0
    iterations: int = 600
    batch_size: int = 64
    learning_rate: float = 0.02
    real_share: float = 0.2
    validate_every: int = 50

    def __post_init__(self) -> None:
        for name in ("hidden", "limit", "unit", "window"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.late <= 1:
            raise ValueError(f"late must lie in 0..1, not {self.late}")

    def conditions(self, n_train: int, kind: str) -> Conditions:  # noqa: ARG002
        """Return under which conditions the network learns."""
        return Conditions(
            f"counts of spikes in windows of {self.window} ticks",
            f"{self.hidden} cells",
            self.iterations * self.batch_size,
            chosen="the iteration",
            step="a symbol",
        )

    def training(self) -> LSTMTraining:
        """Return how the LSTM is trained; raises ValueError for impossible settings."""
        from gradsim.lstm_training import LSTMTraining

        names = {field.name for field in dataclasses.fields(LSTMTraining)}
        settings = dataclasses.asdict(self)
        return LSTMTraining(**{name: settings[name] for name in names})

    def circuits(self) -> dict[str, Any]:
        """Return what `gradsim.counted_lstm.counted` wants."""
        return {
            "window": self.window,
            "lines": self.limit if self.cell == "burst" else 1,
            "late": ticks_late(self.late, self.window),
            "exact": self.products == "exact",
        }


LATE = 0.25  # of a window, in controls


def ticks_late(share: float, window: int) -> int:
    """Return ticks that are this share of a window at least.

    Examples
    --------
    >>> ticks_late(0.25, 16), ticks_late(0.25, 2), ticks_late(0.0, 16)
    (4, 1, 0)
    """
    return math.ceil(share * window)


_PRESETS: dict[str, dict[str, Any]] = {
    "parity": {"iterations": 500},
    "reber": {"learning_rate": 0.03},
}


def preset(_profile: str, dataset: str) -> CountedLSTMConfig:
    """Return the settings for a data set, in all profiles alike."""
    return CountedLSTMConfig(**_PRESETS.get(dataset, {}))


PUBLISHED = (
    Published(
        "Spiking LSTM, extended Reber grammar", None, "shrestha2017", "reber",
        small=("reber", {}), control=Control("cells in rate code", {"cell": "rate"}),
    ),
    Published(
        "Spiking LSTM, parity", None, "shrestha2017", "parity",
        small=None, control=Control("gates a quarter of a window late", {"late": LATE}),
    ),
)  # fmt: skip
