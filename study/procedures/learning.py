"""The procedure of every learning trial: load, fit, evaluate, and what all of it cost."""

from __future__ import annotations

import numpy as np

from study import data, powercap
from study.data.samples import Samples
from study.learners import LEARNERS
from study.learners.contract import Evaluation
from study.measure import measured
from study.trial import Context, Outcome, Trial

PROCEDURE = "study.procedures.learning:run"
FIT_SHARE = 0.8  # of the progress bar; evaluation takes the rest


def run(trial: Trial, context: Context) -> Outcome:
    """Train a learner and read the test set once.

    Training accuracy is taken on a random draw of training samples, as many as there are test
    samples, because a full pass can cost more than training itself. What imports and compilers
    take, once a process, stands in ``prepare_seconds`` and not in ``train_seconds``.

    Raises
    ------
    UserError
        If the data set is missing or damaged.
    """
    assert trial.dataset is not None
    dataset = data.load(trial.dataset, context.data)
    learner = LEARNERS[trial.learner].build(trial.config)
    fit_rng, draw_rng, *evaluation_rngs = (
        np.random.default_rng(seed) for seed in np.random.SeedSequence(trial.seed).spawn(5)
    )
    with measured() as preparation:
        learner.prepare(dataset.train)
    energy_before = powercap.read_microjoules()
    with measured() as cost:
        learner.fit(
            dataset.train,
            dataset.validation,
            fit_rng,
            lambda fraction, note: context.progress(FIT_SHARE * fraction, note),
        )
    train_joules = powercap.joules_since(energy_before)
    drawn = draw_rng.permutation(len(dataset.train))[: len(dataset.test)]
    parts: dict[str, Samples] = {
        "train": dataset.train.take(drawn),
        "validation": dataset.validation,
        "test": dataset.test,
    }
    evaluations = {}
    for (name, samples), rng in zip(parts.items(), evaluation_rngs, strict=True):
        context.progress(FIT_SHARE, f"evaluating {name}")
        evaluations[name] = learner.evaluate(samples, rng)
    artefacts = learner.artefacts()
    test = evaluations["test"]
    return Outcome(
        metrics={
            **{f"{name}_accuracy": found.accuracy for name, found in evaluations.items()},
            **_costs(test),
            "prepare_seconds": preparation.seconds,
            "train_seconds": cost.seconds,
            "train_joules": train_joules,
            "train_samples_per_second": len(dataset.train) / cost.seconds,
            "peak_memory_mb": cost.peak_memory_mb,
            "n_train": len(dataset.train),
            "n_validation": len(dataset.validation),
            "n_test": len(dataset.test),
            "n_classes": dataset.n_classes,
            "data_source": dataset.source,
            "data_checksum": dataset.checksum,
            **artefacts.metrics,
        },
        arrays={
            "test_predictions": test.predictions,
            "test_labels": dataset.test.labels,
            **artefacts.arrays,
        },
        files=artefacts.files,
    )


def _costs(evaluation: Evaluation) -> dict[str, float | str | None]:
    layers = evaluation.spikes_per_sample
    return {
        "spikes_per_sample": sum(layers.values()) if layers else None,
        **{f"spikes_{layer}_per_sample": spikes for layer, spikes in layers.items()},
        "synops_per_sample": evaluation.synops_per_sample if layers else None,
        "macs_per_sample": evaluation.macs_per_sample,
        "neuron_updates_per_sample": evaluation.neuron_updates_per_sample,
        "inference_ms_per_sample": evaluation.inference_ms_per_sample,
        "inference_method": evaluation.inference_method,
    }
