"""Classes from spike counts: one class for each neuron (Diehl & Cook 2015, 2.7), or shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from biosim.given import indices, numbers, whole


def assign_labels(counts: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the class of each neuron: the one to whose samples it responds most on average.

    Parameters
    ----------
    counts
        ``[N, n_exc]`` spikes of each neuron for each training sample.
    labels
        ``[N]`` classes, 0..n_classes-1.
    n_classes
        Number of classes; one without samples is assigned to no neuron.

    Returns
    -------
    np.ndarray
        ``[n_exc]`` int64; -1 for neurons that never fired.

    Raises
    ------
    ValueError
        If counts and labels differ in length or a label is out of range.
    """
    mean = _mean_responses(counts, labels, n_classes)
    return np.where(mean.max(axis=0) > 0, mean.argmax(axis=0), -1)


def classify(counts: np.ndarray, assignments: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the class whose neurons fired most on average, for each sample.

    A sample without spikes gets the first class that has neurons; ties go to the lower class.

    Parameters
    ----------
    counts
        ``[N, n_exc]`` spikes.
    assignments
        ``[n_exc]`` class of each neuron, -1 for none; from `assign_labels`.
    n_classes
        Number of classes.

    Returns
    -------
    np.ndarray
        ``[N]`` int64.
    """
    counts, n_classes = _plain(counts), whole("n_classes", n_classes, at_least=1)
    assignments = indices("assignments", assignments, ndim=1)
    if assignments.shape != counts.shape[1:] or not (assignments < n_classes).all():
        raise ValueError(
            f"assignments must hold a class below {n_classes} for each of {counts.shape[1]} neurons"
        )
    member = assignments[:, None] == np.arange(n_classes)
    size = member.sum(axis=0)
    mean = np.where(size > 0, counts @ member / np.maximum(size, 1), -1.0)
    return mean.argmax(axis=1)


def class_shares(counts: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return what part of each neuron's mean responses each class has.

    Not in the paper: a neuron that answers two classes votes for both, where `assign_labels`
    lets it vote for one. Read with `vote`.

    Parameters
    ----------
    counts, labels, n_classes
        As for `assign_labels`.

    Returns
    -------
    np.ndarray
        ``[n_exc, n_classes]``; each row sums to 1, or to 0 for neurons that never fired.

    Raises
    ------
    ValueError
        As `assign_labels`.
    """
    mean = _mean_responses(counts, labels, n_classes).T
    total = mean.sum(axis=1, keepdims=True)
    return np.divide(mean, total, out=np.zeros_like(mean), where=total > 0)


def vote(counts: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the class with the most votes, where each spike is split by its neuron's shares.

    Ties, and so samples without spikes, go to the lower class.

    Parameters
    ----------
    counts
        ``[N, n_exc]`` spikes.
    shares
        ``[n_exc, n_classes]`` from `class_shares`.

    Returns
    -------
    np.ndarray
        ``[N]`` int64.
    """
    counts, shares = _plain(counts), numbers("shares", shares, ndim=2)
    if counts.shape[1] != len(shares):
        raise ValueError(f"counts of {counts.shape[1]} neurons, but shares of {len(shares)}")
    return (counts @ shares).argmax(axis=1)


def _mean_responses(counts: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the mean count ``[n_classes, n_exc]`` over the samples of each class."""
    counts, n_classes = _plain(counts), whole("n_classes", n_classes, at_least=1)
    labels = indices("labels", labels, n_classes, ndim=1, booleans=True)
    if len(counts) != len(labels):
        raise ValueError(f"{len(counts)} responses but {len(labels)} labels")
    total = np.zeros((n_classes, counts.shape[1]))
    np.add.at(total, labels, counts)
    return total / np.maximum(np.bincount(labels, minlength=n_classes), 1)[:, None]


def _plain(counts: ArrayLike) -> np.ndarray:
    """Return counts ``[N, n_exc]`` in a type in which sums neither overflow nor become Booleans."""
    exact = np.asarray(counts).dtype.kind in "biu"
    plain = indices("counts", counts, 2**53, booleans=True) if exact else numbers("counts", counts)
    if plain.ndim != 2:
        raise ValueError(f"counts must have the shape [N, n_exc], not {list(plain.shape)}")
    return plain
