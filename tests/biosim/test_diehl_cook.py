import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosim.backend import brian2, session
from biosim.diehl_cook import (
    DiehlCook,
    PowerLaw,
    Trained,
    Triplet,
    assign_labels,
    class_shares,
    classify,
    respond,
    train,
    vote,
)
from biosim.diehl_cook.network import layers, plastic
from biosim.diehl_cook.runtime import FrozenNetwork
from biosim.diehl_cook.stimulus import poisson_spikes

N_IN = 100
# Fewer inputs than published, so less weight and more rate; fast learning and short windows.
SMALL = DiehlCook(
    n_exc=10,
    present_s=0.1,
    rest_s=0.05,
    weight_sum=20.0,
    max_rate_hz=250.0,
    min_spikes=3,
    max_presentations=4,
    rule=Triplet(rate_post=0.1),
    theta_plus_v=0.3e-3,
)


@pytest.fixture(scope="module")
def images():
    """Four bars with noise: each lights a quarter of the inputs."""
    rng = np.random.default_rng(0)
    bars = np.kron(np.eye(4), np.ones(N_IN // 4))
    return np.clip(np.tile(bars, (8, 1)) + 0.05 * rng.random((32, N_IN)), 0, 1)


@pytest.fixture(scope="module")
def trained(images):
    return train(SMALL, images, np.arange(len(images)), seed=1)


@pytest.fixture
def interpreted(monkeypatch):
    """Brian2 without a compiler: small networks need no waiting for one."""
    monkeypatch.setattr("biosim.backend.has_compiler", lambda: False)


def untrained(spec, theta_v=20e-3, seed=0, n_in=N_IN):
    """Return random weights as they are before learning."""
    rng = np.random.default_rng(seed)
    weights = spec.initial_weight * (rng.random((n_in, spec.n_exc)) + 0.01)
    return Trained(
        weights=weights * spec.weight_sum / weights.sum(axis=0),
        theta_v=np.full(spec.n_exc, theta_v),
        delays_s=spec.max_delay_s * rng.random(weights.shape),
        spikes=np.zeros(0),
        presentations=np.zeros(0),
        theta_mean_v=np.zeros(0),
        engine="numpy",
    )


def test_input_weights_of_each_neuron_sum_to_the_constant(trained):
    assert trained.weights.shape == (N_IN, SMALL.n_exc)
    assert trained.weights.sum(axis=0) == pytest.approx(SMALL.weight_sum, abs=1e-3)
    assert trained.weights.min() >= 0
    published = train(DiehlCook(n_exc=2), np.zeros((1, 784)), [0], seed=0)
    assert published.weights.sum(axis=0) == pytest.approx(78.0, abs=1e-3)


def test_theta_grows_by_own_spikes_only(images):
    spec = dataclasses.replace(SMALL, max_presentations=1)
    result = train(spec, images, np.arange(4), seed=2)
    # tau_theta is 10,000 s: within a second the decay is below a hundredth of one increment.
    increments = (result.theta_v - spec.theta_start_v) / spec.theta_plus_v
    decay = 0.65 / spec.tau_theta_s * result.theta_v / spec.theta_plus_v
    assert increments + decay == pytest.approx(np.rint(increments + decay), abs=0.01)
    assert np.rint(increments + decay).sum() >= result.spikes.sum() > 0


def test_without_input_nothing_fires_and_the_sample_is_shown_to_the_limit():
    spec = dataclasses.replace(SMALL, max_presentations=3)
    dark = np.zeros((2, N_IN))
    result = train(spec, dark, [0, 1], seed=0)
    assert list(result.spikes) == [0, 0]
    assert list(result.presentations) == [3, 3]
    assert np.all(result.theta_v < spec.theta_start_v)
    response = respond(spec, result, dark, seed=0)
    assert not response.counts.any()
    assert not response.input_spikes.any()
    assert list(response.presentations) == [3, 3]


def test_a_sample_that_evokes_too_few_spikes_is_shown_brighter(images):
    spec = dataclasses.replace(SMALL, max_rate_hz=20.0, extra_rate_hz=60.0)
    result = train(spec, images, [0], seed=0)
    assert 1 < result.presentations[0] < spec.max_presentations
    assert result.spikes[0] >= spec.min_spikes


def test_the_same_seed_learns_the_same_and_another_does_not(images, trained):
    again, other = (train(SMALL, images, np.arange(4), seed=seed) for seed in (1, 2))
    assert again.spikes == pytest.approx(trained.spikes[:4])
    assert not np.allclose(again.weights, other.weights)


def test_learning_changes_the_weights_towards_the_images(images, trained):
    before = train(
        dataclasses.replace(SMALL, rule=Triplet(rate_pre=0.0, rate_post=0.0)),
        images, np.arange(4), seed=1,
    )  # fmt: skip

    def likeness(weights):
        bars = images[:4] / np.linalg.norm(images[:4], axis=1, keepdims=True)
        return (bars @ (weights / np.linalg.norm(weights, axis=0))).max(axis=0).mean()

    assert likeness(trained.weights) > likeness(before.weights) + 0.1
    assert before.weights == pytest.approx(untrained(SMALL, seed=1).weights)


def parrot(told, dt_s):
    """Return neurons that fire where ``told [T, N]`` says so, whatever they receive."""
    return brian2.NeuronGroup(
        told.shape[1],
        "g_e : 1\nlast_spike : second",
        threshold="told(t, i) > 0",
        reset="last_spike = t",
        namespace={"told": brian2.TimedArray(told.astype(float), dt_s * brian2.second)},
    )


@pytest.mark.parametrize("rule", [Triplet(0.1, 0.2, 17e-3, 23e-3), PowerLaw(0.1, 3.4, 0.4, 17e-3)])
def test_dense_trains_teach_brian2s_synapses_what_a_loop_over_spikes_says(rule):
    """Every pair of 6 inputs and 5 neurons, with simultaneous spikes and weights at bounds."""
    spec = DiehlCook(n_exc=5, max_weight=0.8, rule=rule)
    rng = np.random.default_rng(0)
    arrives, fires = rng.random((300, 6)) < 0.1, rng.random((300, 5)) < 0.1
    weights = np.full((6, 5), 0.5)
    with session(target="numpy", seed=0, dt_s=spec.dt_s):
        source, exc = parrot(arrives, spec.dt_s), parrot(fires, spec.dt_s)
        exc.last_spike = -1e9 * brian2.second
        synapses = plastic(spec, source, exc, weights, np.zeros_like(weights))
        recorded = brian2.StateMonitor(synapses, "w", record=True, when="end")
        brian2.Network(source, exc, synapses, recorded).run(300 * spec.dt_s * brian2.second)
        found = np.array(recorded.w[:, -1]).reshape(weights.shape)
        at_bounds = {np.min(recorded.w), np.max(recorded.w)}
    closed_form = nearest_triplet if isinstance(rule, Triplet) else power_law
    trains = [[np.flatnonzero(k) * spec.dt_s for k in told.T] for told in (arrives, fires)]
    expected = [[closed_form(spec, 0.5, pre, post) for post in trains[1]] for pre in trains[0]]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert at_bounds & {0.0, 0.8}
    assert len(np.unique(found)) > 10


@pytest.mark.parametrize("rule", [Triplet(rate_pre=0.5), PowerLaw()])
def test_a_weight_in_brian2_follows_its_rule_in_closed_form(rule):
    """One input, one neuron: the weight after every spike."""
    spec = DiehlCook(n_exc=1, max_weight=1e9, lockout_s=0.0, rule=rule)
    arrivals_s = np.array([0.010, 0.030, 0.045])
    with session(target="numpy", seed=0, dt_s=spec.dt_s):
        source = brian2.SpikeGeneratorGroup(1, [0, 0, 0], arrivals_s * brian2.second)
        net = layers(spec, adapting=True)
        synapses = plastic(spec, source, net.exc, np.array([[100.0]]), np.zeros((1, 1)))
        monitor = brian2.SpikeMonitor(net.exc)
        brian2.Network(source, synapses, monitor, *net.objects()).run(0.06 * brian2.second)
        fired_s, learned = np.array(monitor.t_), float(synapses.w_[0])
    assert len(fired_s) >= 2
    closed_form = nearest_triplet if isinstance(rule, Triplet) else power_law
    assert learned == pytest.approx(closed_form(spec, 100.0, arrivals_s, fired_s), rel=1e-9)
    assert learned != pytest.approx(100.0, rel=1e-6)


def power_law(spec, weight, arrivals_s, fired_s):
    """Return the weight by the rule: all arrivals up to a spike add to its trace."""
    rule = spec.rule
    for now in fired_s:
        before = arrivals_s[arrivals_s <= now + 1e-9]
        trace = np.exp((before - now) / rule.tau_pre_s).sum()
        room = (spec.max_weight - weight) ** rule.exponent
        weight += rule.rate_post * (trace - rule.target) * room
        weight = min(max(weight, 0.0), spec.max_weight)
    return weight


def nearest_triplet(spec, weight, arrivals_s, fired_s):
    """Return the weight by the rule, spike by spike; an arrival precedes a spike of its step."""
    rule, last_in, last_out = spec.rule, -np.inf, -np.inf
    events = sorted([(t, 0) for t in arrivals_s] + [(t, 1) for t in fired_s])
    for now, own in events:
        if own:
            trace = np.exp((last_in - now) / rule.tau_pre_s)
            weight += rule.rate_post * trace * np.exp((last_out - now) / rule.tau_post_slow_s)
            last_out = now
        else:
            weight -= rule.rate_pre * np.exp((last_out - now) / rule.tau_post_s)
            last_in = now
        weight = min(max(weight, 0.0), spec.max_weight)
    return weight


@pytest.mark.parametrize(("lockout_s", "clamped_s"), [(0.0, 5e-3), (5e-3, 0.0), (50e-3, 5e-3)])
def test_no_neuron_fires_within_the_lock_out(lockout_s, clamped_s):
    cell = dataclasses.replace(SMALL.excitatory, refractory_s=clamped_s)
    spec = dataclasses.replace(SMALL, lockout_s=lockout_s, weight_inh_exc=0.0, excitatory=cell)
    with session(target="numpy", seed=0, dt_s=spec.dt_s):
        net = layers(spec)
        drive = brian2.NetworkOperation(lambda: net.exc.g_e_.__setitem__(slice(None), 8.0))
        monitor = brian2.SpikeMonitor(net.exc)
        brian2.Network(drive, monitor, *net.objects()).run(0.3 * brian2.second)
        gaps = np.diff(monitor.spike_trains()[0] / brian2.second)
    assert gaps.min() >= max(lockout_s, clamped_s) - 1e-9
    # The control: with a shorter one the same drive makes the neuron fire far more often.
    assert (gaps.min() < 40e-3) == (lockout_s < 40e-3)
    # A membrane that is free to move meanwhile needs no more time after it.
    if clamped_s == 0:
        assert gaps.min() == pytest.approx(lockout_s)


def test_copies_side_by_side_count_what_one_network_counts_sample_by_sample(images):
    """Exactly, given the input spikes; delays are delays of Brian2's synapses on one side."""
    given_network = untrained(SMALL)
    rng = np.random.default_rng(3)
    spikes = [poisson_spikes(SMALL, 250.0 * image, rng) for image in images[:3]]
    with session(target="numpy", seed=0, dt_s=SMALL.dt_s):
        batched, inhibitory = FrozenNetwork(SMALL, given_network, copies=3).run(spikes)
    alone = [count_alone(SMALL, given_network, *sample) for sample in spikes]
    assert np.array_equal(batched, [counts for counts, _ in alone])
    assert np.array_equal(inhibitory, [counts.sum() for _, counts in alone])
    assert batched.sum() > 10
    undelayed = dataclasses.replace(given_network, delays_s=np.zeros((N_IN, SMALL.n_exc)))
    with session(target="numpy", seed=0, dt_s=SMALL.dt_s):
        without_delays, _ = FrozenNetwork(SMALL, undelayed, copies=3).run(spikes)
    assert not np.array_equal(without_delays, batched)


def count_alone(spec, trained, step, unit):
    """Return the counts of both populations with input through synapses with delays."""
    with session(target="numpy", seed=0, dt_s=spec.dt_s):
        net = layers(spec)
        source = brian2.SpikeGeneratorGroup(N_IN, unit, step * spec.dt_s * brian2.second)
        synapses = brian2.Synapses(source, net.exc, "w : 1", on_pre="g_e_post += w")
        synapses.connect()
        synapses.w = trained.weights.ravel()
        synapses.delay = trained.delays_s.ravel() * brian2.second
        brian2.Network(source, synapses, *net.objects()).run(spec.present_s * brian2.second)
        return np.array(net.exc.count_[:]), np.array(net.inh.count_[:])


def test_the_number_of_copies_changes_no_count(images, trained, interpreted):
    by_three, by_eight = (
        respond(SMALL, trained, images[:8], seed=5, engine="brian2", batch=copies)
        for copies in (3, 8)
    )
    assert np.array_equal(by_three.counts, by_eight.counts)
    assert by_three.batch_seconds.size > by_eight.batch_seconds.size


def test_inhibition_makes_few_neurons_win_and_without_it_all_respond_alike(images):
    compete = dataclasses.replace(SMALL, n_exc=30)
    alike = dataclasses.replace(compete, weight_inh_exc=0.0)
    start = untrained(compete)
    won, free = (respond(spec, start, images[:8], seed=0).counts for spec in (compete, alike))
    assert np.median((won > 0).sum(axis=1)) < 0.5 * compete.n_exc
    assert np.median((free > 0).sum(axis=1)) == compete.n_exc
    assert free.std(axis=1).mean() < won.std(axis=1).mean()


def test_neurons_get_the_class_they_answer_most_on_average():
    counts = np.array([[3, 0, 0], [5, 1, 0], [3, 9, 0], [0, 1, 0]])
    labels = np.array([0, 0, 2, 2])
    # Neuron 0: 4 against 1.5; neuron 1: 0.5 against 5; neuron 2 never fires.
    assert list(assign_labels(counts, labels, 3)) == [0, 2, -1]
    # More samples of a class must not win by their number: 3 of mean 1 against 1 of mean 2.
    unbalanced = np.array([[1], [1], [1], [2]])
    assert list(assign_labels(unbalanced, np.array([0, 0, 0, 1]), 2)) == [1]


def test_the_class_with_the_highest_mean_count_is_predicted():
    assignments = np.array([0, 0, 0, 1, -1])
    counts = np.array([[2, 2, 2, 5, 99], [4, 4, 4, 3, 0], [0, 0, 0, 0, 0]])
    # In the first row the sum favours class 0 (6 against 5), the mean class 1 (2 against 5).
    assert list(classify(counts, assignments, 3)) == [1, 0, 0]
    assert list(classify(np.zeros((1, 2), int), np.array([-1, 2]), 3)) == [2]


def test_a_neuron_that_answers_two_classes_votes_for_both():
    labels = np.array([0, 0, 1])
    counts = np.array([[6, 1, 0], [2, 3, 0], [4, 6, 0]])
    # Means of neuron 0: 4 and 4; of neuron 1: 2 and 6; neuron 2 never fires.
    shares = class_shares(counts, labels, 3)
    assert np.array_equal(shares, [[0.5, 0.5, 0], [0.25, 0.75, 0], [0, 0, 0]])
    # Neuron 0 alone is undecided and goes to the lower class; one spike of neuron 1 decides.
    samples = np.array([[9, 0, 0], [9, 1, 0], [0, 0, 5]])
    assert list(vote(samples, shares)) == [0, 1, 0]
    # The paper's read-out gives neuron 0 to class 0, whose nine spikes then beat the one.
    assert classify(samples, assign_labels(counts, labels, 3), 3)[1] == 0


@given(st.integers(0, 2**32 - 1))
def test_both_read_outs_agree_where_each_neuron_answers_one_class(seed):
    rng = np.random.default_rng(seed)
    labels = np.array([0, 1, 2, 0, 1, 2])
    # As many neurons for each class, so that sums decide as means do.
    counts = np.kron(np.eye(3, dtype=int)[labels], np.ones((1, 2), int)) * rng.integers(1, 9, 6)
    samples = rng.integers(0, 9, (10, 6))
    assignments = assign_labels(counts, labels, 3)
    shares = class_shares(counts, labels, 3)
    assert shares.sum(axis=1) == pytest.approx(np.ones(6))
    assert np.array_equal(vote(samples, shares), classify(samples, assignments, 3))


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_permuting_the_neurons_permutes_their_labels_and_no_prediction(seed, n_classes):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, (12, 7))
    labels = rng.integers(0, n_classes, 12)
    order = rng.permutation(7)
    assigned = assign_labels(counts, labels, n_classes)
    assert np.array_equal(assign_labels(counts[:, order], labels, n_classes), assigned[order])
    predicted = classify(counts[:, order], assigned[order], n_classes)
    assert np.array_equal(predicted, classify(counts, assigned, n_classes))


def test_mistakes_are_named(images, trained):
    with pytest.raises(ValueError, match="intensities"):
        train(SMALL, 255 * images, [0], seed=0)
    with pytest.raises(ValueError, match="order"):
        train(SMALL, images, [len(images)], seed=0)
    with pytest.raises(ValueError, match="50 pixels for 100 inputs"):
        respond(SMALL, trained, images[:, :50], seed=0)
    with pytest.raises(ValueError, match="n_exc"):
        DiehlCook(n_exc=0)
    with pytest.raises(ValueError, match="multiple"):
        DiehlCook(present_s=0.3502)
    with pytest.raises(ValueError, match="labels"):
        assign_labels(np.zeros((2, 3)), np.array([0, 5]), 3)
    with pytest.raises(ValueError, match="2 responses but 1 labels"):
        class_shares(np.zeros((2, 3)), np.array([0]), 3)
