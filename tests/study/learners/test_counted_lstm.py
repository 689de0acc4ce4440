"""A spiking LSTM as a learner: what it counts, what it keeps, and what it learns of parity."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pytest

from gradsim.counted_lstm import CountedLSTM, counted, respond
from study.data import parity
from study.data.samples import Traces
from study.data.task import Symbols
from study.learners import LEARNERS
from study.learners.counted_lstm import WINDOWS, CountedLSTMLearner
from study.learners.counted_lstm_config import PUBLISHED, CountedLSTMConfig
from study.learning.artefacts import curve
from study.trials.trial import no_progress

SMALL = CountedLSTMConfig(hidden=8, iterations=200, validate_every=50, real_share=0.6, window=8)


def sequences(n: int, length: int, seed: int, shortest: int = 2) -> Traces:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(shortest, length + 1, n)
    return parity.of_bits(rng.integers(2, size=(n, length)), lengths)


def fitted(seed: int = 0, **settings: Any) -> CountedLSTMLearner:
    learner = CountedLSTMLearner(dataclasses.replace(SMALL, **settings), Symbols(2))
    train, held_out = sequences(1000, 12, 1), sequences(100, 24, 2, 24)
    learner.fit(train, held_out, np.random.default_rng(seed), no_progress)
    return learner


@pytest.fixture(scope="module")
def learner() -> CountedLSTMLearner:
    return fitted()


@pytest.fixture(scope="module")
def longer() -> Traces:
    """Return sequences of twice the length that was trained."""
    return sequences(200, 24, 3, 24)


def changed(learner: CountedLSTMLearner, **settings: Any) -> CountedLSTMLearner:
    """Return what was learned, in other circuits."""
    other = CountedLSTMLearner(dataclasses.replace(learner.config, **settings), learner.task)
    other.lstm = learner.lstm
    return other


def network(learner: CountedLSTMLearner, **settings: Any) -> CountedLSTM:
    return counted(learner.lstm, **{**learner.config.circuits(), **settings})


def score(learner: CountedLSTMLearner, samples: Traces, **settings: Any) -> float:
    other = changed(learner, **settings)
    return other.evaluate(samples, np.random.default_rng(0)).scores["symbol_accuracy"]


def test_parity_holds_for_twice_the_length_and_not_where_gates_are_late(learner, longer):
    found = learner.evaluate(longer, np.random.default_rng(0)).scores
    assert found["symbol_accuracy"] > 0.98
    assert found["lstm_symbol_accuracy"] > 0.98
    assert score(learner, longer, late=0.25) < 0.9
    assert score(learner, longer, late=1.0) == pytest.approx(0.5, abs=0.06)  # gates never open
    assert score(learner, longer, window=1) < found["symbol_accuracy"]


def test_shuffled_targets_leave_chance(longer):
    train, held_out = sequences(500, 12, 1), sequences(100, 24, 2, 24)
    labels, asked = train.labels.copy(), train.labels >= 0
    labels[asked] = np.random.default_rng(5).permutation(labels[asked])
    other = CountedLSTMLearner(dataclasses.replace(SMALL, iterations=60), Symbols(2))
    shuffled = dataclasses.replace(train, labels=labels)
    other.fit(shuffled, held_out, np.random.default_rng(0), no_progress)
    assert score(other, longer) == pytest.approx(0.5, abs=5 * 0.5 / 4800**0.5)


def test_answers_are_the_largest_readouts_of_the_circuits(learner, longer):
    found = learner.evaluate(longer, np.random.default_rng(0))
    told = respond(network(learner), longer.values.swapaxes(0, 1))
    np.testing.assert_array_equal(found.answers, told.readout.argmax(axis=2).T)
    assert found.answers.shape == longer.labels.shape


def test_with_exact_products_answers_are_the_rounded_ones(learner, longer):
    exact = changed(learner, products="exact").evaluate(longer, np.random.default_rng(0)).scores
    for measure in Symbols.measures:
        assert exact[measure] == exact[f"rounded_{measure}"]


def test_costs_are_those_of_the_spikes(learner, longer):
    """Weights that are gone cost nothing: some are cut first."""
    weights = {name: part.copy() for name, part in learner.weights().items()}
    weights["w_in"][4:, 0] = 0
    weights["w_rec"][2:] = 0
    cut = learner.with_weights(weights)
    found = cut.evaluate(longer, np.random.default_rng(0)).cost
    layers = {layer.name: layer for layer in found.layers}
    spikes = respond(network(cut), longer.values.swapaxes(0, 1)).spikes
    n, n_symbols = len(longer), 24
    assert layers["input"].spikes == n_symbols * 8
    # Of inputs one reaches 4 gates and the other all 32; of hidden units 2 gates and 2 readouts.
    assert layers["input"].additions == pytest.approx(spikes.inputs @ [4, 32] / n)
    assert layers["hidden"].additions == pytest.approx(spikes.hiddens @ np.full(8, 4) / n)
    assert layers["gates"].additions == pytest.approx(spikes.gates.sum(axis=1) @ [2, 8, 2] / n)
    for name in ("candidates", "cells", "products"):
        total = getattr(spikes, name).sum() / n
        assert (layers[name].spikes, layers[name].additions) == pytest.approx((total, total))
    per_symbol = {"gates": 24, "candidates": 16, "cells": 16, "products": 80, "hidden": 16}
    for name, neurons in per_symbol.items():
        assert layers[name].updates == neurons * n_symbols * 3 * 8
    assert found.columns()["n_weights"] == 32 * 2 + 32 * 8 + 2 * 8


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, {"window": 8, "lines": 4, "late": 0, "exact": False}),
        ({"cell": "rate"}, {"lines": 1}),
        ({"limit": 2}, {"lines": 2}),
        ({"late": 0.25}, {"late": 2}),
        ({"products": "exact"}, {"exact": True}),
    ],
    ids=str,
)
def test_settings_arrive_in_the_circuits(settings, told):
    found = dataclasses.replace(SMALL, **settings).circuits()
    assert {name: found[name] for name in told} == told


@pytest.mark.parametrize(
    "changes",
    [{"learning_rate": 0.1}, {"window": 4}, {"limit": 1}, {"unit": 4}, {"batch_size": 8}],
    ids=str,
)
def test_settings_change_what_is_learned(changes):
    short = {"iterations": 4, "real_share": 0.0, "validate_every": 2}
    plain, other = fitted(**short), fitted(**short, **changes)
    pairs = zip(plain.weights().values(), other.weights().values(), strict=True)
    assert any((before != after).any() for before, after in pairs)


def test_what_is_kept_is_the_history_the_windows_and_a_sequence(learner):
    kept, history = learner.keep(), learner._history
    arrays = kept.all_arrays()
    followed = curve(arrays)
    assert followed is not None
    np.testing.assert_array_equal(followed.seen, [3200, 6400, 9600, 12800])
    np.testing.assert_allclose(followed.loss[1], history.loss[50:100].mean())
    np.testing.assert_allclose(followed.train[1], history.accuracy[50:100].mean())
    held_out = sequences(100, 24, 2, 24)
    by_window = arrays["validation_by_window"]
    assert by_window.shape == (len(WINDOWS), 4, 2)
    place = WINDOWS.index(8)
    for way, settings in enumerate(({}, {"cell": "rate"}, {"late": 0.25}, {"products": "exact"})):
        assert by_window[place, way, 0] == score(learner, held_out, **settings)
    assert by_window[WINDOWS.index(3), 0, 0] == score(learner, held_out, window=3)
    assert kept.metrics["best_iteration"] == history.best
    ran = respond(network(learner), held_out.values[:1].swapaxes(0, 1))
    cells = (ran.cell[:, 0, :, 0] - ran.cell[:, 0, :, 1]) / 8
    np.testing.assert_array_equal(arrays["example_cells"], cells)
    np.testing.assert_array_equal(arrays["example_labels"], held_out.labels[0])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"hidden": 0}, "hidden must be at least 1, not 0"),
        ({"late": 1.5}, "late must lie in 0..1, not 1.5"),
    ],
)
def test_impossible_settings_are_refused(changes, told):
    with pytest.raises(ValueError, match=re.escape(told)):
        dataclasses.replace(SMALL, **changes)


def test_labels_that_are_not_one_a_frame_are_refused():
    short = sequences(10, 6, 0)
    odd = dataclasses.replace(short, labels=short.labels[:, :4])
    learner = CountedLSTMLearner(SMALL, Symbols(2))
    with pytest.raises(ValueError, match=re.escape("labels must be [N, T], one a frame")):
        learner.fit(odd, odd, np.random.default_rng(0), no_progress)


def test_presets_make_what_the_review_says_they_do():
    entry = LEARNERS["counted-lstm"]
    assert entry.published == PUBLISHED
    assert [row.score for row in PUBLISHED] == [None, None]  # none could be read
    for row in PUBLISHED:
        config = entry.preset("standard", row.dataset)
        assert (config.cell, config.late, config.products) == ("burst", 0, "coincidence")
        assert row.control is not None
        dataclasses.replace(config, **row.control.settings)
    assert entry.fits("traces", "symbols")
    assert not entry.fits("traces", "classes")
    assert not entry.fits("events", "symbols")


def test_gates_of_a_control_are_late_by_a_share_of_every_window(learner) -> None:
    """Ticks of the training window would be more than the shortest windows have."""
    late = learner.with_weights(learner.weights())
    late.config = dataclasses.replace(learner.config, late=0.25)
    arrays = late.keep().arrays["validation_by_window"]
    assert np.array_equal(arrays[:, 0], arrays[:, 2])
