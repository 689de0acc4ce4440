import dataclasses
import json

import numpy as np
import pytest
import torch

from gradsim import TrainingError
from gradsim.kernels import buffers
from gradsim.to_nir import from_bytes
from gradsim.training import predict
from study.data import digits, randman
from study.data.reference import DatasetRef
from study.data.samples import Images
from study.data.task import Classes
from study.experiments import surrogate as experiment
from study.learners.surrogate import SurrogateConfig, SurrogateLearner, encode, preset
from study.trials.trial import Record, Trial, no_progress

TINY = SurrogateConfig(hidden=20, n_steps=50, epochs=2, learning_rate=5e-3)


def fitted(config, dataset, seed=0, n_train=None):
    learner = SurrogateLearner(config, Classes(10))
    train = dataset.train.take(np.arange(len(dataset.train))[:n_train])
    learner.fit(train, dataset.validation, np.random.default_rng(seed), no_progress)
    return learner


@pytest.fixture(scope="module")
def data():
    return digits.load(None)


@pytest.fixture(scope="module")
def learner(data):
    return fitted(TINY, data, n_train=400)


@pytest.fixture(scope="module")
def evaluation(learner, data):
    return learner.evaluate(data.test, np.random.default_rng(0))


def test_it_learns_digits_well_above_chance_within_two_epochs(evaluation, data):
    assert evaluation.scores["accuracy"] > 0.4
    assert evaluation.scores["accuracy"] == np.mean(evaluation.answers == data.test.labels)


def test_spikes_and_operations_are_counted_one_by_one(learner, evaluation, data):
    events = encode(data.test, TINY)
    hidden = predict(learner.network, events).spikes[0]
    assert evaluation.cost.spikes_by_layer["input"] == (data.test.pixels > 0.2).sum() / len(
        data.test
    )
    assert evaluation.cost.spikes_by_layer["hidden"] == pytest.approx(hidden.sum() / len(data.test))
    expected = (len(events.unit) * 20 + hidden.sum() * 10) / len(data.test)
    assert evaluation.cost.additions == pytest.approx(expected)
    assert evaluation.cost.updates == 50 * (20 + 10)
    assert evaluation.cost.macs == 0
    assert evaluation.cost.timing.ms_per_sample > 0
    assert "median over batches" in evaluation.cost.timing.method


def test_weights_that_are_zero_cost_nothing(data):
    learner = fitted(TINY, data, n_train=100)
    with torch.no_grad():
        learner.network.hidden[0].weight[:10] = 0
    evaluation = learner.evaluate(data.test, np.random.default_rng(0))
    hidden = evaluation.cost.spikes_by_layer["hidden"]
    inputs = evaluation.cost.spikes_by_layer["input"]
    assert evaluation.cost.additions == pytest.approx(inputs * 10 + hidden * 10)


def test_the_kept_network_predicts_what_the_learner_predicts(learner, evaluation, data):
    network = from_bytes(learner.keep().files["network.nir"])
    again = predict(network, encode(data.test, TINY), 64)
    assert np.array_equal(again.classes, evaluation.answers)


def test_artefacts_hold_the_history_and_example_spikes(learner, data):
    artefacts = learner.keep()
    arrays = artefacts.all_arrays()
    for name in ("curve_loss", "curve_train", "curve_validation", "hidden_spikes"):
        assert arrays[name].shape == (2,)
    assert arrays["example_labels"].tolist() == data.validation.labels[:3].tolist()
    assert arrays["example_input_offsets"][-1] == (data.validation.pixels[:3] > 0.2).sum()
    assert arrays["example_hidden_unit"].max() < 20
    assert artefacts.metrics["best_epoch"] in (1, 2)
    json.dumps(artefacts.metrics)


def test_the_same_seed_gives_the_same_predictions(evaluation, learner, data):
    again = fitted(TINY, data, n_train=400).evaluate(data.test, np.random.default_rng(0))
    other = fitted(TINY, data, 1, n_train=400).evaluate(data.test, np.random.default_rng(0))
    assert np.array_equal(again.answers, evaluation.answers)
    assert not np.array_equal(other.answers, evaluation.answers)


def test_nothing_that_preparing_took_waits_for_training_to_use_it(data):
    learner = SurrogateLearner(TINY, Classes(10))
    buffers.empty(3 * buffers.HUGE_PAGE, np.uint8)  # as an earlier trial leaves it
    learner.prepare(data.train)
    assert not any(buffers._free.values())


def test_black_images_are_silent_and_all_alike(learner):
    black = Images(np.zeros((8, 8, 8), np.float32), np.arange(8))
    evaluation = learner.evaluate(black, np.random.default_rng(0))
    assert evaluation.cost.spikes_by_layer == {"input": 0.0, "hidden": 0.0}
    assert len(set(evaluation.answers.tolist())) == 1


def test_a_configuration_is_json_and_refuses_what_makes_no_sense():
    config = preset("quick", "digits")
    assert SurrogateConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config
    for wrong in ({"hidden": 0}, {"slope": -1.0}, {"l2": -1e-3}, {"latency_threshold": 1.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            dataclasses.replace(config, **wrong)


def test_a_loss_that_is_not_a_number_fails_the_trial(data):
    with pytest.raises(TrainingError, match="nan"):
        fitted(dataclasses.replace(TINY, weight_scale=float("inf")), data, n_train=100)


def test_recurrent_networks_count_their_own_synapses(data):
    learner = fitted(dataclasses.replace(TINY, recurrent=True, epochs=1), data, n_train=100)
    evaluation = learner.evaluate(data.test, np.random.default_rng(0))
    layers = evaluation.cost.spikes_by_layer
    expected = layers["input"] * 20 + layers["hidden"] * (20 + 10)
    assert evaluation.cost.additions == pytest.approx(expected)


def record(folder, dataset, seed, accuracy, arrays):
    trial = Trial("x:y", "surrogate", DatasetRef(dataset), dataclasses.asdict(TINY), seed)
    np.savez(folder / f"{trial.id}.npz", **arrays)
    names = "train_seconds synops_per_sample spikes_input_per_sample spikes_hidden_per_sample"
    metrics = dict.fromkeys(names.split(), 7.0) | dict.fromkeys(("best_epoch", "epochs_run"), 2)
    metrics |= {"test_accuracy": accuracy, "validation_accuracy": 0.5}
    return Record(trial, "done", metrics | {"n_classes": 10, "n_test": 400}, None, {}, folder)


@pytest.mark.parametrize(
    ("shuffled", "verdict"), [(0.11, "brings accuracy to chance"), (0.4, "does not bring")]
)
def test_the_section_says_whether_shuffled_times_leave_anything(
    tmp_path, learner, shuffled, verdict
):
    arrays = learner.keep().all_arrays()
    records = [
        record(tmp_path, dataset, seed, accuracy, arrays)
        for dataset, accuracy in (("randman", 0.93), ("randman-shuffled", shuffled))
        for seed in range(3)
    ]
    section = experiment.section(records)
    assert verdict in section.findings[-1]
    assert "93.0 %" in section.findings[-1]
    assert [row[0] for row in section.tables[0].rows] == ["randman", "randman-shuffled"]
    names = {figure.name for figure in section.figures}
    assert names == {"surrogate-learning", "surrogate-raster-randman"}
    for figure in section.figures:
        figure.drawing.canvas.draw()
        assert all(ax.get_xlabel() for ax in figure.drawing.axes[-1:])


def test_the_section_of_nothing_is_empty_and_says_so():
    section = experiment.section([])
    assert (section.figures, section.tables, section.findings) == ((), (), ())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dataset", "low", "high"),
    [
        (lambda: digits.load(None), 0.93, 1.0),
        (randman.generate, 0.9, 1.0),
        (lambda: randman.generate(shuffle_times=True), 0.0, 0.16),
    ],
    ids=["digits", "randman", "randman-shuffled"],
)
def test_quick_settings_reach_their_accuracy_and_chance_when_times_are_shuffled(dataset, low, high):
    data = dataset()
    learner = fitted(preset("quick", data.name), data)
    assert low <= learner.evaluate(data.test, np.random.default_rng(0)).scores["accuracy"] <= high
