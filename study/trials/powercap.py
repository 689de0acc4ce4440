"""Measured energy, where Linux exposes the counters of the processor (RAPL)."""

from __future__ import annotations

from pathlib import Path

ROOT = Path("/sys/class/powercap")


def read_microjoules(root: Path = ROOT) -> dict[Path, int]:
    """Return the counter of each processor package; empty where there is none to be read.

    Counters are of the whole package: whatever else runs is measured too.
    """
    found = {}
    # Packages are "intel-rapl:0"; "intel-rapl:0:1" is a part of one.
    for domain in sorted(root.glob("intel-rapl:?")) if root.is_dir() else []:
        try:
            found[domain] = int((domain / "energy_uj").read_text())
        except (OSError, ValueError):  # often readable by the superuser only
            continue
    return found


def joules_since(before: dict[Path, int], root: Path = ROOT) -> float | None:
    """Return the joules since ``before`` was read; None where nothing is measured.

    A counter that has wrapped around once is set right.
    """
    after = read_microjoules(root)
    if not before or before.keys() != after.keys():
        return None
    total = 0
    for domain, start in before.items():
        spent = after[domain] - start
        if spent < 0:
            spent += int((domain / "max_energy_range_uj").read_text())
        total += spent
    return total / 1e6
