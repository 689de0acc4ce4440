"""Which code, on which machine, with which libraries: what stands beside every number.

What is promised: a record names the sources and plug-ins that made it, the versions of libraries,
the content of the data that it read, the vector units that libraries used, and the threads. What of
it is not today's, or is not one in a row, `study.trials.outdated` finds.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from study import plugins
from study.installation import DISTRIBUTION, PACKAGES, ROOT
from study.trials.trial import Record

LIBRARIES = (
    *("brian2", "torch", "numpy", "scipy", "pandas", "matplotlib", "scikit-learn", "nir"),
    *("numba", "llvmlite", "h5py"),
)


@cache
def code_version() -> str:
    """Return the version, the commit if there is one, and a hash over the sources.

    The hash tells two dirty working trees apart, where a commit alone would not.
    """
    return f"{_package_version()}+{_commit()}src.{_source_hash()}"


@cache
def sources() -> str:
    """Return the hash over the sources alone: a commit that leaves them alone is no other code."""
    return f"src.{_source_hash()}"


def of_other_code(records: Iterable[Record]) -> dict[tuple[str, str], list[Record]]:
    """Return the records that code other than today's has made, by that code and today's.

    Both are hashes of sources; for a trial that rests on a plug-in, also of the plug-in's, if it is
    known today.
    """
    today = {plugin.name: plugin.digest for plugin in plugins.in_use()}
    found: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        made = {sources(): _sources_of(record)} | {
            f"{name} {today[name]}": f"{name} {digest}"
            for name, digest in record.provenance.get("plugins", {}).items()
            if name in today
        }
        for now, then in made.items():
            if record.done and then != now:
                found.setdefault((then, now), []).append(record)
    return found


def code_of(record: Record) -> tuple[str, dict[str, str]] | None:
    """Return the hashes of the sources and of the plug-ins that made a record, if it has noted any.

    A commit that leaves the sources alone makes no other code.
    """
    if "code_version" not in record.provenance:
        return None
    return _sources_of(record), dict(record.provenance.get("plugins", {}))


def _sources_of(record: Record) -> str:
    return "src." + str(record.provenance.get("code_version")).rpartition("src.")[2]


def _package_version() -> str:
    try:
        return version(DISTRIBUTION)
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
    """Return the name of the processor and the number of cores.

    Virtual machines hide the model behind a family name, such as ``AMD EPYC``, whose members
    differ twofold in speed: where Linux tells family and model they stand beside it.
    """
    cpuinfo = Path("/proc/cpuinfo")
    told = _first_processor(cpuinfo.read_text()) if cpuinfo.exists() else {}
    name = told.get("model name") or platform.processor() or platform.machine()
    if {"cpu family", "model"} <= told.keys():
        name += f" (family {told['cpu family']}, model {told['model']})"
    return f"{name}, {os.cpu_count()} cores"


def _first_processor(cpuinfo: str) -> dict[str, str]:
    lines = (line.partition(":") for line in cpuinfo.partition("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in lines}


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


def of_process() -> dict[str, object]:
    """Return what this process computes with: vector units as libraries use them, and threads.

    Only libraries that are loaded are asked. The same trial may have other results with other
    vector units: sums are taken in another order.
    """
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else os.environ.get("OMP_NUM_THREADS")
    return {
        "vector_units": {name: ask() for name, ask in VECTOR_UNITS.items() if name in sys.modules},
        "threads": int(threads or os.cpu_count() or 1),
    }


def _numpys() -> str:
    core = importlib.import_module("numpy._core._multiarray_umath")
    known = [*core.__cpu_baseline__, *core.__cpu_dispatch__]  # from old ones to new ones
    return [name for name in known if core.__cpu_features__[name]][-1]


def _torchs() -> str:
    import torch

    return str(torch.backends.cpu.get_cpu_capability())


def _numbas() -> str:
    from llvmlite import binding

    config = importlib.import_module("numba.core.config")
    name = config.CPU_NAME or binding.get_host_cpu_name()
    used = config.CPU_FEATURES
    if used is None:
        used = binding.get_host_cpu_features().flatten()
    known = [unit for unit in ("avx512f", "avx2", "avx", "neon") if f"+{unit}" in used]
    return " ".join([name, *known[:1]])


VECTOR_UNITS = {"numpy": _numpys, "torch": _torchs, "numba": _numbas}


def of_trial(rest_on: Mapping[str, str] | None = None) -> dict[str, object]:
    """Return what a record says about the code and machine that made it.

    Parameters
    ----------
    rest_on
        Digests of the plug-ins that the trial uses, by name; see `study.plugins.used_by`.
    """
    return {
        **({"plugins": dict(rest_on)} if rest_on else {}),
        "code_version": code_version(),
        "cpu": cpu_model(),
        "platform": platform.platform(),
        "libraries": library_versions(),
    }
