"""A packed run is the run: its records and arrays come back as they were."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from study.errors import UserError
from study.trials.pack import PACKED, pack, unpack
from study.trials.store import Store
from study.trials.trial import Outcome, Trial

TRIALS = [Trial("x:y", "surrogate", None, {"slope": 1.0}, seed) for seed in range(3)]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "trials"
    folder.mkdir()
    store = Store(folder)
    outcome = Outcome({"test_accuracy": 0.5}, {"loss": np.arange(3.0)}, {"network.nir": b"weights"})
    store.put_done(TRIALS[0], outcome, {"cpu": "one"})
    store.put_done(TRIALS[1], Outcome({"test_accuracy": 0.6}), {"cpu": "one"})
    store.put_failed(TRIALS[2], {"type": "E", "message": "m", "traceback": "t"}, {"cpu": "one"})
    return tmp_path


def test_what_was_packed_comes_back(run: Path, tmp_path: Path) -> None:
    packed = pack(run)
    other = tmp_path / "other"
    other.mkdir()
    packed.rename(other / PACKED)
    assert unpack(other) == 3
    old, new = (Store(folder / "trials").records(TRIALS) for folder in (run, other))
    assert [(r.status, r.metrics, r.error) for r in new.values()] == [
        (r.status, r.metrics, r.error) for r in old.values()
    ]
    np.testing.assert_array_equal(new[TRIALS[0].id].arrays["loss"], np.arange(3.0))
    with pytest.raises(UserError, match=r"network\.nir.*not kept in a packed store"):
        new[TRIALS[0].id].outcome()
    assert new[TRIALS[1].id].outcome().metrics == {"test_accuracy": 0.6}


def test_packing_twice_gives_the_same_bytes_even_from_unpacked_records(run: Path) -> None:
    first = pack(run).read_bytes()
    for path in (run / "trials").iterdir():
        path.unlink()
    unpack(run)
    assert pack(run).read_bytes() == first


def test_what_was_run_since_is_not_overwritten(run: Path) -> None:
    pack(run)
    Store(run / "trials").put_done(TRIALS[2], Outcome({"test_accuracy": 0.9}), {})
    assert unpack(run) == 0
    assert Store(run / "trials").records(TRIALS)[TRIALS[2].id].done


def test_a_folder_without_packed_trials_is_left_alone(tmp_path: Path) -> None:
    assert unpack(tmp_path) == 0
    assert not (tmp_path / "trials").exists()
    with pytest.raises(UserError, match="nothing to pack"):
        pack(tmp_path)


@pytest.mark.parametrize("name", ["../evil.json", "a.py", "/abs.json"])
def test_foreign_members_are_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / PACKED, "w") as archive:
        archive.writestr(name, "{}")
    with pytest.raises(UserError, match="no record of a trial"):
        unpack(tmp_path)
    assert not (tmp_path / "trials").exists()


def test_a_file_that_would_fill_the_memory_is_refused(run: Path, monkeypatch) -> None:
    pack(run)
    shutil.rmtree(run / "trials")
    monkeypatch.setattr("study.trials.pack.LARGEST", 100)
    with pytest.raises(UserError, match="more than 100 bytes"):
        unpack(run)
    assert not (run / "trials").exists()


def test_a_damaged_file_is_told(run: Path) -> None:
    whole = pack(run).read_bytes()
    (run / PACKED).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="damaged"):
        unpack(run)


def test_flipped_bytes_are_told(run: Path) -> None:
    content = bytearray(pack(run).read_bytes())
    content[60:90] = bytes(byte ^ 0xFF for byte in content[60:90])
    (run / PACKED).write_bytes(content)
    for path in (run / "trials").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="damaged"):
        unpack(run)


def test_a_record_that_cannot_be_read_is_left_out(run: Path) -> None:
    (run / "trials" / f"{TRIALS[0].id}.json").write_text("{")
    with zipfile.ZipFile(pack(run)) as archive:
        assert sorted(archive.namelist()) == sorted(f"{trial.id}.json" for trial in TRIALS[1:])
