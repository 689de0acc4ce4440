"""Where trials run: local processes, or a Dask cluster by its address. One interface for both.

Either way a trial runs in a process of its own, watched by `study.trials.watch`.

What is promised: an address at which no Dask scheduler answers is told in a sentence, whatever
answers there; and that a cluster has no workers, at the start or later, is told within seconds.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Protocol

from study import plugins
from study.data.reference import DataAccess
from study.errors import UserError
from study.installation import how_to_install
from study.plugins import Plugin
from study.trials import measure
from study.trials.door import knock
from study.trials.trial import Outcome, Trial
from study.trials.watch import Child, Limits, Memory
from study.trials.worker import Result

SHARE = 0.9  # of the memory that the workers of a host may hold together
GREETING_SECONDS = 10
CONNECT_SECONDS = 30  # also for a scheduler that comes back
FIRST_WORKER_SECONDS = 60
TOLD_SECONDS = 3  # until it is said that there is none
COUNT_SECONDS = 5.0  # between two looks at how many workers a cluster has


class Workers(Protocol):
    """A set of workers."""

    @property
    def fractions(self) -> Sequence[float]:
        """How far each worker has come, 0..1; as many as trials can run now."""

    def submit(
        self, slot: int, trial: Trial, needs: Sequence[Outcome], data: DataAccess, /
    ) -> Future[Result]:
        """Start a trial; the future is cancelled where the worker was lost before its end."""


class LocalWorkers:
    """Processes on this machine, one thread each."""

    def __init__(self, slots: int, limits: Limits = Limits()) -> None:  # noqa: B008
        self.fractions = [0.0] * slots
        self._limits, self._memory = limits, Memory(_all_mb())
        self._children: dict[int, Child] = {}
        self._threads = ThreadPoolExecutor(slots)

    def submit(
        self, slot: int, trial: Trial, needs: Sequence[Outcome], data: DataAccess
    ) -> Future[Result]:
        """Start a trial in the process of a slot."""
        child = self._children.get(slot)
        if child is None or not child.alive:
            if child is not None:
                child.end()
            try:
                child = self._children[slot] = Child(self._memory, self._limits.portable)
            except OSError as problem:  # no memory or no processes left
                return _failed(problem)

        def advance(fraction: float) -> None:
            self.fractions[slot] = fraction

        advance(0.0)
        call = trial, needs, data, self._limits, advance, plugins.in_use()
        return self._threads.submit(child.run, *call)

    def stop(self) -> None:
        """End the processes at once, whatever they are doing."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for child in self._children.values():
            child.end()
        self._threads.shutdown(wait=True)


def _failed(problem: Exception) -> Future[Result]:
    future: Future[Result] = Future()
    future.set_exception(problem)
    return future


class ClusterWorkers:
    """A Dask cluster; its own scheduler gives the trials of workers that die to others."""

    def __init__(self, client: Any, address: str, limits: Limits) -> None:
        self._client, self._address, self._limits = client, address, limits
        # Pure functions would be looked up in Dask's cache by their arguments.
        self._executor = client.get_executor(pure=False)
        self._slots, self._counted = 0, float("-inf")

    @property
    def fractions(self) -> Sequence[float]:
        """Zeros: a cluster says nothing before a trial ends.

        Raises
        ------
        UserError
            If the scheduler went away and did not come back in time.
        """
        self._require_scheduler()
        if time.monotonic() - self._counted > COUNT_SECONDS:
            self._counted = time.monotonic()
            # Workers come and go as a batch system starts and ends jobs.
            with suppress(OSError, TimeoutError):  # the client notices by itself
                self._slots = sum(self._client.nthreads().values())
        return [0.0] * self._slots

    def submit(
        self, _slot: int, trial: Trial, needs: Sequence[Outcome], data: DataAccess
    ) -> Future[Result]:
        """Start a trial on the cluster."""
        self._require_scheduler()
        call = trial, needs, data, self._limits, plugins.in_use()
        return self._executor.submit(run_in_dask_worker, *call)

    def _require_scheduler(self) -> None:
        if self._client.status in ("closed", "closing"):
            raise UserError(
                f"the Dask scheduler at {self._address} is gone. What is finished is kept.\n"
                "Start it and its workers again, and run the same command."
            )


_here = threading.local()
_lock = threading.Lock()
_memory: Memory | None = None


def run_in_dask_worker(
    trial: Trial,
    needs: Sequence[Outcome],
    data: DataAccess,
    limits: Limits,
    known: Sequence[Plugin] = (),
) -> Result:
    """Run a trial in a process beside the Dask worker, one for each of its threads.

    The process ends at once when nobody waits for the trial any more.
    """
    from distributed import get_worker

    worker = get_worker()
    task = worker.state.tasks[worker.get_current_task()]

    def stop_if_unwanted(_fraction: float) -> None:
        if task.state == "cancelled":  # the command was interrupted or killed
            raise CancelledError

    child = _child_here(worker.memory_manager.memory_limit, limits.portable)
    try:
        return child.run(trial, needs, data, limits, stop_if_unwanted, known)
    except CancelledError:
        child.end()
        raise


def _child_here(memory_limit: int | None, portable: bool) -> Child:
    """Return the process beside this thread; its Dask worker may hold ``memory_limit`` bytes."""
    global _memory
    with _lock:
        if _memory is None:
            _memory = Memory(SHARE * memory_limit / 2**20 if memory_limit else None)
    child: Child | None = getattr(_here, "child", None)
    if child is None or not child.alive or child.portable is not portable:
        child = _here.child = Child(_memory, portable)
    return child


@contextmanager
def open_workers(jobs: int, scheduler: str | None, limits: Limits) -> Iterator[Workers]:
    """Yield local processes, or the cluster at ``scheduler`` (``tcp://host:port``).

    Raises
    ------
    UserError
        If the cluster cannot be reached or `distributed` is not installed.
    """
    if scheduler is not None:
        with _cluster(scheduler, limits) as cluster:
            yield cluster
        return
    workers = LocalWorkers(jobs, limits)
    try:
        yield workers
    finally:
        workers.stop()


@contextmanager
def _cluster(address: str, limits: Limits) -> Iterator[ClusterWorkers]:
    try:
        from distributed import Client
    except ImportError:
        raise UserError(
            f"--scheduler needs the package distributed: {how_to_install('cluster')}"
        ) from None
    try:
        knock(address, GREETING_SECONDS)
        # Certificates for tls:// are those of Dask's own configuration.
        client = Client(address, timeout=CONNECT_SECONDS)
    except Exception as error:  # whatever a server of another kind makes of it
        raise UserError(
            f"no Dask scheduler answers at {address} ({error}).\n{_remedy(address)}"
        ) from None
    with client:
        try:
            _wait_for_a_worker(client, address)
        except TimeoutError:
            raise UserError(
                f"the Dask scheduler at {address} has no workers.\n"
                f"Start some with `dask worker {address} --nthreads 1`."
            ) from None
        yield ClusterWorkers(client, address, limits)


def _remedy(address: str) -> str:
    if address.startswith("tls://"):
        return (
            "It has to be one with TLS, and Dask's configuration has to name the certificates: "
            "distributed.comm.tls.ca-file, and key and cert below distributed.comm.tls.client."
        )
    return (
        "Start one with `dask scheduler`, workers with `dask worker ADDRESS`; another program may "
        "listen there."
    )


def _wait_for_a_worker(client: Any, address: str) -> None:
    try:
        client.wait_for_workers(1, timeout=min(TOLD_SECONDS, FIRST_WORKER_SECONDS))
    except TimeoutError:
        sys.stderr.write(
            f"the Dask scheduler at {address} has no workers yet; waiting for up to "
            f"{FIRST_WORKER_SECONDS:g} s\n"
        )
        client.wait_for_workers(1, timeout=FIRST_WORKER_SECONDS)


def _all_mb() -> float | None:
    total = measure.machine_mb()
    return None if total is None else SHARE * total
