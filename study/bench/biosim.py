"""``bench biosim``: presentations to Diehl & Cook's network a second, on one core.

The engines here and the published way compute the same equations; what BindsNET and ANNarchy
leave out or change stands in their files among the peers. These two are never installed with this
project: BindsNET pins the versions of what it needs and is under the AGPL. Each is run by an
interpreter of its own, and where none is given the table says so.
"""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from study.bench import frame
from study.bench.frame import Case, Row
from study.errors import UserError, unknown

ROUNDS = 3
SIZES = (100, 400)
GROWTH = (100, 400, 1600, 6400)
GROWS = "events"
PUBLISHED = "published-way"

SHOWN = {
    "work": "",
    "implementation": "",
    "presentations_per_s": ".1f",
    "median_ms": ".2f",
    "lowest_ms": ".2f",
    "highest_ms": ".2f",
    "cpu_ms": ".2f",
    "ratio_to_published_way": ".1f",
    "ratio_to_fastest_peer": ".1f",
    "compile_s": ".0f",
}


@dataclass(frozen=True)
class Implementation:
    """How one is measured.

    Parameters
    ----------
    package
        Whose version is named.
    samples
        How many are shown, so that it takes some seconds.
    ours
        Whether it is an engine of this project.
    compiler
        Whether it needs a C++ compiler.
    script, told
        Of those that are run by an interpreter of their own: file among the peers, and what it is
        told in place of the published numbers.
    """

    package: str
    samples: int
    ours: bool = False
    compiler: bool = False
    script: str | None = None
    told: Mapping[str, Any] = field(default_factory=dict)


_BINDSNET = "diehl_cook_bindsnet.py"

IMPLEMENTATIONS = {
    "events": Implementation("twinspike", 400, ours=True),
    "brian2-standalone": Implementation("brian2", 400, ours=True, compiler=True),
    "brian2-cython": Implementation("brian2", 30, ours=True, compiler=True),
    "brian2-numpy": Implementation("brian2", 15, ours=True),
    PUBLISHED: Implementation("brian2", 15, compiler=True),
    "bindsnet": Implementation("bindsnet", 20, script=_BINDSNET),
    # As in its example: fewer and longer steps.
    "bindsnet-250-steps": Implementation(
        "bindsnet", 20, script=_BINDSNET, told={"dt_ms": 1.0, "present_ms": 250}
    ),
    "annarchy": Implementation("ANNarchy", 20, script="diehl_cook_annarchy.py"),
}


def run(options: argparse.Namespace) -> int:
    """Measure, print and write; return 1 if a measurement failed."""
    names = frame.names(
        {name: entry.ours for name, entry in IMPLEMENTATIONS.items()}, options.peers
    )
    pythons = _pythons(options.python)
    out = options.out or Path("reports/bench")
    rows: list[Row] = []
    # Find out that nothing can be kept before half an hour of measuring, not after it.
    frame.write(out, rows, {})

    def measure(title: str, cases: Sequence[Case], times: int) -> None:
        measured = _completed(frame.run(cases, times, title))
        rows.extend(measured)
        frame.write(out, rows, {})
        frame.show(measured, SHOWN)
        for line in dict.fromkeys(_told(row) for row in measured if row["reason"]):
            print(line)  # noqa: T201

    sizes = SIZES[:1] if options.quick else SIZES
    rounds = 1 if options.quick else ROUNDS
    measure("one core", [_case(name, n, pythons) for n in sizes for name in names], rounds)
    if not options.quick:
        growth = [_growth(n) for n in GROWTH]
        measure("growth with N", growth, 1)
    return 1 if frame.failed(rows) else 0


def _growth(n_exc: int) -> Case:
    """Return the default network, without delays, of so many neurons."""
    case = _case(GROWS, n_exc, {}, work=f"growth, N={n_exc}")
    return replace(case, arguments={**case.arguments, "network": "budgeted"})


def _pythons(given: Sequence[str]) -> dict[str, str]:
    """Return interpreters by the name of the package, in small letters."""
    known = {entry.package.lower() for entry in IMPLEMENTATIONS.values() if entry.script}
    pythons = dict.fromkeys(known, "")
    for text in given:
        name, _, file = text.partition("=")
        if name not in known:
            raise unknown("peer of its own interpreter", name, known)
        if not Path(file).is_file():
            raise UserError(f"--python {text}: there is no interpreter {file!r}")
        # Not resolved: a link is how an environment is told from the Python that it was made of.
        pythons[name] = str(Path(file).absolute())
    return pythons


def _case(name: str, n_exc: int, pythons: Mapping[str, str], work: str | None = None) -> Case:
    entry = IMPLEMENTATIONS[name]
    arguments: dict[str, Any] = {"n_exc": n_exc, "samples": entry.samples}
    if entry.script is None:
        function = "measure"
        arguments |= {"implementation": name}
        version = _version(entry)
    else:
        function = "measure_elsewhere"
        python = pythons[entry.package.lower()]
        arguments |= {"script": entry.script, "python": python, **entry.told}
        version = _version_elsewhere(entry.package, python) if python else None
    return Case(
        work=work or f"N={n_exc}",
        implementation=name,
        ours=entry.ours,
        version=version,
        function=f"study.bench.presentations:{function}",
        arguments=arguments,
        labels={"n_exc": n_exc},
    )


def _version(entry: Implementation) -> str | None:
    from importlib.metadata import version

    from biosim.backend import has_compiler

    return version(entry.package) if has_compiler() or not entry.compiler else None


def _version_elsewhere(package: str, python: str) -> str | None:
    code = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def _completed(rows: Sequence[Row]) -> list[Row]:
    """Say how many times as fast as the published way each is, or why it was not measured."""
    published = {
        row["work"]: row["median_ms"] for row in rows if row["implementation"] == PUBLISHED
    }
    completed = []
    for row in rows:
        known = published.get(row["work"]), row["median_ms"]
        more = {"ratio_to_published_way": known[0] / known[1] if all(known) else None}
        more["reason"] = None
        if row["status"] == "not installed":
            more |= {"status": "not measured", "reason": _reason(row["implementation"])}
        completed.append(row | more)
    return completed


def _reason(name: str) -> str:
    entry = IMPLEMENTATIONS[name]
    if entry.script is None:
        return "no C++ compiler was found"
    return f"no interpreter that has it was given; --python {entry.package.lower()}=FILE"


def _told(row: Row) -> str:
    return f"{row['implementation']} was not measured: {row['reason']}"
