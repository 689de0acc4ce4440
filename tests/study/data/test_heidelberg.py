"""Files in the layout of SHD are read as they are, or refused with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from study import data
from study.data import fetch, heidelberg
from study.data.reference import DataAccess, DatasetRef
from study.errors import UserError

Columns = dict[str, np.ndarray]


def ragged(rows: list[np.ndarray]) -> np.ndarray:
    array = np.empty(len(rows), object)
    array[:] = rows
    return array


def columns(n: int = 24, seed: int = 0) -> Columns:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 30, n)
    return {
        "spikes/times": ragged([np.sort(rng.uniform(0, 1.37, c)).astype("f2") for c in counts]),
        "spikes/units": ragged([rng.integers(0, 700, c).astype("u2") for c in counts]),
        "labels": (np.arange(n) % 20).astype("u2"),
        "extra/speaker": rng.permutation(np.arange(n) % 12).astype("u2"),
    }


def write(path: Path, given: Columns) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, column in given.items():
            if column.dtype != object:
                file[name] = column
                continue
            inner = column[0].dtype if len(column) else np.dtype("f2" if "times" in name else "u2")
            stored = file.create_dataset(name, (len(column),), h5py.vlen_dtype(inner))
            for sample, row in enumerate(column):
                stored[sample] = row


def load(folder: Path, train: Columns, test: Columns | None = None):
    write(folder / "hd-spikes" / "hd_spikes_train.h5", train)
    write(folder / "hd-spikes" / "hd_spikes_test.h5", test or columns(seed=1))
    return data.load(DatasetRef("hd-spikes"), DataAccess(folder))


@pytest.mark.parametrize("seed", range(5))
def test_events_come_back_sample_by_sample_and_speakers_stay_whole(tmp_path, seed: int) -> None:
    train, test = columns(600, seed), columns(seed=1)
    dataset = load(tmp_path, train, test)
    held_out = np.isin(train["extra/speaker"], heidelberg.VALIDATION_SPEAKERS)
    for part, given, chosen in (
        (dataset.train, train, np.flatnonzero(~held_out)),
        (dataset.validation, train, np.flatnonzero(held_out)),
        (dataset.test, test, np.arange(24)),
    ):
        assert part.labels.tolist() == given["labels"][chosen].tolist()
        assert (part.time_s.dtype, part.unit.dtype) == (np.float32, np.int16)
        for place, sample in enumerate(chosen):
            span = slice(*part.offsets[place : place + 2])
            np.testing.assert_array_equal(part.time_s[span], given["spikes/times"][sample])
            np.testing.assert_array_equal(part.unit[span], given["spikes/units"][sample])
    assert dataset.name == "hd-spikes"
    assert "not the official SHD" in dataset.source


def changed(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Columns], Columns]:
    return lambda given: given | {name: change(given[name])}


def without(name: str) -> Callable[[Columns], Columns]:
    return lambda given: {key: column for key, column in given.items() if key != name}


def with_row(name: str, *values: float) -> Callable[[Columns], Columns]:
    """Put other values into sample 5, with as many spikes in both columns."""

    def change(given: Columns) -> Columns:
        replaced = {key: given[key].copy() for key in ("spikes/times", "spikes/units")}
        for key, column in replaced.items():
            fill = values if key == name else [0] * len(values)
            column[5] = np.array(fill, column[5].dtype)
        return given | replaced

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (without("spikes/times"), "it has no spikes/times"),
        (lambda given: without("spikes/times")(without("spikes/units")(given)), "has no spikes/ti"),
        (without("extra/speaker"), "it has no extra/speaker"),
        (changed("labels", lambda a: a + 1), r"labels must be 0\.\.19, not 1\.\.20"),
        (changed("labels", lambda a: a.astype(int) - 1), r"labels must be 0\.\.19, not -1"),
        (changed("labels", lambda a: a.astype(float)), "labels must hold whole numbers"),
        (changed("labels", lambda a: a[:, None]), r"labels must hold whole numbers.*24, 1"),
        (changed("labels", lambda a: a[:-1]), "numbers of samples must be equal"),
        (changed("spikes/times", lambda a: a[:-1]), "numbers of samples must be equal"),
        (changed("spikes/units", lambda _: np.zeros(24, "u2")), "a list of whole numbers a sample"),
        (lambda given: given | {"spikes/times": given["spikes/units"]}, "list of floating point"),
        (lambda given: {key: column[:0] for key, column in given.items()}, "not 0"),
        (
            with_row("spikes/units", 699, 700),
            r"units of sample 5 must lie in 0\.\.699, not 699\.\.7",
        ),
        (
            with_row("spikes/times", -0.1, 0.1),
            r"times of sample 5 must lie in 0\.\.1\.4, not -0\.09",
        ),
        (with_row("spikes/times", 0.1, 1.5), r"times of sample 5 must lie in 0\.\.1\.4"),
        (with_row("spikes/times", np.nan, 0.1), "times of sample 5"),
        (with_row("spikes/times", np.inf), "times of sample 5"),
        (changed("spikes/times", lambda a: ragged([row[:3] for row in a])), "times, .* units"),
        (changed("extra/speaker", lambda a: a * 0), "samples of the speakers 3, 7"),
        (changed("extra/speaker", lambda a: a * 0 + 3), "samples of the speakers 3, 7"),
    ],
)
def test_a_breach_of_the_layout_is_told_with_file_and_remedy(tmp_path, change, problem) -> None:
    with pytest.raises(
        UserError, match=rf"(?s)hd_spikes_train\.h5.*{problem}.*Delete it.*layout of"
    ):
        load(tmp_path, change(columns()))


@pytest.mark.parametrize("damage", ["empty", "truncated", "text"])
def test_a_damaged_file_is_refused(tmp_path, damage: str) -> None:
    load(tmp_path, columns())
    path = tmp_path / "hd-spikes" / "hd_spikes_test.h5"
    whole = path.read_bytes()
    path.write_bytes(
        {"empty": b"", "truncated": whole[: len(whole) // 2], "text": b"x" * 999}[damage]
    )
    with pytest.raises(UserError, match=r"(?s)hd_spikes_test\.h5 is not in the layout of SHD"):
        data.load(DatasetRef("hd-spikes"), DataAccess(tmp_path))


def test_other_files_do_not_pass_for_the_official_ones(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path / "cache")
    for part in ("train", "test"):
        write(tmp_path / "shd" / f"shd_{part}.h5", columns())
    with pytest.raises(
        UserError, match=r"(?s)shd_train\.h5 has the content md5:.*8e9877c85f29a28dd353"
    ):
        data.load(DatasetRef("shd"), DataAccess(tmp_path))
