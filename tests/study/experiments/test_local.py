"""Settings of learning without labels: what is run, and what the records say."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from study.data.reference import DatasetRef
from study.experiments import local
from study.experiments.unsupervised import experiment as unsupervised
from study.learners.diehl_cook import DiehlCookConfig
from study.procedures import tried
from study.request import Request
from study.trials.store import Store
from study.trials.trial import Outcome, Record, Trial

USUAL = dataclasses.asdict(DiehlCookConfig(presentations=5000))


@pytest.fixture
def made(tmp_path: Path):
    store = Store(tmp_path)

    def records(
        change: dict[str, Any], accuracies: list[float], shares: float = 0.0
    ) -> list[Record]:
        return [
            store.put_done(
                Trial(tried.PROCEDURE, "diehl-cook", DatasetRef("mnist"),
                      {**USUAL, **change}, seed),
                Outcome({
                    "validation_accuracy": accuracy - shares, "by_shares_accuracy": accuracy,
                    "n_validation": 6000, "spikes_excitatory_per_sample": 20.0,
                    "presentations_per_trained_sample": 1.1, "train_seconds": 5.0,
                }),
                {},
            )
            for seed, accuracy in enumerate(accuracies)
        ]  # fmt: skip

    return records


def test_one_setting_at_a_time_is_changed_and_the_test_set_rests() -> None:
    planned = local.trials(Request("standard", 1))
    assert {trial.procedure for trial in planned} == {tried.PROCEDURE}
    assert len({trial.id for trial in planned}) == len(planned)
    for name in ("mnist", "fashion-mnist"):
        base, *others = [trial.config for trial in planned if trial.dataset_name == name]
        changed = [{key for key in base if config[key] != base[key]} for config in others]
        assert {len(keys) for keys in changed} == {1}
        assert set.union(*changed) == {setting.field for setting in local.SETTINGS}
    assert len(local.trials(Request("quick", 1))) < len(planned) / 2


def test_networks_that_stand_in_another_section_run_once() -> None:
    shared = {t.id for t in local.trials(Request("standard", 1))} & {
        t.id for t in unsupervised.trials(Request("standard", 1))
    }
    assert len(shared) == 2  # the whole network, and the one without lock-out


def test_levels_are_judged_by_shares_with_intervals_that_hold_at_once(made) -> None:
    records = [
        *made({}, [0.80, 0.81, 0.82]),
        *made({"n_exc": 25}, [0.60, 0.61, 0.62]),
        *made({"n_exc": 200}, [0.85, 0.86, 0.87]),
        *made({"rule": "power"}, [0.70, 0.72, 0.71]),
        *made({"lockout_s": 0.0}, [0.84, 0.80, 0.82]),
    ]
    section = local.section(records)
    spans, better, worse = section.findings
    assert "neurons 25.0 (25.0), rule 10.0 (10.0), lock-out / ms 1.0 (1.0)." in spans
    assert better == ("mnist: surely better than the usual value: neurons 200 by 5.00 ± 1.52.")
    assert worse == (
        "mnist: surely worse than the usual value: neurons 25 by -20.0 ± 1.8, rule power by "
        "-10.0 ± 2.9."
    )
    table = section.tables[0]
    rows = {row[2]: row for row in table.rows}
    assert rows["power"][5:7] == ("-10.0 ± 2.9", "sure")
    assert rows["0"][6] == "tied"
    assert "100 neurons" in section.method


def test_where_the_read_outs_disagree_nothing_is_said_of_learning(made) -> None:
    records = [
        *made({}, [0.80, 0.81, 0.82], 0.001),
        *made({"n_exc": 200}, [0.85, 0.86, 0.87], 0.45),
    ]
    _, failing, *_ = local.section(records).findings
    assert failing == (
        "mnist: the paper's vote fails at neurons 200 (41.0 against 86.0 %): nothing about "
        "learning follows from its accuracy there."
    )


def test_one_seed_calls_no_level_better(made) -> None:
    told = " ".join(local.section([*made({}, [0.5]), *made({"n_exc": 200}, [0.9])]).findings)
    assert "too few seeds to call a level better or worse" in told
    assert "surely" not in told


def test_runs_that_differ_in_more_than_one_setting_are_owned_up_to(made) -> None:
    records = [
        *made({}, [0.8]),
        *made({"n_exc": 25}, [0.6]),
        *made({"rule": "power", "n_exc": 25}, [0.5]),
        *made({"rule": "power"}, [0.7]),
        *made({"lockout_s": 0.0}, [0.8]),
    ]
    told = " ".join(local.section(records).caveats)
    assert "1 runs differ from the others in several settings" in told
    assert "--seeds K adds seeds" in told


def test_one_network_alone_gives_a_section_without_figures(made) -> None:
    section = local.section(made({}, [0.8]))
    assert section.figures == ()
    assert section.findings == ()
