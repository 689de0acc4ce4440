"""What every learner promises: pure evaluation, seeds that repeat, silence, weights out and in.

A new learner joins by a small configuration in `SMALL`; without one this file fails.
"""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from typing import Any

import numpy as np
import pytest

from study import data
from study.data.reference import DataAccess, DatasetRef
from study.data.samples import Dataset, Events, Images, Samples, Traces
from study.data.task import NOTHING_ASKED, Classes, Symbols, Task, own_score
from study.learners import LEARNERS
from study.learning import frozen
from study.learning.conditions import Conditioned
from study.learning.contract import Evaluation, Learner, OverTime, Taught, Weighted
from study.learning.families import FAMILIES
from study.procedures import learning
from study.request import learning_trial
from study.settings.config import configured, settings_of
from study.trials.trial import Outcome, Progress, Trial, from_canonical, no_progress

SEQUENCES = {"dt_s": 2e-3, "iterations": 60, "batch_size": 16, "decay_every": 40}
SMALL: dict[str, dict[str, Any]] = {
    "diehl-cook": {"n_exc": 25, "presentations": 600, "label_samples": 200, "history_points": 0},
    "kheradpisheh": {},
    "burbank": {},
    "panda-roy": {},
    "surrogate": {"hidden": 30, "n_steps": 50, "epochs": 3, "learning_rate": 5e-3},
    "lsnn": SEQUENCES,
    "lsnn-eprop": SEQUENCES,
    "oconnor-welling": {"hidden": 40, "deviation": 0.05, "learning_rate": 0.05},
    "counted-lstm": {"hidden": 8, "iterations": 250, "validate_every": 125},
    "feedback-alignment": {"hidden": 40, "epochs": 10},
    "feedback-spiking": {"hidden": 100, "n_steps": 50, "epochs": 15, "learning_rate": 2e-3},
    "lee": {"hidden": 40, "epochs": 12},
    "erbp": {"hidden": 40, "epochs": 4},
    "linear": {"inverse_penalties": (0.1,)},
    "mlp": {"hidden": 20, "epochs": 10},
    "rectifier": {"architecture": "30", "epochs": 10},
    "converted": {"architecture": "30", "epochs": 10},
}
FIELD_OF_SHOWN = {
    "diehl-cook": "presentations", "kheradpisheh": "images",
    "burbank": "presentations",
    "panda-roy": "n_batches",
    "lsnn": "iterations", "lsnn-eprop": "iterations",
    "linear": "max_iterations", "counted-lstm": "iterations",
}  # fmt: skip
N_TRAIN, N_TEST = 300, 200
DATASETS = {
    ("images", "classes"): "digits",
    ("events", "symbols"): "store-recall",
    ("traces", "symbols"): "parity",
}


@cache
def dataset(name: str) -> Dataset:
    whole = data.load(DatasetRef(name), DataAccess())
    few = {
        part: getattr(whole, part).take(np.arange(n))
        for part, n in (("train", N_TRAIN), ("validation", 100), ("test", N_TEST))
    }
    return dataclasses.replace(whole, **few)


def data_of(name: str) -> Dataset:
    entry = LEARNERS[name]
    return dataset(next(found for key, found in DATASETS.items() if entry.fits(*key)))


def config_of(name: str) -> Any:
    given = data_of(name)
    return dataclasses.replace(LEARNERS[name].preset("quick", given.name), **SMALL[name])


@pytest.mark.parametrize("name", LEARNERS)
def test_a_configuration_says_under_which_conditions_its_learner_learns(name: str) -> None:
    config = config_of(name)
    assert isinstance(config, Conditioned)
    told = config.conditions(N_TRAIN, LEARNERS[name].reads[0])
    assert told.shown > 0
    assert all(vars(told).values())
    field = FIELD_OF_SHOWN.get(name, "epochs")
    more = dataclasses.replace(config, **{field: (123,) if name == "kheradpisheh" else 123})
    if name != "linear":
        assert more.conditions(N_TRAIN, LEARNERS[name].reads[0]).shown != told.shown


def teachers(name: str, given: Dataset) -> list[Outcome]:
    """Return what the trials leave that a learner builds on, where they are given these data."""
    trial = learning_trial(name, DatasetRef(given.name), config_of(name), 0)
    parts = {part: getattr(given, part) for part in ("train", "validation", "test")}
    found = []
    for needed in trial.needs:
        teacher = LEARNERS[needed.subject].build(needed.config, given.task)

        def fit(rng: np.random.Generator, progress: Progress, teacher: Learner = teacher) -> None:
            teacher.fit(given.train, given.validation, rng, progress)

        found.append(learning.taught(teacher, fit, parts, given, 0, no_progress))
    return found


def fitted(name: str, seed: int = 0, labels: np.ndarray | None = None) -> Learner:
    """Return a trained learner; with other labels, those that it builds on have seen these too."""
    given = data_of(name)
    if labels is not None:
        given = dataclasses.replace(given, train=dataclasses.replace(given.train, labels=labels))
    learner = LEARNERS[name].build(settings_of(config_of(name)), given.task)
    if isinstance(learner, Taught):
        learner.taught_by(teachers(name, given))
    learner.fit(given.train, given.validation, np.random.default_rng(seed), no_progress)
    return learner


@cache
def trained(name: str) -> Learner:
    return fitted(name)


def answered(learner: Learner, samples: Samples, seed: int = 1) -> Evaluation:
    return learner.evaluate(samples, np.random.default_rng(seed))


def chance_of(task: Task) -> float:
    assert isinstance(task, Classes | Symbols)
    return 1 / task.n


def silent(samples: Samples) -> Samples:
    if isinstance(samples, Images):
        return dataclasses.replace(samples, pixels=np.zeros_like(samples.pixels))
    if isinstance(samples, Traces):
        return dataclasses.replace(samples, values=np.zeros_like(samples.values))
    assert isinstance(samples, Events)
    offsets = np.zeros_like(samples.offsets)
    return dataclasses.replace(
        samples, time_s=samples.time_s[:0], unit=samples.unit[:0], offsets=offsets
    )


def test_every_learner_is_here() -> None:
    assert SMALL.keys() == LEARNERS.keys()
    assert {entry.family for entry in LEARNERS.values()} <= FAMILIES.keys()


@pytest.mark.parametrize("name", LEARNERS)
def test_it_learns_and_its_scores_are_those_of_its_task(name: str) -> None:
    given = data_of(name)
    found = answered(trained(name), given.test)
    expected = given.task.scores(found.answers, given.test.labels)
    assert {measure: found.scores[measure] for measure in given.task.measures} == expected
    chance = chance_of(given.task)
    assert own_score(given.task, found.scores) > chance + (1 - chance) / 6


@pytest.mark.parametrize("name", LEARNERS)
def test_evaluation_is_pure(name: str) -> None:
    learner, test = trained(name), data_of(name).test
    before = learner.keep()
    first, again = answered(learner, test), answered(learner, test)
    np.testing.assert_array_equal(first.answers, again.answers)
    assert first.scores == again.scores
    assert first.cost.layers == again.cost.layers
    after = learner.keep()
    assert before.metrics == after.metrics
    assert before.files == after.files
    left, right = before.all_arrays(), after.all_arrays()
    assert left.keys() == right.keys()
    for key, values in left.items():
        np.testing.assert_array_equal(values, right[key], err_msg=key)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_seed_repeats(name: str) -> None:
    test = data_of(name).test
    first, again = answered(trained(name), test), answered(fitted(name), test)
    np.testing.assert_array_equal(first.answers, again.answers)
    assert first.cost.layers == again.cost.layers


@pytest.mark.parametrize("name", LEARNERS)
def test_silence_in_gives_no_spikes_out(name: str) -> None:
    test = data_of(name).test.take(np.arange(8))
    found = answered(trained(name), silent(test))
    assert set(found.cost.spikes_by_layer.values()) <= {0.0}
    assert len(np.unique(found.answers)) == 1


@pytest.mark.parametrize("name", LEARNERS)
def test_shuffled_labels_give_chance(name: str) -> None:
    given = data_of(name)
    shuffled = given.train.labels.copy()
    asked = shuffled != NOTHING_ASKED
    shuffled[asked] = np.random.default_rng(7).permutation(shuffled[asked])
    found = answered(fitted(name, labels=shuffled), given.test)
    chance = chance_of(given.task)
    n_asked = np.sum(given.test.labels != NOTHING_ASKED)
    deviation = (chance * (1 - chance) / n_asked) ** 0.5
    assert abs(own_score(given.task, found.scores) - chance) < 5 * deviation


@pytest.mark.parametrize("name", LEARNERS)
def test_weights_go_out_and_in(name: str) -> None:
    learner, test = trained(name), data_of(name).test
    if not isinstance(learner, Weighted):
        pytest.skip("it has none to show")
    before = {key: values.copy() for key, values in learner.weights().items()}
    np.testing.assert_array_equal(
        answered(learner.with_weights(before), test).answers, answered(learner, test).answers
    )
    changed = learner.with_weights({key: np.zeros_like(values) for key, values in before.items()})
    assert len(np.unique(answered(changed, test).answers)) == 1
    assert answered(changed, test).cost.additions < answered(learner, test).cost.additions or (
        answered(changed, test).cost.macs < answered(learner, test).cost.macs
    )
    for key, values in learner.weights().items():  # it has lost nothing itself
        np.testing.assert_array_equal(values, before[key])
    mixed = frozen.shuffled(learner, np.random.default_rng(0))
    score = own_score(data_of(name).task, answered(learner, test).scores)
    assert own_score(data_of(name).task, answered(mixed, test).scores) < score


@pytest.mark.parametrize("name", LEARNERS)
def test_the_answer_is_that_of_the_last_step(name: str) -> None:
    learner, given = trained(name), data_of(name)
    if not isinstance(learner, OverTime):
        pytest.skip("it answers at once")
    by_step = learner.scores_by_step(given.test, np.random.default_rng(1))
    assert by_step[-1] == own_score(given.task, answered(learner, given.test).scores)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_configuration_survives_json_and_a_record(name: str) -> None:
    config = config_of(name)
    trial = learning_trial(name, DatasetRef(data_of(name).name), config, 3)
    told = json.loads(json.dumps(trial.canonical()))
    back: Trial = from_canonical(told, trial.needs, trial.dataset)
    assert back.id == trial.id
    assert configured(type(config), back.config) == config


@pytest.mark.parametrize("name", LEARNERS)
def test_costs_are_counts_of_distinct_layers(name: str) -> None:
    layers = answered(trained(name), data_of(name).test).cost.layers
    names = [layer.name for layer in layers]
    assert len(set(names)) == len(names)
    for layer in layers:
        counts = (layer.additions, layer.macs, layer.updates, layer.states, layer.weights)
        assert min(counts) >= 0, layer
        assert layer.spikes is None or layer.spikes >= 0
        assert (layer.updates > 0) <= (layer.states > 0), f"{layer} is updated but has no state"
