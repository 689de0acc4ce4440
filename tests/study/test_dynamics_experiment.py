import json
from dataclasses import dataclass

import numpy as np
import pytest

from study.experiments import dynamics
from study.report.equations import mathml
from study.trial import Context, Record, Trial

TINY = {
    "lif": {"rate_duration_s": 0.3, "n_currents": 11},
    "hodgkin-huxley": {
        "duration_s": 0.02,
        "onset_s": 0.002,
        "rate_duration_s": 0.08,
        "n_currents": 11,
    },
    "izhikevich": {"duration_s": 0.05, "refinements": [1, 2], "cells": ["FS"]},
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
    config = json.loads(json.dumps(dict(trial.config) | TINY[trial.learner]))
    small = Trial(trial.procedure, trial.learner, None, config, trial.seed)
    outcome = small.resolve()(small, Context())
    json.dumps(outcome.metrics, allow_nan=False)
    np.savez(folder / f"{small.id}.npz", **outcome.arrays)
    return Record(small, "done", outcome.metrics, None, {}, folder)


def test_each_model_has_a_trial_that_survives_json():
    trials = dynamics.trials(Defaults())
    assert [trial.learner for trial in trials] == ["lif", "hodgkin-huxley", "izhikevich"]
    assert len({trial.id for trial in trials}) == 3


def test_errors_are_of_the_size_that_the_step_allows(records):
    lif, axon, cells = (record.metrics for record in records)
    assert lif["max_trace_error_v"] < 1e-12
    assert lif["rheobase"] <= lif["firing_current"]
    assert axon["n_spikes"] == axon["reference_spikes"] == 2
    assert axon["max_trace_error_v"] < 2e-5
    assert 0 < axon["max_spike_error_s"] <= 2.5e-5
    coarse, fine = cells["FS.max_spike_error_s"]
    assert 0 < fine < coarse


def test_the_axon_jumps_into_firing_and_the_lif_neuron_does_not(records):
    lif, axon, _ = (record.metrics for record in records)
    assert axon["onset_rate_hz"] > 50
    assert 0.06 <= axon["silent_current"] < axon["firing_current"] <= 0.08
    assert lif["onset_rate_hz"] < axon["onset_rate_hz"]


def test_the_section_shows_every_model_with_labelled_axes(records):
    section = dynamics.section(records)
    assert len(section.figures) == 3
    for figure in section.figures:
        assert figure.alt
        assert "trials 1" in figure.basis
        assert all(ax.get_ylabel() for ax in figure.drawing.get_axes())
    assert len(section.tables[0].rows) == 4
    assert all(len(row) == len(section.tables[0].columns) for row in section.tables[0].rows)
    assert len(mathml(section.equations).formulas) == len(section.equations)


def test_the_section_takes_its_numbers_from_the_records(records):
    told = " ".join(dynamics.section(records).findings)
    assert f"{records[1].metrics['onset_rate_hz']:.1f} Hz" in told


def test_the_section_works_where_only_one_model_succeeded(records):
    section = dynamics.section(records[2:])
    assert [figure.name for figure in section.figures] == ["dynamics-izhikevich"]
