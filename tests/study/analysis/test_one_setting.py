"""Networks that differ in one setting: the base, what has a place, what the table says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from study.analysis import one_setting
from study.analysis.one_setting import Sweep, alike, measured, usual
from study.data.reference import DatasetRef
from study.trials.trial import Record, Trial


class Width(NamedTuple):
    name: str = "hidden neurons"
    label: str = "hidden"

    def show(self, level: int) -> str:
        return f"{level} n"


def records(config: dict[str, Any], *accuracies: float) -> list[Record]:
    return [
        Record(
            Trial("of:test", "surrogate", DatasetRef("digits"), config, seed),
            "done", {"validation_accuracy": accuracy}, None, {}, Path("/nowhere"),
        )
        for seed, accuracy in enumerate(accuracies)
    ]  # fmt: skip


def sweep() -> Sweep[Width]:
    found = {n: records({"hidden": n}, *got) for n, got in ((10, (0.9, 0.8)), (20, (0.7, 0.6)))}
    return Sweep("digits", Width(), found, 20)


def test_the_usual_value_is_that_of_most_and_absence_counts_as_one() -> None:
    configs = [{"a": 1}, {"a": 2, "b": 5}, {"a": 2}]
    assert usual(configs) == {"a": 2, "b": "–"}
    assert alike({"a": 2}, usual(configs))
    assert not alike({"a": 2, "b": 5}, usual(configs))


def test_levels_are_ranked_and_strangers_have_no_place() -> None:
    assert sweep().ranked == [20, 10]
    assert one_setting.unplaced(sweep().records, [sweep()]) == 0
    assert one_setting.unplaced(records({"hidden": 99}, 0.1, 0.2), [sweep()]) == 2


def test_a_table_has_a_row_a_level() -> None:
    table = one_setting.table(
        "All.",
        "varied",
        [sweep()],
        ("level", lambda s, n: s.varied.show(n)),
        measured("accuracy / %", "validation_accuracy", 100),
    )
    assert table.columns == ("data set", "varied", "level", "accuracy / %")
    assert [row[:3] for row in table.rows] == [
        ("digits", "hidden neurons", "10 n"), ("digits", "hidden neurons", "20 n"),
    ]  # fmt: skip
    assert [row[3].split()[0] for row in table.rows] == ["85.0", "65.0"]
    assert "trials 4" in table.basis


def test_a_panel_has_title_axis_and_the_usual_level_shaded() -> None:
    figure = one_setting.figure("f", [sweep()], lambda _: 3.0, "c")
    above, below = figure.drawing.axes
    assert (above.get_title(), below.get_xlabel()) == ("hidden neurons", "hidden")
    assert [label.get_text() for label in below.get_xticklabels()] == ["10 n", "20 n"]
    assert list(above.lines[0].get_ydata()) == pytest.approx([85.0, 65.0])
    assert list(below.lines[0].get_ydata()) == [3.0, 3.0]
    assert [list(ax.lines[-1].get_xdata()) for ax in (above, below)] == [[1, 1]] * 2


def test_all_sweeps_share_an_axis_that_holds_their_marks() -> None:
    low = Sweep("digits", Width(), {10: records({"hidden": 10}, 0.1, 0.1)})
    figure = one_setting.figure("f", [sweep(), low], lambda _: 3.0, "c", columns=1)
    first, _, second, _ = figure.drawing.axes
    assert first.get_ylim() == second.get_ylim()
    assert first.get_ylim()[0] < 10 < 85 < first.get_ylim()[1]


def test_two_read_outs_stand_beside_each_other_and_are_named() -> None:
    scores = {"one": "validation_accuracy", "other": "validation_accuracy"}
    figure = one_setting.figure("f", [sweep()], lambda _: 3.0, "c", scores)
    (legend,) = figure.drawing.legends
    assert [text.get_text() for text in legend.get_texts()] == ["one", "other"]
    one, other = (lines[0] for lines in figure.drawing.axes[0].containers)
    assert list(one.get_ydata()) == list(other.get_ydata())
    assert (one.get_xdata() < other.get_xdata()).all()


def test_one_seed_is_owned_up_to() -> None:
    assert one_setting.one_seed([sweep()]) == []
    alone = Sweep("digits", Width(), {10: records({}, 0.5)})
    assert "--seeds K" in one_setting.one_seed([alone])[0]
