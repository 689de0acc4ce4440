"""One measurement in a process of its own: a JSON request on standard input, JSON as the last line.

Started by `study.bench.frame`. Nothing heavy is imported before the process is bound to its cores,
so that every library sees only these.
"""

from __future__ import annotations

import importlib
import json
import os
import sys


def main() -> None:
    """Bind the process to cores, call the function asked for, print what it returns."""
    request = json.load(sys.stdin)
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        chosen = {cores[(request["round"] + k) % len(cores)] for k in range(request["threads"])}
        os.sched_setaffinity(0, chosen)
    module, _, function = request["function"].partition(":")
    values = getattr(importlib.import_module(module), function)(**request["arguments"])
    print(json.dumps(values))  # noqa: T201


if __name__ == "__main__":
    main()
