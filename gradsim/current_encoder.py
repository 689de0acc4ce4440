"""A learned layer that turns measured traces into spikes."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from gradsim.arrays import like
from gradsim.described import Described
from gradsim.first_order import first_order
from gradsim.surrogate import Surrogate, superspike

THRESHOLD = 1.0  # gain and bias are learned, so another threshold would change nothing else


class CurrentEncoder(Described):
    """Leaky integrate-and-fire neurons that are driven by traces.

    Neuron ``k n_in + c`` is copy k of channel c. Its input current is ``gain (x_c + bias)``, with
    a gain and a bias of its own, and in each step::

        spike = mem > 1,    mem <- (beta mem + (1 - beta) current) (1 - spike)

    so that a sample at step t can make a neuron fire at t + 1, and a neuron never fires in two
    steps running. The gradient takes the reset for a constant.

    Parameters
    ----------
    n_in, copies
        Channels, and neurons for each of them.
    tau_mem_s, dt_s
        Membrane time constant and step in seconds.
    surrogate
        Derivative of the spike; ``superspike(20)`` where None.
    steps_per_sample
        Steps for which each sample of a trace is held.
    generator
        Source of the initial gains and biases, standard normal; PyTorch's own where None.

    Examples
    --------
    >>> generator = torch.Generator().manual_seed(0)
    >>> encoder = gradsim.CurrentEncoder(n_in=3, copies=4, generator=generator)
    >>> spikes, mem = encoder(torch.zeros(10, 2, 3))
    >>> spikes.shape
    torch.Size([10, 2, 12])

    References
    ----------
    SpyTorch tutorial 5, which applies the reset one step late, so that its encoders fire twice
    (and uses ``beta`` of the network's neurons).
    """

    def __init__(
        self,
        n_in: int,
        copies: int,
        tau_mem_s: float = 20e-3,
        dt_s: float = 1e-3,
        surrogate: Surrogate | None = None,
        steps_per_sample: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if min(n_in, copies, steps_per_sample) < 1 or not (tau_mem_s > 0 and dt_s > 0):
            raise ValueError(
                "n_in, copies, steps_per_sample and times must be positive, not "
                f"{n_in}, {copies}, {steps_per_sample}, {tau_mem_s}, {dt_s}"
            )
        self.n_in = n_in
        self.beta = math.exp(-dt_s / tau_mem_s)
        self.surrogate = surrogate or superspike(20)
        self.steps_per_sample = steps_per_sample
        self.gain = nn.Parameter(torch.randn(copies * n_in, generator=generator))
        self.bias = nn.Parameter(torch.randn(copies * n_in, generator=generator))

    def forward(self, x: Tensor, mem: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the spikes ``[T steps_per_sample, B, n_in copies]`` and the last membrane.

        Parameters
        ----------
        x
            Traces ``[T, B, n_in]``; taken to the module's type and device.
        mem
            Membrane to start from, ``[B, n_in copies]``; 0 where None.

        Raises
        ------
        ValueError
            If the traces have another shape.
        """
        x = like("traces", x, self.gain)
        if x.ndim != 3 or x.shape[2] != self.n_in:
            raise ValueError(
                f"traces must be [T, B, {self.n_in}] (time first), not {list(x.shape)}"
            )
        gain = (1 - self.beta) * self.gain
        # As a matrix product: no copy of the traces, and sums over time and batch in backward.
        own_channel = torch.eye(self.n_in, dtype=gain.dtype, device=gain.device)
        weight = (own_channel[:, None] * gain.view(-1, self.n_in)).flatten(1)
        currents = torch.addmm(gain * self.bias, x.to(gain.device).flatten(0, 1), weight)
        currents = currents.view(*x.shape[:2], -1)
        if self.steps_per_sample > 1:
            currents = currents.repeat_interleave(self.steps_per_sample, dim=0)
        mem = torch.zeros_like(currents[0]) if mem is None else mem
        return _Integrate.apply(currents, mem, self.beta, self.surrogate)

    def constants(self) -> dict[str, Any]:
        """Return what spikes depend on besides gains and biases."""
        return {"n_in": self.n_in, "beta": self.beta, "steps_per_sample": self.steps_per_sample}

    def extra_repr(self) -> str:
        """Return what the weights do not tell; part of a checkpoint's identity."""
        return f"n_in={self.n_in}, beta={self.beta}, {self.surrogate}, {self.steps_per_sample}"


class _Integrate(torch.autograd.Function):
    """All steps in one node: about twice as fast as a node an operation."""

    @staticmethod
    def forward(
        ctx: Any, currents: Tensor, mem: Tensor, beta: float, surrogate: Surrogate
    ) -> tuple[Tensor, Tensor]:
        membranes, spikes = torch.empty_like(currents), torch.empty_like(currents)
        for current, before, fired in zip(
            currents.unbind(0), membranes.unbind(0), spikes.unbind(0), strict=True
        ):
            before.copy_(mem)
            torch.gt(before, THRESHOLD, out=fired)
            mem = torch.add(current, before, alpha=beta)
            mem.addcmul_(mem, fired, value=-1)
        ctx.save_for_backward(membranes, spikes)
        ctx.beta, ctx.surrogate = beta, surrogate
        return spikes, mem

    @staticmethod
    @first_order("a CurrentEncoder has none")
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        by_spikes, by_mem = gradients
        membranes, spikes = ctx.saved_tensors
        by_currents = torch.empty_like(membranes)
        # Step by step what the derivative needs stays in the cache.
        for by_spike, before, fired, by_current in zip(
            *(reversed(part.unbind(0)) for part in (by_spikes, membranes, spikes, by_currents)),
            strict=True,
        ):
            torch.addcmul(by_mem, by_mem, fired, value=-1, out=by_current)
            through_spike = by_spike * ctx.surrogate.derivative(before - THRESHOLD)
            by_mem = torch.add(through_spike, by_current, alpha=ctx.beta)
        return by_currents, by_mem, None, None
