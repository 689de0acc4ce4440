"""What ``bench biosim`` measures of one implementation, in a process of its own.

All are shown the same images: the 8x8 digits that scikit-learn brings along, scaled to 20x20 in a
frame of 28x28 as MNIST's are, which gives them as many input spikes. Whatever computes Diehl &
Cook's equations here goes on from a network that has learned for a while, so that neurons fire as
they do most of the time. What happens once is not timed: compiling, loading, the first sample.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from biosim.diehl_cook.lesson import Lesson
    from biosim.diehl_cook.stimulus import Progress

SEED = 1
LEARNED_BEFORE = 200

Values = dict[str, float | None]


def measure(
    implementation: str, n_exc: int, samples: int, network: str = "published_code"
) -> Values:
    """Time one of the implementations that need nothing but this project.

    Parameters
    ----------
    implementation
        Name in `LEARN`, or ``"brian2-standalone"``.
    n_exc
        Excitatory neurons.
    samples
        How many are shown.
    network
        Name in `biosim.diehl_cook.presets`.

    Returns
    -------
    dict
        ``median_ms`` and ``cpu_ms`` (of the processor) of a presentation, ``presentations_per_s``,
        ``compile_s`` where it is known, ``memory_mb`` (None).
    """
    lesson = _lesson(n_exc, samples, network)
    if implementation == "brian2-standalone":
        return _standalone(lesson)
    watch = _Stopwatch()
    presentations = LEARN[implementation](lesson, watch)
    wall_s, cpu_s = np.subtract(watch.stamps[-1], watch.stamps[0])
    return values(wall_s, cpu_s, int(presentations[1:].sum()))


def measure_elsewhere(script: str, python: str, n_exc: int, samples: int, **other: Any) -> Values:
    """Time an implementation that is run as a script, by an interpreter that has its package.

    Parameters
    ----------
    script
        File among the peers.
    python
        The interpreter.
    n_exc, samples
        As for `measure`.
    **other
        What the script is told in place of the published numbers.

    Returns
    -------
    dict
        As `measure`.

    Raises
    ------
    RuntimeError
        If the script fails.
    """
    from biosim.diehl_cook import DiehlCook

    spec = DiehlCook(n_exc=n_exc)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "images.npy")
        np.save(file, images()[:samples])
        names = ("max_rate_hz", "extra_rate_hz", "min_spikes", "max_presentations", "weight_sum")
        asked = {name: getattr(spec, name) for name in names} | {
            "images": str(file),
            "n_exc": n_exc,
            "dt_ms": 1e3 * spec.dt_s,
            "present_ms": 1e3 * spec.present_s,
            "rest_ms": 1e3 * spec.rest_s,
        }
        done = subprocess.run(
            [python, str(Path(__file__).parent / "peers" / script)],
            input=json.dumps(asked | other),
            capture_output=True,
            text=True,
            check=False,
            env=_activated(Path(python)),
        )
    if done.returncode:
        told = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise RuntimeError(f"{script}: {told[-1]}")
    return values(**json.loads(done.stdout.splitlines()[-1]))


def _activated(python: Path) -> dict[str, str]:
    """Return the variables of an activated environment: ANNarchy's compiler looks for Python."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return environment | {
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "VIRTUAL_ENV": str(python.parent.parent),
    }


def values(
    wall_s: float, cpu_s: float, presentations: int, compile_s: float | None = None
) -> Values:
    """Return the columns of a row."""
    return {
        "median_ms": 1e3 * float(wall_s) / presentations,
        "cpu_ms": 1e3 * float(cpu_s) / presentations,
        "presentations_per_s": presentations / float(wall_s),
        "compile_s": compile_s,
        "memory_mb": None,
    }


def images() -> np.ndarray:
    """Return intensities ``[N, 784]`` in 0..1, float32."""
    from sklearn.datasets import load_digits

    from study.learners.diehl_cook import resized

    pixels = (load_digits().images / 16).astype(np.float32)
    return np.pad(resized(pixels, 20), ((0, 0), (4, 4), (4, 4))).reshape(len(pixels), -1)


class _Stopwatch:
    """Notes wall-clock and processor time after each sample."""

    def __init__(self) -> None:
        self.stamps: list[tuple[float, float]] = []

    def __call__(self, _fraction: float, _note: str) -> None:
        self.stamps.append((time.perf_counter(), time.process_time()))


def _lesson(n_exc: int, samples: int, network: str) -> Lesson:
    from biosim.diehl_cook import presets, train
    from biosim.diehl_cook.lesson import Lesson

    spec, shown = getattr(presets, network)(n_exc), images()
    start = train(spec, shown, np.arange(LEARNED_BEFORE), SEED)
    order = np.arange(LEARNED_BEFORE, LEARNED_BEFORE + samples)
    return Lesson(spec, shown, order, start.weights, start.delays_s, start.theta_v, SEED)


def _events(lesson: Lesson, progress: Progress) -> np.ndarray:
    from biosim.diehl_cook import compiled

    return compiled.learn(lesson, progress).presentations


def _cython(lesson: Lesson, progress: Progress) -> np.ndarray:
    from biosim.diehl_cook import runtime

    return runtime.learn(lesson, progress, "cython").presentations


def _numpy(lesson: Lesson, progress: Progress) -> np.ndarray:
    from biosim.diehl_cook import runtime

    return runtime.learn(lesson, progress, "numpy").presentations


def _published(lesson: Lesson, progress: Progress) -> np.ndarray:
    from study.bench.peers import diehl_cook_published

    return diehl_cook_published.learn(lesson, progress)


LEARN: Mapping[str, Callable[[Lesson, Progress], np.ndarray]] = {
    "events": _events,
    "brian2-cython": _cython,
    "brian2-numpy": _numpy,
    "published-way": _published,
}


def _standalone(lesson: Lesson) -> Values:
    """Time the program from its start to its end, with all that it loads and stores."""
    from resource import RUSAGE_CHILDREN, getrusage

    from biosim.diehl_cook import standalone

    with tempfile.TemporaryDirectory() as folder:
        compiling = time.perf_counter()
        run = standalone.compiled(lesson, Path(folder))
        started, before = time.perf_counter(), getrusage(RUSAGE_CHILDREN)
        trained = run()
        wall_s, after = time.perf_counter() - started, getrusage(RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return values(wall_s, cpu_s, int(trained.presentations.sum()), started - compiling)
