"""The plan of a command: the trials that each experiment asked for, saved beside their records.

What a report or `status` tells of is the plan as it was when the trials were run: settings whose
defaults have changed since then hide no record. Each experiment has its trials by identity; what
they are is said once for all seeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from study.data.reference import DatasetRef
from study.trials.reading import DEEPEST, check_canonical
from study.trials.trial import Trial, from_canonical

Plan = dict[str, list[Trial]]
"""Trials by the name of the experiment that asks for them."""


def with_needs(trials: Iterable[Trial]) -> list[Trial]:
    """Return the trials and all that they need, each once, needs first."""
    ordered: dict[str, Trial] = {}

    def visit(trial: Trial) -> None:
        if trial.id not in ordered:
            for needed in trial.needs:
                visit(needed)
            ordered[trial.id] = trial

    for trial in trials:
        visit(trial)
    return list(ordered.values())


def all_trials(plan: Mapping[str, Sequence[Trial]]) -> list[Trial]:
    """Return the trials of all experiments and what they need, each once, needs first."""
    return with_needs(trial for members in plan.values() for trial in members)


def to_json(plan: Mapping[str, Sequence[Trial]]) -> dict[str, Any]:
    """Return a plan as JSON values.

    ``kinds`` hold what trials share whatever their seed; ``trials`` name each by its identity.
    """
    kinds: dict[str, tuple[int, dict[str, Any]]] = {}
    trials: dict[str, dict[str, Any]] = {}
    for trial in all_trials(plan):
        number, _ = kinds.setdefault(trial.config_id, (len(kinds), _kind(trial)))
        trials[trial.id] = {
            "kind": number,
            "seed": trial.seed,
            "needs": [needed.id for needed in trial.needs],
        }
    return {
        "experiments": {name: [trial.id for trial in members] for name, members in plan.items()},
        "kinds": [kind for _, kind in kinds.values()],
        "trials": trials,
    }


def from_json(saved: Mapping[str, Any]) -> Plan:
    """Return the plan that `to_json` told of.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it does not hold together: a trial that is told of has another identity.
    """
    trials: dict[str, Trial] = {}
    height: dict[str, int] = {}
    for identity, told in saved["trials"].items():  # needs come first
        fields = saved["kinds"][told["kind"]] | {"seed": told["seed"], "needs": told["needs"]}
        check_canonical(fields)
        dataset = DatasetRef.of(fields["dataset"]) if fields["dataset"] else None
        needs = [trials[needed] for needed in told["needs"]]
        height[identity] = 1 + max((height[needed] for needed in told["needs"]), default=0)
        if height[identity] > DEEPEST:
            raise ValueError(f"trial {identity} needs others that need others, too many times")
        trial = from_canonical(fields, needs, dataset)
        if trial.id != identity:
            raise ValueError(f"trial {identity} is not what it is said to be")
        trials[identity] = trial
    return {
        name: [trials[identity] for identity in members]
        for name, members in saved["experiments"].items()
    }


def _kind(trial: Trial) -> dict[str, Any]:
    fields = trial.canonical()
    del fields["seed"], fields["needs"]
    return fields | {"dataset": asdict(trial.dataset) if trial.dataset else None}
