"""Bins of recorded times: those of `gradsim`, which most learners do without."""

from __future__ import annotations

import numpy as np
import pytest

from gradsim.encode import bin_events
from study.data import arrays
from study.data.samples import Events
from study.data.steps import time_bins
from study.learners.dense import features


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("duration_s", "n"), [(1.0, 1000), (1.4, 140), (0.7, 10), (1.1, 11)])
def test_bins_are_those_of_gradsim(kind: type, duration_s: float, n: int) -> None:
    rng = np.random.default_rng(0)
    times = np.concatenate([np.arange(n) * duration_s / n, rng.uniform(0, duration_s, 999)])
    times = np.minimum(times.astype(kind), kind(duration_s))
    offsets = np.array([0, len(times)])
    events = bin_events(times, np.zeros(len(times), int), offsets, 1, duration_s, n)
    assert np.array_equal(time_bins(times, duration_s, n), events.step)


def test_a_users_times_keep_the_type_that_says_how_exact_they_are() -> None:
    n = 1000
    given = {
        "time_s": (np.arange(n) * 1e-3).astype(">f4"),
        "unit": np.zeros(n, np.uint8),
        "offsets": np.array([0, n]),
        "labels": np.array([0]),
        "duration_s": np.array(1.0),
        "n_units": np.array(1),
    }
    samples = arrays.samples(given)
    assert isinstance(samples, Events)
    assert samples.time_s.dtype == np.float32
    assert np.array_equal(features(samples, n), np.ones((1, n)))


def test_a_users_time_at_the_end_may_be_rounded_up_by_its_type() -> None:
    given = {
        "time_s": np.array([1.1], np.float32),
        "unit": np.array([0]),
        "offsets": np.array([0, 1]),
        "labels": np.array([0]),
        "duration_s": np.array(1.1),
        "n_units": np.array(1),
    }
    samples = arrays.samples(given)
    assert features(samples, 11).argmax() == 10
