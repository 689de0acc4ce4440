"""Images as ranks of contrast: the strongest spikes first, each place once at most.

Kheradpisheh, Ganjtabesh, Thorpe & Masquelier, "STDP-based spiking deep convolutional neural
networks for object recognition", Neural Networks 99:56-67, 2018, section 2.1. With G of deviation σ
in pixels and of unit integral::

    D = G_σ - G_σ',   D <- D - mean D,   D <- D / max D                                 (1)
    c = D * image, where it is at least the threshold; else silent                      (2)
    step = floor(r T / n) of the r-th strongest of n contrasts, r = 0 .. n - 1          (3)

All channels of an image are ranked together, of equals the first in the order of channel, row and
column. T, the number of steps, stands for silence. An image that is brightened by a factor spikes
in the same steps, but for what crosses the threshold.

(1) and the threshold of 50 of 255 are those of SpykeTorch (Mozafari et al., Front. Neurosci.
13:625, 2019), which drops what is left when it fills steps with n // T spikes each; (3) drops
nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import conv2d

from gradsim.arrays import integers, plain

MOST_STEPS = 255  # one byte holds a step or silence
BLOCK = 512  # images whose contrasts are held at a time


@dataclass(frozen=True)
class RankCode:
    """How images become spikes; the defaults are ON and OFF centres in 15 steps.

    Parameters
    ----------
    deviations
        σ and σ' in pixels, a pair for each channel.
    size
        Side of a filter in pixels, odd.
    threshold
        Least contrast that spikes, in units of the brightest pixel.
    n_steps
        T.

    Raises
    ------
    ValueError
        If a number is outside its range, or a filter has a centre like its surround.
    """

    deviations: tuple[tuple[float, float], ...] = ((1.0, 2.0), (2.0, 1.0))
    size: int = 7
    threshold: float = 50 / 255
    n_steps: int = 15

    def __post_init__(self) -> None:
        if not self.deviations or any(min(d) <= 0 or d[0] == d[1] for d in self.deviations):
            raise ValueError(
                f"deviations must be pairs of differing positive numbers, not {self.deviations}"
            )
        if self.size < 3 or self.size % 2 == 0 or not self.threshold > 0:
            raise ValueError(
                "size must be odd and at least 3 and threshold positive, not "
                f"{self.size}, {self.threshold}"
            )
        if not 1 <= self.n_steps <= MOST_STEPS:
            raise ValueError(f"n_steps must lie in 1..{MOST_STEPS}, not {self.n_steps}")


def difference_of_gaussians(size: int, centre: float, surround: float) -> np.ndarray:
    """Return the filter ``[size, size]`` of (1), float32.

    Examples
    --------
    >>> kernel = difference_of_gaussians(7, 1.0, 2.0)
    >>> float(kernel[3, 3]), bool(abs(kernel.sum()) < 1e-5)
    (1.0, True)
    """
    offsets = np.arange(size) - size // 2
    squared = offsets[:, None] ** 2 + offsets**2
    narrow, wide = (np.exp(-squared / (2 * s**2)) / s**2 for s in (centre, surround))
    kernel = narrow - wide - (narrow - wide).mean()
    return (kernel / kernel.max()).astype(np.float32)


def contrasts(images: np.ndarray, code: RankCode) -> np.ndarray:
    """Return the contrasts of (2), ``[N, C, H, W]`` float32 with 0 for silence.

    Parameters
    ----------
    images
        ``[N, H, W]``, finite; beyond their edge they are dark.
    code
        How.

    Raises
    ------
    ValueError
        If images have another shape or are not finite.
    """
    values = plain("images", images)
    if values.ndim != 3 or not np.isfinite(values).all():
        raise ValueError(f"images must be [N, H, W] and finite, not {list(values.shape)}")
    kernels = np.stack([difference_of_gaussians(code.size, *pair) for pair in code.deviations])
    with torch.no_grad():
        given = torch.from_numpy(values.astype(np.float32))[:, None]
        found = conv2d(given, torch.from_numpy(kernels)[:, None], padding=code.size // 2)
    return np.where(found >= code.threshold, found, 0)


def encode(images: np.ndarray, code: RankCode | None = None) -> np.ndarray:
    """Return the step of each spike, ``[N, C, H, W]`` uint8; ``code.n_steps`` where silent.

    Parameters
    ----------
    images
        ``[N, H, W]``.
    code
        How; the default `RankCode` where None.

    Raises
    ------
    ValueError
        As of `contrasts`.

    Examples
    --------
    >>> image = np.zeros((1, 9, 9))
    >>> image[0, 4, 4] = 1.0
    >>> steps = encode(image, RankCode(n_steps=4))
    >>> int(steps[0, 0, 4, 4]), int(steps[0, 0, 0, 0])
    (0, 4)
    """
    code = code or RankCode()
    values = plain("images", images)
    parts = [_ranked(contrasts(part, code), code.n_steps) for part in _blocks(values)]
    return np.concatenate(parts)


def _blocks(values: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, max(len(values), 1), BLOCK):
        yield values[start : start + BLOCK]


def _ranked(found: np.ndarray, n_steps: int) -> np.ndarray:
    """Return the steps of (3)."""
    strength = found.reshape(len(found), math.prod(found.shape[1:]))
    n_active = np.count_nonzero(strength, axis=1)
    order = np.argsort(-strength, axis=1, kind="stable")[:, : n_active.max(initial=0)]
    rank = np.arange(order.shape[1])
    step = rank * n_steps // np.maximum(n_active, 1)[:, None]
    step[rank >= n_active[:, None]] = n_steps
    steps = np.full(strength.shape, n_steps, np.uint8)
    np.put_along_axis(steps, order, step.astype(np.uint8), axis=1)
    return steps.reshape(found.shape)


def shuffled(steps: np.ndarray, n_steps: int, rng: np.random.Generator) -> np.ndarray:
    """Return spikes in the same places with the steps of each sample exchanged among them.

    What is left is which places spiked, and how many spikes there are in each step: a control.

    Parameters
    ----------
    steps
        ``[N, ...]`` as of `encode`.
    n_steps
        Which stands for silence.
    rng
        Source of the exchange.

    Examples
    --------
    >>> shuffled(np.array([[3, 0, 1, 3, 2]]), 3, np.random.default_rng(0))
    array([[3, 2, 0, 3, 1]])
    """
    found = integers("steps", steps).copy()
    for sample in found:
        spiked = sample < n_steps
        sample[spiked] = rng.permutation(sample[spiked])
    return found
