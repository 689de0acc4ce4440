"""The network against an independent loop over plain numbers, forward and backward."""

import math

import numpy as np
import pytest
import torch

from gradsim.layers import LIF
from gradsim.losses import max_over_time_nll
from gradsim.network import NetworkConfig, SpikingNetwork
from gradsim.neurons import LIFParameters, LIParameters, LIState, li_step, lif_step, zero_state
from gradsim.surrogate import Surrogate, fast_sigmoid

T, B, N_IN, N_HIDDEN, N_OUT = 25, 3, 6, 5, 4
SLOPE = 7.0


def small_network(recurrent=False, **neuron):
    parameters = LIFParameters(
        tau_mem_s=12e-3, tau_syn_s=6e-3, surrogate=fast_sigmoid(SLOPE), **neuron
    )
    config = NetworkConfig(N_IN, (N_HIDDEN,), N_OUT, parameters, 2.0, recurrent)
    return SpikingNetwork(config, torch.Generator().manual_seed(3)).double()


def random_input(share=0.3):
    return torch.tensor(np.random.default_rng(2).random((T, B, N_IN)) < share, dtype=torch.float64)


class Tangent:
    """A number and its derivative along one direction of weight space."""

    def __init__(self, value, slope=0.0):
        self.value, self.slope = value, slope

    def __add__(self, other):
        other = other if isinstance(other, Tangent) else Tangent(other)
        return Tangent(self.value + other.value, self.slope + other.slope)

    def __mul__(self, other):
        other = other if isinstance(other, Tangent) else Tangent(other)
        return Tangent(
            self.value * other.value, self.slope * other.value + self.value * other.slope
        )

    __radd__, __rmul__ = __add__, __mul__


def fires(mem, threshold):
    x = mem.value - threshold
    return Tangent(float(x > 0), mem.slope / (1 + SLOPE * abs(x)) ** 2)


def scalar_network(weights, directions, x, parameters):
    """Return spikes and readout of one sample, with tangents; every index written out."""
    w1, w2, v = (
        [[Tangent(w, d) for w, d in zip(*rows, strict=True)] for rows in zip(*pair, strict=True)]
        for pair in zip(weights, directions, strict=True)
    )
    alpha = math.exp(-1e-3 / parameters.tau_syn_s)
    beta = math.exp(-1e-3 / parameters.tau_mem_s)
    gain = 1.0 if parameters.gain == "one" else 1 - beta
    mem, syn = [Tangent(0.0)] * N_HIDDEN, [Tangent(0.0)] * N_HIDDEN
    last = [Tangent(0.0)] * N_HIDDEN
    flt, out = [Tangent(0.0)] * N_OUT, [Tangent(0.0)] * N_OUT
    all_spikes, all_out = [], [out]
    for t in range(T):
        spikes = [fires(m, parameters.threshold) for m in mem]
        resets = [Tangent(s.value) if parameters.detach_reset else s for s in spikes]
        new_mem, new_syn = [], []
        for i in range(N_HIDDEN):
            current = sum((w1[i][j] * x[t][j] for j in range(N_IN)), Tangent(0.0))
            current += sum((v[i][j] * last[j] for j in range(N_HIDDEN)), Tangent(0.0))
            moved = beta * mem[i] + gain * syn[i]
            if parameters.reset == "zero":
                moved = moved * (1 + -1.0 * resets[i])
            else:
                moved = moved + -parameters.threshold * resets[i]
            new_mem.append(moved)
            new_syn.append(alpha * syn[i] + current)
        mem, syn, last = new_mem, new_syn, spikes
        out = [beta * out[c] + gain * flt[c] for c in range(N_OUT)]
        flt = [
            alpha * flt[c] + sum((w2[c][i] * spikes[i] for i in range(N_HIDDEN)), Tangent(0.0))
            for c in range(N_OUT)
        ]
        all_spikes.append(spikes)
        all_out.append(out)
    return all_spikes, all_out


VARIANTS = [
    {},
    {"reset": "subtract", "threshold": 0.7},
    {"detach_reset": False},
    {"reset": "subtract", "detach_reset": False},
    {"recurrent": True},
    {"gain": "one_minus_beta", "threshold": 0.1, "recurrent": True},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_forward_and_gradient_equal_a_scalar_loop_with_forward_mode_derivatives(variant):
    network, x = small_network(**variant), random_input()
    layer = network.hidden[0]
    recurrent = layer.recurrent if variant.get("recurrent") else None
    learned = [layer.weight, network.readout.weight] + ([] if recurrent is None else [recurrent])
    rng = np.random.default_rng(8)
    directions = [rng.standard_normal(weight.shape) for weight in learned]
    kernel = torch.tensor(rng.standard_normal((T + 1, B, N_OUT)))
    recording = network(x)
    (recording.readout * kernel).sum().backward()
    torch_slope = sum(
        (weight.grad.numpy() * direction).sum()
        for weight, direction in zip(learned, directions, strict=True)
    )
    none = np.zeros((N_HIDDEN, N_HIDDEN))
    weights = [w.detach().numpy() for w in learned] + ([] if recurrent is not None else [none])
    directions += [] if recurrent is not None else [none]
    own_slope = 0.0
    for b in range(B):
        spikes, out = scalar_network(weights, directions, x[:, b].tolist(), layer.neuron)
        own = np.array([[s.value for s in row] for row in spikes])
        assert np.array_equal(own, recording.spikes[0][:, b].detach().numpy())
        readout = np.array([[o.value for o in row] for row in out])
        assert np.abs(readout - recording.readout[:, b].detach().numpy()).max() < 1e-10
        slopes = np.array([[o.slope for o in row] for row in out])
        own_slope += (slopes * kernel[:, b].numpy()).sum()
    assert recording.spikes[0].sum() > 20
    assert own_slope == pytest.approx(torch_slope, rel=1e-10)


@pytest.mark.parametrize("change", [{"reset": "subtract"}, {"detach_reset": False}])
def test_the_variants_differ_so_that_the_comparison_can_fail(change):
    x = random_input()
    gradients = []
    for variant in ({}, change):
        network = small_network(**variant)
        (network(x).readout ** 2).sum().backward()
        gradients.append(network.hidden[0].weight.grad)
    assert (gradients[0] - gradients[1]).abs().max() > 1e-3


def test_hidden_gradient_equals_the_hand_written_backward_recursion():
    network, x = small_network(), random_input()
    kernel = torch.tensor(np.random.default_rng(4).standard_normal((T + 1, B, N_OUT)))
    recording = network(x)
    (recording.readout * kernel).sum().backward()
    layer, p = network.hidden[0], network.hidden[0].neuron
    w1, w2 = layer.weight.detach().numpy(), network.readout.weight.detach().numpy()
    s, inputs, k = recording.spikes[0].detach().numpy(), x.numpy(), kernel.numpy()
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


@pytest.mark.parametrize(("tau_mem_s", "tau_syn_s"), [(10e-3, 5e-3), (30e-3, 4e-3)])
def test_the_psp_peaks_where_the_difference_of_exponentials_does(tau_mem_s, tau_syn_s):
    dt_s = 1e-5
    p = LIParameters(tau_mem_s, tau_syn_s, dt_s, "one_minus_beta")
    zero = torch.zeros(1, 1, dtype=torch.float64)
    state, trace = LIState(zero, zero), []
    for t in range(int(0.05 / dt_s)):
        mem, state = li_step(torch.full((1, 1), float(t == 0), dtype=torch.float64), state, p)
        trace.append(mem.item())
    peak_s = tau_mem_s * tau_syn_s / (tau_mem_s - tau_syn_s) * math.log(tau_mem_s / tau_syn_s)
    assert np.argmax(trace) * dt_s == pytest.approx(peak_s, abs=3 * dt_s)


def test_an_input_spike_can_cause_an_output_spike_two_steps_later_and_no_earlier():
    layer = LIF(1, 1, LIFParameters(), 1.0, torch.Generator())
    with torch.no_grad():
        layer.weight.fill_(50.0)
    x = torch.zeros(10, 1, 1)
    x[3] = 1
    spikes, _ = layer(x)
    assert spikes.flatten().nonzero()[0].item() == 5


def test_a_membrane_at_the_threshold_does_not_fire_and_one_above_is_reset():
    at = zero_state(torch.zeros(1, 3, dtype=torch.float64))._replace(
        mem=torch.tensor([[1.0, 1.5, 0.5]], dtype=torch.float64),
        syn=torch.full((1, 3), 0.25, dtype=torch.float64),
    )
    none = torch.zeros(1, 3, dtype=torch.float64)
    spikes, zeroed = lif_step(none, at, LIFParameters(reset="zero"))
    _, lowered = lif_step(none, at, LIFParameters(reset="subtract"))
    beta = math.exp(-0.1)
    assert spikes.tolist() == [[0, 1, 0]]
    assert zeroed.mem[0].tolist() == pytest.approx([beta + 0.25, 0, beta * 0.5 + 0.25])
    assert lowered.mem[0].tolist() == pytest.approx(
        [beta + 0.25, beta * 1.5 + 0.25 - 1, beta * 0.5 + 0.25]
    )


@pytest.mark.parametrize("detach", [True, False])
def test_the_reset_is_part_of_the_gradient_only_when_attached(detach):
    mem = torch.tensor([[1.2]], dtype=torch.float64, requires_grad=True)
    state = zero_state(torch.zeros(1, 1, dtype=torch.float64))._replace(mem=mem)
    p = LIFParameters(reset="subtract", detach_reset=detach, surrogate=fast_sigmoid(10))
    _, after = lif_step(torch.zeros(1, 1, dtype=torch.float64), state, p)
    after.mem.sum().backward()
    reset_part = 0 if detach else 1 / (10 * 0.2 + 1) ** 2
    assert mem.grad.item() == pytest.approx(math.exp(-0.1) - reset_part)


def test_readout_gradients_agree_with_finite_differences():
    network, x = small_network(), random_input()
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


def test_a_flat_zero_surrogate_freezes_hidden_weights_and_only_those():
    network = small_network(recurrent=True)
    config = NetworkConfig(
        N_IN, (N_HIDDEN,), N_OUT, LIFParameters(surrogate=Surrogate("zero", torch.zeros_like)), 2.0
    )
    frozen = SpikingNetwork(config, torch.Generator().manual_seed(3)).double()
    for each in (network, frozen):
        (each(random_input()).readout ** 2).sum().backward()
    assert frozen.hidden[0].weight.grad.abs().max() == 0
    assert frozen.readout.weight.grad.abs().max() > 0
    assert network.hidden[0].weight.grad.abs().max() > 0


def test_a_layer_continues_from_its_state():
    layer, x = small_network(recurrent=True).hidden[0], random_input()
    whole, last = layer(x)
    first, state = layer(x[:10])
    second, resumed = layer(x[10:], state)
    assert torch.equal(torch.cat([first, second]), whole)
    assert all(torch.equal(a, b) for a, b in zip(last, resumed, strict=True))


def test_no_input_means_no_spikes_and_spikes_are_zero_or_one():
    network = small_network()
    silent = network(torch.zeros(T, B, N_IN, dtype=torch.float64))
    assert silent.spikes[0].sum() == 0
    assert silent.readout.abs().max() == 0
    assert set(network(random_input()).spikes[0].unique().tolist()) == {0.0, 1.0}


def test_layers_can_be_stacked():
    config = NetworkConfig(N_IN, (7, 5), N_OUT, weight_scale=3.0)
    recording = SpikingNetwork(config, torch.Generator().manual_seed(0))(random_input().float())
    assert [tuple(layer.shape) for layer in recording.spikes] == [(T, B, 7), (T, B, 5)]
    assert recording.readout.shape == (T + 1, B, N_OUT)


def test_initial_weights_have_the_stated_deviation_and_come_from_the_generator():
    config = NetworkConfig(400, (300,), 2, weight_scale=0.5)
    first, same = (SpikingNetwork(config, torch.Generator().manual_seed(9)) for _ in range(2))
    weight = first.hidden[0].weight
    assert weight.std().item() == pytest.approx(0.5 / 20, rel=0.02)
    assert torch.equal(weight, same.hidden[0].weight)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LIFParameters(tau_mem_s=0), "tau_mem_s must be positive"),
        (lambda: LIFParameters(dt_s=math.nan), "dt_s must be positive"),
        (lambda: LIFParameters(threshold=-1), "threshold must be positive"),
        (lambda: LIFParameters(reset="soft"), "'zero' or 'subtract', not 'soft'"),
        (lambda: LIParameters(gain="two"), "'one' or 'one_minus_beta', not 'two'"),
        (lambda: NetworkConfig(3, (), 2), "at least one hidden layer"),
        (lambda: small_network()(torch.zeros(B, T, 9)), r"must be \[T, B, 6\] \(time first\)"),
    ],
)
def test_wrong_settings_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
