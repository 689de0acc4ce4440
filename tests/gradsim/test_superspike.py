"""SuperSpike: loops against the scalar form, changes against autograd, what feedback decides."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from gradsim import TrainingError, superspike
from gradsim import surrogate as surrogates
from gradsim.feedback import Feedback
from gradsim.superspike import (
    Pattern,
    SuperSpikeParameters,
    SuperSpikeTraining,
    Weights,
    changes,
    draw_pattern,
    initial,
    learn,
    present,
    psp,
)
from tests.gradsim import scalar_superspike as scalar

SMALL = SuperSpikeParameters(n_in=20, n_hidden=6, n_out=3)


def example(parameters=SMALL, seed=0, **drawn):
    rng = np.random.default_rng(seed)
    drawn = {"duration_s": 0.2, "rate_hz": 40.0, "n_targets": 4, **drawn}
    pattern = draw_pattern(parameters, rng, **drawn)
    return pattern, initial(parameters, rng, output_scale=3.0)


def matrix(kind, parameters, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Feedback(kind, parameters.n_out, parameters.n_hidden, generator=generator)


def relative(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("kind", ["symmetric", "random", "uniform"])
def test_loops_and_products_are_the_scalar_form(kind):
    pattern, weights = example()
    back = matrix(kind, SMALL)(torch.from_numpy(weights.output)).numpy()
    response = present(SMALL, weights, pattern)
    expected = scalar.present(SMALL, weights, pattern, back, rho=0.3)
    assert expected.hidden.sum() > 50
    assert expected.output.sum() > 10
    assert (response.hidden.spikes == expected.hidden).all()
    assert (response.output.spikes == expected.output).all()
    assert response.loss == pytest.approx(expected.loss, rel=1e-5)
    found = changes(SMALL, weights, pattern, response, back, rho=0.3)
    assert relative(found.hidden, expected.d_hidden) < 1e-4
    assert relative(found.output, expected.d_output) < 1e-4


def kernel(cell, n_steps):
    """Return eps ``[T, T]`` as a matrix, from its closed form."""
    alpha, beta, gain = (float(value) for value in (cell.alpha, cell.beta, cell.gain))
    behind = np.arange(n_steps)
    height = gain * (beta ** (behind + 1) - alpha ** (behind + 1)) / (beta - alpha)
    lag = behind[:, None] - behind
    return torch.tensor(np.where(lag >= 0, height[np.maximum(lag, 0)], 0))


def test_a_spike_makes_a_potential_of_height_one():
    cell = SMALL.cell()
    signals = np.zeros((400, 1), np.float32)
    signals[0] = 1
    found = psp(signals, cell)[:, 0]
    assert found.max() == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(found, kernel(cell, 400)[:, 0], atol=1e-5)
    peak_s = math.log(2) * 10e-3  # of the difference of exponentials
    assert found.argmax() * SMALL.dt_s == pytest.approx(peak_s, abs=2 * SMALL.dt_s)


def gradient(weights, eps, traces, layer, slope, signals):
    """Return the gradient of ``sum signals * (eps s)``, reset left out, spikes as they were."""
    w = torch.tensor(weights.astype(float), requires_grad=True)
    distance = 1 / np.sqrt(layer.slopes.astype(float)) - 1  # slope |U - 1|
    mem = np.where(layer.spikes > 0, 1 + distance / slope, 1 - distance / slope)
    driven = traces @ w.T
    shape = surrogates.fast_sigmoid(slope)
    spikes = surrogates.spike(torch.tensor(mem) - 1 + driven - driven.detach(), shape)
    assert (spikes.detach().numpy() == layer.spikes).all()
    (signals(eps @ spikes)).backward()
    return w.grad.numpy()


def test_changes_are_gradients_of_the_network_with_surrogate_slopes():
    pattern, weights = example()
    response = present(SMALL, weights, pattern)
    found = changes(SMALL, weights, pattern, response, weights.output)
    eps, p = kernel(SMALL.cell(), len(pattern.spikes)), SMALL
    wanted = eps @ torch.tensor(pattern.targets.astype(float))

    def loss(answer):
        return -0.5 * (wanted - answer).square().sum()

    of_hidden = eps @ torch.tensor(response.hidden.spikes.astype(float))
    output = gradient(weights.output, eps, of_hidden, response.output, p.slope, loss)
    assert relative(found.output, output) < 1e-5

    errors = torch.tensor(response.errors.astype(float) @ weights.output)
    of_inputs = eps @ torch.tensor(pattern.spikes.astype(float))
    hidden = gradient(
        weights.hidden, eps, of_inputs, response.hidden, p.slope, lambda s: (errors * s).sum()
    )
    assert relative(found.hidden, hidden) < 1e-4


def test_the_loss_is_the_distance_between_filtered_trains():
    pattern, weights = example()
    silent = Weights(weights.hidden, np.zeros_like(weights.output))
    response = present(SMALL, silent, pattern)
    assert response.output.spikes.sum() == 0
    filtered = kernel(SMALL.cell(), len(pattern.spikes)) @ torch.tensor(
        pattern.targets.astype(float)
    )
    expected = 0.5 * SMALL.dt_s * filtered.square().mean(dim=1).sum().item()
    assert response.loss == pytest.approx(expected, rel=1e-5)
    answered = Pattern(pattern.spikes, present(SMALL, weights, pattern).output.spikes)
    assert present(SMALL, weights, answered).loss == 0


def test_neurons_rest_behind_a_spike():
    pattern, weights = example()
    strong = Weights(np.abs(weights.hidden) * 5, weights.output)
    spikes = present(SMALL, strong, pattern).hidden.spikes
    gaps = np.concatenate([np.diff(np.flatnonzero(train)) for train in spikes.T])
    assert gaps.min() == round(SMALL.refractory_s / SMALL.dt_s) + 1


EASY = SuperSpikeParameters(n_hidden=4)


def learned(kind, parameters=EASY, seed=0, **training):
    rng = np.random.default_rng(seed)
    pattern = draw_pattern(parameters, rng)
    weights = initial(parameters, rng)
    back = matrix(kind, parameters, seed)
    how = SuperSpikeTraining(**training)
    after, history = learn(parameters, weights, pattern, back, how)
    return weights, after, history, back


@pytest.mark.parametrize("kind", ["symmetric", "random", "uniform"])
def test_an_easy_pattern_is_learned_with_any_feedback(kind):
    _, _, history, _ = learned(kind)
    assert history.loss.shape == history.angle_deg.shape == (600,)
    assert history.loss[-20:].mean() < 0.25 * history.loss[0]
    assert history.spikes[-1, 1] == 5


def test_without_feedback_hidden_weights_stay_and_the_pattern_is_not_learned():
    before, after, history, _ = learned("none")
    assert (after.hidden == before.hidden).all()
    assert (after.output != before.output).any()
    assert history.loss[-20:].mean() > 0.7 * history.loss[0]
    assert np.isnan(history.angle_deg).all()


def test_a_hard_pattern_wants_symmetric_feedback():
    hard = dataclasses.replace(EASY, n_hidden=10, n_out=10)
    reached = {
        kind: learned(kind, hard, presentations=400)[2].loss[-20:].mean()
        for kind in ("symmetric", "random")
    }
    assert reached["symmetric"] < 0.5 * reached["random"]


def test_feedback_and_what_was_given_stay_as_they_were():
    rng = np.random.default_rng(0)
    pattern, weights = draw_pattern(EASY, rng), initial(EASY, rng)
    copies = [part.copy() for part in (*weights, *pattern)]
    back = matrix("random", EASY)
    before = back.matrix.clone()
    after, history = learn(EASY, weights, pattern, back, SuperSpikeTraining(presentations=5))
    assert torch.equal(back.matrix, before)
    assert all((a == b).all() for a, b in zip(copies, (*weights, *pattern), strict=True))
    assert (after.hidden != weights.hidden).any()
    cosine = np.sum(weights.output * back.matrix.numpy())
    cosine /= np.linalg.norm(weights.output) * np.linalg.norm(back.matrix)
    assert history.angle_deg[0] == pytest.approx(math.degrees(math.acos(cosine)), rel=1e-4)
    assert learned("symmetric", presentations=3)[2].angle_deg == pytest.approx(0, abs=1e-2)


def test_the_penalty_keeps_neurons_from_firing_without_end():
    fired = [
        learned("uniform", presentations=100, rho=rho)[2].spikes[-20:, 0].mean()
        for rho in (0.0, 10.0)
    ]
    assert fired[1] < 0.7 * fired[0]


def test_the_rate_falls_in_a_straight_line():
    once, twice = (learned("symmetric", presentations=n)[1] for n in (1, 2))
    first = np.abs(once.output - learned("symmetric", presentations=1)[0].output).max()
    eta = SuperSpikeTraining().learning_rate
    assert first == pytest.approx(eta, rel=1e-3)
    assert np.abs(twice.output - once.output).max() == pytest.approx(eta / 2, rel=1e-3)


def test_what_does_not_fit_is_refused():
    pattern, weights = example()
    with pytest.raises(ValueError, match=r"hidden must be \[6, 20\]"):
        present(SMALL, Weights(weights.hidden.T, weights.output), pattern)
    with pytest.raises(ValueError, match=r"targets must be \[400, 3\]"):
        present(SMALL, weights, Pattern(pattern.spikes, pattern.targets[:, :2]))
    for wrong in ({"n_out": 0}, {"slope": 0.0}, {"refractory_s": -1.0}, {"tau_syn_s": 10e-3}):
        with pytest.raises(ValueError, match=r"must"):
            SuperSpikeParameters(**wrong)
    for wrong in (
        {"presentations": 0},
        {"learning_rate": 0.0},
        {"gamma": 1.0},
        {"rho": -1.0},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            SuperSpikeTraining(**wrong)
    with pytest.raises(ValueError, match="targets and a rate"):
        draw_pattern(SMALL, np.random.default_rng(0), duration_s=0.02)
    nan = Weights(np.full_like(weights.hidden, np.nan), weights.output)
    with pytest.raises(TrainingError, match="smaller learning rate"):
        learn(SMALL, nan, pattern, matrix("symmetric", SMALL), SuperSpikeTraining(2))
    lists = Weights(*(part.tolist() for part in weights))
    assert present(SMALL, lists, pattern).loss == present(SMALL, weights, pattern).loss
    assert superspike.EARLIEST_S < 0.2
