"""Few labels, noise and lost synapses: what is drawn, what is told, and that labels are few."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study import data
from study.data.reference import DataAccess, DatasetRef
from study.data.samples import Images, Samples
from study.data.task import Classes
from study.experiments import frugality
from study.learners.diehl_cook import DiehlCookConfig, DiehlCookLearner
from study.learners.linear import LinearConfig, LinearLearner
from study.learners.mlp import MLPConfig, MLPLearner
from study.learners.surrogate import SurrogateConfig, SurrogateLearner
from study.learning import frozen
from study.learning.contract import NamedLater
from study.procedures import frugal
from study.request import Request
from study.trials.trial import Record, Trial, no_progress

SMALL = {
    "linear": (LinearLearner, LinearConfig()),
    "mlp": (MLPLearner, MLPConfig(hidden=8, epochs=3)),
    "surrogate": (SurrogateLearner, SurrogateConfig(hidden=8, n_steps=20, epochs=2)),
    "diehl-cook": (
        DiehlCookLearner,
        DiehlCookConfig(n_exc=9, presentations=30, label_samples=20, history_points=0),
    ),
}


def digits(n: int) -> Samples:
    return data.load(DatasetRef("digits"), DataAccess()).train.take(np.arange(n))


@pytest.mark.parametrize("name", SMALL)
def test_without_all_synapses_a_learner_answers_the_same_to_everything(name: str) -> None:
    build, config = SMALL[name]
    learner: Any = build(config, Classes(10))
    train, rng = digits(120), np.random.default_rng(0)
    learner.fit(train, train, rng, no_progress)
    before = learner.evaluate(train, np.random.default_rng(1)).answers
    empty = frozen.without(learner, 1.0, rng).evaluate(train, np.random.default_rng(1)).answers
    assert len(set(empty)) == 1
    # The learner itself has lost nothing.
    again = learner.evaluate(train, np.random.default_rng(1)).answers
    np.testing.assert_array_equal(before, again)
    assert len(set(before)) > 1


def test_the_unsupervised_network_is_named_by_the_few_labels_alone() -> None:
    build, config = SMALL["diehl-cook"]
    learner: Any = build(config, Classes(10))
    train, rng = digits(60), np.random.default_rng(0)
    learner.fit(train, train, rng, no_progress)
    assert isinstance(learner, NamedLater)
    sevens = Images(train.pixels[:5], np.full(5, 7))
    found = learner.named_by(sevens, rng).evaluate(train, rng)
    assert set(found.answers) <= {7}


def test_few_samples_are_met_as_often_as_many() -> None:
    config = dataclasses.asdict(SMALL["mlp"][1])
    trial = Trial(frugal.PROCEDURE, "mlp", DatasetRef("digits"), config, 0)
    learner: Any = frugal._build(trial, Classes(10), 64)
    assert learner.config.epochs == frugal.MIN_UPDATES / 2


def record(
    learner: str,
    seed: int,
    labels: list[float],
    lost: list[float],
    n_tested: int = 10_000,
    **config: object,
) -> Record:
    metrics = {
        "n_tested": n_tested,
        "n_classes": 10,
        "labels": [100, 300, 1000],
        "labels_accuracy": labels,
        "noise_sd": [0.0, 0.5],
        "noise_accuracy": [0.9, 0.8],
        "lost_share": [0.0, 0.5, 0.9],
        "lost_accuracy": lost,
    }
    trial = Trial(frugal.PROCEDURE, learner, DatasetRef("digits"), config, seed)
    return Record(trial, "done", metrics, None, {}, Path("/nowhere"))


def told(surrogate: list[float], unsupervised: list[float], n_tested: int = 10_000) -> str:
    records = [
        record(
            learner, seed, [value + 0.001 * seed for value in accuracies], [0.9, 0.6, 0.2], n_tested
        )
        for learner, accuracies in (("surrogate", surrogate), ("diehl-cook", unsupervised))
        for seed in range(3)
    ]
    return " ".join(frugality.section(records).findings)


def test_who_leads_is_told_with_intervals() -> None:
    crossing = told([0.5, 0.7, 0.95], [0.7, 0.7, 0.85])
    assert "100 labels: points by which diehl-cook leads surrogate 20.0 ± 1.3 (sure)." in crossing
    assert "surrogate is surely ahead of diehl-cook at 1000 and surely behind at 100." in crossing
    assert "ahead of diehl-cook at 100, 300, 1000, and nowhere" in told([0.9] * 3, [0.7] * 3)
    assert "behind diehl-cook at 100, 300, 1000, and nowhere" in told([0.6] * 3, [0.7] * 3)


def test_noise_and_loss_are_judged_as_labels_are() -> None:
    found = told([0.9] * 3, [0.7] * 3)
    assert "digits, noise of 0.5: points by which diehl-cook leads surrogate 0.00 ±" in found
    assert "digits, a share of 0.9 of synapses lost: points by which diehl-cook leads" in found
    assert "noise on pixels, standard deviation: neither surrogate nor diehl-cook is" in found


def test_a_few_test_images_make_no_lead_sure() -> None:
    crossing = told([0.5, 0.7, 0.95], [0.7, 0.7, 0.85], n_tested=50)
    assert "labelled samples: neither surrogate nor diehl-cook is surely ahead" in crossing


def test_two_seeds_are_too_few_to_say_who_leads() -> None:
    records = [
        record(learner, seed, [value] * 3, [0.9, 0.6, 0.2])
        for learner, value in (("surrogate", 0.9), ("diehl-cook", 0.7))
        for seed in range(2)
    ]
    found = " ".join(frugality.section(records).findings)
    assert "diehl-cook leads surrogate -20.0 ± 1.1 (too few seeds)" in found
    assert "too few seeds to say whether surrogate or diehl-cook leads" in found
    assert "surely" not in found


def test_a_lead_that_may_be_chance_is_not_called_sure() -> None:
    records = [
        record(learner, seed, [value] * 3, [0.9, 0.6, 0.2])
        for learner, values in (("surrogate", (0.9, 0.7, 0.8)), ("diehl-cook", (0.7, 0.75, 0.8)))
        for seed, value in enumerate(values)
    ]
    findings = frugality.section(records).findings
    assert (
        "digits, labelled samples: neither surrogate nor diehl-cook is surely ahead at any level."
    ) in findings
    # Order of the records is no matter: seeds are paired.
    assert frugality.section(records[:3] + records[:2:-1]).findings == findings


def test_each_setting_of_a_swept_learner_meets_its_rival() -> None:
    lost = [0.9, 0.6, 0.2]
    records = [
        *(record("surrogate", seed, [0.9] * 3, lost, hidden=100) for seed in range(3)),
        *(record("surrogate", seed, [0.5] * 3, lost, hidden=50) for seed in range(2)),
        *(record("diehl-cook", seed, [0.75] * 3, lost) for seed in range(3)),
    ]
    section = frugality.section(records)
    assert (
        "surrogate (hidden=50) – diehl-cook", "labelled samples", "100", "-25.0 ± 1.6",
        "too few seeds",
    ) in section.tables[1].rows  # fmt: skip
    lines = {line.get_label(): line for line in section.figures[0].drawing.axes[0].lines}
    small, large = lines["surrogate (hidden=50)"], lines["surrogate (hidden=100)"]
    assert small.get_color() == large.get_color()
    assert small.get_linestyle() != large.get_linestyle()
    assert [row[0] for row in section.tables[0].rows] == [
        "diehl-cook", "surrogate (hidden=100)", "surrogate (hidden=50)",
    ]  # fmt: skip


def test_learners_without_a_common_seed_are_not_compared() -> None:
    one = record("surrogate", 0, [0.5] * 3, [0.9, 0.6, 0.2])
    other = record("diehl-cook", 1, [0.7] * 3, [0.9, 0.6, 0.2])
    assert not any("leads" in told for told in frugality.section([one, other]).findings)


def test_the_loss_that_is_borne_is_read_from_the_curves() -> None:
    # Half of 90 - 10 points above chance is 50 %: 60 % is still above, 20 % is not.
    assert "surrogate up to 0.5" in told([0.9] * 3, [0.7] * 3)


def test_one_seed_one_learner_and_a_strange_name_give_a_section() -> None:
    section = frugality.section([record("linear", 0, [0.5, 0.6, 0.7], [0.9, 0.8, 0.7])])
    assert len(section.figures) == 3


def test_only_images_are_tried() -> None:
    request = Request("quick", 1, (DatasetRef("digits"), DatasetRef("randman")))
    planned = frugality.trials(request)
    assert {trial.dataset_name for trial in planned} == {"digits"}
    assert {trial.subject for trial in planned} == {"surrogate", "linear", "mlp", "diehl-cook"}
