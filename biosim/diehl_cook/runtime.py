"""Brian2's runtime engine, the reference: learning in one run, responses of many copies at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import brian2
import numpy as np
from brian2 import Hz, second, volt

from biosim.backend import Target, session
from biosim.diehl_cook.lesson import Lesson, Trained, brightest_hz, is_done, normalised
from biosim.diehl_cook.network import Layers, about_to_learn, layers, plastic
from biosim.diehl_cook.specification import DiehlCook
from biosim.diehl_cook.stimulus import Progress, Spikes, delay_steps


def learn(lesson: Lesson, progress: Progress, target: Target = "auto") -> Trained:
    """Return the network after a lesson, computed in one Brian2 run."""
    spec, n_in = lesson.spec, lesson.images.shape[1]
    with session(target=target, seed=lesson.seed, dt_s=spec.dt_s) as resolved:
        if lesson.spikes is None:
            inputs = brian2.PoissonGroup(n_in, np.zeros(n_in) * Hz, name="input")
        else:
            inputs = given_spikes(lesson)
        net = about_to_learn(spec, lesson.theta_v)
        synapses = plastic(spec, inputs, net.exc, lesson.weights, lesson.delays_s)
        show = _Show(lesson, inputs, net, synapses, progress)
        clock = brian2.NetworkOperation(show.tick, dt=show.tick_s * second, name="show")
        network = brian2.Network(inputs, synapses, clock, *net.objects())
        longest = len(lesson.order) * spec.max_presentations * (spec.present_s + spec.rest_s)
        network.run((longest + spec.dt_s) * second)
        return Trained(
            weights=normalised(spec, show.weights()),
            theta_v=show.theta_v,
            delays_s=lesson.delays_s,
            spikes=np.array(show.spikes, dtype=np.int64),
            presentations=np.array(show.presentations, dtype=np.int64),
            theta_mean_v=np.array(show.theta_mean_v),
            engine=f"brian2 {resolved}",
        )


def given_spikes(lesson: Lesson) -> brian2.SpikeGeneratorGroup:
    """Return the source of the spikes that a lesson prescribes."""
    assert lesson.spikes is not None
    spec, n_in = lesson.spec, lesson.images.shape[1]
    period = spec.present_steps + spec.rest_steps
    step = [k * period + np.asarray(step) for k, (step, _) in enumerate(lesson.spikes)]
    unit = [np.asarray(unit) for _, unit in lesson.spikes]
    times = np.concatenate(step) * spec.dt_s * second
    return brian2.SpikeGeneratorGroup(n_in, np.concatenate(unit), times, name="input")


@dataclass
class _Show:
    """Shows samples: sets rates, counts spikes, decides what comes next, and ends the run."""

    lesson: Lesson
    inputs: brian2.SpikeSource
    net: Layers
    synapses: brian2.Synapses
    progress: Progress
    spikes: list[int] = field(default_factory=list)
    presentations: list[int] = field(default_factory=list)
    theta_mean_v: list[float] = field(default_factory=list)
    ticks: int = 0
    shown: int = 0

    def __post_init__(self) -> None:
        spec = self.lesson.spec
        present, rest = spec.present_steps, spec.rest_steps
        tick = math.gcd(present, rest)
        self.tick_s = tick * spec.dt_s
        self.ticks_shown, self.period = present // tick, (present + rest) // tick

    def tick(self) -> None:
        phase = self.ticks % self.period
        self.ticks += 1
        if phase == 0:
            self._begin()
        elif phase == self.ticks_shown:
            self._end()

    def weights(self) -> np.ndarray:
        return np.array(self.synapses.w_[:]).reshape(self.lesson.weights.shape)

    def _begin(self) -> None:
        lesson, spec = self.lesson, self.lesson.spec
        if len(self.spikes) == len(lesson.order):
            # The step that ends the run is still computed, so that theta is taken before it.
            self.theta_v = np.array(self.net.exc.theta_[:])
            brian2.stop()
            return
        self.synapses.w_[:] = normalised(spec, self.weights()).ravel()
        self._set_rates(brightest_hz(spec, self.shown))
        self.net.exc.count_[:] = 0
        self.shown += 1

    def _end(self) -> None:
        self._set_rates(0.0)
        spikes = int(np.sum(self.net.exc.count_[:]))
        if not is_done(self.lesson.spec, spikes, self.shown):
            return
        self.spikes.append(spikes)
        self.presentations.append(self.shown)
        self.theta_mean_v.append(float(np.mean(self.net.exc.theta_[:])))
        self.shown = 0
        self.progress(len(self.spikes) / len(self.lesson.order), f"{spikes} spikes")

    def _set_rates(self, rate_hz: float) -> None:
        if self.lesson.spikes is None:
            image = self.lesson.images[self.lesson.order[len(self.spikes)]]
            self.inputs.rates_[:] = rate_hz * image


class FrozenNetwork:
    """Copies of the populations, driven by given input spikes; to be used inside a session.

    With weights, delays and thresholds frozen, samples are independent of each other, and what
    input spikes add to a neuron's conductance does not depend on the network: it is computed
    beforehand, and copies of the populations, one a sample, share the cost of Brian2's time
    steps.
    """

    def __init__(self, spec: DiehlCook, trained: Trained, copies: int) -> None:
        self.spec, self.copies = spec, copies
        self.n_steps = spec.present_steps
        self.weights = trained.weights
        delays = delay_steps(spec, trained.delays_s)
        # Place of a synapse's effect in the flattened [T, n_exc], relative to its spike's step.
        self._place = delays * spec.n_exc + np.arange(spec.n_exc)
        self._last = int(delays.max())
        self._layers: Layers = layers(spec, copies)
        self._layers.exc.theta = np.tile(trained.theta_v, copies) * volt
        feed = brian2.NetworkOperation(self._feed, when="synapses", name="feed")
        self._network = brian2.Network(feed, *self._layers.objects())
        self._network.store()

    def run(self, spikes: Sequence[Spikes]) -> tuple[np.ndarray, np.ndarray]:
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
        place = self._place[unit] + (step.astype(np.int64) * n_exc)[:, None]
        size = (self.n_steps + self._last) * n_exc
        arrived = np.bincount(place.ravel(), self.weights[unit].ravel(), size)
        return arrived[: self.n_steps * n_exc].reshape(self.n_steps, n_exc)

    def _feed(self) -> None:
        self._layers.exc.g_e_[:] += self._drive[self._step]
        self._step += 1
