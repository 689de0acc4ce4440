"""An LSTM whose values could be counts of spikes: hard gates, a bounded cell, whole numbers.

The network that Shrestha et al., "A spike-based long short-term memory on a neurosynaptic
processor", ICCAD 2017, train off line before they map it to spikes. In *counts*, with a window of K
ticks, value v is K v spikes, and ``[x]`` is x rounded to whole spikes, halves away from zero::

    u = W_in [K x] + W_rec h + K b                                                    (1)
    i, f, o = [clip(u / 4 + K / 2, 0, K)],    g = [clip(u, -K, K)]                    (2)
    c <- clip([f c / K] + [i g / K], -L K, L K)                                       (3)
    h <- [o clip(c, -K, K) / K]                                                       (4)
    y = W_out h / K + b_out                                                           (5)

(2) is the hard sigmoid ``clip(v / 4 + 1/2, 0, 1)`` and the hard tanh ``clip(v, -1, 1)``. Without a
window nothing is rounded and K is 1: an LSTM in real numbers (Hochreiter & Schmidhuber 1997; forget
gates: Gers et al. 2000). With one, weights too are rounded, to multiples of ``1 / unit``, a power
of two: then all sums are exact, and `gradsim.counted_lstm` gets the same whole numbers from spikes.
Gradients pass roundings as if they were not there (straight-through, Bengio et al. 2013).

A step without input, or none that makes a spike, is skipped: c and h stay as they are. What says
that there is a step is its symbol.

The paper's text could not be read but for its abstract; hard activations, L and rounding are of
this implementation.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from gradsim.arrays import like

MOST_TICKS = 256  # of a window: sums of larger counts would not be exact in float32
REMEMBERS = 2.0  # initial bias of forget gates, which are open to begin with


class LSTMResponse(NamedTuple):
    """What an LSTM did.

    Parameters
    ----------
    logits
        ``[T, B, n_out]`` y.
    hidden, cell
        ``[T, B, H]`` h and c: in counts with a window, else in real numbers.
    """

    logits: Tensor
    hidden: Tensor
    cell: Tensor


class _Whole(torch.autograd.Function):
    """Rounding, halves away from zero; gradients pass."""

    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return torch.trunc(x + torch.copysign(torch.tensor(0.5, dtype=x.dtype), x))

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


def _as_it_is(x: Tensor) -> Tensor:
    return x


class HardLSTM(nn.Module):
    """One layer of LSTM cells and a linear readout, (1) to (5).

    Parameters
    ----------
    n_in, n_hidden, n_out
        Inputs, cells, and outputs.
    rng
        Draws the initial weights, normal with deviation ``1 / sqrt(sources)``.
    limit
        L, the largest size of a cell's value.
    unit
        Weights are rounded to multiples of ``1 / unit`` where values are counts.

    Raises
    ------
    ValueError
        If a number is no positive integer, or ``unit`` is no power of two.

    Examples
    --------
    >>> lstm = HardLSTM(2, 4, 3, np.random.default_rng(0))
    >>> inputs = np.eye(2)[[[0], [1], [1]]]  # three symbols of one sequence
    >>> lstm(inputs).logits.shape
    torch.Size([3, 1, 3])
    >>> hidden = lstm(inputs, window=8).hidden.detach().numpy()
    >>> bool(np.all(hidden == np.rint(hidden))), bool(np.abs(hidden).max() <= 8)
    (True, True)
    """

    def __init__(
        self,
        n_in: int,
        n_hidden: int,
        n_out: int,
        rng: np.random.Generator,
        limit: int = 4,
        unit: int = 64,
    ) -> None:
        super().__init__()
        for name, n in (("n_in", n_in), ("n_hidden", n_hidden), ("n_out", n_out), ("limit", limit)):
            if n < 1:
                raise ValueError(f"{name} must be at least 1, not {n}")
        if unit < 2 or unit & (unit - 1):
            raise ValueError(f"unit must be a power of two, 2 or more, not {unit}")
        self.limit, self.unit = limit, unit

        def drawn(n_to: int, n_from: int, n_sources: int) -> nn.Parameter:
            values = rng.normal(0, 1 / math.sqrt(n_sources), (n_to, n_from))
            return nn.Parameter(torch.from_numpy(values.astype(np.float32)))

        self.w_in = drawn(4 * n_hidden, n_in, n_in + n_hidden)
        self.w_rec = drawn(4 * n_hidden, n_hidden, n_in + n_hidden)
        self.w_out = drawn(n_out, n_hidden, n_hidden)
        self.bias = nn.Parameter(torch.zeros(4 * n_hidden))
        self.b_out = nn.Parameter(torch.zeros(n_out))
        with torch.no_grad():
            self.bias[n_hidden : 2 * n_hidden] = REMEMBERS

    def forward(self, inputs: Any, window: int | None = None) -> LSTMResponse:
        """Run sequences from rest.

        Parameters
        ----------
        inputs
            ``[T, B, n_in]`` in -1..1.
        window
            K; None for real numbers.

        Raises
        ------
        ValueError
            If inputs have another shape or leave -1..1, or K is not in 1..256.
        """
        inputs = like("inputs", inputs, self.w_in)
        _require_fitting(inputs, self.w_in.shape[1], window)
        whole = _Whole.apply if window else _as_it_is
        ticks = window or 1
        weights = [self._weights(name, window) for name in NAMES]
        w_in, w_rec, bias, w_out, b_out = weights
        counts = whole(inputs * ticks)
        drive, asked = linear(counts, w_in, ticks * bias), counts.ne(0).any(dim=2, keepdim=True)
        cell = hidden = drive.new_zeros(drive.shape[1], w_rec.shape[1])
        cells, hiddens = [], []
        for arriving, here in zip(drive, asked, strict=True):
            after = self._step(arriving + linear(hidden, w_rec), cell, ticks, whole)
            if here.all():
                cell, hidden = after
            else:
                cell, hidden = (
                    torch.where(here, after[0], cell),
                    torch.where(here, after[1], hidden),
                )
            cells.append(cell)
            hiddens.append(hidden)
        found = torch.stack(hiddens)
        return LSTMResponse(linear(found / ticks, w_out, b_out), found, torch.stack(cells))

    def _step(self, drive: Tensor, cell: Tensor, ticks: int, whole: Any) -> tuple[Tensor, Tensor]:
        """Return c and h after a step: (2) to (4)."""
        n, reach = cell.shape[1], self.limit * ticks
        gates = whole((drive[:, : 3 * n] / 4 + ticks / 2).clamp(0, ticks))
        admit, keep, emit = gates.split(n, dim=1)
        candidate = whole(drive[:, 3 * n :].clamp(-ticks, ticks))
        cell = (whole(keep * cell / ticks) + whole(admit * candidate / ticks)).clamp(-reach, reach)
        return cell, whole(emit * cell.clamp(-ticks, ticks) / ticks)

    def _weights(self, name: str, window: int | None) -> Tensor:
        values = getattr(self, name)
        return _Whole.apply(values * self.unit) / self.unit if window else values


NAMES = ("w_in", "w_rec", "bias", "w_out", "b_out")


def _require_fitting(inputs: Tensor, n_in: int, window: int | None) -> None:
    if inputs.ndim != 3 or inputs.shape[2] != n_in or not len(inputs):
        raise ValueError(f"inputs must be [T, B, {n_in}], not {list(inputs.shape)}")
    if inputs.numel() and not bool((inputs.abs() <= 1).all()):
        raise ValueError("inputs must lie in -1..1")
    if window is not None and not 1 <= window <= MOST_TICKS:
        raise ValueError(f"window must lie in 1..{MOST_TICKS}, not {window}")
