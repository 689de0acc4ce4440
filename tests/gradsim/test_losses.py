import math

import pytest
import torch

from gradsim.losses import activity_bounds, max_over_time_nll, spytorch_activity


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


def test_the_spytorch_penalty_has_its_published_size_and_gradient():
    # 100 neurons, 256 samples, 5 spikes each: 1.28e5 + 1.64e6 per unit of strength.
    spikes = torch.zeros(10, 256, 100, dtype=torch.float64)
    spikes[:5] = 1
    spikes.requires_grad_()
    penalty = spytorch_activity(spikes, 1e-6, 1e-6)
    penalty.backward()
    assert penalty.item() == pytest.approx(1e-6 * (1.28e5 + 1280**2))
    assert torch.allclose(spikes.grad, torch.tensor(1e-6 * (1 + 2 * 1280 / 100)).double())


def test_both_strengths_count_apart():
    spikes = torch.ones(2, 3, 4)
    assert spytorch_activity(spikes, 1.0, 0.0).item() == 24
    assert spytorch_activity(spikes, 0.0, 1.0).item() == 36


def test_bounds_penalise_only_neurons_outside_and_do_not_depend_on_the_batch_size():
    sample = torch.zeros(10, 1, 3, dtype=torch.float64)
    sample[:4, :, 1], sample[:9, :, 2] = 1, 1  # 0, 4 and 9 spikes
    single = activity_bounds(sample, lower=2, upper=6)
    assert single.item() == pytest.approx((2**2 + 0 + 3**2) / 3)
    many = sample.repeat(1, 5, 1).requires_grad_()
    penalty = activity_bounds(many, lower=2, upper=6)
    penalty.backward()
    assert penalty.item() == pytest.approx(single.item())
    assert [many.grad[:, :, n].sign().unique().tolist() for n in range(3)] == [[-1], [0], [1]]
