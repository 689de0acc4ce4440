"""The plan of a command: it is saved whole, and read back as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from study import experiments
from study.data.reference import DatasetRef
from study.errors import UserError
from study.request import REQUEST_FILE, Asked, Request, load, save
from study.trials import addresses
from study.trials.plan import all_trials, from_json, to_json
from study.trials.trial import Trial

DATASET = DatasetRef("mine", "/data/mine.npz", "ab" * 32, "images")


def trial(seed: int, **config: object) -> Trial:
    return Trial("study.procedures.learning:run", "linear", DATASET, config, seed)


def plan() -> dict[str, list[Trial]]:
    first = trial(0, sizes=(1, 2), rate=0.5)
    return {
        "one": [first, trial(1, sizes=(1, 2), rate=0.5)],
        "two": [replace(first, needs=(first,))],
    }


def identities(plan: dict[str, list[Trial]]) -> dict[str, list[str]]:
    return {name: [member.id for member in members] for name, members in plan.items()}


@pytest.mark.parametrize("name", experiments.names())
def test_trials_are_planned_by_names_of_procedures_not_by_places(name: str) -> None:
    planned = all_trials({name: experiments.load(name).trials(Request())})
    assert planned
    assert {trial.procedure for trial in planned} <= set(addresses.PROCEDURES)


def test_a_plan_survives_json() -> None:
    back = from_json(json.loads(json.dumps(to_json(plan()))))
    assert back == plan()
    assert [t.config_id for t in all_trials(back)] == [t.config_id for t in all_trials(plan())]


def test_a_trial_that_is_not_what_it_is_said_to_be_is_refused() -> None:
    saved = json.loads(json.dumps(to_json(plan())))
    saved["kinds"][0]["config"]["rate"] = 0.6
    with pytest.raises(ValueError, match="not what it is said to be"):
        from_json(saved)


def test_a_later_request_keeps_what_earlier_ones_planned(tmp_path: Path) -> None:
    both = plan()
    save(tmp_path, Asked(Request(), ["one"], "first", {"one": both["one"]}))
    save(tmp_path, Asked(Request(), ["two"], "second", {"two": both["two"]}))
    found = load(tmp_path)
    assert (found.names, found.command) == (["two"], "second")
    assert identities(found.plan or {}) == identities(both)


def test_a_damaged_plan_is_told_and_written_anew(tmp_path: Path) -> None:
    save(tmp_path, Asked(Request(), ["one"], "first", {"one": plan()["one"]}))
    saved = json.loads((tmp_path / REQUEST_FILE).read_text())
    saved["plan"]["trials"] = {"0" * 16: {"kind": 0, "seed": 0, "needs": []}}
    (tmp_path / REQUEST_FILE).write_text(json.dumps(saved))
    with pytest.raises(UserError, match=r"request\.json is damaged"):
        load(tmp_path)
    save(tmp_path, Asked(Request(), ["two"], "second", {"two": plan()["two"]}))
    assert list(load(tmp_path).plan or {}) == ["two"]


def test_every_name_of_a_procedure_resolves() -> None:
    for name in addresses.PROCEDURES:
        assert callable(addresses.resolve(name)), name


def test_the_identity_of_a_trial_is_of_names_and_settings_alone() -> None:
    # Computed before code moved; nothing that moves may change it.
    found = Trial("study.procedures.learning:run", "linear", DatasetRef("digits"), {"a": 1}, 0, 2)
    assert found.id == "e9d65b5e448bca68"


def test_a_name_that_is_no_address_is_refused() -> None:
    with pytest.raises(UserError, match="no procedure is called 'lerning'"):
        addresses.resolve("lerning")


def test_versions_of_procedure_and_learner_are_told_apart() -> None:
    assert addresses.version("study.procedures.learning:run", 3) == 3
    assert addresses.version("study.procedures.frugal:run", 3) == 203
