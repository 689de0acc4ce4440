"""Killed without warning, a run loses nothing that it finished and goes on where it was.

Each test kills at random moments and compares with a run that nobody disturbed: no record lost,
changed, repeated or damaged, and the same numbers to the last bit.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from study.analysis.table import trials_table
from study.trials.store import Store

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from sweep_driver import grid  # noqa: E402

sys.path.remove(str(HERE))

pytestmark = pytest.mark.slow

N_TRIALS, N_KILLS, N_SCHEDULER_KILLS = 100, 10, 3
MISTAKE = 99
PATIENCE_SECONDS = 300  # only what hangs takes longer, even on a busy machine
PORT = 28_786
ADDRESS = f"tcp://127.0.0.1:{PORT}"
RUN_COMMAND = [
    sys.executable, "-m", "study.run", "compare", "--learner", "linear", "mlp", "surrogate",
    "--seeds", "4", "--set", "surrogate.epochs=3", "surrogate.hidden=20",
]  # fmt: skip


def start(store: Path, *options: str, n_trials: int = N_TRIALS) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(HERE / "sweep_driver.py"), str(store), str(n_trials), *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kept(store: Path) -> dict[str, tuple[int, bytes]]:
    """Return time and content of every file of trials that are done; damaged records fail here."""
    done = {
        path.stem
        for path in store.glob("[!.]*.json")
        if json.loads(path.read_bytes())["status"] == "done"
    }
    return {
        path.name: (path.stat().st_mtime_ns, path.read_bytes())
        for path in store.glob("[!.]*")
        if path.name.partition(".")[0] in done
    }


def wait_for_records(store: Path, at_least: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(list(store.glob("[!.]*.json"))) < at_least:
        assert time.monotonic() < deadline, "no progress"
        time.sleep(0.05)


def n_records(files: dict[str, tuple[int, bytes]]) -> int:
    return sum(name.endswith(".json") for name in files)


def table(store: Path, n_trials: int = N_TRIALS) -> pd.DataFrame:
    """Return the table of all trials without what depends on the clock or a comment in the code."""
    records = Store(store).records(grid(n_trials))
    found = trials_table({"grid": list(records.values())}).drop(
        columns=["wall_seconds", "code_version"]
    )
    found["drawn"] = [record.arrays["drawn"].tobytes() for record in records.values()]
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    store = tmp_path_factory.mktemp("undisturbed")
    assert start(store).wait() == 0
    found = table(store)
    assert len(found) == N_TRIALS
    return found


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    tasks = Path(f"/proc/{pid}/task")
    return [int(child) for task in tasks.glob("*/children") for child in task.read_text().split()]


needs_proc = pytest.mark.skipif(
    not Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").exists(),
    reason="this system does not tell the children of a process",
)


@needs_proc
def test_kills_of_the_run_lose_and_repeat_nothing(tmp_path: Path, undisturbed) -> None:
    rng = np.random.default_rng(1)
    before: dict[str, tuple[int, bytes]] = {}
    for _ in range(N_KILLS):
        run = start(tmp_path)
        wait_for_records(tmp_path, min(n_records(before) + 1, N_TRIALS))
        time.sleep(rng.uniform(0, 0.5))
        orphans = children(run.pid)
        run.kill()
        run.wait()
        after = kept(tmp_path)
        assert {name: after.get(name) for name in before} == before
        before = after
        assert_gone(orphans)
    assert 0 < n_records(before) < N_TRIALS, "the kills came too late to test anything"
    assert start(tmp_path).wait() == 0
    final = kept(tmp_path)
    assert {name: final[name] for name in before} == before
    pd.testing.assert_frame_equal(table(tmp_path), undisturbed, check_exact=True)
    assert not list(tmp_path.glob(".*"))


def assert_gone(pids: list[int]) -> None:
    """Fail if processes outlive the run that started them."""
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline, "orphans"
        time.sleep(0.05)


@needs_proc
def test_kills_of_workers_lose_and_repeat_nothing(tmp_path: Path, undisturbed) -> None:
    rng = np.random.default_rng(2)
    run = start(tmp_path)
    n_killed = 0
    while n_killed < N_KILLS:
        wait_for_records(tmp_path, 2 * n_killed + 1)
        time.sleep(rng.uniform(0, 0.5))
        workers = children(run.pid)
        assert run.poll() is None, "the run ended before all kills"
        if workers:
            os.kill(int(rng.choice(workers)), signal.SIGKILL)
            n_killed += 1
    # Who is killed twice has failed, and the next run tries it again.
    n_failed = run.wait()
    before = kept(tmp_path)
    assert n_records(before) == N_TRIALS - n_failed
    assert start(tmp_path).wait() == 0
    final = kept(tmp_path)
    assert {name: final[name] for name in before} == before
    pd.testing.assert_frame_equal(table(tmp_path), undisturbed, check_exact=True)


def wait_for_scheduler(host: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection((host, PORT), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "no scheduler"
            time.sleep(0.1)


@contextmanager
def cluster(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Yield the scheduler of a cluster with two workers."""
    pytest.importorskip("distributed")
    shutil.rmtree(folder, ignore_errors=True)
    options = ["--no-dashboard"]
    own = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    dask = [sys.executable, "-m", "dask"]
    path = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    scheduler = subprocess.Popen(
        [*dask, "scheduler", "--host", "127.0.0.1", "--port", str(PORT), *options], env=path, **own
    )
    workers = [
        subprocess.Popen(
            [*dask, "worker", ADDRESS, "--nthreads", "1", *options,
             "--local-directory", str(folder / str(number))], env=path, **own
        )
        for number in range(2)
    ]  # fmt: skip
    try:
        wait_for_scheduler("127.0.0.1")
        yield scheduler
    finally:
        for process in (*workers, scheduler):
            process.terminate()
        for process in (*workers, scheduler):
            process.wait()


def test_kills_of_the_scheduler_lose_and_repeat_nothing(tmp_path: Path, undisturbed) -> None:
    rng = np.random.default_rng(3)
    store = tmp_path / "trials"
    before: dict[str, tuple[int, bytes]] = {}
    for _ in range(N_SCHEDULER_KILLS):
        with cluster(tmp_path / "dask") as scheduler:
            run = start(store, ADDRESS)
            wait_for_records(store, n_records(before) + 1)
            time.sleep(rng.uniform(0, 0.5))
            scheduler.kill()
            assert run.wait() == MISTAKE
        after = kept(store)
        assert {name: after.get(name) for name in before} == before
        before = after
    assert 0 < n_records(before) < N_TRIALS, "the kills came too late to test anything"
    with cluster(tmp_path / "dask"):
        assert start(store, ADDRESS).wait() == 0
    final = kept(store)
    assert {name: final[name] for name in before} == before
    pd.testing.assert_frame_equal(table(store), undisturbed, check_exact=True)


def test_a_scheduler_that_comes_back_is_used_again(tmp_path: Path, undisturbed) -> None:
    store = tmp_path / "trials"
    with cluster(tmp_path / "dask") as scheduler:
        run = start(store, ADDRESS)
        wait_for_records(store, 5)
        scheduler.kill()
    with cluster(tmp_path / "dask"):
        assert run.wait() == 0
    pd.testing.assert_frame_equal(table(store), undisturbed, check_exact=True)


def test_kills_of_the_command_lose_and_repeat_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    store, n_trials = tmp_path / "trials", 12
    before: dict[str, tuple[int, bytes]] = {}
    for _ in range(3):
        process = subprocess.Popen(
            [*RUN_COMMAND, "--out", str(tmp_path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for_records(store, min(n_records(before) + 1, n_trials - 1))
        time.sleep(rng.uniform(0, 2))
        process.kill()
        process.wait()
        after = kept(store)
        assert {name: after.get(name) for name in before} == before
        before = after

    done = subprocess.run(
        [*RUN_COMMAND, "--out", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    final = kept(store)
    assert {name: final[name] for name in before} == before
    assert n_records(final) == n_trials
    assert not list(store.glob(".tmp*"))


BRIDGE, NETWORK = "ts-bridge", "10.213.7"
N_SMALL = 40
HOSTS = {f"ts-host{number}": f"{NETWORK}.{10 + number}" for number in (1, 2)}


def ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True, capture_output=True)


@contextmanager
def hosts() -> Iterator[None]:
    """Make two network namespaces with addresses of their own, joined by a bridge."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("namespaces need root and the command ip")
    made: list[str] = []
    try:
        try:
            ip(f"link add {BRIDGE} type bridge")
            made.append(f"link del {BRIDGE}")
            for number, (name, address) in enumerate(HOSTS.items()):
                ip(f"netns add {name}")
                made.append(f"netns del {name}")
                ip(f"link add ts-veth{number} type veth peer name eth0 netns {name}")
                ip(f"link set ts-veth{number} master {BRIDGE} up")
                ip(f"-n {name} addr add {address}/24 dev eth0")
                ip(f"-n {name} link set eth0 up")
                ip(f"-n {name} link set lo up")
            ip(f"addr add {NETWORK}.1/24 dev {BRIDGE}")
            ip(f"link set {BRIDGE} up")
        except subprocess.CalledProcessError as problem:
            pytest.skip(f"this machine makes no namespaces: {problem.stderr.decode().strip()}")
        yield
    finally:
        for command in reversed(made):
            ip(command)


def test_a_worker_that_is_cut_off_changes_nothing(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    local, store = tmp_path / "local", tmp_path / "trials"
    assert start(local, n_trials=N_SMALL).wait() == 0
    dask = [sys.executable, "-m", "dask"]
    # A cut cable is noticed after 30 seconds otherwise; 11 are the least.
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
           "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s"}  # fmt: skip
    own = {"env": env, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    address = f"tcp://{NETWORK}.1:{PORT}"
    with hosts():
        processes = [
            subprocess.Popen(
                [*dask, "scheduler", "--host", f"{NETWORK}.1", "--port", str(PORT),
                 "--no-dashboard"], **own
            ),
            *(
                subprocess.Popen(
                    ["ip", "netns", "exec", name, *dask, "worker", address, "--nthreads", "1",
                     "--no-dashboard", "--local-directory", str(tmp_path / name)], **own
                )
                for name in HOSTS
            ),
        ]  # fmt: skip
        try:
            wait_for_scheduler(f"{NETWORK}.1")
            run = start(store, address, n_trials=N_SMALL)
            wait_for_records(store, 8)
            ip("link set ts-veth1 down")
            assert run.wait() == 0
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()
    found, expected = table(store, N_SMALL), table(local, N_SMALL)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
