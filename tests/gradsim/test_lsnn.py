"""The compiled loops against autograd of a plain PyTorch copy, and against closed forms."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from gradsim import delays, from_raster, lsnn
from gradsim.lsnn import LSNNParameters
from gradsim.lsnn_gradients import RatePenalty, Sequences, bptt, eprop

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
