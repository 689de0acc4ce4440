"""The LSTM with hard gates and whole numbers, and how it is trained."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
import torch

from gradsim import TrainingError
from gradsim.lstm import HardLSTM
from gradsim.lstm_training import LSTMTraining, SymbolSequences, answered, train_lstm


def plain(network: HardLSTM, inputs: np.ndarray, window: int | None) -> list[np.ndarray]:
    """Return logits, hidden values and cells, one sequence and one cell at a time."""
    ticks = window or 1
    w_in, w_rec, bias, w_out, b_out = (
        (np.round(part * network.unit) / network.unit if window else part)
        for part in (
            getattr(network, name).detach().numpy().astype(float)
            for name in ("w_in", "w_rec", "bias", "w_out", "b_out")
        )
    )

    def whole(x: float) -> float:
        return np.sign(x) * np.floor(abs(x) + 0.5) if window else x

    n, rows = w_rec.shape[1], []
    for sequence in inputs.swapaxes(0, 1):
        hidden, cell, row = np.zeros(n), np.zeros(n), []
        for values in sequence:
            counts = np.array([whole(ticks * x) for x in values])
            if counts.any():
                u = (w_in @ counts + w_rec @ hidden + ticks * bias).reshape(4, n)
                for j in range(n):
                    i, f, o = (whole(np.clip(v / 4 + ticks / 2, 0, ticks)) for v in u[:3, j])
                    g = whole(np.clip(u[3, j], -ticks, ticks))
                    new = whole(f * cell[j] / ticks) + whole(i * g / ticks)
                    cell[j] = np.clip(new, -network.limit * ticks, network.limit * ticks)
                    hidden[j] = whole(o * np.clip(cell[j], -ticks, ticks) / ticks)
            row.append((w_out @ hidden / ticks + b_out, hidden.copy(), cell.copy()))
        rows.append(row)
    return [np.array([[step[k] for step in row] for row in rows]).swapaxes(0, 1) for k in range(3)]


def wild(seed: int = 0, **settings: int) -> HardLSTM:
    network = HardLSTM(3, 4, 2, np.random.default_rng(seed), **settings)
    with torch.no_grad():
        network.w_in.mul_(2)
        network.b_out.add_(0.3)
    return network


def some(n_steps: int = 9, n: int = 5, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (n_steps, n, 3)) * (rng.random((n_steps, n, 1)) < 0.8)


@pytest.mark.parametrize("window", [None, 1, 3, 8, 64])
@pytest.mark.parametrize("limit", [1, 3])
def test_it_is_what_its_equations_say(window, limit):
    network, inputs = wild(limit=limit), some()
    found = network(inputs, window)
    atol = 1e-5 if window is None else 0
    logits, hidden, cell = plain(network, inputs.astype(np.float32), window)
    np.testing.assert_allclose(found.logits.detach().numpy(), logits, atol=1e-5)
    np.testing.assert_allclose(found.hidden.detach().numpy(), hidden, atol=atol)
    np.testing.assert_allclose(found.cell.detach().numpy(), cell, atol=atol)


def test_gradients_pass_roundings_as_if_they_were_not_there():
    network, inputs = wild(), torch.from_numpy(some(n_steps=4))

    def gradient(window: int | None) -> torch.Tensor:
        network.zero_grad()
        network(inputs, window).logits.square().sum().backward()
        return torch.cat([part.grad.ravel() for part in network.parameters()])

    exact, coarse, fine = gradient(None), gradient(8), gradient(256)
    similarity = torch.nn.functional.cosine_similarity
    assert similarity(exact, coarse, dim=0) > 0.9
    assert similarity(exact, fine, dim=0) > 0.999
    assert 0 < (exact - fine).norm() < 0.2 * (exact - coarse).norm()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"n_hidden": 0}, "n_hidden must be at least 1, not 0"),
        ({"limit": 0}, "limit must be at least 1, not 0"),
        ({"unit": 48}, "unit must be a power of two, 2 or more, not 48"),
        ({"unit": 1}, "unit must be a power of two, 2 or more, not 1"),
    ],
)
def test_impossible_networks_are_refused(changes, told):
    sizes = {"n_in": 2, "n_hidden": 3, "n_out": 2, **changes}
    with pytest.raises(ValueError, match=re.escape(told)):
        HardLSTM(**sizes, rng=np.random.default_rng(0))


def test_impossible_windows_are_refused():
    with pytest.raises(ValueError, match=re.escape("window must lie in 1..256, not 257")):
        wild()(some(), 257)


def last_but_one(n: int, rng: np.random.Generator) -> SymbolSequences:
    """Return a task of memory: which of three symbols came before this one."""
    symbols = rng.integers(3, size=(5, n))
    targets = np.concatenate([np.full((1, n), -1), symbols[:-1]])
    return SymbolSequences(np.eye(3, dtype=np.float32)[symbols], targets)


QUICK = LSTMTraining(iterations=100, learning_rate=0.05, validate_every=20, window=16)


def trained(seed: int = 0, draw=last_but_one, **settings):
    rng = np.random.default_rng(seed)
    start, held_out = HardLSTM(3, 8, 3, rng), last_but_one(100, rng)
    before = {name: part.clone() for name, part in start.state_dict().items()}
    config = dataclasses.replace(QUICK, **settings)
    network, history = train_lstm(start, draw, held_out, config, rng)
    for name, part in start.state_dict().items():  # unchanged
        torch.testing.assert_close(part, before[name], rtol=0, atol=0)
    return network, history, held_out


def test_it_learns_for_counts_and_keeps_the_best_of_these():
    network, history, held_out = trained()
    np.testing.assert_array_equal(history.validated, [20, 40, 60, 80, 100])
    assert history.best > 50  # from where values are rounded
    assert len(history.loss) == len(history.accuracy) == 100
    assert history.loss[-10:].mean() < 0.3 * history.loss[:10].mean()
    _, accuracy = answered(network, held_out, QUICK.window)
    assert accuracy == history.validation_accuracy.max() > 0.99


def test_what_is_kept_is_the_best_in_counts_not_the_last():
    drawn = 0

    def misleading(n: int, rng: np.random.Generator) -> SymbolSequences:
        nonlocal drawn
        drawn += 1
        inputs, targets = last_but_one(n, rng)
        wrong = np.where(targets < 0, -1, (targets + 1) % 3)
        return SymbolSequences(inputs, targets if drawn <= 40 else wrong)

    network, history, held_out = trained(
        draw=misleading, iterations=80, validate_every=5, window=2, real_share=0.0
    )
    assert history.best <= 45
    _, accuracy = answered(network, held_out, 2)
    assert accuracy == history.validation_accuracy.max() > 2 * history.validation_accuracy[-1]
    assert accuracy != answered(network, held_out, None)[1]


def test_a_generator_repeats():
    first, again = trained(iterations=10)[0], trained(iterations=10)[0]
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_shuffled_targets_are_not_learned():
    def shuffled(n: int, rng: np.random.Generator) -> SymbolSequences:
        inputs, targets = last_but_one(n, rng)
        targets[1:] = rng.permutation(targets[1:].ravel()).reshape(targets[1:].shape)
        return SymbolSequences(inputs, targets)

    _, history, _ = trained(draw=shuffled)
    assert abs(history.validation_accuracy[-1] - 1 / 3) < 0.13  # five deviations of 400 answers


def test_steps_in_which_nothing_is_asked_do_not_count():
    rng = np.random.default_rng(3)
    inputs, targets = last_but_one(20, rng)
    longer = SymbolSequences(
        np.concatenate([inputs, inputs]), np.concatenate([targets, np.full_like(targets, -1)])
    )
    network = HardLSTM(3, 4, 3, rng)
    (short, right), (long, same) = (
        answered(network, each, 8) for each in (SymbolSequences(inputs, targets), longer)
    )
    assert short.item() == long.item()
    assert right == same
    logits = network(inputs, 8).logits.detach().numpy()[1:]
    assert right == pytest.approx(np.mean(logits.argmax(axis=2) == targets[1:]))


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        (np.zeros((5, 9), int), "targets must be [T, B] as inputs are"),
        (np.full((5, 10), -1), "one of them 0 or more"),
        (np.full((5, 10), 3), "targets must lie in 0..2, not up to 3"),
    ],
)
def test_targets_that_do_not_fit_are_refused(targets, told):
    inputs, _ = last_but_one(10, np.random.default_rng(0))
    network = HardLSTM(3, 4, 3, np.random.default_rng(0))
    with pytest.raises(ValueError, match=re.escape(told)):
        answered(network, SymbolSequences(inputs, targets), None)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"iterations": 0}, "iterations must be at least 1"),
        ({"window": 0}, "window must be at least 1"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"real_share": 1.0}, "real_share in 0..1, below 1"),
    ],
)
def test_impossible_trainings_are_refused(changes, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        LSTMTraining(**changes)


def test_a_loss_that_is_no_number_ends_the_training():
    with pytest.raises(TrainingError, match="try a smaller learning rate"):
        trained(learning_rate=1e38)
