import copy
import dataclasses
import math

import numpy as np
import pytest
import torch

from gradsim import checkpoint as checkpoints
from gradsim.events import SpikeEvents
from gradsim.losses import max_over_time_nll
from gradsim.network import NetworkConfig, SpikingNetwork
from gradsim.neurons import LIFParameters
from gradsim.surrogate import Surrogate, fast_sigmoid
from gradsim.training import Labelled, TrainingConfig, TrainingError, predict, train

N_UNITS, N_STEPS = 10, 40


def toy(n_samples, seed):
    """Two classes that differ in the order in which two groups of units fire, not in counts."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n_samples)
    first = np.arange(N_UNITS) < N_UNITS // 2
    early = first[None, :] == (labels[:, None] == 0)
    step = np.where(early, 3, 12) + rng.integers(0, 5, early.shape)
    unit = np.tile(np.arange(N_UNITS), n_samples)
    offsets = np.arange(n_samples + 1) * N_UNITS
    return Labelled(SpikeEvents(step.ravel(), unit, offsets, N_UNITS, N_STEPS), labels)


def untrained(seed=0, scale=1.0, surrogate=None):
    neuron = LIFParameters(surrogate=surrogate or fast_sigmoid(10))
    config = NetworkConfig(N_UNITS, (20,), 2, neuron, scale)
    return SpikingNetwork(config, torch.Generator().manual_seed(seed))


def learn(seed=0, scale=1.0, surrogate=None, checkpoint=None, progress=None, **settings):
    network = untrained(seed, scale, surrogate)
    start = {name: weight.clone() for name, weight in network.state_dict().items()}
    settings = {"learning_rate": 5e-3, "epochs": 6, "batch_size": 32} | settings
    history = train(
        network,
        toy(100, 1),
        toy(50, 2),
        TrainingConfig(**settings),
        np.random.default_rng(seed),
        progress or (lambda _fraction, _note: None),
        checkpoint,
    )
    return network, history, start


def test_training_learns_what_only_spike_times_tell():
    network, history, _ = learn()
    test = toy(200, 3)
    assert np.mean(predict(network, test.inputs).classes == test.labels) >= 0.95
    assert history.loss[-1] < 0.5 * history.loss[0]
    assert not history.silent.any()


def test_the_same_seeds_train_the_same_network():
    first, again, other = (learn(seed, epochs=2) for seed in (0, 0, 1))
    weights = [run[0].readout.weight for run in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert np.array_equal(first[1].loss, again[1].loss)


def test_the_weights_of_the_best_validation_epoch_are_kept():
    network, history, _ = learn(epochs=5, learning_rate=0.5)
    validation = toy(50, 2)
    accuracy = np.mean(predict(network, validation.inputs).classes == validation.labels)
    assert history.best_epoch < 4
    assert history.validation_accuracy[4] < accuracy == history.validation_accuracy.max()
    assert accuracy == history.validation_accuracy[history.best_epoch]


def test_patience_ends_training():
    _, history, _ = learn(epochs=30, patience=2, learning_rate=1e-12)
    assert history.best_epoch == 0
    assert len(history.loss) == 3
    assert history.stopped == "no better validation result for 2 epochs"
    assert learn(epochs=2, patience=5)[1].stopped is None


def test_every_sample_of_an_epoch_counts():
    # 100 samples in batches of 32 leave 4; one spike each in the last batch would be lost.
    network, history, _ = learn(epochs=1, learning_rate=1e-12)
    training = toy(100, 1)
    spikes = predict(network, training.inputs, batch_size=7).spikes[0]
    assert spikes.shape == (100, 20)
    assert history.hidden_spikes[0, 0] == pytest.approx(spikes.sum() / 100, abs=1e-6)


def test_the_loss_is_the_mean_over_samples_whatever_the_batches():
    # The last batch holds 1 of 100 samples; at this learning rate the weights stand still.
    losses = [
        learn(epochs=1, learning_rate=1e-12, batch_size=size, mean=0.5)[1].loss[0]
        for size in (100, 99, 33)
    ]
    network = untrained()
    prediction = predict(network, toy(100, 1).inputs)
    nll = torch.nn.functional.cross_entropy(
        torch.tensor(prediction.logits), torch.tensor(toy(100, 1).labels)
    )
    assert losses == pytest.approx([nll.item() + 0.5 * prediction.spikes[0].mean()] * 3, rel=1e-5)


@pytest.mark.parametrize("scale", [math.nan, math.inf])
def test_weights_or_a_loss_that_are_not_numbers_end_training_with_an_error(scale):
    with pytest.raises(TrainingError, match="became nan"):
        learn(scale=scale)


def test_a_loss_that_overflows_ends_training_with_an_error():
    with pytest.raises(TrainingError, match="loss became nan or infinite"):
        learn(l2=1e38)


def test_a_layer_that_stays_silent_ends_training_with_the_reason():
    _, history, _ = learn(scale=1e-3, epochs=9, surrogate=Surrogate("zero", torch.zeros_like))
    assert history.silent.all()
    assert history.hidden_spikes.tolist() == [[0]] * 3
    assert history.stopped == "hidden layer 0 silent for 3 epochs"
    _, history, _ = learn(scale=1e-3, epochs=5, learning_rate=1e-12, hopeless=None)
    assert history.silent.all()
    assert len(history.loss) == 5
    assert history.stopped is None


def saturated(hopeless):
    """Train a network whose inputs hold all neurons above the threshold, all the time."""
    step, unit = (grid.ravel() for grid in np.mgrid[:N_STEPS, :N_UNITS])
    events = SpikeEvents(
        np.tile(step, 4), np.tile(unit, 4), np.arange(5) * len(step), N_UNITS, N_STEPS
    )
    network = untrained()
    with torch.no_grad():
        network.hidden[0].weight.fill_(5.0)
    config = TrainingConfig(epochs=5, learning_rate=1e-12, hopeless=hopeless)
    data = Labelled(events, np.array([0, 1, 0, 1]))
    return train(network, data, data, config, np.random.default_rng(0))


def test_a_layer_that_fires_at_its_limit_ends_training_with_the_reason():
    history = saturated(hopeless=2)
    assert history.stopped == "hidden layer 0 saturated for 2 epochs"
    # From step 2 on every other step.
    assert history.hidden_spikes.tolist() == [[20 * 19]] * 2
    assert history.hidden_rate == pytest.approx(np.full((2, 1), 19 / 41))
    assert saturated(hopeless=None).stopped is None


def same(first, second):
    for name, weight in first[0].state_dict().items():
        assert torch.equal(weight, second[0].state_dict()[name])
    for field in dataclasses.fields(first[1]):
        one, other = (getattr(run[1], field.name) for run in (first, second))
        assert np.array_equal(one, other), field.name


class Interrupted(Exception):
    pass


def interrupt_after(epochs):
    def progress(fraction, _note):
        if fraction >= epochs / 6:
            raise Interrupted

    return progress


@pytest.mark.parametrize("optimiser", ["adam", "adamax"])
@pytest.mark.parametrize("settings", [{}, {"learning_rate": 0.3, "patience": 2}])
def test_an_interrupted_training_goes_on_to_the_same_weights_and_history(
    tmp_path, optimiser, settings
):
    settings = {"optimiser": optimiser, "betas": (0.9, 0.995)} | settings
    path = tmp_path / "training.pt"
    undisturbed = learn(**settings)
    for epochs in (1, 3):
        with pytest.raises(Interrupted):
            learn(checkpoint=path, progress=interrupt_after(epochs), **settings)
    resumed = learn(checkpoint=path, **settings)
    same(undisturbed, resumed)
    assert [file.name for file in tmp_path.iterdir()] == ["training.pt"]


def test_a_finished_training_is_not_repeated(tmp_path):
    path = tmp_path / "training.pt"
    first = learn(checkpoint=path, epochs=2)
    told = []
    again = learn(checkpoint=path, epochs=2, progress=lambda *note: told.append(note))
    same(first, again)
    assert told == []


def test_an_interruption_while_writing_leaves_the_former_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "training.pt"
    with pytest.raises(Interrupted):
        learn(checkpoint=path, progress=interrupt_after(1))
    before = path.read_bytes()

    def half(_content, file):
        file.write(b"half")
        raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", half)
        with pytest.raises(Interrupted):
            learn(checkpoint=path)
    assert path.read_bytes() == before
    same(learn(), learn(checkpoint=path))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"learning_rate": 1e-2}, "learning_rate is 0.005 there and 0.01 here"),
        ({"epochs": 3}, "epochs is 2 there and 3 here"),
        ({"seed": 1}, "initial weights is"),
        ({"scale": 2.0}, "initial weights is"),
        ({"surrogate": fast_sigmoid(20)}, "model is"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused_with_the_difference(tmp_path, other, message):
    path = tmp_path / "training.pt"
    learn(checkpoint=path, epochs=2)
    with pytest.raises(ValueError, match=f"training.pt belongs to another training.*{message}"):
        learn(checkpoint=path, **({"epochs": 2} | other))


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    path = tmp_path / "training.pt"
    for content in (b"", b"not a checkpoint", b"PK\x03\x04"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is not a checkpoint of a training; delete it"):
            learn(checkpoint=path)
    torch.save([1, 2], path)
    with pytest.raises(ValueError, match="is not a checkpoint"):
        learn(checkpoint=path)


def test_damage_to_a_checkpoint_is_never_taken_for_other_numbers(tmp_path):
    path, rng = tmp_path / "training.pt", np.random.default_rng(0)
    identity, state = {"epochs": 3}, {"weights": torch.arange(500.0), "rows": [(0.5, [1.0, 2.0])]}
    checkpoints.save(path, identity, state)
    whole, read = path.read_bytes(), 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            found = checkpoints.load(path, identity)
        except ValueError:
            continue
        read += 1
        assert torch.equal(found["weights"], state["weights"])
        assert found["rows"] == state["rows"]
    assert 0 < read < 200  # bits of the archive that mean nothing


def old(path):
    """Rewrite a checkpoint as an earlier version wrote it: no digest, no constants of layers."""
    content = torch.load(path, weights_only=True)
    del content["digest"]
    for name in ("weights", "best_weights"):
        weights = content["state"][name]
        content["state"][name] = {k: v for k, v in weights.items() if "_extra_state" not in k}
    torch.save(content, path)


def test_a_checkpoint_of_an_earlier_version_goes_on_to_the_same_weights(tmp_path):
    path = tmp_path / "training.pt"
    with pytest.raises(Interrupted):
        learn(checkpoint=path, progress=interrupt_after(2))
    old(path)
    same(learn(), learn(checkpoint=str(path)))


def test_a_checkpoint_of_an_earlier_version_that_lacks_something_is_refused(tmp_path):
    path = tmp_path / "training.pt"
    learn(checkpoint=path, epochs=2)
    old(path)
    content = torch.load(path, weights_only=True)
    for part in ("rows", "optimiser", "generator"):
        broken = {name: value for name, value in content["state"].items() if name != part}
        torch.save(content | {"state": broken}, path)
        with pytest.raises(ValueError, match="is damaged; delete it"):
            learn(checkpoint=path, epochs=2)


def one(x):
    return 1 / (10 * x.abs() + 1)


def another(x):
    return 1 / (10 * x.abs() + 1) ** 3


def test_a_surrogate_of_ones_own_is_part_of_a_trainings_identity(tmp_path):
    path = tmp_path / "training.pt"
    learn(checkpoint=path, epochs=2, surrogate=Surrogate("own", one))
    learn(checkpoint=path, epochs=2, surrogate=Surrogate("own", one))
    with pytest.raises(ValueError, match="own surrogates"):
        learn(checkpoint=path, epochs=2, surrogate=Surrogate("own", another))


@pytest.mark.parametrize("readout", ["max", "sum", "last"])
def test_training_and_prediction_read_out_alike(readout):
    network, history, _ = learn(readout=readout, epochs=4)
    validation = toy(50, 2)
    prediction = predict(network, validation.inputs, readout=readout)
    accuracy = np.mean(prediction.classes == validation.labels)
    assert accuracy == history.validation_accuracy[history.best_epoch]
    assert history.loss[-1] < history.loss[0]


def test_the_optimiser_has_its_settings():
    # Three steps on the whole set: the first of Adamax does not depend on betas.
    config = TrainingConfig("adamax", 3e-3, (0.7, 0.8), epochs=3, batch_size=100, patience=None)
    ours, theirs, data = untrained(), untrained(), toy(100, 1)
    rng = np.random.default_rng(0)
    optimiser = torch.optim.Adamax(theirs.parameters(), 3e-3, (0.7, 0.8))
    weights = []
    for _ in range(3):
        order = rng.permutation(100)
        optimiser.zero_grad()
        max_over_time_nll(
            theirs(data.inputs.take(order)).readout, torch.tensor(data.labels[order])
        ).backward()
        optimiser.step()
        weights.append(copy.deepcopy(theirs.state_dict()))
    history = train(ours, data, data, config, np.random.default_rng(0))
    for name, weight in weights[history.best_epoch].items():
        assert torch.equal(weight, ours.state_dict()[name])
    assert history.best_epoch > 0


def test_without_a_surrogate_gradient_only_the_readout_learns():
    network, _, start = learn(surrogate=Surrogate("zero", torch.zeros_like), epochs=2)
    assert torch.equal(network.hidden[0].weight, start["hidden.0.weight"])
    assert not torch.equal(network.readout.weight, start["readout.weight"])


@pytest.mark.parametrize(
    "penalty",
    [{"l1": 1e-2}, {"l2": 1e-3}, {"mean": 5.0}, {"bounds": 10.0, "lower": 0.0, "upper": 0.1}],
)
def test_penalties_on_activity_reach_the_hidden_weights(penalty):
    _, free, _ = learn(epochs=3)
    _, held, _ = learn(epochs=3, **penalty)
    assert held.hidden_spikes[-1, 0] < 0.8 * free.hidden_spikes[-1, 0]


@pytest.mark.parametrize("optimiser", ["adam", "adamax"])
def test_progress_is_told_after_each_epoch(optimiser):
    told = []
    network = SpikingNetwork(NetworkConfig(N_UNITS, (5,), 2), torch.Generator())
    train(
        network,
        toy(20, 1),
        toy(10, 2),
        TrainingConfig(optimiser=optimiser, epochs=2),
        np.random.default_rng(0),
        lambda fraction, note: told.append((fraction, note)),
    )
    assert [fraction for fraction, _ in told] == [0.5, 1.0]
    assert told[0][1].startswith("epoch 1: loss ")


def test_prediction_does_not_depend_on_the_batch_size():
    network, _, _ = learn(epochs=1)
    network.double()
    events = toy(30, 4).inputs
    whole, parts = predict(network, events, 30), predict(network, events, 7)
    assert np.abs(whole.logits - parts.logits).max() < 1e-12
    assert np.array_equal(whole.spikes[0], parts.spikes[0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"optimiser": "sgd"},
        {"readout": "mean"},
        {"learning_rate": 0.0},
        {"epochs": 0},
        {"betas": (0.9, 1.0)},
        {"patience": 0},
        {"hopeless": 0},
    ],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        dataclasses.replace(TrainingConfig(), **wrong)
