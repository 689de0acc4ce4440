"""The network as a whole; that its engines are exact is for test_kernels.py."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import torch

from gradsim.events import from_raster
from gradsim.losses import max_over_time_nll
from gradsim.network import NetworkConfig, SpikingNetwork
from gradsim.neurons import Adaptation, LIFParameters
from gradsim.surrogate import fast_sigmoid

T, B, N_IN, N_HIDDEN, N_OUT = 25, 3, 6, 5, 4
SLOPE = 7.0
ENGINES = pytest.mark.parametrize("engine", ["torch", "events"])


def small_network(engine="auto", hidden=(N_HIDDEN,), recurrent=False, **neuron):
    parameters = LIFParameters(
        tau_mem_s=12e-3, tau_syn_s=6e-3, surrogate=fast_sigmoid(SLOPE), **neuron
    )
    config = NetworkConfig(N_IN, hidden, N_OUT, parameters, 2.0, recurrent)
    return SpikingNetwork(config, torch.Generator().manual_seed(3), engine).double()


def random_input(share=0.3):
    return torch.tensor(np.random.default_rng(2).random((T, B, N_IN)) < share, dtype=torch.float64)


@ENGINES
def test_hidden_gradient_equals_the_hand_written_backward_recursion(engine):
    network, x = small_network(engine), random_input()
    kernel = torch.tensor(np.random.default_rng(4).standard_normal((T + 1, B, N_OUT)))
    recording = network(x)
    (recording.readout * kernel).sum().backward()
    layer, p = network.hidden[0], network.hidden[0].neuron
    w1, w2 = layer.weight.detach().numpy(), network.readout.weight.detach().numpy()
    s, inputs, k = recording.spikes[0].numpy(), x.numpy(), kernel.numpy()
    mem = np.zeros((T + 1, B, N_HIDDEN))
    syn = np.zeros((T + 1, B, N_HIDDEN))
    for t in range(T):
        mem[t + 1] = (p.beta * mem[t] + syn[t]) * (1 - s[t])
        syn[t + 1] = p.alpha * syn[t] + inputs[t] @ w1.T
    d_mem, d_syn = np.zeros((B, N_HIDDEN)), np.zeros((B, N_HIDDEN))
    d_out, d_flt = k[T].copy(), np.zeros((B, N_OUT))
    gradient = np.zeros_like(w1)
    for t in reversed(range(T)):
        gradient += d_syn.T @ inputs[t]
        d_spike = d_flt @ w2
        h = 1 / (1 + SLOPE * np.abs(mem[t] - 1)) ** 2
        kept = d_mem * (1 - s[t])
        d_mem, d_syn = p.beta * kept + h * d_spike, p.alpha * d_syn + kept
        d_out, d_flt = p.beta * d_out + k[t], p.alpha * d_flt + d_out
    assert np.abs(gradient - layer.weight.grad.numpy()).max() < 1e-10
    assert np.abs(gradient).max() > 1e-3


@ENGINES
@pytest.mark.parametrize("order", ["fire_first", "integrate_first"])
def test_readout_gradients_agree_with_finite_differences(engine, order):
    network, x = small_network(engine, order=order), random_input()
    labels = torch.tensor([0, 3, 1])
    loss = max_over_time_nll(network(x).readout, labels)
    loss.backward()
    weight = network.readout.weight
    for index in np.ndindex(*weight.shape):
        values = []
        for step in (1e-6, -1e-6):
            with torch.no_grad():
                weight[index] += step
                values.append(max_over_time_nll(network(x).readout, labels).item())
                weight[index] -= step
        assert (values[0] - values[1]) / 2e-6 == pytest.approx(weight.grad[index].item(), abs=1e-6)


def test_the_network_is_its_layers_one_after_another():
    network, x = small_network("torch", hidden=(5, 7), recurrent=True), random_input()
    recording = network(x)
    first, _ = network.hidden[0](x)
    second, _ = network.hidden[1](first)
    membranes, _ = network.readout(second)
    assert torch.equal(recording.readout, membranes)
    for found, expected in zip(recording.spikes, (first, second), strict=True):
        assert torch.equal(found, expected)


@ENGINES
@pytest.mark.parametrize(("order", "n_recorded"), [("fire_first", T + 1), ("integrate_first", T)])
def test_a_recording_has_the_stated_shapes_and_spikes_of_zero_and_one(engine, order, n_recorded):
    network = small_network(engine, hidden=(7, 5), order=order)
    recording = network(from_raster(random_input()))
    assert recording.readout.shape == (n_recorded, B, N_OUT)
    assert [tuple(layer.shape) for layer in recording.spikes] == [(T, B, 7), (T, B, 5)]
    for spikes, counts in zip(recording.spikes, recording.counts, strict=True):
        assert set(spikes.unique().tolist()) == {0.0, 1.0}
        assert torch.equal(spikes.sum(dim=0), counts)
        assert counts.requires_grad
        assert not spikes.requires_grad
    if order == "fire_first":
        assert recording.readout[0].abs().max() == 0
    assert recording.spikes is recording.spikes


@ENGINES
@pytest.mark.parametrize("recurrent", [False, True], ids=["feed-forward", "recurrent"])
def test_no_input_means_no_spikes(engine, recurrent):
    network = small_network(engine, recurrent=recurrent)
    silent = network(from_raster(torch.zeros(T, B, N_IN, dtype=torch.float64)))
    assert silent.spikes[0].sum() == 0
    assert silent.readout.abs().max() == 0


@ENGINES
def test_every_sample_stands_for_itself(engine):
    network, x = small_network(engine, recurrent=True), random_input()
    together = network(x).readout
    for b in range(B):
        assert torch.allclose(network(x[:, [b]]).readout[:, 0], together[:, b], rtol=0, atol=1e-13)


def test_initial_weights_have_the_stated_deviations_and_come_from_the_generator():
    config = NetworkConfig(400, (300,), 2, weight_scale=0.5, recurrent=True, recurrent_scale=0.1)
    first, same = (SpikingNetwork(config, torch.Generator().manual_seed(9)) for _ in range(2))
    layer = first.hidden[0]
    assert layer.weight.std().item() == pytest.approx(0.5 / 20, rel=0.02)
    assert layer.recurrent.std().item() == pytest.approx(0.1 / np.sqrt(300), rel=0.02)
    for weight, other in zip(first.parameters(), same.parameters(), strict=True):
        assert torch.equal(weight, other)


@pytest.mark.parametrize(
    ("settings", "resolved"),
    [
        ({}, "events"),
        ({"recurrent": True, "per_neuron": True}, "events"),
        ({"learned": True}, "torch"),
        ({"neuron": LIFParameters(detach_reset=False)}, "torch"),
        ({"neuron": LIFParameters(adaptation=Adaptation())}, "torch"),
    ],
    ids=str,
)
def test_auto_runs_the_event_driven_engine_where_it_can(settings, resolved):
    network = SpikingNetwork(NetworkConfig(N_IN, (N_HIDDEN,), N_OUT, **settings), torch.Generator())
    assert network.resolved_engine == resolved
    assert network.half().resolved_engine == "torch"


def test_an_engine_that_cannot_run_the_network_is_refused_with_the_reason():
    network = small_network("events", detach_reset=False)
    with pytest.raises(ValueError, match="'events' cannot do a reset that is not detached"):
        network(random_input())


def test_time_constants_of_the_readout_learn_while_those_below_are_frozen():
    config = NetworkConfig(N_IN, (N_HIDDEN,), N_OUT, weight_scale=3.0, learned=True)
    network = SpikingNetwork(config, torch.Generator().manual_seed(1)).double()
    network.hidden.requires_grad_(False)
    (network(random_input()).readout ** 2).sum().backward()
    for log_tau in network.readout.time_constants.parameters():
        assert log_tau.grad.abs() > 0


def test_learned_time_constants_run_event_driven_where_nothing_is_learned():
    config = NetworkConfig(N_IN, (N_HIDDEN,), N_OUT, weight_scale=3.0, learned=True)
    network = SpikingNetwork(config, torch.Generator().manual_seed(1)).double()
    trained = network(random_input()).readout
    with torch.no_grad():
        assert network.resolved_engine == "events"
        assert torch.allclose(network(random_input()).readout, trained, rtol=1e-12, atol=1e-12)


@ENGINES
@pytest.mark.parametrize("order", ["fire_first", "integrate_first"])
def test_time_constants_of_single_neurons_reach_every_layer_of_either_engine(engine, order):
    neuron = LIFParameters(order=order, gain="one_minus_beta", threshold=0.1)
    config = NetworkConfig(N_IN, (N_HIDDEN, 7), N_OUT, neuron, 3.0, recurrent=True, per_neuron=True)
    network = SpikingNetwork(config, torch.Generator().manual_seed(1), engine).double()
    generator = torch.Generator().manual_seed(2)
    for log_tau in network.buffers():
        log_tau += torch.rand(log_tau.shape, generator=generator) - 0.5
    recording, x = network(random_input()), random_input()
    for layer, spikes in zip(network.hidden, recording.spikes, strict=True):
        x, _ = layer(x)
        assert torch.equal(x, spikes)
    assert torch.allclose(network.readout(x)[0], recording.readout, rtol=1e-12, atol=1e-12)
    plain = dataclasses.replace(config, per_neuron=False)
    other = SpikingNetwork(plain, torch.Generator().manual_seed(1), engine).double()
    assert not torch.equal(other(random_input()).readout, recording.readout)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: NetworkConfig(3, (), 2), "at least one hidden layer"),
        (lambda: NetworkConfig(3, (0,), 2), "at least one hidden layer and positive sizes"),
        (lambda: small_network()(torch.zeros(B, T, 9)), r"must be \[T, B, 6\] \(time first\)"),
        (lambda: small_network()(torch.zeros(T, N_IN)), r"must be \[T, B, 6\] \(time first\)"),
        (lambda: small_network()(from_raster(torch.zeros(T, B, 9))), "must have 6 units, not 9"),
        (lambda: small_network("numba")(random_input()), "'torch' or 'events', not 'numba'"),
    ],
)
def test_wrong_settings_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_sizes_of_a_network_are_those_of_its_weights():
    network = SpikingNetwork(NetworkConfig(3, (4, 5), 2, recurrent=True), torch.Generator())
    sizes = [3, 4, 5, 2]
    weights = [layer.weight for layer in (*network.hidden, network.readout)]
    assert [tuple(weight.shape) for weight in weights] == [(b, a) for a, b in pairwise(sizes)]
    assert [tuple(layer.recurrent.shape) for layer in network.hidden] == [(4, 4), (5, 5)]
