"""N-MNIST from archives in its layout: what is read, and what is refused in one sentence."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from study import data
from study.data import nmnist
from study.data.reference import DataAccess
from study.data.samples import Dataset, Events
from study.errors import UserError


def event(x: int, y: int, polarity: int, time_us: int) -> bytes:
    return bytes([x, y, polarity << 7 | time_us >> 16, time_us >> 8 & 0xFF, time_us & 0xFF])


def sample(digit: int, rng: np.random.Generator, n: int = 80) -> bytes:
    """Return events of a bar whose place is the digit."""
    times = np.sort(rng.integers(0, 300_000, n)).tolist()
    places = rng.integers(0, 3, n).tolist()
    return b"".join(
        event(3 * digit + place, int(rng.integers(SIDE)), int(rng.integers(2)), time)
        for place, time in zip(places, times, strict=True)
    )


SIDE = nmnist.SIDE


def members(part: str, n: int, seed: int) -> dict[str, bytes]:
    rng = np.random.default_rng(seed)
    return {
        f"{part}/{k % 10}/{k + 1:05}.bin": sample(k % 10, rng) for k in rng.permutation(n).tolist()
    }


def archive(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return target.getvalue()


def load(folder: Path, train: bytes | dict[str, bytes], test: dict[str, bytes] | None = None):
    (folder / "nmnist").mkdir(exist_ok=True)
    content = train if isinstance(train, bytes) else archive(train)
    (folder / "nmnist" / "Train.zip").write_bytes(content)
    (folder / "nmnist" / "Test.zip").write_bytes(archive(test or members("Test", 20, 1)))
    files = (dataclasses.replace(each, checksum=None) for each in (nmnist.TRAIN, nmnist.TEST))
    return nmnist.load(DataAccess(folder, offline=True), *files)


@pytest.fixture
def small(tmp_path) -> Dataset:
    return load(tmp_path, members("Train", 200, 0))


def test_samples_are_read_by_number_and_a_tenth_is_held_out(small) -> None:
    assert [len(part) for part in (small.train, small.validation, small.test)] == [180, 20, 20]
    np.testing.assert_array_equal(small.test.labels, np.arange(20) % 10)
    assert np.bincount(small.validation.labels).tolist() == [2] * 10
    for part in (small.train, small.validation, small.test):
        assert isinstance(part, Events)
        assert part.shape == (2, 34, 34)
        assert part.n_units == 2 * 34 * 34
        assert 0.29 < part.time_s.max() < part.duration_s < 0.301
        x = part.unit % 34
        np.testing.assert_array_equal(x // 3, np.repeat(part.labels, np.diff(part.offsets)))


def test_an_event_is_forty_bits_highest_first() -> None:
    raw = event(5, 7, 1, 0x7A1234) + event(33, 0, 0, 9)
    time_us, unit = nmnist.decoded(raw)
    assert time_us.tolist() == [0x7A1234, 9]
    assert unit.tolist() == [(1 * 34 + 7) * 34 + 5, 33]


def test_marks_of_the_clock_are_no_events_and_carry_on() -> None:
    mark = event(0, 240, 0, 0)
    raw = event(1, 1, 0, 8000) + mark + event(2, 2, 0, 10) + mark + event(3, 3, 0, 20)
    time_us, unit = nmnist.decoded(raw)
    assert time_us.tolist() == [8000, 8192 + 10, 2 * 8192 + 20]
    assert (unit % 34).tolist() == [1, 2, 3]


def test_other_names_are_passed_over(tmp_path) -> None:
    files = members("Train", 100, 0)
    others = {"Train/": b"", "Train/0/": b"", "__MACOSX/Train/0/._00001.bin": b"x", "Train/a": b"?"}
    found = load(tmp_path, {**others, **files, "../Train/0/00999.bin": b"x" * 5})
    assert len(found.train) + len(found.validation) == 100


def test_an_empty_recording_is_a_sample_without_events(tmp_path) -> None:
    files = members("Test", 20, 1)
    files["Test/3/00004.bin"] = b""
    assert np.diff(load(tmp_path, members("Train", 100, 0), files).test.offsets)[3] == 0


GOOD = members("Train", 100, 0)
FIRST = next(iter(GOOD))


@pytest.mark.parametrize(
    ("train", "told"),
    [
        (b"PK is no archive", "cannot be used"),
        (archive(GOOD)[:-300], "cannot be used"),
        ({}, r"must hold 1 to 100000 samples.* it holds 0"),
        ({**GOOD, FIRST: b"1234567"}, r"bin has 7 bytes, no multiple of 5"),
        ({**GOOD, FIRST: event(34, 0, 0, 0)}, r"bin has an event outside 34 x 34"),
        ({**GOOD, FIRST: event(0, 34, 0, 0)}, r"bin has an event outside 34 x 34"),
        ({**GOOD, FIRST: bytes(5 * nmnist.MOST_EVENTS + 5)}, "more than 131072 events"),
        ({**GOOD, "Train/9/00001.bin": b""}, r"it holds 101, of 100 numbers"),
        ({k: v for k, v in GOOD.items() if "/7/" not in k}, "no sample of the digit 7"),
        (dict.fromkeys(GOOD, b""), "holds no event"),
    ],
)
def test_what_is_no_such_archive_is_refused(tmp_path, train, told) -> None:
    with pytest.raises(UserError, match=told) as refused:
        load(tmp_path, train)
    assert "Train.zip" in str(refused.value)


def test_damaged_bytes_end_with_samples_or_are_refused(tmp_path) -> None:
    content = archive(members("Train", 30, 0))
    rng = np.random.default_rng(4)
    n_refused = 0
    for _ in range(60):
        damaged = bytearray(content)
        for place in rng.integers(len(content), size=3).tolist():
            damaged[place] ^= int(rng.integers(1, 256))
        try:
            load(tmp_path, bytes(damaged))
        except UserError:
            n_refused += 1
    assert n_refused > 30


def test_only_the_official_archives_go_by_the_name(tmp_path) -> None:
    load(tmp_path, members("Train", 100, 0))
    with pytest.raises(UserError, match="has the content md5:"):
        data.find("nmnist").load(DataAccess(tmp_path, offline=True))
    with pytest.raises(UserError, match=r"no data folder.*\n.*468j46mzdv"):
        data.find("nmnist").load(DataAccess(tmp_path / "nowhere", offline=True))
