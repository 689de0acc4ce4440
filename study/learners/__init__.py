"""Learners by name: a new system is one file here and one line in `LEARNERS`, or a plug-in.

A learner's module has its frozen configuration, a class that fulfils
`study.learning.contract.Learner` and is built from the configuration and a task, and
``preset(profile, dataset)``, the configuration of each profile.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from study import plugins
from study.data.task import Task
from study.errors import UserError, unknown
from study.learners import (
    burbank_config,
    converted_config,
    counted_lstm_config,
    diehl_cook_config,
    erbp_config,
    feedback_config,
    kheradpisheh_config,
    membrane_config,
    oconnor_welling_config,
    panda_roy_config,
)
from study.learning.contract import Learner
from study.learning.families import FAMILIES, Style
from study.learning.published import Control, Published
from study.settings.config import configured


@dataclass(frozen=True)
class LearnerEntry:
    """A learner that is known by name; nothing is imported until it is used.

    Parameters
    ----------
    module, config, learner
        A module of ``study.learners`` by its own name, or any other by its full name (a plug-in's
        is ``__name__``), and the names of its two classes.
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
    published
        The systems of papers that it makes, with their numbers and controls.
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
    published: tuple[Published, ...] = ()

    def fits(self, kind: str, task: str) -> bool:
        """Whether it can learn a kind of task from a kind of samples."""
        return kind in self.reads and task in self.does

    def unfit(self, kind: str, task: str) -> str:
        """Return why it cannot, as the end of a sentence."""
        return f"takes no {kind}" if kind not in self.reads else f"does not do {task}"

    def preset(self, profile: str, dataset: str) -> Any:
        """Return the configuration that a profile uses on a data set."""
        return self._find("preset")(profile, dataset)

    def build(self, config: Mapping[str, Any], task: Task) -> Learner:
        """Return an untrained learner."""
        return self._find(self.learner)(self.configured(config), task)

    def configured(self, settings: Mapping[str, Any]) -> Any:
        """Return the configuration of a trial's settings."""
        return configured(self.kind, settings)

    def can(self, capability: type) -> bool:
        """Whether it fulfils a capability of `study.learning.contract`."""
        return issubclass(self._find(self.learner), capability)

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


BUDGET_SECONDS = 5.0
_ANY = ("images", "events", "traces")

LEARNERS: dict[str, LearnerEntry] = {
    "diehl-cook": LearnerEntry(
        "diehl_cook", "DiehlCookConfig", "DiehlCookLearner", ("images",), 3, "local",
        "STDP and homeostasis, unsupervised (Diehl & Cook 2015)",
        published=diehl_cook_config.PUBLISHED,
    ),
    "kheradpisheh": LearnerEntry(
        "kheradpisheh", "KheradpishehConfig", "KheradpishehLearner", ("images",), 1, "local",
        "convolutions by STDP and a linear read-out of spike times (Kheradpisheh et al. 2018)",
        seconds=2.0, published=kheradpisheh_config.PUBLISHED,
    ),
    "burbank": LearnerEntry(
        "burbank", "BurbankConfig", "BurbankLearner", ("images",), 1, "local",
        "an autoencoder by STDP, mirrored in its feedback, and a linear read-out (Burbank 2015)",
        seconds=3.0, published=burbank_config.PUBLISHED,
    ),
    "panda-roy": LearnerEntry(
        "panda_roy", "PandaRoyConfig", "PandaRoyLearner", ("images",), 1, "local",
        "convolutions that rebuild their input, without labels, and a read-out (Panda & Roy 2016)",
        seconds=1.5, published=panda_roy_config.PUBLISHED,
    ),
    "surrogate": LearnerEntry(
        "surrogate", "SurrogateConfig", "SurrogateLearner", _ANY, 1, "gradient",
        "current-based LIF network, surrogate gradients, in PyTorch (Neftci et al. 2019)",
    ),
    "converted": LearnerEntry(
        "converted", "ConvertedConfig", "ConvertedLearner", ("images",), 1, "converted",
        "a trained network whose units become integrate-and-fire neurons (Rueckauer et al. 2017)",
        seconds=2.0, published=converted_config.PUBLISHED,
    ),
    "lsnn": LearnerEntry(
        "lsnn", "LSNNConfig", "LSNNLearner", ("events",), 1, "gradient",
        "LIF neurons with adaptive thresholds that remember, BPTT (Bellec et al. 2018)",
        does=("symbols",), seconds=12.0,
        published=(
            Published(
                "LSNN, back-propagation through time", 0.95, "bellec2018", "store-recall",
                small=("store-recall", {}),
                control=Control("without adaptation of thresholds", {"beta": 0.0}),
            ),
        ),
    ),
    "lsnn-eprop": LearnerEntry(
        "lsnn_eprop", "LSNNConfig", "LSNNLearner", ("events",), 1, "routes",
        "the same network with eligibility traces in place of BPTT (Bellec et al. 2020)",
        does=("symbols",), seconds=25.0,
        published=(
            Published(
                "LSNN, e-prop with symmetric feedback", 0.95, "bellec2020", "store-recall",
                small=None,
                control=Control("without adaptation of thresholds", {"beta": 0.0}),
            ),
            Published(
                "LSNN, e-prop with random feedback", None, "bellec2020", "store-recall",
                settings={"feedback": "random"}, small=None,
            ),
        ),
    ),
    "oconnor-welling": LearnerEntry(
        "oconnor_welling", "OConnorWellingConfig", "OConnorWellingLearner", ("images",), 1,
        "routes", "errors come back as spikes, and training is additions (O'Connor & Welling 2016)",
        seconds=8.0, published=oconnor_welling_config.PUBLISHED,
    ),
    "counted-lstm": LearnerEntry(
        "counted_lstm", "CountedLSTMConfig", "CountedLSTMLearner", ("traces",), 1, "converted",
        "an LSTM mapped to counts of spikes and circuits that multiply (Shrestha et al. 2017)",
        does=("symbols",), seconds=8.0, published=counted_lstm_config.PUBLISHED,
    ),
    "feedback-alignment": LearnerEntry(
        "feedback_alignment", "FeedbackAlignmentConfig", "FeedbackAlignmentLearner", ("images",), 1,
        "routes", "errors come back through fixed random weights (Lillicrap et al. 2016)",
        seconds=1.0, published=feedback_config.PUBLISHED,
    ),
    "feedback-spiking": LearnerEntry(
        "feedback_spiking", "FeedbackSpikingConfig", "FeedbackSpikingLearner", _ANY, 1, "routes",
        "the surrogate network, whose errors come back through fixed random weights",
    ),
    "lee": LearnerEntry(
        "membrane", "MembraneConfig", "MembraneLearner", ("images", "events"), 1, "routes",
        "errors go back through membrane potentials (Lee, Delbruck & Pfeiffer 2016)",
        seconds=3.0, published=membrane_config.PUBLISHED,
    ),
    "erbp": LearnerEntry(
        "erbp", "ERBPConfig", "ERBPLearner", ("images",), 1, "routes",
        "errors reach dendrites by random feedback, and let synapses learn (Neftci et al. 2017)",
        seconds=4.0, published=erbp_config.PUBLISHED,
    ),
    "linear": LearnerEntry(
        "linear", "LinearConfig", "LinearLearner", _ANY, 1, "baseline",
        "baseline without spikes: logistic regression",
    ),
    "mlp": LearnerEntry(
        "mlp", "MLPConfig", "MLPLearner", _ANY, 1, "baseline",
        "baseline without spikes: multilayer perceptron, one hidden layer",
    ),
    "rectifier": LearnerEntry(
        "rectifier", "RectifierConfig", "RectifierLearner", ("images",), 1, "baseline",
        "baseline without spikes: network of rectifiers in PyTorch, which conversion begins with",
        seconds=2.0,
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


def affordable(profile: str) -> list[str]:
    """Return the learners that a profile has time for, where all are compared."""
    return [
        name
        for name, entry in known().items()
        if profile != "quick" or entry.seconds <= BUDGET_SECONDS
    ]


def family(name: str) -> str:
    """Return the family of a learner; empty for what is none."""
    found = known()
    return found[name].family if name in found else ""


def style(name: str) -> Style:
    """Return the colour and mark that a learner has in every figure.

    Members of a family share its mark, and have tones of its hue in the order of the registry;
    what is no learner has the style of none.
    """
    found = known()
    if name not in found:
        return Style("#000000", ".")
    members = [other for other, entry in found.items() if entry.family == found[name].family]
    return FAMILIES[found[name].family].style(members.index(name))
