import json
from dataclasses import dataclass

import numpy as np
import pytest

from study.experiments.plasticity import competition, pairs
from study.experiments.plasticity import experiment as plasticity
from study.report.equations import mathml
from study.trials.trial import Context, Record, Trial

TINY = {
    "pair-stdp": {"reach_s": 20e-3, "spacing_s": 5e-3},
    "pairing-frequency": {"more_hz": [], "longest_interval_s": 0.5},
    "weight-competition": {"exponents": [0.0, 1.0], "n_neurons": 5, "duration_s": 3.0},
}


@dataclass(frozen=True)
class Defaults:
    """A request without settings."""

    profile: str = "quick"

    def configure(self, config, _name):
        return [config]


def run(trial, folder):
    config = json.loads(json.dumps(dict(trial.config) | TINY[trial.subject]))
    small = Trial(trial.procedure, trial.subject, None, config, trial.seed)
    outcome = small.resolve()(small, Context())
    json.dumps(outcome.metrics, allow_nan=False)
    np.savez(folder / f"{small.id}.npz", **outcome.arrays)
    return Record(small, "done", outcome.metrics, None, {}, folder)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    return {trial.subject: run(trial, folder) for trial in plasticity.trials(Defaults())}


@pytest.fixture(scope="module")
def record(records):
    return records["pair-stdp"]


def test_each_kind_has_a_trial_and_larger_profiles_a_longer_competition():
    quick, full = ([t.config for t in plasticity.trials(Defaults(p))] for p in ("quick", "thesis"))
    assert len(quick) == len(TINY)
    assert quick[:2] == full[:2]
    assert quick[2]["duration_s"] < full[2]["duration_s"]


def test_the_measured_window_is_the_formula_and_not_the_misprint(record):
    assert record.metrics["n_pairs"] == 8
    assert record.metrics["max_relative_error"] < 1e-6
    assert record.metrics["printed_relative_error"] > 1


def test_the_two_shown_weights_end_where_the_window_says(record):
    arrays = record.arrays
    at = {round(delta * 1e3): change for delta, change in zip(
        arrays["delta_t_s"], arrays["measured"], strict=True
    )}  # fmt: skip
    np.testing.assert_allclose(arrays["weight"][-1], [at[10], at[-10]], rtol=1e-12)


def test_the_triplet_rule_meets_the_measurements_and_the_best_pair_rule_does_not(records):
    metrics, arrays = records["pairing-frequency"].metrics, records["pairing-frequency"].arrays
    np.testing.assert_array_equal(arrays["frequency_hz"], pairs.OBSERVED_HZ)
    assert metrics["triplet.mean_squared_misfit"] < 0.5
    assert metrics["pair.mean_squared_misfit"] > 5
    assert metrics["triplet.change_highest"] > metrics["triplet.change_lowest"] + 0.5
    assert metrics["pair.change_highest"] < metrics["pair.change_lowest"]


def test_no_other_pair_rule_comes_closer(records):
    from biosim.plasticity import VISUAL_CORTEX, PairSTDP, pairings, window

    metrics = records["pairing-frequency"].metrics

    def misfit(a_plus, a_minus):
        rule = PairSTDP(a_plus, a_minus, VISUAL_CORTEX.tau_plus_s, VISUAL_CORTEX.tau_minus_s)
        change = [
            [
                window(rule, np.subtract.outer(post, pre)).sum()
                for pre, post in (pairings(60, max(hz, 2.0), delta) for hz in pairs.OBSERVED_HZ)
            ]
            for delta in pairs.OBSERVED_DELTA_S
        ]
        return np.mean(((change - pairs.OBSERVED_CHANGE) / pairs.OBSERVED_ERROR) ** 2)

    best = metrics["pair.a_plus"], metrics["pair.a_minus"]
    assert misfit(*best) == pytest.approx(metrics["pair.mean_squared_misfit"], rel=1e-6)
    for factor in (0.9, 1.1):
        assert misfit(best[0] * factor, best[1]) > misfit(*best)
        assert misfit(best[0], best[1] * factor) > misfit(*best)


def test_multiplicative_weights_leave_the_bounds(records):
    metrics, arrays = records["weight-competition"].metrics, records["weight-competition"].arrays
    additive, multiplicative = (np.mean(shares) for shares in metrics["at_bound"])
    assert additive > 2 * multiplicative
    near = np.minimum(arrays["weight"], 1 - arrays["weight"]) < competition.EDGE
    assert near[0].mean() == pytest.approx(additive)


def test_the_section_shows_labelled_figures_and_numbers_of_the_records(records):
    section = plasticity.section(list(records.values()))
    assert len(section.figures) == 4
    for figure in section.figures:
        assert all(ax.get_xlabel() for ax in figure.drawing.get_axes())
        assert figure.drawing.get_axes()[0].get_ylabel()
    told = " ".join(section.findings)
    assert f"{records['pair-stdp'].metrics['n_pairs']} pairs" in told
    assert f"{records['pairing-frequency'].metrics['triplet.change_highest']:+.2f}" in told
    at_bound = np.mean(records["weight-competition"].metrics["at_bound"][0])
    assert f"µ = 0: {100 * at_bound:.0f} %" in told
    for table in section.tables:
        assert all(len(row) == len(table.columns) for row in table.rows)
    assert len(mathml(section.equations).formulas) == len(section.equations)


@pytest.mark.parametrize("kind", TINY)
def test_the_section_works_where_only_one_kind_succeeded(records, kind):
    assert plasticity.section([records[kind]]).findings


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: plasticity.PairConfig(spacing_s=0.0), "spacing_s"),
        (lambda: plasticity.FrequencyConfig(n_pairs=0), "n_pairs"),
        (lambda: plasticity.FrequencyConfig(more_hz=(0.0,)), "more_hz"),
        (lambda: plasticity.FrequencyConfig(more_hz=(30.0,)), "must divide 0.0333"),
        (lambda: plasticity.CompetitionConfig(exponents=()), "exponents"),
    ],
)
def test_settings_that_cannot_be_run_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
