"""Two read-outs of the same spikes, and where the paper's says nothing about learning.

By the paper's vote each neuron stands for the class that it answered most, and the class wins whose
neurons fire most on average: a neuron that is wrong about its class, or fires for two, misleads.
By shares each spike counts for all classes by what part of its neuron's mean responses each has.
"""

from __future__ import annotations

from collections.abc import Sequence

from study.analysis.replicates import n_samples
from study.analysis.stats import accuracy_difference
from study.trials.trial import Record

VOTE, SHARES = "validation_accuracy", "by_shares_accuracy"


def vote_fails(records: Sequence[Record], vote: str = VOTE) -> bool:
    """Whether the vote by shares is right more often than the paper's by more than chance.

    The interval of their difference, over seeds and over samples as if they were not the same,
    lies above zero; see `study.analysis.stats.accuracy_difference`.

    Parameters
    ----------
    records
        Replicates of a network.
    vote
        The metric of the paper's vote, on the samples that shares were measured on.
    """
    n = n_samples(records, vote)
    if n is None:
        return False
    shares, votes = ([float(r.metrics[name]) for r in records] for name in (SHARES, vote))
    return accuracy_difference(shares, votes, (n, n)).low > 0
