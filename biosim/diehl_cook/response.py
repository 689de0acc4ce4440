"""The responses of the trained network with learning off.

Input spikes are drawn before the network sees them, so that all engines get the same ones for
the same seed, and count the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from biosim.diehl_cook.engines import Engine, frozen
from biosim.diehl_cook.lesson import Trained, brightest_hz, is_done, plain_trained
from biosim.diehl_cook.specification import DiehlCook
from biosim.diehl_cook.stimulus import Progress, plain_images, poisson_spikes
from biosim.given import whole


@dataclass(frozen=True)
class Response:
    """How the frozen network answered.

    Parameters
    ----------
    counts
        ``[N, n_exc]`` spikes of the excitatory neurons in the last presentation of each sample:
        what classes are read from.
    input_spikes
        ``[N, n_in]`` spikes of each input in all presentations of a sample.
    excitatory_spikes, inhibitory_spikes
        ``[N]`` spikes of the populations in all presentations of a sample.
    presentations
        ``[N]`` how often each sample was shown until ``min_spikes`` came.
    batch_seconds
        Wall time of each batch, in the order simulated; the last batch of a pass may be smaller.
    batch
        Samples in a batch.
    engine
        What computed it.
    """

    counts: np.ndarray
    input_spikes: np.ndarray
    excitatory_spikes: np.ndarray
    inhibitory_spikes: np.ndarray
    presentations: np.ndarray
    batch_seconds: np.ndarray
    batch: int
    engine: str


def respond(
    spec: DiehlCook,
    trained: Trained,
    images: np.ndarray,
    seed: int,
    engine: Engine = "auto",
    batch: int = 64,
    progress: Progress = lambda _fraction, _note: None,
    threads: int = 1,
) -> Response:
    """Return the spike counts with learning off and theta constant.

    As in training, a sample that evokes fewer than ``min_spikes`` is shown again with more
    intensity, up to ``max_presentations`` times. Every presentation starts at rest.

    Parameters
    ----------
    spec
        Network and stimulus.
    trained
        Weights, delays and thresholds.
    images
        ``[N, n_in]`` intensities in 0..1.
    seed
        Determines the input spikes.
    engine
        What computes; see `biosim.diehl_cook.engines`.
    batch
        Samples between two calls of ``progress``. Brian2 simulates them side by side, which
        changes speed, not results.
    progress
        Called after each batch.
    threads
        Among which the compiled kernel shares the samples of a batch; results are the same bits.

    Raises
    ------
    ValueError
        If images have the wrong number of pixels or intensities outside 0..1, ``trained`` does not
        fit ``spec``, or the engine is unknown.

    Examples
    --------
    >>> spec = biosim.diehl_cook.DiehlCook(n_exc=10, weight_sum=20.0, max_rate_hz=250.0)
    >>> images, labels = np.kron(np.eye(4), np.ones(25)), np.arange(4)
    >>> trained = biosim.diehl_cook.train(spec, images, order=labels, seed=0)
    >>> counts = biosim.diehl_cook.respond(spec, trained, images, seed=1).counts
    >>> classes = biosim.diehl_cook.assign_labels(counts, labels, n_classes=4)
    >>> biosim.diehl_cook.classify(counts, classes, n_classes=4)
    array([0, 1, 2, 3])
    """
    images, seed = plain_images(images), whole("seed", seed, at_least=0)
    batch, threads = whole("batch", batch, at_least=1), whole("threads", threads, at_least=1)
    if images.shape[1] != len(trained.weights):
        raise ValueError(f"{images.shape[1]} pixels for {len(trained.weights)} inputs")
    trained = plain_trained(spec, trained, images.shape[1])
    rng = np.random.default_rng(seed)
    counts = np.zeros((len(images), spec.n_exc), dtype=np.int64)
    input_spikes = np.zeros(images.shape, dtype=np.int32)
    excitatory, inhibitory, shown = np.zeros((3, len(images)), dtype=np.int64)
    seconds = []
    with frozen(spec, trained, engine, batch, threads) as (network, engine_name):
        for samples, rate_hz in _presentations(spec, counts, batch):
            started = time.perf_counter()
            spikes = [poisson_spikes(spec, rate_hz * image, rng) for image in images[samples]]
            counts[samples], inhibitory_now = network.run(spikes)
            seconds.append(time.perf_counter() - started)
            input_spikes[samples] += [
                np.bincount(unit, minlength=len(trained.weights)) for _, unit in spikes
            ]
            excitatory[samples] += counts[samples].sum(axis=1)
            inhibitory[samples] += inhibitory_now
            shown[samples] += 1
            progress(np.count_nonzero(shown) / len(images), f"{len(samples)} samples")
    return Response(
        counts, input_spikes, excitatory, inhibitory, shown, np.array(seconds), batch, engine_name
    )


def _presentations(
    spec: DiehlCook, counts: np.ndarray, batch: int
) -> Iterator[tuple[np.ndarray, float]]:
    """Yield batches of samples and the rate of their brightest pixel, as ``counts`` get filled."""
    pending, shown = np.arange(len(counts)), 0
    while len(pending):
        for first in range(0, len(pending), batch):
            yield pending[first : first + batch], brightest_hz(spec, shown)
        shown += 1
        pending = np.array([k for k in pending if not is_done(spec, counts[k].sum(), shown)], int)
