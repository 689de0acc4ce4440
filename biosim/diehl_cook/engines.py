"""Which engine computes: chosen here and nowhere else.

- ``"events"``: the compiled kernel, for networks of any size; needs no C++ compiler.
- ``"brian2"``: Brian2 at run time, the reference; compiled with Cython where possible.
- ``"standalone"``: learning as one C++ program that Brian2 writes; responses as with
  ``"brian2"``, where many samples share a run already. Needs a C++ compiler.
- ``"auto"``: ``"events"``. It follows the same equations step by step, tests hold it against
  the reference spike for spike, and it takes a hundredth of the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal, Protocol, get_args

import numpy as np

from biosim.backend import has_compiler, session
from biosim.diehl_cook import compiled, runtime, standalone
from biosim.diehl_cook.lesson import Lesson, Trained
from biosim.diehl_cook.specification import DiehlCook
from biosim.diehl_cook.stimulus import Progress, Spikes

Engine = Literal["auto", "events", "brian2", "standalone"]


def resolve_engine(engine: Engine) -> str:
    """Return the engine that is meant, ``"events"``, ``"brian2"`` or ``"standalone"``.

    Raises
    ------
    ValueError
        If it is unknown.
    RuntimeError
        If it needs a C++ compiler and there is none.
    """
    allowed = get_args(Engine)
    if engine not in allowed:
        raise ValueError(f"unknown engine {engine!r}; allowed: {', '.join(allowed)}")
    if engine == "standalone" and not has_compiler():
        raise RuntimeError(
            "engine 'standalone' needs a C++ compiler and none was found: install one (or set "
            "CXX), or choose engine 'events', which needs none"
        )
    return "events" if engine == "auto" else engine


def learn(lesson: Lesson, engine: Engine, progress: Progress) -> Trained:
    """Return the network after a lesson.

    Raises
    ------
    ValueError, RuntimeError
        As `resolve_engine`.
    """
    name = resolve_engine(engine)
    if name == "events":
        return compiled.learn(lesson, progress)
    if name == "standalone":
        return standalone.learn(lesson, progress)
    return runtime.learn(lesson, progress)


class Frozen(Protocol):
    """A network with learning off."""

    def run(self, spikes: Sequence[Spikes]) -> tuple[np.ndarray, np.ndarray]:
        """Return counts ``[B, n_exc]`` and inhibitory spikes ``[B]`` of each sample from rest."""


@contextmanager
def frozen(
    spec: DiehlCook, trained: Trained, engine: Engine, batch: int, threads: int = 1
) -> Iterator[tuple[Frozen, str]]:
    """Yield a network that takes up to ``batch`` samples at once, and what computes it.

    The compiled kernel shares samples among so many threads; Brian2 uses one.

    Raises
    ------
    ValueError, RuntimeError
        As `resolve_engine`.
    """
    if resolve_engine(engine) == "events":
        yield compiled.FrozenEvents(spec, trained, threads), compiled.ENGINE
    else:
        with session(seed=0, dt_s=spec.dt_s) as target:
            yield runtime.FrozenNetwork(spec, trained, batch), f"brian2 {target}"
