"""A network of current-based LIF neurons, trained by surrogate gradients in `gradsim`."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from study.data.samples import Events, Samples
from study.learners.contract import Artefacts, Evaluation
from study.trial import Progress, no_progress

if TYPE_CHECKING:
    from gradsim import NetworkConfig, SpikeEvents, TrainingConfig
    from gradsim.training import Prediction

TIMED_BATCH = 64
METHOD = (
    f"median over batches of {TIMED_BATCH} after one warm-up batch, raster to prediction, "
    "{} torch thread(s)"
)
N_EXAMPLES = 3  # samples whose spikes are kept for figures


@dataclass(frozen=True)
class SurrogateConfig:
    """One hidden layer of LIF neurons and a leaky readout.

    Parameters
    ----------
    hidden, recurrent
        Hidden neurons, and whether they are connected to each other.
    n_steps, dt_s
        Steps of a sample and their length for the neurons. Recorded events are binned into
        ``n_steps`` whatever their duration.
    tau_mem_s, tau_syn_s
        Time constants of hidden neurons and readout.
    surrogate, slope
        Derivative of the spike: a factory of `gradsim.surrogate` and its slope.
    weight_scale
        Initial weights are normal with deviation ``weight_scale / sqrt(fan_in)``.
    optimiser, learning_rate, epochs, batch_size
        Of training; the epoch with the best validation accuracy is kept.
    l1, l2
        Strengths of SpyTorch's activity penalty; they hold for this ``batch_size``.
    latency_tau_s, latency_threshold
        Of the time-to-first-spike code of images; events ignore them.
    """

    hidden: int = 100
    recurrent: bool = False
    n_steps: int = 100
    dt_s: float = 1e-3
    tau_mem_s: float = 20e-3
    tau_syn_s: float = 10e-3
    surrogate: Literal["fast_sigmoid", "superspike", "sigmoid_prime", "atan"] = "fast_sigmoid"
    slope: float = 25.0
    weight_scale: float = 0.3
    optimiser: Literal["adam", "adamax"] = "adam"
    learning_rate: float = 2e-3
    epochs: int = 30
    batch_size: int = 32
    l1: float = 3e-5
    l2: float = 1e-4
    latency_tau_s: float = 20e-3
    latency_threshold: float = 0.2

    def __post_init__(self) -> None:
        counts = ("hidden", "n_steps", "epochs", "batch_size")
        positive = ("dt_s", "tau_mem_s", "tau_syn_s", "slope", "weight_scale", "learning_rate")
        for name in counts:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in (*positive, "latency_tau_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, not {getattr(self, name)}")
        if min(self.l1, self.l2) < 0:
            raise ValueError(f"l1 and l2 must not be negative, not {self.l1} and {self.l2}")
        if not 0 < self.latency_threshold < 1:
            raise ValueError(
                f"latency_threshold must lie between 0 and 1, not {self.latency_threshold}"
            )

    def network(self, n_in: int, n_classes: int) -> NetworkConfig:
        """Return the part that shapes the network."""
        from gradsim import LIFParameters, NetworkConfig
        from gradsim.surrogate import SURROGATES

        neuron = LIFParameters(
            tau_mem_s=self.tau_mem_s,
            tau_syn_s=self.tau_syn_s,
            dt_s=self.dt_s,
            surrogate=SURROGATES[self.surrogate](self.slope),
        )
        return NetworkConfig(
            n_in, (self.hidden,), n_classes, neuron, self.weight_scale, self.recurrent
        )

    def training(self) -> TrainingConfig:
        """Return the part that trains it."""
        from gradsim import TrainingConfig

        return TrainingConfig(
            optimiser=self.optimiser,
            learning_rate=self.learning_rate,
            epochs=self.epochs,
            batch_size=self.batch_size,
            l1=self.l1,
            l2=self.l2,
        )


def encode(samples: Samples, config: SurrogateConfig) -> SpikeEvents:
    """Return the input spikes: time to first spike of pixels, or recorded events binned."""
    from gradsim import encode

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


# SpyTorch's tutorial 2 (Neftci, Mostafa & Zenke 2019), without its activity penalty as there.
SPYTORCH = {
    "tau_mem_s": 10e-3,
    "tau_syn_s": 5e-3,
    "slope": 100.0,
    "weight_scale": 0.67,
    "learning_rate": 2e-4,
    "batch_size": 256,
    "l1": 0.0,
    "l2": 0.0,
}
# Of digits, the dimmest pixel that fires does so at step 32. Found by cross-validation.
PRESETS: dict[str, dict[str, Any]] = {
    "digits": {"n_steps": 50, "hidden": 200},
    "mnist": SPYTORCH,
    "fashion-mnist": SPYTORCH,
    "randman": {"epochs": 15},
    "randman-shuffled": {"epochs": 15},
}


def preset(_profile: str, dataset: str) -> SurrogateConfig:
    """Return the settings for a data set, in all profiles alike."""
    return SurrogateConfig(**PRESETS.get(dataset, {}))


class SurrogateLearner:
    """Surrogate-gradient network; see `study.learners.contract.Learner`."""

    def __init__(self, config: SurrogateConfig) -> None:
        self.config = config

    def prepare(self, train: Samples) -> None:
        """Train a throwaway network on a few samples: torch imports and allocates on first use."""
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
        """
        import torch

        from gradsim import Labelled, SpikingNetwork
        from gradsim import train as train_network

        learned, chosen = (
            Labelled(encode(samples, self.config), samples.labels)
            for samples in (train, validation)
        )
        shape = self.config.network(learned.events.n_units, int(train.labels.max()) + 1)
        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        self.network = SpikingNetwork(shape, generator)
        self._history = train_network(
            self.network, learned, chosen, self.config.training(), rng, progress
        )
        self._examples = chosen.events.take(np.arange(min(N_EXAMPLES, len(validation))))
        self._example_labels = validation.labels[:N_EXAMPLES]

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:  # noqa: ARG002
        """Classify ``samples``; latency codes and binning need no random numbers."""
        import torch

        events = encode(samples, self.config)
        prediction, ms_per_sample = self._timed_prediction(events)
        into_hidden, into_readout = self._outgoing()
        hidden = prediction.spikes[0]
        synops = into_hidden[events.unit].sum() + (hidden @ into_readout).sum()
        return Evaluation(
            predictions=prediction.classes,
            accuracy=float(np.mean(prediction.classes == samples.labels)),
            spikes_per_sample={
                "input": len(events.unit) / len(events),
                "hidden": float(hidden.sum(axis=1).mean()),
            },
            synops_per_sample=float(synops / len(events)),
            macs_per_sample=0.0,
            neuron_updates_per_sample=float(
                self.config.n_steps * (self.config.hidden + prediction.logits.shape[1])
            ),
            inference_ms_per_sample=ms_per_sample,
            inference_method=METHOD.format(torch.get_num_threads()),
        )

    def artefacts(self) -> Artefacts:
        """Return the history, the spikes of a few validation samples, and the network as NIR."""
        from gradsim.events import from_raster
        from gradsim.to_nir import to_bytes
        from gradsim.training import run

        history, best = self._history, self._history.best_epoch
        hidden = from_raster(run(self.network, self._examples).spikes[0])
        arrays = {
            "loss": history.loss,
            "train_accuracy": history.train_accuracy,
            "validation_accuracy": history.validation_accuracy,
            "hidden_spikes": history.hidden_spikes[:, 0],
            "example_labels": self._example_labels,
        }
        for name, events in (("input", self._examples), ("hidden", hidden)):
            arrays |= {
                f"example_{name}_step": events.step,
                f"example_{name}_unit": events.unit,
                f"example_{name}_offsets": events.offsets,
            }
        return Artefacts(
            arrays=arrays,
            files={"network.nir": to_bytes(self.network)},
            metrics={
                "best_epoch": best + 1,
                "epochs_run": len(history.loss),
                "silent_epochs": int(history.silent.any(axis=1).sum()),
            },
        )

    def _outgoing(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the number of non-zero weights that leave each input and each hidden neuron."""
        nonzero = {
            name: np.count_nonzero(weight.numpy(), axis=0)
            for name, weight in self.network.state_dict().items()
        }
        hidden = nonzero["readout.weight"] + nonzero.get("hidden.0.recurrent", 0)
        return nonzero["hidden.0.weight"], hidden

    def _timed_prediction(self, events: SpikeEvents) -> tuple[Prediction, float]:
        """Return the prediction of all samples and the median milliseconds a sample."""
        from gradsim import predict
        from gradsim.training import Prediction

        starts = range(0, len(events), TIMED_BATCH)
        batches = [
            events.take(np.arange(start, min(start + TIMED_BATCH, len(events)))) for start in starts
        ]
        predict(self.network, batches[0], TIMED_BATCH)
        parts, times = [], []
        for batch in batches:
            started = time.perf_counter()
            parts.append(predict(self.network, batch, TIMED_BATCH))
            times.append((time.perf_counter() - started) / len(batch) * 1e3)
        logits = np.concatenate([part.logits for part in parts])
        hidden = np.concatenate([part.spikes[0] for part in parts])
        return Prediction(logits, (hidden,)), float(np.median(times))
