"""Splits that are the same for every trial, so that results pair by test sample."""

from __future__ import annotations

import numpy as np

SPLIT_SEED = 1797  # the split belongs to the data set, not to a trial


def stratified_split(
    labels: np.ndarray, shares: tuple[float, ...], seed: int = SPLIT_SEED
) -> list[np.ndarray]:
    """Return sorted sample indices of each part, with classes in equal proportion.

    Parameters
    ----------
    labels
        ``[N]`` classes.
    shares
        Share of each part; they sum to 1. Rounding goes to the first part.
    seed
        Seed of the shuffle within each class.
    """
    rng = np.random.default_rng(seed)
    parts: list[list[np.ndarray]] = [[] for _ in shares]
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        sizes = [int(share * len(members)) for share in shares[1:]]
        bounds = np.cumsum([len(members) - sum(sizes), *sizes])[:-1]
        for part, chosen in zip(parts, np.split(members, bounds), strict=True):
            part.append(chosen)
    return [np.sort(np.concatenate(part)) for part in parts]
