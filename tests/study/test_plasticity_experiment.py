import json

import numpy as np
import pytest

from study.experiments import plasticity
from study.report.equations import mathml
from study.request import Request
from study.trial import Context, Record, Trial


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    (trial,) = plasticity.trials(Request())
    config = json.loads(json.dumps(trial.config)) | {"reach_s": 20e-3, "spacing_s": 5e-3}
    small = Trial(trial.procedure, trial.learner, None, config, trial.seed)
    outcome = small.resolve()(small, Context())
    np.savez(folder / f"{small.id}.npz", **outcome.arrays)
    return Record(small, "done", outcome.metrics, None, {}, folder)


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


def test_the_section_shows_labelled_figures_and_numbers_of_the_record(record):
    section = plasticity.section([record])
    assert len(section.figures) == 2
    for figure in section.figures:
        assert all(ax.get_xlabel() and ax.get_ylabel() for ax in figure.drawing.get_axes())
    assert f"{record.metrics['n_pairs']} pairs" in section.findings[0]
    assert all(len(row) == len(section.tables[0].columns) for row in section.tables[0].rows)
    assert len(mathml(section.equations).formulas) == len(section.equations)


def test_a_window_without_points_is_refused():
    with pytest.raises(ValueError, match="spacing_s"):
        plasticity.PairConfig(spacing_s=0.0)
