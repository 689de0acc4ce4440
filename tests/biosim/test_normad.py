"""NormAD: neuron against Brian2, summed periods against single spikes, the rule against its sum."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from biosim import normad
from biosim.normad import Neuron, Readout, twin
from biosim.normad.periods import Filtered

NEURON = Neuron()
N_INPUTS, N_STEPS = 500, 5000


def inputs(seed: int, n_steps: int = N_STEPS) -> np.ndarray:
    """Return inputs that spike at 10 Hz, in steps of 0.1 ms."""
    return np.random.default_rng(seed).random((n_steps, N_INPUTS)) < 10 * 1e-4


def teacher(seed: int) -> np.ndarray:
    """Return spikes at 8 Hz, none within 20 ms of another or of the begin."""
    wanted, rng = np.zeros(N_STEPS, int), np.random.default_rng([seed, 1])
    time = 200
    while (time := time + int(rng.exponential(1000)) + 200) < N_STEPS:
        wanted[time] = 1
    return wanted


@pytest.mark.parametrize("weight", [0.15, 0.3, 1.0])
def test_the_neuron_spikes_when_that_of_brian2_does(weight: float) -> None:
    raster = inputs(0, 3000)
    weights = np.random.default_rng(1).normal(weight, 0.5, N_INPUTS)
    spikes = normad.respond(NEURON, raster, weights)
    assert spikes.sum() >= 3
    np.testing.assert_array_equal(spikes, twin.respond(NEURON, raster, weights))


def test_what_was_taught_holds_in_brian2() -> None:
    raster, wanted = inputs(2), teacher(2)
    weights = normad.learn(NEURON, raster, wanted, 0.05, 20).weights
    spikes = normad.respond(NEURON, raster, weights)
    assert spikes.sum() >= 2
    np.testing.assert_array_equal(spikes, twin.respond(NEURON, raster, weights))


def test_traces_are_their_integrals() -> None:
    """Convolutions on a grid of a microsecond, of a spike at 1 ms."""
    fine, dt = 1e-6, NEURON.dt_s
    time = np.arange(0, 0.04, fine)
    current = np.exp(-time / 5e-3) - np.exp(-time / 1.25e-3)

    def low_passed(tau: float) -> np.ndarray:
        kernel = np.exp(-time / tau) / tau
        size = 2 * len(time)
        product = np.fft.rfft(current, size) * np.fft.rfft(kernel, size)
        return np.fft.irfft(product, size)[: len(time)] * fine

    raster = np.zeros((300, 1))
    raster[10] = 1
    found = normad.traces(NEURON, raster)
    later = np.round((np.arange(11, 300) - 10) * dt / fine).astype(int)
    np.testing.assert_allclose(found.direction[11:, 0], low_passed(1e-3)[later], atol=1e-3)
    potential = np.zeros(300)
    for t in range(1, 300):
        potential[t] = NEURON.keep * potential[t - 1] + found.drive[t, 0]
    np.testing.assert_allclose(potential[11:], low_passed(10e-3)[later], atol=1e-4)
    assert not found.direction[:11].any()
    assert not found.drive[:11].any()


@pytest.mark.parametrize("normalised", [True, False])
def test_weights_change_by_the_rule(normalised: bool) -> None:
    raster, wanted = inputs(3), teacher(3)
    start = np.random.default_rng(4).normal(0.2, 0.3, N_INPUTS)
    lesson = normad.learn(NEURON, raster, wanted, 0.1, 1, normalised=normalised, weights=start)
    direction, change = normad.traces(NEURON, raster).direction, np.zeros(N_INPUTS)
    for t in range(N_STEPS):
        size = np.linalg.norm(direction[t]) if normalised else 1.0
        if error := int(wanted[t]) - int(lesson.spikes[0][t]):
            change += 0.1 * error * direction[t] / size
    np.testing.assert_allclose(lesson.weights - start, change, atol=1e-12)
    assert change.any()


def test_a_neuron_that_is_right_learns_nothing() -> None:
    raster = inputs(5)
    weights = np.random.default_rng(6).normal(0.3, 0.5, N_INPUTS)
    lesson = normad.learn(
        NEURON, raster, normad.respond(NEURON, raster, weights), 0.1, 3, weights=weights
    )
    np.testing.assert_array_equal(lesson.weights, weights)
    assert lesson.learned_after() == 0


def small(n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return images of 8 x 8 and three classes, as periods of 12 filters."""
    rng = np.random.default_rng(7)
    labels, images = rng.integers(0, 3, n), rng.random((n, 8, 8)) * 0.3
    for k, label in enumerate(labels):
        images[k, 2 * label : 2 * label + 3, 1:7] += 0.7
    return normad.periods(images, normad.oriented()), labels


def shown_spike_by_spike(
    layer: Readout, weights: np.ndarray, given: np.ndarray, label: int, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return spikes of each class and weights after one image, from its raster, without sums."""
    raster = normad.rasters(given[None], layer.n_steps)[0]
    found, n_classes = normad.traces(layer.neuron, raster), weights.shape[1]
    current = found.drive @ weights
    v, last = np.zeros(n_classes), np.full(n_classes, -1000)
    spikes = np.zeros((layer.n_steps, n_classes))
    for t in range(layer.n_steps):
        free = t - last >= layer.neuron.refractory_steps
        v = np.where(free, layer.neuron.keep * v + current[t], v)
        fired = free & (v >= 1)
        v[fired], last[fired] = 0, t
        v[~fired] -= layer.inhibition * fired.sum()
        spikes[t] = fired
    error = -spikes
    error[layer.every :: layer.every, label] += 1
    size = np.linalg.norm(found.direction, axis=1, keepdims=True)
    unit = found.direction / np.where(size > 0, size, 1) if layer.normalised else found.direction
    return spikes.sum(axis=0), weights + rate * unit.T @ error


@pytest.mark.parametrize("normalised", [True, False])
def test_sums_by_period_do_what_single_spikes_do(normalised: bool) -> None:
    given, labels = small()
    layer = Readout(normalised=normalised)
    weights = np.random.default_rng(8).normal(0.01, 0.05, (given.shape[1], 3))
    rate, n_spikes, kept = 0.01, 0.0, weights
    orders: list[np.ndarray] = []
    counts: list[np.ndarray] = []

    def told(_epoch, _weights, found, order) -> None:
        counts.append(found.counts)
        orders.append(order)

    after = normad.fit(layer, weights, given, labels, [rate], np.random.default_rng(9), told)
    for place, k in enumerate(orders[0]):
        ours, weights = shown_spike_by_spike(layer, weights, given[k], labels[k], rate)
        np.testing.assert_array_equal(counts[0][place], ours)
        n_spikes += ours.sum()
    np.testing.assert_allclose(after, weights, atol=1e-10)
    assert n_spikes > 100
    assert not np.allclose(after, kept)


def test_a_layer_learns_its_classes_and_not_from_wrong_labels() -> None:
    given, labels = small(300)
    train, test = slice(0, 200), slice(200, 300)
    start, rates = np.zeros((given.shape[1], 3)), [0.01] * 4
    shares = []
    for taught in (labels[train], np.random.default_rng(10).permutation(labels[train])):
        rng = np.random.default_rng(0)
        weights = normad.fit(Readout(), start, given[train], taught, rates, rng)
        found = normad.answer(Readout(), weights, given[test])
        shares.append(np.mean(found.classes == labels[test]))
    assert shares[0] > 0.95
    assert shares[1] < 0.6


def test_answers_leave_weights_and_of_equal_counts_the_highest_potential_wins() -> None:
    weights = np.array([[0.01, 0.02, 0.015]])
    found = normad.answer(Readout(), weights, [[5]])
    assert found.counts.sum() == 0
    assert found.classes[0] == 1
    np.testing.assert_array_equal(weights, [[0.01, 0.02, 0.015]])


def test_inhibition_holds_others_back() -> None:
    given, _ = small()
    weights = np.full((given.shape[1], 3), 0.1) * [1.0, 1.1, 1.2]
    counts = [
        normad.answer(Readout(inhibition=value), weights, given).counts.sum() for value in (0, 0.2)
    ]
    assert 0 < counts[1] < counts[0]


def test_a_neuron_behind_a_filter_spikes_at_multiples_of_its_period() -> None:
    """The closed form against the rise of the potential, looked at each microsecond."""
    images = np.random.default_rng(11).random((3, 6, 6))
    neurons, bank = Filtered(), normad.oriented()[:4]
    found = normad.periods(images, bank, neurons).reshape(3, 4, 4, 4)
    fine = 1e-6
    for n, f, y, x in np.ndindex(3, 4, 2, 2):
        current = neurons.gain * np.sum(bank[f] * images[n, y : y + 3, x : x + 3])
        potential = current * -np.expm1(-np.arange(0, 50e-3, fine) / 10e-3)
        reached = np.append(np.flatnonzero(potential >= 1), 10**6)[0]
        period = np.ceil((reached * fine + 2e-3) / 1e-3 - 2e-3)
        assert found[n, f, y, x] == (period if period < 50 else 0)
    assert len(np.unique(found)) > 5


def test_filters_see_differences_alone() -> None:
    bank = normad.oriented()
    assert bank.shape == (12, 3, 3)
    np.testing.assert_allclose(bank.sum(axis=(1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(np.abs(bank).sum(axis=(1, 2)), 2)
    assert not normad.periods(np.ones((1, 5, 5)), bank).any()
    assert len(np.unique(bank.round(6), axis=0)) == 12


def test_trains_are_similar_when_they_are_close_in_time() -> None:
    one = np.zeros(1000)
    one[[200, 600]] = 1
    near, far = np.roll(one, 3), np.roll(one, 100)
    found = [normad.similarity(one, other, 1e-4) for other in (one, near, far, 0 * one)]
    assert found[0] == 1.0
    # Two exponentials of 1 ms, 0.3 ms apart.
    assert found[1] == pytest.approx(np.exp(-0.3), rel=1e-3)
    assert found[2] < 1e-3
    assert found[3] == 0.0


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"tau_mem_s": 0.0}, "tau_mem_s"),
        ({"tau_mem_s": 5e-3}, "differ"),
        ({"tau_rule_s": 1.25e-3}, "differ"),
        ({"tau_rise_s": 6e-3}, "below"),
        ({"dt_s": float("nan")}, "dt_s"),
    ],
)
def test_neurons_out_of_range_are_refused(settings, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        dataclasses.replace(NEURON, **settings)


def test_what_does_not_fit_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="weights must be"):
        normad.respond(NEURON, np.zeros((10, 3)), [1.0])
    with pytest.raises(ValueError, match="desired must be"):
        normad.learn(NEURON, np.zeros((10, 3)), [1, 0], 0.1, 1)
    with pytest.raises(ValueError, match="rate must be"):
        normad.learn(NEURON, np.zeros((2, 3)), [1, 0], 0.0, 1)
    with pytest.raises(ValueError, match=r"weights must be \[n, C\]"):
        normad.answer(Readout(), np.zeros((2, 3)), [[1]])
    with pytest.raises(ValueError, match="up to 60"):
        normad.answer(Readout(), np.zeros((1, 3)), np.full((1, 1), 60, np.uint8))
    with pytest.raises(ValueError, match="labels must lie"):
        normad.fit(Readout(), np.zeros((1, 3)), [[1]], [3], [0.1], rng)
    with pytest.raises(ValueError, match="one a sample"):
        normad.fit(Readout(), np.zeros((1, 3)), [[1]], [1, 2], [0.1], rng)
    with pytest.raises(ValueError, match="fit images"):
        normad.periods(np.zeros((1, 2, 2)), normad.oriented())
    with pytest.raises(ValueError, match="n_steps"):
        Filtered(n_steps=300)
    with pytest.raises(ValueError, match="n_steps"):
        Readout(n_steps=300)
    with pytest.raises(ValueError, match="equally long"):
        normad.similarity([1, 0], [1], 1e-3)
