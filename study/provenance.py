"""Which code, on which machine, with which libraries: what stands beside every number."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("biosim", "gradsim", "study")
LIBRARIES = ("brian2", "torch", "numpy", "scipy", "pandas", "matplotlib", "scikit-learn", "nir")


@cache
def code_version() -> str:
    """Return the version, the commit if there is one, and a hash over the sources.

    The hash tells two dirty working trees apart, where a commit alone would not.
    """
    return f"{_package_version()}+{_commit()}src.{_source_hash()}"


def _package_version() -> str:
    try:
        return version("twinspike")
    except PackageNotFoundError:
        return "0"


def _commit() -> str:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        return ""
    found = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short=10", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"g{found.stdout.strip()}." if found.returncode == 0 else ""


def _source_hash() -> str:
    digest = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            digest.update(path.relative_to(ROOT).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


@cache
def cpu_model() -> str:
    """Return the name of the processor and the number of cores."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    return f"{name}, {os.cpu_count()} cores"


@cache
def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that results depend on."""
    versions = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            versions[library] = "absent"
    return versions


def of_trial() -> dict[str, object]:
    """Return what a record says about the code and machine that made it."""
    return {
        "code_version": code_version(),
        "cpu": cpu_model(),
        "platform": platform.platform(),
        "libraries": library_versions(),
    }
