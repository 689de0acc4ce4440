"""The commands ``list`` and ``data``: what there is, and whether its files are whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from study import data, experiments, learners, plugins
from study.data.reference import DataAccess, DatasetRef
from study.errors import UserError, unknown
from study.streams import printable

if TYPE_CHECKING:
    from study.data.fetch import RemoteFile

_console = Console()


def names(what: str | None) -> int:
    """Print names and summaries; ``what`` is experiments, datasets, learners or None for all."""
    lists = {
        "experiments": {name: entry.TITLE for name, entry in experiments.known().items()},
        "datasets": {name: entry.summary for name, entry in data.known().items()}
        | {"FILE.npz": "your own: images, traces or spike events, with labels (see the README)"},
        "learners": {name: entry.summary for name, entry in learners.known().items()},
    }
    for title, entries in lists.items():
        if what in (None, title):
            rows = [(*entry, _origin(title.upper(), entry[0])) for entry in entries.items()]
            if any(origin for *_, origin in rows):
                _print(title, ("name", "what", "plug-in"), rows)
            else:
                _print(title, ("name", "what"), list(entries.items()))
    return 0


def settings(learner: str | None) -> int:
    """Print every setting of a learner: what it means, what is allowed, default and presets.

    Raises
    ------
    UserError
        If there is no learner of this name.
    """
    from study.listing import settings as meanings

    if learner is None:
        raise UserError(f"list settings: of which learner?\nAllowed: {', '.join(learners.known())}")
    rows, before = [], ""
    for each in meanings.of_learner(learners.find(learner)):
        what = "as above" if each.what and each.what == before else each.what.replace("``", "")
        rows.append((each.name, what, each.allowed, each.default, each.presets))
        before = each.what
    columns = ("setting", "what it means", "allowed", "default", "presets that depart")
    _print(f"settings of {learner}: --set {learner}.NAME=VALUE", columns, rows)
    return 0


def _origin(registry: str, name: str) -> str:
    owner = plugins.owner(registry, name)
    return owner.path if owner else ""


def data_sets(action: str, chosen: Sequence[str], access: DataAccess) -> int:
    """List, fetch or verify data sets; return 2 if one is damaged or, asked for by name, absent."""
    known = data.known()
    for name in chosen:
        if name not in known:
            raise unknown("data set", name, known)
    wanted = list(chosen) or list(known)
    if action == "list":
        rows = [(name, known[name].summary, _place(name, access)) for name in wanted]
        _print("datasets", ("name", "what", "files"), rows)
        return 0
    found = {name: _loaded(action, name, access) for name in wanted}
    _print(action, ("name", "state", "detail"), [(name, *row) for name, row in found.items()])
    good = {"whole"} if chosen else {"whole", "not here"}
    return 0 if all(state in good for state, _ in found.values()) else 2


def _place(name: str, access: DataAccess) -> str:
    from study.data import fetch

    files = data.find(name).files
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
    files = data.find(name).files
    published = files is None or all(remote.checksum for remote in files())
    return "whole", f"sha256 {checksum[:16]}…{'' if published else ', no published checksum'}"


def _absent(name: str, access: DataAccess) -> list[RemoteFile]:
    from study.data import fetch

    files = data.find(name).files
    return [remote for remote in files() if not fetch.find(remote, access)] if files else []


def _print(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(printable(cell)) for cell in row))
    _console.print(table)
