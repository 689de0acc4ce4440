"""How a data set is named in a trial, and where its files may be looked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class DatasetRef:
    """The name of a data set or, for a user's own file, its path, content checksum and kind."""

    name: str
    path: str | None = None
    sha256: str | None = None
    kind: str | None = None

    @staticmethod
    def of(told: Mapping[str, Any]) -> DatasetRef:
        """Return the reference that a file tells of, field by field.

        Raises
        ------
        TypeError
            If a field is no text, there is another one, or no name.
        ValueError
            If it is of no kind that there is.
        """
        found = DatasetRef(**told)
        if not all(isinstance(value, str) for value in told.values() if value is not None):
            raise TypeError("a data set is told of in texts")
        if found.kind not in (None, "images", "events", "traces"):
            raise ValueError(f"no data set is of the kind {found.kind!r}")
        return found

    def canonical(self) -> dict[str, str]:
        """Return what identifies the content; a moved file is still the same data set."""
        return {"name": self.name} | ({"sha256": self.sha256} if self.sha256 else {})


@dataclass(frozen=True)
class DataAccess:
    """Folders that are searched for data sets, and whether the network may be used.

    ``shared`` is the folder of `study.data.shared`, which comes first.
    """

    data_dir: Path | None = None
    offline: bool = False
    shared: Path | None = None

    def folders(self) -> list[Path]:
        """Return the read-only folders in the order in which they are searched."""
        listed = os.environ.get("SNN_DATA_DIR", "").split(os.pathsep)
        folders = [Path(entry) for entry in listed if entry]
        return ([self.data_dir] if self.data_dir else []) + folders
