"""The spiking LSTM: its loops against single neurons, its products, and what it stands for."""

from __future__ import annotations

import dataclasses
import math
import re

import numpy as np
import pytest
import torch

from gradsim.counted_lstm import (
    CountedLSTM,
    CountedWeights,
    coincidences,
    counted,
    respond,
    spread,
)
from gradsim.lstm import HardLSTM
from tests.gradsim import scalar_counted

WINDOWS = (1, 2, 3, 4, 6, 8, 13, 32)
OPEN = 10  # drive of a gate


def lstm(seed: int = 0, n_in: int = 3, n_hidden: int = 5, n_out: int = 4) -> HardLSTM:
    """Return a network whose gates and cells go from end to end."""
    network = HardLSTM(n_in, n_hidden, n_out, np.random.default_rng(seed))
    with torch.no_grad():
        for name in ("w_in", "w_rec", "b_out"):
            getattr(network, name).add_(0.1).mul_(2)
        network.bias[:n_hidden] = 1.0
    return network


def sequences(n_steps: int = 12, n: int = 6, n_in: int = 3, seed: int = 1) -> np.ndarray:
    """Return inputs of both signs with silent steps in between."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(-1, 1, (n_steps, n, n_in))
    return values * (rng.random((n_steps, n, 1)) < 0.8)


def counts_of(inputs: np.ndarray, window: int) -> np.ndarray:
    return (np.sign(inputs) * np.floor(np.abs(inputs) * window + 0.5)).astype(int)


def signed(channels: np.ndarray) -> np.ndarray:
    return channels[..., 0] - channels[..., 1]


def memory(admit: int, keep: int, emit: int = OPEN, **settings: int) -> CountedLSTM:
    """Return one cell whose gates stand at these drives, and whose candidate is its input."""
    weights = CountedWeights(
        np.array([[0], [0], [0], [1]]),
        np.zeros((4, 1), np.int64),
        np.array([admit, keep, emit, 0]),
        np.array([[1], [-1]]),
        np.zeros(2, np.int64),
    )
    return CountedLSTM(weights, unit=1, **settings)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(
    "settings", [{}, {"lines": 1}, {"lines": 2, "late": 1}, {"exact": True}], ids=str
)
def test_all_is_as_with_single_neurons(window, settings):
    network, inputs = counted(lstm(), window, **settings), sequences()
    found = respond(network, inputs)
    weights = [part.tolist() for part in network.weights]
    how = {"lines": network.lines, "late": network.late, "exact": network.exact}
    totals = dict.fromkeys(("inputs", "gates", "candidates", "cells", "products", "hiddens"), 0)
    for b in range(inputs.shape[1]):
        counts = counts_of(inputs[:, b], window).tolist()
        plain = scalar_counted.show(weights, counts, network.unit, window, **how)
        np.testing.assert_array_equal(signed(found.hidden[:, b]), plain.hidden)
        np.testing.assert_array_equal(found.cell[:, b], plain.cell)
        np.testing.assert_array_equal(found.readout[:, b], plain.readout)
        totals = {name: total + plain.spikes[name] for name, total in totals.items()}
    assert {name: getattr(found.spikes, name).sum() for name in totals} == totals
    assert found.spikes.steps == counts_of(inputs, window).any(axis=2).sum()
    assert window < 3 or min(totals.values()) > 0


@pytest.mark.parametrize("window", WINDOWS)
def test_with_exact_products_it_is_the_rounded_lstm_symbol_by_symbol(window):
    for seed in range(3):
        network, inputs = lstm(seed), sequences(seed=seed)
        wanted = network(inputs, window)
        found = respond(counted(network, window, exact=True), inputs)
        np.testing.assert_array_equal(signed(found.hidden), wanted.hidden.detach().numpy())
        np.testing.assert_array_equal(signed(found.cell), wanted.cell.detach().numpy())
        logits = found.readout / (window * network.unit)
        np.testing.assert_allclose(logits, wanted.logits.detach().numpy(), atol=1e-5)
        assert np.abs(signed(found.cell)).max() > window  # more than one line is used


def test_longer_windows_come_closer_to_real_numbers():
    network, inputs = HardLSTM(3, 5, 4, np.random.default_rng(2)), sequences()
    real = network(inputs).hidden.detach().numpy()

    def distance(window: int) -> float:
        found = signed(respond(counted(network, window), inputs).hidden) / window
        # An input of less than half a spike is no step.
        here = np.abs(inputs).max(axis=2) > 0.5
        return np.abs(found - real)[here].mean()

    far, nearer, near = map(distance, (8, 32, 128))
    assert far > 2 * nearer > 4 * near
    assert near < 0.02


@pytest.mark.parametrize("window", range(1, 33))
def test_coincidences_are_products_to_a_logarithm(window):
    table, count = coincidences(window), np.arange(window + 1)
    error = np.abs(table - np.outer(count, count) / window)
    assert error.max() <= math.log2(window) + 1
    np.testing.assert_array_equal(table[-1], count)  # an open gate lets everything through
    np.testing.assert_array_equal(table[:, -1], count)
    np.testing.assert_array_equal(table[0], 0)


def test_spikes_spread_evenly():
    np.testing.assert_array_equal(spread(1), [0])
    for window in (2, 5, 16, 31):
        assert sorted(spread(window)) == list(range(window))
    # Half of the spikes are in every other tick, a quarter in every fourth.
    np.testing.assert_array_equal(np.flatnonzero(spread(16) < 8), np.arange(0, 16, 2))
    np.testing.assert_array_equal(np.flatnonzero(spread(16) < 4), np.arange(0, 16, 4))


def test_channels_are_never_both_in_use():
    network = memory(OPEN, OPEN, window=8)
    values = np.array([1, 1, -0.75, -1, -1, 0.5])[:, None, None]
    found = respond(network, values)
    np.testing.assert_array_equal(
        found.cell[:, 0, 0], [[8, 0], [16, 0], [10, 0], [2, 0], [0, 6], [0, 2]]
    )
    for seed in range(5):
        wild = respond(counted(lstm(seed), 7), sequences(seed=seed))
        for channels in (wild.cell, wild.hidden):
            assert channels.min() == 0
            assert channels.min(axis=-1).max() == 0
            assert (channels.max(axis=(0, 1, 2)) > 0).all()  # while each is used


def test_a_cell_holds_as_much_as_its_lines_carry():
    ones = np.ones((6, 1, 1))
    for lines, reached in ((1, [4, 4, 4, 4, 4, 4]), (3, [4, 8, 12, 12, 12, 12])):
        found = respond(memory(OPEN, OPEN, window=4, lines=lines), ones)
        np.testing.assert_array_equal(found.cell[:, 0, 0, 0], reached)
        assert found.hidden.max() == 4  # the hard tanh


def test_gates_that_open_late_forget():
    """The same cell keeps its value for ever, and a tick late loses it."""
    weights = memory(OPEN, OPEN).weights._replace(w_in=np.array([[0, 0], [0, 0], [0, 0], [1, 0]]))
    inputs = np.eye(2)[[0] + [1] * 20][:, None]  # a value, and symbols that say nothing
    kept, lost = (
        respond(CountedLSTM(weights, unit=1, window=16, late=late), inputs).cell[:, 0, 0, 0]
        for late in (0, 1)
    )
    np.testing.assert_array_equal(kept, 16)
    np.testing.assert_array_equal(lost, [*range(15, 0, -1), *[0] * 6])


def test_the_same_input_gives_the_same_spikes_and_sequences_do_not_meet():
    network, inputs = counted(lstm(), 8), sequences()
    first, again = respond(network, inputs), respond(network, inputs)
    alone = respond(network, inputs[:, 2:3])
    for before, after in zip(first[:3], again[:3], strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(first.hidden[:, 2:3], alone.hidden)
    np.testing.assert_array_equal(first.cell[:, 2:3], alone.cell)


def test_silence_releases_nothing_and_changes_nothing():
    network, inputs = counted(lstm(), 8), sequences()
    nothing = respond(network, np.zeros_like(inputs))
    assert sum(np.sum(part) for part in nothing.spikes) == 0
    assert not nothing.hidden.any()
    dense = inputs[np.abs(inputs[:, 0]).max(axis=1) > 0.1][:, :1]
    pause = np.zeros_like(dense)
    slow = respond(network, np.stack([dense, pause], axis=1).reshape(-1, 1, 3))
    fast = respond(network, dense)
    for part, own in zip(slow[:3], fast[:3], strict=True):
        np.testing.assert_array_equal(part[::2], own)
        np.testing.assert_array_equal(part[1::2], own)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"window": 0}, "window must lie in 1..256 and late in 0..window, not 0, 0"),
        ({"late": 17}, "not 16, 17"),
        ({"lines": 0}, "lines and unit must be at least 1, not 0, 1"),
        ({"unit": 0}, "lines and unit must be at least 1, not 4, 0"),
    ],
)
def test_impossible_networks_are_refused(changes, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        dataclasses.replace(memory(0, 0), **changes)


@pytest.mark.parametrize(
    ("name", "wrong", "told"),
    [
        ("w_in", np.zeros((3, 1), np.int64), "w_in must be int64 [4, 'any'], not int64 [3, 1]"),
        ("bias", np.zeros(4), "bias must be int64 [4], not float64 [4]"),
        ("b_out", np.zeros(3, np.int64), "b_out must be int64 [2], not int64 [3]"),
    ],
)
def test_weights_that_do_not_fit_are_refused(name, wrong, told):
    network = memory(0, 0)
    with pytest.raises(ValueError, match=re.escape(told)):
        dataclasses.replace(network, weights=network.weights._replace(**{name: wrong}))


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        (np.zeros((4, 2, 5)), "inputs must be [T, B, 3], not [4, 2, 5]"),
        (np.full((4, 2, 3), 1.5), "inputs must lie in -1..1"),
        (np.full((4, 2, 3), np.nan), "inputs must lie in -1..1"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_by_both(inputs, told):
    network = lstm()
    with pytest.raises(ValueError, match=re.escape(told)):
        respond(counted(network), inputs)
    with pytest.raises(ValueError, match=re.escape(told)):
        network(inputs)
