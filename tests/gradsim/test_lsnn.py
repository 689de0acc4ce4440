"""The compiled loops against autograd of a plain PyTorch copy, and against closed forms."""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from gradsim import SpikeEvents, delays, from_raster, lsnn
from gradsim.kernels import threads
from gradsim.lsnn import LSNNParameters
from gradsim.lsnn_gradients import RatePenalty, Sequences, bptt, eprop, evaluate

SMALL = LSNNParameters(
    n_in=6, n_regular=3, n_adaptive=4, n_out=3, tau_adapt_s=0.05, n_refractory=2, max_delay=4
)
N_STEPS, N_WINDOWS, N_SAMPLES = 60, 3, 10


class Spike(torch.autograd.Function):
    """A step forward, a triangle backward."""

    @staticmethod
    def forward(ctx, s, dampening):
        ctx.save_for_backward(s)
        ctx.dampening = dampening
        return (s > 0).to(s.dtype)

    @staticmethod
    def backward(ctx, g):
        (s,) = ctx.saved_tensors
        return g * ctx.dampening * (1 - s.abs()).clamp(min=0), None


def plain(p, weights, delay, raster):
    """Return spikes ``[T, B, n]`` and traces, step by step as the module's equations have it."""
    alpha, rho, kappa = (
        math.exp(-p.dt_s / tau) for tau in (p.tau_mem_s, p.tau_adapt_s, p.tau_out_s)
    )
    beta = torch.tensor([0.0] * p.n_regular + [p.beta] * p.n_adaptive, dtype=raster.dtype)
    w_in, w_rec, _ = weights
    driven = delays.currents(raster, w_in, delay[:, : p.n_in])
    b = v = z = trace = raster.new_zeros(raster.shape[1], p.n)
    spikes, traces = [], []
    for t in range(len(raster)):
        current = driven[t]
        for d in range(1, min(p.max_delay, t) + 1):
            mask = torch.as_tensor(delay[:, p.n_in :] == d)
            current = current + spikes[t - d] @ (w_rec * mask).T
        b = rho * b + (1 - rho) * z
        threshold = p.threshold + beta * b
        reset = threshold * z
        v = alpha * v + (1 - alpha) * current - (reset.detach() if p.detach_reset else reset)
        resting = sum(spikes[max(0, t - p.n_refractory) : t], torch.zeros_like(v)) > 0
        z = Spike.apply((v - threshold) / threshold, p.dampening) * ~resting
        trace = kappa * trace + (1 - kappa) * z
        spikes.append(z)
        traces.append(trace)
    return torch.stack(spikes), torch.stack(traces)


def plain_loss(p, weights, delay, raster, targets, penalty=None):
    spikes, traces = plain(p, weights, delay, raster)
    means = traces.reshape(targets.shape[1], -1, *traces.shape[1:]).mean(dim=1)
    logits = means @ weights[2].T
    labels = torch.as_tensor(targets.T).reshape(-1)
    loss = cross_entropy(logits.reshape(len(labels), -1), labels, ignore_index=-1)
    if penalty:
        rates = spikes.mean(dim=(0, 1)) / p.dt_s
        loss = loss + penalty.strength * ((rates - penalty.rate_hz) ** 2).mean()
    return loss, spikes


def example(parameters=SMALL, seed=0, dtype=np.float64):
    """Return a network that fires, and sequences for it."""
    rng = np.random.default_rng(seed)
    network = lsnn.initial(parameters, rng, dtype)
    raster = torch.as_tensor(rng.poisson(0.15, (N_STEPS, N_SAMPLES, parameters.n_in)).astype(float))
    targets = rng.integers(-1, parameters.n_out, (N_SAMPLES, N_WINDOWS))
    return network, raster, Sequences(from_raster(raster), targets)


def tensors(weights):
    return [torch.tensor(part, requires_grad=True) for part in weights]


def relative(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("penalty", [None, RatePenalty(1e-3, 5.0)])
def test_bptt_is_autograd_of_the_plain_form(detach, penalty):
    parameters = dataclasses.replace(SMALL, detach_reset=detach)
    network, raster, sequences = example(parameters)
    weights = tensors(network.weights)
    loss, spikes = plain_loss(
        parameters, weights, network.delays, raster, sequences.targets, penalty
    )
    loss.backward()
    learned = bptt(network, sequences, penalty=penalty)
    assert spikes.sum() > 100
    assert learned.loss == pytest.approx(loss.item(), rel=1e-12)
    assert (learned.outcome.counts == spikes.sum(dim=0).detach().numpy()).all()
    weights[1].grad.fill_diagonal_(0)
    for found, tensor in zip(learned.gradients, weights, strict=True):
        assert relative(found, tensor.grad.numpy()) < 1e-9


@pytest.mark.parametrize("penalty", [None, RatePenalty(1e-3, 5.0)])
def test_eprop_is_bptt_where_there_is_nothing_to_cut(penalty):
    network, _, sequences = example(dataclasses.replace(SMALL, detach_reset=True))
    w_in, w_rec, w_out = network.weights
    network = network._replace(weights=lsnn.Weights(w_in, np.zeros_like(w_rec), w_out))
    exact = bptt(network, sequences, penalty=penalty)
    local = eprop(network, sequences, penalty=penalty)
    assert exact.outcome.counts.sum() > 100
    for found, expected in zip(local.gradients, exact.gradients, strict=True):
        assert relative(found, expected) < 1e-10


def test_eprop_leaves_out_what_comes_back_through_recurrent_synapses():
    network, _, sequences = example(dataclasses.replace(SMALL, detach_reset=True))
    exact, local = bptt(network, sequences), eprop(network, sequences)
    assert local.loss == exact.loss
    assert relative(local.gradients.w_out, exact.gradients.w_out) == 0
    assert relative(local.gradients.w_in, exact.gradients.w_in) > 0.01


def test_feedback_takes_the_place_of_the_readout_for_the_neurons_only():
    network, _, sequences = example()
    symmetric = eprop(network, sequences).gradients
    same = eprop(network, sequences, feedback=network.weights.w_out).gradients
    doubled = eprop(network, sequences, feedback=2 * network.weights.w_out).gradients
    assert all((a == b).all() for a, b in zip(symmetric, same, strict=True))
    assert relative(doubled.w_in, 2 * symmetric.w_in) < 1e-12
    assert (doubled.w_out == symmetric.w_out).all()


@pytest.mark.parametrize("parameters", [SMALL, dataclasses.replace(SMALL, max_delay=1)])
def test_a_run_fires_and_reads_out_as_the_plain_form(parameters):
    network, raster, sequences = example(parameters)
    ran = lsnn.run(network, sequences.inputs)
    spikes, traces = plain(parameters, tensors(network.weights), network.delays, raster)
    assert (ran.spikes == spikes.detach().numpy()).all()
    readout = traces.detach().numpy() @ network.weights.w_out.T
    assert ran.readout == pytest.approx(readout, rel=1e-12, abs=1e-15)
    windows = readout.reshape(N_WINDOWS, -1, *readout.shape[1:]).mean(axis=1)
    logits = evaluate(network, sequences).logits
    assert logits.swapaxes(0, 1) == pytest.approx(windows, rel=1e-10, abs=1e-14)


def part(raster, first, last):
    return from_raster(raster[first:last])


def test_two_runs_with_the_state_carried_over_are_one_long_run():
    network, raster, _ = example(dtype=np.float32)
    whole = lsnn.run(network, from_raster(raster))
    cut = 23
    first = lsnn.run(network, part(raster, 0, cut))
    second = lsnn.run(network, part(raster, cut, N_STEPS), first.state)
    assert whole.spikes[cut:].sum() > 50
    assert (np.concatenate([first.spikes, second.spikes]) == whole.spikes).all()
    assert (np.concatenate([first.readout, second.readout]) == whole.readout).all()
    for found, expected in zip(second.state, whole.state, strict=True):
        assert (found == expected).all()


def test_a_neuron_rests_after_a_spike():
    network, _, sequences = example()
    driven = network._replace(weights=network.weights._replace(w_in=np.abs(network.weights.w_in)))
    spikes = lsnn.run(driven, sequences.inputs).spikes.astype(int)
    gaps = [np.diff(np.flatnonzero(train)) for train in spikes.reshape(N_STEPS, -1).T]
    assert min(gap.min() for gap in gaps if gap.size) == SMALL.n_refractory + 1


def test_without_input_nothing_fires_and_nothing_is_learned():
    network, _, (_, targets) = example()
    none = np.zeros(0, np.int16)
    silent = SpikeEvents(none, none, np.zeros(N_SAMPLES + 1, np.int64), SMALL.n_in, N_STEPS)
    for rule in (bptt, eprop):
        learned = rule(network, Sequences(silent, targets))
        assert learned.outcome.counts.sum() == 0
        assert learned.loss == pytest.approx(math.log(SMALL.n_out))
        assert not any(gradient.any() for gradient in learned.gradients)


@pytest.mark.parametrize("rule", [bptt, eprop])
def test_results_do_not_depend_on_the_number_of_threads(rule, monkeypatch):
    network, _, sequences = example(dtype=np.float32)
    alone = rule(network, sequences)
    monkeypatch.setattr(threads, "torch", SimpleNamespace(get_num_threads=lambda: 2))
    shared = rule(network, sequences)
    assert shared.loss == alone.loss
    assert all((a == b).all() for a, b in zip(shared.gradients, alone.gradients, strict=True))
    assert all(part.dtype == np.float32 for part in alone.gradients)


def test_what_does_not_fit_is_refused():
    network, _, (inputs, targets) = example()
    other = lsnn.initial(dataclasses.replace(SMALL, n_in=5), np.random.default_rng(0))
    with pytest.raises(ValueError, match="6 input units for 5 inputs"):
        lsnn.run(other, inputs)
    with pytest.raises(ValueError, match="divisor of 60 steps"):
        bptt(network, Sequences(inputs, np.zeros((N_SAMPLES, 7), np.int64)))
    with pytest.raises(ValueError, match="must lie in"):
        bptt(network, Sequences(inputs, targets + 1))
    with pytest.raises(ValueError, match="nothing is asked"):
        bptt(network, Sequences(inputs, np.full_like(targets, -1)))
    with pytest.raises(ValueError, match="feedback must be"):
        eprop(network, Sequences(inputs, targets), feedback=np.zeros((2, 2)))
    narrow = network.weights._replace(w_out=network.weights.w_out.astype(np.float32))
    with pytest.raises(ValueError, match="w_out must be float64"):
        lsnn.run(network._replace(weights=narrow), inputs)
    with pytest.raises(ValueError, match=r"delays must lie in 1\.\.4 steps"):
        lsnn.run(network._replace(delays=network.delays + 1), inputs)
    with pytest.raises(ValueError, match="mem of the state"):
        lsnn.run(network, inputs, lsnn.zero_state(network, N_SAMPLES + 1))
    for bad in ({"n_in": 0}, {"threshold": 0.0}, {"beta": -1.0}, {"max_delay": 0}):
        with pytest.raises(ValueError, match=r"must"):
            LSNNParameters(**bad)
