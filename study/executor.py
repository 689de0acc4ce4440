"""Where trials run: local processes, or a Dask cluster by its address. One interface for both."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from study.errors import UserError
from study.worker import initialise

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Workers(Protocol):
    """A set of workers.

    ``slots`` trials are kept in flight; ``fractions[slot]`` is how far each has come.
    """

    slots: int
    fractions: Any

    def submit(self, function: Any, *args: Any) -> Future[Any]:
        """Start a call."""

    def restart(self) -> None:
        """Replace workers after one died."""


@dataclass
class LocalWorkers:
    """Spawned processes on this machine, one thread each."""

    slots: int
    fractions: Any = field(init=False)
    _pool: ProcessPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def submit(self, function: Any, *args: Any) -> Future[Any]:
        """Start a call in a free process."""
        return self._pool.submit(function, *args)

    def restart(self) -> None:
        """Start with fresh processes."""
        spawn = multiprocessing.get_context("spawn")
        self.fractions = spawn.RawArray(ctypes.c_double, self.slots)
        self._pool = ProcessPoolExecutor(
            self.slots, mp_context=spawn, initializer=initialise, initargs=(self.fractions,)
        )

    def stop(self) -> None:
        """End the processes at once, whatever they are doing."""
        for process in multiprocessing.active_children():
            process.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)


@dataclass
class ClusterWorkers:
    """A Dask cluster; its own scheduler replaces workers that die."""

    executor: Executor
    slots: int
    fractions: Any = None

    def __post_init__(self) -> None:
        self.fractions = [0.0] * self.slots

    def submit(self, function: Any, *args: Any) -> Future[Any]:
        """Start a call on the cluster."""
        return self.executor.submit(function, *args)

    def restart(self) -> None:
        """Leave it to the cluster."""


@contextmanager
def open_workers(jobs: int, scheduler: str | None) -> Iterator[Workers]:
    """Yield local processes, or the cluster at ``scheduler`` (``tcp://host:port``).

    Raises
    ------
    UserError
        If the cluster cannot be reached or `distributed` is not installed.
    """
    if scheduler:
        with _cluster(scheduler) as cluster:
            yield cluster
        return
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    workers = LocalWorkers(jobs)
    try:
        yield workers
    finally:
        workers.stop()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _cluster(address: str) -> Iterator[ClusterWorkers]:
    try:
        from distributed import Client
    except ImportError:
        raise UserError(
            "--scheduler needs the package distributed: pip install 'twinspike[cluster]'"
        ) from None
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError, TimeoutError) as error:
        raise UserError(
            f"no Dask scheduler answers at {address} ({error}).\n"
            "Start one with `dask scheduler`, workers with `dask worker ADDRESS`."
        ) from None
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise UserError(
                f"the Dask scheduler at {address} has no workers.\n"
                f"Start some with `dask worker {address} --nthreads 1`."
            )
        # Pure functions would be looked up in Dask's cache by their arguments.
        yield ClusterWorkers(client.get_executor(pure=False), threads)
