"""Two read-outs of the same spikes, and where one of them fails.

By the paper's vote each neuron stands for the class that it answered most, and the class wins whose
neurons fire most on average: a neuron that is wrong about its class, or fires for two, misleads.
By shares each spike counts for all classes by what part of its neuron's mean responses each has.

The rule: where the interval of their difference excludes zero, the one that is right less often
fails to read what the neurons know. Its accuracy then says nothing about learning, and nothing is
concluded from it.
"""

from __future__ import annotations

from collections.abc import Sequence

from study.analysis.replicates import n_samples
from study.analysis.stats import accuracy_difference
from study.trials.trial import Record

VOTE, SHARES, TEST = "validation_accuracy", "by_shares_accuracy", "test_accuracy"
VOTE_FAILS, SHARES_FAIL = "the paper's vote", "the vote by shares"


def failing(records: Sequence[Record], vote: str = VOTE) -> str | None:
    """Return the read-out that fails by the rule of this module, None where neither does.

    The difference is over seeds and over samples, as if these were not the same for both; see
    `study.analysis.stats.accuracy_difference`.

    Parameters
    ----------
    records
        Replicates of a network.
    vote
        The metric of the paper's vote, on the samples that shares were measured on.
    """
    n = n_samples(records, vote)
    if n is None or any(record.metrics.get(SHARES) is None for record in records):
        return None
    shares, votes = ([float(r.metrics[name]) for r in records] for name in (SHARES, vote))
    found = accuracy_difference(shares, votes, (n, n))
    if found.low > 0:
        return VOTE_FAILS
    return SHARES_FAIL if found.high < 0 else None


def vote_fails(records: Sequence[Record], vote: str = VOTE) -> bool:
    """Whether it is the paper's vote that fails."""
    return failing(records, vote) == VOTE_FAILS


def warning(records: Sequence[Record], vote: str) -> str:
    """Return a sentence, after a space, where a read-out fails; else nothing."""
    name = failing(records, vote)
    if not name:
        return ""
    return f" Here {name} fails as a read-out: nothing about learning follows from its accuracy."
