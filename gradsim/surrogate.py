"""Surrogate derivatives of the spike's step function, each one formula.

The forward pass is the step ``H(x)`` with ``x = U - threshold``, 1 where ``x > 0`` (strict). The
backward pass replaces ``H'`` by a smooth ``h(x)``. A surrogate is a value: its slope belongs to
the instance, so that two networks in one process cannot share it by accident.

Guaranteed: names are for people. What a surrogate computes is its ``shape`` and nothing else;
`built_in` and the event-driven engine know the shapes of this module by identity.

References
----------
Neftci, Mostafa & Zenke, IEEE Signal Process. Mag. 36(6):51-63 (2019),
doi:10.1109/MSP.2019.2931595. Zenke & Vogels, Neural Comput. 33:899-925 (2021),
doi:10.1162/neco_a_01367, compare shapes and scales: the shape hardly matters, a height far from
1 does as soon as gradients pass through recurrent weights or an attached reset.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Surrogate:
    """A derivative that stands in for that of the step function.

    Parameters
    ----------
    name
        Name of the factory in `SURROGATES`, or of a user's own shape; decides nothing.
    shape
        ``shape(x, *parameters)`` is h(x), element by element; a function of a module, so that the
        surrogate can be pickled.
    parameters
        Slope or widths of the shape.
    """

    name: str
    shape: Callable[..., Tensor] = field(repr=False)  # a function prints its address
    parameters: tuple[float, ...] = ()

    def derivative(self, x: Tensor) -> Tensor:
        """Return h(x)."""
        return self.shape(x, *self.parameters)


class _Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, surrogate: Surrogate, strict: bool) -> Tensor:
        ctx.save_for_backward(x)
        ctx.surrogate = surrogate
        return (x > 0 if strict else x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return gradients[0] * ctx.surrogate.derivative(x), None, None


def spike(x: Tensor, surrogate: Surrogate, *, strict: bool = True) -> Tensor:
    """Return 1 where ``x > 0`` (``>= 0`` unless strict), else 0; the gradient is h(x)."""
    return _Spike.apply(x, surrogate, strict)


def fast_sigmoid(slope: float = 25.0) -> Surrogate:
    """h(x) = 1 / (slope |x| + 1)^2, of height 1 (Zenke & Ganguli 2018); snnTorch's slope.

    Examples
    --------
    >>> gradsim.surrogate.fast_sigmoid(slope=25).derivative(torch.tensor([-0.04, 0.0, 0.04]))
    tensor([0.2500, 1.0000, 0.2500])
    """
    return Surrogate("fast_sigmoid", _fast_sigmoid, (float(slope),))


def superspike(slope: float = 100.0) -> Surrogate:
    """h(x) of `fast_sigmoid`, under the name and with the slope that SpyTorch and Norse give it.

    Zenke & Ganguli, Neural Comput. 30:1514-1541 (2018), doi:10.1162/neco_a_01086.
    """
    return Surrogate("superspike", _fast_sigmoid, (float(slope),))


def sigmoid_prime(slope: float = 10.0) -> Surrogate:
    """h(x) = 4 s (1 - s), s = 1 / (1 + exp(-slope x)), of height 1 (Zenke & Vogels 2021)."""
    return Surrogate("sigmoid_prime", _sigmoid_prime, (float(slope),))


def atan(alpha: float = 2.0) -> Surrogate:
    """h(x) = (alpha / 2) / (1 + (pi alpha x / 2)^2), of area 1; as in SpikingJelly and snnTorch.

    Fang et al., ICCV 2021, doi:10.1109/ICCV48922.2021.00266.
    """
    return Surrogate("atan", _atan, (float(alpha),))


def gaussian(sigma: float = 0.5) -> Surrogate:
    """h(x) = exp(-x^2 / (2 sigma^2)) / (sqrt(2 pi) sigma), of area 1.

    Yin, Corradi & Bohté, Nat. Mach. Intell. 3:905-913 (2021), doi:10.1038/s42256-021-00397-w.
    """
    return Surrogate("gaussian", _gaussian, (float(sigma),))


def multi_gaussian(
    sigma: float = 0.5, side_area: float = 0.15, side_width: float = 6.0, scale: float = 0.5
) -> Surrogate:
    """h(x) = scale [(1 + a) N(x; 0, sigma) - a N(x; sigma, w sigma) - a N(x; -sigma, w sigma)].

    N is the normal density, a ``side_area``, w ``side_width``; slightly negative in its tails; of
    area ``scale (1 - a)``. Yin, Corradi & Bohté 2021 with the defaults, as `gaussian`.
    """
    parameters = (float(sigma), float(side_area), float(side_width), float(scale))
    return Surrogate("multi_gaussian", _multi_gaussian, parameters)


def triangle(height: float = 0.3, width: float = 1.0) -> Surrogate:
    """h(x) = height max(0, 1 - |x| / width) (Bellec et al. 2018, arXiv:1803.09574)."""
    return Surrogate("triangle", _triangle, (float(height), float(width)))


def boxcar(width: float = 0.5) -> Surrogate:
    """h(x) = 1 / (2 width) where |x| < width, else 0; of area 1.

    Neftci et al., Front. Neurosci. 11:324 (2017), doi:10.3389/fnins.2017.00324.
    """
    return Surrogate("boxcar", _boxcar, (float(width),))


def straight_through() -> Surrogate:
    """h(x) = 1 everywhere (Bengio et al. 2013, arXiv:1308.3432); fails with recurrence."""
    return Surrogate("straight_through", torch.ones_like)


def zero() -> Surrogate:
    """h(x) = 0 everywhere: nothing below a spike learns. A control."""
    return Surrogate("zero", torch.zeros_like)


def _fast_sigmoid(x: Tensor, slope: float) -> Tensor:
    return (slope * x.abs() + 1).pow(-2)


def _sigmoid_prime(x: Tensor, slope: float) -> Tensor:
    # 1 - sigmoid(z) as sigmoid(-z): exact in the tail where 1 - s rounds to 0.
    return 4 * torch.sigmoid(slope * x) * torch.sigmoid(-slope * x)


def _atan(x: Tensor, alpha: float) -> Tensor:
    return (alpha / 2) / (1 + (math.pi * alpha * x / 2) ** 2)


def _gaussian(x: Tensor, sigma: float) -> Tensor:
    return torch.exp(-(x**2) / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma)


def _multi_gaussian(
    x: Tensor, sigma: float, side_area: float, side_width: float, scale: float
) -> Tensor:
    sides = _gaussian(x - sigma, side_width * sigma) + _gaussian(x + sigma, side_width * sigma)
    return scale * ((1 + side_area) * _gaussian(x, sigma) - side_area * sides)


def _triangle(x: Tensor, height: float, width: float) -> Tensor:
    return height * torch.clamp(1 - x.abs() / width, min=0)


def _boxcar(x: Tensor, width: float) -> Tensor:
    return (x.abs() < width).to(x.dtype) / (2 * width)


SURROGATES: dict[str, Callable[..., Surrogate]] = {
    factory.__name__: factory
    for factory in (
        fast_sigmoid,
        superspike,
        sigmoid_prime,
        atan,
        gaussian,
        multi_gaussian,
        triangle,
        boxcar,
        straight_through,
        zero,
    )
}
"""Factories by name, for configurations: ``SURROGATES[name](*parameters)``."""


def built_in(surrogate: Surrogate) -> bool:
    """Return whether a factory of `SURROGATES` makes this very surrogate.

    Examples
    --------
    >>> built_in(superspike(50)), built_in(Surrogate("superspike", torch.ones_like))
    (True, False)
    """
    factory = SURROGATES.get(surrogate.name)
    try:
        return factory is not None and factory(*surrogate.parameters) == surrogate
    except (TypeError, ValueError):  # other parameters than the factory's
        return False


def inline_slope(surrogate: Surrogate) -> float | None:
    """Return the slope of h(x) = 1 / (slope |x| + 1)^2 where this is the shape, else None."""
    return surrogate.parameters[0] if surrogate.shape is _fast_sigmoid else None
