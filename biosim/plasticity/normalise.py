"""Weight normalisation: the weights into each neuron keep their sum."""

from __future__ import annotations

import numpy as np


def normalised(weights: np.ndarray, post: np.ndarray, total: float) -> np.ndarray:
    """Return weights scaled so that those into each neuron sum to ``total``.

    It is meant for the time between runs or stimuli, as in the code of Diehl & Cook (2015),
    doi:10.3389/fncom.2015.00099: ``synapses.w_[:] = normalised(synapses.w_[:], synapses.j[:], 78)``

    Parameters
    ----------
    weights
        ``[S]``, not negative.
    post
        ``[S]`` index of the neuron that each synapse reaches.
    total
        Sum of the weights into each neuron that has synapses; positive.

    Raises
    ------
    ValueError
        If a weight is negative, the total not positive, or all weights into a neuron are 0.
    """
    weights = np.asarray(weights, dtype=float)
    if total <= 0 or (weights < 0).any():
        raise ValueError("total must be positive, and no weight negative")
    sums = np.bincount(post, weights)[post]
    if not sums.all():
        dead = np.unique(np.asarray(post)[sums == 0])
        raise ValueError(f"all weights into neurons {dead.tolist()} are 0: they cannot be scaled")
    return weights * (total / sums)
