"""Runs one trained network in both simulators, and prepares what is compared."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from study.agreement import Spikes

if TYPE_CHECKING:
    from biosim.chain import Chain, ChainRecording, InputSpikes
    from gradsim import SpikeEvents, SpikingNetwork

TIE = 1e-9  # a membrane this near to the threshold is decided by rounding


@dataclass(frozen=True)
class DiscreteRun:
    """The network in its own steps, in float64.

    Parameters
    ----------
    spikes
        Hidden spikes; trains are numbered as in `continuous_spikes`.
    margin
        ``[T, trains]`` membrane potential minus threshold, before each step.
    readout_peak
        ``[B, C]`` largest readout potential.
    """

    spikes: Spikes
    margin: np.ndarray
    readout_peak: np.ndarray


def run_discrete(network: SpikingNetwork, events: SpikeEvents, dt_s: float) -> DiscreteRun:
    """Return what PyTorch's network does, membranes included."""
    import torch

    from gradsim import LIF, raster

    x = raster(events, dtype=torch.float64)
    trains, margins = [], []
    with torch.no_grad():
        for layer in network.double().hidden:
            assert isinstance(layer, LIF)
            state, spikes = None, []
            membranes = [x.new_zeros(len(events), len(layer.weight))]
            for step in x.split(1):
                fired, state = layer(step, state)
                spikes.append(fired)
                membranes.append(state.mem)
            x = torch.cat(spikes)
            trains.append(x.flatten(1))
            margins.append(torch.stack(membranes[:-1]).flatten(1) - layer.neuron.threshold)
        readout, _ = network.readout(x)
    step, train = np.nonzero(torch.cat(trains, dim=1).numpy())
    return DiscreteRun(
        Spikes(step * dt_s, train),
        torch.cat(margins, dim=1).numpy(),
        readout.amax(dim=0).numpy(),
    )


def input_spikes(events: SpikeEvents, dt_s: float) -> InputSpikes:
    """Return the same input spikes in seconds.

    Raises
    ------
    ValueError
        If a unit fires twice within a step, which spike times on that grid cannot express.
    """
    from biosim.chain import InputSpikes

    sample = np.repeat(np.arange(len(events)), events.counts)
    cells = np.stack([sample, events.unit, events.step])
    if np.unique(cells, axis=1).shape[1] != cells.shape[1]:
        raise ValueError(
            "an input unit fires twice within a step; use more steps (n_steps) to tell them apart"
        )
    return InputSpikes(events.step * dt_s, events.unit, sample, len(events))


def continuous_spikes(chain: Chain, run: ChainRecording) -> Spikes:
    """Return the hidden spikes of a Brian2 run; trains count layers, then samples, then neurons."""
    n_samples = len(run.readout_peak)
    times, trains, first = [], [], 0
    for layer, spikes in zip(chain.layers, run.spikes, strict=False):
        times.append(spikes.time_s)
        trains.append(first + spikes.sample * layer.size + spikes.unit)
        first += n_samples * layer.size
    return Spikes(np.concatenate(times), np.concatenate(trains))


def exceptions(discrete: DiscreteRun, other: Spikes, dt_s: float) -> tuple[int, int]:
    """Return how many trains differ at equal dt, and how many of them begin at a rounding tie.

    Within a train everything after the first difference follows from it. A tie is a first
    difference where the membrane is within `TIE` of the threshold.
    """
    n_trains = discrete.margin.shape[1]
    cells = [
        np.round(spikes.time_s / dt_s).astype(np.int64) * n_trains + spikes.train
        for spikes in (discrete.spikes, other)
    ]
    step, train = np.divmod(np.setxor1d(*cells), n_trains)  # sorted by step
    train, first = np.unique(train, return_index=True)
    margins = np.abs(discrete.margin[step[first], train])
    return len(train), int(np.sum(margins < TIE))


def accuracy(readout_peak: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of samples whose largest readout is that of their class."""
    return float(np.mean(readout_peak.argmax(axis=1) == labels))


def shuffled_weights(chain: Chain, seed: int) -> Chain:
    """Return a negative control: the weights into the first layer in random order."""
    first, *others = chain.layers
    weight = np.random.default_rng(seed).permutation(first.weight.ravel())
    control = dataclasses.replace(first, weight=weight.reshape(first.weight.shape))
    return dataclasses.replace(chain, layers=(control, *others))


def swapped_time_constants(chain: Chain) -> Chain:
    """Return a negative control: time constants of membrane and synapse exchanged."""
    layers = tuple(
        dataclasses.replace(layer, tau_mem_s=layer.tau_syn_s, tau_syn_s=layer.tau_mem_s)
        for layer in chain.layers
    )
    return dataclasses.replace(chain, layers=layers)
