"""The engine "events": arrays for the compiled kernel, and its two phases."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, repeat

import numba
import numpy as np

from biosim.diehl_cook import kernel
from biosim.diehl_cook.lesson import Lesson, Trained, brightest_hz, is_done, normalised
from biosim.diehl_cook.specification import DiehlCook, Population, Triplet
from biosim.diehl_cook.stimulus import Progress, Spikes, delay_steps, poisson_spikes

ENGINE = f"events, numba {numba.__version__}"
SILENCE: Spikes = (np.zeros(0, np.int32), np.zeros(0, np.int32))


class EventNetwork:
    """The network in arrays, at rest.

    Parameters
    ----------
    spec
        All parameters.
    weights, delays_s
        ``[n_in, n_exc]``.
    theta_v
        ``[n_exc]`` adaptive part of the thresholds, volts.
    plastic
        Whether weights and theta change.
    """

    def __init__(
        self,
        spec: DiehlCook,
        weights: np.ndarray,
        delays_s: np.ndarray,
        theta_v: np.ndarray,
        *,
        plastic: bool,
    ) -> None:
        self.plastic = plastic
        self.constants = _constants(spec, plastic)
        delay = delay_steps(spec, delays_s)
        longest = int(delay.max())
        delay = delay.astype(np.min_scalar_type(longest))
        self.synapses = kernel.Synapses(np.array(weights, dtype=float, order="C"), delay)
        self.state = _at_rest(spec, theta_v, len(weights), longest + 1)

    def another(self) -> EventNetwork:
        """Return a network with the same synapses and a state of its own."""
        other = copy.copy(self)
        other.state = kernel.State(*(array.copy() for array in self.state))
        return other

    def start_below_rest(self, below_v: float) -> None:
        """Lower all membranes."""
        state = self.state
        state.v[:] -= below_v
        state.inh_v[:] -= below_v
        state.is_awake[:] = True
        state.clock[1] = len(state.v)

    def advance(self, spikes: Spikes, n_steps: int) -> None:
        """Compute so many steps with input spikes at steps from now on."""
        step, unit = (np.asarray(part, np.int32) for part in spikes)
        kernel.advance(self.constants, self.synapses, self.state, step, unit, n_steps, self.plastic)

    def normalise(self) -> None:
        """Scale the weights of each neuron to the sum that the specification asks for."""
        kernel.normalise(self.constants, self.synapses, self.state)

    def weights(self) -> np.ndarray:
        """Return a copy of the weights, ``[n_in, n_exc]``."""
        return np.maximum(self.synapses.weight, 0.0)


def learn(lesson: Lesson, progress: Progress) -> Trained:
    """Return the network after a lesson."""
    spec = lesson.spec
    net = EventNetwork(spec, lesson.weights, lesson.delays_s, lesson.theta_v, plastic=True)
    net.start_below_rest(spec.start_below_rest_v)
    given = None if lesson.spikes is None else chain(lesson.spikes, repeat(SILENCE))
    rng = np.random.default_rng(lesson.seed)
    spikes, presentations, theta_mean_v = [], [], []
    for index in lesson.order:
        fired = shown = 0
        while not (shown and is_done(spec, fired, shown)):
            rates_hz = brightest_hz(spec, shown) * lesson.images[index]
            drawn = next(given) if given else poisson_spikes(spec, rates_hz, rng)
            net.normalise()
            net.state.spikes[:] = 0
            net.advance(drawn, spec.present_steps)
            fired, theta_v = int(net.state.spikes.sum()), float(net.state.theta.mean())
            net.advance(SILENCE, spec.rest_steps)
            shown += 1
        spikes.append(fired)
        presentations.append(shown)
        theta_mean_v.append(theta_v)
        progress(len(spikes) / len(lesson.order), f"{fired} spikes")
    return Trained(
        weights=normalised(spec, net.weights()),
        theta_v=net.state.theta.copy(),
        delays_s=lesson.delays_s,
        spikes=np.array(spikes, dtype=np.int64),
        presentations=np.array(presentations, dtype=np.int64),
        theta_mean_v=np.array(theta_mean_v),
        engine=ENGINE,
    )


class FrozenEvents:
    """The trained network with learning off; samples may be run by several threads at a time.

    Each sample starts from rest and changes nothing for the others, so that counts do not depend
    on the number of threads. They share the weights.
    """

    def __init__(self, spec: DiehlCook, trained: Trained, threads: int = 1) -> None:
        self.n_steps = spec.present_steps
        first = EventNetwork(
            spec, trained.weights, trained.delays_s, trained.theta_v, plastic=False
        )
        self._nets = [first, *(first.another() for _ in range(threads - 1))]
        self._rest = [array.copy() for array in first.state]

    def run(self, spikes: Sequence[Spikes]) -> tuple[np.ndarray, np.ndarray]:
        """Return counts ``[B, n_exc]`` and inhibitory spikes ``[B]``, each sample from rest."""
        counts = np.empty((len(spikes), len(self._nets[0].state.spikes)), np.int64)
        inhibitory = np.empty(len(spikes), np.int64)

        def some(first: int) -> None:
            net = self._nets[first]
            for sample in range(first, len(spikes), len(self._nets)):
                for array, at_rest in zip(net.state, self._rest, strict=True):
                    array[...] = at_rest
                net.advance(spikes[sample], self.n_steps)
                counts[sample] = net.state.spikes
                inhibitory[sample] = net.state.inh_spikes.sum()

        if len(self._nets) == 1:
            some(0)
        else:
            with ThreadPoolExecutor(len(self._nets)) as pool:
                list(pool.map(some, range(len(self._nets))))
        return counts, inhibitory


def _constants(spec: DiehlCook, plastic: bool) -> kernel.Constants:
    rule, dt_s = spec.rule, spec.dt_s
    exc = _cell(spec.excitatory, dt_s)
    triplet = rule if isinstance(rule, Triplet) else Triplet()
    return kernel.Constants(
        exc=exc._replace(threshold=exc.threshold - spec.theta_offset_v),
        inh=_cell(spec.inhibitory, dt_s),
        keep_exc=1 - dt_s / spec.tau_exc_s,
        keep_inh=1 - dt_s / spec.tau_inh_s,
        keep_theta=1 - plastic * dt_s / spec.tau_theta_s,
        theta_plus=spec.theta_plus_v,
        lockout=max(exc.refractory, np.floor(spec.lockout_s / dt_s - 0.5) + 1),
        weight_exc_inh=spec.weight_exc_inh,
        weight_inh_exc=spec.weight_inh_exc,
        rule=kernel.TRIPLET if isinstance(rule, Triplet) else kernel.POWER,
        rate_pre=triplet.rate_pre,
        rate_post=rule.rate_post,
        keep_trace=float(np.exp(-dt_s / rule.tau_pre_s)),
        keep_post=float(np.exp(-dt_s / triplet.tau_post_s)),
        decay_slow=dt_s / triplet.tau_post_slow_s,
        target=getattr(rule, "target", 0.0),
        exponent=getattr(rule, "exponent", 0.0),
        max_weight=spec.max_weight,
        weight_sum=spec.weight_sum,
    )


def _cell(cell: Population, dt_s: float) -> kernel.Cell:
    return kernel.Cell(
        leak=dt_s / cell.tau_mem_s,
        rest=cell.rest_v,
        reset=cell.reset_v,
        threshold=cell.threshold_v,
        excitatory=cell.excitatory_v,
        inhibitory=cell.inhibitory_v,
        refractory=float(round(cell.refractory_s / dt_s)),
    )


def _at_rest(spec: DiehlCook, theta_v: np.ndarray, n_in: int, n_delays: int) -> kernel.State:
    n = spec.n_exc
    return kernel.State(
        v=np.full(n, spec.excitatory.rest_v),
        g_e=np.zeros(n),
        g_i=np.zeros(n),
        theta=np.array(theta_v, dtype=float),
        since=np.full(n, np.inf),
        post=np.zeros(n),
        spikes=np.zeros(n, np.int64),
        inh_v=np.full(n, spec.inhibitory.rest_v),
        inh_g_e=np.zeros(n),
        inh_since=np.full(n, -(2**60)),
        inh_spikes=np.zeros(n, np.int64),
        awake=np.arange(n),
        is_awake=np.zeros(n, np.bool_),
        recent=np.arange(n),
        is_recent=np.ones(n, np.bool_),
        fired=np.zeros((2, n), np.int64),
        calendar=np.zeros((n_delays, n)),
        sent=np.zeros((n_delays, n_in), np.int32),
        n_sent=np.zeros(n_delays, np.int64),
        trace=np.zeros((n_delays, n_in)),
        clock=np.array([0, 0, n]),
    )
