"""One experiment a file or a folder: what to run, and what the records show.

A module here, or the module ``experiment`` of a folder, is an experiment; nothing else registers
it. Beside it in its folder stand the procedures that it alone runs. It has

``TITLE``, ``ORDER``
    Its heading and its place in the report.
``trials(request) -> list[Trial]``
    What to run for a `study.request.Request`.
``section(records) -> Section``
    What the records of success show; called with at least one.
``SWEEP``, where true
    Its configurations are too many for the table on the first page.

It imports neither torch nor brian2 at module level, so that listing experiments stays quick.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterable
from typing import Protocol

from study.analysis.section import Section
from study.errors import unknown
from study.request import Request
from study.trials.trial import Record, Trial


class Experiment(Protocol):
    """What a module in this package offers."""

    TITLE: str
    ORDER: int

    def trials(self, request: Request) -> list[Trial]:
        """Return what to run."""

    def section(self, records: list[Record]) -> Section:
        """Return what the records show."""


def names() -> list[str]:
    """Return the names of all experiments, in the order of the report."""
    found = [module.name for module in pkgutil.iter_modules(__path__)]
    return sorted(found, key=lambda name: load(name).ORDER)


def load(name: str) -> Experiment:
    """Return an experiment.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    found = [module.name for module in pkgutil.iter_modules(__path__)]
    if name not in found:
        raise unknown("experiment", name, found)
    module = importlib.import_module(f"{__name__}.{name}")
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"{__name__}.{name}.experiment")
    return module


def learners(chosen: Iterable[str], request: Request) -> set[str]:
    """Return the learners that experiments would run if they had data sets of their own."""
    own = dataclasses.replace(request, datasets=(), settings=(), n_seeds=1)
    return {trial.subject for name in chosen for trial in load(name).trials(own)}
