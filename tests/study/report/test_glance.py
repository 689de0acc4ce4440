"""The picture that opens the report: a row a learner, spikes apart, nothing outside its axes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.axes import Axes

from study.analysis.figures import house_style
from study.analysis.section import Figure
from study.data.reference import DatasetRef
from study.report import summary
from study.report.language import Language
from study.report.legible import faults
from study.trials.store import Store
from study.trials.trial import Outcome, Record, Trial

ACCURACIES = {"surrogate": 0.9, "diehl-cook": 0.5, "mlp": 0.97}
SPIKES = {"surrogate": (30.0, 20.0), "diehl-cook": (9000.0, 0.0), "mlp": None}  # in, emitted
PREPARE = 7.0


def metrics(name: str, seed: int) -> dict[str, Any]:
    spikes = SPIKES[name]
    return {
        "test_accuracy": ACCURACIES[name] + seed / 100,
        "n_test": 100,
        "spikes_per_sample": sum(spikes) if spikes else None,
        "spikes_input_per_sample": spikes[0] if spikes else None,
        "train_seconds": 2.0,
        "prepare_seconds": PREPARE if name == "surrogate" else 0.0,
        "synops_per_sample": 1000.0 if spikes else None,
        "macs_per_sample": 100.0,
        "neuron_updates_per_sample": 10.0,
    }


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    store = Store(tmp_path)
    return [
        store.put_done(
            Trial("x:y", name, DatasetRef(dataset), {}, seed), Outcome(metrics(name, seed)), {}
        )
        for dataset in ("digits", "mnist")
        for name in ACCURACIES
        for seed in range(3)
    ]


@pytest.fixture
def figure(records: list[Record]) -> Figure:
    with house_style():
        found = summary.figure(records)
    assert found is not None
    found.drawing.draw_without_rendering()
    return found


def marks(ax: Axes, row: int) -> list[tuple[float, bool]]:
    """Return the marks of a row: where they are, and whether they are filled."""
    return [
        (float(line.get_xdata()[0]), line.get_markerfacecolor() != "none")
        for line in ax.lines
        if len(line.get_xdata()) == 1 and line.get_ydata()[0] == row
    ]


def test_rows_stand_below_their_data_set_the_most_accurate_first(figure: Figure) -> None:
    names = [text.get_text() for text in figure.drawing.axes[0].get_yticklabels()]
    rows = ["mlp", "surrogate", "diehl-cook"]
    assert names == ["digits", *rows, "mnist", *rows]


def test_spikes_that_come_in_are_hollow_and_none_are_drawn_of_what_has_none(
    figure: Figure,
) -> None:
    spikes = figure.drawing.axes[1]
    assert marks(spikes, 1) == []
    assert marks(spikes, 2) == [(30.0, False), (20.0, True)]
    assert marks(spikes, 3) == [(9000.0, False), (0.0, True)]


def test_each_seed_and_the_interval_of_accuracies_are_drawn(figure: Figure) -> None:
    lines = [line for line in figure.drawing.axes[0].lines if 1.9 < line.get_ydata()[0] < 2.5]
    seeds = next(list(line.get_xdata()) for line in lines if len(line.get_xdata()) == 3)
    assert seeds == pytest.approx([90.0, 91.0, 92.0])
    assert marks(figure.drawing.axes[0], 2) == [(pytest.approx(91.0), True)]


def test_preparation_is_a_tail_behind_the_training(figure: Figure) -> None:
    ends = [list(line.get_xdata()) for line in figure.drawing.axes[2].lines
            if len(line.get_xdata()) == 2 and line.get_ydata()[0] == 2]  # fmt: skip
    assert [2.0, 2.0 + PREPARE] in ends


def test_energy_is_within_its_estimates(figure: Figure) -> None:
    # 1,000 additions, 100 multiply-accumulates, 10 neurons of two states: in floats
    # 0.9 + 0.12 * 4.6 nJ.
    ((mark, _),) = marks(figure.drawing.axes[3], 2)
    assert mark == pytest.approx(0.9 + 0.12 * 4.6)
    (low, high) = next(
        line.get_xdata() for line in figure.drawing.axes[3].lines
        if len(line.get_xdata()) == 2 and line.get_ydata()[0] == 2 and line.get_xdata()[1] > 1
    )  # fmt: skip
    assert low < mark < high


def test_nothing_lies_outside_and_no_labels_overlap(figure: Figure) -> None:
    assert faults(figure.drawing) == []


def test_records_without_counts_have_no_energy(records: list[Record]) -> None:
    for record in records:
        del record.metrics["macs_per_sample"]
    found = summary.figure(records)
    assert found is not None
    assert all(marks(found.drawing.axes[3], row) == [] for row in range(8))


def test_the_picture_is_told_in_words_and_in_korean(figure: Figure) -> None:
    told = "surrogate on digits 91.0 [82.0, 96.6] %, 20.0 spikes emitted, 30.0 that come in"
    assert told.split("[")[0] in figure.alt
    assert "20.0 spikes emitted, 30.0 that come in, 2.00 s of training" in figure.alt
    korean = Language("ko", [{"digits", "mnist"}, set(ACCURACIES)])
    for text in (figure.caption, figure.alt):
        korean.translate(text)
    korean.draw(figure.drawing)
    assert korean.missing == {}
