import math

import pytest
import torch

from gradsim.losses import (
    READOUTS,
    activity_bounds,
    max_over_time_nll,
    mean_activity,
    spytorch_activity,
)
from gradsim.network import NetworkConfig, SpikingNetwork
from gradsim.neurons import LIFParameters
from gradsim.surrogate import fast_sigmoid


def test_the_loss_is_the_cross_entropy_of_the_maximum_over_time():
    readout = torch.zeros(4, 1, 2, dtype=torch.float64)
    readout[2, 0, 0], readout[3, 0, 1] = 2.0, -5.0
    loss = max_over_time_nll(readout, torch.tensor([1]))
    # The second unit never exceeds its initial 0.
    assert loss.item() == pytest.approx(math.log(math.exp(2) + 1))


def test_a_readout_that_stays_below_zero_receives_no_gradient():
    drive = torch.full((3, 1, 2), -1.0, requires_grad=True)
    readout = torch.cat([torch.zeros(1, 1, 2), drive])
    max_over_time_nll(readout, torch.tensor([0])).backward()
    assert drive.grad.abs().max() == 0


@pytest.mark.parametrize(
    ("name", "logits", "gradient"),
    [
        ("max", [5.0, 2.0], [[0, 1], [1, 0], [0, 0]]),
        ("sum", [5.0, -1.0], [[1, 1], [1, 1], [1, 1]]),
        ("last", [-1.0, -4.0], [[0, 0], [0, 0], [1, 1]]),
    ],
)
def test_logits_come_from_the_readout_over_time_by_name(name, logits, gradient):
    readout = torch.tensor([[[1.0, 2.0]], [[5.0, 1.0]], [[-1.0, -4.0]]], requires_grad=True)
    found = READOUTS[name](readout)
    found.sum().backward()
    assert found.tolist() == [logits]
    assert readout.grad[:, 0].tolist() == gradient


def test_the_spytorch_penalty_has_its_published_size_and_gradient():
    # 100 neurons, 256 samples, 5 spikes each: 1.28e5 + 1.64e6 per unit of strength.
    counts = torch.full((256, 100), 5.0, dtype=torch.float64, requires_grad=True)
    penalty = spytorch_activity(counts, 1e-6, 1e-6)
    penalty.backward()
    assert penalty.item() == pytest.approx(1e-6 * (1.28e5 + 1280**2))
    assert torch.allclose(counts.grad, torch.tensor(1e-6 * (1 + 2 * 1280 / 100)).double())


def test_both_strengths_count_apart():
    counts = torch.full((3, 4), 2.0)
    assert spytorch_activity(counts, 1.0, 0.0).item() == 24
    assert spytorch_activity(counts, 0.0, 1.0).item() == 36


def test_mean_activity_is_spikes_per_neuron_and_sample():
    counts = torch.tensor([[1.0, 3.0], [0.0, 4.0], [5.0, 5.0]])
    assert mean_activity(counts).item() == 3
    assert mean_activity(counts.repeat(4, 1)).item() == 3


def test_bounds_penalise_only_neurons_outside_and_do_not_depend_on_the_batch_size():
    sample = torch.tensor([[0.0, 4.0, 9.0]], dtype=torch.float64)
    single = activity_bounds(sample, lower=2, upper=6)
    assert single.item() == pytest.approx((2**2 + 0 + 3**2) / 3)
    many = sample.repeat(5, 1).requires_grad_()
    penalty = activity_bounds(many, lower=2, upper=6)
    penalty.backward()
    assert penalty.item() == pytest.approx(single.item())
    assert [many.grad[:, n].sign().unique().tolist() for n in range(3)] == [[-1], [0], [1]]


@pytest.mark.parametrize(
    "penalty",
    [
        lambda counts: spytorch_activity(counts, 1e-3, 0.0),
        lambda counts: spytorch_activity(counts, 0.0, 1e-3),
        mean_activity,
        lambda counts: activity_bounds(counts, 0.0, 0.1),
        lambda counts: activity_bounds(counts, 1e3, math.inf),
    ],
    ids=["l1", "l2", "mean", "upper", "lower"],
)
@pytest.mark.parametrize("engine", ["torch", "auto"])
def test_every_penalty_moves_the_hidden_weights_against_activity(engine, penalty):
    # The penalty of a published tutorial is computed from detached spikes and moves nothing.
    config = NetworkConfig(6, (8, 5), 2, LIFParameters(surrogate=fast_sigmoid(5)), 2.0)
    network = SpikingNetwork(config, torch.Generator().manual_seed(1), engine)
    x = (torch.rand(30, 4, 6, generator=torch.Generator().manual_seed(2)) < 0.4).float()
    counts = network(x).counts
    assert all(layer.sum() > 0 for layer in counts)
    sum(penalty(layer) for layer in counts).backward()
    for layer in network.hidden:
        assert layer.weight.grad.abs().max() > 0
    before = sum(penalty(layer) for layer in counts).item()
    with torch.no_grad():
        for weight in network.parameters():
            if weight.grad is not None:
                weight -= 0.02 * weight.grad / weight.grad.norm() * weight.norm()
    assert sum(penalty(layer) for layer in network(x).counts).item() < before
