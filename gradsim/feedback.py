"""Errors that come back through another matrix than the weights: feedback alignment, controls.

A layer computes ``y = W x``. Back-propagation brings the error ``d`` of ``y`` to ``x`` through the
transpose of the same weights; here it comes through a matrix of the same shape::

    e_x = B^T d        in place of W^T d;       dW = d x^T as ever                    (1)

    symmetric   B = W             back-propagation
    random      B ~ N(0, s^2)     drawn once: Lillicrap et al., Nat. Commun. 7:13276 (2016)
    sign        B = s sign(W)     follows W: Liao, Leibo & Poggio, AAAI 2016, arXiv:1510.05067
    uniform     B = s             every unit hears the sum of all errors (Zenke & Ganguli 2018)
    none        B = 0             nothing below learns; a control

with ``s = scale / sqrt(out)``, so that the error keeps its size. Errors of a softmax with cross
entropy sum to 0: uniform feedback brings nothing back of them.

Any layer of `gradsim` and `Linear` take a `Feedback`, by `attach`; both engines heed it, the plain
one by autograd through `project`, the event-driven one in its own backward pass. It stands between
layers: through time, and through a layer's own recurrent weights, errors go as they did.

Guaranteed: what is computed forward does not depend on feedback; with ``symmetric`` gradients are
those without any, bit for bit; a matrix that was drawn is a buffer, which no optimiser changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from gradsim.first_order import first_order

Kind = Literal["symmetric", "random", "sign", "uniform", "none"]

FIXED: dict[str, Callable[..., Tensor]] = {
    "random": lambda shape, size, generator: torch.randn(shape, generator=generator) * size,
    "uniform": lambda shape, size, _generator: torch.full(shape, size),
    "none": lambda shape, _size, _generator: torch.zeros(shape),
}
KINDS = ("symmetric", "sign", *FIXED)


class Feedback(nn.Module):
    """The matrix through which errors come back to the inputs of a layer.

    Parameters
    ----------
    kind
        One of `KINDS`; see the module.
    n_out, n_in
        Of the layer.
    scale
        Root of the mean square of an entry times the root of ``n_out``; of no effect where B is W
        or 0.
    generator
        Source of a random matrix; PyTorch's own where None.

    Raises
    ------
    ValueError
        If the kind is unknown or the scale not positive.

    Examples
    --------
    >>> Feedback("sign", n_out=4, n_in=2)(torch.tensor([[0.3, -0.1]] * 4))[0]
    tensor([ 0.5000, -0.5000])
    """

    matrix: Tensor

    def __init__(
        self,
        kind: Kind,
        n_out: int,
        n_in: int,
        scale: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"feedback must be one of {', '.join(KINDS)}, not {kind!r}")
        if not 0 < scale < math.inf:
            raise ValueError(f"scale must be positive and finite, not {scale}")
        self.kind, self.size, self.bypassed = kind, scale / math.sqrt(n_out), False
        if kind in FIXED:
            self.register_buffer("matrix", FIXED[kind]((n_out, n_in), self.size, generator))

    def extra_repr(self) -> str:
        """Return what numbers do not tell."""
        return f"{self.kind}, size={self.size:g}"

    def forward(self, weight: Tensor) -> Tensor:
        """Return B ``[out, in]`` for weights of now, which it is where they are the way back."""
        if self.kind == "symmetric" or self.bypassed:
            return weight
        return weight.detach().sign() * self.size if self.kind == "sign" else self.matrix


class _Projection(torch.autograd.Function):
    """``W x`` forward, (1) backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(x, back)
        return linear(x, weight)

    @staticmethod
    @first_order("errors through another matrix are no gradient and have none")
    def backward(ctx: Any, *errors: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, back = ctx.saved_tensors
        flat = errors[0].flatten(0, -2)
        below = (flat @ back).reshape(x.shape) if ctx.needs_input_grad[0] else None
        changed = flat.t() @ x.flatten(0, -2) if ctx.needs_input_grad[1] else None
        return below, changed, None


def project(x: Tensor, weight: Tensor, feedback: Feedback | None = None) -> Tensor:
    """Return ``W x`` for ``x [..., in]``, whose errors come back as feedback says.

    Examples
    --------
    >>> x = torch.ones(1, 2, requires_grad=True)
    >>> project(x, torch.tensor([[3.0, -4.0]]), Feedback("uniform", 1, 2)).sum().backward()
    >>> x.grad
    tensor([[1., 1.]])
    """
    if feedback is None:
        return linear(x, weight)
    return _Projection.apply(x, weight, feedback(weight).detach())


class Linear(nn.Linear):
    """`torch.nn.Linear` that takes feedback; parameters as there."""

    def __init__(self, *numbers: Any, **options: Any) -> None:
        super().__init__(*numbers, **options)
        self.feedback: Feedback | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[..., out]`` for ``[..., in]``."""
        y = project(x, self.weight, self.feedback)
        return y if self.bias is None else y + self.bias


def attach(
    layers: Iterable[nn.Module],
    kind: Kind,
    scale: float = 1.0,
    generator: torch.Generator | None = None,
) -> None:
    """Give each layer a `Feedback` of its own; parameters as there.

    Parameters
    ----------
    layers
        Through which errors go back: all but the first of a network, below which nothing learns.
        Each is a `Linear`, or a layer of `gradsim` with weights.

    Raises
    ------
    TypeError
        If a layer knows no feedback.

    Examples
    --------
    >>> config = gradsim.NetworkConfig(n_in=3, hidden=(20,), n_out=2)
    >>> network = gradsim.SpikingNetwork(config, torch.Generator().manual_seed(0))
    >>> attach([network.readout], "random", generator=torch.Generator().manual_seed(1))
    >>> network.readout.feedback.matrix.shape
    torch.Size([2, 20])
    """
    for layer in layers:
        if not hasattr(layer, "feedback"):
            raise TypeError(
                f"{type(layer).__name__} takes no feedback; use gradsim.feedback.Linear"
            )
        weight = layer.weight
        assert isinstance(weight, Tensor)
        n_out, n_in = weight.shape
        layer.feedback = Feedback(kind, n_out, n_in, scale, generator).to(weight)


@contextmanager
def bypassed(model: nn.Module) -> Iterator[None]:
    """Let errors go back through the weights of a model meanwhile."""
    found = [each for each in model.modules() if isinstance(each, Feedback)]
    before = [each.bypassed for each in found]
    for each in found:
        each.bypassed = True
    try:
        yield
    finally:
        for each, value in zip(found, before, strict=True):
            each.bypassed = value


def angle(a: Tensor, b: Tensor) -> float:
    """Return the angle in degrees between two tensors taken as vectors; NaN where one is 0.

    Examples
    --------
    >>> round(angle(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1.0])), 3)
    45.0
    """
    a, b = (each.detach().flatten().double() for each in (a, b))
    cosine = (a @ b / (a.norm() * b.norm())).item()
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine)))) if cosine == cosine else math.nan


def alignment(
    model: nn.Module, loss: Callable[[], Tensor], weights: Sequence[Tensor]
) -> list[float]:
    """Return the angle between what feedback tells weights to do and their gradient, in degrees.

    Below 90 a small step goes downhill. It is 0 where the way back is that of back-propagation, and
    NaN where nothing comes back.

    Parameters
    ----------
    model
        Whose feedback is looked at.
    loss
        Runs the model and returns a number that is the same each time.
    weights
        Parameters of the model; those of a layer below a `Feedback` show what it does.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> model = nn.Sequential(Linear(3, 4), nn.Tanh(), Linear(4, 2))
    >>> attach([model[2]], "symmetric")
    >>> x = torch.randn(5, 3, generator=generator)
    >>> alignment(model, lambda: model(x).square().sum(), [model[0].weight]) < [1e-5]
    True
    """
    told = torch.autograd.grad(loss(), weights)
    with bypassed(model):
        exact = torch.autograd.grad(loss(), weights)
    return [angle(one, other) for one, other in zip(told, exact, strict=True)]
