"""Which networks cross the bridge, and what is asked of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from study import data
from study.experiments.bridge import limit, robustness
from study.experiments.bridge import run as bridge
from study.experiments.bridge.limit import CostConfig, LimitConfig
from study.experiments.bridge.robustness import RobustnessConfig, SubstituteConfig
from study.experiments.bridge.run import BridgeConfig
from study.request import Request
from study.settings.config import settings_of
from study.trials.trial import Trial

# In units of the surrogate learner's own step.
TRAINING_DT = {"quick": (1.0, 2.0, 4.0), "standard": (0.5, 1.0, 2.0, 4.0)}
QUICK = (
    (BridgeConfig(max_samples=100),),
    (LimitConfig(max_samples=30),),
    (CostConfig(refinements=(1, 2, 5, 10), max_samples=200),),
    (RobustnessConfig(refinement=4, max_samples=100), SubstituteConfig(max_samples=25)),
)
WHOLE = (
    (BridgeConfig(),),
    (LimitConfig(),),
    (CostConfig(),),
    (
        RobustnessConfig(),
        *(SubstituteConfig(cell, max_samples=200) for cell in robustness.CELLS),
    ),
)
RUNS: dict[type, tuple[str, str]] = {
    BridgeConfig: ("bridge-same", bridge.PROCEDURE),
    LimitConfig: ("bridge-limit", limit.PROCEDURE),
    CostConfig: ("bridge-cost", limit.COST_PROCEDURE),
    RobustnessConfig: ("bridge-robustness", robustness.PROCEDURE),
    SubstituteConfig: ("bridge-cells", robustness.SUBSTITUTE_PROCEDURE),
}


def trials(request: Request) -> list[Trial]:
    """Return the questions about each network that the surrogate experiment trains.

    Equality and the common limit are asked of all of them, with the recurrent network on touch in
    larger profiles; what continuous time costs, of small networks trained at several steps; what a
    network bears, of those at the learner's own step. The last two are asked of one seed in the
    quick profile, unless the user says how many.
    """
    quick = request.profile == "quick"
    same, limits, cost, bears = QUICK if quick else WHOLE
    own = ["digits"] if quick else ["digits", "tbl"]
    networks = request.learning_trials(["surrogate"], own)
    small = dataclasses.replace(request, profile="quick", n_seeds=len(request.seeds))
    embedded = small.learning_trials(["surrogate"], ["digits"])
    if quick and not request.n_seeds:
        embedded = [trained for trained in embedded if trained.seed == 0]
    retimed = [
        at_step(trained, factor)
        for trained in embedded
        for factor in TRAINING_DT["quick" if quick else "standard"]
        if factor == 1 or _has_free_steps(trained)
    ]
    asked = ((same, networks), (limits, networks), (cost, retimed), (bears, embedded))
    return [
        Trial(procedure, name, trained.dataset, config, trained.seed, needs=(trained,))
        for bases, needed in asked
        for base in bases
        for name, procedure, config in _configured(request, base)
        for trained in needed
    ]


def _configured(request: Request, base: Any) -> Iterator[tuple[str, str, dict[str, Any]]]:
    name, procedure = RUNS[type(base)]
    for config in request.configure(base, name):
        yield name, procedure, settings_of(config)


def at_step(trained: Trial, factor: float) -> Trial:
    """Return the training with its step multiplied, for the same duration in seconds.

    Where a unit of current adds 1 to the membrane a step, whatever the step is, weights and the
    learning rate are multiplied too, so that what a spike does does not depend on the step.
    """
    if factor == 1:
        return trained
    old = trained.config
    new = {"dt_s": old["dt_s"] * factor, "n_steps": max(1, round(old["n_steps"] / factor))}
    if old["gain"] == "one":
        scaled = ("weight_scale", "recurrent_scale", "learning_rate")
        new |= {key: old[key] * factor for key in scaled if old[key] is not None}
    return dataclasses.replace(trained, config={**old, **new})


def _has_free_steps(trained: Trial) -> bool:
    """Whether the number of steps is free: the values of traces fix theirs."""
    assert trained.dataset is not None
    return data.kind(trained.dataset) != "traces"
