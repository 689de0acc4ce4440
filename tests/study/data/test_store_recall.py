"""What store-recall sequences must be like, by enumeration and by counting."""

import itertools

import numpy as np
import pytest

from study import data, experiments
from study.data import shared, store_recall
from study.data.reference import DataAccess, DatasetRef
from study.data.samples import joined
from study.data.store_recall import N_SYMBOLS, N_UNITS, RATE_HZ, RECALL, STORE, SYMBOL_S
from study.data.task import NOTHING_ASKED
from study.learners import LEARNERS
from study.request import Request


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


@pytest.fixture(scope="module")
def whole():
    return data.load(DatasetRef("store-recall"), DataAccess())


def test_the_data_set_has_parts_of_their_own_that_ask_for_enough(whole):
    parts = (whole.train, whole.validation, whole.test)
    assert [len(part) for part in parts] == list(store_recall.SIZES.values())
    for part in parts:
        assert part.labels.shape == (len(part), N_SYMBOLS)
        assert (part.labels != NOTHING_ASKED).sum() >= 500
    first = {part.time_s[:20].tobytes() for part in parts}
    assert len(first) == len(parts)
    assert data.task(DatasetRef("store-recall")) == whole.task.kind == "symbols"


def test_the_data_set_is_always_the_same_and_its_control_has_the_same_inputs(whole):
    control = data.load(DatasetRef("store-recall-shuffled"), DataAccess())
    assert control.checksum != whole.checksum == store_recall.generate().checksum
    for part in ("train", "validation", "test"):
        found, shuffled = getattr(whole, part), getattr(control, part)
        np.testing.assert_array_equal(found.time_s, shuffled.time_s)
        asked = found.labels != NOTHING_ASKED
        np.testing.assert_array_equal(asked, shuffled.labels != NOTHING_ASKED)
        agreement = np.mean(found.labels[asked] == shuffled.labels[asked])
        assert agreement == pytest.approx(0.5, abs=4 * 0.5 / asked.sum() ** 0.5)


def test_every_bit_of_the_test_set_knows_how_long_it_was_kept(whole):
    """Found again from the spikes: the inputs of STORE are the third quarter."""
    test, kept = whole.test, whole.about_test["waited"]
    sample = np.repeat(np.arange(len(test)), np.diff(test.offsets))
    symbol = np.minimum(test.time_s / SYMBOL_S, N_SYMBOLS - 1).astype(int)
    rates = np.zeros((len(test), N_SYMBOLS, 4), int)
    np.add.at(rates, (sample, symbol, test.unit // (N_UNITS // 4)), 1)
    shown = rates > 10  # of 250 expected; rounding may move a spike across an edge
    for n, places in enumerate(shown[:, :, STORE]):
        for k in range(N_SYMBOLS):
            if test.labels[n, k] == NOTHING_ASKED:
                assert kept[n, k] == 0
            else:
                stored = np.flatnonzero(places[:k])[-1]
                assert kept[n, k] == k - stored >= 2
                assert shown[n, stored, test.labels[n, k]]


def test_sequences_are_taken_joined_and_shared_with_all_their_labels(whole, tmp_path):
    few = whole.test.take(np.array([3, 1]))
    np.testing.assert_array_equal(few.labels, whole.test.labels[[3, 1]])
    both = joined(few, whole.test.take(np.array([0])))
    np.testing.assert_array_equal(both.labels, whole.test.labels[[3, 1, 0]])
    ref = DatasetRef("store-recall")
    shared.share(ref, whole, tmp_path)
    found = shared.find(ref, tmp_path)
    assert found is not None
    np.testing.assert_array_equal(found.train.labels, whole.train.labels)
    np.testing.assert_array_equal(found.about_test["waited"], whole.about_test["waited"])


def test_learners_of_classes_are_said_to_be_unfit():
    told = Request(datasets=(DatasetRef("store-recall"),)).unfit(["linear"])
    assert told == ["linear does not do symbols: it is not run on store-recall."]


@pytest.mark.parametrize("name", ["compare", "grid", "beyond", "frugality", "surrogate", "price"])
def test_no_experiment_runs_a_learner_of_classes_on_it(name):
    planned = experiments.load(name).trials(Request(datasets=(DatasetRef("store-recall"),)))
    assert {trial.subject for trial in planned} <= {
        name for name, entry in LEARNERS.items() if "symbols" in entry.does
    }
