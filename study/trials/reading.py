"""Reads what lies in a store without trust: anything may lie there under the name of a record.

What it guarantees: the entry of a record is one that the store could have written, with every field
of its type, or a ValueError says what it is not. Files that are no plain files (a folder, a pipe),
that are large or nested beyond what any record is, or that may not be read, are no records. So
nothing that uses a record fails on its form, and no file of a store stops a command.
"""

from __future__ import annotations

import errno
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from study.trials.files import read
from study.trials.trial import CANONICAL

LARGEST = 64 << 20  # bytes of a JSON
DEEPEST = 32  # lists and objects in one another
MOST = 2**63  # of a whole number
NOT_OURS = (errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP)  # no fault of the disk
IDENTITY = re.compile(r"[0-9a-f]{16}")
Rule = Callable[[Any], bool]
SUFFIX = re.compile(r"\w[\w.-]*")


def json_at(path: Path | str) -> Any:
    """Return what a JSON file holds; see `parsed`.

    Raises
    ------
    ValueError
        If it holds something else, or what no file of a store holds.
    OSError
        If there is none, or it cannot be read.
    """
    try:
        return parsed(read(Path(path), LARGEST + 1))
    except OSError as problem:
        if problem.errno == errno.EINVAL:  # a pipe, say
            raise ValueError("is no file") from None
        raise


def parsed(content: bytes) -> Any:
    """Return what JSON holds.

    Raises
    ------
    ValueError
        If it is none, or larger or deeper than what a store holds.
    """
    if len(content) > LARGEST:
        raise ValueError(f"has more than {LARGEST} bytes")
    try:
        value = json.loads(content)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    _check_plain(value, DEEPEST)
    return value


def entry_at(path: Path | str) -> dict[str, Any]:
    """Return the entry of a record.

    Raises
    ------
    ValueError
        If the store could not have written it, or it may not be read.
    OSError
        If there is none, or the disk fails.
    """
    try:
        return checked(json_at(path))
    except OSError as problem:
        if problem.errno not in NOT_OURS:
            raise
        raise ValueError(f"cannot be read ({problem.strerror})") from None


def checked(entry: Any) -> dict[str, Any]:
    """Return the entry of a record as given.

    Raises
    ------
    ValueError
        If the store could not have written it.
    """
    check(entry, RECORD, "the record")
    check(entry["provenance"], PROVENANCE, "provenance", optional=True)
    return entry


def _check_plain(value: Any, left: int) -> None:
    """Refuse what is nested too deeply, and numbers that are none or beyond all that are kept."""
    if not left:
        raise ValueError(f"is nested more than {DEEPEST} times")
    for item in _items(value):
        kind = type(item)  # not by isinstance: a store has many records of many numbers
        if kind is dict or kind is list:
            _check_plain(item, left - 1)
        elif kind is float and not math.isfinite(item):
            raise ValueError("holds a number that JSON does not have")
        elif kind is int and abs(item) >= MOST:
            raise ValueError("holds a whole number of more than 64 bits")


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else [value]


def check_canonical(fields: Any) -> None:
    """Refuse what does not identify a trial; see `study.trials.trial.CANONICAL`.

    Raises
    ------
    ValueError
        If a field is missing or of another type.
    """
    check(fields, {name: RECORD[name] for name in CANONICAL}, "a trial")


def check(entry: Any, rules: Mapping[str, Rule], what: str, optional: bool = False) -> None:
    """Refuse an object that lacks a field, unless they are optional, or has one of another type.

    Raises
    ------
    ValueError
        With the name of the field.
    """
    if not isinstance(entry, dict):
        raise ValueError(f"{what} is no object")
    if not optional and (missing := rules.keys() - entry.keys()):
        raise ValueError(f"{what} has no {min(missing)}")
    for name, rule in rules.items():
        if name in entry and not rule(entry[name]):
            raise ValueError(f"{name} is not what {what} has")


def texts(value: Any) -> bool:
    """Whether it is a list of texts."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _names(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _dataset(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and isinstance(value.get("name"), str))


def _error(value: Any) -> bool:
    return value is None or (_names(value) and {"type", "message"} <= value.keys())


def _moment(value: Any) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None


def _seconds(value: Any) -> bool:
    return isinstance(value, int | float) and 0 <= value < 1e9


def _suffixes(value: Any) -> bool:
    return texts(value) and all(map(SUFFIX.fullmatch, value))


def _kind(kind: type) -> Rule:
    return lambda value: isinstance(value, kind)


RECORD: dict[str, Rule] = {
    **dict(zip(CANONICAL, (
        _kind(str), _kind(str), _dataset, _kind(dict), _whole, _whole,
        lambda value: texts(value) and all(map(IDENTITY.fullmatch, value)),
    ), strict=True)),
    "status": lambda value: value in ("done", "failed"),
    "metrics": _kind(dict),
    "error": _error,
    "provenance": _kind(dict),
}  # fmt: skip
"""What a record has, and what each of it is."""

PROVENANCE: dict[str, Rule] = {
    "started": _moment,
    "wall_seconds": _seconds,
    "plugins": _names,
    "files": _suffixes,
    "files_left_out": _suffixes,
    "not_finite": texts,
}
"""What is used of a record's provenance, where it has it."""
