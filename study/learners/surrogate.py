"""A network of current-based LIF neurons, trained by surrogate gradients in `gradsim`."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from study.data.samples import Events, Samples, Traces
from study.data.task import Classes
from study.learners.surrogate_config import SurrogateConfig, preset
from study.learning.artefacts import Curve, Raster
from study.learning.contract import Artefacts, Evaluation
from study.learning.cost import Cost, Layer
from study.learning.stopwatch import BATCH, batches, timed
from study.trials.trial import Progress, no_progress

if TYPE_CHECKING:
    import torch

    import gradsim
    from gradsim.training import Inputs

__all__ = ["SurrogateConfig", "SurrogateLearner", "preset"]

METHOD = "input to prediction, engine {}, {} torch thread(s)"
STATES = 2  # of a neuron: membrane potential and synaptic current
N_EXAMPLES = 3  # samples whose spikes are kept for figures


def encode(samples: Samples, config: SurrogateConfig) -> Inputs:
    """Return what the network is called with.

    Recorded events are binned, pixels become times to first spikes; traces stay as they are, for
    an encoder that is trained with the network.
    """
    from gradsim import Traces as Recorded
    from gradsim import encode

    if isinstance(samples, Traces):
        return Recorded(samples.values)
    if isinstance(samples, Events):
        return encode.bin_events(
            samples.time_s,
            samples.unit,
            samples.offsets,
            samples.n_units,
            samples.duration_s,
            config.n_steps,
        )
    return encode.latency(
        samples.pixels, config.n_steps, config.latency_tau_s, config.latency_threshold, config.dt_s
    )


class SurrogateLearner:
    """Surrogate-gradient network; see `study.learning.contract.Learner`."""

    def __init__(self, config: SurrogateConfig, task: Classes) -> None:
        self.config, self.task = config, task

    def prepare(self, train: Samples) -> None:
        """Train a throwaway network on a few samples, so that everything is compiled.

        Memory that it leaves to be used again goes back: training is charged with what it takes.
        """
        from gradsim.kernels import buffers

        few = train.take(np.arange(min(len(train), self.config.batch_size)))
        throwaway = SurrogateLearner(dataclasses.replace(self.config, epochs=1), self.task)
        throwaway.fit(few, few, np.random.default_rng(0), no_progress)
        del throwaway
        buffers.release()

    def fit(
        self,
        train: Samples,
        validation: Samples,
        rng: np.random.Generator,
        progress: Progress,
    ) -> None:
        """Train and keep the epoch that is best on ``validation``.

        Raises
        ------
        gradsim.TrainingError
            If the loss becomes NaN.
        ValueError
            If ``n_steps`` is no multiple of the length of traces.
        """
        self._train(train, validation, rng, progress)

    def refit(self, train: Samples, rng: np.random.Generator, progress: Progress) -> None:
        """Train for all epochs of the configuration, with nothing held out; raises as `fit`."""
        self._train(train, None, rng, progress)

    def _train(
        self,
        train: Samples,
        validation: Samples | None,
        rng: np.random.Generator,
        progress: Progress,
    ) -> None:
        import torch

        from gradsim import Labelled
        from gradsim import train as train_model

        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        self.encoder, self.network = self._build(train, generator)
        learned = Labelled(encode(train, self.config), train.labels)
        chosen = (
            Labelled(encode(validation, self.config), validation.labels) if validation else None
        )
        self._history = train_model(
            self._model, learned, chosen, self.config.training(), rng, progress
        )
        shown = chosen or learned
        self._examples = shown.inputs.take(np.arange(min(N_EXAMPLES, len(shown.labels))))
        self._example_labels = shown.labels[:N_EXAMPLES]

    def _build(
        self, train: Samples, generator: torch.Generator
    ) -> tuple[gradsim.CurrentEncoder | None, gradsim.SpikingNetwork]:
        from gradsim import CurrentEncoder, SpikingNetwork
        from gradsim.surrogate import superspike

        config, encoder = self.config, None
        if isinstance(train, Traces):
            n_values, n_channels = train.values.shape[1:]
            if config.n_steps % n_values:
                raise ValueError(
                    f"n_steps must be a multiple of the {n_values} values of a trace, "
                    f"not {config.n_steps}"
                )
            encoder = CurrentEncoder(
                n_channels,
                config.encoder_copies,
                config.encoder_tau_s,
                config.dt_s,
                superspike(config.slope),
                config.n_steps // n_values,
                generator,
            )
            n_in = n_channels * config.encoder_copies
        else:
            n_in = train.n_units if isinstance(train, Events) else train.pixels[0].size
        shape = config.network(n_in, self.task.n)
        return encoder, SpikingNetwork(shape, generator, config.engine)

    @property
    def _model(self) -> torch.nn.Module:
        from gradsim import EncodedNetwork

        return EncodedNetwork(self.encoder, self.network) if self.encoder else self.network

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:  # noqa: ARG002
        """Classify ``samples``; none of the codes needs random numbers."""
        import torch

        from gradsim import predict

        inputs, model, readout = encode(samples, self.config), self._model, self.config.readout
        parts, timing = timed(
            lambda part: predict(model, _Batch(inputs.take(part)), BATCH, readout),
            len(samples),
            METHOD.format(self.network.resolved_engine, torch.get_num_threads()),
        )
        answers = np.concatenate([part.classes for part in parts])
        spikes = [np.concatenate(layer) for layer in zip(*(p.spikes for p in parts), strict=True)]
        layers = self._layers(samples, [self._input_counts(inputs), *spikes])
        scores = self.task.scores(answers, samples.labels)
        return Evaluation(answers, scores, Cost(layers, timing))

    def _layers(self, samples: Samples, counts: Sequence[np.ndarray]) -> tuple[Layer, ...]:
        """Return what each layer does for a sample, from the spikes ``[N, units]`` of each."""
        config, n_samples = self.config, len(samples)
        states = STATES + (config.adaptation > 0)
        found = []
        for number, (name, spikes, (fan_out, n_weights)) in enumerate(
            zip(["input", *self.layer_names()], counts, self._fan_out(), strict=True)
        ):
            stateful = number > 0 or self.encoder is not None
            found.append(
                Layer(
                    name,
                    spikes=float(spikes.sum() / n_samples),
                    additions=float((spikes.sum(axis=0) * fan_out).sum()) / n_samples,
                    macs=0.0 if number else self._encoder_macs(samples),
                    updates=float(config.n_steps * spikes.shape[1]) if stateful else 0.0,
                    states=states if number else STATES,
                    weights=n_weights,
                )
            )
        readout = float(config.n_steps * self.task.n)
        return (*found, Layer("readout", updates=readout, states=STATES))

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights of every layer by name."""
        named = self.network.named_parameters()
        return {name: value.detach().numpy() for name, value in named if value.ndim == 2}

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> SurrogateLearner:
        """Return the same network with these weights."""
        import torch

        other = copy.copy(self)
        other.network = copy.deepcopy(self.network)
        with torch.no_grad():
            for name, value in other.network.named_parameters():
                if name in weights:
                    value.copy_(torch.as_tensor(weights[name]))
        return other

    def layer_names(self) -> list[str]:
        """Return the names of the hidden layers in tables and figures."""
        if self.config.layers == 1:
            return ["hidden"]
        return [f"hidden {k + 1}" for k in range(self.config.layers)]

    def keep(self) -> Artefacts:
        """Return the history, the spikes of a few validation samples, and the network as NIR."""
        from gradsim import SpikeEvents, from_raster
        from gradsim.to_nir import to_bytes

        history = self._history
        examples = self._examples
        if not isinstance(examples, SpikeEvents):
            assert self.encoder is not None
            examples = from_raster(self.encoder(examples)[0])
        hidden = from_raster(self.network(examples).spikes[0])
        epochs = np.arange(len(history.loss)) + 1
        curve = Curve(epochs, history.loss, history.train_accuracy, history.validation_accuracy)
        rasters = [
            Raster(name, events.step, events.unit, events.offsets)
            for name, events in (("input", examples), ("hidden", hidden))
        ]
        arrays = {
            "hidden_spikes": history.hidden_spikes.sum(axis=1),
            "example_labels": self._example_labels,
        }
        if self.encoder is not None:
            for name, value in self.encoder.named_parameters():
                arrays[f"encoder_{name}"] = value.detach().numpy()
        # NIR has no neuron whose threshold adapts.
        fits = self.network.config.neuron.adaptation is None
        return Artefacts(
            named=(curve, *rasters),
            arrays=arrays,
            files={"network.nir": to_bytes(self.network)} if fits else {},
            metrics={
                "best_epoch": history.best_epoch + 1,
                "epochs_run": len(history.loss),
                "silent_epochs": int(history.silent.any(axis=1).sum()),
                "stopped": history.stopped,
                "engine": self.network.resolved_engine,
            },
        )

    def _input_counts(self, inputs: Any) -> np.ndarray:
        """Return the spikes of each input unit, ``[N, units]``; made by the encoder if any."""
        import torch

        if self.encoder is None:
            sample = np.repeat(np.arange(len(inputs)), inputs.counts)
            cell = sample * inputs.n_units + inputs.unit
            counts = np.bincount(cell, minlength=len(inputs) * inputs.n_units)
            return counts.reshape(len(inputs), inputs.n_units)
        with torch.no_grad():
            counted = [
                self.encoder(inputs.take(part))[0].sum(dim=0) for part in batches(len(inputs))
            ]
        return torch.cat(counted).numpy()

    def _encoder_macs(self, samples: Samples) -> float:
        """Return the products of real numbers that make the encoder's current."""
        if self.encoder is None or not isinstance(samples, Traces):
            return 0.0
        return float(samples.values[0].size * self.config.encoder_copies)

    def _fan_out(self) -> list[tuple[np.ndarray, int]]:
        """Return of each layer the non-zero weights that leave each neuron, and all that leave."""
        matrices = self.weights()
        layers = range(self.config.layers)
        following = [*(matrices[f"hidden.{k}.weight"] for k in layers), matrices["readout.weight"]]
        own = [None, *(matrices.get(f"hidden.{k}.recurrent") for k in layers)]
        return [
            (
                sum(np.count_nonzero(m, axis=0) for m in (after, itself) if m is not None),
                sum(m.size for m in (after, itself) if m is not None),
            )
            for after, itself in zip(following, own, strict=True)
        ]


@dataclasses.dataclass(frozen=True)
class _Batch:
    """One batch as inputs of its own."""

    batch: Any

    def __len__(self) -> int:
        return 1

    def take(self, _index: np.ndarray | slice) -> Any:
        return self.batch
