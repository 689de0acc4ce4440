"""Spike-timing-dependent plasticity of pairs.

With s = t_post - t_pre, each pair of spikes changes the weight by

    W(s) = A_plus exp(-s / tau_plus)     for s > 0,
    W(s) = -A_minus exp(s / tau_minus)   for s < 0,

and every pair counts (all to all). S. Song, K. D. Miller and L. F. Abbott, Nat. Neurosci. 3,
919-926 (2000), doi:10.1038/78829; G. Bi and M. Poo, J. Neurosci. 18, 10464-10472 (1998).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import brian2
import numpy as np

from biosim.backend import Target, session
from biosim.stimuli import whole_steps

# The traces are advanced exactly from one spike to the next, not step by step.
EQUATIONS = """
w : 1
dx/dt = -x / tau_plus : 1 (event-driven)
dy/dt = -y / tau_minus : 1 (event-driven)
"""
ON_PRE = "x += 1; w -= a_minus * y"
ON_POST = "y += 1; w += a_plus * x"


@dataclass(frozen=True)
class PairSTDP:
    """The additive pair rule.

    Parameters
    ----------
    a_plus, a_minus
        Change of weight of a pair at s -> 0, both positive.
    tau_plus_s, tau_minus_s
        Time constants of potentiation and depression.

    Raises
    ------
    ValueError
        If one of them is not positive.
    """

    a_plus: float = 0.005
    a_minus: float = 0.00525
    tau_plus_s: float = 20e-3
    tau_minus_s: float = 20e-3

    def __post_init__(self) -> None:
        if min(self.a_plus, self.a_minus, self.tau_plus_s, self.tau_minus_s) <= 0:
            raise ValueError(f"amplitudes and time constants must be positive: {self}")


def window(rule: PairSTDP, delta_t_s: np.ndarray) -> np.ndarray:
    """Return W(s) for s = t_post - t_pre in seconds; 0 at s = 0."""
    potentiation = rule.a_plus * np.exp(-np.abs(delta_t_s) / rule.tau_plus_s)
    depression = -rule.a_minus * np.exp(-np.abs(delta_t_s) / rule.tau_minus_s)
    return np.where(delta_t_s > 0, potentiation, np.where(delta_t_s < 0, depression, 0.0))


def printed_window(rule: PairSTDP, delta_t_s: np.ndarray) -> np.ndarray:
    """Return the window as equation 1 of a review prints it, which cannot be meant.

    With r = t_pre - t_post it reads A exp(-r / tau) in both branches: the absolute value and
    the negative amplitude of depression are lost, so that potentiation grows with distance and
    depression becomes potentiation. Y.-S. Choi, Phys. High Technol. 28 (2019),
    doi:10.3938/PhiT.28.014.
    """
    tau_s = np.where(delta_t_s >= 0, rule.tau_plus_s, rule.tau_minus_s)
    return rule.a_plus * np.exp(delta_t_s / tau_s)


def measure_window(
    rule: PairSTDP, delta_t_s: np.ndarray, *, dt_s: float = 1e-4, target: Target = "auto"
) -> np.ndarray:
    """Return the weight change of one pair of spikes for each s, measured in Brian2, ``[K]``.

    Arguments and errors are those of `simulate_pairs`.
    """
    return simulate_pairs(rule, delta_t_s, dt_s=dt_s, target=target).weight[-1]


@dataclass(frozen=True)
class PairRecording:
    """Weights ``[T, K]`` of K synapses that began at 0, at the times ``[T]`` in seconds."""

    time_s: np.ndarray
    weight: np.ndarray
    target: str


def simulate_pairs(
    rule: PairSTDP,
    delta_t_s: np.ndarray,
    *,
    dt_s: float = 1e-4,
    margin_s: float = 1e-3,
    target: Target = "auto",
) -> PairRecording:
    """Return how weights evolve when each synapse sees one spike on either side.

    All pairs run side by side, the presynaptic spikes of all of them at one time.

    Parameters
    ----------
    delta_t_s
        ``[K]`` values of s = t_post - t_pre; multiples of ``dt_s`` and not 0, where the order of
        two events in one step would decide.
    dt_s
        Time step.
    margin_s
        Time before the first and after the last spike, at least one step.

    Raises
    ------
    ValueError
        If a value is 0 or no multiple of ``dt_s``.
    """
    steps = np.array([whole_steps(delta_s, dt_s) for delta_s in delta_t_s])
    margin = max(1, round(margin_s / dt_s))
    if not steps.all():
        raise ValueError("delta_t_s must not hold 0: the order of simultaneous spikes is not set")
    pre = margin + max(0, -steps.min())
    n_steps = pre + max(0, steps.max()) + margin + 1
    with session(target=target, seed=0, dt_s=dt_s) as resolved:
        synapses, network = _network(rule, np.full(len(steps), pre), pre + steps, dt_s)
        weights = brian2.StateMonitor(synapses, "w", record=True, name="weights")
        network.add(weights)
        network.run(n_steps * dt_s * brian2.second, namespace={})
        return PairRecording(np.arange(n_steps) * dt_s, np.array(weights.w).T, resolved)


def _network(rule: PairSTDP, pre: np.ndarray, post: np.ndarray, dt_s: float) -> tuple[Any, Any]:
    """Return synapses and their network; synapse k sees one spike on each side."""
    units = np.arange(len(pre))
    before, after = (
        brian2.SpikeGeneratorGroup(len(units), units, steps * dt_s * brian2.second, name=name)
        for name, steps in (("before", pre), ("after", post))
    )
    synapses = brian2.Synapses(
        before,
        after,
        EQUATIONS,
        on_pre=ON_PRE,
        on_post=ON_POST,
        method="exact",
        name="plastic",
        namespace={
            "a_plus": rule.a_plus,
            "a_minus": rule.a_minus,
            "tau_plus": rule.tau_plus_s * brian2.second,
            "tau_minus": rule.tau_minus_s * brian2.second,
        },
    )
    synapses.connect(j="i")
    return synapses, brian2.Network(before, after, synapses)
