"""Input spikes, which all engines understand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from biosim.diehl_cook.specification import DiehlCook
from biosim.given import indices, numbers
from biosim.jit import compiled
from biosim.limits import check_rate

Progress = Callable[[float, str], None]
# Steps and inputs [E] of the spikes of one presentation, in order of time.
Spikes = tuple[np.ndarray, np.ndarray]


def plain_images(images: ArrayLike) -> np.ndarray:
    """Return images ``[N, n_in]`` as float64, or float32 where they are that.

    Raises
    ------
    ValueError
        If they have another shape or values outside 0..1.
    """
    plain = numbers("images", images)
    if plain.ndim != 2:
        raise ValueError(f"images must have the shape [N, n_in], not {list(plain.shape)}")
    if plain.size and not (plain.min() >= 0 and plain.max() <= 1):
        raise ValueError("intensities must lie in 0..1")
    single = np.asarray(images).dtype in (np.dtype("<f4"), np.dtype(">f4"))
    return plain.astype(np.float32) if single else plain


def plain_spikes(spikes: Spikes, n_in: int) -> Spikes:
    """Return the steps and inputs of one presentation as int32, in order of time.

    Raises
    ------
    ValueError
        If they differ in number, a step is negative, or there is no such input.
    """
    if len(spikes) != 2:
        raise ValueError("spikes of a presentation must be two arrays: steps and inputs")
    step = indices("steps of spikes", spikes[0], 2**31, ndim=1)
    unit = indices("inputs of spikes", spikes[1], n_in, ndim=1)
    if len(step) != len(unit):
        raise ValueError(f"{len(step)} steps of spikes, but {len(unit)} inputs")
    order = np.argsort(step, kind="stable")
    return step[order].astype(np.int32), unit[order].astype(np.int32)


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

    Raises
    ------
    ValueError
        If a rate is negative, or too high to be drawn in steps.
    """
    rates = numbers("rates_hz", rates_hz, ndim=1)
    for rate_hz in (rates.min(initial=0), rates.max(initial=0)):
        check_rate(rate_hz, spec.dt_s, "a rate")
    probability = rates * spec.dt_s
    return poisson(probability, spec.present_steps, rng)


@compiled()
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
