"""Tables as CSV for spreadsheets, which run what begins like a formula.

What it guarantees: no text of a table or of its heading is run, whoever wrote it (names of data
sets, errors, what a packed run holds): it gets an apostrophe in front, as by the page's button.
Numbers stay as they are, and texts that are numbers too. Whatever characters a text has, there is a
file, and its rows are those of the table.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

STARTS = ("=", "+", "-", "@", "\t", "\n", "＝", "＋", "－", "＠")


def csv(table: pd.DataFrame) -> bytes:
    """Return a table as CSV in UTF-8, a line a row, without the index."""
    safe = table.map(harmless).rename(columns=harmless)
    return safe.to_csv(index=False, lineterminator="\n").encode(errors="backslashreplace")


def harmless(cell: Any) -> Any:
    """Return a cell as given, or a text that spreadsheets take for one.

    Examples
    --------
    >>> harmless("=1+1"), harmless("-2+3"), harmless("-2e-3"), harmless(-2), harmless("a=1")
    ("'=1+1", "'-2+3", '-2e-3', -2, 'a=1')
    """
    if not isinstance(cell, str):
        return cell
    if "\r" in cell:  # pandas does not quote it, and spreadsheets end a row there
        cell = cell.replace("\r\n", "\n").replace("\r", "\n")
    if not cell.startswith(STARTS):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
