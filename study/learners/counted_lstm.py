"""An LSTM that is trained in real numbers, and answers by counts of spikes.

Shrestha et al., "A spike-based long short-term memory on a neurosynaptic processor", ICCAD 2017;
"Modular spiking neural circuits for mapping long short-term memory on a neurosynaptic processor",
IEEE JETCAS 2018, is the journal's version.

**Claim.** An LSTM that was trained off line can be mapped to the spiking neurons of TrueNorth, with
discrete activations and weights, gating by spikes, and circuits that store a value and release it.
Signed values take two channels, all values are in rate code but for the cells', which are bursts,
since they have to be more precise.

**Number to reach.** None: nothing but the abstracts could be read, which name parity and
the extended Reber grammar and no accuracy. What is to be reached here is every string without a
mistake; the negative controls are cells in rate code (``cell=rate``) and gates that are released a
quarter of a window late (``late=0.25``).

**How.** (1) to (5) of `gradsim.lstm` are trained as `gradsim.lstm_training` tells, first in real
numbers and then with whole counts. The same weights, rounded, go into the circuits of
`gradsim.counted_lstm`, tick by tick in integers; a symbol is a spike a tick of its input, for a
window. The answer to a symbol is the largest readout. Beside it stand the answers of the LSTM in
real numbers (``lstm_``) and with rounded values and products (``rounded_``).

**Deviations.** Circuits are of this implementation. A symbol takes three windows, one behind the
other; a chip could let windows of neighbouring symbols overlap. Readouts sum and do not spike.

**No NIR.** Its neurons know no release by a clock, no threshold that moves, and no product of two
trains: a graph of these weights would be another network in any tool that reads NIR.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from study.data.samples import Samples, Traces
from study.data.task import Symbols
from study.learners.counted_lstm_config import LATE, CountedLSTMConfig, preset, ticks_late
from study.learners.layered import rehearse
from study.learning.artefacts import Curve
from study.learning.contract import Artefacts, Evaluation
from study.learning.cost import Cost, Layer
from study.learning.stopwatch import timed
from study.trials.trial import Progress

if TYPE_CHECKING:
    from gradsim.counted_lstm import CountedSpikes
    from gradsim.lstm import HardLSTM
    from gradsim.lstm_training import LSTMHistory, SymbolSequences

__all__ = ["CountedLSTMConfig", "CountedLSTMLearner", "preset"]

WINDOWS = (1, 2, 3, 4, 6, 8, 16, 32)  # ticks for which validation sequences are answered


class CountedLSTMLearner:
    """Spiking LSTM on sequences of symbols; see `study.learning.contract`, ``Weighted`` too."""

    def __init__(self, config: CountedLSTMConfig, task: Symbols) -> None:
        self.config, self.task = config, task

    def prepare(self, train: Samples) -> None:
        """Compile the loops on a few sequences."""
        throwaway = CountedLSTMLearner(dataclasses.replace(self.config, iterations=1), self.task)
        throwaway.evaluate(rehearse(throwaway, train), np.random.default_rng(0))

    def fit(
        self, train: Samples, validation: Samples, rng: np.random.Generator, progress: Progress
    ) -> None:
        """Train and keep the iteration that is best on ``validation`` with whole counts.

        Raises
        ------
        gradsim.TrainingError
            If the loss becomes NaN or infinite.
        ValueError
            If samples leave -1..1, or there is not one label a frame.
        """
        from gradsim.lstm import HardLSTM
        from gradsim.lstm_training import SymbolSequences, train_lstm

        config, pool = self.config, _sequences(train)

        def draw(n: int, rng: np.random.Generator) -> SymbolSequences:
            index = rng.integers(len(train), size=n)
            return SymbolSequences(pool.inputs[:, index], pool.targets[:, index])

        start = HardLSTM(
            pool.inputs.shape[2], config.hidden, self.task.n, rng, config.limit, config.unit
        )
        self.lstm, self._history = train_lstm(
            start, draw, _sequences(validation), config.training(), rng, progress
        )
        self._validation = validation

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:  # noqa: ARG002
        """Answer every symbol of ``samples`` by spikes; nothing is drawn."""
        from gradsim.counted_lstm import CountedSpikes, counted, respond

        network, inputs = counted(self.lstm, **self.config.circuits()), _sequences(samples).inputs
        found, timing = timed(
            lambda part: respond(network, inputs[:, part]), len(samples), "compiled loops"
        )
        answers = np.concatenate([each.readout.argmax(axis=2).T for each in found])
        scores = self.task.scores(answers, samples.labels)
        for name, window in (("lstm", None), ("rounded", self.config.window)):
            others = self.task.scores(_answers(self.lstm, inputs, window), samples.labels)
            scores |= {f"{name}_{measure}": score for measure, score in others.items()}
        totals = [np.sum(parts, axis=0) for parts in zip(*(e.spikes for e in found), strict=True)]
        layers = self._layers(CountedSpikes(*totals), len(samples))
        return Evaluation(answers, scores, Cost(layers, timing))

    def _layers(self, spikes: CountedSpikes, n: int) -> tuple[Layer, ...]:
        """Return what each part does for a sequence, from the spikes of all ``n``.

        A gate meets the neurons of its products, for each sign and line; candidates and the lines
        of a cell meet one each, and products the counter of their cell.
        """
        config, weights = self.config, self.weights()
        ticks, lines = 3 * config.window * spikes.steps / n, config.circuits()["lines"]
        met = {name: np.count_nonzero(weights[name], axis=0) for name in ("w_in", "w_rec", "w_out")}

        def part(name: str, fired: np.ndarray, fan_out: np.ndarray, size: int = 0) -> Layer:
            total, additions = float(fired.sum()) / n, float((fired * fan_out).sum()) / n
            neurons = size * config.hidden
            return Layer(
                name, total, additions, updates=float(ticks * neurons), states=int(neurons > 0)
            )

        one, per_gate = np.ones(1), np.array([[2], [2 * lines], [2]])
        hidden = part("hidden", spikes.hiddens, met["w_rec"] + met["w_out"], 2)
        return (
            dataclasses.replace(
                part("input", spikes.inputs, met["w_in"]), weights=weights["w_in"].size
            ),
            part("gates", spikes.gates, per_gate, 3),
            part("candidates", spikes.candidates, one, 2),
            part("cells", spikes.cells, one, 2),
            part("products", spikes.products, one, 2 * (lines + 1)),
            dataclasses.replace(hidden, weights=weights["w_rec"].size + weights["w_out"].size),
            Layer("readout", updates=float(ticks * self.task.n), states=1),
        )

    def weights(self) -> dict[str, np.ndarray]:
        """Return weights and biases of the LSTM, before they are rounded."""
        return {name: part.detach().numpy() for name, part in self.lstm.named_parameters()}

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> CountedLSTMLearner:
        """Return the same network with these weights."""
        import torch

        other = copy.copy(self)
        other.lstm = copy.deepcopy(self.lstm)
        other.lstm.load_state_dict({name: torch.tensor(part) for name, part in weights.items()})
        return other

    def keep(self) -> Artefacts:
        """Return how learning went, how validation goes with other windows, and one sequence.

        ``validation_by_window`` is ``[windows, ways, measures]``: by spikes as they are, with cells
        in rate code, with gates late, and without spikes, with rounded values and products.
        """
        from gradsim.counted_lstm import counted, respond

        shown = self._validation.take(np.arange(1))
        network = counted(self.lstm, **self.config.circuits())
        example = respond(network, _sequences(shown).inputs)
        return Artefacts(
            named=(_curve(self._history, self.config.batch_size),),
            arrays={
                "windows": np.array(WINDOWS),
                "validation_by_window": self._by_window(),
                "example_labels": shown.labels[0],
                "example_cells": (example.cell[:, 0, :, 0] - example.cell[:, 0, :, 1])
                / self.config.window,
                "example_answers": example.readout[:, 0].argmax(axis=1),
            },
            metrics={"best_iteration": self._history.best},
        )

    def _by_window(self) -> np.ndarray:
        from gradsim.counted_lstm import counted, respond

        inputs, labels = _sequences(self._validation).inputs, self._validation.labels
        found = []
        for window in WINDOWS:
            usual = dataclasses.replace(self.config, window=window).circuits()
            ways = (
                respond(counted(self.lstm, **{**usual, **changes}), inputs)
                for changes in ({}, {"lines": 1}, {"late": ticks_late(LATE, window)})
            )
            answers = [each.readout.argmax(axis=2).T for each in ways]
            answers.append(_answers(self.lstm, inputs, window))
            found.append([list(self.task.scores(each, labels).values()) for each in answers])
        return np.array(found)


def _sequences(samples: Samples) -> SymbolSequences:
    """Return samples with time first."""
    from gradsim.lstm_training import SymbolSequences

    assert isinstance(samples, Traces), "the registry lets no other samples in"
    if samples.labels.shape != samples.values.shape[:2]:
        raise ValueError(
            f"labels must be [N, T], one a frame, not {list(samples.labels.shape)} for "
            f"{list(samples.values.shape[:2])} frames"
        )
    return SymbolSequences(samples.values.swapaxes(0, 1), samples.labels.T)


def _answers(lstm: HardLSTM, inputs: np.ndarray, window: int | None) -> np.ndarray:
    """Return the answers ``[N, T]`` of the LSTM without spikes."""
    import torch

    with torch.no_grad():
        return lstm(inputs, window).logits.argmax(dim=2).T.numpy()


def _curve(history: LSTMHistory, batch_size: int) -> Curve:
    """Return the history at each validation; of training, the mean since the one before."""
    starts = np.concatenate(([0], history.validated[:-1]))
    n_batches = np.diff(history.validated, prepend=0)
    loss, right = (
        np.add.reduceat(part, starts) / n_batches for part in (history.loss, history.accuracy)
    )
    return Curve(history.validated * batch_size, loss, right, history.validation_accuracy)
