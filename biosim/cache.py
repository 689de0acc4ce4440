"""A folder for compiled code that no other process uses.

Processes that share Brian2's Cython cache wait for each other's locks and may load half-written
modules. Each process therefore claims a numbered slot of the user's cache, so that what it
compiles is found again by a later process and never by a concurrent one.

What it guarantees: a folder is always found. Where the user's cache cannot be written or locked, or
the user has no home, it is a temporary one, readable by nobody else and removed when the process
ends; what a killed process left is removed by the next one. Nothing is written below the working
directory because a variable is empty.
"""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PREFIX, BRIEF = "twinspike-brian2-", "brief-"
"""Of temporary folders, and of what lies in a slot only while something runs."""

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
    return claim(Path("twinspike", f"brian2-{version}"), os.getpid())


def user_cache() -> Path:
    """Return the folder that the platform means for caches.

    Raises
    ------
    OSError
        If the user has none: no home, and no entry among the users.
    """
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if chosen.is_absolute():  # others are to be ignored, says the XDG Base Directory Specification
        return chosen
    if not Path(os.environ.get("HOME", "/")).is_absolute():  # of an empty one Python makes "/"
        raise OSError(f"the home folder is {os.environ['HOME']!r}, which is no absolute path")
    try:
        home = Path.home()
    except RuntimeError as error:
        raise OSError(f"no home folder: {error}") from error
    return home / "Library" / "Caches" if sys.platform == "darwin" else home / ".cache"


@cache
def claim(root: Path, _pid: int) -> Path:
    """Return the slot of a process below ``root`` in the user's cache, the same whenever it asks.

    The process id is in the key because a forked child must not use its parent's slot.
    """
    if fcntl is None:
        return _temporary()
    try:
        root = user_cache() / root
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
    for left in slot.glob(f"{BRIEF}*"):
        shutil.rmtree(left, ignore_errors=True)
    return True


def _temporary() -> Path:
    _remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    if fcntl is not None:
        _lock(folder)
    atexit.register(_remove, folder, os.getpid())
    return folder


def _remove(folder: Path, pid: int) -> None:
    if os.getpid() == pid:  # not in a forked child
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned() -> None:
    """Remove the temporary folders of our user's processes that were killed: nobody holds them."""
    if fcntl is None:
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            if not folder.is_symlink() and folder.stat().st_uid == os.getuid() and _free(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _free(folder: Path) -> bool:
    """Return whether no process holds a folder; one without a lock is just being made."""
    with open(folder / "in-use") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
