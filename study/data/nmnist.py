"""N-MNIST: MNIST's digits on a screen, recorded by an event camera that moves three times.

The official archives hold a file a sample, ``Train/DIGIT/NUMBER.bin``, of events of five bytes
(Orchard et al. 2015): x, y, then a bit of polarity and 23 bits of time in microseconds, highest
first. An event with y = 240 is none; it says that the clock of those behind it is 2^13 ahead.

Whatever lies in an archive, it ends with samples or a `UserError`: names other than these are
passed over, numbers and sizes of files are bounded, and no member is written to disk.
"""

from __future__ import annotations

import re
import zipfile
from typing import NamedTuple

import numpy as np

from study.data.fetch import UNPACKING_ERRORS, Content, RemoteFile, contents
from study.data.reference import DataAccess
from study.data.samples import Dataset, Events
from study.data.splits import stratified_split
from study.data.task import Classes

SIDE = 34
SHAPE = (2, SIDE, SIDE)  # polarity, y, x
N_CLASSES = 10
EVENT_BYTES = 5
CLOCK_MARK, CLOCK_STEP = 240, 2**13
MOST_SAMPLES = 100_000
MOST_EVENTS = 1 << 17  # of a sample; the official ones have some thousands
MOST_EVENTS_IN_ALL = 1 << 29


def _official(part: str, md5: str) -> RemoteFile:
    return RemoteFile(
        folder="nmnist",
        name=f"{part}.zip",
        mirrors=(),
        checksum=f"md5:{md5}",
        by_hand=f"Get {part}.zip of N-MNIST from https://data.mendeley.com/datasets/468j46mzdv",
    )


TRAIN = _official("Train", "20959b8e626244a1b502305a9e6e2031")
TEST = _official("Test", "69ca8762b2fe404d9b9bad1103e97832")


def load(access: DataAccess, train: RemoteFile = TRAIN, test: RemoteFile = TEST) -> Dataset:
    """Return the official split; a stratified tenth of the training samples is validation.

    All samples are as long as the longest, in seconds.

    Raises
    ------
    UserError
        If an archive is missing, damaged, or holds something else.

    References
    ----------
    Orchard, Jayawant, Cohen & Thakor, "Converting static image datasets to spiking neuromorphic
    datasets using saccades", Front. Neurosci. 9:437 (2015), doi:10.3389/fnins.2015.00437.
    """
    with contents((train, test), access) as (files, checksum):
        read = [_read(content) for content in files]
    duration_s = max(1e-6 + float(part.time_s.max()) for part in read)
    known, tested = (
        Events(*part, n_units=2 * SIDE * SIDE, duration_s=duration_s, shape=SHAPE) for part in read
    )
    kept, held_out = stratified_split(known.labels, (0.9, 0.1))
    return Dataset(
        name="nmnist",
        train=known.take(kept),
        validation=known.take(held_out),
        test=tested,
        task=Classes(N_CLASSES),
        source="N-MNIST (Orchard et al. 2015), official archives and split, validation = a "
        "stratified tenth of training",
        checksum=checksum,
    )


class _Samples(NamedTuple):
    """What `Events` begins with."""

    time_s: np.ndarray
    unit: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray


def decoded(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return times in microseconds and units of the events of a sample.

    Raises
    ------
    ValueError
        If it is no whole number of events, has too many, or one lies outside the camera.

    Examples
    --------
    >>> time_us, unit = decoded(bytes([3, 1, 0x80, 0x01, 0x02]))
    >>> time_us.tolist(), np.unravel_index(unit[0], SHAPE) == (1, 1, 3)
    ([258], True)
    """
    if len(content) > MOST_EVENTS * EVENT_BYTES:
        raise ValueError(f"has more than {MOST_EVENTS} events")
    if len(content) % EVENT_BYTES:
        raise ValueError(f"has {len(content)} bytes, no multiple of {EVENT_BYTES}")
    x, y, high, middle, low = np.frombuffer(content, np.uint8).reshape(-1, 5).T.astype(np.int64)
    is_mark = y == CLOCK_MARK
    time_us = ((high & 0x7F) << 16 | middle << 8 | low) + CLOCK_STEP * np.cumsum(is_mark)
    x, y, high, time_us = (part[~is_mark] for part in (x, y, high, time_us))
    if len(x) and max(x.max(), y.max()) >= SIDE:
        raise ValueError(f"has an event outside {SIDE} x {SIDE} pixels")
    return time_us, np.ravel_multi_index((high >> 7, y, x), SHAPE)


def _read(content: Content) -> _Samples:
    """Return the samples of an archive by number, which is that of the image in MNIST."""
    part = content.remote.name.removesuffix(".zip")
    try:
        with zipfile.ZipFile(content.stream) as archive:
            return _samples(archive, _members(archive, part))
    except UNPACKING_ERRORS as error:
        raise content.refuse(f"cannot be used: {error}") from None


def _members(archive: zipfile.ZipFile, part: str) -> list[tuple[int, int, zipfile.ZipInfo]]:
    """Return number and digit of each sample and where it lies, by number."""
    pattern = re.compile(rf"{re.escape(part)}/([0-9])/([0-9]{{1,6}})\.bin", re.ASCII)
    found = [
        (int(match[2]), int(match[1]), member)
        for member in archive.infolist()
        if (match := pattern.fullmatch(member.filename))
    ]
    numbers = {number for number, _, _ in found}
    if not 0 < len(found) <= MOST_SAMPLES or len(numbers) != len(found):
        raise ValueError(
            f"it must hold 1 to {MOST_SAMPLES} samples {part}/DIGIT/NUMBER.bin, each number once; "
            f"it holds {len(found)}, of {len(numbers)} numbers"
        )
    if missing := set(range(N_CLASSES)) - {digit for _, digit, _ in found}:
        raise ValueError(f"it holds no sample of the digit {min(missing)}")
    return sorted(found, key=lambda each: each[0])


def _samples(archive: zipfile.ZipFile, members: list[tuple[int, int, zipfile.ZipInfo]]) -> _Samples:
    """Return samples, each written straight to its place in the arrays."""
    most = sum(min(member.file_size // EVENT_BYTES, MOST_EVENTS) for _, _, member in members)
    if most > MOST_EVENTS_IN_ALL:
        raise ValueError(f"it holds {most} events; at most {MOST_EVENTS_IN_ALL} are allowed")
    time_s, unit = np.empty(most, np.float32), np.empty(most, np.int16)
    offsets = np.zeros(len(members) + 1, np.int64)
    for place, (_, _, member) in enumerate(members):
        try:
            with archive.open(member) as source:
                times, units = decoded(source.read(MOST_EVENTS * EVENT_BYTES + 1))
        except ValueError as error:
            raise ValueError(f"{member.filename} {error}") from None
        first, last = offsets[place], offsets[place] + len(times)
        time_s[first:last], unit[first:last] = times * 1e-6, units
        offsets[place + 1] = last
    if not offsets[-1]:
        raise ValueError("it holds no event")
    n_events = offsets[-1]
    labels = np.array([digit for _, digit, _ in members])
    return _Samples(time_s[:n_events], unit[:n_events], offsets, labels)
