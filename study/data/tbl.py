"""Tactile Braille Letters: traces of a robot's fingertip sliding over 27 letters."""

from __future__ import annotations

from typing import Any

import numpy as np

from study.data import pickles
from study.data.fetch import Mirror, RemoteFile, contents
from study.data.reference import DataAccess
from study.data.samples import Dataset, Traces
from study.data.splits import stratified_split
from study.data.task import Classes

LETTERS = ("Space", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
N_FRAMES = 76  # some recordings have one more
N_TAXELS = 12
TAXELS = (1, 2, 6, 10)  # the others never change
DT_S = 1 / 40  # as published; the sensor's readings change at every other frame only
SOFTENING = 1e-3  # added to deviations, so that taxels that hardly change are not blown up

_UPSTREAM = (
    "fzenke/spytorch/{}d363dbf93a04bf97b4819f1a41579bbbec17b1d2/notebooks/data/"
    "tutorial5_braille_spiking_data.pkl.gz"
)
_PACKED = "sha256:f48a449264a00ee665df62329f2364059e49d0d0faeee4993e595d08616e5a1c"
FILE = RemoteFile(
    folder="tbl",
    name="tutorial5_braille_spiking_data.pkl",
    mirrors=(
        Mirror("https://raw.githubusercontent.com/" + _UPSTREAM.format(""), _PACKED),
        Mirror("https://github.com/" + _UPSTREAM.format("raw/"), _PACKED),
    ),
    checksum="sha256:9416098bccf0f8b790c4e5b2b2c477687de933e487f9ecb801bd39e5b7790bbd",
)


def load(access: DataAccess, file: RemoteFile = FILE) -> Dataset:
    """Return standardised traces, 70 % training, 10 % validation, 20 % test, stratified.

    Each taxel is shifted and scaled by mean and deviation of the training part, ``(x - mean) /
    (std + 0.001)``; the tutorial used the statistics of training and test together.

    Raises
    ------
    UserError
        If the file is missing and may not be downloaded, is damaged, or holds something else.

    References
    ----------
    Mueller-Cleve et al., Front. Neurosci. 16:951164 (2022), doi:10.3389/fnins.2022.951164; the
    file and its treatment are those of SpyTorch's tutorial 5.
    """
    raw, checksum = recordings(access, file)
    train, validation, test = (
        raw.take(part) for part in stratified_split(raw.labels, (0.7, 0.1, 0.2))
    )
    mean = train.values.mean(axis=(0, 1), dtype=np.float64)
    scale = train.values.std(axis=(0, 1), dtype=np.float64) + SOFTENING

    def standardised(part: Traces) -> Traces:
        values = ((part.values - mean) / scale).astype(np.float32)
        return Traces(values, part.labels, part.dt_s)

    return Dataset(
        name="tbl",
        train=standardised(train),
        validation=standardised(validation),
        test=standardised(test),
        task=Classes(len(LETTERS)),
        source=(
            "Tactile Braille Letters (Mueller-Cleve et al. 2022), the file of SpyTorch's tutorial "
            "5; stratified 70/10/20 split with a fixed seed, standardised by the training part"
        ),
        checksum=checksum,
    )


def recordings(access: DataAccess, file: RemoteFile = FILE) -> tuple[Traces, str]:
    """Return all recordings as pressure in 0..1, and the SHA-256 of the file's content.

    Raises
    ------
    UserError
        As `load`.
    """
    with contents((file,), access) as ([content], checksum):
        try:
            records = pickles.load(content.stream)
            traces = _traces(records)
        except ValueError as error:
            raise content.refuse(str(error)) from None
    return traces, checksum


def _traces(records: Any) -> Traces:
    if not isinstance(records, list) or not records:
        raise ValueError("must hold a list of recordings")
    values = np.empty((len(records), N_FRAMES, len(TAXELS)), np.float32)
    labels = np.empty(len(records), np.int64)
    for number, record in enumerate(records):
        letter, frames = _checked(record, f"recording {number}")
        # The file holds 255 minus the pressure.
        values[number] = 1 - frames[:N_FRAMES, TAXELS] / 255
        labels[number] = LETTERS.index(letter)
    return Traces(values, labels, DT_S)


def _checked(record: Any, name: str) -> tuple[str, np.ndarray]:
    """Return letter and frames ``[T, 12]`` of one recording."""
    if not isinstance(record, dict) or not {"letter", "taxel_data"} <= record.keys():
        raise ValueError(f"{name} must be a dict with letter and taxel_data")
    letter, frames = record["letter"], record["taxel_data"]
    if not isinstance(letter, str) or letter not in LETTERS:
        told = repr(letter[:20]) if isinstance(letter, str) else f"a {type(letter).__name__}"
        raise ValueError(f"{name} is of the letter {told}; allowed are Space and A..Z")
    if not isinstance(frames, np.ndarray) or frames.dtype.kind not in "iuf":
        raise ValueError(f"taxel_data of {name} must be an array of numbers")
    if frames.ndim != 2 or len(frames) < N_FRAMES or frames.shape[1] != N_TAXELS:
        raise ValueError(
            f"taxel_data of {name} must be [{N_FRAMES} or more frames, {N_TAXELS} taxels], "
            f"not {list(frames.shape)}"
        )
    if not (frames.min() >= 0 and frames.max() <= 255):
        raise ValueError(f"taxel_data of {name} must lie in 0..255")
    return letter, frames
