"""The opening picture: names of baselines whose lines lie close to each other stay apart."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from study.data.reference import DatasetRef
from study.report import summary
from study.trials.store import Store
from study.trials.trial import Outcome, Record, Trial

BASELINES = ("linear", "mlp", "rectifier")


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    store = Store(tmp_path)
    scores = {"surrogate": 0.9, **dict(zip(BASELINES, (0.97, 0.971, 0.972), strict=True))}
    return [
        store.put_done(
            Trial("x:y", name, DatasetRef("digits"), {}, seed),
            Outcome(
                {
                    "test_accuracy": score,
                    "spikes_per_sample": None if name in BASELINES else 50.0,
                    "train_seconds": 1.0,
                }
            ),
            {},
        )
        for name, score in scores.items()
        for seed in range(3)
    ]


def test_names_of_lines_at_nearly_one_height_do_not_overlap(records: list[Record]) -> None:
    figure = summary.figure(records)
    assert figure is not None
    figure.drawing.draw_without_rendering()
    (ax,) = figure.drawing.axes
    names = [text for text in ax.texts if text.get_text() in BASELINES]
    boxes = sorted((text.get_window_extent() for text in names), key=lambda box: box.y0)
    assert len(boxes) == len(BASELINES)
    assert all(lower.y1 <= upper.y0 + 1 for lower, upper in pairwise(boxes))
    order = sorted(names, key=lambda text: -text.get_window_extent().y0)
    assert [text.get_text() for text in order] == ["rectifier", "mlp", "linear"]
