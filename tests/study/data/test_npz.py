"""A user's own file is read as it says, or refused with the reason."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study import data
from study.data import npz
from study.data.reference import DataAccess
from study.data.samples import Events, Images
from study.errors import UserError


def image_arrays(n: int = 60) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "images": rng.integers(0, 256, (n, 4, 5), dtype=np.uint8),
        "labels": np.arange(n) % 3,
    }


def event_arrays(n: int = 60) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 5, n)
    total = counts.sum()
    return {
        "time_s": rng.uniform(0, 0.5, total),
        "unit": rng.integers(0, 7, total),
        "offsets": np.concatenate([[0], np.cumsum(counts)]),
        "labels": np.arange(n) % 3,
        "n_units": 7,
        "duration_s": 0.5,
    }


def load(path: Path, arrays: dict[str, Any]):
    np.savez(path, **arrays)
    return data.load(data.parse(str(path)), DataAccess())


def test_images_become_floats_and_are_split_by_class(tmp_path: Path) -> None:
    dataset = load(tmp_path / "mine.npz", image_arrays())
    assert dataset.name == "mine.npz"
    assert isinstance(dataset.train, Images)
    assert dataset.train.pixels.dtype == np.float32
    assert dataset.train.pixels.max() <= 1
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [39, 9, 12]
    assert np.bincount(dataset.test.labels).tolist() == [4, 4, 4]


def test_events_keep_their_sample(tmp_path: Path) -> None:
    arrays = event_arrays()
    dataset = load(tmp_path / "mine.npz", arrays | {"split": np.array(["train"] * 40
                   + ["validation"] * 10 + ["test"] * 10)})  # fmt: skip
    assert isinstance(dataset.test, Events)
    first, last = arrays["offsets"][50], arrays["offsets"][60]
    np.testing.assert_array_equal(dataset.test.time_s, arrays["time_s"][first:last])
    np.testing.assert_array_equal(dataset.test.unit, arrays["unit"][first:last])
    assert data.kind(data.parse(str(tmp_path / "mine.npz"))) == "events"


def images(**changes: Any) -> dict[str, Any]:
    return image_arrays() | changes


def events(**changes: Any) -> dict[str, Any]:
    return event_arrays() | changes


def without(arrays: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in arrays.items() if key != name}


def decreasing() -> np.ndarray:
    offsets = event_arrays()["offsets"].copy()
    offsets[3] = offsets[5] + 1
    return offsets


MALFORMED = [
    (without(image_arrays(), "labels"), "missing array labels"),
    (without(image_arrays(), "images"), "missing array time_s"),
    (without(event_arrays(), "duration_s"), "missing array duration_s"),
    (images(images=np.zeros((60, 20))), r"\[N, H, W\]"),
    (images(images=np.full((60, 2, 2), np.nan)), "NaN"),
    (images(images=np.full((60, 2, 2), 1.5)), "0..1"),
    (images(images=np.zeros((60, 2, 2), dtype=np.int64)), "uint8 or float"),
    (images(labels=np.zeros(59, dtype=int)), "59 labels for 60 samples"),
    (images(labels=np.zeros(60)), "integers"),
    (images(labels=np.arange(60) % 3 - 1), "found -1"),
    (images(labels=np.arange(60) % 3 * 2), "label 1 has no samples"),
    (images(labels=np.full(60, 10**9)), "label 1000000000"),
    (images(labels=np.array([1] + [0] * 59)), "fewer than 7 samples"),
    (images(split=np.array(["train"] * 59 + ["tset"])), "'tset'"),
    (images(split=np.array(["train"] * 59 + ["validation"])), "no test samples"),
    (images(split=np.arange(60)), "text"),
    (events(offsets=decreasing()), "must not decrease"),
    (events(offsets=np.arange(61)), "number of events"),
    (events(unit=event_arrays()["unit"] + 5), r"0\.\.6"),
    (events(unit=event_arrays()["unit"].astype(float)), "unit must be integers"),
    (events(time_s=event_arrays()["time_s"] * np.nan), "NaN"),
    (events(time_s=event_arrays()["time_s"] + 0.5), "duration_s"),
    (events(time_s=event_arrays()["time_s"][:-1]), r"must be \[E\]"),
    (events(duration_s=-1.0), "positive"),
    (events(n_units=0.5), "whole number"),
    (events(n_units=np.array([7, 7])), "one number"),
]


@pytest.mark.parametrize(("arrays", "reason"), MALFORMED, ids=[reason for _, reason in MALFORMED])
def test_malformed_files_are_refused_with_the_reason(tmp_path, arrays, reason) -> None:
    with pytest.raises(UserError, match=reason) as refused:
        load(tmp_path / "mine.npz", arrays)
    assert "mine.npz" in str(refused.value)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, **image_arrays())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match="damaged"):
        data.load(npz.reference(path), DataAccess())


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("code in a data file was run",))


def test_code_in_a_file_is_never_run(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, **image_arrays(), extra=np.array([Bomb()], dtype=object))
    with pytest.raises(UserError, match="plain arrays"):
        data.load(npz.reference(path), DataAccess())
    path.write_bytes(pickle.dumps({"images": 1}))
    with pytest.raises(UserError, match="plain arrays"):
        data.load(npz.reference(path), DataAccess())


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    with path.open("wb") as stream:
        np.save(stream, np.arange(3))
    with pytest.raises(UserError, match="plain arrays"):
        data.load(npz.reference(path), DataAccess())


def test_a_file_that_changes_after_it_was_named_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, **image_arrays())
    ref = data.parse(str(path))
    np.savez(path, **image_arrays(90))
    with pytest.raises(UserError, match="changed"):
        data.load(ref, DataAccess())


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        data.parse(str(tmp_path / "none.npz"))


def test_damage_within_a_compressed_array_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, **image_arrays(600))
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(byte ^ 0xFF for byte in content[200:260])
    path.write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        data.load(data.parse(str(path)), DataAccess())
