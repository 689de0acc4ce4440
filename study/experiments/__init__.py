"""One experiment a file or a folder: what to run, and what the records show.

A module here, or the module ``experiment`` of a folder, is an experiment; nothing else registers
it. Beside it in its folder stand the procedures that it alone runs. A plug-in may offer others,
modules or plain objects. An experiment has

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
from typing import Any, Protocol, runtime_checkable

from study import plugins
from study.analysis.section import Section
from study.errors import unknown
from study.request import Request
from study.trials.trial import Record, Trial


@runtime_checkable
class Experiment(Protocol):
    """What a module in this package, or an entry of a plug-in's ``EXPERIMENTS``, offers."""

    TITLE: str
    ORDER: int

    def trials(self, request: Request) -> list[Trial]:
        """Return what to run."""

    def section(self, records: list[Record]) -> Section:
        """Return what the records show."""


def known() -> dict[str, Experiment]:
    """Return all experiments by name, those of plug-ins too, in the order of the report."""
    own = {module.name: _own(module.name) for module in pkgutil.iter_modules(__path__)}
    form = "an experiment with TITLE, ORDER, trials and section"
    found = plugins.joined("EXPERIMENTS", own, Experiment, form)
    return dict(sorted(found.items(), key=lambda item: item[1].ORDER))


def names() -> list[str]:
    """Return the names of all experiments, in the order of the report."""
    return list(known())


def load(name: str) -> Experiment:
    """Return an experiment.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    found = known()
    if name not in found:
        raise unknown("experiment", name, found)
    return found[name]


def _own(name: str) -> Experiment:
    module: Any = importlib.import_module(f"{__name__}.{name}")
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"{__name__}.{name}.experiment")
    return module


def learners(chosen: Iterable[str], request: Request) -> set[str]:
    """Return the learners that experiments would run if they had data sets of their own.

    Experiments of plug-ins that are not known are left out.
    """
    own = dataclasses.replace(request, datasets=(), settings=(), n_seeds=1)
    found = known()
    return {trial.subject for name in chosen if name in found for trial in found[name].trials(own)}
