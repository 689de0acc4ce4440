"""A folder for compiled code that no other process uses.

Processes that share Brian2's Cython cache wait for each other's locks and may load half-written
modules. Each process therefore claims a numbered slot of the user's cache, so that what it
compiles is found again by a later process and never by a concurrent one.
"""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

held = ExitStack()
"""The open files of claimed slots: a lock lives as long as its file."""
atexit.register(held.close)


def cache_folder(version: str) -> Path:
    """Return the folder of this process: the first slot that no living process holds.

    A fresh temporary folder, removed at exit, where the cache cannot be written or locked.

    Parameters
    ----------
    version
        Version of Brian2; each has its own slots.
    """
    return claim(user_cache() / "twinspike" / f"brian2-{version}", os.getpid())


def user_cache() -> Path:
    """Return the folder that the platform means for caches."""
    if "XDG_CACHE_HOME" in os.environ:
        return Path(os.environ["XDG_CACHE_HOME"])
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path.home() / ".cache"


@cache
def claim(root: Path, _pid: int) -> Path:
    """Return the slot of a process below ``root``, the same whenever it asks.

    The process id is in the key because a forked child must not use its parent's slot.
    """
    if fcntl is None:
        return _temporary()
    try:
        root.mkdir(parents=True, exist_ok=True)
        return next(slot for k in itertools.count() if _lock(slot := root / f"slot-{k}"))
    except OSError:
        return _temporary()


def _lock(slot: Path) -> bool:
    slot.mkdir(exist_ok=True)
    file = open(slot / "in-use", "w")  # noqa: SIM115 - held until the process ends
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    except OSError:
        file.close()
        raise
    held.enter_context(file)
    return True


def _temporary() -> Path:
    folder = tempfile.mkdtemp(prefix="twinspike-brian2-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
