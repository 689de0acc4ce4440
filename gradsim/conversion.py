"""From a trained rectifier network to one of integrate-and-fire neurons that approximates it.

Weights are scaled so that activations lie in 0..1 (`gradsim.normalisation`); a neuron with
threshold 1 then tells its activation by its rate, in spikes a step. In each step, layer by layer::

    V <- V + W s + b,    s' = [V >= 1],    V <- V - s'   (reset "subtract")
                                           V <- 0 where s' = 1   (reset "zero")

Spikes cross all layers within a step. The output has no threshold: its potential after t steps,
divided by t, approximates the network's output. The input is the image as a constant current,
whose product with the weights is computed once, or spikes with the pixels as probabilities.

What is exact, after T steps from ``V = initial`` with reset by subtraction:

- *The first layer with constant current*: with ``initial`` 1/2 it spikes
  ``clip(floor(T a / λ + 1/2), 0, T)`` times, the activation quantised to T levels. So it equals a
  `gradsim.QCFS` layer of T levels.
- *Deeper layers*: a neuron whose input sums to S, which includes ``initial``, spikes
  ``clip(floor(S), 0, T)`` times if and only if at the end 0 <= V < 1, or it never spiked and
  V < 0, or it always spiked and V >= 1. Otherwise its input came unevenly: it spiked before
  inhibition came (V < 0), or was excited too late to catch up at one spike a step (V >= 1). Where
  it holds for all neurons, a QCFS network of T levels is converted exactly; with T = 1 it always
  does.

Bu et al. (ICLR 2022, arXiv:2303.04347, theorem 2) show that with ``initial`` 1/2 the error vanishes
in expectation, for any number of steps and levels; half a threshold is worth more than any choice
of scale in the first steps. Reset to zero loses what exceeds the threshold, so that rates are too
low however long one waits (Rueckauer et al., Front. Neurosci. 11:682 (2017)).

Deviations: average pooling belongs to the synapses behind it, where Diehl et al. (2015) and
Rueckauer et al. have neurons that pool; max pooling and soft-max are not converted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from gradsim.described import Described
from gradsim.normalisation import Method, as_images, require_images, scaled
from gradsim.operations import LayerCost, Wiring, wirings

Reset = Literal["subtract", "zero"]
Input = Literal["current", "poisson"]


class Step(NamedTuple):
    """Spikes ``[B, ...]`` of input and hidden layers in a step; the output's potential after it.

    The input is silent where it is a constant current.
    """

    spikes: tuple[Tensor, ...]
    readout: Tensor


@dataclass(frozen=True)
class Response:
    """What a converted network did.

    Parameters
    ----------
    readout
        ``[T, B, C]`` potentials of the output after each step.
    spikes, additions
        ``[T, layers]`` in each step, mean of the samples: spikes that reach each layer, those of
        the input first, and the additions that they cause in it.
    single
        Cost of input and layers in a single silent step.
    """

    readout: Tensor
    spikes: Tensor
    additions: Tensor
    single: tuple[LayerCost, ...]

    def costs(self, n_steps: int | None = None) -> tuple[LayerCost, ...]:
        """Return the cost of input and layers in the first ``n_steps``, in all where None.

        Raises
        ------
        ValueError
            If there were not so many steps.
        """
        if n_steps is not None and not 1 <= n_steps <= len(self.readout):
            raise ValueError(f"n_steps must lie in 1..{len(self.readout)}, not {n_steps}")
        spikes, additions = (each[:n_steps] for each in (self.spikes, self.additions))
        emitted = [*spikes.sum(0).tolist(), 0.0]
        caused = [0.0, *additions.sum(0).tolist()]
        return tuple(
            replace(layer, spikes=spiking, additions=adding, updates=layer.updates * len(spikes))
            for layer, spiking, adding in zip(self.single, emitted, caused, strict=True)
        )


class Converted(Described):
    """Integrate-and-fire neurons in place of rectifiers; `convert` makes it.

    Parameters
    ----------
    names
        Of the layers, the output last.
    synapses
        Of each, scaled; see `gradsim.normalisation.normalised`.
    shape
        Of an image, without the batch.
    reset, initial, input
        See `convert`.
    """

    def __init__(
        self,
        names: list[str],
        synapses: list[nn.Sequential],
        shape: torch.Size,
        *,
        reset: Reset = "subtract",
        initial: float = 0.5,
        input: Input = "current",
    ) -> None:
        super().__init__()
        if reset not in ("subtract", "zero") or input not in ("current", "poisson"):
            raise ValueError(
                "reset must be 'subtract' or 'zero' and input 'current' or 'poisson', "
                f"not {reset!r}, {input!r}"
            )
        if not 0 <= initial < 1:
            raise ValueError(
                f"initial must be a share of the threshold in 0..1, below 1, not {initial}"
            )
        self.names, self.shape = names, shape
        self.synapses = nn.ModuleList(synapses)
        self.reset, self.initial, self.input = reset, initial, input

    def forward(
        self,
        images: Tensor,
        n_steps: int,
        generator: torch.Generator | None = None,
        batch_size: int = 500,
    ) -> Response:
        """Return what the network does on images, each from the initial state.

        Parameters
        ----------
        images
            ``[B, ...]`` as the rectifier network takes them; in 0..1 where they are probabilities.
        n_steps
            T, at least 1.
        generator
            Source of Poisson spikes; PyTorch's own where None.
        batch_size
            Images that run at a time.

        Raises
        ------
        ValueError
            If there is no image or step, images have another shape or, as probabilities, values
            outside 0..1.
        """
        images = as_images(images, self)
        parts = [
            _recorded(self.steps(part, n_steps, generator), self._wiring)
            for part in images.split(batch_size)
        ]
        readouts, operations = zip(*parts, strict=True)
        spikes, additions = (torch.stack(operations).sum(0) / len(images)).unbind(-1)
        return Response(torch.cat(readouts, dim=1), spikes, additions, self._single())

    @torch.no_grad()
    def steps(
        self, images: Tensor, n_steps: int, generator: torch.Generator | None = None
    ) -> Iterator[Step]:
        """Yield every spike of one batch, step by step; parameters and errors as for `forward`."""
        images = as_images(images, self)
        self._require_fitting(images, n_steps)
        constant = self.synapses[0](images) if self.input == "current" else None
        *hidden, output = self._potentials(images)
        for _ in range(n_steps):
            x = images if constant is not None else torch.bernoulli(images, generator=generator)
            spikes = [torch.zeros_like(x) if constant is not None else x]
            for k, potential in enumerate(hidden):
                potential += self.synapses[k](x) if k or constant is None else constant
                x = self._fire(potential)
                spikes.append(x)
            output = output + self.synapses[-1](x)
            yield Step(tuple(spikes), output)

    def constants(self) -> dict[str, Any]:
        """Return what answers depend on besides weights."""
        own = {"reset": self.reset, "initial": self.initial, "input": self.input}
        return own | {"shape": list(self.shape)}

    def _require_fitting(self, images: Tensor, n_steps: int) -> None:
        if n_steps < 1:
            raise ValueError(f"n_steps must be at least 1, not {n_steps}")
        require_images(images, self.shape, probabilities=self.input == "poisson")

    def _potentials(self, images: Tensor) -> list[Tensor]:
        """Return the potentials ``[B, ...]`` of all layers before the first step."""
        silence, potentials = torch.zeros_like(images[:1]), []
        for synapses in self.synapses:
            silence = torch.zeros_like(synapses(silence))
            shape = (len(images), *silence.shape[1:])
            potentials.append(silence.new_full(shape, self.initial))
        return [*potentials[:-1], torch.zeros_like(potentials[-1])]

    def _fire(self, potential: Tensor) -> Tensor:
        """Return the spikes of a layer, and reset its potential in place."""
        spikes = (potential >= 1).to(potential.dtype)
        if self.reset == "subtract":
            potential -= spikes
        else:
            potential *= 1 - spikes
        return spikes

    @cached_property
    def _wiring(self) -> list[Wiring]:
        return wirings(self.synapses, self.shape)

    def _single(self) -> tuple[LayerCost, ...]:
        wiring = self._wiring
        macs = [float(wiring[0].fan_out.sum()) if self.input == "current" else 0.0]
        macs += [0.0] * (len(wiring) - 1)
        return LayerCost("input"), *(
            LayerCost(name, macs=mac, updates=w.neurons, states=w.neurons, weights=w.weights)
            for name, mac, w in zip(self.names, macs, wiring, strict=True)
        )


def _recorded(steps: Iterator[Step], wiring: list[Wiring]) -> tuple[Tensor, Tensor]:
    """Return the readouts ``[T, B, C]``, and spikes and additions ``[T, layers, 2]`` of a batch."""
    readouts, operations = [], []
    for spikes, readout in steps:
        readouts.append(readout)
        operations.append([w.met(fired) for w, fired in zip(wiring, spikes, strict=True)])
    return torch.stack(readouts), torch.tensor(operations, dtype=torch.float64)


def convert(
    network: nn.Sequential,
    images: Tensor,
    *,
    method: Method = "percentile",
    percentile: float = 99.0,
    reset: Reset = "subtract",
    initial: float = 0.5,
    input: Input = "current",
) -> Converted:
    """Return a network of integrate-and-fire neurons with the weights of a rectifier network.

    Parameters
    ----------
    network
        A chain of ``nn.Linear`` and ``nn.Conv2d``, each but the last with ``nn.ReLU`` or
        `gradsim.QCFS` right behind it. Average pooling, reshaping, dropout and batch
        normalisation may stand among them. It stays as it is.
    images
        ``[B, ...]`` training images to scale the layers by, in 0..1; some thousands suffice.
    method, percentile
        How; see `gradsim.normalisation`. A low percentile makes neurons spike more often and
        saturates more of them.
    reset
        ``"subtract"`` or ``"zero"``.
    initial
        Initial potential of hidden neurons as a share of the threshold, in 0..1.
    input
        ``"current"`` for constant currents, ``"poisson"`` for spikes.

    Raises
    ------
    ValueError
        If the network holds what cannot be converted, a layer is never active on the images, or
        an option is out of range.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> generator = torch.Generator().manual_seed(0)
    >>> images = torch.rand(100, 8, generator=generator)
    >>> trained = nn.Sequential(nn.Linear(8, 20), nn.ReLU(), nn.Linear(20, 3))
    >>> response = convert(trained, images, method="max")(images, n_steps=200)
    >>> list(response.readout.shape)
    [200, 100, 3]
    >>> deviation = response.readout[-1] / 200 - trained(images)
    >>> bool(deviation.abs().max() < 0.1)
    True
    >>> [cost.name for cost in response.costs()], response.costs(10)[1].updates
    (['input', '0', '2'], 200)
    """
    stages = scaled(network, images, method, percentile)
    return Converted(*stages, reset=reset, initial=initial, input=input)
