"""The procedure of every learning trial: load, fit, evaluate, and what all of it cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from study import data, learners
from study.data.samples import Dataset, Samples
from study.data.task import Signals, Task
from study.learning.contract import Compiles, Evaluation, Learner, OverTime, Taught
from study.trials import powercap
from study.trials.measure import measured
from study.trials.trial import Context, Outcome, Progress, Trial

PROCEDURE = "study.procedures.learning:run"
FOLLOWED = ("validation", "test")  # parts on which scores over time are kept
TEACHERS = "teachers_train_seconds"  # metric: what the trials took that one builds on
FIT_SHARE = 0.8  # of the progress bar; evaluation takes the rest


def run(trial: Trial, context: Context) -> Outcome:
    """Train a learner, choosing on the validation part, and read the test set once.

    What the trials took that it builds on counts as its training: without them it could not be had.

    Raises
    ------
    UserError
        If the data set is missing or damaged.
    """
    assert trial.dataset is not None
    dataset = data.load(trial.dataset, context.data)
    learner = built(trial, context, dataset.task)

    def fit(rng: np.random.Generator, progress: Progress) -> None:
        learner.fit(dataset.train, dataset.validation, rng, progress)

    parts = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    return _with_teachers(
        taught(learner, fit, parts, dataset, trial.seed, context.progress), context.needs
    )


def _with_teachers(outcome: Outcome, teachers: Sequence[Outcome]) -> Outcome:
    """Return an outcome whose training takes as long as its own and that of its teachers."""
    if not teachers:
        return outcome
    told = {TEACHERS: sum(each.metrics["train_seconds"] for each in teachers)}
    for name in ("train_seconds", "train_cpu_seconds", "train_joules"):
        parts = [each.metrics.get(name) for each in (outcome, *teachers)]
        told[name] = None if None in parts else sum(parts)
    return replace(outcome, metrics={**outcome.metrics, **told})


def built(trial: Trial, context: Context, task: Task) -> Learner:
    """Return the untrained learner of a trial; one that builds on others has been given them."""
    learner = learners.find(trial.subject).build(trial.config, task)
    if isinstance(learner, Taught):
        learner.taught_by(context.needs)
    return learner


Fit: TypeAlias = Callable[[np.random.Generator, Progress], None]


def taught(
    learner: Learner,
    fit: Fit,
    parts: Mapping[str, Samples],
    dataset: Dataset,
    seed: int,
    progress: Progress,
) -> Outcome:
    """Fit a learner, evaluate it on ``parts`` of a data set, and return that and its costs.

    Training accuracy is taken on a random draw of training samples, as many as there are test
    samples, because a full pass can cost more than training itself. Of a learner whose answer gets
    better with time, scores after each step are kept for `FOLLOWED`. What imports and compilers
    take, once a process, stands in ``prepare_seconds`` and not in ``train_seconds``.

    Parameters
    ----------
    learner
        Untrained.
    fit
        Trains it.
    parts
        Samples by name; ``train`` and ``test`` among them.
    dataset
        Where they come from.
    seed
        Of all random numbers.
    progress
        Called now and then.
    """
    fit_seed, draw_seed, *evaluation_seeds = np.random.SeedSequence(seed).spawn(5)
    fit_rng, draw_rng = map(np.random.default_rng, (fit_seed, draw_seed))
    train = parts["train"]
    with measured() as preparation:
        if isinstance(learner, Compiles):
            learner.prepare(train)
    energy_before = powercap.read_microjoules()
    with measured() as cost:
        fit(fit_rng, lambda fraction, note: progress(FIT_SHARE * fraction, note))
    train_joules = powercap.joules_since(energy_before)
    drawn = train.take(draw_rng.permutation(len(train))[: len(dataset.test)])
    evaluations, over_time = {}, {}
    for name, child in zip(parts, evaluation_seeds, strict=False):
        progress(FIT_SHARE, f"evaluating {name}")
        samples = drawn if name == "train" else parts[name]
        evaluations[name] = learner.evaluate(samples, np.random.default_rng(child))
        if isinstance(learner, OverTime) and name in FOLLOWED:  # meets the same random numbers
            by_step = learner.scores_by_step(samples, np.random.default_rng(child))
            over_time[f"{name}_score_by_step"] = by_step
    left = learner.keep()
    return Outcome(
        metrics={
            **scores(evaluations, dataset.task),
            **evaluations["test"].cost.columns(),
            "prepare_seconds": preparation.seconds,
            "train_seconds": cost.seconds,
            "train_cpu_seconds": cost.cpu_seconds,
            "train_joules": train_joules,
            "peak_memory_mb": cost.peak_memory_mb,
            **{f"n_{name}": len(samples) for name, samples in parts.items()},
            **about(dataset),
            **left.metrics,
        },
        arrays={
            "test_predictions": evaluations["test"].answers,
            "test_labels": dataset.test.labels,
            **over_time,
            **{f"test_{name}": values for name, values in dataset.about_test.items()},
            **left.all_arrays(),
        },
        files=left.files,
    )


def scores(evaluations: Mapping[str, Evaluation], task: Task) -> dict[str, float]:
    """Return the task's measures of each part; of other read-outs what they say of the test set."""
    found = {
        f"{name}_{measure}": evaluation.scores[measure]
        for measure in task.measures
        for name, evaluation in evaluations.items()
    }
    return found | (others(evaluations["test"], task) if "test" in evaluations else {})


def others(evaluation: Evaluation, task: Task) -> dict[str, float]:
    """Return what other read-outs than the task's own say, under names of their own."""
    return {n: score for n, score in evaluation.scores.items() if n not in task.measures}


def about(dataset: Dataset) -> dict[str, int | str]:
    """Return what a record says of its data set."""
    n_classes = {} if isinstance(dataset.task, Signals) else {"n_classes": dataset.task.n}
    return {
        **n_classes,
        "data_source": dataset.source,
        "data_checksum": dataset.checksum,
    }
