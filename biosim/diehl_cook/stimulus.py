"""Input spikes, which all engines understand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from biosim.diehl_cook import kernel
from biosim.diehl_cook.specification import DiehlCook
from biosim.stimuli import whole_steps

Progress = Callable[[float, str], None]
# Steps and inputs [E] of the spikes of one presentation, in order of time.
Spikes = tuple[np.ndarray, np.ndarray]


def check_images(images: np.ndarray) -> None:
    """Raise ValueError unless images are ``[N, n_in]`` with values in 0..1."""
    if images.ndim != 2:
        raise ValueError(f"images must have the shape [N, n_in], not {list(images.shape)}")
    if images.size and not (images.min() >= 0 and images.max() <= 1):
        raise ValueError("intensities must lie in 0..1")


def delay_steps(spec: DiehlCook, delays_s: np.ndarray) -> np.ndarray:
    """Return delays as whole steps, rounded as Brian2 does."""
    return np.floor(delays_s / spec.dt_s + 0.5).astype(np.int64)


def poisson_spikes(spec: DiehlCook, rates_hz: np.ndarray, rng: np.random.Generator) -> Spikes:
    """Return steps and inputs ``[E]`` of the spikes of one presentation, in order of time.

    Parameters
    ----------
    spec
        Its ``present_s`` and ``dt_s``.
    rates_hz
        ``[n_in]`` rates; in each step an input fires at most once.
    rng
        Source of randomness.
    """
    n_steps = whole_steps(spec.present_s, spec.dt_s)
    probability = np.asarray(rates_hz, dtype=float) * spec.dt_s
    return kernel.poisson(probability, n_steps, rng)
