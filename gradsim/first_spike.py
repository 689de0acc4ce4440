"""From a trained rectifier network to one in which every neuron spikes at most once.

The earlier the spike, the larger the activation (time to first spike; after Rueckauer & Liu, ISCAS
2018, doi:10.1109/ISCAS.2018.8351295). Each layer has a window of T ticks, in which it spikes, and
in which the layer behind it integrates. With weights scaled so that activations lie in 0..1
(`gradsim.normalisation`), in the window of its inputs, in each tick::

    slope <- slope + W s + (b in the first tick),    V <- V + slope

and in the window behind it a neuron spikes as soon as V reaches a threshold that it shares with
all, and that falls by 1 a tick: T - 1/2, T - 3/2, ..., 1/2. So a spike in tick ``T - k``, 0 the
first, adds k times its weight, and a neuron spikes in tick ``T - level`` with::

    level = clip(floor(V + 1/2), 0, T),    V = sum of W level_before + T b

not at all where that is 0. This is the network with all activations, and the pixels, rounded to T
levels, exactly; what runs is that closed form. In a network of `gradsim.QCFS` with T levels only
the rounding of the pixels is new. Latency is T ticks a layer.

Deviation: layers take turns, so that a neuron has all its input before it may spike. In Rueckauer
& Liu layers run at once and what comes after a neuron's spike is lost. Stanojevic et al.
(arXiv:2212.12522) map rectifiers exactly in continuous time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from gradsim.described import Described
from gradsim.normalisation import Method, as_images, require_images, scaled
from gradsim.operations import LayerCost, Wiring, wirings


@dataclass(frozen=True)
class FirstSpikeResponse:
    """What a network of single spikes did.

    Parameters
    ----------
    readout
        ``[B, C]`` potentials of the output at the end of its window, divided by T: the output of
        the rounded rectifier network.
    costs
        Of input and layers.
    """

    readout: Tensor
    costs: tuple[LayerCost, ...]


class FirstSpikes(Described):
    """Neurons that spike at most once in place of rectifiers; `convert_to_first_spikes` makes it.

    Parameters
    ----------
    names
        Of the layers, the output last.
    synapses
        Of each, scaled with ``bias_factor`` T; see `gradsim.normalisation.normalised`.
    shape
        Of an image, without the batch.
    n_ticks
        T, the ticks of a window.
    """

    def __init__(
        self, names: list[str], synapses: list[nn.Sequential], shape: torch.Size, n_ticks: int
    ) -> None:
        super().__init__()
        if n_ticks < 1:
            raise ValueError(f"n_ticks must be at least 1, not {n_ticks}")
        self.names, self.shape, self.n_ticks = names, shape, n_ticks
        self.synapses = nn.ModuleList(synapses)

    def forward(self, images: Tensor, batch_size: int = 500) -> FirstSpikeResponse:
        """Return the readout and what it cost.

        Parameters
        ----------
        images
            ``[B, ...]``, in 0..1.
        batch_size
            Images that run at a time.

        Raises
        ------
        ValueError
            If there is no image, or they have another shape or values.
        """
        images = as_images(images, self)
        readouts, operations = [], []
        for part in images.split(batch_size):
            *levels, readout = self.levels(part)
            readouts.append(readout / self.n_ticks)
            operations.append(
                [each.met(level > 0) for each, level in zip(self._wiring, levels, strict=True)]
            )
        spikes, additions = (torch.tensor(operations).sum(0) / len(images)).T.tolist()
        return FirstSpikeResponse(torch.cat(readouts), self._costs(spikes, additions))

    def constants(self) -> dict[str, Any]:
        """Return what answers depend on besides weights."""
        return {"n_ticks": self.n_ticks, "shape": list(self.shape)}

    @torch.no_grad()
    def levels(self, images: Tensor) -> Iterator[Tensor]:
        """Yield the levels ``[B, ...]`` of input and hidden layers, then the output's potential.

        A spike comes in tick ``n_ticks - level`` of its layer's window, none where the level is 0.
        """
        images = as_images(images, self)
        require_images(images, self.shape, probabilities=True)
        potential = images * self.n_ticks
        for synapses in self.synapses:
            level = (potential + 0.5).floor().clamp(0, self.n_ticks)
            yield level
            potential = synapses(level)
        yield potential

    @cached_property
    def _wiring(self) -> list[Wiring]:
        return wirings(self.synapses, self.shape)

    def _costs(self, spikes: list[float], additions: list[float]) -> tuple[LayerCost, ...]:
        layers = zip(self.names, self._wiring, [*spikes[1:], 0.0], additions, strict=True)
        return LayerCost("input", spikes=spikes[0]), *(
            LayerCost(
                name,
                spikes=emitted,
                additions=caused,
                updates=self.n_ticks * each.neurons,
                states=2 * each.neurons,
                weights=each.weights,
            )
            for name, each, emitted, caused in layers
        )


def convert_to_first_spikes(
    network: nn.Sequential,
    images: Tensor,
    *,
    n_ticks: int = 8,
    method: Method = "percentile",
    percentile: float = 99.9,
) -> FirstSpikes:
    """Return a network of at most one spike a neuron with the weights of a rectifier network.

    Parameters
    ----------
    network, images, method, percentile
        As for `gradsim.convert`.
    n_ticks
        T, the ticks of a layer's window: the levels above 0 that a spike can tell.

    Raises
    ------
    ValueError
        As for `gradsim.convert`, and if there is no tick.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> generator = torch.Generator().manual_seed(0)
    >>> images = torch.rand(100, 8, generator=generator)
    >>> trained = nn.Sequential(nn.Linear(8, 20), nn.ReLU(), nn.Linear(20, 3))
    >>> spiking = convert_to_first_spikes(trained, images, n_ticks=64, method="max")
    >>> bool((spiking(images).readout - trained(images)).abs().max() < 0.1)
    True
    >>> pixels, hidden, readout = spiking.levels(images)
    >>> float(hidden.max())
    64.0
    """
    return FirstSpikes(*scaled(network, images, method, percentile, n_ticks), n_ticks)
