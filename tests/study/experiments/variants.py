"""What tests of experiments share whose networks are variants of one learner, by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from study.analysis.section import Section
from study.request import Request
from study.settings.config import parse_setting
from study.trials.store import Store
from study.trials.trial import Outcome, Record, Trial

Planter = Callable[..., list[Record]]


def planter(folder: Path, outcome: Callable[..., Outcome]) -> Planter:
    """Return what puts the outcome of each trial in a store."""
    store = Store(folder)
    return lambda trials, **how: [
        store.put_done(trial, outcome(trial, **how), {}) for trial in trials
    ]


def told(section: Section) -> Iterator[str]:
    """Yield every text of a section but the lines that numbers rest on."""
    yield from (section.title, section.question, section.method, *section.findings, *section.lead)
    yield from (*section.caveats, *section.deviations)
    for figure in section.figures:
        yield from (figure.caption, figure.alt)
    for table in section.tables:
        yield from (table.caption, *table.columns)
        yield from (each for row in table.rows for each in row)


def assert_each_changes_what_it_says_alone(trials: list[Trial], variants: dict[str, Any]) -> None:
    """The first is the base, and each departs from it by its changes."""
    base = trials[0].config
    for trial, changes in zip(trials, variants.values(), strict=True):
        assert {k: v for k, v in trial.config.items() if base[k] != v} == dict(changes)


def assert_quick_has_all_and_standard_three_seeds(experiment: ModuleType) -> None:
    """Every variant is in the quick profile; larger ones have three seeds, and MNIST."""
    quick = experiment.trials(Request("quick"))
    assert len(quick) == len(experiment.VARIANTS)
    assert_each_changes_what_it_says_alone(quick, experiment.VARIANTS)
    larger = experiment.trials(Request("standard"))
    assert {trial.seed for trial in larger} == {0, 1, 2}
    assert "mnist" in {trial.dataset_name for trial in larger}


def assert_the_user_may_change_what_all_have(
    experiment: ModuleType, field: str, value: int
) -> None:
    """A setting of the user's holds for every variant, and so do seeds and learners."""
    setting = parse_setting(f"{experiment.LEARNER}.{field}={value}")
    request = Request("quick", 2, settings=(setting,))
    trials = experiment.trials(request)
    assert {trial.config[field] for trial in trials} == {value}
    assert {trial.seed for trial in trials} == {0, 1}
    assert experiment.trials(dataclasses.replace(request, learners=("mlp",))) == []
