"""Maps that rebuild their input: against neurons stepped one by one, and what learning does."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from gradsim import autoencoder, autoencoder_training
from gradsim.autoencoder import RebuildingMaps
from gradsim.autoencoder_training import Rebuilding
from gradsim.count_head import CountHead, Counts
from gradsim.rank_code import RankCode, contrasts


def maps(winners: int | None = 2, n_maps: int = 5) -> RebuildingMaps:
    rng = np.random.default_rng(0)
    return RebuildingMaps(
        rng.normal(size=(n_maps, 2, 3, 3)), rng.normal(size=n_maps) / 4, 0.3, 0.1, 4, winners
    )


def some_spikes(n: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 5, (n, 2, 6, 5)).astype(np.uint8)


def stepped(layer: RebuildingMaps, window: np.ndarray) -> np.ndarray:
    """Return how often the neurons of one place spike, step by step."""
    potential = (layer.weights * window).sum(axis=(1, 2, 3)) * layer.gain - layer.bias
    in_play = np.argsort(-potential)[: layer.winners]
    counts = np.zeros(len(potential), int)
    for _ in range(layer.n_steps):
        for k in in_play:
            if potential[k] >= layer.threshold:
                potential[k] -= layer.threshold
                counts[k] += 1
    return counts


@pytest.mark.parametrize("winners", [1, 2, 3, 5, None])
def test_counts_are_those_of_neurons_that_spike_step_by_step(winners: int | None) -> None:
    layer, spikes = maps(winners), some_spikes()
    wide = np.pad(spikes.astype(float), [(0, 0), (0, 0), (1, 1), (1, 1)])
    found = autoencoder.respond(layer, spikes)
    assert found.max() == 4
    for n, y, x in np.ndindex(3, 6, 5):
        expected = stepped(layer, wide[n, :, y : y + 3, x : x + 3])
        np.testing.assert_array_equal(found[n, :, y, x], expected)


def test_what_learns_answers_as_what_responds() -> None:
    layer, spikes = maps(), some_spikes()
    middle = autoencoder.respond(layer, spikes[:, :, :3, :3])[:, :, 1, 1]
    batch = spikes[:, :, :3, :3].reshape(3, -1) * np.float32(layer.gain)
    flat = layer.weights.reshape(5, -1)
    found = autoencoder_training.hidden(layer, flat, layer.bias, batch)
    np.testing.assert_array_equal(found, middle)


def test_an_input_is_rebuilt_by_the_mean_of_the_windows_it_lies_in() -> None:
    layer, counts = maps(), autoencoder.respond(maps(), some_spikes())
    told, n_windows = np.zeros((3, 2, 8, 7)), np.zeros((8, 7))
    for y, x in np.ndindex(6, 5):
        part = np.einsum("nk,kcij->ncij", counts[:, :, y, x].astype(float), layer.weights)
        told[:, :, y : y + 3, x : x + 3] += part * layer.threshold / layer.gain
        n_windows[y : y + 3, x : x + 3] += 1
    expected = (told / n_windows)[:, :, 1:-1, 1:-1]
    np.testing.assert_allclose(autoencoder.rebuilt(layer, counts), expected, rtol=1e-4, atol=1e-4)


def test_a_step_goes_down_the_gradient_of_the_error_through_the_decoder() -> None:
    shown = some_spikes()[:, :, :3, :3]
    layer = maps()
    drawn = np.random.default_rng(0).integers(3, size=1)
    x = torch.from_numpy(shown[drawn].reshape(1, -1) * np.float32(layer.gain))
    rule = Rebuilding(rate=0.5, homeostasis=0.1, target=0.2, batch_size=1, n_batches=1)
    found, _ = autoencoder_training.learn(layer, shown, rule, np.random.default_rng(0))
    weights = torch.from_numpy(layer.weights.reshape(5, -1).copy()).requires_grad_()
    with torch.no_grad():
        counts = torch.from_numpy(
            autoencoder_training.hidden(layer, weights.numpy(), layer.bias, x.numpy())
        )
    loss = 0.5 * (x[0] - layer.threshold * counts[0] @ weights).square().sum()
    loss.backward()
    assert weights.grad is not None
    expected = weights.detach() - 0.5 * weights.grad
    np.testing.assert_allclose(found.weights.reshape(5, -1), expected, rtol=1e-5, atol=1e-6)
    active = (counts[0] > 0).float().numpy()
    np.testing.assert_allclose(found.bias, layer.bias + 0.1 * (active - 0.2), rtol=1e-5)


def bars(n: int = 400) -> np.ndarray:
    """Return windows of one bar each, upright or level, at one of three places."""
    rng = np.random.default_rng(2)
    shown = np.zeros((n, 1, 3, 3), np.uint8)
    for window, place, upright in zip(
        shown, rng.integers(3, size=n), rng.random(n) < 0.5, strict=True
    ):
        (window[0].T if upright else window[0])[place] = 6
    return shown


def test_learning_rebuilds_bars_and_random_filters_do_not() -> None:
    start = dataclasses.replace(
        autoencoder_training.initial(12, bars(), np.random.default_rng(0)), winners=2
    )
    rule = Rebuilding(target=1 / 12, n_batches=1000)
    learned, history = autoencoder_training.learn(start, bars(), rule, np.random.default_rng(0))
    still = dataclasses.replace(rule, rate=0.0)
    random, control = autoencoder_training.learn(start, bars(), still, np.random.default_rng(0))
    assert history.error[-1] < 0.6 < 1 < control.error[-1]
    np.testing.assert_array_equal(random.weights, start.weights)
    assert history.active[-1] == pytest.approx(1 / 12, rel=0.5)
    assert history.seen[-1] == 100 * 1000
    assert np.abs(learned.weights - start.weights).max() > 0.1


def test_windows_are_parts_of_the_images_with_silence_around() -> None:
    image = np.arange(1, 10, dtype=np.uint8).reshape(1, 1, 3, 3)
    found = autoencoder_training.windows(image, 3, 200, 12, np.random.default_rng(0))
    assert {int(window[0, 1, 1]) for window in found} == set(range(1, 10))
    corner = next(window for window in found if window[0, 1, 1] == 1)
    np.testing.assert_array_equal(corner[0], [[0, 0, 0], [0, 1, 2], [0, 4, 5]])
    loud = autoencoder_training.windows(image, 3, 200, 20, np.random.default_rng(0))
    assert 1 not in {int(window[0, 1, 1]) for window in loud}


def test_silent_images_have_no_windows() -> None:
    silent = np.zeros((1, 1, 3, 3), np.uint8)
    with pytest.raises(ValueError, match="hardly any window has 1 spikes"):
        autoencoder_training.windows(silent, 3, 5, 1, np.random.default_rng(0))


def test_contrasts_spike_as_often_as_neurons_that_begin_at_half_their_threshold() -> None:
    image = np.random.default_rng(0).random((1, 8, 8))
    code = RankCode(n_steps=6, threshold=1 / 12)
    drive = contrasts(image, code)[0]
    potential, counts = np.full(drive.shape, 0.5), np.zeros(drive.shape, int)
    for _ in range(6):
        potential += drive / 1.5
        counts += potential >= 1
        potential -= potential >= 1
    found = autoencoder.contrast_spikes(image, code, full=1.5)[0]
    np.testing.assert_array_equal(found, counts)
    assert 0 < found.max() <= 6


def test_pools_take_the_strongest_or_all() -> None:
    counts = np.arange(18, dtype=np.uint8).reshape(1, 2, 3, 3)
    np.testing.assert_array_equal(autoencoder.strongest(counts, 2)[0, 0], [[4, 5], [7, 8]])
    np.testing.assert_array_equal(autoencoder.pooled(counts, 2)[0, 0], [[8, 7], [13, 8]])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"weights": np.ones((1, 1, 2, 2))}, "odd"),
        ({"bias": np.zeros(2)}, "bias"),
        ({"threshold": 0.0}, "threshold"),
        ({"n_steps": 256}, "n_steps"),
        ({"winners": 6}, "winners"),
    ],
)
def test_layers_out_of_range_are_refused(wrong, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        dataclasses.replace(maps(), **wrong)


@pytest.mark.parametrize("wrong", [{"target": 1.5}, {"n_batches": 0}, {"rate": -1.0}])
def test_rules_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Rebuilding(**wrong)


@pytest.mark.parametrize("spikes", [np.zeros((1, 3, 4, 4), int), np.full((1, 2, 4, 4), -1)])
def test_spikes_that_do_not_fit_are_refused(spikes: np.ndarray) -> None:
    with pytest.raises(ValueError, match="spikes must be"):
        autoencoder.respond(maps(), spikes)


def test_a_head_is_of_neurons_that_spike_step_by_step() -> None:
    head = CountHead((6, 7, 3), 0.4, 5, generator=torch.Generator().manual_seed(0)).eval()
    counts = np.random.default_rng(0).integers(0, 5, (4, 6))
    found = head(Counts(counts).take(slice(None)))
    weight, threshold = head.hidden.weight.detach().numpy(), float(head.neurons.threshold.detach())
    drive = 5 * 0.4 * counts @ weight.T
    potential, spikes = drive + threshold / 2, np.zeros((4, 7))
    for step in range(5):
        fires = potential >= threshold
        np.testing.assert_array_equal(found.spikes[0][step], fires)
        potential, spikes = potential - threshold * fires, spikes + fires
    np.testing.assert_allclose(found.counts[0].detach(), spikes, atol=1e-5)
    expected = spikes * threshold / 5 @ head.output.weight.detach().numpy().T
    np.testing.assert_allclose(found.readout[0].detach(), expected, rtol=1e-5, atol=1e-5)


def test_dropout_is_drawn_from_the_heads_generator_while_it_trains() -> None:
    head = CountHead((50, 40, 3), dropout=(0.5, 0.5), generator=torch.Generator().manual_seed(0))
    given, state = torch.ones(2, 50), torch.get_rng_state()
    first, again = head(given).readout, head(given).readout
    assert not torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), state)
    head.eval()
    assert torch.equal(head(given).readout, head(given).readout)


@pytest.mark.parametrize("wrong", [{"gain": 0.0}, {"dropout": (0.0, 1.0)}])
def test_heads_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CountHead((2, 3, 2), **wrong)
