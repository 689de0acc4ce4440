"""Images behind fixed filters, as periods: neurons that get constant input spike evenly.

Kulkarni & Rajendran, "Spiking neural networks for handwritten digit recognition: supervised
learning and network optimization", Neural Networks 103:118-127, 2018: twelve filters of 3 x 3,
which nobody teaches, drive leaky integrate-and-fire neurons by a constant current. With threshold
1 such a neuron spikes at p, 2 p, ..., where with a current I above 1::

    p = ceil((tau ln(I / (I - 1)) + refractory time) / dt)                              (6)

and never otherwise. A period says all that a neuron will do: 0 stands for silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from biosim.given import check_fields, indices, numbers, whole
from biosim.jit import compiled

MOST_STEPS = 255


@dataclass(frozen=True)
class Filtered:
    """Neurons behind filters.

    Parameters
    ----------
    gain
        Current of a filter's answer 1.
    tau_s, refractory_s, dt_s
        Membrane time constant, refractory time and step of (6), in seconds.
    n_steps
        How long an image is shown, at most `MOST_STEPS`; neurons that would spike later are silent.
    """

    gain: float = 4.0
    tau_s: float = 10e-3
    refractory_s: float = 2e-3
    dt_s: float = 1e-3
    n_steps: int = 50

    def __post_init__(self) -> None:
        check_fields(
            self, positive=("gain", "tau_s", "dt_s", "n_steps"), at_least_0=("refractory_s",)
        )
        if self.n_steps > MOST_STEPS:
            raise ValueError(f"n_steps must be at most {MOST_STEPS}, not {self.n_steps}")


def oriented() -> np.ndarray:
    """Return 8 edges and 4 lines, ``[12, 3, 3]``: sums of 0, absolute values that add up to 2.

    Examples
    --------
    >>> oriented()[0].round(2)
    array([[-0.33,  0.  ,  0.33],
           [-0.33,  0.  ,  0.33],
           [-0.33,  0.  ,  0.33]])
    """
    y, x = np.mgrid[-1:2, -1:2]
    edges = [x * np.cos(a) + y * np.sin(a) for a in np.arange(8) * np.pi / 4]
    across = [np.abs(y * np.cos(a) - x * np.sin(a)) for a in np.arange(4) * np.pi / 4]
    return balanced(np.array([*edges, *(1 - 1.5 * np.minimum(d, 1) for d in across)]))


def balanced(filters: np.ndarray) -> np.ndarray:
    """Return filters ``[n, k, k]`` with sums of 0 and absolute values that add up to 2."""
    filters = filters - filters.mean(axis=(1, 2), keepdims=True)
    return filters * (2 / np.abs(filters).sum(axis=(1, 2), keepdims=True))


def periods(images: Any, filters: Any, neurons: Filtered | None = None) -> np.ndarray:
    """Return the period in steps of each neuron, ``[N, filters * places]`` uint8, 0 for silence.

    Parameters
    ----------
    images
        ``[N, H, W]``.
    filters
        ``[n, k, k]``, not larger than an image; places are those where a filter fits.
    neurons
        What stands behind a filter; the usual ones if None.

    Raises
    ------
    ValueError
        If shapes do not fit.

    Examples
    --------
    >>> periods([[[0.0, 0.3, 1.0]]], [[[1.0]]])
    array([[ 0, 20,  5]], dtype=uint8)
    """
    shown, bank = numbers("images", images, ndim=3), numbers("filters", filters, ndim=3)
    sides = np.array(shown.shape[1:]) - bank.shape[1:] + 1
    if min(sides) < 1 or not len(bank):
        raise ValueError(
            f"filters must be [n, k, k] and fit images, not {bank.shape} and {shown.shape}"
        )
    n = neurons or Filtered()
    found = np.zeros((len(shown), len(bank), *sides), np.uint8)
    _periods(shown, bank, n.gain, n.tau_s / n.dt_s, n.refractory_s / n.dt_s, n.n_steps, found)
    return found.reshape(len(shown), -1)


@compiled()
def _periods(
    images: np.ndarray,
    filters: np.ndarray,
    gain: float,
    tau: float,
    refractory: float,
    n_steps: int,
    found: np.ndarray,
) -> None:
    """Put (6) to ``found [N, n, H', W']``."""
    n_filters, height, width = filters.shape
    rows, columns = found.shape[2:]
    current = np.zeros(columns)
    for n in range(len(images)):
        for f in range(n_filters):
            for y in range(rows):
                current[:] = 0.0
                for ky in range(height):
                    for kx in range(width):
                        weight = gain * filters[f, ky, kx]
                        for x in range(columns):
                            current[x] += weight * images[n, y + ky, x + kx]
                for x in range(columns):
                    if current[x] > 1.0:
                        rise = tau * np.log(current[x] / (current[x] - 1.0))
                        period = np.ceil(rise + refractory)
                        if period < n_steps:
                            found[n, f, y, x] = max(period, 1.0)


def rasters(given: Any, n_steps: int) -> np.ndarray:
    """Return the spikes ``[N, n_steps, n]``, 0 or 1, of neurons with periods ``[N, n]``.

    Examples
    --------
    >>> rasters([[2, 0]], 6)[0].T
    array([[0, 0, 1, 0, 1, 0],
           [0, 0, 0, 0, 0, 0]], dtype=uint8)
    """
    n_steps = whole("n_steps", n_steps, at_least=1)
    every = indices("periods", given, MOST_STEPS + 1, ndim=2)[:, None]
    step = np.arange(n_steps)[:, None]
    return ((every > 0) & (step > 0) & (step % np.maximum(every, 1) == 0)).astype(np.uint8)
