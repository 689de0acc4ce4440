"""The guards of conftest.py catch a test that leaves global state changed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

POLLUTERS = """
import brian2, matplotlib, numpy as np, torch

def test_numpy_generator():
    np.random.rand()

def test_torch_type():
    torch.set_default_dtype(torch.float64)

def test_torch_generator():
    torch.manual_seed(12345)

def test_matplotlib():
    matplotlib.rcParams["lines.linewidth"] = 7

def test_brian2():
    brian2.prefs["codegen.target"] = "numpy"

def test_nothing():
    pass
"""


def test_each_kind_of_pollution_fails_the_test_that_did_it(tmp_path: Path, root: Path) -> None:
    shutil.copy(root / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_pollution.py").write_text(POLLUTERS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path),
         "-W", "ignore", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    for name in (
        "numpy generator",
        "torch default type",
        "torch generator",
        "matplotlib parameters",
        "brian2 preferences",
    ):
        assert f"the test changed global state: {name}" in done.stdout, done.stdout
    assert "6 passed, 5 errors" in done.stdout


def test_numba_keeps_what_it_compiles_by_jit_alone(root: Path) -> None:
    """Elsewhere a package folder that cannot be written would end the import."""
    keeping = {
        path.relative_to(root).as_posix()
        for package in ("biosim", "gradsim", "study")
        for path in (root / package).rglob("*.py")
        if "cache=True" in path.read_text()
    }
    assert keeping == {"biosim/jit.py", "gradsim/kernels/jit.py"}
