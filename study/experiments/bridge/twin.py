"""One trained network in both simulators, and what is compared between them."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from study import data
from study.analysis.agreement import Spikes
from study.data.samples import Samples, Traces
from study.learners.surrogate_config import SurrogateConfig
from study.settings.config import configured
from study.trials.trial import Context, Trial

if TYPE_CHECKING:
    from biosim.chain import Chain, ChainRecording, InputSpikes
    from gradsim import SpikeEvents, SpikingNetwork

TIE = 1e-9  # a membrane this near to the threshold is decided by rounding


@dataclass(frozen=True)
class Twin:
    """A trained network as both simulators have it, and test samples for it.

    Parameters
    ----------
    network
        PyTorch's, in float64.
    chain
        Brian2's, read from the same NIR graph.
    events
        Input spikes on the steps of the network.
    labels
        ``[B]``.
    readout
        How logits come from the readout over time; see `gradsim.losses.READOUTS`.
    """

    network: SpikingNetwork
    chain: Chain
    events: SpikeEvents
    labels: np.ndarray
    readout: str

    @cached_property
    def inputs(self) -> InputSpikes:
        """The input spikes in seconds."""
        from biosim.chain import InputSpikes

        events = self.events
        sample = np.repeat(np.arange(len(events)), events.counts)
        return InputSpikes(events.step * self.chain.dt_s, events.unit, sample, len(events))

    @property
    def duration_s(self) -> float:
        """Length of a sample."""
        return self.events.n_steps * self.chain.dt_s

    @cached_property
    def n_trains(self) -> int:
        """Number of hidden trains: one for each sample and neuron."""
        return len(self.events) * sum(layer.size for layer in self.chain.layers[:-1])

    def answers(self, readout: np.ndarray | None) -> np.ndarray:
        """Return the class of each sample, ``[B]``, for membranes ``[T, B, C]`` of the readout."""
        import torch

        from gradsim.losses import READOUTS

        assert readout is not None
        return READOUTS[self.readout](torch.as_tensor(readout)).argmax(dim=1).numpy()

    def accuracy(self, readout: np.ndarray | None) -> float:
        """Return the share of samples whose answer is their label."""
        return float(np.mean(self.answers(readout) == self.labels))

    def spikes(self, run: ChainRecording) -> Spikes:
        """Return the hidden spikes of a run; trains count layers, then samples, then neurons."""
        times, trains, first = [], [], 0
        for layer, spikes in zip(self.chain.layers, run.spikes, strict=False):
            times.append(spikes.time_s)
            trains.append(first + spikes.sample * layer.size + spikes.unit)
            first += len(self.events) * layer.size
        return Spikes(np.concatenate(times), np.concatenate(trains))

    def place(self, train: int) -> tuple[int, int, int]:
        """Return layer, sample and neuron of a train."""
        ends = np.cumsum([len(self.events) * layer.size for layer in self.chain.layers[:-1]])
        layer = int(np.searchsorted(ends, train, side="right"))
        within = train - (int(ends[layer - 1]) if layer else 0)
        return (layer, *divmod(within, self.chain.layers[layer].size))


def prepare(trial: Trial, context: Context, max_samples: int | None = None) -> Twin:
    """Return the network of the first needed trial, and the first test samples; all if None.

    Raises
    ------
    ValueError
        If the trained network takes traces and its record lacks the encoder that makes spikes of
        them.
    """
    import nir

    from biosim.chain import read_chain
    from gradsim import from_nir

    assert trial.dataset is not None
    whole = data.load(trial.dataset, context.data).test
    test = whole.take(np.arange(min(len(whole), max_samples or len(whole))))
    config, trained = configured(SurrogateConfig, trial.needs[0].config), context.needs[0]
    graph = nir.read(io.BytesIO(trained.files["network.nir"]))
    return Twin(
        from_nir(graph).double(),
        read_chain(graph),
        input_events(test, config, trained.arrays),
        test.labels,
        config.readout,
    )


def input_events(
    samples: Samples, config: SurrogateConfig, arrays: dict[str, np.ndarray]
) -> SpikeEvents:
    """Return the spikes that drive the network; of traces, those of the encoder trained with it."""
    import torch

    from gradsim import CurrentEncoder, SpikeEvents, from_raster
    from study.learners.surrogate import encode

    inputs = encode(samples, config)
    if isinstance(inputs, SpikeEvents):
        return inputs
    assert isinstance(samples, Traces)
    if "encoder_gain" not in arrays:
        raise ValueError("the record of the trained network lacks its encoder; train it again")
    encoder = CurrentEncoder(
        samples.values.shape[2],
        config.encoder_copies,
        config.encoder_tau_s,
        config.dt_s,
        steps_per_sample=config.n_steps // samples.values.shape[1],
        generator=torch.Generator(),
    )
    with torch.no_grad():
        encoder.gain.copy_(torch.from_numpy(arrays["encoder_gain"]))
        encoder.bias.copy_(torch.from_numpy(arrays["encoder_bias"]))
        return from_raster(encoder(inputs.take(slice(None)))[0])


@dataclass(frozen=True)
class DiscreteRun:
    """The network in PyTorch's steps, in float64.

    Parameters
    ----------
    spikes
        Hidden spikes; trains are numbered as in `Twin.spikes`.
    membranes
        ``[T, B, N]`` of each hidden layer, as the threshold sees them.
    margin
        ``[T, trains]`` membrane minus threshold.
    readout
        ``[T, B, C]`` membranes.
    """

    spikes: Spikes
    membranes: tuple[np.ndarray, ...]
    margin: np.ndarray
    readout: np.ndarray


def run_discrete(twin: Twin) -> DiscreteRun:
    """Return what PyTorch's network does, membranes included."""
    import torch

    from gradsim import LIF, raster

    x = raster(twin.events, dtype=torch.float64)
    trains, seen, margins = [], [], []
    with torch.no_grad():
        for layer in twin.network.hidden:
            assert isinstance(layer, LIF)
            state, spikes = None, []
            membranes = [x.new_zeros(len(twin.events), len(layer.weight))]
            for step in x.split(1):
                fired, state = layer(step, state)
                spikes.append(fired)
                membranes.append(state.mem)
            x = torch.cat(spikes)
            trains.append(x.flatten(1))
            before = layer.neuron.order == "fire_first"
            seen.append(torch.stack(membranes[:-1] if before else membranes[1:]))
            margins.append(seen[-1].flatten(1) - layer.neuron.threshold)
        readout, _ = twin.network.readout(x)
    step, train = np.nonzero(torch.cat(trains, dim=1).numpy())
    return DiscreteRun(
        Spikes(step * twin.chain.dt_s, train),
        tuple(layer.numpy() for layer in seen),
        torch.cat(margins, dim=1).numpy(),
        readout.numpy(),
    )


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


def controls(chain: Chain, names: Iterable[str], seed: int) -> dict[str, Chain]:
    """Return negative controls by name: networks that must not agree with this one.

    ``shuffled``: the weights into the first layer in random order. ``reset``: subtraction in place
    of zero, or the other way round. ``swapped``: time constants of membrane and synapse
    exchanged. ``late``: spikes reach the next layer one step later.
    """
    first, *others = chain.layers
    shuffled = np.random.default_rng(seed).permutation(first.weight.ravel())
    weight = shuffled.reshape(first.weight.shape)
    known: dict[str, dict[str, Any]] = {
        "shuffled": {"layers": (dataclasses.replace(first, weight=weight), *others)},
        "reset": {"reset": "subtract" if chain.reset == "zero" else "zero"},
        "swapped": {
            "layers": tuple(
                dataclasses.replace(layer, tau_mem_s=layer.tau_syn_s, tau_syn_s=layer.tau_mem_s)
                for layer in chain.layers
            )
        },
        "late": {"delay_s": chain.delay_s + chain.dt_s},
    }
    return {name: dataclasses.replace(chain, **known[name]) for name in names}
