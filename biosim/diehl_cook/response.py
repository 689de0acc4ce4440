"""The responses of the frozen network, many samples at a time.

With weights, delays and thresholds frozen, samples are independent of each other, and what input
spikes add to a neuron's conductance does not depend on the network: it is computed beforehand,
and copies of the populations, one a sample, share the cost of Brian2's time steps. Counts are
the same as those of one network that sees one sample at a time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import brian2
import numpy as np
from brian2 import second, volt

from biosim.backend import Target, session
from biosim.diehl_cook.network import Layers, layers
from biosim.diehl_cook.specification import DiehlCook
from biosim.diehl_cook.training import Progress, Trained, check_images
from biosim.stimuli import whole_steps


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
        Wall time of each batch of ``copies`` samples, in the order simulated; the last batch of
        a pass may be smaller.
    copies
        Samples side by side.
    engine
        Brian2's code generation target that was used.
    """

    counts: np.ndarray
    input_spikes: np.ndarray
    excitatory_spikes: np.ndarray
    inhibitory_spikes: np.ndarray
    presentations: np.ndarray
    batch_seconds: np.ndarray
    copies: int
    engine: str


def respond(
    spec: DiehlCook,
    trained: Trained,
    images: np.ndarray,
    seed: int,
    target: Target = "auto",
    copies: int = 64,
    progress: Progress = lambda _fraction, _note: None,
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
    target
        How Brian2 computes.
    copies
        Samples that are simulated side by side; it changes speed, not results.
    progress
        Called after each batch.

    Raises
    ------
    ValueError
        If images have the wrong number of pixels or intensities outside 0..1.
    """
    check_images(images)
    if images.shape[1] != len(trained.weights):
        raise ValueError(f"{images.shape[1]} pixels for {len(trained.weights)} inputs")
    rng = np.random.default_rng(seed)
    counts = np.zeros((len(images), spec.n_exc), dtype=np.int64)
    input_spikes = np.zeros(images.shape, dtype=np.int32)
    excitatory, inhibitory, shown = np.zeros((3, len(images)), dtype=np.int64)
    seconds = []
    with session(target=target, seed=0, dt_s=spec.dt_s) as engine:
        network = FrozenNetwork(spec, trained, copies)
        for samples, rate_hz in _presentations(spec, counts, copies):
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
        counts, input_spikes, excitatory, inhibitory, shown, np.array(seconds), copies, engine
    )


def _presentations(
    spec: DiehlCook, counts: np.ndarray, copies: int
) -> Iterator[tuple[np.ndarray, float]]:
    """Yield batches of samples and the rate of their brightest pixel, as ``counts`` get filled."""
    pending = np.arange(len(counts))
    for repeat in range(spec.max_presentations):
        for first in range(0, len(pending), copies):
            yield pending[first : first + copies], spec.max_rate_hz + repeat * spec.extra_rate_hz
        pending = pending[counts[pending].sum(axis=1) < spec.min_spikes]


def poisson_spikes(
    spec: DiehlCook, rates_hz: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
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
    step, unit = np.nonzero(rng.random((n_steps, len(rates_hz))) < rates_hz * spec.dt_s)
    return step, unit


class FrozenNetwork:
    """Copies of the populations, driven by given input spikes; to be used inside a session."""

    def __init__(self, spec: DiehlCook, trained: Trained, copies: int) -> None:
        self.spec, self.copies = spec, copies
        self.n_steps = whole_steps(spec.present_s, spec.dt_s)
        self.weights = trained.weights
        delay_steps = np.rint(trained.delays_s / spec.dt_s).astype(np.int64)
        # Place of a synapse's effect in the flattened [T, n_exc], relative to its spike's step.
        self._place = delay_steps * spec.n_exc + np.arange(spec.n_exc)
        self._last = int(delay_steps.max())
        self._layers: Layers = layers(spec, copies)
        self._layers.exc.theta = np.tile(trained.theta_v, copies) * volt
        feed = brian2.NetworkOperation(self._feed, when="synapses", name="feed")
        self._network = brian2.Network(feed, *self._layers.objects())
        self._network.store()

    def run(self, spikes: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
        """Return counts ``[B, n_exc]`` and inhibitory spikes ``[B]`` of up to ``copies`` samples.

        Parameters
        ----------
        spikes
            Steps and inputs of the spikes of each sample.
        """
        n_exc = self.spec.n_exc
        self._drive = np.zeros((self.n_steps, self.copies * n_exc))
        for copy, (step, unit) in enumerate(spikes):
            self._drive[:, copy * n_exc : (copy + 1) * n_exc] = self._conductance(step, unit)
        self._step = 0
        self._network.restore()
        self._network.run(self.n_steps * self.spec.dt_s * second)
        counts, inhibitory = (
            np.array(group.count_[:]).reshape(self.copies, n_exc)[: len(spikes)]
            for group in (self._layers.exc, self._layers.inh)
        )
        return counts, inhibitory.sum(axis=1)

    def _conductance(self, step: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """Return what arrives at each neuron in each step, ``[T, n_exc]``."""
        n_exc = self.spec.n_exc
        place = self._place[unit] + (step * n_exc)[:, None]
        size = (self.n_steps + self._last) * n_exc
        arrived = np.bincount(place.ravel(), self.weights[unit].ravel(), size)
        return arrived[: self.n_steps * n_exc].reshape(self.n_steps, n_exc)

    def _feed(self) -> None:
        self._layers.exc.g_e_[:] += self._drive[self._step]
        self._step += 1
