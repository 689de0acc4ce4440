"""Files in a folder to which several processes, containers and hosts write at the same time.

What is promised:

- `write_atomic` leaves the whole new file or the old one; `create` and `place` replace nothing.
- Temporary names are random, are opened only where nothing lies, and follow no link.
- A name that begins with a dot belongs to a process: ``.KIND~HOST~MACHINE~TOKEN~REST``, its token
  random, so that containers with one host name and process number share no name.
- Whether that process lives is told by its sign of life (`study.trials.life`), and on one machine
  by a lock on it that ends with the process, whatever process numbers are seen there.
- Where nobody else can tell, `remove_leftovers` waits for a day of silence. It is measured by the
  clock that dates the files in the folder, so that clocks of hosts may differ.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import socket
import stat
import sys
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

from study.errors import UserError

if sys.platform != "win32":
    import fcntl

FORGOTTEN_SECONDS = 86_400.0
"""Silence after which a process of another machine has ended; signs of life come within seconds."""
OWNED = re.compile(r"\.(\w+)~([\w.-]*)~([\w.-]+)~([\w.-]+)(~.*)?")
LIFE = "life"
MALFORMED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What the content of a file may raise that is not what it should be."""
UNREADABLE = (OSError, *MALFORMED)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)


@contextmanager
def told_when_unusable(folder: Path) -> Iterator[None]:
    """Turn a disk that is full or lets nothing be read into a message; what is kept stays.

    Raises
    ------
    UserError
        In place of any OSError.
    """
    try:
        yield
    except OSError as problem:
        raise unusable(folder, problem) from None


def why(problem: Exception) -> str:
    """Return what is wrong with the content of a file, in words."""
    if isinstance(problem, RecursionError):
        return "nested too deeply"
    return f"{type(problem).__name__}: {problem}"


def unusable(folder: Path, problem: OSError) -> UserError:
    """Return the message for a folder that cannot be read or written."""
    return UserError(
        f"cannot read or write {folder}: {problem.strerror or problem}.\n"
        "What is kept there is whole. Make room, mend its permissions, or choose another "
        "folder with --out DIR, and run the command again."
    )


@cache
def machine() -> str:
    """Return eight digits for the running system, the same in all of its containers."""
    try:
        system = Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        system = f"{socket.gethostname()} {uuid.getnode()}"
    return sha256(system.encode()).hexdigest()[:8]


def own_prefix(kind: str, token: str | None = None) -> str:
    """Return how names begin that belong to this process, or to its sign of life with a token."""
    host = re.sub(r"[^\w.-]", "-", socket.gethostname())
    return f".{kind}~{host}~{machine()}~{token or secrets.token_hex(8)}~"


def read(path: Path, at_most: int = -1) -> bytes:
    """Return the content of a file; what is no file, such as a pipe, is no reason to wait.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "is no file", str(path))
        return stream.read(at_most)


def create(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, flushed to disk; one that cannot be whole goes again.

    Raises
    ------
    FileExistsError
        If something lies there, which stays.
    OSError
        If there is no room, or nothing can be written.
    """
    descriptor = os.open(path, _NEW, 0o666)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


@contextmanager
def temporary(path: Path, content: bytes) -> Iterator[Path]:
    """Yield a new file beside ``path`` with its content to be; it goes if it was not renamed."""
    fresh = path.with_name(f"{own_prefix('tmp')}{path.name}")
    create(fresh, content)
    try:
        yield fresh
    finally:
        with suppress(OSError):
            fresh.unlink()


def write_atomic(path: Path, content: bytes) -> None:
    """Write a whole file or none: temporary name, flush to disk, rename."""
    with temporary(path, content) as fresh:
        fresh.replace(path)


def place(fresh: Path, path: Path) -> bool:
    """Give a file its name, where nothing has that yet; return whether it did.

    Of several that try, one does, on a network file system too. Only on a file system without hard
    links may two that try at the same moment both do, and then the last one stays.
    """
    try:
        os.link(fresh, path)
    except FileExistsError:
        return _same(fresh, path)  # it did where a server that answered late was asked again
    except OSError:
        if _same(fresh, path):
            return True
        if os.path.lexists(path):
            return False
        fresh.rename(path)
    return True


def _same(first: Path, second: Path) -> bool:
    try:
        return os.path.samefile(first, second)
    except OSError:
        return False


def locked(descriptor: int) -> bool:
    """Lock an open file of one's own until this process ends; return whether that could be done."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def lives(life: Path) -> bool | None:
    """Whether the process lives whose sign of life this is; None where only time will tell."""
    owned = OWNED.fullmatch(life.name)
    if owned is None or owned[3] != machine() or sys.platform == "win32":
        return None if life.exists() else False
    try:
        descriptor = os.open(life, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False


def life_of(path: Path) -> Path:
    """Return the sign of life of the process that a name belongs to."""
    return path.with_name(f".{LIFE}~" + "~".join(path.name.split("~", 4)[1:4]))


def clock(folder: Path) -> float | None:
    """Return the time by the clock that dates files in a folder; None where none can be made."""
    try:
        with temporary(folder / "clock", b"") as fresh:
            return fresh.stat().st_mtime
    except OSError:
        return None


def remove_leftovers(folder: Path) -> None:
    """Remove what processes that no longer live left behind, and what nobody minds any more."""
    groups = _by_life(folder)
    now = clock(folder) if groups else None
    for life, paths in groups.items():
        known = lives(life) if life.exists() else None
        silent = now is not None and now - _last_change(paths, now) > FORGOTTEN_SECONDS
        if known is False or (known is None and silent):
            for path in sorted(paths, key=life.__eq__):  # its sign of life goes last
                _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _by_life(folder: Path) -> dict[Path, list[Path]]:
    found = defaultdict(list)
    for path in folder.glob(".*~*~*~*"):
        if OWNED.fullmatch(path.name):
            found[life_of(path)].append(path)
    return found


def _last_change(paths: Sequence[Path], now: float) -> float:
    changes = []
    for path in paths:
        with suppress(OSError):
            changes.append(path.lstat().st_mtime)
    return max(changes, default=now)
