"""A shared data set is the data set, runs nothing, and is absent when somebody changed it."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study import data
from study.data import arrays, shared
from study.data.reference import DataAccess, DatasetRef
from study.data.samples import Dataset
from study.data.task import Classes

REF = DatasetRef("digits")


def events() -> Dataset:
    part = arrays.samples(
        {"time_s": np.array([0.1, 0.2]), "x": [0, 1], "y": [0, 0], "width": 2, "height": 1,
         "offsets": [0, 1, 2], "labels": [0, 1], "duration_s": 0.3}
    )  # fmt: skip
    return Dataset("mine", part, part, part, Classes(2), "made", "00", {"waited": np.arange(2)})


def assert_equal(found: Any, wanted: Any) -> None:
    assert type(found) is type(wanted)
    if isinstance(wanted, np.ndarray):
        np.testing.assert_array_equal(found, wanted)
        assert (found.dtype, found.flags.writeable) == (wanted.dtype, True)
    elif dataclasses.is_dataclass(wanted):
        for field in dataclasses.fields(wanted):
            assert_equal(getattr(found, field.name), getattr(wanted, field.name))
    elif isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key in wanted:
            assert_equal(found[key], wanted[key])
    else:
        assert found == wanted


@pytest.mark.parametrize("name", ["digits", "randman", "own events"])
def test_what_is_found_is_what_was_shared(tmp_path: Path, name: str) -> None:
    wanted = events() if name == "own events" else data.load(DatasetRef(name), DataAccess())
    shared.share(REF, wanted, tmp_path)
    found = shared.find(REF, tmp_path)
    assert_equal(found, wanted)


def test_others_may_not_look_into_it_and_no_pickle_lies_there(tmp_path: Path) -> None:
    shared.share(REF, events(), tmp_path)
    (own,) = tmp_path.iterdir()
    assert own.stat().st_mode & 0o077 == 0
    for path in own.iterdir():
        with pytest.raises((pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError)):
            pickle.loads(path.read_bytes())


@pytest.mark.parametrize(
    ("key", "value"),
    [("dtype", "|O"), ("shape", [3]), ("shape", [-1]), ("file", "../../secret"), ("file", 99)],
)
def test_what_somebody_changed_counts_as_not_shared(tmp_path: Path, key: str, value: Any) -> None:
    shared.share(REF, events(), tmp_path)
    (manifest,) = tmp_path.rglob(shared.MANIFEST)
    told = json.loads(manifest.read_text())
    told["train"][1]["time_s"][key] = value
    manifest.write_text(json.dumps(told))
    assert shared.find(REF, tmp_path) is None
    manifest.write_text("[" * 100_000)
    assert shared.find(REF, tmp_path) is None


def test_what_only_a_plug_in_can_make_is_not_shared(tmp_path: Path) -> None:
    class Own(type(events().train)):  # type: ignore[misc]
        pass

    part = events().train
    own = Own(**{f.name: getattr(part, f.name) for f in dataclasses.fields(part)})
    shared.share(REF, dataclasses.replace(events(), train=own), tmp_path)
    assert shared.find(REF, tmp_path) is None
