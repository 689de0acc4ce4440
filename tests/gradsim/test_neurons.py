"""The neuron against closed forms, and its presets against the published orders of a step."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradsim.kernels import reference
from gradsim.neurons import (
    Adaptation,
    LIFParameters,
    LIParameters,
    LIState,
    li_step,
    lif_step,
    snntorch,
    spytorch,
    zero_state,
)
from gradsim.surrogate import fast_sigmoid
from tests.gradsim import scalar

NONE = torch.zeros(1, 1, dtype=torch.float64)


def drive(current, parameters):
    """Return the membrane after each step for currents ``[T]`` into one integrator."""
    state, trace = LIState(NONE, NONE), []
    for value in current:
        mem, state = li_step(torch.full_like(NONE, value), state, parameters)
        trace.append(mem.item())
    return np.array(trace)


@pytest.mark.parametrize("order", ["fire_first", "integrate_first"])
@pytest.mark.parametrize(("tau_mem_s", "tau_syn_s"), [(10e-3, 5e-3), (30e-3, 4e-3)])
def test_the_psp_peaks_where_the_difference_of_exponentials_does(tau_mem_s, tau_syn_s, order):
    dt_s = 1e-5
    p = LIParameters(tau_mem_s, tau_syn_s, dt_s, "one_minus_beta", order)
    trace = drive([1.0] + [0.0] * int(0.05 / dt_s), p)
    peak_s = tau_mem_s * tau_syn_s / (tau_mem_s - tau_syn_s) * math.log(tau_mem_s / tau_syn_s)
    assert np.argmax(trace) * dt_s == pytest.approx(peak_s, abs=3 * dt_s)


@given(st.floats(1e-3, 50e-3), st.floats(1e-3, 50e-3), st.integers(1, 40))
def test_one_input_spike_gives_the_sum_of_powers_of_both_decays(tau_mem_s, tau_syn_s, n):
    p = LIParameters(tau_mem_s, tau_syn_s, order="integrate_first")
    trace = drive([1.0] + [0.0] * n, p)
    alpha, beta = math.exp(-1e-3 / tau_syn_s), math.exp(-1e-3 / tau_mem_s)
    expected = sum(alpha**k * beta ** (n - k) for k in range(n + 1))
    assert trace[-1] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("order", ["fire_first", "integrate_first"])
def test_a_held_current_drives_the_membrane_to_what_the_gain_says(order):
    # With a current that forgets at once, a constant input is a held current.
    settings = {"tau_syn_s": 1e-6, "order": order}
    beta = math.exp(-0.1)
    one = drive([2.0] * 400, LIParameters(**settings))
    exact = drive([2.0] * 400, LIParameters(**settings, gain="one_minus_beta"))
    assert one[-1] == pytest.approx(2 / (1 - beta))
    assert exact[-1] == pytest.approx(2)
    # The exact solution of tau dU/dt = -U + I for a current held from the first step on.
    delay = int(order == "fire_first")
    t = np.arange(1, 50)
    assert exact[t - 1 + delay] == pytest.approx(2 * (1 - np.exp(-t * 1e-3 / 10e-3)), rel=1e-12)


@pytest.mark.parametrize("current", [1.05, 1.5, 3.0])
def test_the_first_spike_comes_when_the_exponential_reaches_the_threshold(current):
    dt_s = 1e-5
    p = LIFParameters(tau_syn_s=1e-9, dt_s=dt_s, gain="one_minus_beta", order="integrate_first")
    n_steps = 4000
    spikes, _ = reference.lif(
        torch.full((n_steps, 1, 1), current, dtype=torch.float64), p, p.decay, None, None
    )
    first_s = (spikes.flatten().nonzero()[0].item() + 1) * dt_s
    assert first_s == pytest.approx(10e-3 * math.log(current / (current - 1)), abs=1.01 * dt_s)


def test_a_membrane_at_the_threshold_does_not_fire_and_one_above_is_reset():
    at = zero_state(torch.zeros(1, 3, dtype=torch.float64))._replace(
        mem=torch.tensor([[1.0, 1.5, 0.5]], dtype=torch.float64),
        syn=torch.full((1, 3), 0.25, dtype=torch.float64),
    )
    none = torch.zeros(1, 3, dtype=torch.float64)
    spikes, zeroed = lif_step(none, at, LIFParameters(reset="zero"))
    _, lowered = lif_step(none, at, LIFParameters(reset="subtract"))
    at_threshold, _ = lif_step(none, at, LIFParameters(strict=False))
    beta = math.exp(-0.1)
    assert spikes.tolist() == [[0, 1, 0]]
    assert at_threshold.tolist() == [[1, 1, 0]]
    assert zeroed.mem[0].tolist() == pytest.approx([beta + 0.25, 0, beta * 0.5 + 0.25])
    assert lowered.mem[0].tolist() == pytest.approx(
        [beta + 0.25, beta * 1.5 + 0.25 - 1, beta * 0.5 + 0.25]
    )


@pytest.mark.parametrize("detach", [True, False])
def test_the_reset_is_part_of_the_gradient_only_when_attached(detach):
    mem = torch.tensor([[1.2]], dtype=torch.float64, requires_grad=True)
    p = LIFParameters(reset="subtract", detach_reset=detach, surrogate=fast_sigmoid(10))
    _, after = lif_step(NONE, zero_state(NONE)._replace(mem=mem), p)
    after.mem.sum().backward()
    reset_part = 0 if detach else 1 / (10 * 0.2 + 1) ** 2
    assert mem.grad.item() == pytest.approx(math.exp(-0.1) - reset_part)


class PublishedSpike(torch.autograd.Function):
    """SpyTorch's and snnTorch's spike as they write it: gradient over (slope |x| + 1) squared."""

    @staticmethod
    def forward(ctx, x, slope):
        ctx.save_for_backward(x)
        ctx.slope = slope
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient / (ctx.slope * x.abs() + 1) ** 2, None


def spytorch_loop(h1, v1):
    """Step as SpyTorch: spike, current, membrane from the old current."""
    alpha, beta = math.exp(-1 / 5), math.exp(-1 / 10)
    syn = mem = out = torch.zeros_like(h1[0])
    recorded = []
    for t in range(len(h1)):
        incoming = h1[t] + out @ v1
        out = PublishedSpike.apply(mem - 1.0, 100.0)
        rst = out.detach()
        new_syn = alpha * syn + incoming
        new_mem = (beta * mem + syn) * (1.0 - rst)
        recorded.append(out)
        mem, syn = new_mem, new_syn
    return torch.stack(recorded)


def snntorch_loop(h1, v1):
    """Step as snnTorch's ``RSynaptic``: reset of the old membrane, current, membrane, spike."""
    alpha, beta = math.exp(-1 / 5), math.exp(-1 / 10)
    syn = mem = out = torch.zeros_like(h1[0])
    recorded = []
    for t in range(len(h1)):
        rst = (mem - 1.0 > 0).to(mem.dtype)
        syn = alpha * syn + h1[t] + out @ v1
        mem = beta * mem + syn - rst * 1.0
        out = PublishedSpike.apply(mem - 1.0, 25.0)
        recorded.append(out)
    return torch.stack(recorded)


def random_drive(n_steps=60, n_samples=4, n=7, seed=1):
    rng = np.random.default_rng(seed)
    currents = torch.tensor(rng.standard_normal((n_steps, n_samples, n)) * 0.4 + 0.1)
    recurrent = torch.tensor(rng.standard_normal((n, n)) * 0.3)
    kernel = torch.tensor(rng.standard_normal((n_steps, n_samples, n)))
    return currents, recurrent, kernel


@pytest.mark.parametrize(("preset", "loop"), [(spytorch, spytorch_loop), (snntorch, snntorch_loop)])
def test_a_preset_does_what_the_published_loop_does(preset, loop):
    currents, recurrent, kernel = random_drive()
    p, outcomes = preset(), []
    for run in (loop, lambda h1, v1: reference.lif(h1, p, p.decay, v1.t(), None)[0]):
        leaves = [each.clone().requires_grad_() for each in (currents, recurrent)]
        spikes = run(*leaves)
        (spikes * kernel).sum().backward()
        outcomes.append([spikes.detach(), *(leaf.grad for leaf in leaves)])
    assert 100 < outcomes[0][0].sum() < 1000
    assert torch.equal(outcomes[0][0], outcomes[1][0])
    for expected, found in zip(*outcomes, strict=True):
        assert (found - expected).norm() < 1e-12 * expected.norm()


@given(st.integers(0, 2**31), st.sampled_from(["zero", "subtract"]))
def test_without_recurrence_both_orders_are_the_same_neuron_two_steps_apart(seed, reset):
    currents, _, kernel = random_drive(30, 2, 3, seed)
    late, early = (
        LIFParameters(reset=reset, order=order) for order in ("fire_first", "integrate_first")
    )
    two_more = torch.cat([currents, torch.zeros_like(currents[:2])])
    outcomes = []
    for p, given_currents, shift in ((late, two_more, 2), (early, currents, 0)):
        leaf = given_currents.clone().requires_grad_()
        spikes, _ = reference.lif(leaf, p, p.decay, None, None)
        (spikes[shift:] * kernel).sum().backward()
        outcomes.append((spikes[shift:].detach(), leaf.grad[: len(currents)]))
    assert torch.equal(outcomes[0][0], outcomes[1][0])
    assert torch.allclose(outcomes[0][1], outcomes[1][1], rtol=1e-12, atol=1e-12)


def test_an_input_spike_can_cause_an_output_spike_in_the_same_step_or_two_steps_later():
    current = torch.zeros(10, 1, 1, dtype=torch.float64)
    current[3] = 50.0
    for order, first in (("fire_first", 5), ("integrate_first", 3)):
        p = LIFParameters(order=order)
        spikes, _ = reference.lif(current, p, p.decay, None, None)
        assert spikes.flatten().nonzero()[0].item() == first


@pytest.mark.parametrize("order", ["fire_first", "integrate_first"])
@pytest.mark.parametrize("detach_reset", [True, False])
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_an_adaptive_threshold_equals_the_loop_over_plain_numbers(reset, detach_reset, order):
    rng = np.random.default_rng(6)
    x = (rng.random((40, 1, 4)) < 0.4).astype(float)
    w, v = rng.standard_normal((3, 4)) * 0.8 + 0.2, rng.standard_normal((3, 3)) * 0.3
    kernel = rng.standard_normal((40, 3))
    p = LIFParameters(
        order=order,
        reset=reset,
        detach_reset=detach_reset,
        surrogate=fast_sigmoid(5),
        adaptation=Adaptation(tau_s=20e-3, strength=1.5),
    )
    weight, recurrent = (torch.tensor(each, requires_grad=True) for each in (w, v))
    spikes, last = reference.lif(torch.tensor(x) @ weight.t(), p, p.decay, recurrent, None)
    (spikes[:, 0] * torch.tensor(kernel)).sum().backward()
    own_w, own_v = scalar.variables(w), scalar.variables(v)
    own = scalar.lif([scalar.variables(now[0]) for now in x], own_w, own_v, p)
    scalar.dot(np.ravel(own), scalar.variables(kernel.ravel())).backward()
    assert np.array_equal(scalar.values(own), spikes[:, 0].detach().numpy())
    assert spikes.sum() > 10
    assert last.adaptation.max() > 0.1
    for leaf, expected in ((weight, own_w), (recurrent, own_v)):
        expected = scalar.gradients(expected)
        assert np.linalg.norm(leaf.grad.numpy() - expected) < 1e-12 * np.linalg.norm(expected)


@pytest.mark.parametrize("order", ["fire_first", "integrate_first"])
def test_the_threshold_of_a_neuron_that_fires_in_every_step_rises_by_the_stated_strength(order):
    adaptation = Adaptation(tau_s=10e-3, strength=1.8)
    p = LIFParameters(order=order, adaptation=adaptation)
    spikes, last = reference.lif(torch.full((300, 1, 1), 1e3), p, p.decay, None, None)
    started = {"fire_first": 2, "integrate_first": 0}[order]
    # Reset to zero keeps nothing of a step, so that the neuron fires in every other one.
    assert spikes[started:, 0, 0].tolist() == [1.0, 0.0] * ((300 - started) // 2)
    rho = math.exp(-0.1)
    highest, lowest = 1 / (1 + rho), rho / (1 + rho)
    assert lowest - 1e-6 <= last.adaptation.item() <= highest + 1e-6
    p = LIFParameters(order=order, adaptation=adaptation, reset="subtract")
    spikes, last = reference.lif(torch.full((300, 1, 1), 1e3), p, p.decay, None, None)
    assert spikes[started:].min() == 1
    assert last.adaptation.item() == pytest.approx(1, abs=1e-6)


def test_a_slowly_driven_neuron_fires_ever_less_often_when_its_threshold_adapts():
    current = torch.full((400, 1, 1), 0.06, dtype=torch.float64)
    counts = []
    for adaptation in (None, Adaptation()):
        p = LIFParameters(adaptation=adaptation)
        spikes, _ = reference.lif(current, p, p.decay, None, None)
        counts.append([half.sum().item() for half in spikes.chunk(2)])
    (plain_first, plain_second), (first, second) = counts
    assert plain_second >= plain_first
    assert 0 < second < first < plain_first


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LIFParameters(tau_mem_s=0), "tau_mem_s must be positive"),
        (lambda: LIFParameters(tau_syn_s=math.inf), "tau_syn_s must be positive and finite"),
        (lambda: LIFParameters(dt_s=math.nan), "dt_s must be positive"),
        (lambda: LIFParameters(threshold=-1), "threshold must be positive"),
        (lambda: LIFParameters(reset="soft"), "'zero' or 'subtract', not 'soft'"),
        (lambda: LIParameters(gain="two"), "'one' or 'one_minus_beta', not 'two'"),
        (lambda: LIParameters(order="both"), "'fire_first' or 'integrate_first', not 'both'"),
        (lambda: Adaptation(tau_s=0), "adaptation_tau_s must be positive"),
        (lambda: Adaptation(strength=-1), "adaptation_strength must be positive"),
    ],
)
def test_wrong_settings_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_preset_of_snntorch_has_the_reset_that_is_asked_for():
    assert [snntorch(reset=how).reset for how in ("zero", "subtract")] == ["zero", "subtract"]
    assert snntorch() == snntorch(reset="subtract")
