"""A worker process and who watches it: it ends when a trial takes too long or too much memory.

The watcher is a thread outside the process, since compiled code may keep a thread inside from
running. It is the same on this machine and in a Dask worker.

What is promised: a worker ends when nobody holds it any more, and with it go its folder for
temporary files and all that it and its libraries left there, however it ended.
"""

from __future__ import annotations

import os
import pickle
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

from study.data.reference import DataAccess
from study.installation import ROOT
from study.plugins import Plugin
from study.trials import measure
from study.trials.portable import variables
from study.trials.trial import Outcome, Trial
from study.trials.worker import Result, source

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
TEMPORARY_VARIABLES = ("TMPDIR", "TEMP", "TMP")
CHECK_SECONDS = 0.2
DIED, TOO_LONG, TOO_LARGE = "WorkerDied", "TimeLimit", "MemoryLimit"


@dataclass(frozen=True)
class Limits:
    """What one trial may take; None means no limit.

    Parameters
    ----------
    seconds
        Wall-clock time.
    memory_mb
        Memory of its process in MB, without files that it maps.
    portable
        Whether its libraries may use no wider vector units than other processors have; see
        `study.trials.portable`.
    """

    seconds: float | None = None
    memory_mb: float | None = None
    portable: bool = False


class Memory:
    """What the workers that share a memory hold, in MB.

    Parameters
    ----------
    all_mb
        What they may hold together; above it the largest one has to end. None means any amount.
    """

    def __init__(self, all_mb: float | None) -> None:
        self.all_mb = all_mb
        self._held: dict[int, float] = {}
        self._idle: set[int] = set()

    def problem(self, pid: int, limit_mb: float | None) -> str | None:
        """Return why a worker with a trial, which alone may hold ``limit_mb``, must end, or None.

        Others with a trial count as of their own last look, idle ones, at which nobody looks, as
        they are now; only those with a trial can be the largest.
        """
        own = measure.held_mb(pid)
        if own is None:
            return None
        self._idle.discard(pid)
        self._held[pid] = own
        if limit_mb is not None and own > limit_mb:
            return f"held {own:.0f} MB, more than --memory-limit {limit_mb:g}"
        busy = list(self._held.values())
        every = sum(busy) + sum(measure.held_mb(idle) or 0.0 for idle in tuple(self._idle))
        if self.all_mb is not None and every > self.all_mb and own == max(busy):
            return (
                f"was the largest, with {own:.0f} MB, when the workers held {every:.0f} MB "
                f"of {self.all_mb:.0f}; fewer at a time (--jobs) may do"
            )
        return None

    def idle(self, pid: int) -> None:
        """Note that a worker has no trial any more."""
        self._held.pop(pid, None)
        self._idle.add(pid)

    def forget(self, pid: int) -> None:
        """Leave a worker that ended out of the sum."""
        self._held.pop(pid, None)
        self._idle.discard(pid)


class Child:
    """A worker process; it runs one trial at a time, in one thread.

    On Linux it ends with the thread that made it, see `study.trials.worker`.
    """

    def __init__(self, memory: Memory, portable: bool = False) -> None:
        self._memory, self.portable = memory, portable
        scratch = tempfile.mkdtemp(prefix="twinspike-")
        try:
            self._process = _started(variables(portable), scratch)
        except OSError:
            os.rmdir(scratch)
            raise
        self._finish = weakref.finalize(self, _finish, self._process, scratch)
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._ready = False
        threading.Thread(
            target=_read, args=(self._process.stdout, self._messages), daemon=True
        ).start()

    @property
    def alive(self) -> bool:
        """Whether the process can take a trial."""
        return self._process.poll() is None

    def run(
        self,
        trial: Trial,
        needs: Sequence[Outcome],
        data: DataAccess,
        limits: Limits,
        progress: Callable[[float], None],
        known: Sequence[Plugin] = (),
    ) -> Result:
        """Run a trial; whatever happens to the process becomes the error of the result."""
        # Starting Python is no part of the trial's time.
        self._ready = self._ready or self._messages.get() is not None
        started, clock = datetime.now(UTC), time.monotonic()
        if self._ready:
            self._send((trial, needs, data, known))
        message: Result | float | None = 0.0 if self._ready else None
        while True:
            if message is not None:
                with suppress(queue.Empty):
                    message = self._messages.get(timeout=CHECK_SECONDS)
            seconds = time.monotonic() - clock
            if isinstance(message, Result):
                self._memory.idle(self._process.pid)
                return message
            if message is None:
                kind, told = DIED, f"its worker process {self._ending()}"
            elif limits.seconds is not None and seconds > limits.seconds:
                kind, told = TOO_LONG, f"took longer than --time-limit {limits.seconds:g} s"
            elif problem := self._memory.problem(self._process.pid, limits.memory_mb):
                kind, told = TOO_LARGE, problem
            else:
                progress(message)
                continue
            self.end()
            error = {"type": kind, "message": told, "traceback": ""}
            return Result(None, error, source(started, seconds))

    def end(self) -> int:
        """End the process and those that it started, at once; return its status."""
        self._memory.forget(self._process.pid)
        self._finish()
        return self._process.wait()

    def _ending(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)  # it may be about to end by itself
        status = self.end()
        if status >= 0:
            return f"ended with status {status}"
        return f"was killed by {signal.Signals(-status).name} (out of memory?)"

    def _send(self, call: object) -> None:
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):  # it died; the messages end with None
            self._process.stdin.write(pickle.dumps(call))
            self._process.stdin.flush()


def search_path() -> list[str]:
    """Return where a worker looks for modules: as here, but last in the working directory.

    Functions of one's own may lie there; a file called like a library must not take its place.
    Where the project itself lies comes first, if an import hook and no entry of the path finds it.
    """
    here, own = os.getcwd(), str(ROOT)
    entries = [os.path.abspath(entry) for entry in sys.path]
    first = [] if own in entries else [own]
    last = [here] if here in entries and here != own else []
    return [*first, *(entry for entry in entries if entry not in last), *last]


def _started(units: dict[str, str], scratch: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", "from study.trials.worker import main; main()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ
        | dict.fromkeys(THREAD_VARIABLES, "1")
        | units
        | {"PYTHONPATH": os.pathsep.join(search_path())}
        | dict.fromkeys(TEMPORARY_VARIABLES, scratch),
        start_new_session=True,  # so that Ctrl-C is left to the parent
    )


def _finish(process: subprocess.Popen[bytes], scratch: str) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            _kill(process)
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()
    process.wait()
    shutil.rmtree(scratch, ignore_errors=True)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)


def _read(stream: IO[bytes], messages: queue.SimpleQueue[Any]) -> None:
    """Hand on what a worker sends, and None when it sends nothing any more."""
    with stream:
        try:
            while True:
                messages.put(pickle.load(stream))
        except Exception:  # the end, or what is no message: either way it serves no more
            messages.put(None)
