"""What a learner does with few labels, with noisy inputs and after losing synapses.

Supervised learners are trained anew on each number of labels, a fifth of which choose the epoch;
an unsupervised one learns once, from all images and no label, and is told what its neurons stand
for by the few labels alone. Noise and loss meet the learner trained with all labels, which does
not learn from them. Which samples have labels and what noise they carry depends on the seed alone,
so that learners of one seed meet the same. Nothing is chosen by test samples.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from study import data, learners
from study.data.samples import Dataset, Images, Samples, joined
from study.data.task import Classes, Task, own_score
from study.learning import frozen
from study.learning.contract import Learner, NamedLater, Weighted
from study.procedures.learning import about
from study.trials.trial import Context, Outcome, Progress, Trial, no_progress

PROCEDURE = "study.procedures.frugal:run"
LABELS_PER_CLASS = (10, 30, 100, 300, 1000)
NOISE_SD = (0.0, 0.1, 0.2, 0.3, 0.5)
LOST_SHARE = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9)
VALIDATION_SHARE = 0.2
MIN_UPDATES = 1500  # so that few samples are not met less often than many


def run(trial: Trial, context: Context) -> Outcome:
    """Return accuracies against labels, noise and lost synapses.

    Raises
    ------
    UserError
        If the data set is missing or damaged.
    """
    assert trial.dataset is not None
    dataset = data.load(trial.dataset, context.data)
    label_rng, noise_rng, rng = (
        np.random.default_rng(child) for child in np.random.SeedSequence(trial.seed).spawn(3)
    )
    learner, test = _build(trial, dataset.task, len(dataset.train)), dataset.test
    assert isinstance(learner, Weighted), f"{trial.subject} has no weights to lose"

    def tested(system: Learner, samples: Samples) -> float:
        return own_score(dataset.task, system.evaluate(samples, rng).scores)

    learner.fit(
        dataset.train,
        dataset.validation,
        rng,
        lambda fraction, note: context.progress(0.5 * fraction, note),
    )
    intact = tested(learner, test)
    n_all = len(dataset.train) + len(dataset.validation)
    labels, accuracies = [], []
    for few in _few(dataset, label_rng):
        labels.append(len(few))
        accuracies.append(tested(_taught(trial, dataset.task, learner, few, rng), test))
        context.progress(0.6, f"{len(few)} labels: {accuracies[-1]:.3f}")
    noisy = [tested(learner, _noisy(test, sd, noise_rng)) for sd in NOISE_SD]
    context.progress(0.8, "with noise")
    lost = [tested(frozen.without(learner, share, rng), test) for share in LOST_SHARE]
    return Outcome(
        metrics={
            "n_tested": len(test),
            "labels": [*labels, n_all],
            "labels_accuracy": [*accuracies, intact],
            "noise_sd": list(NOISE_SD),
            "noise_accuracy": noisy,
            "lost_share": list(LOST_SHARE),
            "lost_accuracy": lost,
            **about(dataset),
        }
    )


def _build(trial: Trial, task: Task, n_samples: int) -> Learner:
    """Return an untrained learner that meets ``n_samples`` often enough."""
    config = dict(trial.config)
    if {"epochs", "batch_size"} <= config.keys():
        updates = -(-n_samples // config["batch_size"])
        config["epochs"] = max(config["epochs"], -(-MIN_UPDATES // updates))
    return learners.find(trial.subject).build(config, task)


def _taught(
    trial: Trial, task: Task, learner: Learner, few: Samples, rng: np.random.Generator
) -> Learner:
    """Return a learner that has seen no other labels than those of ``few``."""
    if isinstance(learner, NamedLater):
        return learner.named_by(few, rng)
    order = rng.permutation(len(few))
    n_held_out = max(1, round(VALIDATION_SHARE * len(few)))
    fresh = _build(trial, task, len(few) - n_held_out)
    progress: Progress = no_progress
    fresh.fit(few.take(order[n_held_out:]), few.take(order[:n_held_out]), rng, progress)
    return fresh


def _few(dataset: Dataset, rng: np.random.Generator) -> Iterator[Samples]:
    """Yield draws with equally many samples of each class, as long as there are enough."""
    assert isinstance(dataset.task, Classes)
    everything = joined(dataset.train, dataset.validation)
    order = rng.permutation(len(everything))
    of_class = [order[everything.labels[order] == label] for label in range(dataset.task.n)]
    for n in LABELS_PER_CLASS:
        if n <= min(map(len, of_class)):
            yield everything.take(np.concatenate([members[:n] for members in of_class]))


def _noisy(samples: Samples, sd: float, rng: np.random.Generator) -> Samples:
    """Return images with normal noise on each pixel, cut to 0..1."""
    assert isinstance(samples, Images)
    noise = sd * rng.standard_normal(samples.pixels.shape, dtype=np.float32)
    return dataclasses.replace(samples, pixels=np.clip(samples.pixels + noise, 0.0, 1.0))
