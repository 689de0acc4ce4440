"""Standard streams that end no work, whatever state they are in when the program starts or later.

What it guarantees after `prepare`:

- Descriptors 0, 1 and 2 are open: no file of the work takes the place of a closed one.
- What cannot be encoded for a terminal, in whatever locale, is written with escapes.
- What users and strangers wrote, and `tell` prints, is shown and never obeyed by a terminal.
- A reader that goes away (``| head``), a terminal that is closed and a full disk behind a stream
  are met once, and then nothing is written there any more; the work goes on. `lost` says of
  standard output whether what was asked for could not be written.
"""

from __future__ import annotations

import errno
import io
import os
import re
import sys
from contextlib import suppress
from typing import Any, TextIO

# What terminals obey, and what turns the order of letters round.
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return a text that a terminal shows and does not obey, whoever wrote it."""
    return OBEYED.sub("\ufffd", text)


def tell(text: str) -> None:
    """Print a line on standard output."""
    print(printable(text))  # noqa: T201


def complain(text: str) -> None:
    """Print a line on standard error."""
    print(printable(text), file=sys.stderr)  # noqa: T201


class LastingStream(io.TextIOWrapper):
    """A text stream that writes to nowhere from its first failure on."""

    failure: OSError | None = None

    def write(self, text: str) -> int:
        """Write, or do not."""
        try:
            return super().write(text)
        except OSError as problem:
            self._give_up(problem)
            return len(text)

    def flush(self) -> None:
        """Flush, or do not."""
        try:
            super().flush()
        except OSError as problem:
            self._give_up(problem)
        except ValueError:  # closed: there is nothing to flush
            pass

    def _give_up(self, problem: OSError) -> None:
        self.failure = self.failure or problem
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        with suppress(OSError):
            super().flush()  # what is still in the buffer


def prepare() -> None:
    """Make the standard streams of this process lasting ones; to be called once, at its start."""
    for descriptor in range(3):
        _open(descriptor)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", errors="replace", closefd=False)
    sys.stdout, sys.stderr = _lasting(sys.stdout, 1), _lasting(sys.stderr, 2)


def lost() -> str:
    """Return why standard output could not be written; nothing where its reader has had enough."""
    with suppress(ValueError):
        sys.stdout.flush()
    problem = getattr(sys.stdout, "failure", None)
    if problem is None or problem.errno == errno.EPIPE:
        return ""
    return problem.strerror or str(problem)


def _open(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        # The lowest number that is free, which is this one.
        os.open(os.devnull, os.O_RDONLY if descriptor == 0 else os.O_WRONLY)


def _lasting(stream: TextIO | None, descriptor: int) -> Any:
    """Return a lasting stream to the same place, which this process's own stream leaves to it."""
    if isinstance(stream, LastingStream):
        return stream
    encoding = "utf-8"
    if stream is not None:
        encoding = stream.encoding or encoding
        with suppress(OSError, ValueError):
            stream.flush()
    raw = open(descriptor, "wb", buffering=0, closefd=False)  # noqa: SIM115
    return LastingStream(
        io.BufferedWriter(raw),
        encoding,
        "backslashreplace",
        line_buffering=True,
        write_through=False,
    )
