"""The commands ``list`` and ``data``: what there is, and whether its files are whole."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from study import data, experiments
from study.data import DATASETS
from study.data.reference import DataAccess, DatasetRef
from study.errors import UserError, unknown
from study.learners import LEARNERS

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
    """List, fetch or verify data sets; return 2 if one that was asked for is not whole."""
    for name in chosen:
        if name not in DATASETS:
            raise unknown("data set", name, DATASETS)
    wanted = list(chosen) or list(DATASETS)
    if action == "list":
        rows = [(name, DATASETS[name].summary, _state(name, access)) for name in wanted]
        _print("datasets", ("name", "what", "files"), rows)
        return 0
    rows, whole = [], True
    for name in wanted:
        try:
            # Verifying never downloads: it tells what lies here.
            rules = access if action == "fetch" else DataAccess(access.data_dir, offline=True)
            loaded = data.load(DatasetRef(name), rules)
            rows.append((name, "whole", f"sha256 {loaded.checksum[:16]}…"))
        except UserError as error:
            whole = False
            rows.append((name, "not whole", str(error)))
    _print(action, ("name", "state", "detail"), rows)
    return 0 if whole else 2


def _state(name: str, access: DataAccess) -> str:
    files = DATASETS[name].files
    if files is None:
        return "embedded"
    from study.data import fetch

    found = [fetch.find(remote, access) for remote in files()]
    if all(found):
        return f"in {found[0].parent}" if found[0] else ""
    return "not here; `data fetch` downloads it"


def _print(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    _console.print(table)
