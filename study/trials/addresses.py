"""Procedures by name. A name is part of the identity of trials and stays for ever; code may move.

Most names look like places in the code, because that is what they were once. Where the code of a
procedure stands now is said beside its name, and may change; a name that was ever run never does.
A new procedure takes a plain word for its name; those of plug-ins stand in their own tables.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from study import plugins
from study.errors import UserError


@dataclass(frozen=True)
class Procedure:
    """What is known of a procedure by its name.

    Parameters
    ----------
    code
        Where it stands today: ``"module:function"``.
    version
        Raised by its author whenever it would give other results with the same learner.
    remark
        What sets its results apart from those of plain learning, for labels in tables.
    """

    code: str
    version: int = 0
    remark: str = ""


PROCEDURES: dict[str, Procedure] = {
    "study.procedures.learning:run": Procedure("study.procedures.learning:run"),
    "study.procedures.refit:run": Procedure(
        "study.procedures.refit:run", remark="nothing held out"
    ),
    "study.procedures.frugal:run": Procedure("study.procedures.frugal:run", version=2),
    "study.procedures.tried:run": Procedure("study.procedures.tried:run"),
    "study.procedures.bridge:run": Procedure("study.experiments.bridge.run:run"),
    "study.procedures.limit:run": Procedure("study.experiments.bridge.limit:run"),
    "study.procedures.limit:run_cost": Procedure("study.experiments.bridge.limit:run_cost"),
    "study.procedures.robustness:run": Procedure("study.experiments.bridge.robustness:run"),
    "study.procedures.robustness:run_substitute": Procedure(
        "study.experiments.bridge.robustness:run_substitute"
    ),
    "study.procedures.rates:run": Procedure("study.experiments.rates.run:run"),
    "study.procedures.pairs:run": Procedure("study.experiments.plasticity.pairs:run"),
    "study.procedures.pairs:run_frequency": Procedure(
        "study.experiments.plasticity.pairs:run_frequency"
    ),
    "study.procedures.competition:run": Procedure("study.experiments.plasticity.competition:run"),
    "spike-patterns": Procedure("study.experiments.feedback.patterns:run"),
    "study.procedures.membranes:run_lif": Procedure("study.experiments.dynamics.lif:run"),
    "study.procedures.membranes:run_hodgkin_huxley": Procedure(
        "study.experiments.dynamics.conductances:run_hodgkin_huxley"
    ),
    "study.procedures.membranes:run_traub": Procedure(
        "study.experiments.dynamics.conductances:run_traub"
    ),
    "study.procedures.membranes:run_izhikevich": Procedure(
        "study.experiments.dynamics.two_variable:run_izhikevich"
    ),
    "study.procedures.membranes:run_adex": Procedure(
        "study.experiments.dynamics.two_variable:run_adex"
    ),
    "study.procedures.membranes:run_patterns": Procedure("study.experiments.dynamics.patterns:run"),
}


def known() -> dict[str, Procedure]:
    """Return all procedures that have names, those of plug-ins too."""
    form = "a study.trials.addresses.Procedure"
    return plugins.joined("PROCEDURES", PROCEDURES, Procedure, form)


def find(name: str) -> Procedure:
    """Return the procedure of a name; one that is in no table is its own address.

    Examples
    --------
    >>> find("study.procedures.refit:run").remark
    'nothing held out'
    """
    return known().get(name, Procedure(name))


def resolve(name: str) -> Callable[..., Any]:
    """Return the function that a name stands for.

    Raises
    ------
    UserError
        If it is neither in a table nor of the form ``module:function``.
    """
    module, colon, function = find(name).code.partition(":")
    if not colon:
        raise UserError(
            f"no procedure is called {name!r}.\nAllowed: a name of study.trials.addresses or of a "
            "plug-in, or a function of one's own as module:function"
        )
    return getattr(importlib.import_module(module), function)


def version(name: str, of_learner: int = 1) -> int:
    """Return the version of trials that run a learner of this version by a procedure."""
    return 100 * find(name).version + of_learner
