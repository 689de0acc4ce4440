"""What joins learners, data and records: who is fitted, chosen and tested on what, what is told.

A recording learner goes through each procedure. It answers by a known rule, so that every number in
a record has one right value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace

import numpy as np
import pytest

from study.analysis.replicates import Replicates, interval_of
from study.data.reference import DatasetRef
from study.learners import LEARNERS
from study.learning import frozen
from study.procedures import frugal, learning, refit, tried
from study.trials.trial import Context, Outcome, Record, Trial
from tests.study.procedures.recorder import (
    DATASET,
    ENTRY,
    N_CLASSES,
    NAMED_ENTRY,
    PARTS,
    RIGHT,
    SCALE,
    Notes,
    Recorder,
    RecorderConfig,
    numbers,
    share,
)

TRAIN, VALIDATION, TEST = (list(PARTS[name]) for name in ("train", "validation", "test"))


@pytest.fixture(autouse=True)
def notes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Notes]:
    """Register the recorders and their data, and return what they will note."""
    taken = Notes()
    monkeypatch.setattr(Recorder, "notes", taken)
    monkeypatch.setitem(LEARNERS, "recorder", ENTRY)
    monkeypatch.setitem(LEARNERS, "named-recorder", NAMED_ENTRY)
    monkeypatch.setattr("study.data.load", lambda _ref, _access: DATASET)
    return taken


def run(
    procedure: Callable[[Trial, Context], Outcome],
    learner: str = "recorder",
    needs: tuple[Outcome, ...] = (),
    seed: int = 0,
) -> Outcome:
    config = asdict(RecorderConfig())
    trial = Trial("any:run", learner, DatasetRef("numbered"), config, seed)
    return procedure(trial, Context(needs=needs))


def shown(notes: Notes) -> list[list[int]]:
    return [np.rint(pixels[:, 0, 0] * SCALE).astype(int).tolist() for pixels in notes.evaluated]


def test_learning_fits_on_training_chooses_on_validation_and_tests_once(notes: Notes) -> None:
    run(learning.run)
    assert notes.fitted == [(TRAIN, VALIDATION)]
    of_training, *others = shown(notes)
    assert set(of_training) <= set(TRAIN)
    assert len(set(of_training)) == len(TEST)
    assert others == [VALIDATION, TEST]
    assert not set(TEST) & {number for part in notes.prepared for number in part}


def test_each_accuracy_stands_under_the_name_of_its_part(notes: Notes) -> None:
    metrics = run(learning.run).metrics
    assert metrics["train_accuracy"] == share(shown(notes)[0])
    assert metrics["validation_accuracy"] == RIGHT["validation"] / 50
    assert metrics["test_accuracy"] == RIGHT["test"] / 40
    assert len({metrics[f"{name}_accuracy"] for name in PARTS}) == 3
    assert metrics["second_accuracy"] == 0.125


def test_training_accuracy_is_of_other_samples_with_each_seed(notes: Notes) -> None:
    run(learning.run, seed=0)
    run(learning.run, seed=1)
    first, second = shown(notes)[0], shown(notes)[3]
    assert first != second
    assert sorted(first) != list(range(len(TEST)))  # a draw, not the first ones


def test_each_cost_is_that_of_the_evaluation_key_by_key() -> None:
    metrics = run(learning.run).metrics
    expected = {
        "spikes_per_sample": 7.0,
        "spikes_input_per_sample": 3.0,
        "spikes_hidden_per_sample": 4.0,
        "synops_per_sample": 110.0,
        "macs_per_sample": 15.0,
        "neuron_updates_per_sample": 32.0,
        "state_updates_per_sample": 13 * 3 + 19 * 2,
        "n_weights": 28,
        "inference_ms_per_sample": 150.0,
        "inference_method": "by the recorder",
    }
    assert {name: metrics[name] for name in expected} == expected


def test_training_takes_as_long_as_its_own_and_that_of_its_teachers() -> None:
    spent = {"train_seconds": 100.0, "train_cpu_seconds": 200.0, "train_joules": None}
    metrics = run(learning.run, needs=(Outcome(metrics=spent), Outcome(metrics=spent))).metrics
    assert 200 < metrics["train_seconds"] < 210
    assert 400 <= metrics["train_cpu_seconds"] < 410
    assert metrics["train_joules"] is None
    assert metrics["teachers_train_seconds"] == 200
    assert "teachers_train_seconds" not in run(learning.run).metrics


def test_energy_is_what_the_machine_measured_while_it_learned(
    monkeypatch: pytest.MonkeyPatch, notes: Notes
) -> None:
    readings = iter([{"package": 5.0}])
    before: list[object] = []

    def since(reading: object) -> float:
        before.append((reading, len(notes.fitted), len(notes.evaluated)))
        return 42.5

    monkeypatch.setattr("study.trials.powercap.read_microjoules", lambda: next(readings))
    monkeypatch.setattr("study.trials.powercap.joules_since", since)
    assert run(learning.run).metrics["train_joules"] == 42.5
    assert before == [({"package": 5.0}, 1, 0)]  # after it learned, before it was evaluated


def test_a_record_holds_the_answers_and_labels_of_the_test_set() -> None:
    outcome = run(learning.run)
    labels, answers = outcome.arrays["test_labels"], outcome.arrays["test_predictions"]
    np.testing.assert_array_equal(labels, DATASET.test.labels)
    assert np.mean(answers == labels) == outcome.metrics["test_accuracy"]
    assert outcome.arrays["own"].tolist() == [0, 1, 2]
    counts = {name: len(members) for name, members in PARTS.items()}
    assert {name: outcome.metrics[f"n_{name}"] for name in PARTS} == counts
    assert outcome.metrics["n_classes"] == N_CLASSES


def test_trying_a_setting_never_reads_the_test_set(notes: Notes) -> None:
    metrics = run(tried.run).metrics
    assert notes.fitted == [(TRAIN, VALIDATION)]
    assert shown(notes) == [VALIDATION]
    assert metrics["validation_accuracy"] == RIGHT["validation"] / 50
    assert metrics["second_accuracy"] == 0.125  # what another read-out says
    assert not [name for name in metrics if name.startswith("test")]


def test_a_second_training_sees_all_but_the_test_set_for_the_chosen_epochs(notes: Notes) -> None:
    outcome = run(refit.run, needs=(Outcome({"best_epoch": 4}),))
    assert notes.refitted == [TRAIN + VALIDATION]
    assert notes.fitted == []
    assert shown(notes)[-1] == TEST
    assert outcome.metrics["test_accuracy"] == RIGHT["test"] / 40


def test_few_labels_start_a_fresh_learner_each_time(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frugal, "LABELS_PER_CLASS", (2, 4))
    metrics = run(frugal.run).metrics
    assert metrics["labels"] == [10, 20, 150]
    whole, *few = notes.fitted
    assert whole == (TRAIN, VALIDATION)
    assert [len(train) + len(held_out) for train, held_out in few] == [10, 20]
    for train, held_out in few:
        assert not set(train) & set(held_out)
        assert not set(TEST) & {*train, *held_out}
        labels = np.array([*train, *held_out]) % N_CLASSES
        assert len(set(np.bincount(labels, minlength=N_CLASSES))) == 1
    # The whole one is tested first, then each fresh one; noise and loss meet the whole one again.
    assert notes.who[:3] == [0, 1, 2]
    assert set(notes.who[3:]) == {0}
    assert metrics["labels_accuracy"] == [RIGHT["test"] / 40] * 3


def test_a_learner_named_later_learns_once_and_is_named_by_the_few_alone(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frugal, "LABELS_PER_CLASS", (2, 4))
    run(frugal.run, "named-recorder")
    assert notes.fitted == [(TRAIN, VALIDATION)]
    assert [len(few) for few in notes.named] == [10, 20]
    assert not set(TEST) & {number for few in notes.named for number in few}


def test_lost_synapses_are_lost_and_their_answers_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frugal, "LABELS_PER_CLASS", ())
    metrics = run(frugal.run).metrics
    kept = [1 - lost for lost in metrics["lost_share"]]
    assert metrics["lost_accuracy"][0] == RIGHT["test"] / 40  # nothing lost: by the rule
    assert metrics["lost_accuracy"][1:] == pytest.approx(kept[1:], abs=0.05)


def test_noise_of_each_strength_arrives_on_the_test_set(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frugal, "LABELS_PER_CLASS", ())
    monkeypatch.setattr(frugal, "NOISE_SD", (0.0, 1e-5, 1e-4))
    middle = replace(DATASET.test, pixels=DATASET.test.pixels + 0.2)  # no cut at 0 or 1
    monkeypatch.setattr("study.data.load", lambda _ref, _access: replace(DATASET, test=middle))
    metrics = run(frugal.run).metrics
    assert metrics["noise_sd"] == [0.0, 1e-5, 1e-4]
    found = [np.std(pixels - middle.pixels) for pixels in notes.evaluated[1:4]]
    assert found == pytest.approx([0.0, 1e-5, 1e-4], rel=0.35)


def test_accuracies_under_noise_are_those_of_noisy_samples(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frugal, "LABELS_PER_CLASS", ())
    found = run(frugal.run).metrics["noise_accuracy"]
    assert found[0] == RIGHT["test"] / 40
    assert found == [share(seen) for seen in shown(notes)[1 : 1 + len(found)]]
    assert len(set(found)) > 2
    assert len(notes.evaluated) == 1 + len(frugal.NOISE_SD) + len(frugal.LOST_SHARE)


def test_learners_of_a_seed_meet_the_same_labels_and_noise(notes: Notes) -> None:
    for learner in ("recorder", "named-recorder"):
        run(frugal.run, learner, seed=3)
    half = len(notes.evaluated) // 2
    assert half > 0
    fitted = [sorted([*train, *held]) for train, held in notes.fitted[1:-1]]
    assert fitted == [sorted(few) for few in notes.named]


def test_a_share_of_every_layer_is_lost_and_the_learner_itself_keeps_all() -> None:
    whole = Recorder(RecorderConfig(), DATASET.task)
    lesser = frozen.without(whole, 0.25, np.random.default_rng(0))
    for name, weights in lesser.weights().items():
        assert set(np.unique(weights)) == {0.0, 1.0}
        assert weights.mean() == pytest.approx(0.75, abs=0.03), name
    assert all(weights.all() for weights in whole.weights().values())


def test_shuffled_weights_are_the_same_numbers_elsewhere() -> None:
    whole = Recorder(RecorderConfig(), DATASET.task)
    whole.own = {"first": np.arange(50.0).reshape(5, 10)}
    other = frozen.shuffled(whole, np.random.default_rng(0)).weights()["first"]
    assert other.shape == (5, 10)
    assert sorted(other.flat) == sorted(whole.own["first"].flat)
    assert not np.array_equal(other, whole.own["first"])


def test_the_numbers_of_samples_survive_their_pixels() -> None:
    assert numbers(DATASET.test) == TEST


def record(value: float, seed: int, metric: str) -> Record:
    trial = Trial("any:run", "recorder", None, {}, seed)
    return Record(trial, "done", {metric: value}, None, {}, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("metric", "values", "low", "high"),
    [
        ("test_accuracy", (0.9, 0.99, 1.0), 0.0, 1.0),  # a share ends at 1
        ("lost_accuracy", (0.01, 0.02, 0.3), 0.0, 1.0),
        ("spikes_per_sample", (1.0, 2.0, 300.0), 0.0, np.inf),
    ],
)
def test_intervals_end_where_their_measure_ends(
    metric: str, values: tuple[float, ...], low: float, high: float
) -> None:
    group = Replicates([record(value, seed, metric) for seed, value in enumerate(values)])
    found = interval_of(group, metric)
    assert found is not None
    wide = interval_of(
        Replicates([record(value, seed, "free") for seed, value in enumerate(values)]), "free"
    )
    assert wide is not None
    assert low <= found.low <= found.high <= high
    assert (found.low, found.high) == (max(low, wide.low), min(high, wide.high))
    assert found.low == low or found.high == high  # it would have gone further
