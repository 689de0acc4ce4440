"""Learners by name: a new system is one file here and one line in `LEARNERS`.

A learner's module has its frozen configuration, a class that fulfils
`study.learning.contract.Learner` and is built from the configuration and a task, and
``preset(profile, dataset)``, the configuration of each profile.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from study.config import configured
from study.data.task import Task
from study.learning.contract import Learner


@dataclass(frozen=True)
class LearnerEntry:
    """A learner that is known by name; nothing is imported until it is used.

    Parameters
    ----------
    module, config, learner
        Module below ``study.learners`` and the names of its two classes.
    reads
        Kinds of samples: ``"images"``, ``"events"``, ``"traces"``.
    version
        Raised whenever the same configuration would give other results.
    family
        How it learns; one of `study.learning.families.FAMILIES`.
    summary
        One line for `list`.
    does
        Kinds of tasks; see `study.data.task`.
    seconds
        What one trial of the quick profile takes on a core, about; above `BUDGET_SECONDS` the
        quick profile leaves it out of comparisons.
    """

    module: str
    config: str
    learner: str
    reads: tuple[str, ...]
    version: int
    family: str
    summary: str
    does: tuple[str, ...] = ("classes",)
    seconds: float = 1.0

    def fits(self, kind: str, task: str) -> bool:
        """Whether it can learn a kind of task from a kind of samples."""
        return kind in self.reads and task in self.does

    def unfit(self, kind: str, task: str) -> str:
        """Return why it cannot, as the end of a sentence."""
        return f"takes no {kind}" if kind not in self.reads else f"does not do {task}"

    def preset(self, profile: str, dataset: str) -> Any:
        """Return the configuration that a profile uses on a data set."""
        return self._module().preset(profile, dataset)

    def build(self, config: Mapping[str, Any], task: Task) -> Learner:
        """Return an untrained learner."""
        module = self._module()
        settings = configured(getattr(module, self.config), config)
        return getattr(module, self.learner)(settings, task)

    def _module(self) -> Any:
        return importlib.import_module(f"study.learners.{self.module}")


BUDGET_SECONDS = 60.0
_ANY = ("images", "events", "traces")

LEARNERS: dict[str, LearnerEntry] = {
    "diehl-cook": LearnerEntry(
        "diehl_cook", "DiehlCookConfig", "DiehlCookLearner", ("images",), 3, "local",
        "STDP and homeostasis, unsupervised (Diehl & Cook 2015)",
    ),
    "surrogate": LearnerEntry(
        "surrogate", "SurrogateConfig", "SurrogateLearner", _ANY, 1, "gradient",
        "current-based LIF network, surrogate gradients, in PyTorch (Neftci et al. 2019)",
    ),
    "linear": LearnerEntry(
        "linear", "LinearConfig", "LinearLearner", _ANY, 1, "baseline",
        "baseline without spikes: logistic regression",
    ),
    "mlp": LearnerEntry(
        "mlp", "MLPConfig", "MLPLearner", _ANY, 1, "baseline",
        "baseline without spikes: multilayer perceptron, one hidden layer",
    ),
}  # fmt: skip
