"""A network that remembers for seconds because some of its thresholds adapt, taught by BPTT.

Bellec, Salaj, Subramoney, Legenstein & Maass, "Long short-term memory and learning-to-learn in
networks of spiking neurons", NeurIPS 2018, arXiv:1803.09574.

**Claim.** Membranes forget within 20 ms. Neurons whose threshold rises with each spike and falls
within a second keep what they have seen in their thresholds, and back-propagation through time
finds weights that use it: 10 neurons that adapt and 10 that do not store a bit for seconds.

**Number to reach.** Fewer than 5 % of the bits of store-recall wrong within 200 iterations; without
adaptation (``beta=0``) the network has nothing to remember with.

**How.** Recorded spikes are binned into steps of 1 ms. The network is (1) to (8) of `gradsim.lsnn`,
the slope of a spike (9) of `gradsim.lsnn_gradients`. Time is divided into as many windows as a
sequence has symbols; the answer of a window is the readout unit with the largest mean (8) in it,
and the loss is the cross entropy of these means, averaged over the windows in which a symbol is
asked for. Gradients are (10) to (14); Adam takes the steps.

**Deviations.** Batches come from a fixed pool of training sequences in place of ever new ones, and
the iteration is chosen on sequences of its own; the paper stops as soon as a batch has fewer than
5 % errors. The presets start each batch at rest, where the published code goes on from the state in
which the last one ended (``carry_state``), and take fewer sequences and a larger step. The
published penalty on firing rates is numerically nil; ``rate_penalty`` is none by default.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from study.data.samples import Events, Samples
from study.data.task import Symbols
from study.learners.layered import FEW, rehearse
from study.learning.artefacts import Curve, Raster
from study.learning.conditions import Conditions
from study.learning.contract import Artefacts, Evaluation
from study.learning.cost import Cost, Layer
from study.learning.stopwatch import timed
from study.trials.trial import Progress

if TYPE_CHECKING:
    import gradsim
    from gradsim.lsnn import LSNNParameters
    from gradsim.lsnn_gradients import Sequences
    from gradsim.sequence_training import SequenceHistory, SequenceTraining


@dataclass(frozen=True)
class LSNNConfig:
    """The paper's table for store and recall.

    Parameters
    ----------
    n_regular, n_adaptive
        Neurons whose threshold is fixed, and neurons whose threshold adapts.
    tau_mem_s, tau_adapt_s, tau_out_s, dt_s
        Time constants of membrane, threshold and readout, and the step.
    threshold, beta
        Threshold at rest, and what a neuron that fires in every step would add to it.
    n_refractory
        Steps after a spike in which a neuron cannot fire.
    max_delay
        Synapses delay spikes by 1 to this many steps, drawn once.
    dampening
        Largest slope of a spike.
    rule, feedback
        ``"bptt"`` or ``"eprop"``, and how e-prop brings errors back: ``"symmetric"`` or
        ``"random"``; see `study.learners.lsnn_eprop`.
    iterations, batch_size, validate_every
        Steps of Adam, sequences for each, and iterations from one validation to the next.
    learning_rate, decay, decay_every
        The rate is multiplied by ``decay`` after every ``decay_every`` iterations.
    carry_state
        Whether a batch starts in the state in which the one before ended, else at rest.
    rate_penalty, rate_hz
        Strength of the mean squared distance of neurons' firing rates from this rate, in Hz^2; 0
        for none.
    """

    n_regular: int = 10
    n_adaptive: int = 10
    tau_mem_s: float = 20e-3
    tau_adapt_s: float = 1.2
    tau_out_s: float = 20e-3
    threshold: float = 0.01
    beta: float = 1.7
    n_refractory: int = 3
    max_delay: int = 10
    dampening: float = 0.3
    dt_s: float = 1e-3
    rule: Literal["bptt", "eprop"] = "bptt"
    feedback: Literal["symmetric", "random"] = "symmetric"
    iterations: int = 200
    batch_size: int = 128
    validate_every: int = 10
    learning_rate: float = 0.01
    decay: float = 0.3
    decay_every: int = 100
    carry_state: bool = True
    rate_penalty: float = 0.0
    rate_hz: float = 20.0

    def conditions(self, n_train: int, kind: str) -> Conditions:  # noqa: ARG002
        """Return under which conditions the network learns."""
        return Conditions(
            f"Poisson spikes of {self.rate_hz:g} Hz",
            f"{self.n_regular} and {self.n_adaptive} that adapt",
            self.iterations * self.batch_size,
            chosen="the iteration",
            step=f"{1e3 * self.dt_s:g} ms",
        )

    def parameters(self, n_in: int, n_out: int) -> LSNNParameters:
        """Return sizes and neurons of the network; raises ValueError for impossible ones."""
        from gradsim.lsnn import LSNNParameters

        return LSNNParameters(n_in=n_in, n_out=n_out, **_shared(self, LSNNParameters))

    def training(self) -> SequenceTraining:
        """Return how the network is trained; raises ValueError for impossible settings."""
        from gradsim.lsnn_gradients import RatePenalty
        from gradsim.sequence_training import SequenceTraining

        penalty = RatePenalty(self.rate_penalty, self.rate_hz) if self.rate_penalty else None
        return SequenceTraining(**_shared(self, SequenceTraining), penalty=penalty)


def preset(profile: str, _dataset: str) -> LSNNConfig:
    """Return settings that solve store-recall; the quick profile stops as soon as it can."""
    config = LSNNConfig(
        iterations=150,
        batch_size=64,
        learning_rate=0.02,
        decay_every=60,
        carry_state=False,
    )
    if profile != "quick":
        return config
    return dataclasses.replace(config, iterations=100, batch_size=32, decay_every=80)


def encode(samples: Samples, dt_s: float) -> Sequences:
    """Return recorded spikes in steps of ``dt_s``, and what is asked for in each window."""
    from gradsim import encode as codes
    from gradsim.lsnn_gradients import Sequences

    assert isinstance(samples, Events), "the registry lets no other samples in"
    n_steps = round(samples.duration_s / dt_s)
    spikes = codes.bin_events(
        samples.time_s, samples.unit, samples.offsets, samples.n_units, samples.duration_s, n_steps
    )
    return Sequences(spikes, samples.labels)


class LSNNLearner:
    """LSNN on sequences of symbols; see `study.learning.contract.Learner`."""

    def __init__(self, config: LSNNConfig, task: Symbols) -> None:
        self.config, self.task = config, task

    def prepare(self, train: Samples) -> None:
        """Compile the loops on a few sequences, and give back the memory that they leave."""
        from gradsim.kernels import buffers

        config = dataclasses.replace(self.config, iterations=1, batch_size=FEW)
        rehearse(LSNNLearner(config, self.task), train)
        buffers.release()

    def fit(
        self, train: Samples, validation: Samples, rng: np.random.Generator, progress: Progress
    ) -> None:
        """Train and keep the iteration that is best on ``validation``.

        Raises
        ------
        gradsim.TrainingError
            If the loss becomes NaN or infinite.
        ValueError
            If windows are no whole number of steps.
        """
        from gradsim import lsnn
        from gradsim.lsnn_gradients import Sequences
        from gradsim.sequence_training import train_sequences

        pool, config = encode(train, self.config.dt_s), self.config

        def draw(n_sequences: int, rng: np.random.Generator) -> Sequences:
            index = rng.choice(len(train), min(n_sequences, len(train)), replace=False)
            return Sequences(pool.inputs.take(index), pool.targets[index])

        network = lsnn.initial(config.parameters(pool.inputs.n_units, self.task.n), rng)
        self.network, self._history = train_sequences(
            network, draw, encode(validation, config.dt_s), config.training(), rng, progress
        )
        self._example = validation.take(np.arange(1))

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:  # noqa: ARG002
        """Answer every window of ``samples``; nothing is drawn."""
        from gradsim import lsnn

        inputs, n_windows = encode(samples, self.config.dt_s).inputs, samples.labels.shape[1]
        w_out = self.network.weights.w_out

        def answer(part: slice) -> tuple[np.ndarray, np.ndarray]:
            ran = lsnn.forward(self.network, inputs.take(part), n_windows, None, for_gradient=False)
            counts = ran.spikes.sum(axis=(0, 1), dtype=np.int64)
            return (ran.traces @ w_out.T).argmax(axis=2), counts

        parts, timing = timed(answer, len(samples))
        answers = np.concatenate([part for part, _ in parts])
        scores = self.task.scores(answers, samples.labels)
        layers = self._layers(inputs, np.sum([counts for _, counts in parts], axis=0))
        return Evaluation(answers, scores, Cost(layers, timing))

    def _layers(self, inputs: gradsim.SpikeEvents, counts: np.ndarray) -> tuple[Layer, ...]:
        """Return what each layer does for a sequence, from the spikes ``[n]`` of all sequences.

        A neuron has its membrane potential, the steps that it stays refractory and, where it
        adapts, its threshold. The readout's filter (7) is one of leaky readout units.
        """
        config, (w_in, w_rec, w_out) = self.config, self.network.weights
        regular = np.arange(len(w_rec)) < config.n_regular
        of_input = np.bincount(inputs.unit, minlength=inputs.n_units)
        fan_out = np.count_nonzero(w_rec, axis=0) + np.count_nonzero(w_out, axis=0)
        n_weights = len(w_rec) - 1 + len(w_out)
        layers = [_layer("input", of_input, np.count_nonzero(w_in, axis=0), len(w_in), inputs)]
        for name, members, states in (("regular", regular, 2), ("adaptive", ~regular, 3)):
            one = _layer(name, counts[members], fan_out[members], n_weights, inputs)
            updates = float(inputs.n_steps * members.sum())
            layers.append(dataclasses.replace(one, updates=updates, states=states))
        readout = Layer("readout", updates=float(inputs.n_steps * self.task.n), states=1)
        return (*layers, readout)

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights of the inputs, the neurons and the readout."""
        return self.network.weights._asdict()

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> LSNNLearner:
        """Return the same network with these weights."""
        other = copy.copy(self)
        other.network = self.network._replace(weights=self.network.weights._replace(**weights))
        return other

    def keep(self) -> Artefacts:
        """Return how learning went, and what the network does in one validation sequence."""
        from gradsim import lsnn

        history = self._history
        shown = encode(self._example, self.config.dt_s)
        found = lsnn.run(self.network, shown.inputs)
        step, unit = np.nonzero(found.spikes[:, 0])
        adapts = unit >= self.config.n_regular
        rasters = [Raster("input", shown.inputs.step, shown.inputs.unit, shown.inputs.offsets)]
        for name, members in (("regular", ~adapts), ("adaptive", adapts)):
            first = self.config.n_regular if name == "adaptive" else 0
            ends = np.array([0, members.sum()])
            rasters.append(Raster(name, step[members], unit[members] - first, ends))
        return Artefacts(
            named=(_curve(history, self.config.batch_size), *rasters),
            arrays={
                "example_labels": shown.targets[0],
                "example_readout": found.readout[:, 0],
            },
            metrics={
                "best_iteration": history.best,
                "iterations_run": len(history.loss),
                "rate_hz": float(history.rate_hz[history.best - 1]),
            },
        )


def _shared(config: LSNNConfig, kind: type) -> dict[str, Any]:
    """Return the settings of a configuration that a class of the library has too."""
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in dataclasses.asdict(config).items() if name in names}


def _layer(
    name: str, counts: np.ndarray, fan_out: np.ndarray, n_weights: int, inputs: gradsim.SpikeEvents
) -> Layer:
    """Return a layer from the spikes of each of its units in all samples."""
    return Layer(
        name,
        spikes=float(counts.sum()) / len(inputs),
        additions=float(counts @ fan_out) / len(inputs),
        weights=n_weights * len(counts),
    )


def _curve(history: SequenceHistory, batch_size: int) -> Curve:
    """Return the history at each validation; of training, the mean since the one before."""
    starts = np.concatenate(([0], history.validated[:-1]))
    n_batches = np.diff(history.validated, prepend=0)
    loss, error = (
        np.add.reduceat(part, starts) / n_batches for part in (history.loss, history.error)
    )
    return Curve(history.validated * batch_size, loss, 1 - error, 1 - history.validation_error)
