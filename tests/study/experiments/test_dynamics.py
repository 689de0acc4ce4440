import json
from dataclasses import dataclass

import numpy as np
import pytest

from study.experiments.dynamics import experiment as dynamics
from study.experiments.dynamics.measured import onset
from study.report.equations import mathml
from study.trials.trial import Context, Record, Trial

TINY = {
    "lif": {"rate_duration_s": 0.3, "n_currents": 11},
    "hodgkin-huxley": {
        "duration_s": 0.02,
        "onset_s": 0.002,
        "rate_duration_s": 0.08,
        "n_currents": 11,
    },
    "traub": {
        "duration_s": 0.03,
        "onset_s": 0.002,
        "rate_duration_s": 0.5,
        "n_currents": 13,
    },
    "izhikevich": {"duration_s": 0.05, "refinements": [1, 2], "cells": ["FS"]},
    "adex": {
        "duration_s": 0.1,
        "refinements": [1, 4],
        "cells": ["adapting", "delayed"],
        "currents_a": [65e-12, 25e-12],
    },
    "izhikevich-patterns": {"accurate_dt_s": 1e-4},
}


@dataclass(frozen=True)
class Defaults:
    """A request without settings."""

    profile: str = "quick"

    def configure(self, config, _name):
        return [config]


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    return [run(trial, folder) for trial in dynamics.trials(Defaults())]


def run(trial, folder):
    config = json.loads(json.dumps(dict(trial.config) | TINY[trial.subject]))
    small = Trial(trial.procedure, trial.subject, None, config, trial.seed)
    outcome = small.resolve()(small, Context())
    json.dumps(outcome.metrics, allow_nan=False)
    np.savez(folder / f"{small.id}.npz", **outcome.arrays)
    return Record(small, "done", outcome.metrics, None, {}, folder)


def test_each_model_has_a_trial_that_survives_json():
    trials = dynamics.trials(Defaults())
    assert [trial.subject for trial in trials] == list(TINY)
    assert len({trial.id for trial in trials}) == len(TINY)


def test_errors_are_of_the_size_that_the_step_allows(records):
    lif, axon, cortical, cells, adaptive, _ = (record.metrics for record in records)
    assert lif["max_trace_error_v"] < 1e-12
    assert lif["rheobase"] <= lif["firing_current"]
    assert axon["n_spikes"] == axon["reference_spikes"] == 2
    assert axon["max_trace_error_v"] < 2e-5
    assert 0 < axon["max_spike_error_s"] <= 2.5e-5
    assert cortical["n_spikes"] == cortical["reference_spikes"] == 2
    assert cortical["max_trace_error_v"] < 2e-3
    for errors in (cells["FS.max_spike_error_s"], adaptive["adapting.max_spike_error_s"]):
        assert 0 < errors[1] < errors[0]


def test_neurons_without_spikes_have_no_spike_error(records):
    adaptive = records[4].metrics
    assert adaptive["delayed.n_spikes"] == [0, 0]
    assert adaptive["delayed.max_spike_error_s"] == [None, None]


def test_the_twenty_patterns_are_run_both_ways(records):
    metrics = records[-1].metrics
    assert len(metrics["names"]) == 20
    assert metrics["tonic spiking.n_spikes"] == metrics["tonic spiking.solved_spikes"] == 5
    assert metrics["inhibition-induced bursting.n_spikes"] == 12
    assert metrics["inhibition-induced bursting.solved_spikes"] > 100


def test_the_axon_jumps_into_firing_and_the_lif_neuron_does_not(records):
    lif, axon, cortical, *_ = (record.metrics for record in records)
    assert 0 < cortical["onset_rate_hz"] < 10
    assert axon["onset_rate_hz"] > 50
    assert 0.06 <= axon["silent_current"] < axon["firing_current"] <= 0.08
    assert lif["onset_rate_hz"] < axon["onset_rate_hz"]


def test_the_section_shows_every_model_with_labelled_axes(records):
    section = dynamics.section(records)
    names = [figure.name for figure in section.figures]
    assert names == [*(f"dynamics-{model}" for model in TINY), "dynamics-types"]
    for figure in section.figures:
        assert figure.alt
        assert f"trials {1 + (figure.name == 'dynamics-types')}" in figure.basis
        shared = figure.drawing.get_supylabel()
        assert shared or all(ax.get_ylabel() for ax in figure.drawing.get_axes())
    assert len(section.tables[0].rows) == 9
    assert all(len(row) == len(section.tables[0].columns) for row in section.tables[0].rows)
    assert len(mathml(section.equations).formulas) == len(section.equations)


def test_the_section_takes_its_numbers_from_the_records(records):
    told = " ".join(dynamics.section(records).findings)
    assert f"{records[1].metrics['onset_rate_hz']:.1f} Hz" in told
    bursting = records[-1].metrics["inhibition-induced bursting.solved_spikes"]
    assert f"inhibition-induced bursting (12 to {bursting})" in told


def test_the_section_works_where_only_one_model_succeeded(records):
    section = dynamics.section(records[3:4])
    assert [figure.name for figure in section.figures] == ["dynamics-izhikevich"]


@pytest.mark.parametrize(
    ("rates", "found"),
    [
        ([0.0, 0.0, 7.0, 9.0], (0.1, 0.2, 7.0)),
        ([0.0, 0.0, 0.0, 0.0], (None, None, None)),
        ([3.0, 4.0, 7.0, 9.0], (None, None, None)),  # no silent current was tried
    ],
)
def test_an_onset_lies_between_a_silent_and_a_firing_current(rates, found) -> None:
    told = onset(np.array([0.0, 0.1, 0.2, 0.3]), np.array(rates))
    assert tuple(told.values()) == found
