"""Which time bin a recorded spike belongs to, for learners that do without `gradsim`.

Guaranteed: the bins of `gradsim.encode.bin_events`, type by type: a time that the type in which it
was stored cannot tell from the beginning of a bin belongs to that bin. (Importing `gradsim` for it
would charge a baseline with PyTorch's memory and start.)
"""

from __future__ import annotations

import numpy as np


def time_bins(time_s: np.ndarray, duration_s: float, n_bins: int) -> np.ndarray:
    """Return the bin, 0 to ``n_bins - 1``, of times ``[E]`` in ``[0, duration_s]``.

    Examples
    --------
    >>> time_bins(np.array([0.3, 0.29, 1.0], np.float32), 1.0, 10)
    array([3, 2, 9])
    """
    exact = time_s.astype(np.float64) * (n_bins / duration_s)
    whole = np.rint(exact)
    error = exact * (precision(time_s.dtype) + 4 * np.finfo(np.float64).eps)
    found = np.where(np.abs(exact - whole) <= error, whole, np.floor(exact))
    return np.minimum(found, n_bins - 1).astype(np.int64)


def precision(kind: np.dtype) -> float:
    """Return the relative error of a time that was computed and stored in a type."""
    return float(np.finfo(kind).eps) if kind.kind == "f" else 0.0
