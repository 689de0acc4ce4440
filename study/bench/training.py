"""What is measured of one implementation, in a process of its own."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from study.bench.peers import IMPLEMENTATIONS
from study.bench.works import Work, initial_weights, samples
from study.trials.measure import measured

WARM_UP = 3
LEAST_STEPS = 5


def measure(
    implementation: str, work: Mapping[str, Any], seconds: float, threads: int
) -> dict[str, float | None]:
    """Time training steps and what prepares a batch for them.

    Peak memory is that of the first steps, above what the process holds when everything is
    imported and compiled and the batch and the weights are there.

    Parameters
    ----------
    implementation, work
        Name in `IMPLEMENTATIONS`; fields of a `Work`.
    seconds
        How long to repeat the step, but at least `LEAST_STEPS` times.
    threads
        Threads for PyTorch.

    Returns
    -------
    dict
        ``median_ms`` and ``cpu_ms`` (of the processor, over all threads) of a step, ``memory_mb``,
        ``preparation_ms``, ``hidden_rate`` (spikes of a neuron in a step), ``loss`` (of the first
        full step, nats).

    Raises
    ------
    RuntimeError
        If activity or loss is not the same after the steps as before: then the steps that were
        timed were not the work that was asked for.
    """
    import numpy as np
    import torch

    from gradsim.kernels import buffers

    torch.set_num_threads(threads)
    task = Work(**work)
    events, labels = samples(task)
    order = np.random.default_rng(0).permutation(task.batch)
    trainer = IMPLEMENTATIONS[implementation].build(task, initial_weights(task))

    def prepare() -> Any:
        return trainer.prepare(events.take(order), labels[order])

    batch = prepare()
    trainer.compile(batch)
    buffers.release()  # what compiling left to be used again is memory of the first steps too
    with measured() as cost:
        losses = [trainer.step(batch) for _ in range(WARM_UP)]
    rate = trainer.hidden_rate(batch)
    median_ms, cpu_ms = _medians_ms(lambda: trainer.step(batch), seconds)
    _require_steady("loss", losses[0], trainer.step(batch))
    _require_steady("hidden rate", rate, trainer.hidden_rate(batch))
    return {
        "median_ms": median_ms,
        "cpu_ms": cpu_ms,
        "memory_mb": cost.peak_memory_mb,
        "preparation_ms": _medians_ms(prepare, seconds / 4)[0],
        "hidden_rate": rate,
        "loss": losses[0],
    }


def _require_steady(name: str, before: float, after: float) -> None:
    if not (before > 0 and math.isclose(before, after, rel_tol=0.1)):
        raise RuntimeError(f"the {name} went from {before:g} to {after:g} while it was timed")


def _medians_ms(work: Callable[[], object], seconds: float) -> tuple[float, float]:
    """Return the median wall-clock and processor time of a call, in ms."""
    wall: list[float] = []
    processor: list[float] = []
    while len(wall) < LEAST_STEPS or sum(wall) < seconds:
        started = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - started[0])
        processor.append(time.process_time() - started[1])
    return 1000 * statistics.median(wall), 1000 * statistics.median(processor)
