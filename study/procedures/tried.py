"""Trying out a setting: a learner is trained and read on validation samples; the test set rests."""

from __future__ import annotations

import numpy as np

from study import data, learners
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
    learner = learners.find(trial.learner).build(trial.config)
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
    found = learner.evaluate(dataset.validation, rng)
    artefacts = learner.artefacts()
    return Outcome(
        metrics={
            "validation_accuracy": found.accuracy,
            **{
                f"spikes_{layer}_per_sample": spikes
                for layer, spikes in found.spikes_per_sample.items()
            },
            "train_seconds": cost.seconds,
            "n_train": len(dataset.train),
            "n_validation": len(dataset.validation),
            "n_classes": dataset.n_classes,
            **artefacts.metrics,
        },
        arrays=artefacts.arrays,
        files=artefacts.files,
    )
