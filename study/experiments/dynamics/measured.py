"""What is measured of a membrane: its response, its rates, spikes against expected ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    from biosim.neurons import Neuron
    from biosim.simulate import Recording
    from biosim.stimuli import Stimulus

Target = Literal["auto", "cython", "numpy"]
"""Engines of Brian2."""


class Stepped(Protocol):
    """Settings of a run under a step of current."""

    @property
    def duration_s(self) -> float:
        """Length of the run."""

    @property
    def target(self) -> Target:
        """Engine of Brian2."""


class Rated(Protocol):
    """Settings of the run that measures rates."""

    @property
    def rate_dt_s(self) -> float:
        """Time step."""

    @property
    def rate_duration_s(self) -> float:
        """Length of the run."""

    @property
    def target(self) -> Target:
        """Engine of Brian2."""


def response(
    neuron: Neuron | Sequence[Neuron],
    stimulus: Stimulus,
    config: Stepped,
    dt_s: float,
    record: Sequence[str] = ("v",),
) -> Recording:
    """Return what neurons do under a stimulus."""
    from biosim.simulate import simulate

    return simulate(
        neuron,
        stimulus,
        dt_s=dt_s,
        duration_s=config.duration_s,
        record=record,
        target=config.target,
    )


def rates_of(neuron: Neuron, current: np.ndarray, config: Rated) -> np.ndarray:
    """Return firing rates in the second half of a run of many neurons, in hertz."""
    from biosim.simulate import simulate

    run = simulate(
        neuron,
        current,
        dt_s=config.rate_dt_s,
        duration_s=config.rate_duration_s,
        record=(),
        target=config.target,
    )
    return run.rate_hz(from_s=config.rate_duration_s / 2)


def spike_metrics(found_s: np.ndarray, expected_s: np.ndarray) -> dict[str, Any]:
    """Compare spike by spike in order, as far as both trains go."""
    shared = min(len(found_s), len(expected_s))
    error_s = found_s[:shared] - expected_s[:shared]
    return {
        "n_spikes": len(found_s),
        "reference_spikes": len(expected_s),
        "max_spike_error_s": largest(error_s) if shared else None,
    }


def first_firing(rates: np.ndarray) -> int | None:
    """Return the place of the first rate above zero; None where nothing fires."""
    firing = np.flatnonzero(rates > 0)
    return int(firing[0]) if len(firing) else None


def onset(current: np.ndarray, rates: np.ndarray) -> dict[str, Any]:
    """Return the last silent and the first firing current, and the rate there."""
    first = first_firing(rates)
    if not first:
        return {"silent_current": None, "firing_current": None, "onset_rate_hz": None}
    return {
        "silent_current": float(current[first - 1]),
        "firing_current": float(current[first]),
        "onset_rate_hz": float(rates[first]),
    }


def largest(error: np.ndarray | Sequence[float]) -> float:
    """Return the largest absolute value."""
    return float(np.abs(error).max())
