"""Gradients through membrane potentials: Lee, Delbruck & Pfeiffer 2016.

Between two spikes a potential is a smooth function of weights and thresholds; what spikes take from
it is noise, and V in (5) of `gradsim.membrane` is small against what it is a rest of. Without it
traces are a function of traces, with S_i = s_i / θ_i and without competition::

    a_i = S_i                                                                             (6)
    a_i = (S_i - μ / (1 + μ (n - 1)) sum_j S_j) / (1 - μ)        with competition         (7)

where i has fired, and a_i = 0 where not: neurons that did not fire take no part. (7) solves (5) for
the n neurons of the last layer, who all take part, since one that is silent must learn to fire. So
errors go back as in a network of rectifiers, with y the one-hot target and κ the sharpness::

    e_L = softmax(κ a_L) - y                                                              (8)
    d_l = [fired] e_l / θ_l,    e_(l-1) = W_l^T d_l                                       (9)
    by W_l: d_l x_l^T,          by θ_l: -d_l (a_l + μ sum_(others) a)                    (10)

summed over samples, and in convolutions over places that share a weight or a threshold; e_L behind
the transpose of (7), which is symmetric; e_l the same for all neurons of a window. *Normalised*
errors are of the same size in all layers, with g = 1 / θ, N neurons in a layer and m of them that
take part::

    d_l = [fired] e_l g_l / rms(g_l)                                                     (11)
    e_(l-1) = sqrt(N_l / m_l) W_l^T d_l,    gradients times sqrt(N_l / m_l)              (12)

Deviations: (8) is the gradient of the cross entropy, where the paper has that of a squared
difference. (11) and (12) are as secondary sources tell them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradsim.membrane import MembraneResponse, Run, below_layers


class MembraneGradients(NamedTuple):
    """Of each layer of a `gradsim.membrane.Run`: by what is ``learned``, and by thresholds."""

    learned: list[np.ndarray]
    thresholds: list[np.ndarray]


def output_error(trace: np.ndarray, labels: np.ndarray, sharpness: float) -> np.ndarray:
    """Return the error (8) of each sample.

    Parameters
    ----------
    trace
        ``[N, classes]`` a of the last layer.
    labels
        ``[N]`` classes.
    sharpness
        κ.

    Examples
    --------
    >>> output_error(np.zeros((1, 2)), np.array([1]), sharpness=1.0)
    array([[ 0.5, -0.5]])
    """
    share = np.exp(sharpness * (trace - trace.max(axis=1, keepdims=True)))
    share /= share.sum(axis=1, keepdims=True)
    share[np.arange(len(labels)), labels] -= 1
    return share


def competed(values: np.ndarray, inhibition: float) -> np.ndarray:
    """Return (7) for ``values [N, n]``, of which each neuron of a sample has one.

    Examples
    --------
    >>> competed(np.array([[3.0, 1.0]]), 0.5)
    array([[ 3.33333333, -0.66666667]])
    """
    if not inhibition:
        return values
    share = inhibition / (1 + inhibition * (values.shape[1] - 1))
    return (values - share * values.sum(axis=1, keepdims=True)) / (1 - inhibition)


def gradients(
    run: Run, response: MembraneResponse, error: np.ndarray, normalised: bool = False
) -> MembraneGradients:
    """Return the gradients (10), summed over samples, for errors of the output.

    Parameters
    ----------
    run
        The network that responded.
    response
        Of `Run.show`.
    error
        ``[N, classes]`` by a of the last layer: (8), or that of any other loss.
    normalised
        Whether errors are normalised by (11) and (12).
    """
    by_learned, by_thresholds = [], []
    inhibition, below = run.network.inhibition, below_layers(run, response)
    error = competed(error, inhibition)
    for number in range(len(run.layers) - 1, -1, -1):
        layer, (_, trace, counts) = run.layers[number], response.layers[number]
        taking_part, drive = counts > 0, trace
        if number == len(run.layers) - 1:
            taking_part = np.ones_like(taking_part)
            drive = trace + inhibition * (trace.sum(axis=1, keepdims=True) - trace)
        passed = error * taking_part / layer.spread(layer.thresholds)
        if normalised:
            gain = np.sqrt(np.mean(layer.thresholds**-2.0))
            n_taking_part = np.maximum(taking_part.sum(axis=1, keepdims=True), 1)
            passed *= np.sqrt(counts.shape[1] / n_taking_part) / gain
        passed = passed.astype(np.float32, copy=False)
        by_learned.append(layer.by_learned(below[number], passed))
        by_thresholds.append(layer.gathered(-(passed * drive).sum(axis=0)))
        if number:
            error = run.layers[number - 1].unpooled(layer.back(passed))
    return MembraneGradients(by_learned[::-1], by_thresholds[::-1])
