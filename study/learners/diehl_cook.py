"""Unsupervised STDP (Diehl & Cook 2015); labels only name the neurons afterwards."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from study.data.samples import Images, Samples
from study.data.task import Classes
from study.learners.diehl_cook_config import DiehlCookConfig as DiehlCookConfig
from study.learners.diehl_cook_config import preset as preset
from study.learning.artefacts import NONE, Curve, Filters
from study.learning.contract import Artefacts, Evaluation
from study.learning.cost import Cost, Layer
from study.learning.stopwatch import of_batches
from study.trials.trial import Progress, no_progress

if TYPE_CHECKING:
    from biosim.diehl_cook import Response, Trained

SIDE = 28  # the published constants hold for images of 28x28 pixels
HISTORY_BLOCK = 50  # images over which what happened while learning is averaged
# An accuracy on the way needs fewer samples than the last one.
HISTORY_LABELS, HISTORY_VALIDATION = 2000, 1000
METHOD = "samples {how}, times the mean presentations per sample, image to spike counts, {engine}"
STATES = {"excitatory": 4, "inhibitory": 3}  # membrane potential, two conductances; a threshold
INTERPRETED = "no C++ compiler was found: Brian2 interpreted the network, about three times slower"


@dataclass(frozen=True)
class Names:
    """What training samples say about neurons: their class ``[n_exc]``, and shares of classes."""

    assignments: np.ndarray
    shares: np.ndarray  # [n_exc, n_classes]


class DiehlCookLearner:
    """Unsupervised STDP network; see `study.learning.contract.Learner`."""

    def __init__(self, config: DiehlCookConfig, task: Classes) -> None:
        self.config, self.task = config, task
        self._spec = config.specification()

    def prepare(self, train: Samples) -> None:
        """Show a throwaway network one sample, so that engines compile their code.

        A standalone program depends on the number of samples: it is compiled by `fit`.
        """
        if self.config.engine == "standalone":
            return
        small = replace(self.config, presentations=1, label_samples=1, history_points=0)
        one = train.take(np.arange(1))
        DiehlCookLearner(small, self.task).fit(one, one, np.random.default_rng(0), no_progress)

    def fit(
        self,
        train: Samples,
        validation: Samples,
        rng: np.random.Generator,
        progress: Progress,
    ) -> None:
        """Learn without labels, then name each neuron by its responses to training samples.

        Raises
        ------
        ValueError
            If the samples are not images.
        RuntimeError
            If the engine needs a C++ compiler and there is none.
        """
        rates, config = inputs(train), self.config
        (history_rng,) = rng.spawn(1)
        self._stages: list[Trained] = []
        self._history: list[tuple[int, float]] = []
        for part in _parts(_order(len(train), config.presentations, rng), config.history_points):
            self._learn(rates, part, int(rng.integers(2**32)), progress)
            if config.history_points:
                self._note_accuracy(train, validation, history_rng)
        self._names = self._name(train, config.label_samples, rng)
        progress(1.0, "neurons labelled")

    def evaluate(self, samples: Samples, rng: np.random.Generator) -> Evaluation:
        """Classify ``samples`` with weights and thresholds frozen, as the paper does.

        The vote by shares is a second read-out, with a score of its own.

        Raises
        ------
        ValueError
            If the samples are not images.
        """
        from biosim.diehl_cook import vote

        response, answers = self._classify(samples, self._names, rng)
        votes = vote(response.counts, self._names.shares)
        scores = self.task.scores(answers, samples.labels)
        scores["by_shares_accuracy"] = self.task.scores(votes, samples.labels)["accuracy"]
        side_by_side = response.engine.startswith("brian2")
        timing = of_batches(
            response.batch_seconds,
            response.batch,
            METHOD.format(
                how="in copies of the network side by side" if side_by_side else "one by one",
                engine=response.engine,
            ),
            repeats=float(response.presentations.mean()),
        )
        return Evaluation(answers, scores, Cost(self._layers(response), timing))

    def _layers(self, response: Response) -> tuple[Layer, ...]:
        """Return what each layer does for a sample."""
        spec, weights = self._spec, self._stages[-1].weights
        outgoing = np.count_nonzero(weights, axis=1)
        steps = round(spec.present_s / spec.dt_s) * response.presentations.mean()
        updates = float(spec.n_exc * steps)
        inhibited = (spec.n_exc - 1) * (spec.weight_inh_exc > 0)
        excited, inhibiting = response.excitatory_spikes, response.inhibitory_spikes
        return (
            Layer(
                "input",
                spikes=float(response.input_spikes.sum(axis=1).mean()),
                additions=float(np.mean(response.input_spikes @ outgoing)),
                weights=weights.size,
            ),
            Layer(
                "excitatory",
                spikes=float(excited.mean()),
                additions=float(excited.mean()),
                updates=updates,
                states=STATES["excitatory"],
                weights=spec.n_exc,
            ),
            Layer(
                "inhibitory",
                spikes=float(inhibiting.mean()),
                additions=float(np.mean(inhibited * inhibiting)),
                updates=updates,
                states=STATES["inhibitory"],
                weights=spec.n_exc * (spec.n_exc - 1),
            ),
        )

    def weights(self) -> dict[str, np.ndarray]:
        """Return the weights from the input, ``[inputs, n_exc]``: the only ones that learn."""
        return {"input": self._stages[-1].weights}

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> DiehlCookLearner:
        """Return the same network with these weights."""
        other = copy.copy(self)
        trained = replace(self._stages[-1], weights=weights["input"])
        other._stages = [*self._stages[:-1], trained]
        return other

    def named_by(self, labelled: Samples, rng: np.random.Generator) -> DiehlCookLearner:
        """Return what was learned, its neurons named by these samples alone."""
        other = copy.copy(self)
        other._names = self._name(labelled, len(labelled), rng)
        return other

    def keep(self) -> Artefacts:
        """Return receptive fields, thresholds, assignments and the history of learning.

        The history is in means over blocks of `HISTORY_BLOCK` images; ``history_shown`` counts the
        images up to the end of each block.
        """
        trained = self._stages[-1]
        presentations = np.concatenate([stage.presentations for stage in self._stages])
        history = {
            "spikes": np.concatenate([stage.spikes for stage in self._stages]),
            "presentations": presentations,
            "theta_v": np.concatenate([stage.theta_mean_v for stage in self._stages]),
        }
        ends = [*range(HISTORY_BLOCK, len(presentations), HISTORY_BLOCK), len(presentations)]
        seen, accuracy = zip(*self._history, strict=True) if self._history else ((), ())
        return Artefacts(
            named=(
                Curve(np.array(seen, dtype=np.int64), NONE, NONE, np.array(accuracy, dtype=float)),
                Filters(trained.weights.T.reshape(-1, SIDE, SIDE).astype(np.float32)),
            ),
            arrays={
                "theta_v": trained.theta_v,
                "assignments": self._names.assignments,
                "history_shown": np.array(ends[: len(presentations)]),
                **{f"history_{name}": block_means(values) for name, values in history.items()},
            },
            metrics={
                "engine": trained.engine,
                "engine_note": INTERPRETED if trained.engine == "brian2 numpy" else None,
                "presentations_per_trained_sample": (
                    float(presentations.mean()) if len(presentations) else None
                ),
                "silent_neurons": int((self._names.assignments < 0).sum()),
            },
        )

    def _learn(self, rates: np.ndarray, order: np.ndarray, seed: int, progress: Progress) -> None:
        """Go on learning with the images in ``order``."""
        from biosim.diehl_cook import train

        seen = sum(len(stage.spikes) for stage in self._stages)
        all_of_them = max(1, self.config.presentations)
        trained = train(
            self._spec,
            rates,
            order,
            seed,
            self.config.engine,
            start=self._stages[-1] if self._stages else None,
            progress=lambda fraction, note: progress(
                0.9 * (seen + fraction * len(order)) / all_of_them, f"learning: {note}"
            ),
        )
        self._stages.append(trained)

    def _name(self, train: Samples, n_samples: int, rng: np.random.Generator) -> Names:
        """Return what some training samples say about the neurons."""
        from biosim.diehl_cook import assign_labels, class_shares

        some = train.take(rng.permutation(len(train))[:n_samples])
        answers = self._respond(inputs(some), rng).counts, some.labels, self.task.n
        return Names(assign_labels(*answers), class_shares(*answers))

    def _note_accuracy(self, train: Samples, validation: Samples, rng: np.random.Generator) -> None:
        """Note what a part of the validation samples says about the network as it is now."""
        named = self._name(train, min(HISTORY_LABELS, self.config.label_samples), rng)
        some = validation.take(rng.permutation(len(validation))[:HISTORY_VALIDATION])
        _, predictions = self._classify(some, named, rng)
        seen = sum(len(stage.spikes) for stage in self._stages)
        self._history.append((seen, float(np.mean(predictions == some.labels))))

    def _classify(
        self, samples: Samples, names: Names, rng: np.random.Generator
    ) -> tuple[Response, np.ndarray]:
        from biosim.diehl_cook import classify

        response = self._respond(inputs(samples), rng)
        return response, classify(response.counts, names.assignments, self.task.n)

    def _respond(self, rates: np.ndarray, rng: np.random.Generator) -> Response:
        from biosim.diehl_cook import respond

        seed, config = int(rng.integers(2**32)), self.config
        return respond(
            self._spec, self._stages[-1], rates, seed, config.engine,
            min(config.batch, len(rates)), threads=config.threads,
        )  # fmt: skip


def _order(n_samples: int, n_shown: int, rng: np.random.Generator) -> np.ndarray:
    """Return the samples to show, ``[n_shown]``, in passes that are shuffled each."""
    passes = [rng.permutation(n_samples) for _ in range(-(-n_shown // n_samples))]
    return np.concatenate([np.zeros(0, dtype=np.int64), *passes])[:n_shown]


def _parts(order: np.ndarray, n_parts: int) -> list[np.ndarray]:
    """Return consecutive parts of equal size, but for the last; one if ``n_parts`` is zero."""
    size = max(1, math.ceil(len(order) / max(1, n_parts)))
    return [order[first : first + size] for first in range(0, max(1, len(order)), size)]


def block_means(values: np.ndarray) -> np.ndarray:
    """Return the means over blocks of `HISTORY_BLOCK` values, the last over what is left."""
    starts = np.arange(0, len(values), HISTORY_BLOCK)
    if not len(starts):
        return np.zeros(0, np.float32)
    sizes = np.diff([*starts, len(values)])
    return (np.add.reduceat(values, starts) / sizes).astype(np.float32)


def inputs(samples: Samples) -> np.ndarray:
    """Return images as intensities ``[N, 28 * 28]`` in 0..1.

    Raises
    ------
    ValueError
        If the samples are not images.
    """
    if not isinstance(samples, Images):
        raise ValueError("diehl-cook learns from images only; these samples are spike events")
    return resized(samples.pixels, SIDE).reshape(len(samples), -1)


def resized(pixels: np.ndarray, side: int) -> np.ndarray:
    """Return images ``[N, side, side]`` whose pixels are means over the area that they cover.

    Parameters
    ----------
    pixels
        ``[N, H, W]`` float32.
    side
        Height and width of the result.
    """
    rows, columns = (_overlap(size, side) for size in pixels.shape[1:])
    return np.clip(rows @ pixels @ columns.T, 0.0, 1.0)


def _overlap(size: int, side: int) -> np.ndarray:
    """Return the share ``[side, size]`` of each new cell that lies in each old one."""
    new, old = (np.linspace(0.0, 1.0, cells + 1) for cells in (side, size))
    upper = np.minimum(new[1:, None], old[None, 1:])
    lower = np.maximum(new[:-1, None], old[None, :-1])
    return (side * np.maximum(upper - lower, 0.0)).astype(np.float32)
