"""What store-recall sequences must be like, by enumeration and by counting."""

import itertools

import numpy as np
import pytest

from study.data import store_recall
from study.data.store_recall import N_SYMBOLS, N_UNITS, RATE_HZ, RECALL, STORE, SYMBOL_S


@pytest.fixture(scope="module")
def symbols():
    return store_recall.draw_symbols(2000, np.random.default_rng(3))


def signals(groups):
    """Return which symbols of a sequence are signals, and which of them RECALL."""
    positions = np.flatnonzero(groups[:, STORE] | groups[:, RECALL])
    return positions, groups[positions, RECALL]


def test_store_and_recall_take_turns_with_a_symbol_between(symbols):
    for groups in symbols.groups:
        positions, recall = signals(groups)
        assert recall.tolist() == [False, True] * (len(recall) // 2)
        assert len(recall) >= 2
        assert (np.diff(positions)[::2] >= 2).all()


def test_the_label_is_the_bit_shown_with_the_last_store(symbols):
    for groups, labels in zip(symbols.groups, symbols.labels, strict=True):
        stored = None
        for k in range(N_SYMBOLS):
            if groups[k, STORE]:
                stored = int(groups[k, 1])
            assert labels[k] == (stored if groups[k, RECALL] else -1)
    asked = symbols.labels[symbols.labels >= 0]
    assert np.mean(asked) == pytest.approx(0.5, abs=3 * 0.5 / len(asked) ** 0.5)


def test_every_symbol_shows_one_bit_except_recall(symbols):
    bits = symbols.groups[:, :, :2].sum(axis=2)
    assert (bits == ~symbols.groups[:, :, RECALL]).all()
    assert not (symbols.groups[:, :, STORE] & symbols.groups[:, :, RECALL]).any()


def expected_recalls():
    """Return the mean number of RECALLs of a sequence, from all ways to place the signals."""
    p = store_recall.P_SIGNAL
    total = weighted = 0.0
    for pattern in itertools.product([False, True], repeat=N_SYMBOLS):
        chance, held, fresh, recalls = 1.0, False, False, 0
        for drawn in pattern:
            chance *= p if drawn else 1 - p
            if held and not fresh and drawn:
                held, recalls = False, recalls + 1
            elif not held and drawn:
                held, fresh = True, True
                continue
            fresh = False
        if recalls and not held:
            total += chance
            weighted += chance * recalls
    return weighted / total


def test_signals_come_by_their_chance(symbols):
    recalls = symbols.groups[:, :, RECALL].sum(axis=1)
    error = recalls.std() / len(recalls) ** 0.5
    assert recalls.mean() == pytest.approx(expected_recalls(), abs=3 * error)


def test_groups_that_are_on_fire_at_their_rate_and_the_others_not_at_all(symbols):
    few = store_recall.Symbols(symbols.groups[:50], symbols.labels[:50])
    events = store_recall.spikes(few, np.random.default_rng(1))
    sample = np.repeat(np.arange(len(events)), np.diff(events.offsets))
    symbol = np.minimum(events.time_s / SYMBOL_S, N_SYMBOLS - 1).astype(int)
    group = events.unit // (N_UNITS // 4)
    on = np.repeat(few.groups, N_UNITS // 4, axis=2)
    near_edge = np.abs(events.time_s / SYMBOL_S - np.rint(events.time_s / SYMBOL_S)) < 1e-4
    assert few.groups[sample, symbol, group][~near_edge].all()
    seconds = on.sum() * SYMBOL_S
    assert len(events.unit) / seconds == pytest.approx(RATE_HZ, abs=3 * (RATE_HZ / seconds) ** 0.5)
    assert events.time_s.dtype == np.float32
    assert (events.labels == few.labels).all()


def test_the_seed_decides():
    first, again, other = (store_recall.draw(20, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first.time_s == again.time_s).all()
    assert (first.labels == again.labels).all()
    assert len(first) == 20
    assert len(first.time_s) != len(other.time_s)
    with pytest.raises(ValueError, match="must be positive"):
        store_recall.draw(0, np.random.default_rng(1))
