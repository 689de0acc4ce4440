"""HDF5 of strangers: nothing from outside the file, and an end in time whatever the bytes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from study.data import hdf5

LISTS, NUMBERS = {"spikes/times": "f"}, {"labels": "iu"}
N = 12


def written(path: Path, labels: Callable[[h5py.File], None]) -> Path:
    with h5py.File(path, "w") as file:
        times = file.create_dataset("spikes/times", (N,), h5py.vlen_dtype(np.float32))
        for sample in range(N):
            times[sample] = np.arange(sample, dtype="f4")
        labels(file)
    return path


def plain(file: h5py.File) -> None:
    file["labels"] = np.arange(N, dtype=">u2")


def read(path: Path, largest: int | None = None) -> dict[str, hdf5.Column]:
    with path.open("rb") as stream:
        return hdf5.columns(stream, LISTS, NUMBERS, largest)


def test_columns_come_back(tmp_path: Path) -> None:
    found = read(written(tmp_path / "a.h5", plain))
    assert found["labels"].values.tolist() == list(range(N))
    assert found["spikes/times"].counts.tolist() == list(range(N))
    wanted = np.concatenate([np.arange(n, dtype="f4") for n in range(N)])
    np.testing.assert_array_equal(found["spikes/times"].values, wanted)


def external_storage(file: h5py.File) -> None:
    file.create_dataset("labels", (N,), "u1", external=[("/dev/zero", 0, N)])


def external_pipe(file: h5py.File) -> None:
    pipe = Path(file.filename).with_name("pipe")
    os.mkfifo(pipe)
    file.create_dataset("labels", (N,), "u1", external=[(str(pipe), 0, N)])


def external_link(file: h5py.File) -> None:
    file["labels"] = h5py.ExternalLink("other.h5", "labels")


def soft_link_to_an_external_link(file: h5py.File) -> None:
    file["there"] = h5py.ExternalLink("other.h5", "labels")
    file["labels"] = h5py.SoftLink("/there")


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((N,), "u1")
    layout[:] = h5py.VirtualSource("other.h5", "labels", (N,))
    file.create_virtual_dataset("labels", layout)


def a_group(file: h5py.File) -> None:
    file.create_group("labels")


def a_filter_from_elsewhere(file: h5py.File) -> None:
    made = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    made.set_chunk((N,))
    made.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, ())
    space = h5py.h5s.create_simple((N,))
    h5py.h5d.create(file.id, b"labels", h5py.h5t.STD_U8LE, space, made)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (external_storage, "content of labels lies in other files"),
        (external_pipe, "content of labels lies in other files"),
        (virtual, "content of labels lies in other files"),
        (external_link, "labels is a link to something else"),
        (soft_link_to_an_external_link, "labels is a link to something else"),
        (a_group, "it has no labels"),
        (a_filter_from_elsewhere, "filter that is not part of HDF5"),
    ],
)
def test_what_lies_outside_the_file_is_refused(tmp_path: Path, labels, told: str) -> None:
    written(tmp_path / "other.h5", plain)
    with pytest.raises(ValueError, match=told):
        read(written(tmp_path / "a.h5", labels))


def test_more_than_is_allowed_is_refused(tmp_path: Path) -> None:
    def packed(file: h5py.File) -> None:
        file.create_dataset("labels", (N,), "u2", compression="gzip")

    path = written(tmp_path / "a.h5", packed)
    with pytest.raises(ValueError, match="more than the 100 bytes"):
        read(path, largest=100)
    assert read(path, largest=1000)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import time; time.sleep(60)", "did not end within 1 s"),
        ("import os; os.kill(os.getpid(), 11)", "ended by SIGSEGV"),
        ("raise SystemExit(3)", "cannot be read"),
    ],
)
def test_a_library_that_hangs_or_dies_is_told(tmp_path: Path, monkeypatch, code, told) -> None:
    (tmp_path / "reader.py").write_text(code)
    monkeypatch.setattr(hdf5, "READER", tmp_path / "reader.py")
    monkeypatch.setattr(hdf5, "START_SECONDS", 1.0)
    with pytest.raises(ValueError, match=told):
        read(written(tmp_path / "a.h5", plain))
