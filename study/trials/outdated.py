"""What records noted of code, libraries, data and processor, against today's and one another's.

What is promised: a record is compared by what it noted itself, and nothing is concluded from what
it did not note, so that older records stay what they are. Results of data that lie here no longer
are not taken for those of the data that do; results of other code or libraries are told of, and run
again on demand; what one row pools from different ones is told of.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from study import data
from study.data.content import content
from study.data.reference import DataAccess, DatasetRef
from study.errors import UserError
from study.trials import provenance
from study.trials.trial import Record, Trial

Outdated = Callable[[Record], bool]

NOTED: dict[str, Callable[[Record], Any]] = {
    "versions of the code": provenance.code_of,
    "versions of libraries": lambda r: r.provenance.get("libraries"),
    "contents of a data set": lambda r: r.provenance.get("data") or r.metrics.get("data_checksum"),
    "vector units of the processor": lambda r: r.provenance.get("vector_units"),
    "numbers of threads": lambda r: r.provenance.get("threads"),
}
"""What may differ within a row, and what a record noted of it; None where it noted nothing."""


def of_other_data(trials: Iterable[Trial], access: DataAccess) -> Outdated:
    """Return what tells records of other data than those that lie here today.

    Only data sets are read whose content neither a published checksum nor this code determines, and
    of one that does not lie here no record is outdated.
    """
    named = {trial.dataset for trial in trials if trial.dataset}
    refs = [ref for ref in named if not data.is_pinned(ref)]
    today = {ref.name: found for ref in refs if (found := _today(ref, access))}

    def is_outdated(record: Record) -> bool:
        checksum, held = today.get(record.trial.dataset_name, ("", ""))
        noted = record.provenance.get("data")
        if held and isinstance(noted, dict) and record.trial.dataset_name in noted:
            return bool(noted[record.trial.dataset_name] != held)
        return bool(held) and record.metrics.get("data_checksum", checksum) != checksum

    return is_outdated


def _today(ref: DatasetRef, access: DataAccess) -> tuple[str, str] | None:
    try:
        dataset = data.load(ref, access)
    except UserError:
        return None
    return dataset.checksum, content(dataset)


def of_other_making(record: Record) -> bool:
    """Whether code or libraries other than today's have made a record."""
    today, then = provenance.library_versions(), record.provenance.get("libraries")
    known = then if isinstance(then, dict) else {}
    others = any(today[name] != version for name, version in known.items() if name in today)
    return others or bool(provenance.of_other_code([record]))


def either(*conditions: Outdated) -> Outdated:
    """Return the condition that holds where any of these does."""
    return lambda record: any(holds(record) for holds in conditions)


def mixed(rows: Collection[Sequence[Record]]) -> dict[str, int]:
    """Return in how many rows records differ in what is `NOTED`, by what differs."""
    counted = {what: sum(_differ(noted, row) for row in rows) for what, noted in NOTED.items()}
    return {what: n for what, n in counted.items() if n}


def _differ(noted: Callable[[Record], Any], row: Sequence[Record]) -> bool:
    """Whether records noted different things; of several by name, under a name that they share."""
    found = [value for record in row if record.done and (value := noted(record)) is not None]
    named = [value if isinstance(value, dict) else {"": value} for value in found]
    values = defaultdict(set)
    for name, value in (item for each in named for item in each.items()):
        values[name].add(json.dumps(value, sort_keys=True, default=str))
    return any(len(different) > 1 for different in values.values())


def rows_of(records: Iterable[Record]) -> list[list[Record]]:
    """Return records by configuration: what tables show in one row."""
    rows: dict[str, list[Record]] = {}
    for record in records:
        rows.setdefault(record.trial.config_id, []).append(record)
    return list(rows.values())


def told(records: Sequence[Record]) -> list[str]:
    """Return in sentences what rows pool."""
    rows = rows_of(records)
    return [
        f"{n} of {len(rows)} configurations pool seeds that ran with different {what}; each trial "
        "names its own."
        for what, n in mixed(rows).items()
    ]
