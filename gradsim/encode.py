"""Encoders: numbers or recorded spike times in, `SpikeEvents` out; never a dense tensor.

Intensities are ``[B, ...]`` in 0..1; all axes but the first are flattened to units.
"""

from __future__ import annotations

import numpy as np

from gradsim.events import SpikeEvents

# An 8-bit pixel at the threshold may lie above it by float32 rounding, where the logarithm has
# its pole.
POLE_MARGIN = 1e-7


def latency(
    intensity: np.ndarray,
    n_steps: int,
    tau_s: float = 20e-3,
    threshold: float = 0.2,
    dt_s: float = 1e-3,
) -> SpikeEvents:
    """Return one spike a unit at the time a charging membrane first reaches the threshold.

    ``T(x) = tau ln(x / (x - threshold))``, rounded down to whole steps. Units with
    ``x <= threshold`` and those that would fire after the last step stay silent. With the
    defaults and 8-bit pixels all spikes lie in steps 4 to 79, whatever ``n_steps >= 80``.

    Parameters
    ----------
    intensity
        ``[B, ...]`` in 0..1, taken as a constant input current.
    n_steps
        Length of the grid.
    tau_s, dt_s
        Membrane time constant and step in seconds.
    threshold
        Above 0 and below 1.

    References
    ----------
    SpyTorch tutorial 2, ``current2firing_time``; Neftci, Mostafa & Zenke 2019.
    """
    current = _flat(intensity)
    if not 0 < threshold < 1 or tau_s <= 0 or dt_s <= 0:
        raise ValueError(
            f"latency needs 0 < threshold < 1 and positive times, not threshold={threshold}, "
            f"tau_s={tau_s}, dt_s={dt_s}"
        )
    fires = current > threshold + POLE_MARGIN
    safe = np.where(fires, current, 1.0)
    step = np.floor(tau_s / dt_s * np.log(safe / (safe - threshold))).astype(np.int64)
    return _one_spike(step, fires & (step < n_steps), n_steps)


def linear_latency(intensity: np.ndarray, n_steps: int, threshold: float = 0.0) -> SpikeEvents:
    """Return one spike a unit at ``round((1 - x) (n_steps - 1))``, none where x <= threshold."""
    value = _flat(intensity)
    step = np.rint((1 - value) * (n_steps - 1)).astype(np.int64)
    return _one_spike(step, value > threshold, n_steps)


def rate(
    intensity: np.ndarray,
    n_steps: int,
    rng: np.random.Generator,
    max_rate_hz: float = 100.0,
    dt_s: float = 1e-3,
) -> SpikeEvents:
    """Return Poisson-like spikes, each step by chance ``x max_rate_hz dt_s``, independently.

    Raises
    ------
    ValueError
        If the chance exceeds 1.
    """
    chance = _flat(intensity) * max_rate_hz * dt_s
    if chance.size and not 0 <= chance.max() <= 1:
        raise ValueError(
            f"max_rate_hz * dt_s must keep the chance of a spike in 0..1, not {chance.max():g}"
        )
    # One sample at a time: the grid of all of them may not fit in memory.
    cells = [np.nonzero(rng.random((n_steps, len(row))) < row) for row in chance]
    counts = [len(step) for step, _ in cells]
    return SpikeEvents(
        np.concatenate([step for step, _ in cells] or [np.empty(0, np.int64)]),
        np.concatenate([unit for _, unit in cells] or [np.empty(0, np.int64)]),
        np.concatenate(([0], np.cumsum(counts, dtype=np.int64))),
        chance.shape[1],
        n_steps,
    )


def bin_events(
    time_s: np.ndarray,
    unit: np.ndarray,
    offsets: np.ndarray,
    n_units: int,
    duration_s: float,
    n_steps: int,
) -> SpikeEvents:
    """Return recorded spikes on a grid that divides ``duration_s`` into ``n_steps`` steps.

    A spike at exactly ``duration_s`` belongs to the last step. A step of the grid is
    ``duration_s / n_steps`` of recorded time; whether the network's ``dt_s`` equals it is the
    caller's choice.

    Raises
    ------
    ValueError
        If a time lies outside ``[0, duration_s]``.
    """
    if len(time_s) and not (time_s.min() >= 0 and time_s.max() <= duration_s):
        raise ValueError(
            f"spike times must lie in 0..{duration_s:g} s, not {time_s.min():g}..{time_s.max():g}"
        )
    step = np.floor(np.asarray(time_s, np.float64) * (n_steps / duration_s)).astype(np.int64)
    return SpikeEvents(
        np.minimum(step, n_steps - 1), unit.astype(np.int64), offsets, n_units, n_steps
    )


def _flat(intensity: np.ndarray) -> np.ndarray:
    values = np.asarray(intensity, np.float64).reshape(len(intensity), -1)
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(
            f"intensities must lie in 0..1, not {values.min():g}..{values.max():g}; scale them"
        )
    return values


def _one_spike(step: np.ndarray, fires: np.ndarray, n_steps: int) -> SpikeEvents:
    sample, unit = np.nonzero(fires)
    offsets = np.concatenate(([0], np.cumsum(fires.sum(axis=1))))
    return SpikeEvents(step[sample, unit], unit, offsets, step.shape[1], n_steps)
