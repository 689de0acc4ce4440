"""Works W1 and W2: synthetic spikes and weights with the statistics of two common data sets.

Synthetic, so that nothing is downloaded; what decides on speed is how many spikes there are, and
when. W1 looks like Fashion-MNIST as times to first spike, W2 like the Spiking Heidelberg Digits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from gradsim import NetworkConfig, SpikeEvents

SEED = 1


@dataclass(frozen=True)
class Work:
    """A training step to be timed.

    Parameters
    ----------
    name
        ``"W1"`` or ``"W2"``, and what differs from it.
    n_in, hidden, n_out, n_steps, batch
        Sizes.
    code
        ``"latency"``: some units fire once; ``"rate"``: units fire by chance, each at its rate.
    spikes
        Mean input spikes of a sample, whatever ``n_steps``.
    weight_scale
        Deviation of the weights times the root of their fan-in; chosen so that the hidden neurons
        of the published size fire in 1.3 % (W1) and 4.2 % (W2) of the steps.
    recurrent
        Whether hidden neurons are connected to each other.
    """

    name: str
    n_in: int
    n_out: int
    code: Literal["latency", "rate"]
    spikes: int
    weight_scale: float
    recurrent: bool
    hidden: int = 200
    n_steps: int = 100
    batch: int = 256


W1 = Work("W1", 784, 10, "latency", spikes=383, weight_scale=1.5, recurrent=False)
W2 = Work("W2", 700, 20, "rate", spikes=8013, weight_scale=0.225, recurrent=True)


class Weights(NamedTuple):
    """Initial weights, float32: ``[H, N]``, ``[H, H]`` or None, ``[C, H]``."""

    hidden: np.ndarray
    recurrent: np.ndarray | None
    readout: np.ndarray


def scaling() -> list[Work]:
    """Return W1 and W2 over numbers of steps, and W1 over numbers of hidden neurons."""
    over_steps = [
        replace(work, name=f"{work.name}, T={n_steps}", n_steps=n_steps)
        for work in (W1, W2)
        for n_steps in (50, 200, 400)
    ]
    over_width = [replace(W1, name=f"W1, H={n}", hidden=n) for n in (100, 400, 800)]
    return over_steps + over_width


def network_config(work: Work) -> NetworkConfig:
    """Return the network, of SpyTorch's neurons."""
    from gradsim import NetworkConfig

    return NetworkConfig(
        work.n_in,
        (work.hidden,),
        work.n_out,
        weight_scale=work.weight_scale,
        recurrent=work.recurrent,
    )


def initial_weights(work: Work) -> Weights:
    """Return the weights from which every implementation starts."""
    rng = np.random.default_rng(SEED)

    def normal(n_out: int, n_in: int) -> np.ndarray:
        scale = work.weight_scale / np.sqrt(n_in)
        return (scale * rng.standard_normal((n_out, n_in))).astype(np.float32)

    hidden = normal(work.hidden, work.n_in)
    recurrent = normal(work.hidden, work.hidden) if work.recurrent else None
    return Weights(hidden, recurrent, normal(work.n_out, work.hidden))


def samples(work: Work) -> tuple[SpikeEvents, np.ndarray]:
    """Return the spikes and random labels ``[B]`` of one batch."""
    from gradsim import encode

    rng = np.random.default_rng(SEED)
    labels = rng.integers(0, work.n_out, work.batch)
    shape = (work.batch, work.n_in)
    if work.code == "latency":
        # 8-bit pixels above the encoder's threshold of 0.2, the others black.
        bright = rng.random(shape) < work.spikes / work.n_in
        pixels = np.where(bright, rng.integers(52, 256, shape) / 255, 0)
        return encode.latency(pixels, work.n_steps), labels
    density = work.spikes / (work.n_in * work.n_steps)
    chance = rng.beta(1, 1 / density - 1, shape)
    return encode.rate(chance, work.n_steps, rng, max_rate_hz=1000, dt_s=1e-3), labels
