"""Every number of the mirrored autoencoder, and the network at its start.

K. S. Burbank: Mirrored STDP implements autoencoder learning in a network of spiking neurons. PLoS
Comput. Biol. 11(12):e1004566, 2015. The claim: where feedback synapses learn by STDP that is
opposed in time to that of the forward ones, both together descend the error of an autoencoder.

An image is shown in three bouts of equal length. Visible neurons spike at random, at rates in
proportion to pixels; then hidden neurons may fire; then, without input, visible neurons again:

    (1)  bout 1, visible spike i:  V_j <- V_j + W_ij,          x_i <- x_i + 1
    (2)  bout 2, V_j > theta_j:    V_j <- V_j - theta_j,       h_j <- h_j + 1,
                                   U_i <- U_i + Q_ji
    (3)  bout 3, U_i > 1:          U_i <- U_i - 1

x and h are traces, which decay with ``tau_trace_s``; membranes do not leak. What learns:

    (4)  bout 2, hidden spike j:   W_ij <- W_ij + eta x_i,     Q_ji <- Q_ji + eta x_i
    (5)  bout 3, visible spike i:  W_ij <- W_ij - eta h_j,     Q_ji <- Q_ji - eta h_j
    (6)  after an image:           theta_j <- max(theta_j + gamma (spikes_j - p), theta_min)

For W this is classical STDP: the spike of its source before that of its target lets it grow. For Q
it is mirrored: hidden spikes, its sources, come after visible ones in (4) and before them in (5).
Summed over an image, both change by eta h (x - r), with r the visible spikes of bout 3: W and the
transpose of Q drift together from wherever they begin. With ``feedback="classical"`` Q changes by
the opposite of both: the control, which cannot learn.

Deviations: the equations are derived from the paper's claim; its neurons leak and its bouts are
epochs of a continuous simulation, and images are natural ones. Traces that decay favour growth,
for those of (4) are younger than those of (5); the default keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from biosim.given import check_fields, whole
from biosim.stimuli import whole_steps


@dataclass(frozen=True)
class Specification:
    """Constants of the network; potentials and weights in thresholds of visible neurons.

    Parameters
    ----------
    n_hidden
        Hidden neurons.
    dt_s, bout_s
        Time step, and length of each of the three bouts.
    white_spikes
        Mean input spikes of a pixel of 1; at most one a step.
    weight_start
        Weights begin uniform between 0 and this.
    threshold_start, threshold_rate, threshold_least
        Thresholds of hidden neurons: their start, gamma of (6), their least value.
    wanted_spikes
        p of (6): spikes of a hidden neuron in an image.
    rate, rate_last
        eta of (4) and (5), falling in a straight line through a lesson.
    tau_trace_s
        Time constant of traces; None: they last until the image is over.
    feedback
        ``"mirrored"``, or ``"classical"`` STDP at the feedback synapses: the control.

    Raises
    ------
    ValueError
        If a value cannot be, a bout is no whole number of steps, or inputs would have to spike
        more than once a step.

    Examples
    --------
    >>> Specification().bout_steps
    5
    """

    n_hidden: int = 100
    dt_s: float = 1e-3
    bout_s: float = 5e-3
    white_spikes: float = 5.0
    weight_start: float = 0.05
    threshold_start: float = 12.0
    threshold_rate: float = 0.02
    threshold_least: float = 0.05
    wanted_spikes: float = 0.5
    rate: float = 2e-3
    rate_last: float = 4e-4
    tau_trace_s: float | None = None
    feedback: Literal["mirrored", "classical"] = "mirrored"

    def __post_init__(self) -> None:
        check_fields(
            self,
            positive=(
                "n_hidden", "dt_s", "bout_s", "white_spikes", "threshold_start",
                "threshold_least", "tau_trace_s",
            ),
            at_least_0=(
                "weight_start", "threshold_rate", "wanted_spikes", "rate", "rate_last",
            ),
        )  # fmt: skip
        if self.feedback not in ("mirrored", "classical"):
            raise ValueError(
                f"feedback must be 'mirrored' or 'classical', not {str(self.feedback)[:60]!r}"
            )
        if self.white_spikes > self.bout_steps:
            raise ValueError(
                f"white_spikes must be at most one a step of a bout, {self.bout_steps}, "
                f"not {self.white_spikes:g}"
            )

    @property
    def bout_steps(self) -> int:
        """Steps of a bout."""
        return whole_steps(self.bout_s, self.dt_s)

    @property
    def keep_trace(self) -> float:
        """What is left of a trace after a step."""
        return 1.0 if self.tau_trace_s is None else float(np.exp(-self.dt_s / self.tau_trace_s))


class Network(NamedTuple):
    """Weights and thresholds, which are all that lasts from image to image.

    Parameters
    ----------
    forward
        ``[n_in, n_hidden]`` W.
    feedback
        ``[n_hidden, n_in]`` Q.
    threshold
        ``[n_hidden]`` theta.
    """

    forward: np.ndarray
    feedback: np.ndarray
    threshold: np.ndarray

    @property
    def symmetry(self) -> float:
        """The correlation of W and the transpose of Q; 0 where either is constant."""
        both = np.stack([self.forward.ravel(), self.feedback.T.ravel()])
        return float(np.corrcoef(both)[0, 1]) if (both.std(axis=1) > 0).all() else 0.0


def initial(spec: Specification, n_in: int, rng: np.random.Generator) -> Network:
    """Return a network with forward and feedback weights that know nothing of each other.

    Raises
    ------
    ValueError
        If ``n_in`` is no whole number above 0.

    Examples
    --------
    >>> net = initial(Specification(n_hidden=3), 4, np.random.default_rng(0))
    >>> net.forward.shape, net.feedback.shape, net.threshold
    ((4, 3), (3, 4), array([12., 12., 12.]))
    """
    n_in = whole("n_in", n_in, at_least=1)
    return Network(
        spec.weight_start * rng.random((n_in, spec.n_hidden)),
        spec.weight_start * rng.random((spec.n_hidden, n_in)),
        np.full(spec.n_hidden, spec.threshold_start),
    )
