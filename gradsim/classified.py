"""Images and their classes, as networks take them that learn one image after another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

CHUNK = 2000  # images between two words of progress


class Classified(NamedTuple):
    """Images ``[N, in]`` in 0..1 and their classes ``[N]``."""

    images: np.ndarray
    labels: np.ndarray


def in_chunks(n: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield the numbers of ``n`` images in an order that is drawn, `CHUNK` at a time.

    Examples
    --------
    >>> [len(chosen) for chosen in in_chunks(4500, np.random.default_rng(0))]
    [2000, 2000, 500]
    """
    order = rng.permutation(n)
    for start in range(0, n, CHUNK):
        yield order[start : start + CHUNK]
