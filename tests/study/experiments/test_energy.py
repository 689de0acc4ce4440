"""Estimated and measured energy, and the section that compares them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from study.analysis.energy import DRAM, FLOAT, INTEGER, SRAM, nanojoules
from study.data.reference import DatasetRef
from study.experiments import energy
from study.request import Request
from study.settings.config import parse_setting
from study.trials import powercap
from study.trials.trial import Record
from tests.study.experiments.grid_records import planted

COUNTS = {"synops_per_sample": 1000.0, "macs_per_sample": 10.0, "neuron_updates_per_sample": 100.0}


def test_each_operation_has_its_published_price() -> None:
    # By hand: 1000 additions, 10 + 2 * 100 multiply-accumulates; 1000 + 10 weights, 400 states.
    assert nanojoules(COUNTS, FLOAT) == pytest.approx((1000 * 0.9 + 210 * 4.6) / 1e3)
    assert nanojoules(COUNTS, INTEGER) == pytest.approx((1000 * 0.03 + 210 * 0.23) / 1e3)
    assert nanojoules(COUNTS, SRAM) == pytest.approx(nanojoules(COUNTS, FLOAT) + 1410 * 10 / 1e3)
    assert nanojoules(COUNTS, DRAM) == pytest.approx(nanojoules(COUNTS, FLOAT) + 1410 * 650 / 1e3)


def test_break_even_of_arithmetic_is_five_spikes_a_synapse() -> None:
    synapses = 784 * 100
    dense = {"synops_per_sample": None, "macs_per_sample": synapses, "neuron_updates_per_sample": 0}
    spiking = {"synops_per_sample": 5.11 * synapses, "macs_per_sample": 0.0,
               "neuron_updates_per_sample": 0}  # fmt: skip
    assert nanojoules(spiking, FLOAT) == pytest.approx(nanojoules(dense, FLOAT), rel=1e-3)


def test_silence_still_costs_updates() -> None:
    silent = COUNTS | {"synops_per_sample": 0.0, "macs_per_sample": 0.0}
    assert nanojoules(silent, FLOAT) > 0


def records(
    spiking_accuracy: float, synops: float, names: tuple[str, ...] = (), **metrics: float
) -> list[Record]:
    """All spiking networks alike; perceptrons whose accuracy grows with their size."""

    def of(config) -> dict[str, float | None]:
        dense = "time_bins" in config
        accuracy = 0.8 + 0.002 * config["hidden"] if dense else spiking_accuracy
        return metrics | {
            **{f"{part}_accuracy": accuracy for part in ("train", "validation", "test")},
            "spikes_per_sample": None if dense else 80.0,
            "synops_per_sample": None if dense else synops,
            "macs_per_sample": 74.0 * config["hidden"] if dense else 0.0,
            "neuron_updates_per_sample": 0.0 if dense else 100.0,
        }

    request = Request("thesis" if names else "quick", datasets=tuple(map(DatasetRef, names)))
    return planted(energy.trials(request), of, spread=0.0)


def test_trials_are_the_grid_and_perceptrons_of_several_sizes() -> None:
    trials = energy.trials(Request())
    assert [t.config["hidden"] for t in trials if t.subject == "mlp"] == list(energy.SIZES)
    assert sum(t.subject == "surrogate" for t in trials) == 16
    assert energy.trials(Request(learners=("surrogate",))) == []


def test_settings_of_perceptrons_and_of_the_grid_are_kept_apart() -> None:
    def sizes(*settings: str) -> list[tuple[int, int]]:
        parsed = tuple(parse_setting(text) for text in settings)
        trials = energy.trials(Request(settings=parsed))
        return [(t.config["hidden"], t.config["epochs"]) for t in trials if t.subject == "mlp"]

    assert sizes("hidden=7,9") == sizes()
    assert sizes("mlp.hidden=7,9", "epochs=3") == [(7, 3), (9, 3)]


def test_the_opponent_is_the_smallest_that_is_no_worse() -> None:
    section = energy.section(records(0.8 + 0.002 * 14, 1000.0))
    opponent = section.tables[0].rows[1]
    assert opponent[1:4] == ("its opponent", "hidden=16", "83.20")
    expected = nanojoules({**COUNTS, "macs_per_sample": 0.0}, FLOAT) / (74 * 16 * 4.6 / 1e3)
    assert section.tables[1].rows[0][-1] == f"{expected:.2g}"


@pytest.mark.parametrize(
    ("synops", "verdict"),
    # DRAM alone makes the 2200 SynOps of the second more expensive than 2368 MACs.
    [
        (0.0, "less by every estimate"),
        (2200.0, "depending on the estimate"),
        (1e6, "more by every estimate"),
    ],
)
def test_the_verdict_follows_the_counts(synops: float, verdict: str) -> None:
    section = energy.section(records(0.85, synops))
    assert any(verdict in finding for finding in section.findings)


def test_every_data_set_leads_with_its_most_accurate_network() -> None:
    section = energy.section(records(0.85, 10.0, ("tbl", "hd-spikes")))
    assert sorted(told.partition(":")[0] for told in section.lead) == ["hd-spikes", "tbl"]
    assert all("most accurate" in told for told in section.lead)


def test_the_lead_has_the_span_of_the_ratios() -> None:
    section = energy.section(records(0.85, 2200.0))
    ratios = sorted(float(row[-1]) for row in section.tables[1].rows if row[1] == "most accurate")
    assert f"would take {ratios[0]:g} to {ratios[-1]:g} times the energy" in section.lead[0]
    assert energy.section(records(0.85, 1e8)).tables[1].rows[0][-1] == "8,300"


def test_of_equally_accurate_networks_the_one_with_the_least_energy_counts() -> None:
    found = records(0.85, 2200.0)
    dear = [
        replace(r, metrics={**r.metrics, "synops_per_sample": 9e5})
        if r.trial.subject == "surrogate" and r.trial.config["hidden"] == 25
        else r
        for r in found
    ]
    assert energy.section(dear).tables[1].rows == energy.section(found).tables[1].rows


def test_unequal_numbers_of_seeds_are_told() -> None:
    found = records(0.85, 2200.0)
    more = [replace(r, trial=replace(r.trial, seed=1)) for r in found if r.trial.subject != "mlp"]
    told = "digits: means of spiking networks are over 2 seeds, of perceptrons over 1."
    assert told in energy.section(found + more).caveats
    assert told not in energy.section(found).caveats
    assert any("Perceptrons of 2 to 64 hidden" in told for told in energy.section(found).caveats)


def test_without_an_equal_opponent_nothing_is_compared() -> None:
    section = energy.section(records(0.99, 1000.0))
    assert any("no equal" in finding for finding in section.findings)
    assert {row[-1] for row in section.tables[1].rows} == {"–"}


def test_what_was_measured_is_told_and_its_absence_too() -> None:
    assert "No run carries a measured energy" in energy.section(records(0.85, 1.0)).findings[-1]
    metered = energy.section(records(0.85, 1.0, train_joules=321.0))
    assert "321 to 321 J" in metered.findings[-1]


def counter(root: Path, name: str, value: int) -> None:
    (root / name).mkdir(exist_ok=True)
    (root / name / "energy_uj").write_text(f"{value}\n")
    (root / name / "max_energy_range_uj").write_text("1000000\n")


def test_counters_of_packages_are_added_and_may_wrap(tmp_path: Path) -> None:
    for name, value in (("intel-rapl:0", 100), ("intel-rapl:1", 900_000), ("intel-rapl:0:0", 5)):
        counter(tmp_path, name, value)
    before = powercap.read_microjoules(tmp_path)
    assert len(before) == 2
    counter(tmp_path, "intel-rapl:0", 400_100)
    counter(tmp_path, "intel-rapl:1", 100_000)
    assert powercap.joules_since(before, tmp_path) == pytest.approx(0.6)


def test_where_there_is_no_meter_nothing_is_measured(tmp_path: Path) -> None:
    assert powercap.read_microjoules(tmp_path / "absent") == {}
    assert powercap.joules_since({}, tmp_path) is None
