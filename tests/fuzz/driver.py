"""Feeds mutated inputs to readers, in a process of its own: ``python -m tests.fuzz.driver``.

It prints the number of each input before it is read, and a line of JSON for each fault.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

import numpy as np

from tests.fuzz.kinds import KINDS
from tests.fuzz.mutate import mutated

SEED = 19
MOST_MEMORY = 4 << 30  # bytes of address space more than at the start


def input_of(kind: str, number: int) -> bytes:
    """Return the input of a number: it depends on nothing else."""
    rng = np.random.default_rng([SEED, number, *kind.encode()])
    good = KINDS[kind].good()
    return mutated(good[number % len(good)], rng)


def main(kind: str, first: int, count: int) -> None:
    """Read inputs, and say what came of them."""
    warnings.simplefilter("ignore")
    good = KINDS[kind].good()
    for content in good:
        _fed(kind, -1, content)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST_MEMORY, resource.RLIM_INFINITY))
    for number in range(first, first + count):
        rng = np.random.default_rng([SEED, number, *kind.encode()])
        print(number, flush=True)  # noqa: T201
        _fed(kind, number, mutated(good[number % len(good)], rng))


def _fed(kind: str, number: int, content: bytes) -> None:
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        KINDS[kind].read(content, folder)
    except KINDS[kind].errors as error:
        if number < 0 or isinstance(error, MemoryError):
            _tell(kind, number, error)
    except Exception as error:  # it is what is looked for
        _tell(kind, number, error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tell(kind: str, number: int, error: Exception) -> None:
    where = traceback.extract_tb(error.__traceback__)[-1]
    told = f"{type(error).__name__}: {error}"[:200]
    fault = {"kind": kind, "number": number, "error": told, "at": f"{where.name}:{where.lineno}"}
    print(json.dumps(fault), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
