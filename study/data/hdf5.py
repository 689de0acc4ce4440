"""Columns out of an HDF5 file of anybody, read by a process beside this one.

What it guarantees, whatever the bytes are:

- It ends, within a time that goes with the size of the file, with the columns or with a ValueError
  of one sentence: where the HDF5 library hangs or dies of a damaged file, the other process does.
- Everything comes from the file itself, and so stands under its checksum: links, external storage
  and virtual data sets are refused, and so are filters that are loaded from elsewhere.
- A column takes no more memory than it is allowed, and is of the type asked for.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from study.data import plain

READER = Path(__file__).with_name("hdf5_reader.py")
START_SECONDS, BYTES_PER_SECOND = 15.0, 1 << 20


class Column(NamedTuple):
    """The values of all samples one after the other, and how many each has.

    Parameters
    ----------
    values
        ``[E]`` numbers.
    counts
        ``[N]`` int64 where samples have lists; else empty, as each has one.
    """

    values: np.ndarray
    counts: np.ndarray


def columns(
    stream: IO[bytes],
    lists: Mapping[str, str],
    numbers: Mapping[str, str],
    largest: int | None = None,
) -> dict[str, Column]:
    """Return columns by name, all of the same number of samples.

    Parameters
    ----------
    stream
        The file, open, with a descriptor.
    lists, numbers
        Kinds of numbers, as of `numpy.dtype.kind`, by the name of a column with a list a sample,
        and of one with a number a sample.
    largest
        Bytes that a column may take; by default the memory of this machine.

    Raises
    ------
    ValueError
        If the file is damaged, a column is missing or of another type, or lies elsewhere.
    """
    largest = largest or plain.memory()
    with tempfile.TemporaryDirectory(prefix="twinspike-", ignore_cleanup_errors=True) as folder:
        asked = {"lists": lists, "numbers": numbers, "largest": largest, "folder": folder}
        _run(json.dumps(asked), stream)
        return {
            name: Column(*(_array(Path(folder, f"{number}.{part}.npy")) for part in Column._fields))
            for number, name in enumerate([*lists, *numbers])
        }


def _run(asked: str, stream: IO[bytes]) -> None:
    stream.seek(0)
    seconds = START_SECONDS + os.fstat(stream.fileno()).st_size / BYTES_PER_SECOND
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(READER), asked],
            stdin=stream,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"reading it did not end within {seconds:.0f} s") from None
    if done.returncode < 0:
        raise ValueError(f"reading it ended by {signal.Signals(-done.returncode).name}")
    if done.returncode:
        raise ValueError(done.stdout.decode(errors="replace") or "it cannot be read")


def _array(path: Path) -> np.ndarray:
    """Return an array that maps its file, of which nothing remains when the array is gone."""
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
