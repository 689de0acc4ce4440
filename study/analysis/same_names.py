"""Data of one name that are not the same: reports tell them apart and never put them in one row.

A user's file is known by its name and content, and two files may have one name; a data set without
a published checksum may have been replaced. Where the records of a report hold several contents of
a name, each is shown with the first digits of its checksum. Identities stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from study.data.reference import DatasetRef
from study.trials.trial import Record

DIGITS = 6


@dataclass(frozen=True)
class Shown(DatasetRef):
    """A reference whose ``name`` is for readers.

    Parameters
    ----------
    own
        Its name by which trials are identified.
    """

    own: str = ""

    def canonical(self) -> dict[str, str]:
        """Return what identifies the content."""
        return DatasetRef(self.own, self.path, self.sha256, self.kind).canonical()


def told_apart(records: Mapping[str, Sequence[Record]]) -> dict[str, list[Record]]:
    """Return records of which no two name their data alike where these differ.

    Parameters
    ----------
    records
        Records by experiment.
    """
    contents: dict[str, set[str]] = {}
    for members in records.values():
        for record in members:
            if content := _content(record):
                contents.setdefault(record.trial.dataset_name, set()).add(content)
    several = {name for name, found in contents.items() if len(found) > 1}
    return {
        name: [_renamed(one) if one.trial.dataset_name in several else one for one in members]
        for name, members in records.items()
    }


def _content(record: Record) -> str:
    """Return the checksum of a record's data, or nothing where none is known."""
    dataset = record.trial.dataset
    known = dataset.sha256 if dataset else None
    return known or str(record.metrics.get("data_checksum") or "")


def _renamed(record: Record) -> Record:
    dataset, content = record.trial.dataset, _content(record)
    if dataset is None or not content:
        return record
    name = f"{dataset.name} ({content[:DIGITS]})"
    shown = Shown(name, dataset.path, dataset.sha256, dataset.kind, own=dataset.name)
    return replace(record, trial=replace(record.trial, dataset=shown))
