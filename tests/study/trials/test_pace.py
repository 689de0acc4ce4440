"""The time left follows from what trials of the same kind took."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from study.data.reference import DatasetRef
from study.trials.pace import Pace, duration, kind
from study.trials.trial import Record, Trial


def record(learner: str, seconds: float | None, status: str = "done") -> Record:
    trial = Trial("m:f", learner, DatasetRef("digits"), {}, 0)
    return Record(trial, status, {}, None, {"wall_seconds": seconds} if seconds else {}, Path())


QUICK, SLOW, NEW = (kind(record(name, 1).trial) for name in ("quick", "slow", "new"))


def test_means_of_each_kind_are_shared_among_workers() -> None:
    pace = Pace([record("quick", 1), record("quick", 3), record("slow", 100)])
    remaining = Counter({QUICK: 10, SLOW: 3})
    assert pace.seconds_left(remaining, [], 4) == ((10 * 2 + 3 * 100) / 4, 0)
    assert pace.seconds_left(remaining, [(SLOW, 19), (QUICK, 1)], 4) == (75, 0)
    # One that takes longer than others did, or is of an unknown kind, gives no time away.
    assert pace.seconds_left(remaining, [(SLOW, 5000)], 4) == ((10 * 2 + 2 * 100) / 4, 0)
    assert pace.seconds_left(remaining, [(NEW, 3600)], 4) == ((10 * 2 + 3 * 100) / 4, 0)


def test_a_last_trial_is_not_shared() -> None:
    assert Pace([record("slow", 100)]).seconds_left(Counter({SLOW: 1}), [(SLOW, 30)], 8) == (70, 0)


def test_failures_and_unknown_kinds_give_no_pace() -> None:
    pace = Pace([record("quick", 2, "failed"), record("quick", None)])
    assert pace.told(Counter({QUICK: 5}), [], 2) == ""
    pace.note(record("slow", 60))
    told = pace.told(Counter({QUICK: 5, SLOW: 2}), [], 1)
    assert told == "about 2 min left, not counting 5 trials of kinds not timed yet"
    assert pace.told(Counter(), [], 1) == ""


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (99, "99 s"),
        (100, "2 min"),
        (3569, "59 min"),
        (3571, "1 h 0 min"),
        (7500, "2 h 5 min"),
        (47.9 * 3600, "2 d 0 h"),
        (100 * 3600, "4 d 4 h"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float, told: str) -> None:
    assert duration(seconds) == told
