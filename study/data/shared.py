"""One decoded copy of each data set for all processes of this machine, as files that they map.

The files live as long as a run: nothing can be stale. They hold a pickle and, beside it, the memory
of each array as it is.
"""

from __future__ import annotations

import hashlib
import mmap
import pickle
from pathlib import Path

import numpy as np

from study.data.reference import DatasetRef
from study.data.samples import Dataset


def share(ref: DatasetRef, dataset: Dataset, folder: Path) -> None:
    """Write a data set for `find`."""
    own = _place(ref, folder)
    own.mkdir(parents=True)
    buffers: list[pickle.PickleBuffer] = []
    content = pickle.dumps(dataset, protocol=5, buffer_callback=buffers.append)
    for number, buffer in enumerate(buffers):
        (own / f"{number}.bin").write_bytes(buffer.raw())
    (own / "dataset.pickle").write_bytes(content)


def find(ref: DatasetRef, folder: Path) -> Dataset | None:
    """Return a data set whose arrays are the shared files, or None where it was not shared.

    Arrays can be written to, and then are copied page by page; the files do not change.
    """
    own = _place(ref, folder)
    try:
        content = (own / "dataset.pickle").read_bytes()
    except FileNotFoundError:  # it was shared on another host
        return None
    paths = sorted(own.glob("*.bin"), key=lambda path: int(path.stem))
    return pickle.loads(content, buffers=[_mapped(path) for path in paths])


def _place(ref: DatasetRef, folder: Path) -> Path:
    return folder / hashlib.sha256(repr(ref).encode()).hexdigest()[:16]


def _mapped(path: Path) -> mmap.mmap | bytearray:
    if not path.stat().st_size:
        return bytearray()
    with path.open("rb") as stream:
        mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
    # Data count as there before training is measured, and not as memory that training takes.
    np.frombuffer(mapped, np.uint8)[:: mmap.PAGESIZE].max()
    return mapped
