"""Runs beyond the grid: what is asked for, and what the section says of planted records."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from study.analysis.section import Section
from study.data.reference import DatasetRef
from study.experiments import beyond
from study.experiments.grid.groups import groups, random_design
from study.learners import surrogate_config
from study.learners.surrogate_config import SurrogateConfig
from study.request import Request
from study.settings.config import parse_setting
from tests.study.experiments.grid_records import planted


def spiking(config) -> dict[str, float]:
    """Accuracy falls with the slope; each spike more brings less."""
    spikes = float(config["hidden"])
    accuracy = 0.9 - 0.0005 * config["slope"]
    return {
        **{f"{part}_accuracy": accuracy for part in ("train", "validation", "test")},
        "spikes_per_sample": 300.0 + spikes,
        "spikes_hidden_per_sample": spikes,
    }


def data_set(name: str) -> DatasetRef:
    own = name.endswith(".npz")
    return DatasetRef(name, f"/data/{name}", "ab" * 32, "images") if own else DatasetRef(name)


def trials(dataset: str, n_seeds: int = 3, *settings: str):
    parsed = tuple(parse_setting(text) for text in settings)
    return beyond.trials(Request("thesis", n_seeds, (data_set(dataset),), (), parsed))


def section(dataset: str = "fashion-mnist", *settings: str, spread: float = 1e-3) -> Section:
    return beyond.section(planted(trials(dataset, 3, *settings), spiking, spread=spread))


@pytest.mark.parametrize("dataset", ["fashion-mnist", "tbl", "hd-spikes", "digits", "own.npz"])
def test_every_trial_has_a_valid_configuration_and_is_asked_for_once(dataset: str) -> None:
    asked = trials(dataset)
    assert len({trial.id for trial in asked}) == len(asked)
    for trial in asked:
        SurrogateConfig(**trial.config)


def test_the_random_design_is_the_same_every_time_and_within_its_ranges() -> None:
    design = random_design("fashion-mnist")
    assert design == random_design("fashion-mnist")
    assert len({tuple(point.items()) for point in design.points}) == 30
    for field, low, high in (("hidden", 25, 300), ("slope", 1, 200), ("upper", 0.01, 3)):
        values = np.array([point[field] for point in design.points])
        assert low <= values.min() < (low * high) ** 0.5 < values.max() <= high


def test_speech_keeps_its_memory_in_real_time_whatever_the_bins() -> None:
    bins = next(g for g in groups("hd-spikes") if "real time" in g.name)
    assert all(p["n_steps"] * p["dt_s"] == pytest.approx(1.4) for p in bins.points)
    middle = next(point for point in bins.points if point["n_steps"] == 100)
    # At 100 bins the decay per step is that of SpyTorch's tutorial: 10 and 5 steps.
    assert middle["tau_mem_s"] / middle["dt_s"] == pytest.approx(10)
    assert middle["tau_syn_s"] / middle["dt_s"] == pytest.approx(5)


def test_seeds_replicate_the_groups_and_the_random_design_has_one() -> None:
    asked = beyond.trials(Request("thesis", None, (DatasetRef("fashion-mnist"),)))
    seeds = Counter(trial.seed for trial in asked)
    assert seeds[0] - seeds[1] == 30
    assert seeds[1] == seeds[2]
    assert {trial.seed for trial in beyond.trials(Request())} == {0}


def test_a_planted_effect_is_found_and_a_missing_one_is_not() -> None:
    found = section().findings
    (slope,) = [f for f in found if "surrogate slope over two decades" in f]
    assert "Validation accuracy is highest at 1 and lowest at 200, by" in slope
    assert "by 9.9" in slope or "by 10.0" in slope
    assert "points (sure)" in slope
    (steps,) = [f for f in found if "with the code scaled" in f]
    assert "points (tied)" in steps


@pytest.mark.parametrize(
    ("better", "verdict"), [(0.02, "stands"), (-0.02, "does not"), (0.0, "does not")]
)
def test_wishes_of_the_thesis_are_judged(better: float, verdict: str) -> None:
    def wished(config) -> dict[str, float]:
        return spiking(config) | {"validation_accuracy": 0.8 + better * (config["hidden"] > 150)}

    planted_section = beyond.section(planted(trials("fashion-mnist"), wished))
    found = {row[1]: row[2:] for row in planted_section.tables[0].rows}
    evidence, judged = found["150 hidden neurons or more"]
    assert judged == verdict
    for told in re.findall(r"[23]00 against 150: ([+-][\d.]+)", evidence):
        assert float(told) == pytest.approx(100 * better, abs=0.2)


def test_a_wish_that_one_seed_cannot_tell_stays_open() -> None:
    asked = [t for t in trials("tbl", 1) if t.config["hidden"] in (300, 450)]
    found = beyond.section(planted(asked, spiking)).tables[0].rows
    assert ("tbl", "300 hidden neurons or more", "too few seeds") in [
        (row[0], row[1], row[3]) for row in found
    ]


def test_the_front_holds_what_nothing_else_matches() -> None:
    section_ = section(spread=0.0)
    (front,) = [f for f in section_.findings if "lie on the front" in f]
    # Slope 1 with 100 neurons, hence 100 spikes, is best of all that are planted.
    drawn = random_design("fashion-mnist").points
    least = min(point["slope"] for point in drawn)
    best = (100, 1.0) if least > 1 else min((p["hidden"], least) for p in drawn)
    assert f"{100 * (0.9 - 0.0005 * best[1]):.2f} % with {best[0]:.3g} hidden spikes" in front


def test_a_given_setting_that_groups_vary_is_said_to_leave_runs_without_a_place() -> None:
    assert any("belong to no group" in c for c in section("fashion-mnist", "slope=10").caveats)
    assert not any("belong to no group" in c for c in section("fashion-mnist", "epochs=3").caveats)


def test_parts_of_a_group_are_shown_as_parts() -> None:
    asked = [t for t in trials("fashion-mnist") if t.config["slope"] != 50.0]
    partial = beyond.section(planted(asked, spiking))
    assert any("6 of 7 (fashion-mnist, surrogate slope" in c for c in partial.caveats)
    one = beyond.section(planted(asked[:1], spiking))
    assert len(one.tables[0].rows) >= 1


@pytest.mark.parametrize(
    "change", [{"n_steps": 60}, {"learning_rate": 3e-3}, {"slope": 7.0, "optimiser": "adam"}]
)
def test_a_preset_that_changed_since_hides_nothing_that_was_run(
    change, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = planted(trials("hd-spikes", 1), spiking)
    before = beyond.section(records)
    presets = surrogate_config.PRESETS
    monkeypatch.setitem(presets, "hd-spikes", presets["hd-spikes"] | change)
    after = beyond.section(records)
    assert len(before.tables[1].rows) > 15
    assert after.tables == before.tables
    assert after.findings == before.findings
    assert after.caveats == before.caveats
