"""The files that a record names, each with its digest.

What is promised: what is read is what was written. A flipped bit, a file cut short or one that is
gone is found when the file is read, and before a run where it is small or needed. Nothing outside
the folder of the record is read.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from study.data import plain
from study.trials.files import read

ARRAYS = "npz"
_SUFFIX = re.compile(r"[^/\\\0]{1,200}")


@dataclass(frozen=True)
class KeptFile:
    """A file beside a record.

    Parameters
    ----------
    name
        Its name in the folder of the record.
    n_bytes, sha256
        Its size and digest; None in a record from before they were noted.
    """

    name: str
    n_bytes: int | None = None
    sha256: str | None = None

    def content(self, folder: Path) -> bytes:
        """Return its content.

        Raises
        ------
        OSError
            If it is gone or cannot be read.
        ValueError
            If it is not what was written.
        """
        content = read(folder / self.name)
        if self.sha256 is not None and hashlib.sha256(content).hexdigest() != self.sha256:
            raise ValueError(f"{self.name} is damaged")
        return content

    def is_damaged(self, folder: Path, limit: int | None) -> bool:
        """Whether it cannot be read as it was written; of one above ``limit`` bytes the size tells.

        Of arrays without a digest the checksums that they come with are read.
        """
        path = folder / self.name
        try:
            n_bytes = path.stat().st_size
            if self.n_bytes not in (None, n_bytes):
                return True
            return (limit is None or n_bytes <= limit) and not self._is_as_written(folder)
        except OSError:
            return True

    def _is_as_written(self, folder: Path) -> bool:
        try:
            content = self.content(folder)
            if self.sha256 is None and self.name.endswith(f".{ARRAYS}"):
                unpacked_arrays(content)
        except Exception:  # whatever a damaged file may raise
            return False
        return True

    def told(self) -> dict[str, Any]:
        """Return it as JSON values; see `read_back`."""
        return {"name": self.name, "bytes": self.n_bytes, "sha256": self.sha256}


def described(name: str, content: bytes) -> KeptFile:
    """Return what a record says of a file."""
    return KeptFile(name, len(content), hashlib.sha256(content).hexdigest())


def read_back(identity: str, entry: Mapping[str, Any]) -> dict[str, KeptFile] | None:
    """Return the files that a record names, by suffix; None where it is older than their digests.

    Raises
    ------
    KeyError, TypeError, ValueError
        If what it says is none, or a name is no name of a file of this trial.
    """
    suffixes = entry["provenance"].get("files", ())
    kept = entry.get("kept")
    if kept is not None:
        kept = {
            suffix: KeptFile(told["name"], told["bytes"], told["sha256"])
            for suffix, told in kept.items()
        }
    names = [f"{identity}.{suffix}" for suffix in suffixes]
    names += [file.name for file in (kept or {}).values()]
    for name in names:
        if not name.startswith(f"{identity}."):
            raise ValueError(f"{name!r} is no file of trial {identity}")
        check_suffix(name[len(identity) + 1 :])
    return kept


def check_suffix(suffix: str) -> None:
    """Refuse what is no ending of a file's name, or is the record's own.

    Raises
    ------
    ValueError
        In a sentence.
    """
    if not _SUFFIX.fullmatch(suffix) or suffix == "json":
        raise ValueError(
            f"{suffix!r} cannot end the name of a file. Allowed: up to 200 characters, no slash, "
            "not json"
        )


def packed_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return arrays as the content of a ``.npz`` file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpacked_arrays(content: bytes, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of a ``.npz`` file, or those of them that are asked for; no objects."""
    return plain.read(io.BytesIO(content), only=names)
