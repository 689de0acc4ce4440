"""Diehl & Cook in the report: what is planned, and what planted records make of the section."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from study.analysis.section import Section
from study.analysis.votes import SHARES_FAIL, TEST, VOTE_FAILS, failing
from study.data.reference import DatasetRef
from study.experiments.unsupervised import experiment as unsupervised
from study.experiments.unsupervised import plan
from study.experiments.unsupervised.budget import Budget
from study.experiments.unsupervised.plan import (
    ABLATIONS,
    WHOLE,
    changed,
    of_source,
    part_missing,
)
from study.learners.diehl_cook_config import NETWORKS
from study.procedures import tried
from study.report.language import Language
from study.request import Request
from study.settings.config import parse_setting
from study.trials.trial import Context, Outcome, Record, Trial
from tests.study.experiments.variants import told

METRICS = {
    "train_accuracy": 0.85,
    "validation_accuracy": 0.84,
    "test_accuracy": 0.83,
    "by_shares_accuracy": 0.86,
    "spikes_input_per_sample": 2000.0,
    "spikes_excitatory_per_sample": 12.0,
    "synops_per_sample": 3e5,
    "silent_neurons": 0,
    "presentations_per_trained_sample": 1.4,
    "train_seconds": 60.0,
    "engine": "brian2 cython",
    "engine_note": None,
    "n_classes": 10,
    "n_train": 54_000,
    "n_test": 50,
}


class Planted(Record):
    """A record whose arrays need no file."""

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        n_exc = self.trial.config["n_exc"]
        labels = np.repeat(np.arange(10), 5)
        return {
            "weights": np.full((784, n_exc), 0.1, np.float32),
            "assignments": np.arange(n_exc) % 10,
            "history_shown": np.arange(50, 2050, 50),
            "history_spikes": np.full(40, 15),
            "history_theta_v": np.linspace(0.02, 0.04, 40),
            "history_presentations": np.ones(40),
            "history_seen": np.array([20_000, 40_000]),
            "history_accuracy": np.array([0.7, 0.8]),
            "test_labels": labels,
            "test_predictions": np.roll(labels, 1),
        }


def of_a_source(trial: Trial) -> bool:
    return any(trial == of_source(trial, name) for name in NETWORKS)


def planted(trials: list[Trial]) -> list[Record]:
    """Larger networks read better, those without adaptation 30 points worse."""
    made: list[Record] = []
    for trial in trials:
        gain = 0.02 * np.log2(trial.config["n_exc"] / 100)
        loss = 0.3 * (part_missing(trial.config) == "no adaptive threshold")
        metrics = {
            name: value + (gain - loss) * name.endswith("accuracy") if "accuracy" in name else value
            for name, value in METRICS.items()
            if not (trial.procedure == tried.PROCEDURE and name in ("test_accuracy", "n_test"))
        } | {"n_validation": 6000}
        made.append(Planted(trial, "done", metrics, None, {"wall_seconds": 1.0}, Path("/nowhere")))
    return made


def table(section: Section, caption: str) -> list[dict[str, str]]:
    """Return the rows, by column, of the one table whose caption has these words."""
    (found,) = [table for table in section.tables if caption in table.caption]
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


@pytest.fixture(scope="module")
def standard() -> list[Trial]:
    return unsupervised.trials(Request("standard"))


@pytest.fixture(scope="module")
def section(standard: list[Trial]) -> Section:
    return unsupervised.section(planted(standard))


def test_the_standard_plan_has_three_sizes_with_seeds_and_fashion(standard: list[Trial]) -> None:
    sizes = [
        (trial.dataset_name, trial.config["n_exc"], trial.seed)
        for trial in standard
        if trial.procedure != tried.PROCEDURE and not of_a_source(trial)
    ]
    three = [(n_exc, seed) for n_exc in (100, 400) for seed in range(3)]
    assert sorted(size[1:] for size in sizes if size[0] == "mnist") == [*three, (1600, 0)]
    assert sorted(size[1:] for size in sizes if size[0] == "fashion-mnist") == three
    assert len({trial.id for trial in standard}) == len(standard)
    assert [trial.config["n_exc"] for trial in standard].index(1600) == len(standard) - 2
    assert part_missing(standard[-1].config) == "no inhibition"  # what takes long comes last


def test_each_part_is_taken_away_once_and_never_read_on_the_test_set(standard: list[Trial]) -> None:
    parts = [trial for trial in standard if part_missing(trial.config) != WHOLE]
    assert sorted(part_missing(trial.config) for trial in parts) == sorted(ABLATIONS)
    assert {trial.procedure for trial in parts} == {tried.PROCEDURE}
    (whole,) = [
        trial for trial in standard if trial.procedure == tried.PROCEDURE and trial not in parts
    ]
    for trial in parts:
        assert trial == changed(whole, ABLATIONS[part_missing(trial.config)])


def test_a_quick_run_leaves_out_the_part_that_takes_long() -> None:
    trials = unsupervised.trials(Request())
    assert {trial.dataset_name for trial in trials} == {"digits"}
    missing = {part_missing(trial.config) for trial in trials}
    assert missing == {WHOLE, *ABLATIONS} - {"no inhibition"}


def test_settings_of_the_user_ask_for_one_network() -> None:
    settings = (parse_setting("n_exc=50"),)
    trials = unsupervised.trials(Request("standard", 2, (DatasetRef("mnist"),), (), settings))
    assert [(trial.config["n_exc"], trial.seed) for trial in trials] == [(50, 0), (50, 1)]
    assert not unsupervised.trials(Request(learners=("mlp",)))


def test_accuracies_stand_beside_published_ones_by_size(section: Section) -> None:
    rows = table(section, "published and here")
    assert [int(row["neurons"]) for row in rows] == sorted(int(row["neurons"]) for row in rows)
    ours = [row for row in rows if row["source"] == "here"]
    assert [row["neurons"] for row in ours] == [*["100"] * 4, "400", "1600"]
    assert [row["accuracy / %"] for row in ours] == [
        *["83.0 [70.3, 91.0]"] * 4,
        "87.0 [75.0, 93.7]",
        "91.0 [79.9, 96.3]",
    ]
    assert "triplet" in ours[1]["what differs"]
    assert "54,000" in ours[0]["what differs"]
    paper = [row["accuracy / %"] for row in rows if "paper" in row["source"]]
    assert paper == ["82.9", "87.0", "91.9", "95.0"]


def test_what_a_part_is_for_is_told_on_validation_samples(section: Section) -> None:
    rows = {row["network"]: row for row in table(section, "Parts taken away")}
    assert list(rows) == [WHOLE, *ABLATIONS]
    assert rows["no adaptive threshold"]["against the whole / points"] == "-30.0"
    assert rows["no lock-out"]["against the whole / points"] == "+0.0"
    assert rows[WHOLE]["validation accuracy / %"] == "84.0 ± 0.9"
    assert any("no adaptive threshold -30.0" in finding for finding in section.findings)


def test_figures_show_progress_fields_and_parts(section: Section) -> None:
    names = {figure.name for figure in section.figures}
    assert {"unsupervised-parts", "unsupervised-progress-mnist"} <= names
    assert {"unsupervised-fields-fashion-mnist", "unsupervised-confusion-mnist"} <= names


def test_a_section_needs_no_whole_network_and_no_part_taken_away(standard: list[Trial]) -> None:
    alone = unsupervised.section(planted([changed(standard[0], {"lockout_s": 0.0})]))
    assert "unsupervised-parts" not in {figure.name for figure in alone.figures}
    assert len(alone.tables) == 1  # beside published accuracies stand whole networks only


def test_trying_out_reads_validation_samples_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from study import data
    from study.data import digits
    from study.data.samples import Images

    loaded = digits.load(None)
    broken = Images(np.full_like(loaded.test.pixels, np.nan), loaded.test.labels)
    monkeypatch.setattr(data, "load", lambda *_: _with_test(loaded, broken))
    (trial, *_) = unsupervised.trials(Request())
    small = {"presentations": 3, "label_samples": 3, "n_exc": 5, "history_points": 0}
    outcome = tried.run(changed(trial, small), Context())
    assert isinstance(outcome, Outcome)
    assert 0 <= outcome.metrics["validation_accuracy"] <= 1
    assert outcome.arrays["filters"].shape == (5, 28, 28)
    assert "test_accuracy" not in outcome.metrics


def _with_test(dataset, test):
    import dataclasses

    return dataclasses.replace(dataset, test=test)


def test_what_a_network_lacks_is_named() -> None:
    config = dict(unsupervised.trials(Request())[0].config)
    assert part_missing(config) == WHOLE
    both = config | ABLATIONS["no lock-out"] | ABLATIONS["no inhibition"]
    assert part_missing(both) == "no inhibition and no lock-out"
    assert set(plan.SLOW) <= set(ABLATIONS)


def test_the_spike_budget_stands_beside_what_was_fired(section: Section) -> None:
    rows = {row["network"]: row for row in table(section, "lose by decay what spikes add")}
    code = "100 neurons, triplet rule of the published code"
    theta_mv = float(rows[code]["mean θ / mV"])
    assert theta_mv == pytest.approx(39.2, abs=0.3)  # the last tenth of what was learned
    for name, allowed, kept in (
        (code, theta_mv / 2.5, "yes"), (f"{code} (its settings)", theta_mv / 10, "not settled"),
    ):  # fmt: skip
        assert float(rows[name]["S*"]) == pytest.approx(allowed, abs=0.06)
        assert (rows[name]["spikes fired"], rows[name]["budget kept"]) == ("15.0", kept)
    settled = [each for each in section.findings if "allow 15.7 spikes a presentation" in each]
    assert settled
    assert not any("not settled" in each for each in settled)
    assert any("have not settled, and the budget is not reached" in f for f in section.findings)


@pytest.mark.parametrize(
    ("fired", "shown", "kept"),
    [(16.0, 1.02, "yes"), (18.3, 1.0, "yes"), (18.5, 1.0, "not settled"),
     (13.5, 1.0, "not settled"), (16.0, 1.2, "no"), (30.0, 1.2, "not settled")],
)  # fmt: skip
def test_a_budget_is_judged_once_thresholds_have_settled(fired, shown, kept) -> None:
    assert Budget(40e-3, 16.0, fired, shown).kept == kept


@pytest.mark.parametrize(
    ("vote", "shares", "n_test", "fails"),
    [
        (0.80, 0.85, 10_000, VOTE_FAILS),
        (0.85, 0.80, 10_000, SHARES_FAIL),
        (0.80, 0.81, 1_000, None),
        (0.80, 0.85, 50, None),
    ],
)
def test_where_read_outs_disagree_by_more_than_chance_one_fails(
    standard: list[Trial], vote: float, shares: float, n_test: int, fails: str | None
) -> None:
    network = standard[0].dataset, standard[0].config
    seeds = [trial for trial in standard if (trial.dataset, trial.config) == network]
    records = planted(seeds)
    for record in records:
        record.metrics.update(test_accuracy=vote, by_shares_accuracy=shares, n_test=n_test)
    assert failing(records, TEST) == fails
    found = [f for f in unsupervised.section(records).findings if "test samples are right" in f]
    warned = ["nothing about learning follows" in finding for finding in found]
    assert warned == [fails is not None]
    assert all(f"{fails} fails as a read-out" in finding for finding in found if fails)


def test_the_section_is_all_korean(standard: list[Trial]) -> None:
    for vote in (0.83, 0.43, 0.99):
        records = planted(standard)
        for record in records:
            record.metrics.update(by_shares_accuracy=0.86, n_test=10_000)
            if TEST in record.metrics:
                record.metrics[TEST] = vote
        section = unsupervised.section(records)
        language = Language("ko", [{"mnist", "fashion-mnist"}, {"diehl-cook"}])
        for text in told(section):
            language.translate(text)
        assert list(language.missing) == []
