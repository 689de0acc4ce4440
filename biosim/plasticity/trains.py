"""Weights under given spikes: what any rule does, measured in Brian2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import brian2
import numpy as np

from biosim.backend import Target, session
from biosim.given import number, numbers, whole
from biosim.plasticity.recipe import Rule
from biosim.stimuli import whole_steps


@dataclass(frozen=True)
class WeightRecording:
    """Weights ``[T, K]`` of K synapses at the times ``[T]`` in seconds, and the engine."""

    time_s: np.ndarray
    weight: np.ndarray
    target: str


def simulate_pairs(
    rule: Rule,
    delta_t_s: np.ndarray,
    *,
    dt_s: float = 1e-4,
    margin_s: float = 1e-3,
    target: Target = "auto",
) -> WeightRecording:
    """Return how weights that begin at 0 evolve when each sees one spike on either side.

    All pairs run side by side, the presynaptic spikes of all of them at one time.

    Parameters
    ----------
    rule
        Its bounds must leave room below 0 for depression to show.
    delta_t_s
        ``[K]`` values of s = t_post - t_pre, multiples of ``dt_s``.
    dt_s
        Time step.
    margin_s
        Time before the first and after the last spike, at least one step.
    target
        Engine; see `biosim.backend.session`.

    Raises
    ------
    ValueError
        If there is no value, or one is no multiple of ``dt_s``.
    """
    dt_s = number("dt_s", dt_s, above=0.0, unit="second")
    margin_s = number("margin_s", margin_s, at_least=0.0, unit="second")
    given = np.atleast_1d(numbers("delta_t_s", delta_t_s, unit="second"))
    if given.ndim != 1 or not given.size:
        raise ValueError(f"delta_t_s must be [K] with at least one value, not {given.shape}")
    steps = np.array([whole_steps(delta_s, dt_s) for delta_s in given])
    margin = max(1, round(margin_s / dt_s))
    pre = margin + max(0, -steps.min())
    n_steps = pre + max(0, steps.max()) + margin + 1
    return _simulate(
        rule, [np.array([pre])] * len(steps), list(pre + steps[:, None]), n_steps, 0.0, dt_s, target
    )


def simulate_trains(
    rule: Rule,
    pre_s: Sequence[np.ndarray],
    post_s: Sequence[np.ndarray],
    *,
    initial: float = 0.0,
    dt_s: float = 1e-4,
    target: Target = "auto",
) -> WeightRecording:
    """Return how weights evolve up to the step after the last spike, K synapses side by side.

    As nothing happens between spikes, a long step is as exact as a short one.

    Parameters
    ----------
    rule
        Of all synapses.
    pre_s, post_s
        K spike trains for each side: times in seconds, multiples of ``dt_s``.
    initial
        Weight at the beginning.
    dt_s
        Time step.
    target
        Engine; see `biosim.backend.session`.

    Raises
    ------
    ValueError
        If there is no train, their numbers differ, a time is negative or no multiple of ``dt_s``,
        or a train has two spikes in one step.
    """
    dt_s, initial = number("dt_s", dt_s, above=0.0, unit="second"), number("initial", initial)
    if not len(pre_s) or len(pre_s) != len(post_s):
        raise ValueError(f"{len(pre_s)} presynaptic trains, but {len(post_s)} postsynaptic ones")
    pre, post = ([_steps(train, dt_s) for train in side] for side in (pre_s, post_s))
    last = max((train[-1] for train in pre + post if len(train)), default=0)
    return _simulate(rule, pre, post, last + 2, initial, dt_s, target)


def pairings(n_pairs: int, rate_hz: float, delta_t_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the trains of either side of a synapse when a pair of spikes is repeated, ``[n]``.

    The first spike is at 0, and ``delta_t_s`` = t_post - t_pre.

    Raises
    ------
    ValueError
        If there is no pair or the rate is not positive.
    """
    n_pairs = whole("n_pairs", n_pairs, at_least=1)
    delta_t_s = number("delta_t_s", delta_t_s, unit="second")
    starts_s = np.arange(n_pairs) / number("rate_hz", rate_hz, above=0.0, unit="Hz")
    return starts_s + max(0.0, -delta_t_s), starts_s + max(0.0, delta_t_s)


def _steps(train_s: np.ndarray, dt_s: float) -> np.ndarray:
    times_s = np.atleast_1d(numbers("spike times", train_s, unit="second")).ravel()
    steps = np.sort(np.array([whole_steps(time_s, dt_s) for time_s in times_s], dtype=int))
    if len(steps) and (steps[0] < 0 or not np.diff(steps).all()):
        raise ValueError("spikes must not be before 0, nor two of one train in the same step")
    return steps


def _simulate(
    rule: Rule,
    pre: Sequence[np.ndarray],
    post: Sequence[np.ndarray],
    n_steps: int,
    initial: float,
    dt_s: float,
    target: Target,
) -> WeightRecording:
    """Run K synapses between K spike generators on either side; trains are in steps."""
    with session(target=target, seed=0, dt_s=dt_s) as resolved:
        before, after = (
            brian2.SpikeGeneratorGroup(
                len(side),
                np.repeat(np.arange(len(side)), [len(train) for train in side]),
                np.concatenate(side) * dt_s * brian2.second,
                name=name,
            )
            for name, side in (("before", pre), ("after", post))
        )
        synapses = rule.recipe().synapses(before, after, name="plastic")
        synapses.connect(j="i")
        synapses.w = initial
        weights = brian2.StateMonitor(synapses, "w", record=True, name="weights")
        network = brian2.Network(before, after, synapses, weights)
        network.run(n_steps * dt_s * brian2.second, namespace={})
        return WeightRecording(np.arange(n_steps) * dt_s, np.array(weights.w).T, resolved)
