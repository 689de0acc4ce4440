"""Convolution against the unrolled matrix, pooling against loops over windows."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from gradsim import LIF, ConvLIF, FirstPool2d, LIFParameters, MeanPool2d, OrPool2d, Sequential
from gradsim.surrogate import fast_sigmoid

T, B, C, H, W = 12, 2, 2, 6, 7


def spike_images(share=0.3, n_steps=T):
    rng = np.random.default_rng(5)
    return torch.tensor(rng.random((n_steps, B, C, H, W)) < share, dtype=torch.float64)


def neuron(order, reset):
    return LIFParameters(order=order, reset=reset, surrogate=fast_sigmoid(7.0))


def unrolled(weight, stride, padding):
    """Return the matrix ``[C' H' W', C H W]`` of a convolution, column by column."""
    columns = torch.eye(C * H * W, dtype=weight.dtype).unflatten(1, (C, H, W))
    return conv2d(columns, weight, None, stride, padding).flatten(1).T


@pytest.mark.parametrize("engine", ["torch", "events"])
@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1)])
@pytest.mark.parametrize(
    ("order", "reset"), [("fire_first", "zero"), ("integrate_first", "subtract")]
)
def test_a_convolution_is_a_layer_with_the_unrolled_matrix(order, reset, stride, padding, engine):
    p, generator = neuron(order, reset), torch.Generator().manual_seed(1)
    conv = ConvLIF(C, 3, 3, p, 2.0, generator, stride=stride, padding=padding, engine=engine)
    conv, x = conv.double(), spike_images()
    spikes, last = conv(x)
    dense = LIF(C * H * W, spikes[0, 0].numel(), p, 1.0, generator, engine="torch").double()
    matrix = unrolled(conv.weight, stride, padding)
    dense.weight.data = matrix.detach()
    expected, expected_last = dense(x.flatten(2))
    assert torch.equal(spikes.flatten(2), expected)
    assert 0.05 < spikes.mean() < 0.8
    for state, other in zip(last, expected_last, strict=True):
        assert state.shape == spikes.shape[1:]
        assert torch.allclose(state.flatten(1), other, rtol=1e-12)
    kernel = torch.tensor(np.random.default_rng(3).standard_normal(spikes.shape))
    (spikes * kernel).sum().backward()
    (expected * kernel.flatten(2)).sum().backward()
    (through_matrix,) = torch.autograd.grad(matrix, conv.weight, dense.weight.grad)
    difference = conv.weight.grad - through_matrix
    assert difference.norm() < 1e-12 * through_matrix.norm()
    assert through_matrix.norm() > 0


def test_initial_weights_have_the_stated_deviation_and_come_from_the_generator():
    first, same = (
        ConvLIF(16, 64, 5, None, 0.5, torch.Generator().manual_seed(9)).weight for _ in range(2)
    )
    assert first.std().item() == pytest.approx(0.5 / 20, rel=0.02)
    assert torch.equal(first, same)


def windows(x, side, stride):
    """Yield each window's place and its spikes ``[T, B, C, side, side]``."""
    for i in range((H - side) // stride + 1):
        for j in range((W - side) // stride + 1):
            top, left = i * stride, j * stride
            yield (i, j), x[..., top : top + side, left : left + side]


@pytest.mark.parametrize(("side", "stride"), [(2, None), (3, 2)])
def test_a_window_spikes_if_any_of_it_does_and_its_mean_is_their_share(side, stride):
    x = spike_images()
    pooled, means = OrPool2d(side, stride)(x), MeanPool2d(side, stride)(x)
    for (i, j), window in windows(x, side, stride or side):
        assert torch.equal(pooled[..., i, j], (window.sum((-2, -1)) > 0).double())
        assert torch.allclose(means[..., i, j], window.mean((-2, -1)))
    assert pooled.shape == means.shape == (T, B, C, i + 1, j + 1)


@pytest.mark.parametrize(("side", "stride"), [(2, None), (3, 2)])
def test_only_the_first_spike_of_a_window_passes(side, stride):
    x = spike_images(0.005)
    pooled, fired = FirstPool2d(side, stride)(x)
    for (i, j), window in windows(x, side, stride or side):
        for b, c in np.ndindex(B, C):
            steps = torch.nonzero(window[:, b, c].sum((-2, -1)))[:, 0].tolist()
            found = torch.nonzero(pooled[:, b, c, i, j])[:, 0].tolist()
            assert found == steps[:1]
            assert fired[b, c, i, j] == bool(steps)
    assert 0 < fired.mean() < 1


def test_the_gradient_of_pooling_reaches_the_spikes_that_pass():
    x = torch.zeros(3, 1, 1, 2, 2, dtype=torch.float64)
    x[1, ..., 0, 1] = x[2, ..., 1, 0] = x[2, ..., 1, 1] = 1
    for pool, steps in ((OrPool2d(2), (1, 2)), (lambda x: FirstPool2d(2)(x)[0], (1,))):
        leaf = x.clone().requires_grad_()
        pool(leaf)[1:].sum().backward()
        assert leaf.grad.sum((1, 2, 3, 4)).nonzero()[:, 0].tolist() == list(steps)
        assert (leaf.grad * x == leaf.grad).all()


def test_a_chain_goes_on_from_its_state_and_ends_in_dense_layers():
    p, generator = neuron("integrate_first", "zero"), torch.Generator().manual_seed(1)
    chain = Sequential(
        ConvLIF(C, 3, 3, p, 2.0, generator),
        FirstPool2d(2),
        nn.Flatten(2),
        LIF(12, 4, p, 2.0, generator),
    ).double()
    x = spike_images()
    whole, _ = chain(x)
    first, between = chain(x[:5])
    second, _ = chain(x[5:], between)
    assert torch.equal(torch.cat([first, second]), whole)
    assert whole.sum() > 0
    fresh, _ = chain(x[5:])
    assert not torch.equal(fresh, second)


@pytest.mark.parametrize("pool", [OrPool2d, FirstPool2d, MeanPool2d])
def test_what_is_not_a_film_is_refused(pool):
    with pytest.raises(ValueError, match=r"input must be \[T, B, C, H, W\], not \[2, 6, 7\]"):
        pool(2)(torch.zeros(C, H, W))


def test_other_channels_are_refused():
    with pytest.raises(ValueError, match=r"\[T, B, 2, H, W\], not \[3, 1, 4, 6, 7\]"):
        ConvLIF(C, 3, 3, generator=torch.Generator())(torch.zeros(3, 1, 4, H, W))
