"""A classifier of numbers of spikes that is itself of spikes: a trained head for maps.

A hidden layer reads how often each input has spiked, and then spikes itself, up to T times; the
output reads that and does not spike::

    a = θ / T h,   h = clip(floor(T (g W n + b) / θ + 1/2), 0, T)                         (1)
    logits = U a + c                                                                      (2)

(1) is `gradsim.QCFS` of T levels, an integrate-and-fire neuron that has all of its input before it
spikes and begins at half its threshold; what goes on are the h spikes, each worth θ / T. Gradients
take the floor for the identity between 0 and T. The network is trained by `gradsim.train` like any
other, with dropout of inputs and hidden neurons where that is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gradsim.arrays import indices, plain
from gradsim.described import Checking
from gradsim.quantised import QCFS
from gradsim.recording import Recording


@dataclass(frozen=True)
class Counts:
    """Numbers of spikes ``[N, F]``, to train and predict from.

    Raises
    ------
    TypeError, ValueError
        If they are no numbers or have another shape.
    """

    values: np.ndarray

    def __post_init__(self) -> None:
        values = plain("counts", self.values)
        if values.ndim != 2:
            raise ValueError(f"counts must be [N, F], not {list(values.shape)}")
        object.__setattr__(self, "values", values)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, index: Any) -> Tensor:
        """Return the samples at ``index``, ``[B, F]`` float32."""
        taken = self.values[indices(index, len(self))]
        return torch.from_numpy(np.require(taken, np.float32, ["C", "W"]))


class CountHead(Checking):
    """The network of the module's equations.

    Parameters
    ----------
    sizes
        F inputs, hidden neurons, classes.
    gain
        g, what a spike of the input is worth; best one over their deviation.
    levels
        T.
    dropout
        Share of inputs and of hidden neurons that are left out while it is trained.
    generator
        Source of initial weights and of dropout; PyTorch's own where None.

    Raises
    ------
    ValueError
        If a number is outside its range.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(2, size=100)
    >>> counts = Counts(rng.poisson(np.where(labels[:, None] == [0, 1], 5, 1)))
    >>> head = CountHead((2, 8, 2), generator=torch.Generator().manual_seed(0))
    >>> settings = gradsim.TrainingConfig(readout="last", epochs=20, learning_rate=0.02)
    >>> _ = gradsim.train(head, gradsim.Labelled(counts, labels), None, settings, rng)
    >>> bool(np.mean(gradsim.predict(head, counts, readout="last").classes == labels) > 0.9)
    True
    """

    def __init__(
        self,
        sizes: tuple[int, int, int],
        gain: float = 1.0,
        levels: int = 8,
        dropout: tuple[float, float] = (0.0, 0.0),
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if not gain > 0 or not all(0 <= share < 1 for share in dropout):
            raise ValueError(
                f"gain must be positive and dropout in 0..1, below 1, not {gain}, {dropout}"
            )
        n_in, n_hidden, n_out = sizes
        self.gain, self.dropout, self.generator = gain, dropout, generator
        self.hidden, self.neurons = _linear(n_in, n_hidden, generator), QCFS(levels)
        self.output = _linear(n_hidden, n_out, generator)

    def forward(self, counts: Tensor) -> Recording:
        """Return what the network did with ``counts [B, F]``."""
        given = self._dropped(counts * self.gain, self.dropout[0])
        activity = self.neurons(self.hidden(given))
        logits = self.output(self._dropped(activity, self.dropout[1]))
        spikes = activity * (self.neurons.levels / self.neurons.threshold)
        return Recording(logits[None], logits, (spikes,), lambda: (self._raster(spikes),))

    def _dropped(self, values: Tensor, share: float) -> Tensor:
        """Return values of which a share is 0, the others as much larger; all where it answers."""
        if not self.training or not share:
            return values
        kept = torch.rand(values.shape, generator=self.generator) >= share
        return values * kept / (1 - share)

    def _raster(self, spikes: Tensor) -> Tensor:
        """Return spikes ``[T, B, N]``: as early as they can come, one a step."""
        step = torch.arange(self.neurons.levels)[:, None, None]
        return (step < spikes.detach().round()).to(spikes.dtype)


def _linear(n_in: int, n_out: int, generator: torch.Generator | None) -> nn.Linear:
    """Return a layer with the weights of He et al. (2015) and without bias at first."""
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out)
    with torch.no_grad():
        layer.weight.normal_(0, (2 / n_in) ** 0.5, generator=generator)
        layer.bias.zero_()
    return layer
