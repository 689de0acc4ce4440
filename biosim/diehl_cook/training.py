"""Learning: images shown one after the other to the plastic network, in one Brian2 run.

The rule of the published code, a triplet rule (Pfister & Gerstner 2006) with nearest-spike
traces. A nearest-spike trace is a function of the time since the last spike, so that nothing
needs to be integrated:

    x = exp(-(t - t_pre) / tau_pre),  y1 = exp(-(t - t_post) / tau_post),
    y2 = exp(-(t - t_post) / tau_post_slow)

    input spike arrives:  w <- max(w - rate_pre y1, 0)
    neuron fires:         w <- min(w + rate_post x y2, w_max),  y2 before this spike

with t_pre the time at which the delayed input spike arrives at this synapse. One that arrives in
the step in which the neuron fires counts as having come before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import brian2
import numpy as np
from brian2 import Hz, second, volt

from biosim.backend import Target, session
from biosim.diehl_cook.network import Layers, layers
from biosim.diehl_cook.specification import DiehlCook
from biosim.stimuli import whole_steps

Progress = Callable[[float, str], None]

_ON_INPUT = """
g_e_post += w
arrival = t
w = clip(w - rate_pre * exp((last_spike_post - t) / tau_post), 0, w_max)
"""
_ON_SPIKE = """
gain = rate_post * exp((arrival - t) / tau_pre + (last_spike_post - t) / tau_post_slow)
w = clip(w + gain, 0, w_max)
"""


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
        Brian2's code generation target that was used.
    """

    weights: np.ndarray
    theta_v: np.ndarray
    delays_s: np.ndarray
    spikes: np.ndarray
    presentations: np.ndarray
    theta_mean_v: np.ndarray
    engine: str


def train(
    spec: DiehlCook,
    images: np.ndarray,
    order: np.ndarray,
    seed: int,
    target: Target = "auto",
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
        ``[P]`` indices of the images in the order in which they are shown.
    seed
        Determines initial weights, delays and input spikes.
    target
        How Brian2 computes.
    progress
        Called after each sample.

    Raises
    ------
    ValueError
        If an image has intensities outside 0..1, or ``order`` is empty or out of range.
    """
    check_images(images)
    if not len(order) or not 0 <= np.min(order) <= np.max(order) < len(images):
        raise ValueError(f"order must hold indices of the {len(images)} images")
    rng = np.random.default_rng(seed)
    shape = images.shape[1], spec.n_exc
    weights = normalised(spec, spec.initial_weight * (rng.random(shape) + 0.01))
    delays_s = spec.max_delay_s * rng.random(shape)
    with session(target=target, seed=int(rng.integers(2**32)), dt_s=spec.dt_s) as engine:
        inputs = brian2.PoissonGroup(shape[0], np.zeros(shape[0]) * Hz, name="input")
        net = layers(spec, adapting=True)
        net.exc.v -= spec.start_below_rest_v * volt
        net.inh.v -= spec.start_below_rest_v * volt
        synapses = _plastic(spec, inputs, net.exc, weights, delays_s)
        show = _Show(spec, images, order, inputs, net, synapses, progress)
        clock = brian2.NetworkOperation(show.tick, dt=show.tick_s * second, name="show")
        network = brian2.Network(inputs, synapses, clock, *net.objects())
        longest = len(order) * spec.max_presentations * (spec.present_s + spec.rest_s)
        network.run((longest + spec.dt_s) * second)
        return Trained(
            weights=normalised(spec, show.weights()),
            theta_v=np.array(net.exc.theta_[:]),
            delays_s=delays_s,
            spikes=np.array(show.spikes),
            presentations=np.array(show.presentations),
            theta_mean_v=np.array(show.theta_mean_v),
            engine=engine,
        )


def check_images(images: np.ndarray) -> None:
    """Raise ValueError unless images are ``[N, n_in]`` with values in 0..1."""
    if images.ndim != 2:
        raise ValueError(f"images must have the shape [N, n_in], not {list(images.shape)}")
    if images.size and not (images.min() >= 0 and images.max() <= 1):
        raise ValueError("intensities must lie in 0..1")


def normalised(spec: DiehlCook, weights: np.ndarray) -> np.ndarray:
    """Return weights ``[n_in, n_exc]`` scaled so that those of each neuron sum to a constant."""
    return weights * (spec.weight_sum / weights.sum(axis=0))


def _plastic(
    spec: DiehlCook,
    inputs: brian2.SpikeSource,
    exc: brian2.NeuronGroup,
    weights: np.ndarray,
    delays_s: np.ndarray,
) -> brian2.Synapses:
    synapses = brian2.Synapses(
        inputs,
        exc,
        "w : 1\narrival : second",
        on_pre=_ON_INPUT,
        on_post=_ON_SPIKE,
        namespace={
            "rate_pre": spec.rate_pre,
            "rate_post": spec.rate_post,
            "w_max": spec.max_weight,
            "tau_pre": spec.tau_pre_s * second,
            "tau_post": spec.tau_post_s * second,
            "tau_post_slow": spec.tau_post_slow_s * second,
        },
        name="input_exc",
    )
    synapses.connect()
    synapses.w = weights.ravel()
    synapses.arrival = -1e9 * second
    synapses.pre.delay = delays_s.ravel() * second
    return synapses


@dataclass
class _Show:
    """Shows samples: sets rates, counts spikes, decides what comes next, and ends the run."""

    spec: DiehlCook
    images: np.ndarray
    order: np.ndarray
    inputs: brian2.PoissonGroup
    net: Layers
    synapses: brian2.Synapses
    progress: Progress
    spikes: list[int] = field(default_factory=list)
    presentations: list[int] = field(default_factory=list)
    theta_mean_v: list[float] = field(default_factory=list)
    ticks: int = 0
    shown: int = 0

    def __post_init__(self) -> None:
        spec = self.spec
        present, rest = (whole_steps(time_s, spec.dt_s) for time_s in (spec.present_s, spec.rest_s))
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
        return np.array(self.synapses.w_[:]).reshape(self.images.shape[1], self.spec.n_exc)

    def _begin(self) -> None:
        if len(self.spikes) == len(self.order):
            brian2.stop()
            return
        self.synapses.w_[:] = normalised(self.spec, self.weights()).ravel()
        rate = self.spec.max_rate_hz + self.shown * self.spec.extra_rate_hz
        self.inputs.rates_[:] = rate * self.images[self.order[len(self.spikes)]]
        self.net.exc.count_[:] = 0
        self.shown += 1

    def _end(self) -> None:
        self.inputs.rates_[:] = 0.0
        spikes = int(np.sum(self.net.exc.count_[:]))
        if spikes < self.spec.min_spikes and self.shown < self.spec.max_presentations:
            return
        self.spikes.append(spikes)
        self.presentations.append(self.shown)
        self.theta_mean_v.append(float(np.mean(self.net.exc.theta_[:])))
        self.shown = 0
        self.progress(len(self.spikes) / len(self.order), f"{spikes} spikes")
