"""The neuron that NormAD teaches, and the traces of its inputs: what drives it, what it learns by.

Anwani & Rajendran, "NormAD: normalized approximate descent based supervised learning rule for
spiking neurons", IJCNN 2015. Potentials are shares of the way from rest to threshold. With s_i the
spikes of input i, * a convolution in time and k(tau) = exp(-t / tau) for t > 0::

    I      = sum_i w_i a_i,  a_i = (k(tau_1) - k(tau_2)) * s_i                          (1)
    tau_m dV/dt = -V + I;  a spike at V >= 1, then V = 0 for the refractory time         (2)
    e(t)   = desired spikes - actual spikes                                             (3)
    d_i    = a_i * k(tau_L) / tau_L                                                     (4)
    dw_i   = r sum over t of e(t) d_i(t) / |d(t)|                                       (5)

(4) is how V would depend on w_i if the neuron had not spiked, with a shorter memory, tau_L for
tau_m; that is the approximation. (5) divides by the Euclidean norm over all inputs: each missing
or needless spike moves the weights by r, whatever came in. Without the division r is per unit of d.

Steps are dt long and integrated exactly: with inputs that spike at steps,

    V[t] = V[t - 1] exp(-dt / tau_m) + sum_i w_i u_i[t],

u and d being sums of exponentials of the spikes before t; a spike acts one step later. A neuron
that spikes at t is held at 0 up to t + refractory - 1.

We had the paper's abstract, not its tables: times are as others quote them. Its C, g_L and volts
are left out, since they only set the unit of weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import Any, NamedTuple

import numpy as np
from scipy.signal import lfilter

from biosim.given import check_fields, number, numbers

SMOOTHING_S = 1e-3  # of trains that are compared


@dataclass(frozen=True)
class Neuron:
    """Time constants of (1) to (4) in seconds; those of an exponential must differ.

    Parameters
    ----------
    tau_mem_s, refractory_s
        tau_m, and how long the neuron is held after a spike.
    tau_decay_s, tau_rise_s
        tau_1 and tau_2 of a synaptic current.
    tau_rule_s
        tau_L.
    dt_s
        Length of a step.

    Raises
    ------
    ValueError
        If a time is not positive, two that must differ do not, or the step is too long.

    Examples
    --------
    >>> Neuron().refractory_steps
    30
    """

    tau_mem_s: float = 10e-3
    refractory_s: float = 3e-3
    tau_decay_s: float = 5e-3
    tau_rise_s: float = 1.25e-3
    tau_rule_s: float = 1e-3
    dt_s: float = 0.1e-3

    def __post_init__(self) -> None:
        check_fields(
            self,
            positive=("tau_mem_s", "tau_decay_s", "tau_rise_s", "tau_rule_s", "dt_s"),
            at_least_0=("refractory_s",),
        )
        if not self.tau_rise_s < self.tau_decay_s:
            raise ValueError(
                f"tau_rise_s must be below tau_decay_s, not {self.tau_rise_s}, {self.tau_decay_s}"
            )
        synaptic = {self.tau_decay_s, self.tau_rise_s}
        if {self.tau_mem_s, self.tau_rule_s} & synaptic:
            raise ValueError("tau_mem_s and tau_rule_s must differ from tau_decay_s and tau_rise_s")

    @property
    def refractory_steps(self) -> int:
        """Steps from a spike to the first that may have another, at least 1."""
        return max(round(self.refractory_s / self.dt_s), 1)

    @property
    def keep(self) -> float:
        """What a step leaves of V."""
        return exp(-self.dt_s / self.tau_mem_s)


class Traces(NamedTuple):
    """Of each input, step by step ``[T, n]``: u, which drives the neuron, and d of (4)."""

    drive: np.ndarray
    direction: np.ndarray


def traces(neuron: Neuron, raster: Any) -> Traces:
    """Return what spikes ``[T, n]``, counts by step, do to the potential and to the rule.

    Examples
    --------
    >>> found = traces(Neuron(dt_s=1e-3), [[1], [0], [0]])
    >>> found.drive.round(3).ravel(), found.direction.round(3).ravel()
    (array([0.   , 0.021, 0.041]), array([0.   , 0.156, 0.336]))
    """
    spikes = numbers("raster", raster, ndim=2)
    decay, rise, rule, dt = (
        neuron.tau_decay_s, neuron.tau_rise_s, neuron.tau_rule_s, neuron.dt_s
    )  # fmt: skip
    slow, fast = filtered(spikes, decay, dt), filtered(spikes, rise, dt)
    short = filtered(spikes, rule, dt)
    direction = (slow - short) * (decay / (decay - rule)) - (fast - short) * (rise / (rise - rule))
    return Traces(_driven(neuron, spikes, slow, fast), direction)


def filtered(spikes: np.ndarray, tau_s: float, dt_s: float) -> np.ndarray:
    """Return k(tau) * spikes along the first axis; a spike acts from the next step on."""
    keep = exp(-dt_s / tau_s)
    return lfilter([0.0, keep], [1.0, -keep], spikes, axis=0)


def _driven(neuron: Neuron, spikes: np.ndarray, slow: np.ndarray, fast: np.ndarray) -> np.ndarray:
    """Return what the current of the step before t adds to V[t]."""
    found, tau = np.zeros(spikes.shape), neuron.tau_mem_s
    for current, own, sign in ((slow, neuron.tau_decay_s, 1), (fast, neuron.tau_rise_s, -1)):
        share = own / (own - tau) * (exp(-neuron.dt_s / own) - neuron.keep)
        found[1:] += sign * share * (current + spikes)[:-1]
    return found


def similarity(one: Any, other: Any, dt_s: float) -> float:
    """Return the correlation of two spike trains ``[T]``, smoothed by an exponential of 1 ms.

    1 where they are equal, also where both are silent; 0 where only one is.

    Examples
    --------
    >>> similarity([0, 1, 0, 0], [0, 1, 0, 0], 1e-3)
    1.0
    """
    dt_s = number("dt_s", dt_s, above=0.0)
    trains = [numbers("spike train", train, ndim=1) for train in (one, other)]
    if len(trains[0]) != len(trains[1]):
        raise ValueError(f"trains must be equally long, not {len(trains[0])}, {len(trains[1])}")
    if np.array_equal(trains[0], trains[1]):
        return 1.0
    smooth = [filtered(np.append(train, 0.0), SMOOTHING_S, dt_s) for train in trains]
    lengths = [float(np.linalg.norm(each)) for each in smooth]
    return float(smooth[0] @ smooth[1] / (lengths[0] * lengths[1])) if min(lengths) else 0.0
