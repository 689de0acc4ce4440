"""What in a sentence is a value, and so the same in every language: patterns.

A number with its interval (``86.1``, ``86.1 ± 0.2``, ``86 % [85, 87]``), a hash, a list of such, a
setting ``key=value``, the name of a field, a version, a path, a formula, a dash that stands for a
missing number; and names that the caller gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

NUMBER = r"(?<![\w.])[+\-−]?(?:\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?|nan|inf)(?!\w)"
MEASURE = rf"{NUMBER}(?: ± {NUMBER}|(?: %)? \[{NUMBER}, {NUMBER}\])?"
HASH = r"(?<![\w.])[0-9a-f]{8}(?:[0-9a-f]{8})?(?!\w|\.\d)"
SETTING = r"(?<!\w)[A-Za-z_]\w*=[^\s,;)]+(?<![.?!:])"
CHANGE = r"(?<!\w)[A-Za-z_]\w*\s[^\s,;()]+\s→\s[^\s,;)]+"
FIELD = r"(?<!\w)[a-z]+\w*_\w+(?!\w)"
VERSION = r"(?<![\w.])\d+\.\d+\.\d+[\w.+]*(?<!\.)"
PATH = r"(?<!\S)[A-Za-z0-9_.~-]*(?:/[A-Za-z0-9_.-]+)+(?<![.-])"
DASH = r"(?<!\S)–(?!\S)"
MATHS = r"\$[^$]+\$"
ONE = "|".join((MATHS, SETTING, VERSION, HASH, MEASURE, FIELD, PATH, DASH))
LIST = "|".join(f"{kind}(?:, {kind})+" for kind in (HASH, MEASURE))
NEVER = "(?!)"
PLACE = "{}"  # stands for a value in a template


def values(names: Iterable[str] = ()) -> re.Pattern[str]:
    """Return the pattern of a value; three or more names in a row are one value."""
    name = _name(names)
    named = f"{name}(?:, {name}){{2,}}|{name}|" if name else ""
    return re.compile(f"{named}{LIST}|{ONE}")


def item(items: Iterable[str], names: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of one of ``items``, given as templates."""
    name = _name(names)
    value = f"(?:{name}|{ONE})" if name else f"(?:{ONE})"
    found = "|".join(
        re.escape(key).replace(re.escape(PLACE), value)
        for key in sorted(items, key=len, reverse=True)
    )
    # Where an interval follows, the number before it was not the whole value.
    return re.compile(rf"(?<!\w)(?:{found})(?!\w| \[)" if found else NEVER)


def lists(items: Iterable[str], names: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of a list of items, or else of a value."""
    one = item(items, names).pattern
    return re.compile(f"{one}(?:(?:, |; ){one})*|{values(names).pattern}")


def cumulated(groups: Sequence[Iterable[str]]) -> list[set[str]]:
    """Return no names, then those of the first group, then of the first two, and so on."""
    sums: list[set[str]] = [set()]
    for group in groups:
        sums.append(sums[-1] | set(group))
    return sums


def _name(names: Iterable[str]) -> str:
    """Return a pattern for a name with the settings behind it; empty without any."""
    one = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    setting = f"(?:{SETTING}|{CHANGE})"
    settings = rf"(?:\s\({setting}(?:,\s{setting})*\))?"  # a label may be wrapped
    return rf"(?<![\w-])(?:{one}){settings}(?![\w-])" if one else ""
