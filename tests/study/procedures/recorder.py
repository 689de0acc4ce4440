"""A learner that answers by a known rule and notes every sample that it is shown.

Each sample of `DATASET` carries its number and its label in its pixels. Training samples have the
numbers 0 to 99, validation samples 100 to 149, test samples 150 to 189; the recorder answers the
first `RIGHT` of a part, by their place in it, rightly and all others wrongly.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from study.data.samples import Dataset, Images, Samples
from study.data.task import Classes
from study.learners import LearnerEntry
from study.learning.contract import Artefacts, Evaluation
from study.learning.cost import Cost, Layer
from study.learning.stopwatch import Timing

PARTS = {"train": range(100), "validation": range(100, 150), "test": range(150, 190)}
RIGHT = {"train": 90, "validation": 30, "test": 10}
N_CLASSES = 5
TASK = Classes(N_CLASSES)
SCALE = 1000  # numbers and labels lie in the pixels divided by it

LAYERS = (
    Layer("input", spikes=3.0, additions=50.0, macs=7.0, updates=0.0, states=2, weights=11),
    Layer("hidden", spikes=4.0, additions=60.0, macs=8.0, updates=13.0, states=3, weights=17),
    Layer("readout", updates=19.0, states=2),
)


def part(name: str) -> Images:
    numbers = np.array(PARTS[name])
    labels = numbers % N_CLASSES
    pixels = np.stack([numbers, labels], axis=1)[:, None, :].astype(np.float32) / SCALE
    return Images(pixels, labels.astype(np.int64))


DATASET = Dataset(
    "numbered", part("train"), part("validation"), part("test"), TASK, "made for a test", "none"
)


def numbers(samples: Samples) -> list[int]:
    """Return the numbers of samples, as far as noise leaves them readable."""
    assert isinstance(samples, Images)
    return np.rint(samples.pixels[:, 0, 0] * SCALE).astype(int).tolist()


def right(number: int) -> bool:
    """Whether a sample of this number is answered rightly; where noise hides it, it is not."""
    return any(
        number in members and number - members[0] < RIGHT[name] for name, members in PARTS.items()
    )


def share(found: list[int]) -> float:
    return float(np.mean([right(number) for number in found]))


@dataclass
class Notes:
    """What recorders were shown: numbers and labels of `fit`, pixels of `evaluate`."""

    prepared: list[list[int]] = field(default_factory=list)
    fitted: list[tuple[list[int], list[int]]] = field(default_factory=list)
    refitted: list[list[int]] = field(default_factory=list)
    evaluated: list[np.ndarray] = field(default_factory=list)
    named: list[list[int]] = field(default_factory=list)
    who: list[int] = field(default_factory=list)
    fresh: int = 0


@dataclass(frozen=True)
class RecorderConfig:
    epochs: int = 1
    batch_size: int = 10


class Recorder:
    """A learner of two weights; with a lost weight it answers class 0 to everything."""

    notes = Notes()

    def __init__(self, config: RecorderConfig, task: Classes) -> None:
        self.config, self.task = config, task
        self.number = self.notes.fresh
        type(self).notes.fresh += 1
        self.own = {"first": np.ones(4000), "second": np.ones((4000, 1))}

    def prepare(self, train: Samples) -> None:
        self.notes.prepared.append(numbers(train))

    def fit(self, train: Samples, validation: Samples, *_: object) -> None:
        self.notes.fitted.append((numbers(train), numbers(validation)))

    def refit(self, train: Samples, *_: object) -> None:
        self.notes.refitted.append(numbers(train))

    def evaluate(self, samples: Samples, _rng: np.random.Generator) -> Evaluation:
        assert isinstance(samples, Images)
        self.notes.evaluated.append(samples.pixels.copy())
        self.notes.who.append(self.number)
        kept = float(np.mean([weights.mean() for weights in self.own.values()]))
        if kept < 1:  # answers rightly what share of its weights it has
            answers = np.where(np.arange(len(samples)) < kept * len(samples), samples.labels, -1)
        else:
            known = np.array([right(number) for number in numbers(samples)])
            answers = np.where(known, samples.labels, (samples.labels + 1) % N_CLASSES)
        scores = {**self.task.scores(answers, samples.labels), "second_accuracy": 0.125}
        # Each part takes a time of its own: the number of its first sample.
        timing = Timing(float(numbers(samples)[0]), "by the recorder")
        return Evaluation(answers, scores, Cost(LAYERS, timing))

    def weights(self) -> Mapping[str, np.ndarray]:
        return self.own

    def with_weights(self, weights: Mapping[str, np.ndarray]) -> Recorder:
        other = copy.copy(self)
        other.own = dict(weights)
        return other

    def keep(self) -> Artefacts:
        return Artefacts(metrics={"best_epoch": 4}, arrays={"own": np.arange(3)})


class NamedRecorder(Recorder):
    """One that needs labels for names alone."""

    def named_by(self, labelled: Samples, _rng: np.random.Generator) -> NamedRecorder:
        self.notes.named.append(numbers(labelled))
        return copy.copy(self)


@dataclass(frozen=True)
class RecorderEntry(LearnerEntry):
    """The entry of a recorder; it needs no module to be looked up in."""

    of: type[Recorder] = Recorder

    def build(self, config: Mapping[str, Any], task: Any) -> Any:
        return self.of(RecorderConfig(**config), task)


ENTRY = RecorderEntry("", "", "", ("images",), 1, "baseline", "answers by a known rule")
NAMED_ENTRY = replace(ENTRY, of=NamedRecorder)
