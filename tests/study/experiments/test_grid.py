"""The thesis's grid: its trials, and a section that says what planted records hold."""

from __future__ import annotations

import dataclasses
from collections import Counter
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest

from study.analysis.section import Section
from study.data.reference import DatasetRef
from study.experiments.grid import experiment as grid
from study.experiments.grid import findings, tables
from study.experiments.grid.choice import cost_of_training_choice
from study.experiments.grid.grids import FASHION, GRIDS, grid_of
from study.experiments.grid.runs import TIME, runs_of
from study.learners.surrogate_config import SurrogateConfig
from study.request import Request
from study.settings.config import parse_setting
from study.trials.store import Store
from study.trials.trial import Outcome, Record
from tests.study.experiments.grid_records import METRICS, grid_trials, planted


def cell(section: Section, claim: str) -> tuple[str, str]:
    """Return evidence and verdict of the one claim with these words."""
    table = next(t for t in section.tables if t.columns[-1] == "verdict")
    ((*_, evidence, verdict),) = [row for row in table.rows if claim in row[1]]
    return evidence, verdict


def judged(records: list[Record], claim: str) -> tuple[str, str]:
    """Return the same without drawing anything."""
    table = tables.claims(runs_of(records))
    assert table is not None
    ((*_, evidence, verdict),) = [row for row in table.rows if claim in row[1]]
    return evidence, verdict


def logistic(config) -> dict[str, float]:
    """More neurons help, 100 steps are best, 1e-4 silences; the slope does nothing."""
    if config["l1"] == 1e-4:
        return dict.fromkeys(("train_accuracy", "validation_accuracy", "test_accuracy"), 0.1)
    accuracy = 0.8 + 0.0004 * config["hidden"] - 0.02 * (config["n_steps"] != 100)
    return {
        "train_accuracy": accuracy + 0.04,
        "validation_accuracy": accuracy,
        "test_accuracy": accuracy - 0.01,
        "train_seconds": config["n_steps"] / 10,
    }


# -- trials ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", ["fashion-mnist", "tbl", "hd-spikes", "shd"])
def test_the_thesis_grid_has_81_valid_combinations(dataset: str) -> None:
    trials = grid_trials(dataset)
    assert len({trial.id for trial in trials}) == 81
    for trial in trials:
        SurrogateConfig(**trial.config)


def test_fixed_settings_of_images_are_those_of_spytorchs_third_tutorial() -> None:
    centre = next(
        t.config
        for t in grid_trials()
        if (t.config["hidden"], t.config["n_steps"], t.config["slope"]) == (100, 100, 100.0)
        and t.config["l1"] == t.config["l2"] == 1e-5
    )
    expected = {
        "optimiser": "adamax", "learning_rate": 2e-4, "weight_scale": 0.2, "batch_size": 256,
        "epochs": 30, "tau_mem_s": 10e-3, "tau_syn_s": 5e-3, "recurrent": False,
    }  # fmt: skip
    assert expected.items() <= centre.items()


def test_profiles_have_their_data_sets_and_sizes() -> None:
    def counts(request: Request) -> dict[str, int]:
        return dict(Counter(trial.dataset_name for trial in grid.trials(request)))

    assert counts(Request()) == {"digits": 16}
    assert counts(Request("standard")) == {"fashion-mnist": 27, "tbl": 27}
    assert counts(Request("thesis")) == {"fashion-mnist": 81, "tbl": 81, "hd-spikes": 81}
    assert counts(Request("thesis", n_seeds=3)) == dict.fromkeys(
        ("fashion-mnist", "tbl", "hd-spikes"), 243
    )
    assert counts(Request(learners=("mlp",))) == {}
    assert counts(Request("thesis", datasets=(DatasetRef("randman"),))) == {"randman": 81}


@pytest.mark.parametrize("size", [9, 27])
def test_the_first_runs_are_an_orthogonal_fraction(size: int) -> None:
    first = FASHION.settings()[:size]
    for a, b in combinations(("hidden", "n_steps", "slope", "l1"), 2):
        pairs = Counter((point[a], point[b]) for point in first)
        assert set(pairs.values()) == {size // 9}
        assert len(pairs) == 9


def test_settings_are_every_combination_once() -> None:
    for found in (*GRIDS.values(), grid_of("randman")):
        points = [tuple(point.values()) for point in found.settings()]
        whole = product(*(axis.levels for axis in found.axes for _ in axis.fields[:1]))
        assert len(points) == len(set(points)) == len(list(whole))


def configs(*settings: str) -> list[dict[str, object]]:
    request = Request(
        "thesis", None, (DatasetRef("tbl"),), (), tuple(parse_setting(text) for text in settings)
    )
    return [dict(trial.config) for trial in grid.trials(request)]


def test_given_values_take_the_place_of_an_axis_and_leave_the_others_whole() -> None:
    found = configs("slope=1,5")
    assert Counter(config["slope"] for config in found) == {1.0: 27, 5.0: 27}
    assert len(configs("n_steps=76")) == 27


def test_settings_beside_the_axes_multiply_the_grid() -> None:
    assert len(configs("learning_rate=1e-3,1e-2")) == 162


def test_tied_penalties_stay_tied_unless_both_are_given() -> None:
    def penalties(*settings: str) -> set[tuple[float, float]]:
        request = Request(
            "thesis", None, (DatasetRef("fashion-mnist"),), (),
            tuple(parse_setting(text) for text in settings),
        )  # fmt: skip
        return {(t.config["l1"], t.config["l2"]) for t in grid.trials(request)}

    assert penalties("l2=1e-7,1e-3") == {(1e-7, 1e-7), (1e-3, 1e-3)}
    assert penalties("l1=0", "l2=1e-7") == {(0.0, 1e-7)}


def test_a_setting_for_another_learner_leaves_the_grid_alone() -> None:
    assert configs("mlp.hidden=7") == configs()


# -- section --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def section() -> Section:
    return grid.section(planted(grid_trials(seeds=3), logistic))


def test_planted_effects_come_back_in_the_verdicts(section: Section) -> None:
    evidence, verdict = cell(section, "More hidden neurons are more accurate")
    assert verdict == "stands"
    assert "150 against 50: +4.0" in evidence  # 100 neurons times 0.04 points
    assert cell(section, "100 time steps are marginally most accurate")[1] == "stands"
    # A marginal difference may hide in what is negligible.
    assert cell(section, "A smaller slope is marginally more accurate")[1] == "cannot be told"
    assert cell(section, "More time steps take longer")[1] == "stands"
    assert cell(section, "A smaller slope takes longer")[1] == "does not"
    assert cell(section, "does not depend on the penalty")[1] == "does not"  # it stops early
    assert cell(section, "100 hidden neurons and more train faster")[1] == "does not"
    assert cell(section, "nothing is learned") == ("0 of 81 runs learned", "stands")
    assert cell(section, "matter most")[1] == "stands"
    assert cell(section, "suit better still")[1] == "cannot be told"


def test_a_gain_over_runs_that_learn_nothing_is_told_apart() -> None:
    # Best 90 %, mean 86.7 % where the network learns: a third of the runs at 10 % makes it 61.1 %.
    evidence, verdict = judged(planted(grid_trials(seeds=3), logistic, spread=0), "gains 2-4 %")
    assert evidence == (
        "28.9 points of training accuracy above the mean of 243 runs, 3.3 above that of the 162 "
        "where it learns"
    )
    assert verdict == "cannot be told"

    def all_learn(config) -> dict[str, float]:
        return logistic({**config, "l1": 0.0})

    assert judged(planted(grid_trials(seeds=3), all_learn), "gains 2-4 %")[1] == "stands"

    def more(config) -> dict[str, float]:
        return {"train_accuracy": 0.3 + 0.004 * config["hidden"] * (config["l1"] < 1e-4)}

    assert judged(planted(grid_trials(seeds=3), more), "gains 2-4 %")[1] == "does not"


def test_an_altered_record_changes_the_sentence(section: Section) -> None:
    records = planted(grid_trials(seeds=3), logistic)
    lifted = next(r.trial.config_id for r in records if r.trial.config["l1"] == 1e-4)
    altered = {"validation_accuracy": 0.99, "test_accuracy": 0.5}
    records = [
        dataclasses.replace(r, metrics={**r.metrics, **altered})
        if r.trial.config_id == lifted
        else r
        for r in records
    ]
    other = grid.section(records)
    assert cell(other, "nothing is learned") == ("3 of 81 runs learned", "does not")
    (before,) = [f for f in section.findings if ": validation chooses" in f]
    (after,) = [f for f in other.findings if ": validation chooses" in f]
    assert "activity penalty 0.0001" in after
    assert "50.0 ± 1.0 %" in after
    assert before != after


def test_silent_levels_do_not_dilute_the_effects_of_others(section: Section) -> None:
    (effects,) = [f for f in section.findings if "of the variance" in f]
    assert "At activity penalty 0.0001 most runs learn nothing." in effects
    assert "150 against 50: +4.0" in effects


def test_input_that_time_steps_do_not_change_is_named(section: Section) -> None:
    assert any("the same 300.0 spikes a sample at 80, 100, 120" in f for f in section.findings)
    other = grid.section(
        planted(grid_trials(), lambda c: {"spikes_input_per_sample": c["n_steps"]})
    )
    assert not any("only lengthen the silence" in f for f in other.findings)


def test_pure_chance_proves_little() -> None:
    table = tables.claims(runs_of(planted(grid_trials(), lambda c: {}, spread=0.05)))
    assert table is not None
    accuracy = [row for row in table.rows if "accurate" in row[1]]
    assert "stands" not in {row[-1] for row in accuracy}


def test_a_grid_cut_short_says_so_and_judges_less() -> None:
    trials = grid_trials(seeds=3)
    section = grid.section(planted([t for k, t in enumerate(trials) if k % 81 < 9], logistic))
    assert any("216 of the 243 combinations" in c for c in section.caveats)
    assert cell(section, "gains 2-4 %")[1] == "cannot be told"
    one = grid.section(planted(grid_trials()[:1], logistic))
    assert one.tables == one.figures == ()


def test_overfitting_needs_both_of_its_parts() -> None:
    def overfit(config):
        excess = (config["n_steps"] - 80) / 1000
        return {"train_accuracy": 0.9 + excess, "test_accuracy": 0.7 - excess}

    trials = grid_trials("shd", 3)
    assert judged(planted(trials, overfit), "rises, test accuracy")[1] == "stands"
    helped = planted(trials, lambda c: overfit(c) | {"test_accuracy": 0.7})
    assert judged(helped, "rises, test accuracy")[1] == "does not"


def test_a_jump_needs_levels_that_are_alike_before_it() -> None:
    def time(seconds: dict[int, float]):
        return lambda c: {"train_seconds": seconds[c["n_steps"]]}

    trials, claim = grid_trials("shd", 3), "jumps at 120"
    jump = planted(trials, time({80: 50.0, 100: 50.5, 120: 80.0}))
    assert judged(jump, claim)[1] == "stands"
    steady = planted(trials, time({80: 40.0, 100: 50.0, 120: 60.0}))
    assert judged(steady, claim)[1] == "does not"


def test_time_is_that_of_the_processor_where_it_was_taken() -> None:
    def timed(by_clock: bool):
        return lambda c: {
            "train_seconds": 30.0 + 50.0 * (c["slope"] == 100.0),  # something else ran meanwhile
            "train_cpu_seconds": None if by_clock else 0.3 * c["n_steps"],
        }

    trials, claim = grid_trials(seeds=3), "More time steps take longer"
    records = planted(trials, timed(by_clock=False))
    assert judged(records, claim)[1] == "stands"
    assert not any("by the clock" in caveat for caveat in grid.section(records).caveats)
    old = planted(trials[:27], timed(by_clock=True)) + records[27:]
    assert any("27 of 243 runs were timed by the clock" in c for c in grid.section(old).caveats)


def on_processors(records: list[Record], fast: list[bool]) -> list[Record]:
    """Return the records as timed on two processors, one of them twice as fast."""
    return [
        dataclasses.replace(
            record,
            metrics=record.metrics
            | {"train_cpu_seconds": record.metrics["train_cpu_seconds"] / (1 + quick)},
            provenance=record.provenance | {"cpu": "fast" if quick else "slow"},
        )
        for record, quick in zip(records, fast, strict=True)
    ]


def test_a_faster_processor_counts_as_a_setting_and_not_as_noise() -> None:
    trials, claim = grid_trials(seeds=3), "More time steps take longer"
    records = planted(trials, lambda c: {"train_cpu_seconds": 0.3 * c["n_steps"]})
    mixed = on_processors(records, [k % 4 == 1 for k in range(243)])
    evidence, verdict = judged(mixed, claim)
    assert verdict == "stands"
    assert evidence.startswith("training time, 120 against 80: +50.00 [")
    (runs,) = runs_of(mixed)
    assert any(
        d.factor == "processor" and np.exp(d.interval.mean) == pytest.approx(2)
        for d in runs.differences(TIME)
    )
    assert any("timed on 2 kinds of processor" in c for c in grid.section(mixed).caveats)


def test_a_setting_that_goes_with_the_processor_cannot_be_told() -> None:
    records = planted(grid_trials(seeds=3), lambda c: {"train_cpu_seconds": 30.0})
    mixed = on_processors(records, [r.trial.config["n_steps"] == 120 for r in records])
    assert judged(mixed, "More time steps take longer")[1] == "cannot be told"


def test_an_effect_of_nothing_is_none_whatever_rounding_leaves() -> None:
    evidence, verdict = judged(planted(grid_trials("shd", 3), lambda c: {}), "over-fit strongly")
    assert "120 against 80: +0.00 [" in evidence
    assert verdict == "does not"  # the interval holds only what is negligible


def test_data_sets_are_kept_apart_and_the_stand_in_is_named() -> None:
    records = planted(grid_trials("tbl") + grid_trials("hd-spikes"), lambda c: {})
    section = grid.section(records)
    assert {figure.name for figure in section.figures} >= {
        "grid-means-tbl", "grid-means-hd-spikes", "grid-braille",
    }  # fmt: skip
    assert any("hd-spikes stands in for SHD" in d for d in section.deviations)
    assert all("hd-spikes" not in d for d in grid.section(records[:81]).deviations)


def test_every_data_set_leads_with_what_matters_and_how_many_claims_stand() -> None:
    section = grid.section(planted(grid_trials("tbl") + grid_trials("hd-spikes"), lambda c: {}))
    # In the thesis's order, whatever that of the records.
    assert [told.split(":")[0] for told in section.lead] == ["hd-spikes", "hd-spikes", "tbl", "tbl"]
    assert all(": of 13 claims of the thesis " in told for told in section.lead[1::2])
    assert set(section.lead) < set(section.findings)


def test_where_nothing_differs_no_combination_is_called_best_or_worse() -> None:
    verdicts = []
    for shift in range(20):
        flat = planted(grid_trials(seeds=3), lambda c: {}, spread=0.01)
        rng = np.random.default_rng(shift)
        noisy = [
            dataclasses.replace(
                r, metrics={**r.metrics, "train_accuracy": 0.9 + 0.01 * rng.normal()}
            )
            for r in flat
        ]
        verdicts.append(judged(noisy, "best combination is 150")[1])
    # At most 5 % in expectation: more than 4 of 20 have p < 0.003.
    assert verdicts.count("cannot be told") >= 16


def test_a_combination_far_behind_is_not_the_best_and_one_far_ahead_is() -> None:
    def at(config, own: float) -> dict[str, float]:
        mine = (config["hidden"], config["n_steps"], config["slope"], config["l1"])
        return {"train_accuracy": own if mine == (150, 100, 80.0, 1e-6) else 0.9}

    trials = grid_trials(seeds=3)
    for own, verdict in ((0.8, "does not"), (0.99, "stands"), (0.9, "cannot be told")):
        found = judged(planted(trials, lambda c, own=own: at(c, own)), "best combination is 150")
        assert found[1] == verdict


def test_an_accuracy_is_not_missed_by_curves_that_still_rise() -> None:
    low = planted(grid_trials(seeds=3), lambda c: {"train_accuracy": 0.7})
    assert judged(low, "reaches 89.53")[1] == "does not"
    rising = planted(grid_trials(seeds=3), lambda c: {"train_accuracy": 0.7, "best_epoch": 29})
    evidence, verdict = judged(rising, "reaches 89.53")
    assert evidence.endswith("its curve not settled")
    assert verdict == "cannot be told"


def test_a_gain_just_outside_what_is_printed_cannot_be_told() -> None:
    def gains(points: float) -> str:
        def of(config) -> dict[str, float]:
            return {"train_accuracy": 0.9 + 0.01 * points * (config["hidden"] == 300)}

        # A third of the runs lies higher, so the best leads the mean by two thirds.
        return judged(planted(grid_trials("tbl", 3), of, spread=0.004), "gains about 4")[1]

    assert gains(5) == "stands"
    assert gains(3.5) == "cannot be told"
    assert gains(0) == "does not"


def test_epochs_are_held_against_those_of_the_tutorial() -> None:
    trials = grid_trials("hd-spikes")
    fewer = [dataclasses.replace(trial, config={**trial.config, "epochs": 100}) for trial in trials]
    short, whole = (grid.section(planted(members, lambda c: {})) for members in (fewer, trials))
    told = "hd-spikes: SpyTorch's tutorial 4 trains 200 epochs on speech, these runs 100."
    assert told in short.deviations
    assert not any("tutorial 4" in deviation for deviation in whole.deviations)


def test_one_seed_gives_evidence_and_no_verdict() -> None:
    table = tables.claims(runs_of(planted(grid_trials(), logistic)))
    assert table is not None
    verdicts = Counter(row[-1] for row in table.rows)
    assert verdicts == {"too few seeds": 13, "cannot be told": 1}  # outside the grid
    assert "150 against 50: +4.0" in table.rows[0][3]
    told = tables.differences(runs_of(planted(grid_trials(), logistic)))
    assert {row[-1] for row in told.rows} == {"too few seeds"}
    assert not any("p =" in cell for row in told.rows for cell in row)


def test_claims_on_a_stand_in_for_the_thesiss_data_are_not_comparable() -> None:
    runs = runs_of(planted(grid_trials("hd-spikes", 3), lambda c: {}))
    table = tables.claims(runs)
    assert table is not None
    assert {row[-1] for row in table.rows} == {"not comparable"}
    (told,) = [f for f in findings.of(runs[0]) if "claims of the thesis" in f]
    assert "0 stand, 0 do not, and 0 cannot be told; 13 are not comparable" in told


def test_times_of_event_driven_kernels_are_not_held_against_dense_code() -> None:
    def of(config):
        return {"train_seconds": config["n_steps"] / 10, "engine": "events"}

    records = planted(grid_trials(seeds=3), of)
    assert judged(records, "More time steps take longer")[1] == "not comparable"
    assert judged(records, "More hidden neurons are more accurate")[1] != "not comparable"


def test_few_seeds_are_named_with_their_data() -> None:
    section = grid.section(planted(grid_trials("tbl") + grid_trials(seeds=3), lambda c: {}))
    told = [caveat for caveat in section.caveats if "with fewer than 3 seeds" in caveat]
    assert [caveat.partition(":")[0] for caveat in told] == ["tbl"]


def test_a_third_seed_that_has_only_begun_is_no_replicate() -> None:
    section = grid.section(planted(grid_trials(seeds=3)[:164], lambda c: {}))
    assert any("cover all levels (2 here)" in caveat for caveat in section.caveats)
    (effects,) = [figure for figure in section.figures if figure.name.startswith("grid-effects")]
    assert "the rest as error" in effects.basis


def test_combinations_with_unequal_seeds_are_told() -> None:
    section = grid.section(planted(grid_trials(seeds=2)[:100], lambda c: {}))
    assert any("unequal numbers of seeds" in caveat for caveat in section.caveats)


def test_what_does_not_hold_in_the_thesis_is_listed_beside_its_claims(section: Section) -> None:
    assert len(section.tables[-1].rows) == 22


def test_other_data_has_effects_but_no_claims() -> None:
    records = planted(grid.trials(Request()), lambda c: {"n_validation": 282, "n_test": 355})
    section = grid.section(records)
    assert all(table.columns[-1] != "verdict" for table in section.tables)
    assert any("--profile thesis" in caveat for caveat in section.caveats)


def test_settings_that_are_no_numbers_are_compared_too() -> None:
    given = ("surrogate=atan,triangle", "recurrent=true,false", "hidden=50")
    settings = tuple(parse_setting(text) for text in given)
    trials = grid.trials(Request("thesis", datasets=(DatasetRef("tbl"),), settings=settings))
    worse = planted(
        trials, lambda c: {"validation_accuracy": 0.8 - 0.1 * (c["surrogate"] == "triangle")}
    )
    told = {row[1:3]: row[3] for row in tables.differences(runs_of(worse)).rows}
    assert told["surrogate", "validation accuracy"].startswith("triangle against atan: -10.0")
    assert told["recurrent", "validation accuracy"].startswith("True against False: ")


def test_curves_that_had_not_settled_are_counted() -> None:
    records = planted(grid_trials(), lambda c: {"best_epoch": 30 if c["hidden"] == 50 else 9})
    assert any("in 27 of the 81 runs" in c for c in grid.section(records).caveats)


# -- choice ---------------------------------------------------------------------------------------


def test_what_choosing_by_training_accuracy_costs(tmp_path: Path) -> None:
    """Two combinations: one learns by heart, the other is right on more test samples."""
    store, labels = Store(tmp_path), np.zeros(10000, dtype=int)
    records = []
    for trial, part in zip(
        grid_trials()[:2], ((0.99, 0.70, 0.65), (0.90, 0.80, 0.75)), strict=True
    ):
        names = ("train_accuracy", "validation_accuracy", "test_accuracy")
        wrong = (np.arange(10000) >= 10000 * part[2]).astype(int)
        arrays = {"test_predictions": wrong, "test_labels": labels}
        metrics = METRICS | dict(zip(names, part, strict=True))
        records.append(store.put_done(trial, Outcome(metrics, arrays), {}))
    (runs,) = runs_of(records)
    cost = cost_of_training_choice(runs)
    assert cost.difference is not None
    assert cost.difference.interval.mean == pytest.approx(0.1)
    # A thousand of 10,000 samples are right with one only: 1.96 * 0.3 / 100.
    half = cost.difference.interval.high - cost.difference.interval.mean
    assert half == pytest.approx(0.00588, rel=1e-3)
    section = grid.section(records)
    assert any("by 10.0 ± 0.6 (too few seeds)" in finding for finding in section.findings)


def test_what_the_search_brought_is_paired_by_seed() -> None:
    def of(config):
        return {"validation_accuracy": 0.9 if config["hidden"] == 150 else 0.8,
                "test_accuracy": 0.85 if config["hidden"] == 150 else 0.8}  # fmt: skip

    section = grid.section(planted(grid_trials(seeds=3), of, spread=0.0))
    # 27 combinations tie, all of them with 150 neurons: the rest of the choice is the grid's order.
    (choice,) = [f for f in section.findings if ": validation chooses" in f]
    assert choice.endswith("It is the first in the grid of 27 that tie.")
    (border,) = [f for f in section.findings if "on the border" in f]
    assert "in hidden neurons: the best may lie outside" in border
    (search,) = [f for f in section.findings if "against the fixed settings" in f]
    assert "hidden neurons 100, time steps 100, surrogate slope 100" in search
    assert "brings 5.00 ± 1.05 (sure) points" in search


def test_failed_records_are_left_out() -> None:
    records = planted(grid_trials(), logistic)
    failed = Record(records[0].trial, "failed", {}, {"type": "E", "message": ""}, {}, Path("/"))
    (runs,) = runs_of([failed, *records[1:]])
    assert len(runs.records) == 80
