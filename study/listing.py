"""The commands ``list`` and ``data``: what there is, and whether its files are whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from study import data, experiments
from study.data import DATASETS
from study.data.reference import DataAccess, DatasetRef
from study.errors import UserError, unknown
from study.learners import LEARNERS

if TYPE_CHECKING:
    from study.data.fetch import RemoteFile

_console = Console()


def names(what: str | None) -> int:
    """Print names and summaries; ``what`` is experiments, datasets, learners or None for all."""
    lists = {
        "experiments": {name: experiments.load(name).TITLE for name in experiments.names()},
        "datasets": {name: entry.summary for name, entry in DATASETS.items()}
        | {"FILE.npz": "your own: images + labels, or spike events (see the README)"},
        "learners": {name: entry.summary for name, entry in LEARNERS.items()},
    }
    for title, entries in lists.items():
        if what in (None, title):
            _print(title, ("name", "what"), list(entries.items()))
    return 0


def data_sets(action: str, chosen: Sequence[str], access: DataAccess) -> int:
    """List, fetch or verify data sets; return 2 if one is damaged or, asked for by name, absent."""
    for name in chosen:
        if name not in DATASETS:
            raise unknown("data set", name, DATASETS)
    wanted = list(chosen) or list(DATASETS)
    if action == "list":
        rows = [(name, DATASETS[name].summary, _place(name, access)) for name in wanted]
        _print("datasets", ("name", "what", "files"), rows)
        return 0
    found = {name: _loaded(action, name, access) for name in wanted}
    _print(action, ("name", "state", "detail"), [(name, *row) for name, row in found.items()])
    good = {"whole"} if chosen else {"whole", "not here"}
    return 0 if all(state in good for state, _ in found.values()) else 2


def _place(name: str, access: DataAccess) -> str:
    from study.data import fetch

    files = DATASETS[name].files
    if files is None:
        return "embedded"
    if _absent(name, access):
        by_hand = not all(remote.mirrors for remote in files())
        return f"not here; {'to be placed by hand' if by_hand else '`data fetch` downloads it'}"
    return f"in {fetch.locate(files()[0], access).parent}"


def _loaded(action: str, name: str, access: DataAccess) -> tuple[str, str]:
    """Return the state of a data set and a detail, after loading it with all checks."""
    absent = _absent(name, access)
    # Verifying never downloads: it tells what lies here.
    if absent and (action == "verify" or not absent[0].mirrors):
        return "not here", absent[0].remedy()
    try:
        checksum = data.load(DatasetRef(name), access).checksum
    except UserError as error:
        return "not whole", str(error)
    files = DATASETS[name].files
    published = files is None or all(remote.checksum for remote in files())
    return "whole", f"sha256 {checksum[:16]}…{'' if published else ', no published checksum'}"


def _absent(name: str, access: DataAccess) -> list[RemoteFile]:
    from study.data import fetch

    files = DATASETS[name].files
    return [remote for remote in files() if not fetch.find(remote, access)] if files else []


def _print(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    _console.print(table)
