"""Two commands on one store, killed at random moments: no trial is run twice for nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
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

N_TRIALS, N_KILLS, N_WORKERS = 120, 10, 2
PATIENCE_SECONDS = 300


def start(store: Path, log: Path) -> subprocess.Popen[bytes]:
    log.mkdir(exist_ok=True)
    command = [sys.executable, str(HERE / "sweep_driver.py"), str(store), str(N_TRIALS)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    own = {"TRIALS_LOG": str(log), "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    return subprocess.Popen(command, env=os.environ | own, **quiet)


def table(store: Path) -> pd.DataFrame:
    records = Store(store).records(grid(N_TRIALS))
    found = trials_table({"grid": list(records.values())}).drop(columns=["wall_seconds"])
    found["drawn"] = [record.arrays["drawn"].tobytes() for record in records.values()]
    return found


def n_done(store: Path) -> int:
    done = [json.loads(path.read_bytes())["status"] for path in store.glob("[!.]*.json")]
    return done.count("done")


def test_kills_of_two_commands_repeat_only_what_was_in_flight(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    store, log = tmp_path / "trials", tmp_path / "log"
    commands = [start(store, log), start(store, log)]
    for number in range(N_KILLS):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while n_done(store) < 2 + number * 8:
            assert time.monotonic() < deadline, "no progress"
            time.sleep(0.05)
        time.sleep(rng.uniform(0, 0.4))
        victim = int(rng.integers(2))
        assert commands[victim].poll() is None, "the kill came too late"
        commands[victim].kill()
        commands[victim].wait()
        commands[victim] = start(store, log)
    assert [command.wait() for command in commands] == [0, 0]
    runs = [path.read_text().count("ran") for path in log.iterdir()]
    print(f"{N_KILLS} kills: {sum(runs)} runs of {len(runs)} trials")  # noqa: T201
    assert len(runs) == N_TRIALS
    assert sum(runs) - N_TRIALS <= N_KILLS * N_WORKERS
    records = Store(store).records(grid(N_TRIALS)).values()
    assert not [record.trial.id for record in records if record.is_damaged() or not record.done]
    assert start(tmp_path / "undisturbed", tmp_path / "other").wait() == 0
    pd.testing.assert_frame_equal(table(store), table(tmp_path / "undisturbed"), check_exact=True)
    Store(store).prepare()
    assert not list(store.glob(".*"))
    names = [name for record in records for name in (f"{record.trial.id}.json", *files(record))]
    assert sorted(path.name for path in store.iterdir()) == sorted(names)


def files(record) -> list[str]:
    return [file.name for file in record.named.values()]
