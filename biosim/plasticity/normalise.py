"""Weight normalisation: the weights into each neuron keep their sum."""

from __future__ import annotations

import numpy as np

from biosim.given import number, numbers


def normalised(weights: np.ndarray, total: float) -> np.ndarray:
    """Return weights scaled so that those into each neuron sum to ``total``.

    It is meant for the time between runs or stimuli, as in the code of Diehl & Cook (2015),
    doi:10.3389/fncom.2015.00099. For Brian2's all-to-all synapses:
    ``synapses.w_[:] = normalised(synapses.w_[:].reshape(n_pre, n_post), 78).ravel()``

    Parameters
    ----------
    weights
        ``[pre, post]``, not negative.
    total
        Sum of the weights into each neuron; positive.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, the total not positive, or all weights into a neuron
        are 0.

    Examples
    --------
    >>> normalised(np.array([[1.0, 2.0], [3.0, 2.0]]), total=1.0)
    array([[0.25, 0.5 ],
           [0.75, 0.5 ]])
    """
    weights, total = numbers("weights", weights, ndim=2), number("total", total)
    if total <= 0 or (weights < 0).any():
        raise ValueError("total must be positive, and no weight negative")
    sums = weights.sum(axis=0)
    if not sums.all():
        dead = np.flatnonzero(sums == 0)
        raise ValueError(f"all weights into neurons {dead.tolist()} are 0: they cannot be scaled")
    return weights * (total / sums)
