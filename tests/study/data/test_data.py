"""Embedded data, idx files, where files are looked for, and samples as arrays."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from study import data
from study.data import fetch, idx
from study.data.reference import DataAccess, DatasetRef
from study.data.samples import Events, Traces
from study.data.splits import stratified_split
from study.errors import UserError


def packed(array: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.tobytes()


def test_digits_are_split_without_overlap_and_always_alike() -> None:
    first, second = (data.load(DatasetRef("digits"), DataAccess()) for _ in range(2))
    assert sum(map(len, (first.train, first.validation, first.test))) == 1797
    assert first.checksum == second.checksum
    np.testing.assert_array_equal(first.test.pixels, second.test.pixels)
    images = {part.tobytes() for part in first.train.pixels}
    shared = [image for image in first.test.pixels if image.tobytes() in images]
    assert len(shared) <= 1  # the data hold a duplicate or two of their own


@given(st.lists(st.integers(0, 3), min_size=40, max_size=90), st.integers(0, 9))
def test_splits_are_a_partition_with_equal_shares(labels: list[int], seed: int) -> None:
    array = np.array(labels)
    parts = stratified_split(array, (0.6, 0.2, 0.2), seed)
    assert sorted(np.concatenate(parts)) == list(range(len(array)))
    for label in np.unique(array):
        n = int(np.sum(array == label))
        assert [int(np.sum(array[part] == label)) for part in parts[1:]] == [int(0.2 * n)] * 2


@given(npst.arrays(np.uint8, npst.array_shapes(max_dims=3)))
def test_idx_files_come_back_as_they_were(array: np.ndarray) -> None:
    np.testing.assert_array_equal(idx.parse_idx(packed(array)), array)


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x00\x08", b"\x00\x00\x08\x03\x00", b"\x00\x00\x0d\x01" + bytes(8)]
)
def test_what_is_no_idx_file_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="idx"):
        idx.parse_idx(content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a tiny data set in a data folder."""
    folder = tmp_path / "data" / "tiny"
    folder.mkdir(parents=True)
    return folder


def write(source: idx.IdxSource, folder: Path, stem: str, array: np.ndarray) -> idx.IdxSource:
    """Write one file and return the source that expects it."""
    content = packed(array)
    (folder / f"{stem}.gz").write_bytes(gzip.compress(content))
    checksum = f"sha256:{hashlib.sha256(content).hexdigest()}"
    expected = dataclasses.replace(source.files[stem], folder="tiny", checksum=checksum)
    return dataclasses.replace(source, files=source.files | {stem: expected})


@pytest.fixture
def source(folder: Path) -> idx.IdxSource:
    """A tiny data set in the layout of MNIST."""
    rng = np.random.default_rng(0)
    source = idx.MNIST
    for part, n in (("train", 40), ("t10k", 20)):
        images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        labels = (np.arange(n) % 10).astype(np.uint8)
        source = write(source, folder, f"{part}-images-idx3-ubyte", images)
        source = write(source, folder, f"{part}-labels-idx1-ubyte", labels)
    return source


def test_validation_is_held_out_of_the_training_images(source, tmp_path) -> None:
    dataset = idx.load(source, DataAccess(tmp_path / "data"))
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [40, 0, 20]
    pixels = dataset.test.pixels
    assert pixels.dtype == np.float32
    assert 0.99 < pixels.max() <= 1
    assert dataset.test.labels.tolist() == list(range(10)) * 2


def test_the_checksum_is_that_of_all_contents(source, tmp_path, folder) -> None:
    contents = [gzip.decompress((folder / f"{stem}.gz").read_bytes()) for stem in source.files]
    dataset = idx.load(source, DataAccess(tmp_path / "data"))
    assert dataset.checksum == hashlib.sha256(b"".join(contents)).hexdigest()


@pytest.mark.parametrize(
    ("stem", "array", "problem"),
    [
        ("t10k-images-idx3-ubyte", np.zeros((20, 27, 29), np.uint8), r"\[20, 27, 29\]"),
        ("train-images-idx3-ubyte", np.zeros((40, 784), np.uint8), r"\[40, 784\]"),
        ("t10k-labels-idx1-ubyte", np.zeros(19, np.uint8), r"\[19\] for 20 labels"),
        ("train-labels-idx1-ubyte", np.full(40, 10, np.uint8), "label 10; allowed are 0..9"),
    ],
)
def test_arrays_of_another_shape_or_range_are_refused(
    source, folder, tmp_path, stem: str, array: np.ndarray, problem: str
) -> None:
    with pytest.raises(UserError, match=rf"(?s){stem}.*{problem}.*Delete it"):
        idx.load(write(source, folder, stem, array), DataAccess(tmp_path / "data"))


def test_folders_of_the_environment_are_searched_in_order(source, tmp_path, monkeypatch) -> None:
    remote = next(iter(source.files.values()))
    monkeypatch.setenv("SNN_DATA_DIR", f"{tmp_path / 'none'}:{tmp_path / 'data'}")
    assert fetch.find(remote, DataAccess()) == tmp_path / "data" / "tiny" / f"{remote.name}.gz"


@pytest.mark.parametrize("damage", ["truncated", "other content", "not gzip"])
def test_damaged_files_are_named_with_their_checksum(source, tmp_path, folder, damage: str) -> None:
    stem = "t10k-labels-idx1-ubyte"
    path = folder / f"{stem}.gz"
    whole = path.read_bytes()
    path.write_bytes(
        {"truncated": whole[:-9], "other content": gzip.compress(b"x"), "not gzip": b"x"}[damage]
    )
    with pytest.raises(UserError, match=f"(?s){stem}.*{source.files[stem].checksum}.*https://"):
        idx.load(source, DataAccess(tmp_path / "data"))


def test_taking_events_equals_taking_them_one_by_one() -> None:
    rng = np.random.default_rng(1)
    counts = np.array([2, 0, 3, 1])
    events = Events(
        rng.uniform(size=6).astype(np.float16), np.arange(6, dtype=np.int16),
        np.concatenate([[0], np.cumsum(counts)]), np.arange(4), 6, 1.0,
    )  # fmt: skip
    taken = events.take(np.array([2, 1, 0]))
    assert taken.unit.tolist() == [2, 3, 4, 0, 1]
    assert taken.offsets.tolist() == [0, 3, 3, 5]
    assert taken.labels.tolist() == [2, 1, 0]
    assert (taken.time_s.dtype, taken.unit.dtype) == (np.float16, np.int16)
    assert events.take(np.array([True, False, False, True])).unit.tolist() == [0, 1, 5]
    none = events.take(np.array([], int))
    assert (len(none), none.time_s.dtype, none.offsets.tolist()) == (0, np.float16, [0])


def test_taking_traces_keeps_values_with_labels() -> None:
    values = np.arange(24, dtype=np.float32).reshape(4, 3, 2)
    taken = Traces(values, np.arange(4), 0.025).take(np.array([3, 1]))
    np.testing.assert_array_equal(taken.values, values[[3, 1]])
    assert (taken.labels.tolist(), taken.dt_s, len(taken)) == ([3, 1], 0.025, 2)
