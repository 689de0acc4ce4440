"""What accuracy costs: which sizes run, and what one accuracy costs each learner."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from study.data.reference import DatasetRef
from study.experiments import compare, price
from study.experiments.unsupervised import experiment as unsupervised
from study.request import Request
from study.settings.config import parse_setting
from study.trials.store import Store
from study.trials.trial import Outcome, Record, Trial


def test_the_learners_own_size_is_that_of_the_comparison() -> None:
    planned = price.trials(Request("quick", 1))
    own = {trial.id for trial in compare.trials(Request("quick", 1))}
    assert {t.subject for t in planned if t.id in own} == {"surrogate", "mlp", "diehl-cook"}
    sizes = {t.subject: t.config[price.SIZES[t.subject][0]] for t in planned if t.id not in own}
    assert sizes == {"surrogate": 10, "mlp": 5}


def test_larger_networks_without_labels_are_those_of_their_own_experiment() -> None:
    shared = {t.id for t in price.trials(Request("standard", 1))} & {
        t.id for t in unsupervised.trials(Request("standard", 1))
    }
    assert len(shared) == 4  # 100 and 400 neurons on MNIST and on Fashion-MNIST


def test_sizes_of_the_user_stand_alone() -> None:
    settings = (parse_setting("surrogate.hidden=7,9"),)
    request = Request("quick", 1, learners=("surrogate",), settings=settings)
    assert {t.config["hidden"] for t in price.trials(request)} == {7, 9}


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    """A small and a large network of two learners; one of the large ones learns in three steps."""
    store = Store(tmp_path)
    made = []
    for learner, size, accuracy, spikes, curve in (
        ("surrogate", 10, 0.80, 50.0, [0.5, 0.7, 0.80]),
        ("surrogate", 100, 0.97, 200.0, [0.6, 0.9, 0.97]),
        ("mlp", 5, 0.70, None, [0.6, 0.65, 0.70]),
        ("mlp", 100, 0.90, None, []),
    ):
        for seed in range(3):
            metrics = {
                "validation_accuracy": accuracy,
                "test_accuracy": accuracy - 0.01 + 0.001 * seed,
                "spikes_per_sample": spikes,
                "synops_per_sample": spikes and 10 * spikes,
                "macs_per_sample": 0.0 if spikes else 100.0 * size,
                "train_seconds": 30.0,
                "prepare_seconds": 2.0 if spikes else 0.5,
            }
            trial = Trial("x:y", learner, DatasetRef("digits"), {"hidden": size}, seed)
            arrays = {"validation_accuracy": np.array(curve)} if curve else {}
            made.append(store.put_done(trial, Outcome(metrics, arrays), {}))
    return made


def test_one_accuracy_is_priced_for_every_learner(records: list[Record]) -> None:
    time, spikes, operations = price.section(records).findings
    # 90 % is what both reach: the large surrogate network after two of three epochs.
    assert time == (
        "digits: the least seconds for 90 % in validation: surrogate with 20.0 (after a "
        "preparation of up to 2.00), mlp with 30.0 (after a preparation of up to 0.500)."
    )
    assert spikes == "digits: the least spikes for 90 % in validation: surrogate with 200."
    assert "in validation: surrogate with 2,000, mlp with 10,000." in operations


def test_times_of_the_commonest_processor_alone_are_compared(records: list[Record]) -> None:
    """The large surrogate network, trained elsewhere, is priced in spikes but not in seconds."""

    def moved(trial: Trial) -> bool:
        return trial.subject == "surrogate" and trial.config["hidden"] == 100

    elsewhere = [
        dataclasses.replace(r, provenance={"cpu": "slow" if moved(r.trial) else "fast"})
        for r in records
    ]
    section = price.section(elsewhere)
    # There is one accuracy for all costs, and the small network, which has a time, is below it.
    spikes, operations = section.findings
    assert "the least spikes for 90 % in validation: surrogate with 200" in spikes
    assert "the least operations for 90 %" in operations
    assert any("1 of 4 networks were trained on other processors" in c for c in section.caveats)
    assert not any("other processors" in c for c in price.section(records).caveats)


def test_networks_trained_on_a_processor_each_have_no_time_to_compare(
    records: list[Record],
) -> None:
    each = [dataclasses.replace(r, provenance={"cpu": str(r.trial.seed)}) for r in records]
    section = price.section(each)
    assert [figure.name.split("-")[-1] for figure in section.figures] == ["spikes", "operations"]
    assert not any("least seconds" in told for told in section.findings)


def test_an_accuracy_that_shows_only_at_the_end_costs_all_the_time(records: list[Record]) -> None:
    """On the way fewer samples may be looked at, and the level be missed by chance."""
    store = Store(records[0].folder / "slow")  # where they are done, the first record stays
    store.prepare()
    slow = [
        store.put_done(
            r.trial, Outcome(r.metrics, {"validation_accuracy": np.array([0.5, 0.7, 0.89])}), {}
        )
        if r.trial.config["hidden"] == 100 and r.trial.subject == "surrogate"
        else r
        for r in records
    ]
    assert (
        price.section(slow)
        .findings[0]
        .startswith("digits: the least seconds for 90 % in validation: mlp with 30.0 (after")
    )


def test_seeds_that_fall_short_of_the_accuracy_are_counted(records: list[Record]) -> None:
    def unequal(record: Record) -> Record:
        if (record.trial.subject, record.trial.config["hidden"]) != ("mlp", 100):
            return record
        apart = 0.90 + 0.01 * (record.trial.seed - 1)
        metrics = {**record.metrics, "validation_accuracy": apart}
        return dataclasses.replace(record, metrics=metrics)

    told = price.section([unequal(record) for record in records]).findings[-1]
    assert told == (
        "digits: 90 % is reached by the mean over seeds, but by mlp (hidden=100) with 2 of 3 seeds."
    )


def test_every_size_is_drawn_with_its_interval(records: list[Record]) -> None:
    section = price.section(records)
    assert [figure.name for figure in section.figures] == [
        "price-digits-time", "price-digits-spikes", "price-digits-operations",
    ]  # fmt: skip
    spikes = section.figures[1].drawing.axes[0]
    assert len(spikes.containers) == 2  # networks without spikes have no place there
    assert "surrogate (hidden=100) 96.1 % at 200" in section.figures[1].alt


def test_one_learner_has_no_rival_to_be_priced_with(records: list[Record]) -> None:
    section = price.section(records[:3])
    assert section.findings == ()
    assert [figure.name for figure in section.figures] == ["price-digits-time"]
