"""Learning: images shown one after the other to the plastic network, by any engine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from biosim.diehl_cook.engines import Engine, learn
from biosim.diehl_cook.lesson import Lesson, Trained, normalised, plain_trained
from biosim.diehl_cook.specification import DiehlCook
from biosim.diehl_cook.stimulus import Progress, Spikes, plain_images, plain_spikes
from biosim.given import indices, whole


def train(
    spec: DiehlCook,
    images: np.ndarray,
    order: np.ndarray,
    seed: int,
    engine: Engine = "auto",
    *,
    start: Trained | None = None,
    spikes: Sequence[Spikes] | None = None,
    progress: Progress = lambda _fraction, _note: None,
) -> Trained:
    """Return the network after it has seen images.

    Parameters
    ----------
    spec
        Network, stimulus and rule.
    images
        ``[N, n_in]`` intensities in 0..1.
    order
        ``[P]`` indices of the images in the order in which they are shown; none leaves the
        network as it starts.
    seed
        Determines initial weights, delays and input spikes.
    engine
        What computes; see `biosim.diehl_cook.engines`.
    start
        A network to go on from, with its weights, delays and theta; None for a fresh one.
    spikes
        Input spikes of each presentation, repeated ones included, as steps and inputs in order
        of time, in place of Poisson spikes; silence where they end.
    progress
        Called after each sample.

    Raises
    ------
    ValueError
        If an image has intensities outside 0..1, ``order`` is out of range or a mask, ``start``
        has another shape, or the engine is unknown.
    RuntimeError
        If the engine needs a C++ compiler and there is none.

    Examples
    --------
    >>> spec = biosim.diehl_cook.DiehlCook(n_exc=10, weight_sum=20.0, max_rate_hz=250.0)
    >>> images = np.kron(np.eye(4), np.ones(25))
    >>> trained = biosim.diehl_cook.train(spec, images, order=np.arange(4), seed=0)
    >>> trained.weights.shape, trained.weights.sum(axis=0).max().round(6).item()
    ((100, 10), 20.0)
    """
    images, seed = plain_images(images), whole("seed", seed, at_least=0)
    order = indices("order of images", order, len(images), ndim=1)
    if spikes is not None:
        spikes = [plain_spikes(shown, images.shape[1]) for shown in spikes]
    rng = np.random.default_rng(seed)
    shape = images.shape[1], spec.n_exc
    if start is None:
        weights = normalised(spec, spec.initial_weight * (rng.random(shape) + 0.01))
        delays_s = spec.max_delay_s * rng.random(shape)
        theta_v = np.full(spec.n_exc, spec.theta_start_v)
    else:
        start = plain_trained(spec, start, shape[0], "start")
        weights, delays_s, theta_v = start.weights, start.delays_s, start.theta_v
    input_seed = int(rng.integers(2**32))
    if not len(order):
        nothing = np.zeros(0, np.int64)
        return Trained(weights, theta_v, delays_s, nothing, nothing, np.zeros(0), "untrained")
    lesson = Lesson(spec, images, order, weights, delays_s, theta_v, input_seed, spikes)
    return learn(lesson, engine, progress)
