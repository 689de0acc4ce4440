"""A user's own data set in one ``.npz`` file: images or spike events."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from study.data.fetch import UNPACKING_ERRORS
from study.data.reference import DatasetRef
from study.data.samples import Dataset, Events, Images, Samples
from study.data.splits import stratified_split
from study.data.task import Classes
from study.errors import UserError

EVENT_ARRAYS = ("time_s", "unit", "offsets", "labels", "n_units", "duration_s")
PARTS = ("train", "validation", "test")


def reference(path: Path) -> DatasetRef:
    """Return the reference to a user's file, identified by the checksum of its content.

    Raises
    ------
    UserError
        If the file does not exist or is no archive.
    """
    if not path.is_file():
        raise UserError(f"data file {path} does not exist; expected an .npz file")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return DatasetRef(path.name, str(path.resolve()), digest, _kind(path))


def load(ref: DatasetRef) -> Dataset:
    """Return the data set in a user's file.

    Raises
    ------
    UserError
        If the file cannot be read, changed since it was named, or breaks a rule of the format;
        the message says which.
    """
    path = Path(ref.path or "")
    arrays = _read(path)
    try:
        samples = _samples(arrays)
        parts = _parts(arrays, samples.labels)
    except ValueError as error:
        raise UserError(f"data file {path}: {error}") from None
    train, validation, test = (samples.take(part) for part in parts)
    given = "as given in the file" if "split" in arrays else "stratified 64/16/20, fixed seed"
    return Dataset(
        name=ref.name,
        train=train,
        validation=validation,
        test=test,
        task=Classes(int(samples.labels.max()) + 1),
        source=f"the user's file {path.name}, split {given}",
        checksum=ref.sha256 or "",
    )


def _kind(path: Path) -> str:
    """Return ``"images"`` or ``"events"`` without reading the arrays."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "images" if "images.npy" in archive.namelist() else "events"
    except (OSError, zipfile.BadZipFile) as error:
        raise _unreadable(path, error) from None


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        # Object arrays would run code when read.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (*UNPACKING_ERRORS, OSError, ValueError, TypeError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(
        f"data file {path} is damaged or not an .npz of plain arrays "
        f"({type(error).__name__}: {error})"
    )


def _samples(arrays: Mapping[str, np.ndarray]) -> Samples:
    if "images" in arrays:
        _require(arrays, ("images", "labels"))
        return Images(_pixels(arrays["images"]), _labels(arrays["labels"], len(arrays["images"])))
    _require(arrays, EVENT_ARRAYS)
    return _events(arrays)


def _require(arrays: Mapping[str, np.ndarray], names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in arrays]
    if missing:
        raise ValueError(
            f"missing array {', '.join(missing)}. "
            f"Give images + labels, or {', '.join(EVENT_ARRAYS)}"
        )


def _pixels(images: np.ndarray) -> np.ndarray:
    if images.ndim != 3 or 0 in images.shape:
        raise ValueError(f"images must be [N, H, W] and not empty, not {list(images.shape)}")
    if images.dtype == np.uint8:
        return images.astype(np.float32) / 255.0
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"images must be uint8 or float in 0..1, not {images.dtype}")
    if not np.isfinite(images).all():
        raise ValueError("images contain NaN or infinite values")
    if images.min() < 0 or images.max() > 1:
        raise ValueError(f"float images must lie in 0..1, not {images.min():g}..{images.max():g}")
    return images.astype(np.float32)


def _labels(labels: np.ndarray, n_samples: int) -> np.ndarray:
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be integers [N], not {labels.dtype} {list(labels.shape)}")
    if len(labels) != n_samples:
        raise ValueError(f"{len(labels)} labels for {n_samples} samples")
    if labels.min() < 0:
        raise ValueError(f"labels must be 0, 1, ..., found {labels.min()}")
    if labels.max() >= n_samples:
        raise ValueError(f"label {labels.max()} in a file of {n_samples} samples")
    counts = np.bincount(labels)
    if (counts == 0).any():
        absent = np.flatnonzero(counts == 0)
        raise ValueError(
            f"label {absent[0]} has no samples, though labels go up to {len(counts) - 1}"
        )
    return labels.astype(np.int64)


def _events(arrays: Mapping[str, np.ndarray]) -> Events:
    time_s, unit, offsets = arrays["time_s"], arrays["unit"], arrays["offsets"]
    n_units, duration_s = _scalar(arrays, "n_units"), _scalar(arrays, "duration_s")
    if not np.isfinite(duration_s) or duration_s <= 0:
        raise ValueError(f"duration_s must be positive, not {duration_s:g}")
    if n_units < 1 or n_units != int(n_units):
        raise ValueError(f"n_units must be a positive whole number, not {n_units:g}")
    if time_s.ndim != 1 or unit.shape != time_s.shape:
        raise ValueError(f"time_s {list(time_s.shape)} and unit {list(unit.shape)} must be [E]")
    for name, array in (("unit", unit), ("offsets", offsets)):
        if not np.issubdtype(array.dtype, np.integer):
            raise ValueError(f"{name} must be integers, not {array.dtype}")
    if not np.issubdtype(time_s.dtype, np.floating):
        raise ValueError(f"time_s must be floating point seconds, not {time_s.dtype}")
    _check_offsets(offsets, len(time_s))
    if not np.isfinite(time_s).all():
        raise ValueError("time_s contains NaN or infinite values")
    if len(time_s) and (time_s.min() < 0 or time_s.max() > duration_s):
        raise ValueError(
            f"time_s must lie in 0..duration_s = {duration_s:g}, "
            f"not {time_s.min():g}..{time_s.max():g}"
        )
    if len(unit) and (unit.min() < 0 or unit.max() >= n_units):
        raise ValueError(f"unit must lie in 0..{int(n_units) - 1}, not {unit.min()}..{unit.max()}")
    return Events(
        time_s.astype(np.float64),
        unit.astype(np.int32),
        offsets.astype(np.int64),
        _labels(arrays["labels"], len(offsets) - 1),
        int(n_units),
        float(duration_s),
    )


def _scalar(arrays: Mapping[str, np.ndarray], name: str) -> float:
    value = arrays[name]
    if value.size != 1 or not np.issubdtype(value.dtype, np.number):
        raise ValueError(f"{name} must be one number, not {value.dtype} {list(value.shape)}")
    return float(value.reshape(()))


def _check_offsets(offsets: np.ndarray, n_events: int) -> None:
    if offsets.ndim != 1 or len(offsets) < 2:
        raise ValueError(f"offsets must be [N + 1] with N >= 1, not {list(offsets.shape)}")
    if (np.diff(offsets) < 0).any():
        raise ValueError("offsets must not decrease")
    if offsets[0] != 0 or offsets[-1] != n_events:
        raise ValueError(
            f"offsets must go from 0 to the number of events {n_events}, "
            f"not from {offsets[0]} to {offsets[-1]}"
        )


def _parts(arrays: Mapping[str, np.ndarray], labels: np.ndarray) -> list[np.ndarray]:
    if "split" not in arrays:
        if np.bincount(labels).min() < 7:
            raise ValueError(
                "a label has fewer than 7 samples, too few to split 64/16/20; add samples or "
                "a 'split' array of 'train', 'validation', 'test'"
            )
        return stratified_split(labels, (0.64, 0.16, 0.20))
    split = arrays["split"]
    if split.shape != labels.shape or split.dtype.kind not in "US":
        raise ValueError(f"split must be text [N], not {split.dtype} {list(split.shape)}")
    names = split.astype(str)
    strange = sorted(set(names) - set(PARTS))
    if strange:
        raise ValueError(f"split has {strange[0]!r}; allowed are {', '.join(PARTS)}")
    parts = [np.flatnonzero(names == part) for part in PARTS]
    for part, index in zip(PARTS, parts, strict=True):
        if len(index) == 0:
            raise ValueError(f"split has no {part} samples")
    untrained = sorted(set(labels) - set(labels[parts[0]]))
    if untrained:
        raise ValueError(f"label {untrained[0]} has no training samples")
    return parts
