"""Mistakes of a user, told in one or two lines and never as a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """What was wrong, what is allowed, how to mend it; ends a command with status 2."""


def unknown(what: str, given: str, allowed: Iterable[str]) -> UserError:
    """Return the error for a name that does not exist, with the nearest one that does."""
    names = sorted(allowed)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UserError(f"unknown {what} {given!r}.{hint}\nAllowed: {', '.join(names) or 'none'}")
