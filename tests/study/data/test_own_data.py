"""A user's own file: an official split without validation, traces, events by their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from study import data
from study.data.reference import DataAccess
from study.data.samples import Dataset, Events, Traces, joined
from study.errors import UserError
from study.run import main

SHAPE = (2, 4, 3)  # polarities, height, width
OFFICIAL = np.array(["train"] * 60 + ["test"] * 30)


def trace_arrays(n: int = 90) -> dict[str, Any]:
    """Traces that rise or fall."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    ramp = np.linspace(-1, 1, 5)[None, :, None] * np.where(labels == 0, 1, -1)[:, None, None]
    return {"traces": ramp + rng.normal(0, 0.1, (n, 5, 2)), "labels": labels}


def place_arrays(n: int = 90) -> dict[str, Any]:
    """Three events a sample, as of a camera; the label is the polarity."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    _, height, width = SHAPE
    return {
        "time_s": np.sort(rng.uniform(0, 0.3, (n, 3)), axis=1).ravel(),
        "x": rng.integers(0, width, 3 * n).astype(np.uint16),
        "y": rng.integers(0, height, 3 * n).astype(np.uint16),
        "polarity": np.repeat(labels, 3).astype(bool),
        "offsets": np.arange(n + 1) * 3,
        "labels": labels,
        "width": width,
        "height": height,
        "duration_s": 0.3,
    }


def load(folder: Path, arrays: dict[str, Any]) -> Dataset:
    np.savez(folder / "mine.npz", **arrays)
    return data.load(data.parse(str(folder / "mine.npz")), DataAccess())


def without(arrays: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in arrays.items() if key not in names}


def test_validation_is_drawn_from_training_where_the_file_has_none(tmp_path: Path) -> None:
    dataset = load(tmp_path, trace_arrays() | {"split": OFFICIAL})
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [48, 12, 30]
    assert np.bincount(dataset.validation.labels).tolist() == [6, 6]
    assert "validation a stratified fifth of its training part, fixed seed" in dataset.source
    values = trace_arrays()["traces"].astype(np.float32)
    np.testing.assert_array_equal(dataset.test.values, values[60:])
    both = np.concatenate([dataset.train.values, dataset.validation.values])
    assert {row.tobytes() for row in both} == {row.tobytes() for row in values[:60]}
    again = load(tmp_path, trace_arrays() | {"split": OFFICIAL})
    np.testing.assert_array_equal(again.validation.values, dataset.validation.values)


def test_traces_keep_their_values_and_their_time(tmp_path: Path) -> None:
    arrays = trace_arrays()
    dataset = load(tmp_path, arrays)
    assert isinstance(dataset.train, Traces)
    assert dataset.train.dt_s == 1e-3
    assert dataset.train.values.dtype == np.float32
    assert load(tmp_path, arrays | {"dt_s": 0.025}).test.dt_s == 0.025
    assert data.kind(data.parse(str(tmp_path / "mine.npz"))) == "traces"


def test_events_by_place_fire_the_units_of_their_shape(tmp_path: Path) -> None:
    arrays = place_arrays()
    dataset = load(tmp_path, arrays | {"split": OFFICIAL})
    assert isinstance(dataset.test, Events)
    assert (dataset.test.shape, dataset.test.n_units) == (SHAPE, 24)
    polarity, y, x = np.unravel_index(dataset.test.unit, SHAPE)
    for found, name in ((polarity, "polarity"), (y, "y"), (x, "x")):
        np.testing.assert_array_equal(found, arrays[name][180:])
    both = joined(dataset.train, dataset.validation)
    assert isinstance(both, Events)
    assert both.shape == SHAPE

    flat = load(tmp_path, without(arrays, "polarity", "width", "height") | {"shape": [4, 3]})
    assert flat.train.shape == (4, 3)
    grey = load(tmp_path, without(arrays, "polarity"))
    np.testing.assert_array_equal(grey.train.unit, flat.train.unit)
    assert grey.train.unit.max() < 12


def test_units_may_have_a_shape(tmp_path: Path) -> None:
    places = place_arrays()
    units = without(places, "x", "y", "polarity", "width", "height") | {"unit": places["x"]}
    assert load(tmp_path, units | {"n_units": 3}).train.shape is None
    shaped = load(tmp_path, units | {"shape": [3, 5]}).train
    assert (shaped.n_units, shaped.shape) == (15, (3, 5))


def traces(**changes: Any) -> dict[str, Any]:
    return trace_arrays() | changes


def places(**changes: Any) -> dict[str, Any]:
    return place_arrays() | changes


MALFORMED = [
    (traces(traces=np.zeros((90, 5))), r"\[N, T, C\]"),
    (traces(traces=np.zeros((90, 5, 2), int)), "floating point"),
    (traces(traces=np.full((90, 5, 2), np.nan)), "NaN"),
    (traces(traces=np.full((90, 5, 2), 1e300)), "too large"),
    (traces(dt_s=0.0), "dt_s must be positive"),
    (traces(labels=np.zeros(89, int)), "89 labels for 90 samples"),
    (traces(images=np.zeros((90, 2, 2))), "images and traces in one file"),
    (without(trace_arrays(), "labels"), "missing array labels.\nAllowed: images"),
    (without(place_arrays(), "y"), "missing array y"),
    (without(place_arrays(), "width"), "missing array width"),
    (places(unit=place_arrays()["x"]), "unit and x, y, polarity both say"),
    (places(x=place_arrays()["x"] + 3), r"x must lie in 0\.\.2"),
    (places(y=place_arrays()["y"].astype(float)), "y must be integers"),
    (places(polarity=np.full(270, 2)), r"polarity must lie in 0\.\.1"),
    (places(polarity=np.full(9, 1)), r"must be \[E\]"),
    (places(shape=[4, 3]), r"\[polarities, H, W\] with polarity"),
    (without(places(shape=[2, 4, 3]), "polarity"), r"\[H, W\] without polarity"),
    (places(shape=[2, 0, 3]), "shape must be positive"),
    (places(shape=[2.0, 4.0, 3.0]), "integers"),
    (
        without(places(unit=place_arrays()["x"], n_units=7, shape=[2, 3]), "x", "y", "polarity"),
        "has 6 units",
    ),
    (traces(split=np.array(["train"] * 4 + ["test"] * 86)), "fewer than 5 training samples"),
]


@pytest.mark.parametrize(("arrays", "reason"), MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_files_are_refused_with_what_is_allowed(tmp_path, arrays, reason) -> None:
    with pytest.raises(UserError, match=reason):
        load(tmp_path, arrays)


def test_they_are_learned_and_reported(tmp_path: Path) -> None:
    paths = [tmp_path / "places.npz", tmp_path / "traces.npz"]
    for path, arrays in zip(paths, (place_arrays(), trace_arrays()), strict=True):
        np.savez(path, **arrays, split=OFFICIAL)
    out = tmp_path / "out"
    words = ["compare", "--learner", "linear", "--seeds", "1", "--jobs", "2"]
    assert main([*words, "--dataset", *map(str, paths), "--out", str(out)]) == 0
    trials = pd.read_csv(out / "trials.csv").set_index(["learner", "dataset"])
    assert trials.loc[("linear", "traces.npz"), "test_accuracy"] == 1
    assert trials.loc[("linear", "places.npz"), "test_accuracy"] > 0.9
    assert trials["n_validation"].tolist() == [12] * 2
    page = (out / "report.html").read_text()
    assert all(path.name in page for path in paths)
