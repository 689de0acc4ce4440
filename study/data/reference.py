"""How a data set is named in a trial, and where its files may be looked for."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DatasetRef:
    """The name of a data set or, for a user's own file, its path, content checksum and kind."""

    name: str
    path: str | None = None
    sha256: str | None = None
    kind: str | None = None

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
