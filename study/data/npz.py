"""A user's own data set in one ``.npz`` file: of the forms of `study.data.arrays`.

An optional array ``split`` [N] of texts says which samples are for ``train``, ``validation`` and
``test``. Where it has no ``validation``, a stratified fifth of the training part is drawn for it,
with a fixed seed; where there is no ``split``, all samples are divided 64/16/20 in the same way.

Whatever the file holds, it ends with a data set or a `UserError` that says what is wrong: bytes are
read by `study.data.plain` alone, and what the arrays are is checked by `study.data.arrays`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from study.data import arrays, plain
from study.data.reference import DatasetRef
from study.data.samples import Dataset
from study.data.splits import stratified_split
from study.data.task import Classes
from study.errors import UserError

FEWEST = 5  # training samples of a label, of which one is drawn for validation
PARTS = ("train", "validation", "test")
Found = TypeVar("Found")


def reference(path: Path) -> DatasetRef:
    """Return the reference to a user's file, identified by the checksum of its content.

    Raises
    ------
    UserError
        If the file does not exist or is no archive.
    """
    try:
        if not path.is_file():
            raise UserError(f"data file {path} does not exist; expected an .npz file")
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from None
    kind = arrays.kind(_asked(plain.names, path))
    return DatasetRef(path.name, str(path.resolve()), digest, kind)


def load(ref: DatasetRef) -> Dataset:
    """Return the data set in a user's file.

    Raises
    ------
    UserError
        If the file cannot be read, changed since it was named, or breaks a rule of the format;
        the message says which.
    """
    path = Path(ref.path or "")
    content = _asked(plain.read, path)
    try:
        samples = arrays.samples(content)
        parts, split = _parts(content.get("split"), samples.labels)
    except ValueError as error:
        raise UserError(f"data file {path}: {error}") from None
    train, validation, test = (samples.take(part) for part in parts)
    return Dataset(
        name=ref.name,
        train=train,
        validation=validation,
        test=test,
        task=Classes(int(samples.labels.max()) + 1),
        source=f"the user's file {path.name}, split {split}",
        checksum=ref.sha256 or "",
    )


def _asked(ask: Callable[[Path], Found], path: Path) -> Found:
    try:
        return ask(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    except ValueError as error:
        raise UserError(f"data file {path} {error}") from None


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"data file {path} cannot be read ({error.strerror or error})")


def _parts(split: np.ndarray | None, labels: np.ndarray) -> tuple[list[np.ndarray], str]:
    """Return the samples of each part, and how they came to be in it."""
    if split is None:
        if np.bincount(labels).min() < 7:
            raise ValueError(
                "a label has fewer than 7 samples, too few to split 64/16/20; add samples or "
                "a 'split' array of 'train', 'validation', 'test'"
            )
        return stratified_split(labels, (0.64, 0.16, 0.20)), "stratified 64/16/20, fixed seed"
    if split.shape != labels.shape or split.dtype.kind not in "US":
        raise ValueError(f"split must be text [N], not {split.dtype} {list(split.shape)}")
    names = split.astype(str)
    strange = sorted(set(names) - set(PARTS))
    if strange:
        raise ValueError(f"split has {strange[0]!r}; allowed are {', '.join(PARTS)}")
    train, validation, test = (np.flatnonzero(names == part) for part in PARTS)
    for part, index in (("train", train), ("test", test)):
        if len(index) == 0:
            raise ValueError(f"split has no {part} samples")
    untrained = sorted(set(labels) - set(labels[train]))
    if untrained:
        raise ValueError(f"label {untrained[0]} has no training samples")
    if len(validation):
        return [train, validation, test], "as given in the file"
    if np.bincount(labels[train]).min() < FEWEST:
        raise ValueError(
            "split has no validation samples, and a label has fewer than "
            f"{FEWEST} training samples, too few to draw a fifth of them"
        )
    kept, drawn = (train[part] for part in stratified_split(labels[train], (0.8, 0.2)))
    told = "as given in the file, validation a stratified fifth of its training part, fixed seed"
    return [kept, drawn, test], told
