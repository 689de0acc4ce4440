"""A network of current-based LIF neurons, trained by surrogate gradients in `gradsim`."""

from __future__ import annotations

import copy
import dataclasses
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from study.data.samples import Events, Samples, Traces
from study.learners.surrogate_config import SurrogateConfig, preset
from study.learning.contract import Artefacts, Evaluation, thinned
from study.trials.trial import Progress, no_progress

if TYPE_CHECKING:
    import torch

    import gradsim
    from gradsim.training import Inputs, Prediction

__all__ = ["SurrogateConfig", "SurrogateLearner", "preset"]

TIMED_BATCH = 64
METHOD = (
    f"median over batches of {TIMED_BATCH} after one warm-up batch, input to prediction, "
    "engine {}, {} torch thread(s)"
)
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

    def __init__(self, config: SurrogateConfig) -> None:
        self.config = config

    def prepare(self, train: Samples) -> None:
        """Train a throwaway network on a few samples: what is compiled and allocated is there."""
        few = train.take(np.arange(min(len(train), self.config.batch_size)))
        throwaway = SurrogateLearner(dataclasses.replace(self.config, epochs=1))
        throwaway.fit(few, few, np.random.default_rng(0), no_progress)

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
        self.encoder, self.network = self._build(train, int(train.labels.max()) + 1, generator)
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
        self, train: Samples, n_classes: int, generator: torch.Generator
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
        return encoder, SpikingNetwork(config.network(n_in, n_classes), generator, config.engine)

    @property
    def _model(self) -> torch.nn.Module:
        from gradsim import EncodedNetwork

        return EncodedNetwork(self.encoder, self.network) if self.encoder else self.network

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:  # noqa: ARG002
        """Classify ``samples``; none of the codes needs random numbers."""
        import torch

        inputs = encode(samples, self.config)
        prediction, ms_per_sample = self._timed_prediction(inputs)
        counts = [self._input_counts(inputs), *prediction.spikes]
        names = ["input", *self.layer_names()]
        synops = sum(
            float((layer.sum(axis=0) * fan_out).sum())
            for layer, fan_out in zip(counts, self._fan_out(), strict=True)
        )
        return Evaluation(
            predictions=prediction.classes,
            accuracy=float(np.mean(prediction.classes == samples.labels)),
            spikes_per_sample={
                name: float(layer.sum() / len(samples))
                for name, layer in zip(names, counts, strict=True)
            },
            synops_per_sample=synops / len(samples),
            macs_per_sample=self._encoder_macs(samples),
            neuron_updates_per_sample=float(
                self.config.n_steps
                * (
                    sum(layer.shape[1] for layer in prediction.spikes)
                    + prediction.logits.shape[1]
                    + (counts[0].shape[1] if self.encoder else 0)
                )
            ),
            inference_ms_per_sample=ms_per_sample,
            inference_method=METHOD.format(self.network.resolved_engine, torch.get_num_threads()),
        )

    def without(self, share: float, rng: np.random.Generator) -> SurrogateLearner:
        """Return the learner after it lost a ``share`` of the synapses of every layer."""
        import torch

        lesser = copy.copy(self)
        lesser.network = copy.deepcopy(self.network)
        with torch.no_grad():
            for weight in lesser.network.parameters():
                if weight.ndim == 2:
                    weight.copy_(torch.as_tensor(thinned(weight.detach().numpy(), share, rng)))
        return lesser

    def layer_names(self) -> list[str]:
        """Return the names of the hidden layers in tables and figures."""
        if self.config.layers == 1:
            return ["hidden"]
        return [f"hidden {k + 1}" for k in range(self.config.layers)]

    def artefacts(self) -> Artefacts:
        """Return the history, the spikes of a few validation samples, and the network as NIR."""
        from gradsim import SpikeEvents, from_raster
        from gradsim.to_nir import to_bytes

        history = self._history
        examples = self._examples
        if not isinstance(examples, SpikeEvents):
            assert self.encoder is not None
            examples = from_raster(self.encoder(examples)[0])
        hidden = from_raster(self.network(examples).spikes[0])
        arrays = {
            "loss": history.loss,
            "train_accuracy": history.train_accuracy,
            "validation_accuracy": history.validation_accuracy,
            "hidden_spikes": history.hidden_spikes.sum(axis=1),
            "example_labels": self._example_labels,
        }
        for name, events in (("input", examples), ("hidden", hidden)):
            arrays |= {
                f"example_{name}_step": events.step,
                f"example_{name}_unit": events.unit,
                f"example_{name}_offsets": events.offsets,
            }
        if self.encoder is not None:
            for name, value in self.encoder.named_parameters():
                arrays[f"encoder_{name}"] = value.detach().numpy()
        # NIR has no neuron whose threshold adapts.
        fits = self.network.config.neuron.adaptation is None
        return Artefacts(
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
            batches = range(0, len(inputs), TIMED_BATCH)
            counted = [
                self.encoder(inputs.take(slice(start, start + TIMED_BATCH)))[0].sum(dim=0)
                for start in batches
            ]
        return torch.cat(counted).numpy()

    def _encoder_macs(self, samples: Samples) -> float:
        """Return the products of real numbers that make the encoder's current."""
        if self.encoder is None or not isinstance(samples, Traces):
            return 0.0
        return float(samples.values[0].size * self.config.encoder_copies)

    def _fan_out(self) -> list[np.ndarray]:
        """Return the non-zero weights that leave each input and each hidden neuron, by layer."""
        nonzero = {
            name: np.count_nonzero(weight.numpy(), axis=0)
            for name, weight in self.network.state_dict().items()
            if weight.ndim == 2
        }
        layers = range(self.config.layers)
        into = [nonzero[f"hidden.{k}.weight"] for k in layers] + [nonzero["readout.weight"]]
        own = [0, *(nonzero.get(f"hidden.{k}.recurrent", 0) for k in layers)]
        return [following + itself for following, itself in zip(into, own, strict=True)]

    def _timed_prediction(self, inputs: Inputs) -> tuple[Prediction, float]:
        """Return the prediction of all samples and the median milliseconds a sample."""
        from gradsim import predict
        from gradsim.training import Prediction

        model, readout = self._model, self.config.readout
        predict(model, _Batch(inputs.take(slice(0, TIMED_BATCH))), TIMED_BATCH, readout)
        parts, times = [], []
        for start in range(0, len(inputs), TIMED_BATCH):
            stop = min(start + TIMED_BATCH, len(inputs))
            started = time.perf_counter()
            batch = _Batch(inputs.take(slice(start, stop)))
            parts.append(predict(model, batch, TIMED_BATCH, readout))
            times.append((time.perf_counter() - started) / (stop - start) * 1e3)
        logits = np.concatenate([part.logits for part in parts])
        spikes = zip(*(part.spikes for part in parts), strict=True)
        return Prediction(logits, tuple(map(np.concatenate, spikes))), float(np.median(times))


@dataclasses.dataclass(frozen=True)
class _Batch:
    """One batch as inputs of its own."""

    batch: Any

    def __len__(self) -> int:
        return 1

    def take(self, _index: np.ndarray | slice) -> Any:
        return self.batch
