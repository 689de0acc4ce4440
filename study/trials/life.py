"""The sign of life of a process in a folder: a file that is locked, and changes every few seconds.

What is promised: on one machine the lock says at once whether the process lives, and a kill ends
it. From another machine, who looks sees the file change, and takes the process for dead when it has
not for `STALE_SECONDS` of the looker's own clock. What two machines think of the time is never
compared. A thread keeps the sign up, whatever the process is busy with; a disk without room does
not end it.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from study.trials.files import LIFE, lives, locked, own_prefix, told_when_unusable

BEAT_SECONDS = 5.0
STALE_SECONDS = 60.0
"""A network file system may show a change a good while late."""

_own: dict[tuple[Path, int], Life] = {}
_lock = threading.Lock()


class Life:
    """A sign of life of this process; use `alive`."""

    def __init__(self, folder: Path) -> None:
        self.token, self.users = secrets.token_hex(8), 0
        self.path = folder / own_prefix(LIFE, self.token)[:-1]
        # Nobody may find it before it is locked.
        fresh = folder / own_prefix("tmp")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        self._descriptor = os.open(fresh, flags, 0o666)
        try:
            locked(self._descriptor)
            self._beat(0)
            fresh.rename(self.path)
        except BaseException:
            os.close(self._descriptor)
            fresh.unlink(missing_ok=True)
            raise
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()

    def name(self, kind: str, rest: str) -> str:
        """Return a name for a file or folder that is of no use once this process has ended."""
        return own_prefix(kind, self.token) + rest

    def _go_on(self) -> None:
        number = 0
        while not self._ended.wait(BEAT_SECONDS):
            number += 1
            with suppress(OSError):
                self._beat(number)

    def _beat(self, number: int) -> None:
        os.pwrite(self._descriptor, f"{number}\n".encode(), 0)
        os.fsync(self._descriptor)

    def end(self) -> None:
        """Take it away."""
        self._ended.set()
        self._thread.join()
        with suppress(OSError):
            self.path.unlink()
        os.close(self._descriptor)


@contextmanager
def alive(folder: Path) -> Iterator[Life]:
    """Yield the one sign of life of this process in a folder, as long as anybody uses it.

    Raises
    ------
    UserError
        If the folder cannot be written.
    """
    key = folder.absolute(), os.getpid()
    with _lock, told_when_unusable(folder):
        if key not in _own:
            _own[key] = Life(folder)
        life = _own[key]
        life.users += 1
    try:
        yield life
    finally:
        with _lock:
            life.users -= 1
            if not life.users:
                del _own[key]
                life.end()


@dataclass
class Watch:
    """Who looks at the signs of life of others; remembers what it saw, and when."""

    _seen: dict[Path, tuple[bytes, float]] = field(default_factory=dict)

    def is_dead(self, life: Path) -> bool:
        """Whether a process is known to have ended, or its sign has not changed for long enough."""
        if (told := lives(life)) is not None:
            return not told
        return self.is_still(life)

    def is_still(self, path: Path) -> bool:
        """Whether a file has not changed for `STALE_SECONDS` since it was first looked at."""
        try:
            content = path.read_bytes()
        except OSError:
            content = b""
        before, since = self._seen.get(path, (None, 0.0))
        if content != before:
            self._seen[path] = content, time.monotonic()
            return False
        return time.monotonic() - since > STALE_SECONDS
