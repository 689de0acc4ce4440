"""What is shown to which network, and what becomes of it: the same for all engines.

A sample is presented for ``present_s``, with the brightest pixel at `brightest_hz`, and silence
follows for ``rest_s``; that is repeated until it `is_done` (paper, section 2.6). Weights are
`normalised` before each presentation. Engine "standalone" says the same in Brian2's words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from biosim import plasticity
from biosim.diehl_cook.specification import DiehlCook
from biosim.diehl_cook.stimulus import Spikes
from biosim.given import numbers


@dataclass(frozen=True)
class Lesson:
    """Everything that determines what is learned.

    Parameters
    ----------
    spec
        Network, stimulus and rule.
    images
        ``[N, n_in]`` intensities in 0..1.
    order
        ``[P]`` indices of the images in the order in which they are shown.
    weights, delays_s
        ``[n_in, n_exc]`` of the synapses from inputs, at the beginning; seconds.
    theta_v
        ``[n_exc]`` adaptive part of the thresholds at the beginning, volts.
    seed
        Determines the input spikes.
    spikes
        Input spikes of each presentation, repeated ones included, in place of drawn ones;
        silence where they end.
    """

    spec: DiehlCook
    images: np.ndarray
    order: np.ndarray
    weights: np.ndarray
    delays_s: np.ndarray
    theta_v: np.ndarray
    seed: int
    spikes: Sequence[Spikes] | None = None


@dataclass(frozen=True)
class Trained:
    """What was learned, and how.

    Parameters
    ----------
    weights
        ``[n_in, n_exc]``; the weights of each neuron sum to ``weight_sum``.
    theta_v
        ``[n_exc]`` adaptive part of the thresholds, volts.
    delays_s
        ``[n_in, n_exc]`` delays of input spikes, seconds.
    spikes
        ``[P]`` excitatory spikes in the last presentation of each sample, in the order shown.
    presentations
        ``[P]`` how often each sample was shown.
    theta_mean_v
        ``[P]`` mean of theta after each sample, volts.
    engine
        What computed it.
    """

    weights: np.ndarray
    theta_v: np.ndarray
    delays_s: np.ndarray
    spikes: np.ndarray
    presentations: np.ndarray
    theta_mean_v: np.ndarray
    engine: str


def plain_trained(spec: DiehlCook, trained: Trained, n_in: int, name: str = "trained") -> Trained:
    """Return a network with float64 weights, delays and thresholds.

    Raises
    ------
    ValueError
        If they do not have the shapes of the specification, are not finite, or a delay is negative
        or longer than the silence between presentations.
    """
    shape = n_in, spec.n_exc
    plain: dict[str, Any] = {}
    for part, expected in (("weights", shape), ("delays_s", shape), ("theta_v", shape[1:])):
        plain[part] = numbers(f"{part} of {name}", getattr(trained, part))
        if plain[part].shape != expected:
            raise ValueError(f"{name} has {part} {plain[part].shape}, not {expected}")
    delays_s = plain["delays_s"]
    if delays_s.size and not 0 <= delays_s.min() <= delays_s.max() <= spec.rest_s:
        raise ValueError(f"{name} has delays_s outside 0..rest_s = {spec.rest_s:g} s")
    return replace(trained, **plain)


def normalised(spec: DiehlCook, weights: np.ndarray) -> np.ndarray:
    """Return weights ``[n_in, n_exc]`` scaled so that those of each neuron sum to a constant."""
    return plasticity.normalised(weights, spec.weight_sum)


def brightest_hz(spec: DiehlCook, shown: int) -> float:
    """Return the rate of a pixel of 1 in a presentation, after ``shown`` others of the sample."""
    return spec.max_rate_hz + shown * spec.extra_rate_hz


def is_done(spec: DiehlCook, spikes: int, shown: int) -> bool:
    """Return whether a sample is left that last evoked so many spikes and was shown so often."""
    return spikes >= spec.min_spikes or shown >= spec.max_presentations
