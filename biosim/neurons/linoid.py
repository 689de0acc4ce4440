"""The function in which rates of gates rise linearly."""

from __future__ import annotations

import numpy as np
from brian2 import check_units, implementation
from scipy.special import exprel


@implementation(
    "cython",
    """
    cdef double linoid(double x):
        return x / -expm1(-x) if x != 0 else 1.0
    """,
)
# Brian2's own exprel checks units at every call, which takes longer than the rest of a step.
@implementation("numpy", discard_units=True)
@check_units(x=1, result=1)
def linoid(x: np.ndarray) -> np.ndarray:
    """Return x / (1 - exp(-x)), which is 1 at 0, for use in Brian2's equations."""
    return 1 / exprel(-x)
