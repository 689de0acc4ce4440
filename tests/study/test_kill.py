"""Killed without warning, a run loses nothing that it finished and goes on where it was."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

COMMAND = [
    sys.executable, "-m", "study.run", "compare", "--learner", "linear", "mlp", "surrogate",
    "--seeds", "4", "--set", "surrogate.epochs=3", "surrogate.hidden=20",
]  # fmt: skip
N_TRIALS = 12


def kept(out: Path) -> dict[str, tuple[int, bytes]]:
    """Return time and content of every file of the store; damaged records fail here."""
    files = {}
    for path in (out / "trials").glob("[!.]*"):
        content = path.read_bytes()
        if path.suffix == ".json":
            json.loads(content)
        files[path.name] = (path.stat().st_mtime_ns, content)
    return files


def wait_for_records(out: Path, at_least: int) -> None:
    deadline = time.monotonic() + 60
    while len(list((out / "trials").glob("[!.]*.json"))) < at_least:
        assert time.monotonic() < deadline, "no progress"
        time.sleep(0.05)


@pytest.mark.parametrize("seed", range(2))
def test_three_kills_lose_and_repeat_nothing(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before: dict[str, tuple[int, bytes]] = {}
    for _ in range(3):
        process = subprocess.Popen(
            [*COMMAND, "--out", str(tmp_path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for_records(tmp_path, min(len(before) // 2 + 1, N_TRIALS - 1))
        time.sleep(rng.uniform(0, 2))
        process.kill()
        process.wait()
        after = kept(tmp_path)
        assert {name: after.get(name) for name in before} == before
        before = after

    done = subprocess.run(
        [*COMMAND, "--out", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    final = kept(tmp_path)
    assert {name: final[name] for name in before} == before
    assert sum(name.endswith(".json") for name in final) == N_TRIALS
    assert not list((tmp_path / "trials").glob(".tmp*"))
