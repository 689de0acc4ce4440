"""What is run of networks that are to remember, and what their records are said to show."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradsim import lsnn
from study import learners
from study.data import store_recall
from study.data.reference import DatasetRef
from study.data.task import NOTHING_ASKED
from study.experiments.memory import drawings, networks
from study.experiments.memory import experiment as memory
from study.learners.lsnn import LSNNConfig, encode
from study.learning.artefacts import Raster
from study.report.document import Report
from study.report.language import lacking
from study.request import Request
from study.settings.config import settings_of
from study.trials.store import Store
from study.trials.trial import Outcome, Record, Trial

N, SYMBOLS = 100, 12
RECALL = 7


@pytest.fixture
def made(tmp_path: Path):
    store = Store(tmp_path)

    def records(learner: str, changes: dict[str, Any], wrong: list[int]) -> list[Record]:
        """One bit a sequence, kept for 2 symbols in the first half and for 9 in the second."""
        preset = learners.find(learner).preset("quick", "store-recall")
        config = settings_of(dataclasses.replace(preset, **changes))
        return [
            store.put_done(
                Trial("x:y", learner, DatasetRef("store-recall"), config, seed),
                outcome(n_wrong),
                {},
            )
            for seed, n_wrong in enumerate(wrong)
        ]

    return records


def outcome(n_wrong: int) -> Outcome:
    labels = np.full((N, SYMBOLS), NOTHING_ASKED)
    labels[:, RECALL] = np.arange(N) % 2
    answers = np.where(labels == NOTHING_ASKED, 0, labels)
    answers[N - n_wrong :, RECALL] = 1 - labels[N - n_wrong :, RECALL]
    waited = np.zeros((N, SYMBOLS), int)
    waited[:, RECALL] = np.repeat([2, 9], N // 2)
    score = 1 - n_wrong / N
    measures = {
        f"{part}_{name}_accuracy": score
        for part in ("train", "validation", "test")
        for name in ("symbol", "sequence")
    }
    metrics = {
        **measures, "best_iteration": 20, "rate_hz": 50.0, "synops_per_sample": 1e5,
        "train_seconds": 9.0,
    }  # fmt: skip
    spikes = {
        f"example_{layer}_{part}": values
        for layer in ("input", "regular", "adaptive")
        for part, values in (
            ("step", np.array([0, 5])), ("unit", np.array([1, 0])), ("offsets", np.array([0, 2])),
        )
    }  # fmt: skip
    arrays = {
        "test_predictions": answers, "test_labels": labels, "test_waited": waited,
        "curve_seen": np.array([320, 640]), "curve_validation": np.array([0.5, score]),
        "example_readout": np.zeros((120, 2)), "example_labels": labels[0], **spikes,
    }  # fmt: skip
    return Outcome(metrics, arrays)


def test_the_quick_profile_runs_fewer_networks_and_user_seeds_hold_for_all() -> None:
    quick, standard = (memory.trials(Request(profile)) for profile in ("quick", "standard"))
    assert len(quick) == 3
    assert len({trial.config_id for trial in standard}) == len(networks.VARIANTS) + 1
    assert {trial.dataset_name for trial in quick} == {memory.OWN}
    assert {trial.dataset_name for trial in standard} == {memory.OWN, memory.CONTROL}
    seeds = {trial.seed for trial in memory.trials(Request("quick", 2))}
    assert seeds == {0, 1}
    assert len(memory.trials(Request("quick", 2))) == 6
    assert memory.trials(Request(learners=("mlp",))) == []
    assert memory.trials(Request(datasets=(DatasetRef("digits"),))) == []


def test_names_say_what_was_taken_away() -> None:
    names = []
    for variant in networks.VARIANTS:
        preset = learners.find(variant.learner).preset("standard", memory.OWN)
        config = dataclasses.replace(preset, **variant.changes)
        names.append(networks.variant_name(settings_of(config)))
    assert names == [
        "BPTT", "BPTT without adaptation", "BPTT without delays", "e-prop",
        "e-prop with random feedback", "e-prop without adaptation",
    ]  # fmt: skip


def test_the_section_judges_by_three_seeds_and_pairs_them(made) -> None:
    records = [
        *made("lsnn", {}, [2, 3, 4]),
        *made("lsnn", {"beta": 0.0}, [48, 50, 49]),
        *made("lsnn", {"max_delay": 1}, [4, 3, 2]),
        *made("lsnn-eprop", {}, [6]),
    ]
    section = memory.section(records)
    assert section.findings[0] == (
        "BPTT: 3.00 ± 2.48 % of 100 test bits are wrong (3 seeds); 3 of 3 networks solve the "
        "task, with fewer than 5 % wrong."
    )
    told = " ".join(section.findings)
    assert "0 of 3 networks solve the task" in told
    assert "BPTT without adaptation: 46.0 ± 1.2 points more of the bits" not in told  # by seed:
    assert "BPTT without adaptation: 46.0 ± 2.5 points more of the bits are wrong (sure)" in told
    assert "BPTT without delays: 0" in told
    assert "(tied)" in told
    assert "e-prop: 6.00 % of 100 test bits are wrong (1 seed)." in section.findings
    assert "e-prop in place of" not in told
    assert "0.0 % of bits are wrong that were kept for 2 symbols, and 6.0 %" in told
    assert any("fewer than 3 seeds" in caveat for caveat in section.caveats)
    rows = {row[0]: row for row in section.tables[0].rows}
    assert list(rows) == ["BPTT", "BPTT without adaptation", "BPTT without delays", "e-prop"]
    assert rows["BPTT"][3] == "20, 20, 20"
    assert rows["e-prop"][3] == "–"
    assert [figure.name for figure in section.figures] == [
        "memory-learning", "memory-waiting", "memory-sequence",
    ]  # fmt: skip


def test_networks_without_adaptation_alone_have_no_sequence_to_show(made) -> None:
    section = memory.section(made("lsnn", {"beta": 0.0}, [50]))
    assert [figure.name for figure in section.figures] == ["memory-learning", "memory-waiting"]
    assert "solve the task" not in " ".join(section.findings)


def test_thresholds_are_those_of_the_network() -> None:
    config = LSNNConfig(n_regular=2, n_adaptive=3, beta=0.7)
    network = lsnn.initial(config.parameters(100, 2), np.random.default_rng(1))
    inputs = encode(store_recall.draw(1, np.random.default_rng(2)), config.dt_s).inputs
    found = lsnn.run(network, inputs)
    step, unit = np.nonzero(found.spikes[:, 0, 2:])
    raster = Raster("adaptive", step, unit, np.array([0, len(step)]))
    shown = drawings.thresholds(raster, inputs.n_steps, settings_of(config))
    assert len(step) > 10
    # The state at the end: b, of which the threshold is theta + beta b.
    expected = config.threshold + config.beta * found.state.adaptation[0, 2:]
    np.testing.assert_allclose(shown[-1], expected, rtol=1e-4)


def test_the_section_is_all_korean(made) -> None:
    records = [
        record
        for variant in networks.VARIANTS
        for record in made(variant.learner, dict(variant.changes), [2, 3, 4])
    ]
    few = [*records[:3], *made("lsnn", {"beta": 0.0}, [48])]
    for shown in (records, few):
        section = memory.section(shown)
        report = Report(
            "",
            "",
            "",
            "quick",
            datetime(2026, 1, 2, tzinfo=UTC),
            sections=(section,),
            language="ko",
        )
        assert list(lacking(report, "ko")) == []
