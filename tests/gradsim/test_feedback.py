"""Feedback: backward passes against closed forms and a plain copy, in both engines."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, linear

from gradsim import (
    LIF,
    Labelled,
    LIFParameters,
    NetworkConfig,
    Readout,
    SpikingNetwork,
    TrainingConfig,
    encode,
    feedback,
    train,
)
from gradsim.feedback import KINDS, Feedback, Linear, alignment, angle, attach, bypassed, project
from gradsim.surrogate import fast_sigmoid

T, B, N_IN, N_OUT = 25, 6, 7, 4
HIDDEN = (9, 8)
ENGINES = pytest.mark.parametrize("engine", ["torch", "events"])


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def spiking(engine="auto", hidden=HIDDEN, recurrent=False):
    neuron = LIFParameters(tau_mem_s=12e-3, tau_syn_s=6e-3, surrogate=fast_sigmoid(7.0))
    config = NetworkConfig(N_IN, hidden, N_OUT, neuron, 2.0, recurrent)
    return SpikingNetwork(config, seeded(3), engine).double()


def upper(network):
    return [*network.hidden[1:], network.readout]


def raster(share=0.3):
    return torch.tensor(np.random.default_rng(2).random((T, B, N_IN)) < share, dtype=torch.float64)


def gradients(network, x):
    kernel = torch.tensor(np.random.default_rng(4).standard_normal((T + 1, B, N_OUT)))
    loss = (network(x).readout * kernel).sum()
    return torch.autograd.grad(loss, list(network.parameters()))


def rate_network(kind=None, scale=1.0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        model = nn.Sequential(Linear(N_IN, 9), nn.Sigmoid(), Linear(9, N_OUT))
    if kind:
        attach([model[2]], kind, scale, seeded(1))
    return model


def samples(n=50):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, N_IN))
    labels = 2 * (x[:, 0] * x[:, 1] > 0) + (x[:, 2] > 0)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(labels)


@pytest.mark.parametrize("shape", [(B, N_IN), (T, B, N_IN)])
def test_errors_come_back_through_the_other_matrix_alone(shape):
    rng = np.random.default_rng(0)
    x, error = rng.standard_normal(shape), rng.standard_normal((*shape[:-1], N_OUT))
    given = torch.tensor(x, requires_grad=True)
    weight = torch.tensor(rng.standard_normal((N_OUT, N_IN)), requires_grad=True)
    route = Feedback("random", N_OUT, N_IN, generator=seeded()).double()
    y = project(given, weight, route)
    y.backward(torch.tensor(error))
    assert torch.equal(y, linear(given, weight))
    np.testing.assert_allclose(given.grad, error @ route.matrix.numpy(), rtol=1e-12)
    expected = error.reshape(-1, N_OUT).T @ x.reshape(-1, N_IN)
    np.testing.assert_allclose(weight.grad, expected, rtol=1e-12)


@pytest.mark.parametrize("shape", [(64, 300), (20, 8, 300)])
def test_symmetric_is_plain_backpropagation_bit_for_bit(shape):
    generator = seeded()
    x = torch.randn(shape, generator=generator, requires_grad=True)
    weight = torch.randn(200, 300, generator=generator, requires_grad=True)
    error = torch.randn(*shape[:-1], 200, generator=generator)
    plain = torch.autograd.grad(linear(x, weight), [x, weight], error)
    routed = project(x, weight, Feedback("symmetric", 200, 300))
    found = torch.autograd.grad(routed, [x, weight], error)
    assert all(torch.equal(one, other) for one, other in zip(found, plain, strict=True))


@ENGINES
@pytest.mark.parametrize("recurrent", [False, True])
def test_a_spiking_network_with_symmetric_feedback_is_one_without(engine, recurrent):
    network, x = spiking(engine, recurrent=recurrent), raster()
    plain = gradients(network, x)
    attach(upper(network), "symmetric")
    assert all(torch.equal(a, b) for a, b in zip(gradients(network, x), plain, strict=True))


def detour(x, weight, back):
    """Return W x with gradients of B x: (1) by other means."""
    return linear(x.detach(), weight) + linear(x, back) - linear(x, back).detach()


@ENGINES
@pytest.mark.parametrize("kind", ["random", "sign", "uniform"])
def test_spiking_layers_are_those_with_a_detour(engine, kind):
    network, x = spiking(engine), raster()
    attach(upper(network), kind, generator=seeded(1))
    found = gradients(network, x)
    values = x
    for layer in network.hidden:
        weight, n = layer.weight, len(layer.weight)
        plain = LIF(n, n, layer.neuron, generator=seeded(), engine="torch").double()
        back = (weight if layer.feedback is None else layer.feedback(weight)).detach()
        plain.weight = nn.Parameter(torch.eye(n, dtype=torch.float64))
        values, _ = plain(detour(values, weight, back))
    back = network.readout.feedback(network.readout.weight)
    plain = Readout(N_OUT, N_OUT, network.readout.neuron, generator=seeded()).double()
    plain.weight = nn.Parameter(torch.eye(N_OUT, dtype=torch.float64))
    membranes, _ = plain(detour(values, network.readout.weight, back))
    kernel = torch.tensor(np.random.default_rng(4).standard_normal((T + 1, B, N_OUT)))
    expected = torch.autograd.grad((membranes * kernel).sum(), list(network.parameters()))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-9)
    with bypassed(network):
        differ = angle(gradients(network, x)[0], found[0])
    assert differ > 5


@pytest.mark.parametrize("share", [0.05, 0.9])  # as events, and as a dense product
def test_engines_agree_on_what_reaches_the_input(share):
    found = []
    for engine in ("torch", "events"):
        network = spiking(engine)
        attach([*network.hidden, network.readout], "random", generator=seeded(1))
        x = raster(share).requires_grad_()
        network(x).readout.square().sum().backward()
        found.append(x.grad)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-8, atol=1e-10)
    assert found[0].abs().max() > 1e-6


@ENGINES
def test_layers_of_their_own_take_feedback_too(engine):
    layer = LIF(N_IN, 5, generator=seeded(), scale=3.0, engine=engine).double()
    attach([layer], "uniform", scale=2.0)
    x = raster().requires_grad_()
    layer(x)[0].sum().backward()
    assert x.grad.abs().max() > 0
    assert torch.equal(x.grad, x.grad[..., :1].expand_as(x.grad))


def test_matrices_are_as_large_as_one_another():
    weight = torch.randn(400, 300, generator=seeded())
    for kind in ("random", "sign", "uniform"):
        found = Feedback(kind, 400, 300, 2.0, seeded())(weight)
        assert found.square().mean().sqrt().item() == pytest.approx(2.0 / 20, rel=0.01)
    assert torch.equal(Feedback("sign", 400, 300)(weight).sign(), weight.sign())
    assert not Feedback("none", 400, 300)(weight).any()
    assert Feedback("symmetric", 400, 300)(weight) is weight


def test_training_changes_weights_and_leaves_feedback():
    rng = np.random.default_rng(0)
    labels = rng.integers(N_OUT, size=60)
    network = spiking(hidden=(20,)).float()
    attach([network.readout], "random", generator=seeded(1))
    before = network.readout.feedback.matrix.clone()
    weights = [each.detach().clone() for each in network.parameters()]
    inputs = Labelled(encode.latency(rng.random((60, N_IN)), n_steps=T), labels)
    train(network, inputs, None, TrainingConfig(epochs=2, batch_size=20), rng)
    assert torch.equal(network.readout.feedback.matrix, before)
    assert len(weights) == 2
    assert all((a != b).any() for a, b in zip(weights, network.parameters(), strict=True))


def test_a_matrix_is_saved_and_found_again():
    saved = rate_network("random").state_dict()
    other = rate_network("random")
    attach([other[2]], "random", generator=seeded(9))
    assert not torch.equal(other[2].feedback.matrix, saved["2.feedback.matrix"])
    other.load_state_dict(saved)
    assert torch.equal(other[2].feedback.matrix, saved["2.feedback.matrix"])


def hidden_change(kind, loss):
    x, labels = samples()
    model = rate_network(kind)
    return torch.autograd.grad(loss(model(x), labels), model[0].weight)[0].abs().max().item()


def squared(logits, labels):
    return (logits - torch.eye(N_OUT)[labels]).square().mean()


def test_uniform_feedback_hears_nothing_of_a_softmax():
    assert hidden_change("uniform", cross_entropy) < 1e-8
    assert hidden_change("random", cross_entropy) > 1e-4
    assert hidden_change("uniform", squared) > 1e-4
    assert hidden_change("none", squared) == 0


def test_uniform_feedback_hears_nothing_of_a_softmax_over_summed_membranes():
    network, x = spiking(hidden=(9,)), raster()
    labels = torch.arange(B) % N_OUT
    attach([network.readout], "uniform")
    changes = {}
    for name, read in (("sum", lambda m: m.sum(dim=0)), ("max", lambda m: m.max(dim=0).values)):
        loss = cross_entropy(read(network(x).readout), labels)
        changes[name] = torch.autograd.grad(loss, network.hidden[0].weight)[0].abs().max().item()
    assert changes["sum"] < 1e-12
    assert changes["max"] > 1e-4


def test_the_angle_is_that_between_vectors():
    a = torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    assert angle(a, 2 * a) == pytest.approx(0, abs=1e-5)
    assert angle(a, -a) == pytest.approx(180, abs=1e-5)
    assert angle(a, torch.tensor([[0.0, 1.0], [0.0, 0.0]])) == 90
    assert angle(a, torch.tensor([[1.0, 0.0], [0.0, 0.0]])) == pytest.approx(
        math.degrees(math.acos(3 / 5))
    )
    assert math.isnan(angle(a, 0 * a))


@pytest.mark.parametrize(("scale", "expected"), [(1.0, 0.0), (0.3, 0.0), (-1.0, 180.0)])
def test_alignment_compares_what_is_told_with_the_gradient(scale, expected):
    x, labels = samples()
    model = rate_network("random")
    model[2].feedback.matrix.copy_(scale * model[2].weight.detach())
    parameters = [model[0].weight, model[2].weight]
    found = alignment(model, lambda: cross_entropy(model(x), labels), parameters)
    assert found == pytest.approx([expected, 0], abs=1e-3)


def test_alignment_leaves_the_way_back_as_it_was():
    x, labels = samples()
    model = rate_network("random")

    def loss():
        return cross_entropy(model(x), labels)

    before = torch.autograd.grad(loss(), model[0].weight)[0]
    (found,) = alignment(model, loss, [model[0].weight])
    assert 1 < found < 179
    assert torch.equal(torch.autograd.grad(loss(), model[0].weight)[0], before)
    attach([model[2]], "none")
    assert math.isnan(alignment(model, loss, [model[0].weight])[0])


def test_weights_align_with_the_way_back():
    x, labels = samples()
    model = rate_network("random")
    hidden, route = model[0].weight, model[2].feedback
    first = cross_entropy(model(x), labels).item()
    angles = []
    optimiser = torch.optim.SGD(model.parameters(), 0.5)
    for _ in range(300):
        loss = cross_entropy(model(x), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        angles += alignment(model, lambda: cross_entropy(model(x), labels), [hidden])
    assert loss.item() < 0.5 * first
    assert angles[-1] < 70 < angles[0]
    assert angle(model[2].weight, route.matrix) < 75


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="feedback must be one of symmetric"):
        Feedback("mirrored", 2, 3)
    with pytest.raises(ValueError, match="scale must be positive"):
        Feedback("random", 2, 3, scale=0.0)
    with pytest.raises(TypeError, match="Identity takes no feedback"):
        attach([nn.Identity()], "random")
    model, (x, labels) = rate_network("random"), samples()
    with pytest.raises(RuntimeError, match="second derivatives"):
        torch.autograd.grad(cross_entropy(model(x), labels), model[0].weight, create_graph=True)


def test_kinds_are_told_by_the_module():
    assert set(KINDS) == {"symmetric", "random", "sign", "uniform", "none"}
    assert feedback.__doc__ is not None
    assert all(f"    {kind} " in feedback.__doc__ for kind in KINDS)
