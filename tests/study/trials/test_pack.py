"""A packed run is the run: its records and arrays come back as they were."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from study.errors import UserError
from study.trials.pack import PACKED, _check_room, pack, unpack
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


def stranger(folder: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(folder / PACKED, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{TRIALS[0].id}.{name}", content)
    return folder


def test_many_files_that_would_fill_the_disk_are_refused(run: Path, monkeypatch) -> None:
    pack(run)
    shutil.rmtree(run / "trials")
    for limit, value, told in (
        ("MOST", 2, "4 files"),
        ("RATIO", 0, "would become"),
        ("_check_room", lambda out, total: _check_room(out, total + 2**60), "left"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr("study.trials.pack.SLACK", 0)
            patched.setattr(f"study.trials.pack.{limit}", value)
            with pytest.raises(UserError, match=told):
                unpack(run)
    assert not (run / "trials").exists()
    assert unpack(run) == 3


@pytest.mark.parametrize(
    "members",
    [
        {"json": b"{}"},
        {"json": b"[" * 10**5},
        {"json": b"\xff"},
        {"npz": b"no arrays"},
        {"seed": 7},
    ],
)
def test_what_is_no_record_is_not_written(run: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(pack(run)) as archive:
        whole = {"json": archive.read(f"{TRIALS[0].id}.json")}
    shutil.rmtree(run / "trials")
    if "seed" in members:  # the record of another trial
        members = {"json": whole["json"].replace(b'"seed": 0', b'"seed": 7')}
    assert unpack(stranger(run, **whole | members)) == 0
    assert not list((run / "trials").iterdir())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_refused(run: Path) -> None:
    with zipfile.ZipFile(pack(run), "a") as archive:
        archive.writestr(f"{TRIALS[0].id}.json", "{}")
    with pytest.raises(UserError, match="5 files"):
        unpack(run)


def test_what_pack_would_write_and_unpack_refuse_is_told_by_pack(run: Path, monkeypatch) -> None:
    monkeypatch.setattr("study.trials.pack.MOST", 2)
    with pytest.raises(UserError, match="4 files"):
        pack(run)


def test_a_record_whose_arrays_are_damaged_is_left_out(run: Path) -> None:
    (run / "trials" / f"{TRIALS[0].id}.npz").write_bytes(b"PK")
    with zipfile.ZipFile(pack(run)) as archive:
        assert not [name for name in archive.namelist() if name.startswith(TRIALS[0].id)]


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
