"""A command that is ended by a signal leaves nothing behind, and says how to go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = ["compare", "--learner", "linear", "mlp", "--dataset", "digits", "--seeds", "20",
           "--offline", "--jobs", "1"]  # fmt: skip
PATIENCE_SECONDS = 120


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_nothing_but_records(tmp_path: Path, number: signal.Signals) -> None:
    scratch, out = tmp_path / "scratch", tmp_path / "out"
    scratch.mkdir()
    run = subprocess.Popen(
        [sys.executable, "-m", "study.run", *COMMAND, "--out", str(out)],
        env=os.environ | {"TMPDIR": str(scratch), "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not list((out / "trials").glob("[!.]*.json")):
        assert time.monotonic() < deadline, "no progress"
        time.sleep(0.05)
    assert list((out / "trials").glob(".*"))  # data that are shared, signs of life, claims
    run.send_signal(number)
    _, told = run.communicate(timeout=PATIENCE_SECONDS)
    assert run.returncode == 128 + number
    assert "interrupted; run the same command again to go on" in told
    assert not list((out / "trials").glob(".*"))
    assert not list(scratch.iterdir())
