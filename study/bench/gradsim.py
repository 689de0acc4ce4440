"""``bench gradsim``: a training step of gradsim against the same step of its peers.

A step is forward pass, maximum over time, negative log-likelihood, backward pass and Adam. Every
implementation starts from the same weights and sees the same spikes. What turns a batch of events
into the form that an implementation takes is no part of the step and is timed apart.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from study.bench import frame
from study.bench.frame import Case, Row
from study.bench.peers import IMPLEMENTATIONS
from study.bench.works import W1, W2, Work, scaling

PEERS_IN_SCALING = 3

SHOWN = {
    "work": "",
    "implementation": "",
    "median_ms": ".1f",
    "lowest_ms": ".1f",
    "highest_ms": ".1f",
    "cpu_ms": ".1f",
    "ratio_to_fastest_peer": ".2f",
    "memory_mb": ".0f",
    "preparation_ms": ".1f",
    "hidden_rate": ".2%",
}


def run(options: argparse.Namespace) -> int:
    """Measure, print and write; return 1 if a measurement failed."""
    names = frame.names(
        {name: entry.ours for name, entry in IMPLEMENTATIONS.items()}, options.peers
    )
    out = options.out or Path("reports/bench")
    rounds, seconds = (1, 0.5) if options.quick else (3, 1.0)
    settings = {"seconds": seconds}
    rows: list[Row] = []
    # Find out that nothing can be kept before a quarter of an hour of measuring, not after it.
    frame.write(out, rows, settings)

    def measure(title: str, cases: Sequence[Case], times: int) -> None:
        measured = frame.run(cases, times, title)
        rows.extend(measured)
        frame.write(out, rows, settings)
        frame.show(measured, SHOWN)

    measure("one core", [_case(n, work, seconds) for work in (W1, W2) for n in names], rounds)
    if not options.quick:
        cores = os.cpu_count() or 1
        if cores > 1:
            works = [replace(work, name=f"{work.name}, {cores} cores") for work in (W1, W2)]
            cases = [_case(n, work, seconds, cores) for work in works for n in names]
            measure(f"{cores} cores", cases, rounds)
        measure("scaling", _scaling(rows, names, seconds), 1)
    return 1 if frame.failed(rows) else 0


def _scaling(rows: Sequence[Row], names: Sequence[str], seconds: float) -> list[Case]:
    """Return gradsim's engines and the fastest peers of each work over lengths and widths."""
    cases = []
    for work in scaling():
        peers = frame.fastest(rows, work.name.partition(",")[0], PEERS_IN_SCALING)
        cases += [
            _case(name, work, seconds)
            for name in names
            if IMPLEMENTATIONS[name].ours or name in peers
        ]
    return cases


def _case(name: str, work: Work, seconds: float, threads: int = 1) -> Case:
    entry = IMPLEMENTATIONS[name]
    arguments = {
        "implementation": name,
        "work": asdict(work),
        "seconds": seconds,
        "threads": threads,
    }
    return Case(
        work=work.name,
        implementation=name,
        ours=entry.ours,
        version=entry.version if entry.installed else None,
        function="study.bench.training:measure",
        arguments=arguments,
        threads=threads,
        labels={"n_steps": work.n_steps, "hidden": work.hidden},
    )
