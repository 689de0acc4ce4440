"""Damaged and hostile inputs end in what is documented: no other error, no hang, no memory.

``pytest -m fuzz`` reads some thousand inputs of each kind; a few of each are read by default. An
input is known by its number: ``tests.fuzz.driver.input_of(kind, number)`` makes it again.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.fuzz import kinds
from tests.fuzz.driver import input_of
from tests.fuzz.mutate import mutated

HANG_SECONDS = 20.0
START_SECONDS = 120.0
MANY = int(os.environ.get("FUZZ_INPUTS", "2000"))


def faults(kind: str, count: int, folder: Path, root: Path) -> list[dict[str, object]]:
    """Return the faults of the first inputs of a kind."""
    found: list[dict[str, object]] = []
    first = 0
    while first < count:
        last, ending, told = watched(kind, first, count - first, root)
        found += told
        if ending:
            found += confirmed(kind, last, ending, folder)
        first = last + 1 if ending else count
    return found


def watched(kind: str, first: int, count: int, root: Path) -> tuple[int, str, list[dict]]:
    """Run the driver; return the last input, how it ended if badly, and the faults it told of."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fuzz.driver", kind, str(first), str(count)],
        cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_passed_on, args=(process, lines), daemon=True).start()
    last, told, wait = first, [], START_SECONDS
    try:
        while (line := lines.get(timeout=wait)) is not None:
            if line.startswith("{"):
                told.append(json.loads(line))
            else:
                last, wait = int(line), HANG_SECONDS
    except queue.Empty:
        return last, f"no end after {wait:.0f} s", told
    finally:
        process.kill()
        status = process.wait()
    done = last == first + count - 1 and status == 0
    return last, "" if done else f"the process ended with {status}", told


def _passed_on(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            lines.put(line)
    process.wait()
    lines.put(None)


def confirmed(kind: str, number: int, ending: str, folder: Path) -> list[dict[str, object]]:
    """Return the fault, unless what guards users from it does so."""
    if kind in kinds.CONFIRM:
        try:
            kinds.CONFIRM[kind](input_of(kind, number), folder)
            return []
        except ValueError:
            return []
        except Exception as error:
            ending = f"{type(error).__name__}: {error}"
    return [{"kind": kind, "number": number, "error": ending}]


@pytest.mark.fuzz
@pytest.mark.parametrize("kind", kinds.KINDS)
def test_some_thousand_inputs(kind: str, tmp_path: Path, root: Path) -> None:
    assert faults(kind, MANY, tmp_path, root) == []


@pytest.mark.parametrize("kind", ["npz", "arrays in npz", "pickles", "toml", "records", "packs"])
def test_a_few_inputs(kind: str, tmp_path: Path) -> None:
    one = kinds.KINDS[kind]
    for number, content in enumerate(one.good()):
        _read(one, content, tmp_path / f"good {number}")
    for number in range(40):
        content = input_of(kind, number)
        with suppress(*one.errors):
            _read(one, content, tmp_path / str(number))


def _read(one: kinds.Kind, content: bytes, folder: Path) -> None:
    folder.mkdir()
    one.read(content, folder)


def test_mutations_are_always_the_same_and_many_differ() -> None:
    found = [input_of("npz", number) for number in range(50)]
    assert found == [input_of("npz", number) for number in range(50)]
    assert len(set(found)) > 45
    assert mutated(b"", np.random.default_rng(1))


def test_a_fault_a_hang_and_a_death_are_each_found(tmp_path: Path, root: Path, monkeypatch) -> None:
    codes = {
        "fault": "print(0); print('{}')",
        "death": "print(0, flush=True); import os; os.abort()",
        "hang": "print(0, flush=True); import time; time.sleep(60)",
    }
    monkeypatch.setattr(sys.modules[__name__], "HANG_SECONDS", 0.5)
    start = subprocess.Popen
    for kind, code in codes.items():

        def begin(_: object, code: str = code, **how: Any) -> subprocess.Popen[str]:
            return start([sys.executable, "-c", code], **how)

        monkeypatch.setattr(subprocess, "Popen", begin)
        assert len(faults(kind, 1, tmp_path, root)) == 1, kind
