"""Trying out a setting: a learner is trained and read on validation samples; the test set rests."""

from __future__ import annotations

import numpy as np

from study import data
from study.procedures.learning import about, built, others, scores
from study.trials.measure import measured
from study.trials.trial import Context, Outcome, Trial

PROCEDURE = "study.procedures.tried:run"
FIT_SHARE = 0.9  # of the progress bar; evaluation takes the rest


def run(trial: Trial, context: Context) -> Outcome:
    """Train a learner and evaluate it once, on validation samples.

    Raises
    ------
    UserError
        If the data set is missing or damaged.
    """
    assert trial.dataset is not None
    dataset = data.load(trial.dataset, context.data)
    learner = built(trial, context, dataset.task)
    fit_rng, rng = (
        np.random.default_rng(seed) for seed in np.random.SeedSequence(trial.seed).spawn(2)
    )
    with measured() as cost:
        learner.fit(
            dataset.train,
            dataset.validation,
            fit_rng,
            lambda fraction, note: context.progress(FIT_SHARE * fraction, note),
        )
    found, left = learner.evaluate(dataset.validation, rng), learner.keep()
    return Outcome(
        metrics={
            **scores({"validation": found}, dataset.task),
            **others(found, dataset.task),
            **{
                f"spikes_{layer}_per_sample": spikes
                for layer, spikes in found.cost.spikes_by_layer.items()
            },
            "train_seconds": cost.seconds,
            "n_train": len(dataset.train),
            "n_validation": len(dataset.validation),
            **about(dataset),
            **left.metrics,
        },
        arrays=left.all_arrays(),
        files=left.files,
    )
