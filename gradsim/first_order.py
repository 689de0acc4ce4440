"""Backward passes that are no graph themselves refuse to be part of one.

Guaranteed: with ``create_graph=True`` (a gradient penalty, a Hessian) a backward pass that is
decorated here raises an error. PyTorch's ``once_differentiable`` lets it pass wherever the incoming
gradient is a constant, as that of a sum is, and the second-order term is silently 0.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch.autograd.function import once_differentiable


def first_order(way_out: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator of a backward pass; ``way_out`` says how to get second derivatives."""

    def decorate(backward: Callable[..., Any]) -> Callable[..., Any]:
        once = once_differentiable(backward)

        @wraps(backward)
        def checked(ctx: Any, *gradients: Any) -> Any:
            if torch.is_grad_enabled():
                raise RuntimeError(f"create_graph=True asks for second derivatives; {way_out}")
            return once(ctx, *gradients)

        return checked

    return decorate
