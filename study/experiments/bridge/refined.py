"""PyTorch's network in smaller steps than it was trained in."""

from __future__ import annotations

import dataclasses
from collections import deque
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from gradsim import LIF, Readout, raster
from gradsim.neurons import Decay, LIState, li_step, lif_step, zero_state
from study.analysis.agreement import Spikes

if TYPE_CHECKING:
    from biosim.chain import Layer
    from gradsim.neurons import LIFParameters
    from study.experiments.bridge.twin import Twin

# Steps from a spike to the current of the next layer and of its own that a step itself takes.
OWN_DELAYS = {"fire_first": (1, 2), "integrate_first": (0, 0)}


def run_refined(pair: Twin, refinement: int) -> tuple[Spikes, np.ndarray]:
    """Return hidden spikes, and the readout at the steps of the network as it was trained.

    Each step is that of `gradsim.neurons`, which holds the current, with the decays of the smaller
    step. What took a trained step keeps its duration: delays, and how long a reset holds the
    membrane. With a refinement of 1 this is the network as it was trained.
    """
    trained = pair.network.config.neuron
    neuron = dataclasses.replace(trained, dt_s=trained.dt_s / refinement, gain="one_minus_beta")
    x = raster(pair.events, dtype=torch.float64)
    modules = [*pair.network.hidden, pair.network.readout]
    layers = [
        _Refined(cast("LIF | Readout", module), there, pair, neuron)
        for module, there in zip(modules, pair.chain.layers, strict=True)
    ]
    first = neuron.order == "fire_first"
    readouts, times, trains = [], [], []
    with torch.no_grad():
        for step in range(len(x) * refinement):
            whole = step % refinement == 0
            if whole and first:
                readouts.append(layers[-1].state[0])
            spikes = x[step // refinement] if whole else None
            base = 0
            for layer in layers:
                spikes = layer.step(spikes)
                if spikes is not None:
                    cells = spikes.flatten().nonzero().flatten().numpy()
                    times.append(np.full(len(cells), step * neuron.dt_s))
                    trains.append(base + cells)
                base += layer.state[0].numel()
            if whole and not first:
                readouts.append(layers[-1].state[0])
    if first:
        readouts.append(layers[-1].state[0])
    train = np.concatenate([np.empty(0, np.int64), *trains])
    return Spikes(np.concatenate([np.empty(0), *times]), train), torch.stack(readouts).numpy()


class _Refined:
    """A layer between steps."""

    def __init__(
        self, module: LIF | Readout, there: Layer, pair: Twin, neuron: LIFParameters
    ) -> None:
        chain, n_samples = pair.chain, len(pair.events)
        self.neuron, self.fires = neuron, isinstance(module, LIF)
        resistance = _each(there.resistance, there.size)[:, None]
        self.weight = module.weight.detach() * resistance
        own = module.recurrent if isinstance(module, LIF) else None
        self.recurrent = None if own is None else own.detach() * resistance
        self.decay = Decay(
            *(
                torch.exp(-neuron.dt_s / _each(tau, there.size))
                for tau in (there.tau_syn_s, there.tau_mem_s)
            )
        )
        rest = self.weight.new_zeros(n_samples, there.size)
        self.state = zero_state(rest)
        self.held = rest
        self.hold = round(chain.hold_s / neuron.dt_s)
        onward, back = OWN_DELAYS[neuron.order]
        self.waiting: deque[Tensor | None] = deque(
            [None] * (round(chain.delay_s / neuron.dt_s) - onward)
        )
        self.own: deque[Tensor] = deque(
            [rest] * (round(chain.recurrent_delay_s / neuron.dt_s) - back)
        )

    def step(self, spikes: Tensor | None) -> Tensor | None:
        """Return who fires, ``[B, N]``, or None if nobody does."""
        self.waiting.append(spikes)
        arriving = self.waiting.popleft()
        current = torch.zeros_like(self.held) if arriving is None else linear(arriving, self.weight)
        if not self.fires:
            _, state = li_step(current, LIState(*self.state[:2]), self.neuron, self.decay)
            self.state = self.state._replace(mem=state.mem, syn=state.syn)
            return None
        if self.recurrent is not None:
            self.own.append(self.state.spikes)
            current = current + linear(self.own.popleft(), self.recurrent)
        fired, self.state = lif_step(current, self.state, self.neuron, self.decay)
        if self.neuron.reset == "zero" and self.hold > 1:
            self.held = torch.where(fired > 0, float(self.hold), self.held - 1)
            self.state = self.state._replace(mem=self.state.mem * (self.held <= 0))
        return fired if fired.any() else None


def _each(value: float | np.ndarray, n: int) -> Tensor:
    return torch.as_tensor(np.broadcast_to(np.asarray(value, dtype=float), n).copy())
