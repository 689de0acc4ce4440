import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biosim.diehl_cook import brian2_ports, budgeted, paper, published_code
from study.data import digits
from study.data.samples import Events, Images
from study.data.task import Classes
from study.learners.diehl_cook import (
    HISTORY_BLOCK,
    SIDE,
    DiehlCookConfig,
    DiehlCookLearner,
    block_means,
    inputs,
    preset,
    resized,
)
from study.learners.diehl_cook_config import NETWORKS, sized
from study.settings.config import configure, configured, parse_setting, settings_of
from study.trials.trial import no_progress

TINY = DiehlCookConfig(
    n_exc=12, presentations=4, label_samples=6, present_s=0.1, rest_s=0.05, batch=6, rule="triplet"
)


@pytest.fixture
def data():
    return digits.load(None)


@pytest.fixture
def learner(data):
    return fitted(TINY, data)


def fitted(config, data, validation=None):
    learner = DiehlCookLearner(config, Classes(10))
    learner.fit(data.train, validation or data.validation, np.random.default_rng(0), no_progress)
    return learner


def test_an_evaluation_counts_every_spike_and_operation(learner, data):
    few = data.test.take(np.arange(8))
    found = learner.evaluate(few, np.random.default_rng(1))
    spikes = found.cost.spikes_by_layer
    assert set(spikes) == {"input", "excitatory", "inhibitory"}
    # Every input has a weight to each of 12 neurons, every winner inhibits 11 others.
    expected = 12 * spikes["input"] + spikes["excitatory"] + 11 * spikes["inhibitory"]
    assert np.all(learner.keep().all_arrays()["filters"] > 0)
    assert found.cost.additions == pytest.approx(expected)
    rate = TINY.max_rate_hz * inputs(few).sum(axis=1).mean()
    assert spikes["input"] == pytest.approx(TINY.present_s * rate, rel=0.1)
    assert found.cost.updates == pytest.approx(24 * TINY.present_s / TINY.dt_s)
    assert found.scores["accuracy"] == np.mean(found.answers == few.labels)
    assert found.cost.timing.ms_per_sample > 0
    assert "one by one" in found.cost.timing.method
    assert "numba" in found.cost.timing.method


def test_the_same_seeds_give_the_same_predictions(learner, data):
    few = data.test.take(np.arange(4))
    first, again = (learner.evaluate(few, np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(first.answers, again.answers)


def test_artefacts_hold_what_figures_need(learner):
    artefacts = learner.keep()
    assert artefacts.all_arrays()["filters"].shape == (TINY.n_exc, SIDE, SIDE)
    assert artefacts.all_arrays()["theta_v"].shape == (TINY.n_exc,)
    assert artefacts.all_arrays()["assignments"].shape == (TINY.n_exc,)
    for name in ("shown", "spikes", "presentations", "theta_v"):
        assert artefacts.all_arrays()[f"history_{name}"].shape == (1,)  # one block
    assert artefacts.all_arrays()["history_shown"] == TINY.presentations
    assert artefacts.metrics["engine"].startswith("events")
    assert artefacts.metrics["engine_note"] is None
    json.dumps(artefacts.metrics)


def test_brian2_runs_the_same_learner_and_says_that_no_compiler_was_found(data, monkeypatch):
    monkeypatch.setattr("biosim.backend.has_compiler", lambda: False)
    learner = fitted(dataclasses.replace(TINY, engine="brian2", presentations=1), data)
    metrics = learner.keep().metrics
    assert metrics["engine"] == "brian2 numpy"
    assert "no C++ compiler" in metrics["engine_note"]
    found = learner.evaluate(data.test.take(np.arange(3)), np.random.default_rng(1))
    assert "side by side" in found.cost.timing.method


def test_the_history_says_how_accuracy_grew_and_decides_nothing(data):
    config = dataclasses.replace(TINY, presentations=5, history_points=2)
    learner = fitted(config, data)
    arrays = learner.keep().all_arrays()
    assert list(arrays["curve_seen"]) == [3, 5]
    assert arrays["curve_validation"].shape == (2,)
    assert list(arrays["history_shown"]) == [5]
    assert arrays["history_spikes"].shape == (1,)
    other = Images(1 - data.validation.pixels, data.validation.labels[::-1])
    again = fitted(config, data, validation=other).keep().all_arrays()
    assert np.array_equal(again["filters"], arrays["filters"])
    assert np.array_equal(again["assignments"], arrays["assignments"])


def test_the_vote_by_shares_is_a_read_out_of_its_own(data, learner):
    one, right = data.test.take(np.arange(1)), []
    for label in range(10):
        found = learner.evaluate(Images(one.pixels, np.array([label])), np.random.default_rng(1))
        right.append(found.scores["by_shares_accuracy"])
    assert sorted(right) == [0.0] * 9 + [1.0]  # one class is voted for


@pytest.mark.parametrize("n_exc", [25, 100, 400, 1600, 6400])
def test_networks_of_all_sizes_keep_the_spike_budget(n_exc):
    assert sized(n_exc, 60_000).specification() == budgeted(n_exc)
    assert DiehlCookConfig().specification() == budgeted(100)
    assert sized(n_exc, 60_000).history_points == 3


def test_sizes_of_the_paper_are_chosen_with_their_thresholds():
    for size in ("100", "400", "1600", "6400"):
        (found,) = configure(DiehlCookConfig(), "diehl-cook", [parse_setting(f"size={size}")])
        assert found.specification() == budgeted(int(size))


@pytest.mark.parametrize("preset", [published_code, brian2_ports, paper])
def test_networks_of_sources_are_chosen_by_a_setting_that_others_may_change(preset):
    name = preset.__name__
    (config,) = configure(DiehlCookConfig(), "diehl-cook", [parse_setting(f"network={name}")])
    assert config.specification() == preset(100)
    settings = [parse_setting(text) for text in ("lockout_s=0.01", f"network={name}", "n_exc=7")]
    (changed,) = configure(DiehlCookConfig(), "diehl-cook", settings)
    assert changed.specification() == dataclasses.replace(preset(7), lockout_s=0.01)
    assert set(NETWORKS) == {"published_code", "brian2_ports", "paper"}


def test_records_from_before_the_membrane_could_be_free_are_of_a_clamped_one():
    before = settings_of(DiehlCookConfig(clamped=True))
    assert "clamped" not in before
    assert configured(DiehlCookConfig, before).specification().excitatory.refractory_s == 5e-3
    assert settings_of(DiehlCookConfig())["clamped"] is False


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=4 * HISTORY_BLOCK))
def test_the_history_is_kept_in_means_over_blocks(values):
    found = block_means(np.array(values))
    blocks = [values[k : k + HISTORY_BLOCK] for k in range(0, len(values), HISTORY_BLOCK)]
    assert found == pytest.approx([sum(block) / len(block) for block in blocks])


def test_ablations_are_settings(data, learner):
    def arrays(**change):
        return fitted(dataclasses.replace(TINY, **change), data).keep().all_arrays()

    spec, whole = TINY.specification(), learner.keep().all_arrays()
    assert whole["theta_v"].max() > spec.theta_start_v
    fading = arrays(theta_plus_v=0.0)["theta_v"]
    assert fading.max() < spec.theta_start_v
    assert np.all(arrays(theta_plus_v=0.0, tau_theta_s=10.0)["theta_v"] < fading)
    free = arrays(weight_inh_exc=0.0)["history_spikes"].sum()
    assert free > 2 * whole["history_spikes"].sum()
    assert arrays(weight_inh_exc=0.0, lockout_s=50e-3)["history_spikes"].sum() < free


def test_nothing_shown_leaves_a_random_network_that_can_be_evaluated(data):
    learner = fitted(dataclasses.replace(TINY, presentations=0, history_points=2), data)
    artefacts = learner.keep()
    assert len(artefacts.all_arrays()["history_spikes"]) == 0
    assert list(artefacts.all_arrays()["curve_seen"]) == [0]
    assert np.all(artefacts.all_arrays()["theta_v"] == TINY.specification().theta_start_v)
    assert artefacts.metrics["presentations_per_trained_sample"] is None
    json.dumps(artefacts.metrics)
    learner.evaluate(data.test.take(np.arange(3)), np.random.default_rng(1))


def test_without_inhibition_no_synaptic_operation_is_inhibitory(data):
    few = data.test.take(np.arange(4))
    found = fitted(dataclasses.replace(TINY, weight_inh_exc=0.0), data).evaluate(
        few, np.random.default_rng(1)
    )
    spikes = found.cost.spikes_by_layer
    assert found.cost.additions == pytest.approx(12 * spikes["input"] + spikes["excitatory"])


def test_the_rule_is_a_setting(data):
    power, triplet = (
        fitted(dataclasses.replace(TINY, rule=rule), data).keep().all_arrays()["filters"]
        for rule in ("power", "triplet")
    )
    assert not np.allclose(power, triplet)


def test_events_are_refused_with_a_sentence(data):
    events = Events(np.zeros(1), np.zeros(1, int), np.array([0, 1]), np.zeros(1, int), 5, 0.1)
    learner = DiehlCookLearner(TINY, Classes(10))
    with pytest.raises(ValueError, match="images only"):
        learner.fit(events, events, np.random.default_rng(0), no_progress)


def test_resizing_keeps_the_mean_and_images_of_the_right_size(data):
    large = resized(data.test.pixels, SIDE)
    assert large.shape == (len(data.test), SIDE, SIDE)
    assert large.mean(axis=(1, 2)) == pytest.approx(data.test.pixels.mean(axis=(1, 2)), rel=1e-5)
    assert resized(large, SIDE) == pytest.approx(large, abs=1e-6)
    assert resized(resized(data.test.pixels, 32), 8) == pytest.approx(data.test.pixels, abs=1e-6)
    corner = resized(np.eye(2)[None], 4)[0]
    assert np.array_equal(corner, np.kron(np.eye(2), np.ones((2, 2))))


def test_configurations_are_json_and_mistakes_are_named():
    for profile in ("quick", "standard", "thesis"):
        config = dataclasses.asdict(preset(profile, "mnist"))
        assert DiehlCookConfig(**json.loads(json.dumps(config))) == preset(profile, "mnist")
    for wrong in (
        {"n_exc": 0},
        {"dt_s": 0.0},
        {"rate_post": -1.0},
        {"engine": "nest"},
        {"rule": "hebb"},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            DiehlCookConfig(**wrong)


@pytest.mark.slow
def test_it_reads_digits_far_better_than_without_learning(data):
    """Slow: a minute. With a rate of zero thresholds still adapt: only STDP differs."""
    quick = preset("quick", "digits")

    def accuracy(config):
        learner = DiehlCookLearner(config, Classes(10))
        learner.fit(data.train, data.validation, np.random.default_rng(0), no_progress)
        return learner.evaluate(data.test, np.random.default_rng(1)).scores["accuracy"]

    learned = accuracy(quick)
    assert learned >= 0.82
    assert learned > accuracy(dataclasses.replace(quick, rate_post=0.0)) + 0.15
    assert learned > accuracy(dataclasses.replace(quick, presentations=0)) + 0.15


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dt_s": 5e-3}, "dt_s = 0.005 s is too long"),
        ({"max_rate_hz": 4000.0}, "cannot be drawn in steps"),
        ({"present_s": 0.3501}, "not a multiple"),
    ],
)
def test_settings_that_the_step_cannot_carry_are_refused_before_any_trial(change, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        DiehlCookConfig(**change)
