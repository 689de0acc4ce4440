"""Input spikes, which all engines understand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numba
import numpy as np

from biosim.diehl_cook.specification import DiehlCook

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
    probability = np.asarray(rates_hz, dtype=float) * spec.dt_s
    return poisson(probability, spec.present_steps, rng)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def poisson(probability: np.ndarray, n_steps: int, rng: np.random.Generator) -> Spikes:
    """Return steps and inputs of spikes, in order of time, with a probability in each step.

    Drawn from gap to gap, which are geometric, so that silent steps cost nothing.
    """
    n_active = np.count_nonzero(probability)
    drawn_step = np.empty(n_active * n_steps, np.int32)
    drawn_unit = np.empty(n_active * n_steps, np.int32)
    first = np.zeros(n_steps + 1, np.int64)
    n = 0
    for u in range(len(probability)):
        if probability[u] <= 0.0:
            continue
        scale = 1.0 / math.log1p(-min(probability[u], 1.0))
        t = 0
        while True:
            gap = math.log(1.0 - rng.random()) * scale
            if gap >= n_steps - t:
                break
            t += int(gap)
            drawn_step[n], drawn_unit[n] = t, u
            first[t + 1] += 1
            n += 1
            t += 1
    first = np.cumsum(first)
    step, unit = np.empty(n, np.int32), np.empty(n, np.int32)
    for k in range(n):
        at = first[drawn_step[k]]
        first[drawn_step[k]] += 1
        step[at], unit[at] = drawn_step[k], drawn_unit[k]
    return step, unit
