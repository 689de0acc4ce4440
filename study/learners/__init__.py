"""Learners by name: a new system is one file here and one line in `LEARNERS`.

A learner's module has its frozen configuration, a class that fulfils
`study.learning.contract.Learner` and is built from the configuration, and
``preset(profile, dataset)``, the configuration of each profile.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from study.config import configured
from study.learning.contract import Learner


@dataclass(frozen=True)
class LearnerEntry:
    """A learner that is known by name; nothing is imported until it is used.

    Parameters
    ----------
    module, config, learner
        Module below ``study.learners`` and the names of its two classes.
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
        return self._module().preset(profile, dataset)

    def build(self, config: Mapping[str, Any]) -> Learner:
        """Return an untrained learner."""
        module = self._module()
        return getattr(module, self.learner)(configured(getattr(module, self.config), config))

    def _module(self) -> Any:
        return importlib.import_module(f"study.learners.{self.module}")


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
