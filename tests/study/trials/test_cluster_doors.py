"""Addresses of clusters: what is none is told at once, and certificates let in who has them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from study import options
from study.errors import UserError
from study.trials import executor
from study.trials.executor import open_workers
from study.trials.watch import Limits

pytest.importorskip("distributed")


@pytest.mark.parametrize(
    "address", ["", "tcp://localhost", "foo://127.0.0.1:1", "inproc://x", "tcp://127.0.0.1:99999999",
                "host:0", "http://a:80", "tcp://a b:1", "tcp://user@host:8786"],
)  # fmt: skip
def test_what_is_no_address_is_told_before_anything_runs(address: str) -> None:
    with pytest.raises(UserError, match=r"--scheduler: expected the address of a Dask scheduler"):
        options.trial_options().parse_args(["--scheduler", address])


@pytest.mark.parametrize("address", ["tcp://h:8786", "h:1", "tls://[::1]:8786", "10.0.0.1:65535"])
def test_what_is_an_address_is_taken(address: str) -> None:
    assert options.trial_options().parse_args(["--scheduler", address]).scheduler == address


@pytest.fixture
def something_else() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("protocol", ["tcp", "tls"])
def test_where_something_else_listens_is_told(something_else, monkeypatch, protocol: str) -> None:
    monkeypatch.setattr(executor, "GREETING_SECONDS", 1)
    address = f"{protocol}://127.0.0.1:{something_else}"
    with (
        pytest.raises(UserError, match=f"no Dask scheduler answers at {address}"),
        open_workers(1, address, Limits()),
    ):
        pass


def certificates(folder: Path) -> dict[str, str]:
    """Make a key with its certificate; return Dask's configuration as environment variables."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip
    prefix = "DASK_DISTRIBUTED__COMM__TLS__"
    told = {f"{prefix}CA_FILE": str(folder / "cert.pem")}
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        told |= {f"{prefix}{role}__KEY": str(folder / "key.pem")}
        told |= {f"{prefix}{role}__CERT": str(folder / "cert.pem")}
    return told


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl for a certificate")
def test_a_run_on_a_cluster_with_tls(tmp_path: Path, root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    told = os.environ | certificates(tmp_path) | {"PYTHONPATH": str(root)}
    dask, address = [sys.executable, "-m", "distributed.cli"], f"tls://127.0.0.1:{port}"
    quiet = {"env": told, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = [
        subprocess.Popen([*dask[:-1], "distributed.cli.dask_scheduler", "--protocol", "tls",
                          "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"], **quiet)
    ]  # fmt: skip
    try:
        time.sleep(3)
        started.append(
            subprocess.Popen([*dask[:-1], "distributed.cli.dask_worker", address, "--nthreads", "1",
                              "--no-dashboard", "--no-nanny"], **quiet)
        )  # fmt: skip
        words = ["compare", "--learner", "linear", "--seeds", "1", "--dataset", "digits"]
        command = [sys.executable, "-m", "study.run", *words, "--out", str(tmp_path / "out")]
        done = subprocess.run(
            [*command, "--scheduler", address], env=told, cwd=root, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "out" / "report.html").exists()
    finally:
        for process in started:
            process.kill()
            process.wait()
