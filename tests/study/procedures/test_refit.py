"""The second training sees everything but the test set, and chooses nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from study import data
from study.data.reference import DatasetRef
from study.data.samples import Events, Images, Samples, Traces, joined
from study.experiments import surrogate
from study.learners.surrogate import SurrogateConfig
from study.procedures import learning, refit
from study.request import Request
from study.trials.trial import Context, Outcome, Trial

SMALL = SurrogateConfig(hidden=8, n_steps=20, epochs=4)


def samples(kind: str, n: int, rng: np.random.Generator) -> Samples:
    labels = rng.integers(3, size=n)
    if kind == "images":
        return Images(rng.random((n, 2, 2), dtype=np.float32), labels)
    if kind == "traces":
        return Traces(rng.random((n, 4, 2), dtype=np.float32), labels, 0.01)
    counts = rng.integers(4, size=n)
    offsets = np.concatenate(([0], np.cumsum(counts)))
    return Events(rng.random(offsets[-1]), rng.integers(5, size=offsets[-1]), offsets, labels, 5, 1)


@given(
    kind=st.sampled_from(("images", "events", "traces")),
    sizes=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    seed=st.integers(0, 99),
)
def test_joined_samples_are_those_of_both(kind: str, sizes: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = (samples(kind, n, rng) for n in sizes)
    both = joined(first, second)
    for part, index in (
        (first, np.arange(sizes[0])),
        (second, np.arange(sizes[0], sum(sizes))),
    ):
        taken = both.take(index)
        for name, value in vars(part).items():
            np.testing.assert_array_equal(getattr(taken, name), value)


def test_samples_of_different_kinds_are_not_joined() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(TypeError, match="Images and Traces"):
        joined(samples("images", 2, rng), samples("traces", 2, rng))


def test_the_second_training_has_all_samples_and_the_chosen_epochs() -> None:
    selection = Trial(
        learning.PROCEDURE, "surrogate", DatasetRef("digits"), dataclasses.asdict(SMALL), 0
    )
    trial = refit.trial_after(selection)
    assert trial.id != selection.id
    outcome = refit.run(trial, Context(needs=(Outcome({"best_epoch": 2}),)))
    dataset = data.load(DatasetRef("digits"), Context().data)
    assert outcome.metrics["epochs_run"] == 2
    assert outcome.metrics["n_train"] == len(dataset.train) + len(dataset.validation)
    assert "validation_accuracy" not in outcome.metrics
    assert np.isnan(outcome.arrays["curve_validation"]).all()
    assert outcome.metrics["test_accuracy"] > 0.3


def test_held_out_speakers_alone_lead_to_a_second_training() -> None:
    request = Request("standard", 1, (DatasetRef("hd-spikes"), DatasetRef("tbl")))
    again = [t for t in surrogate.trials(request) if t.procedure == refit.PROCEDURE]
    assert [(t.dataset_name, [need.dataset_name for need in t.needs]) for t in again] == [
        ("hd-spikes", ["hd-spikes"])
    ]
