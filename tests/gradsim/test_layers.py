"""Layers: state as a value, time constants of all kinds, chains of layers."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from gradsim.layers import LIF, Readout, Sequential, TimeConstants
from gradsim.neurons import Adaptation, LIFParameters, LIFState, LIParameters
from gradsim.surrogate import fast_sigmoid
from tests.gradsim import scalar

T, B, N_IN, N = 24, 3, 6, 5
ORDERS = ("fire_first", "integrate_first")


def random_input(share=0.3, n_steps=T):
    return torch.tensor(
        np.random.default_rng(2).random((n_steps, B, N_IN)) < share, dtype=torch.float64
    )


def make_layer(order="fire_first", seed=3, **settings):
    neuron = LIFParameters(
        tau_mem_s=12e-3,
        tau_syn_s=6e-3,
        order=order,
        surrogate=fast_sigmoid(7.0),
        adaptation=settings.pop("adaptation", None),
        reset=settings.pop("reset", "zero"),
    )
    return LIF(N_IN, N, neuron, 2.0, torch.Generator().manual_seed(seed), **settings).double()


def vary(constants, generator):
    """Give every neuron time constants of its own."""
    with torch.no_grad():
        for log_tau in (*constants.parameters(), *constants.buffers()):
            log_tau += torch.rand(log_tau.shape, generator=generator) - 0.5


@given(
    st.integers(1, 12),
    st.integers(1, 12),
    st.sampled_from(ORDERS),
    st.sampled_from(["torch", "events"]),
    st.booleans(),
    st.sampled_from(["zero", "subtract"]),
)
def test_a_run_in_two_halves_equals_one_run_gradients_included(
    n_first, n_second, order, engine, recurrent, reset
):
    layer = make_layer(order, recurrent=recurrent, engine=engine, reset=reset)
    x = random_input(0.5, n_first + n_second)
    kernel = torch.tensor(np.random.default_rng(1).standard_normal((len(x) + 2, B, N)))

    def halves(state):
        first, between = layer(x[:n_first], state)
        second, last = layer(x[n_first:], between)
        return torch.cat([first, second]), last

    outcomes = []
    for run in (lambda state: layer(x, state), halves):
        layer.zero_grad()
        start = started_state()
        spikes, last = run(start)
        everything = torch.cat([spikes, last.mem[None], last.syn[None]])
        (everything * kernel).sum().backward()
        gradients = [weight.grad for weight in layer.parameters()]
        outcomes.append([everything.detach(), *gradients, start.mem.grad, start.syn.grad])
    for whole, parts in zip(*outcomes, strict=True):
        assert (whole - parts).norm() <= 1e-12 * whole.norm()


def started_state():
    """Return a state in the middle of things: some neurons have just fired."""
    rng = np.random.default_rng(9)
    mem = torch.tensor(rng.uniform(0, 1.5, (B, N)), requires_grad=True)
    syn = torch.tensor(rng.standard_normal((B, N)), requires_grad=True)
    fired = (mem > 1).double().detach()
    return LIFState(mem, syn, fired, torch.zeros_like(fired))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("recurrent", [False, True], ids=["feed-forward", "recurrent"])
def test_both_engines_go_on_from_a_state_alike(order, recurrent):
    x, outcomes = random_input(), []
    for engine in ("torch", "events"):
        layer, start = make_layer(order, recurrent=recurrent, engine=engine), started_state()
        spikes, last = layer(x, start)
        ((spikes**2).sum() + (last.mem**3).sum() + last.syn.sum() + last.spikes.sum()).backward()
        gradients = [weight.grad for weight in layer.parameters()]
        outcomes.append([spikes, *last, *gradients, start.mem.grad, start.syn.grad])
    for expected, found in zip(*outcomes, strict=True):
        assert (found - expected).norm() <= 1e-12 * expected.norm()
    assert outcomes[0][0].sum() > 20


def test_an_adapted_threshold_is_part_of_the_state():
    layer = make_layer(adaptation=Adaptation(tau_s=20e-3))
    x = random_input(0.5)
    whole, last = layer(x)
    first, between = layer(x[:9])
    second, resumed = layer(x[9:], between)
    assert torch.equal(torch.cat([first, second]), whole)
    assert all(torch.equal(a, b) for a, b in zip(last, resumed, strict=True))
    forgotten, _ = layer(x[9:], between._replace(adaptation=torch.zeros_like(last.adaptation)))
    assert not torch.equal(forgotten, second)


@pytest.mark.parametrize("order", ORDERS)
def test_a_readout_goes_on_from_its_state(order):
    readout = Readout(N_IN, 3, LIParameters(order=order), generator=torch.Generator()).double()
    x = random_input()
    whole, last = readout(x)
    first, between = readout(x[:10])
    second, resumed = readout(x[10:], between)
    repeated = int(order == "fire_first")  # the value between the halves is recorded twice
    assert torch.equal(torch.cat([first, second[repeated:]]), whole)
    assert torch.equal(last.mem, resumed.mem)
    assert torch.equal(last.syn, resumed.syn)
    assert torch.equal(last.mem, whole[-1])


def test_a_chain_is_its_layers_one_after_another():
    generator = torch.Generator().manual_seed(0)
    layers = [
        LIF(N_IN, N, None, 3.0, generator),
        nn.Dropout(0.5),
        Readout(N, 2, None, 1, generator),
    ]
    chain = Sequential(*layers).eval().double()
    x = random_input()
    output, states = chain(x)
    spikes, hidden = layers[0](x)
    membranes, last = layers[2](spikes)
    assert spikes.sum() > 0
    assert torch.equal(output, membranes)
    assert [type(state) for state in states] == [type(hidden), type(None), type(last)]


def test_a_chain_goes_on_from_its_states_however_deep():
    generator = torch.Generator().manual_seed(0)
    neuron = LIFParameters(order="integrate_first")
    inner = Sequential(nn.Dropout(0.5), LIF(N, N, neuron, 3.0, generator, recurrent=True))
    first_layer, readout = LIF(N_IN, N, neuron, 3.0, generator), Readout(N, 2, neuron, 1, generator)
    chain = Sequential(first_layer, inner, readout).eval().double()
    x = random_input()
    whole, _ = chain(x)
    first, between = chain(x[:10])
    second, _ = chain(x[10:], between)
    assert torch.equal(torch.cat([first, second]), whole)
    with pytest.raises(ValueError, match="zip"):
        chain(x, between[:1])


def test_dropout_between_layers_drops_spikes_in_training_only():
    chain = Sequential(LIF(N_IN, N, None, 3.0, torch.Generator().manual_seed(0)), nn.Dropout(1.0))
    chain = chain.double()
    assert chain(random_input())[0].sum() == 0
    assert chain.eval()(random_input())[0].sum() > 0


def test_shared_fixed_time_constants_are_plain_numbers_without_parameters():
    constants = TimeConstants(N, LIFParameters(), per_neuron=False, learned=False)
    assert constants() == LIFParameters().decay
    assert list(constants.parameters()) + list(constants.buffers()) == []


@pytest.mark.parametrize("per_neuron", [False, True])
@pytest.mark.parametrize("learned", [False, True])
def test_time_constants_begin_at_those_of_the_neuron(per_neuron, learned):
    p = LIFParameters(tau_mem_s=17e-3, tau_syn_s=3e-3)
    constants = TimeConstants(N, p, per_neuron, learned)
    size = [N] if per_neuron else []
    trained = dict(constants.named_parameters())
    assert set(trained) == ({"log_tau_syn_s", "log_tau_mem_s"} if learned else set())
    for decay, expected in zip(constants(), p.decay, strict=True):
        value = torch.as_tensor(decay)
        assert list(value.shape) == size
        assert value.flatten().tolist() == pytest.approx([expected] * value.numel(), rel=1e-6)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("gain", ["one", "one_minus_beta"])
@pytest.mark.parametrize("per_neuron", [False, True])
def test_the_gradient_reaches_time_constants_as_finite_differences_say(per_neuron, gain, order):
    p = LIParameters(gain=gain, order=order)
    readout = Readout(N_IN, 3, p, 1.0, torch.Generator(), per_neuron=per_neuron, learned=True)
    readout, x = readout.double(), random_input()
    vary(readout.time_constants, torch.Generator().manual_seed(5))
    kernel = torch.tensor(np.random.default_rng(4).standard_normal((B, 3)))

    def loss():
        return (readout(x)[0].sin() * kernel).sum()

    loss().backward()
    for log_tau in readout.time_constants.parameters():
        assert log_tau.grad.abs().min() > 0
        for index in np.ndindex(*log_tau.shape):
            values = []
            for step in (1e-5, -1e-5):
                with torch.no_grad():
                    log_tau[index] += step
                    values.append(loss().item())
                    log_tau[index] -= step
            slope = (values[0] - values[1]) / 2e-5
            assert log_tau.grad[index].item() == pytest.approx(slope, rel=1e-6)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("gain", ["one", "one_minus_beta"])
@pytest.mark.parametrize("learned", [False, True], ids=["fixed", "learned"])
def test_time_constants_of_single_neurons_equal_the_loop_over_plain_numbers(learned, gain, order):
    neuron = LIFParameters(
        gain=gain, order=order, threshold=0.2, surrogate=fast_sigmoid(7.0), reset="subtract"
    )
    layer = LIF(N_IN, N, neuron, 2.0, torch.Generator().manual_seed(3), recurrent=True,
                per_neuron=True, learned=learned).double()  # fmt: skip
    vary(layer.time_constants, torch.Generator().manual_seed(5))
    x, kernel = random_input(), np.random.default_rng(4).standard_normal((T, B, N))
    spikes, _ = layer(x)
    (spikes * torch.tensor(kernel)).sum().backward()
    constants = layer.time_constants
    log_taus = [getattr(constants, f"log_{name}") for name in ("tau_syn_s", "tau_mem_s")]
    leaves = [layer.weight, layer.recurrent, *log_taus]
    known = [scalar.variables(leaf.tolist()) for leaf in leaves]
    own = [
        scalar.lif(scalar.variables(x[:, b]), known[0], known[1], neuron, known[2:])
        for b in range(B)
    ]
    own = scalar.time_first(own)
    scalar.dot(np.ravel(own), scalar.variables(kernel.ravel())).backward()
    assert np.array_equal(scalar.values(own), spikes.detach().numpy())
    assert spikes.sum() > 50
    for leaf, each in zip(leaves if learned else leaves[:2], known, strict=False):
        expected = scalar.gradients(each)
        assert np.linalg.norm(leaf.grad.numpy() - expected) < 1e-12 * np.linalg.norm(expected)


def test_learned_time_constants_stay_positive_whatever_the_step():
    layer = make_layer(learned=True)
    layer(random_input())[0].sum().backward()
    with torch.no_grad():
        for log_tau in layer.time_constants.parameters():
            log_tau -= 100 * log_tau.grad.sign()
    for decay in layer.time_constants():
        assert 0 <= decay.item() <= 1


def test_initial_weights_have_the_stated_deviations_and_come_from_the_generator():
    first, same = (
        LIF(400, 300, None, 0.5, torch.Generator().manual_seed(9), recurrent=True,
            recurrent_scale=0.1)
        for _ in range(2)
    )  # fmt: skip
    assert first.weight.std().item() == pytest.approx(0.5 / math.sqrt(400), rel=0.02)
    assert first.recurrent.std().item() == pytest.approx(0.1 / math.sqrt(300), rel=0.02)
    assert torch.equal(first.weight, same.weight)
    assert torch.equal(first.recurrent, same.recurrent)
    shared = LIF(400, 300, None, 0.5, torch.Generator().manual_seed(9), recurrent=True)
    assert shared.recurrent.std().item() == pytest.approx(0.5 / math.sqrt(300), rel=0.02)
