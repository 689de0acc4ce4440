"""The published files themselves, where ``SNN_DATA_DIR`` has them; run with ``-m slow``."""

from __future__ import annotations

import os

import h5py
import numpy as np
import pytest

from study import data
from study.data import fetch, heidelberg, tbl
from study.data.reference import DataAccess, DatasetRef
from study.data.samples import Dataset, Events

pytestmark = pytest.mark.slow

FOLDERS = os.environ.get("SNN_DATA_DIR", "")  # a fixture hides it from tests


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    skip_unless_here(name, monkeypatch)
    return data.load(DatasetRef(name), DataAccess(offline=True))


def skip_unless_here(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNN_DATA_DIR", FOLDERS)
    files = data.DATASETS[name].files
    assert files is not None
    if not all(fetch.find(remote, DataAccess()) for remote in files()):
        pytest.skip(f"{name} is in no folder of SNN_DATA_DIR")


def sizes(dataset: Dataset) -> list[int]:
    return [len(part) for part in (dataset.train, dataset.validation, dataset.test)]


@pytest.mark.parametrize("name", ["shd", "hd-spikes"])
def test_spoken_digits_are_complete(name: str, monkeypatch) -> None:
    dataset = load(name, monkeypatch)
    n_train, n_validation, n_test = sizes(dataset)
    assert (n_train + n_validation, n_test) == (8156, 2264)
    assert 0.1 < n_validation / 8156 < 0.2
    for part in (dataset.train, dataset.validation, dataset.test):
        assert isinstance(part, Events)
        assert set(part.labels) == set(range(20))
        assert 0 <= part.unit.min() < 50
        assert 650 < part.unit.max() < 700
        assert 1.0 < part.time_s.max() < 1.38
        assert 5000 < len(part.unit) / len(part) < 9000
    per_class = np.bincount(dataset.validation.labels)
    assert per_class.max() < 1.3 * per_class.min()


@pytest.mark.parametrize("name", ["shd", "hd-spikes"])
def test_twelve_speakers_of_whom_two_are_held_out(name: str, monkeypatch) -> None:
    skip_unless_here(name, monkeypatch)
    source = heidelberg.SOURCES[name]
    speakers = []
    with fetch.contents((source.train, source.test), DataAccess()) as (files, _):
        for content in files:
            with h5py.File(content.stream) as file:
                speakers.append(set(file["extra/speaker"][:].tolist()))
    train, test = speakers
    assert train | test == set(range(12))
    assert test - train == {4, 5}
    assert set(heidelberg.VALIDATION_SPEAKERS) < train


def test_the_tactile_letters_are_complete(monkeypatch) -> None:
    dataset = load("tbl", monkeypatch)
    assert sizes(dataset) == [945, 135, 270]
    raw, checksum = tbl.recordings(DataAccess())
    assert np.bincount(raw.labels).tolist() == [50] * 27
    # The tutorial labels recordings by their place in the file.
    assert raw.labels.tolist() == (np.arange(1350) // 50).tolist()
    assert f"sha256:{checksum}" == tbl.FILE.checksum
    np.testing.assert_allclose(
        raw.values.std(axis=(0, 1)) * 255, [20.41, 0.53, 12.83, 1.20], atol=0.01
    )
    changes = (np.diff(raw.values, axis=1) != 0).any(axis=2)
    # Readings last two frames: hardly ever do two changes follow one another.
    assert (changes[:, 1:] & changes[:, :-1]).mean() < 0.02


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_images_are_complete(name: str, monkeypatch) -> None:
    dataset = load(name, monkeypatch)
    assert sum(sizes(dataset)[:2]) == 60_000
    assert np.bincount(dataset.test.labels).sum() == 10_000
    assert (dataset.train.pixels.dtype, dataset.train.pixels.max()) == (np.float32, 1.0)
