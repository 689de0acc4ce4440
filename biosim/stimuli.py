"""Input currents and spike pairs, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class CurrentStep:
    """A current that is ``amplitude`` from ``onset_s`` to ``offset_s`` and zero elsewhere."""

    amplitude: float
    onset_s: float
    offset_s: float

    def sampled(self, dt_s: float, duration_s: float) -> np.ndarray:
        """Return the current of each time step, ``[T, 1]``.

        Raises
        ------
        ValueError
            If onset, offset or duration is not a multiple of ``dt_s``.
        """
        onset, offset, n_steps = (
            whole_steps(time_s, dt_s) for time_s in (self.onset_s, self.offset_s, duration_s)
        )
        current = np.zeros((n_steps, 1))
        current[onset:offset] = self.amplitude
        return current

    def at(self, time_s: float) -> float:
        """Return the current at a time."""
        return self.amplitude if self.onset_s <= time_s < self.offset_s else 0.0


def whole_steps(time_s: float, dt_s: float) -> int:
    """Return how many steps a time takes.

    Raises
    ------
    ValueError
        If ``dt_s`` is not positive or the time is not a multiple of it.
    """
    if dt_s <= 0:
        raise ValueError(f"dt_s must be positive, not {dt_s}")
    n_steps = round(time_s / dt_s)
    if abs(n_steps * dt_s - time_s) > 1e-6 * dt_s:
        raise ValueError(f"{time_s} s is not a multiple of dt_s = {dt_s} s")
    return n_steps
