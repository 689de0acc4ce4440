"""Files of strangers end as arrays or as one sentence, and take no more than they are allowed."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.data import npz, plain
from study.errors import UserError


def header(text: str, content: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + content


def of(descr: str, shape: str, content: bytes = b"") -> bytes:
    fields = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"
    return header(fields, content)


def packed(path: Path, packing: int = zipfile.ZIP_STORED, **members: Any) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in members.items():
            if not isinstance(content, bytes):
                stream = io.BytesIO()
                np.lib.format.write_array(stream, np.asanyarray(content))
                content = stream.getvalue()
            archive.writestr(f"{name}.npy", content)
    return path


PLAIN = {
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "swapped": np.arange(5, dtype=">i2"),
    "scalar": np.float32(3),
    "empty": np.zeros((0, 3)),
    "texts": np.array(["a", "보라", ""]),
    "bytes": np.array([b"a", b"bc"]),
    "flags": np.array([True, False]),
    "complex": np.array([1 + 2j]),
    "times": np.array([1, 2], "m8[s]"),
    "many": np.arange(300_000),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_is_read_as_numpy_reads_it(tmp_path: Path, save: Any) -> None:
    save(tmp_path / "a.npz", **PLAIN)
    found = plain.read(tmp_path / "a.npz")
    assert found.keys() == PLAIN.keys()
    assert plain.names(tmp_path / "a.npz") == list(PLAIN)
    assert plain.read(tmp_path / "a.npz", only=("texts", "absent")).keys() == {"texts"}
    for name, values in PLAIN.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype == values.dtype
        assert found[name].flags.writeable


def test_files_beside_arrays_are_no_harm(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.npz", a=np.arange(3))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("README.txt", "mine")
        archive.writestr("__MACOSX/._a.npy", "not an array")
    assert plain.read(path).keys() == {"a"}


MALFORMED = {
    "declares 1e12 values": of("<f8", "(1000000000000,)"),
    "declares fewer than there are": of("<f8", "(1,)", bytes(16)),
    "cut": of("<i8", "(((")[:-20],
    "nested": header("-" * 9000 + "1"),
    "no array": b"hello",
    "empty": b"",
    "objects": of("|O", "(1,)", b"\x80\x04K\x01."),
    "fields": header("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", bytes(8)),
    "a type of objects in a type": of("2O", "(1,)", bytes(16)),
    "longer than any header": header("{" + " " * 20_000 + "}"),
    "version 9": of("<f8", "(1,)", bytes(8)).replace(b"\x01\x00", b"\x09\x00", 1),
    "booleans of 2": of("|b1", "(2,)", b"\x00\x02"),
    "texts beyond Unicode": of("<U1", "(1,)", struct.pack("<I", 0x110000)),
    "half a character": of("<U1", "(1,)", struct.pack("<I", 0xD800)),
    "a negative size": of("<f8", "(-1,)", bytes(8)),
    "a key twice": header("{'descr': '<f8', 'descr': '<f8', 'shape': (1,)}", bytes(8)),
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
def test_malformed_arrays_are_refused(tmp_path: Path, content: bytes) -> None:
    path = packed(tmp_path / "a.npz", a=content)
    with pytest.raises(ValueError, match="plain arrays"):
        plain.read(path)


def test_ways_of_packing_that_numpy_does_not_use_are_refused(tmp_path: Path) -> None:
    for packing in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        with pytest.raises(ValueError, match="packed in a way"):
            plain.read(packed(tmp_path / "a.npz", packing, a=np.arange(3)))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.npz", a=np.arange(3))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("a.npy", b"another")
    with pytest.raises(ValueError, match="one name"):
        plain.read(path)


def test_more_than_is_allowed_is_refused_before_it_is_made(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, a=np.zeros(10**6), b=np.zeros(10**6))
    assert path.stat().st_size < 20_000
    with pytest.raises(ValueError, match=r"16,000,\d+ bytes, more than the 15,000,000"):
        plain.read(path, largest=15_000_000)
    assert len(plain.read(path, largest=17_000_000)) == 2


def test_an_archive_that_lies_about_its_sizes_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.npz", a=of("<f8", "(1000000,)"))
    content = bytearray(path.read_bytes())
    size = 8_000_000 + len(of("<f8", "(1000000,)"))
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = struct.pack("<I", size)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"ends too early|CRC"):
        plain.read(path)


def arrays(**changes: Any) -> dict[str, Any]:
    return {"images": np.zeros((30, 4, 4), np.float32), "labels": np.arange(30) % 2} | changes


def events(**changes: Any) -> dict[str, Any]:
    return {
        "time_s": np.zeros(60),
        "unit": np.zeros(60, int),
        "offsets": np.arange(31) * 2,
        "labels": np.arange(30) % 2,
        "n_units": 5,
        "duration_s": 0.1,
    } | changes


WRONG = {
    "labels are time spans": arrays(labels=(np.arange(30) % 2).astype("m8[s]")),
    "units are time spans": events(unit=np.zeros(60, "m8[s]")),
    "n_units infinite": events(n_units=np.inf),
    "n_units complex": events(n_units=5 + 0j),
    "n_units beyond all units": events(n_units=1e30),
    "shape beyond all units": events(shape=np.array([2**40, 2**40])) | {"n_units": 2**80 * 1.0},
    "duration_s a time span": events(duration_s=np.timedelta64(1, "s")),
    "unsigned offsets that decrease": events(
        offsets=np.array([0, 60, *range(2, 58, 2), 60], dtype=np.uint64)
    ),
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_arrays_of_wrong_kinds_are_refused_by_a_data_set(tmp_path: Path, content: Any) -> None:
    path = packed(tmp_path / "a.npz", **content)
    with pytest.raises(UserError, match=r"a\.npz"):
        npz.load(npz.reference(path))


RIGHT = {
    "booleans": arrays(labels=np.arange(30) % 2 == 1, images=np.zeros((30, 4, 4), bool)),
    "other byte order": arrays(
        labels=(np.arange(30) % 2).astype(">u2"), images=np.zeros((30, 4, 4), ">f4")
    ),
    "the last moment as 32 bits": events(time_s=np.full(60, 0.1, "f4")),
    "small unsigned numbers": events(
        offsets=(np.arange(31) * 2).astype("u1"), unit=np.zeros(60, "u1")
    ),
}


@pytest.mark.parametrize("content", RIGHT.values(), ids=RIGHT)
def test_arrays_of_other_types_that_say_the_same_are_taken(tmp_path: Path, content: Any) -> None:
    found = npz.load(npz.reference(packed(tmp_path / "a.npz", **content)))
    assert found.train.labels.dtype == np.int64
    assert np.bincount(found.test.labels).tolist() == [3, 3]


def test_times_keep_the_precision_that_they_were_stored_in(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.npz", **events(time_s=np.zeros(60, ">f4")))
    assert npz.load(npz.reference(path)).train.time_s.dtype == np.float32


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path, monkeypatch: Any) -> None:
    path = packed(tmp_path / "a.npz", **arrays())

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(UserError, match="Permission denied"):
        npz.reference(path)
