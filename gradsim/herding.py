"""Herding: real numbers as spikes without chance, so that sums stay true to half a spike.

A quantiser adds what it gets to its potential φ and emits spikes while φ lies beyond half of one
(O'Connor & Welling, "Deep spiking networks", 2016, arXiv:1602.08323, section 2; herding is
Welling's, ICML 2009)::

    φ <- φ + v
    signed:     while |φ| > 1/2: emit sign(φ), φ <- φ - sign(φ)                       (1)
    rectified:  while φ > 1/2:   emit 1,       φ <- φ - 1                             (2)

What (1) has emitted differs from what it got by φ, so by 1/2 at most, however long it runs; the
mean over n steps is right to 1/(2n), where Poisson spikes are right to about 1/sqrt(n). With (2)
φ may fall without limit: where input comes evenly, the sum is that of a rectifier. A spike that
came before its input was taken back stays.
"""

from __future__ import annotations

import numpy as np


def signed(drive: np.ndarray, potential: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the spikes of a step, signed counts, and the potential after it: (1).

    Parameters
    ----------
    drive, potential
        Of each unit, any shape; in spikes.

    Examples
    --------
    >>> signed(np.array([0.5, 0.75, -1.75]), np.zeros(3))
    (array([ 0.,  1., -2.]), array([ 0.5 , -0.25,  0.25]))
    """
    potential = potential + drive
    spikes = np.copysign(np.maximum(np.ceil(np.abs(potential) - 0.5), 0), potential)
    return spikes, potential - spikes


def rectified(drive: np.ndarray, potential: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the spikes of a step, counts, and the potential after it: (2); see `signed`.

    Examples
    --------
    >>> rectified(np.array([0.5, 0.75, -1.75]), np.zeros(3))
    (array([0., 1., 0.]), array([ 0.5 , -0.25, -1.75]))
    """
    potential = potential + drive
    spikes = np.maximum(np.ceil(potential - 0.5), 0)
    return spikes, potential - spikes
