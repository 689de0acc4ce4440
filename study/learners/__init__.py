"""Learners by name: a new system is one file here and one line in `LEARNERS`, or a plug-in.

A learner's module has its frozen configuration, a class that fulfils
`study.learning.contract.Learner` and is built from the configuration, and
``preset(profile, dataset)``, the configuration of each profile.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from study import plugins
from study.config import configured
from study.errors import UserError, unknown
from study.learning.contract import Learner


@dataclass(frozen=True)
class LearnerEntry:
    """A learner that is known by name; nothing is imported until it is used.

    Parameters
    ----------
    module, config, learner
        A module of ``study.learners`` by its own name, or any other by its full name (a plug-in's
        is ``__name__``), and the names of its two classes.
    accepts
        Kinds of samples: ``"images"``, ``"events"``, ``"traces"``.
    version
        Raised whenever the same configuration would give other results.
    summary
        One line for `list`.
    """

    module: str
    config: str
    learner: str
    accepts: tuple[str, ...]
    version: int
    summary: str

    def preset(self, profile: str, dataset: str) -> Any:
        """Return the configuration that a profile uses on a data set."""
        return self._find("preset")(profile, dataset)

    def build(self, config: Mapping[str, Any]) -> Learner:
        """Return an untrained learner."""
        return self._find(self.learner)(configured(self.kind, config))

    @property
    def kind(self) -> Any:
        """The class of its configurations."""
        return self._find(self.config)

    def _find(self, name: str) -> Any:
        module = self._module()
        if not hasattr(module, name):
            raise UserError(f"module {self.module} has no {name}, which its learner's entry names")
        return getattr(module, name)

    def _module(self) -> Any:
        if self.module in (own.name for own in pkgutil.iter_modules(__path__)):
            return importlib.import_module(f"{__name__}.{self.module}")
        try:
            return importlib.import_module(self.module)
        except ImportError as problem:
            raise UserError(f"cannot import {self.module}, a learner's module: {problem}") from None


_ANY = ("images", "events", "traces")

LEARNERS: dict[str, LearnerEntry] = {
    "diehl-cook": LearnerEntry(
        "diehl_cook", "DiehlCookConfig", "DiehlCookLearner", ("images",), 3,
        "STDP and homeostasis, unsupervised (Diehl & Cook 2015)",
    ),
    "surrogate": LearnerEntry(
        "surrogate", "SurrogateConfig", "SurrogateLearner", _ANY, 1,
        "current-based LIF network, surrogate gradients, in PyTorch (Neftci et al. 2019)",
    ),
    "linear": LearnerEntry(
        "linear", "LinearConfig", "LinearLearner", _ANY, 1,
        "baseline without spikes: logistic regression",
    ),
    "mlp": LearnerEntry(
        "mlp", "MLPConfig", "MLPLearner", _ANY, 1,
        "baseline without spikes: multilayer perceptron, one hidden layer",
    ),
}  # fmt: skip


def known() -> dict[str, LearnerEntry]:
    """Return all learners by name, those of plug-ins too."""
    return plugins.joined("LEARNERS", LEARNERS, LearnerEntry, "a study.learners.LearnerEntry")


def find(name: str) -> LearnerEntry:
    """Return the learner of a name.

    Raises
    ------
    UserError
        If there is none.
    """
    found = known()
    if name not in found:
        raise unknown("learner", name, found)
    return found[name]
