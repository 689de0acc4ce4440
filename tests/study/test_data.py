"""Embedded data, idx files, and where files are looked for; no test uses the network."""

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
from study.data.samples import Events
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


def test_a_header_of_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match="not an idx file"):
        idx.parse_idx(b"\x00\x00\x0d\x01" + bytes(8))


@pytest.fixture
def source(tmp_path: Path) -> idx.IdxSource:
    """A tiny data set in the layout of MNIST, in a data folder."""
    rng = np.random.default_rng(0)
    files = {}
    for stem in idx.MNIST.files:
        n = 40 if stem.startswith("train") else 20
        array = (
            rng.integers(0, 256, (n, 3, 3), dtype=np.uint8)
            if "images" in stem
            else (np.arange(n) % 10).astype(np.uint8)
        )
        content = packed(array)
        folder = tmp_path / "data" / "tiny"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{stem}.gz").write_bytes(gzip.compress(content))
        files[stem] = dataclasses.replace(
            idx.MNIST.files[stem],
            folder="tiny",
            content_sha256=hashlib.sha256(content).hexdigest(),
        )
    return idx.IdxSource("tiny", "made here", files)


def test_validation_is_held_out_of_the_training_images(source, tmp_path) -> None:
    dataset = idx.load(source, DataAccess(tmp_path / "data"))
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [40, 0, 20]


def test_folders_of_the_environment_are_searched_in_order(source, tmp_path, monkeypatch) -> None:
    remote = next(iter(source.files.values()))
    monkeypatch.setenv("SNN_DATA_DIR", f"{tmp_path / 'none'}:{tmp_path / 'data'}")
    assert fetch.find(remote, DataAccess()) == tmp_path / "data" / "tiny" / remote.filename


@pytest.mark.parametrize("damage", ["truncated", "other content", "not gzip"])
def test_damaged_files_are_named_with_their_checksum(source, tmp_path, damage: str) -> None:
    stem = "t10k-labels-idx1-ubyte"
    path = tmp_path / "data" / "tiny" / f"{stem}.gz"
    whole = path.read_bytes()
    path.write_bytes(
        {"truncated": whole[:-9], "other content": gzip.compress(b"x"), "not gzip": b"x"}[damage]
    )
    with pytest.raises(UserError, match=f"{stem}.*{source.files[stem].content_sha256}"):
        idx.load(source, DataAccess(tmp_path / "data"))


def test_a_missing_file_offline_says_where_to_get_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path)
    with pytest.raises(UserError, match=r"(?s)--offline.*Get it from https://.*--data-dir"):
        data.load(DatasetRef("mnist"), DataAccess(offline=True))


def test_every_mirror_is_tried_and_nothing_is_left_behind(tmp_path, monkeypatch) -> None:
    remote = next(iter(idx.MNIST.files.values()))
    wrong = tmp_path / "elsewhere" / "wrong.gz"
    wrong.parent.mkdir()
    wrong.write_bytes(b"not the file")
    tried = []

    def retrieve(url: str, known_hash: str, fname: str, path: str) -> str:
        tried.append(url)
        raise ValueError(f"hash of {fname} differs from {known_hash} in {path}")

    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(fetch.pooch, "retrieve", retrieve)
    with pytest.raises(UserError, match="could not download"):
        fetch.locate(remote, DataAccess())
    assert tried == list(remote.urls)
    assert not list((tmp_path / "cache").rglob("*"))


def test_taking_events_equals_taking_them_one_by_one() -> None:
    rng = np.random.default_rng(1)
    counts = np.array([2, 0, 3, 1])
    events = Events(
        rng.uniform(size=6), np.arange(6), np.concatenate([[0], np.cumsum(counts)]),
        np.arange(4), 6, 1.0,
    )  # fmt: skip
    taken = events.take(np.array([2, 1, 0]))
    assert taken.unit.tolist() == [2, 3, 4, 0, 1]
    assert taken.offsets.tolist() == [0, 3, 3, 5]
    assert taken.labels.tolist() == [2, 1, 0]
