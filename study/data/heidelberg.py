"""Spoken digits as spikes of 700 units: the official SHD files, and others in their layout.

Files are read by `study.data.hdf5`: everything comes from the file that the checksum is of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from study.data import hdf5
from study.data.fetch import Content, Mirror, RemoteFile, contents
from study.data.hdf5 import Column
from study.data.reference import DataAccess
from study.data.samples import Dataset, Events
from study.data.task import Classes

N_UNITS = 700
N_CLASSES = 20  # ten digits in English, then in German
DURATION_S = 1.4  # the longest sample lasts 1.37 s; SpyTorch's tutorial 4 takes 1.4 s too
# Whole speakers, as the test file too has two that training never hears. These two hold 18 % of
# the training samples and, one speaking more English and one more German, all classes alike.
VALIDATION_SPEAKERS = (3, 7)

LISTS = {"spikes/times": "f", "spikes/units": "iu"}  # by sample, and of which kind of numbers
NUMBERS = {"labels": "iu", "extra/speaker": "iu"}
LAYOUT = LISTS | NUMBERS


@dataclass(frozen=True)
class HeidelbergSource:
    """Where one data set in this layout comes from."""

    name: str
    citation: str
    train: RemoteFile
    test: RemoteFile


def _official(part: str, content_md5: str, gz_md5: str, zip_md5: str) -> RemoteFile:
    return RemoteFile(
        folder="shd",
        name=f"shd_{part}.h5",
        mirrors=(
            Mirror(f"https://compneuro.net/datasets/shd_{part}.h5.gz", f"md5:{gz_md5}"),
            Mirror(f"https://zenkelab.org/datasets/shd_{part}.h5.zip", f"md5:{zip_md5}"),
        ),
        checksum=f"md5:{content_md5}",
    )


def _recomputed(part: str) -> RemoteFile:
    return RemoteFile(
        folder="hd-spikes",
        name=f"hd_spikes_{part}.h5",
        mirrors=(),
        checksum=None,
        by_hand=(
            "Make an HDF5 file in the layout of the official SHD files "
            f"({', '.join(LAYOUT)}) from the audio of the Heidelberg Digits"
        ),
    )


SHD = HeidelbergSource(
    "shd",
    "Spiking Heidelberg Digits (Cramer, Stradmann, Schemmel & Zenke 2022), official files",
    _official(
        "train",
        "8e9877c85f29a28dd353ea6a54402667",
        "d47c9825dee33347913e8ce0f2be08b0",
        "f3252aeb598ac776c1b526422d90eecb",
    ),
    _official(
        "test",
        "207ad1295a0ab611e22d1734989c254e",
        "3062a80ec0c5719404d5b02e166543b1",
        "1503a5064faa34311c398fb0a1ed0a6f",
    ),
)
HD_SPIKES = HeidelbergSource(
    "hd-spikes",
    "Heidelberg Digits turned into spikes by the inner-ear model of Cramer et al. (2022), "
    "recomputed (not the official SHD files)",
    _recomputed("train"),
    _recomputed("test"),
)
SOURCES = {source.name: source for source in (SHD, HD_SPIKES)}


def load(source: HeidelbergSource, access: DataAccess) -> Dataset:
    """Return training and test file as given; two whole training speakers are validation.

    Raises
    ------
    UserError
        If a file is missing and may not be downloaded, is damaged, or breaks the layout.
    """
    with contents((source.train, source.test), access) as (files, checksum):
        train, validation = _read(files[0], VALIDATION_SPEAKERS)
        test, _ = _read(files[1], ())
    speakers = " and ".join(map(str, VALIDATION_SPEAKERS))
    return Dataset(
        name=source.name,
        train=train,
        validation=validation,
        test=test,
        task=Classes(N_CLASSES),
        source=f"{source.citation}; test file as given, validation = training speakers {speakers}",
        checksum=checksum,
    )


def _read(content: Content, held_out: tuple[int, ...]) -> tuple[Events, Events]:
    """Return the samples of the other speakers and those of ``held_out``, in the file's order."""
    try:
        columns = hdf5.columns(content.stream, LISTS, NUMBERS)
        labels = _labels(columns["labels"].values)
        is_held_out = np.isin(columns["extra/speaker"].values, held_out)
        order = np.argsort(is_held_out, kind="stable")
        n_kept = int(np.sum(~is_held_out))
        if n_kept == 0 or (held_out and n_kept == len(order)):
            raise ValueError(
                f"must have samples of the speakers {', '.join(map(str, held_out))}, "
                "which are validation, and of others"
            )
        events = _events(columns, labels, order)
    except ValueError as error:
        raise content.refuse(f"is not in the layout of SHD: {error}") from None
    return _part(events, 0, n_kept), _part(events, n_kept, len(order))


def _labels(column: np.ndarray) -> np.ndarray:
    if column.min() < 0 or column.max() >= N_CLASSES:
        raise ValueError(f"labels must be 0..{N_CLASSES - 1}, not {column.min()}..{column.max()}")
    return column.astype(np.int64)


def _events(columns: Mapping[str, Column], labels: np.ndarray, order: np.ndarray) -> Events:
    """Return all samples in ``order``, each written straight to its place in the arrays."""
    times, units = columns["spikes/times"], columns["spikes/units"]
    if (uneven := np.flatnonzero(times.counts != units.counts)).size:
        n = uneven[0]
        raise ValueError(f"sample {n} has {times.counts[n]} times, {units.counts[n]} units")
    offsets = np.concatenate(([0], np.cumsum(units.counts[order])))
    time_s = np.empty(offsets[-1], np.float32)
    unit = np.empty(offsets[-1], np.int16)
    starts = np.concatenate(([0], np.cumsum(units.counts)))
    limits = {"spikes/units": (unit, N_UNITS - 1), "spikes/times": (time_s, DURATION_S)}
    for name, (target, limit) in limits.items():
        for place, sample in enumerate(order):
            row = columns[name].values[starts[sample] : starts[sample + 1]]
            # In this form the comparison refuses NaN as well.
            if len(row) and not (row.min() >= 0 and row.max() <= limit):
                raise ValueError(
                    f"{name} of sample {sample} must lie in 0..{limit:g}, "
                    f"not {row.min():g}..{row.max():g}"
                )
            target[offsets[place] : offsets[place + 1]] = row
    return Events(time_s, unit, offsets, labels[order], N_UNITS, DURATION_S)


def _part(events: Events, start: int, stop: int) -> Events:
    """Return neighbouring samples as views."""
    first, last = events.offsets[[start, stop]]
    return Events(
        events.time_s[first:last],
        events.unit[first:last],
        events.offsets[start : stop + 1] - first,
        events.labels[start:stop],
        events.n_units,
        events.duration_s,
    )
