"""What a record names is what was written, or is told; what is packed comes back."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from study.errors import UserError
from study.trials.pack import pack, unpack
from study.trials.store import Store, serves
from study.trials.sweep import SMALL, missing
from study.trials.trial import Lacking, Outcome, Record, Trial

TRIAL = Trial("m:f", "x", None, {"size": 3}, 0)
OUTCOME = Outcome({"v": 1.25, "w": [1, 2]}, {"a": np.arange(9.0)}, {"network.nir": b"net"})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "trials")
    made.prepare()
    made.put_done(TRIAL, OUTCOME, {"cpu": "one"})
    return made


def found(store: Store) -> Record:
    record = store.get(TRIAL)
    assert record is not None
    return record


def test_every_flipped_bit_of_numbers_arrays_and_files_is_found(store: Store) -> None:
    rng = np.random.default_rng(0)
    whole = {path: path.read_bytes() for path in store.folder.iterdir()}
    told = json.loads(whole[store.folder / f"{TRIAL.id}.json"])
    for _ in range(400):
        path = list(whole)[rng.integers(len(whole))]
        content = bytearray(whole[path])
        content[rng.integers(len(content))] ^= 1 << rng.integers(8)
        path.write_bytes(content)
        record = store.get(TRIAL)
        if record is not None and serves(record):  # white space, or what the digest is called
            again = json.loads(content)
            numbers = told.keys() - {"digest", "seal"}
            assert all(again[name] == told[name] for name in numbers)
        path.write_bytes(whole[path])
    assert serves(found(store))


def test_damaged_arrays_are_lacking_and_run_again(store: Store) -> None:
    path = store.folder / f"{TRIAL.id}.npz"
    np.savez_compressed(path, a=np.arange(8.0))  # whole, but not what was written
    with pytest.raises(Lacking, match="arrays that can be read"):
        _ = found(store).arrays
    assert missing([TRIAL], store) == [TRIAL]


def test_of_large_files_only_the_size_is_looked_at_until_they_are_read(store: Store) -> None:
    other = dataclasses.replace(TRIAL, seed=1)
    store.put_done(other, Outcome({}, {}, {"large.bin": bytes(SMALL + 1)}), {})
    path = store.folder / f"{other.id}.large.bin"
    path.write_bytes(b"1" + bytes(SMALL))
    assert missing([other], store) == []
    need = dataclasses.replace(TRIAL, seed=2, needs=(other,))
    assert missing([need], store) == [other, need]
    path.write_bytes(bytes(SMALL))
    assert missing([other], store) == [other]


def test_older_records_without_digests_are_taken_as_they_are(store: Store) -> None:
    path = store.folder / f"{TRIAL.id}.json"
    entry = json.loads(path.read_text())
    del entry["digest"], entry["kept"]
    path.write_text(json.dumps(entry))
    assert found(store).outcome().files == OUTCOME.files
    assert found(store).arrays["a"].tolist() == OUTCOME.arrays["a"].tolist()
    assert missing([TRIAL], store) == []
    (store.folder / f"{TRIAL.id}.npz").write_bytes(b"PK")
    assert missing([TRIAL], store) == [TRIAL]


@pytest.mark.parametrize("suffix", ["json", "npz", "../x", "a/b", "", "a\0b"])
def test_names_that_are_no_endings_of_files_are_refused(store: Store, suffix: str) -> None:
    before = {path.name for path in store.folder.iterdir()}
    other = dataclasses.replace(TRIAL, seed=1)
    with pytest.raises(ValueError, match="file"):
        store.put_done(other, Outcome({}, {}, {suffix: b""}), {})
    assert {path.name for path in store.folder.iterdir()} == before


def test_nothing_outside_the_folder_is_read(store: Store) -> None:
    (store.folder.parent / "secret").write_bytes(b"secret")
    path = store.folder / f"{TRIAL.id}.json"
    entry = json.loads(path.read_text())
    del entry["digest"]
    entry["kept"]["x"] = {"name": "../secret", "bytes": 6, "sha256": None}
    path.write_text(json.dumps(entry))
    assert store.get(TRIAL) is None
    entry["kept"]["x"]["name"] = f"{TRIAL.id}./../../secret"
    path.write_text(json.dumps(entry))
    assert store.get(TRIAL) is None


def test_records_that_need_one_another_end(store: Store) -> None:
    for name, need in (("a" * 16, "b" * 16), ("b" * 16, "a" * 16)):
        entry = TRIAL.canonical() | {"needs": [need, need], "status": "done"}
        (store.folder / f"{name}.json").write_text(json.dumps(entry))
    assert [record.trial.id for record in store.everything()] == [TRIAL.id]


def test_what_is_gone_comes_back_from_the_pack(store: Store) -> None:
    pack(store.folder.parent)
    (store.folder / f"{TRIAL.id}.npz").unlink()
    assert found(store).gone == [f"{TRIAL.id}.npz"]
    assert unpack(store.folder.parent) == 1
    assert serves(found(store))
    (store.folder / f"{TRIAL.id}.json").write_text("{")
    assert unpack(store.folder.parent) == 1
    assert found(store).arrays["a"].tolist() == OUTCOME.arrays["a"].tolist()
    assert unpack(store.folder.parent) == 0


def test_unpack_takes_all_that_pack_writes(store: Store, tmp_path: Path, monkeypatch) -> None:
    """Of files that only look like records nothing is packed; of too many, all is refused."""
    for name in (f"{TRIAL.id}.json.json", "0123456789abcdef.json", f"{'f' * 16}.json"):
        (store.folder / name).write_text((store.folder / f"{TRIAL.id}.json").read_text())
    (store.folder / f"{'e' * 16}.json").write_text("[" * 100_000)
    packed = pack(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    packed.rename(other / packed.name)
    assert unpack(other) == 1
    (alone,) = Store(other / "trials").everything()
    assert alone.arrays["a"].tolist() == OUTCOME.arrays["a"].tolist()
    monkeypatch.setattr("study.trials.pack.LARGEST", 100)
    with pytest.raises(UserError, match="of more than 100 bytes"):
        pack(tmp_path)


def test_unpacking_hollows_nothing_that_another_command_is_about_to_place(store: Store) -> None:
    pack(store.folder.parent)
    arrays = store.folder / f"{TRIAL.id}.npz"
    (store.folder / f"{TRIAL.id}.json").unlink()
    arrays.write_bytes(b"of an attempt that goes on")
    assert unpack(store.folder.parent) == 1
    assert arrays.read_bytes() == b"of an attempt that goes on"
    assert serves(dataclasses.replace(found(store), provenance={}))


def test_a_new_record_takes_no_file_of_its_own_away_with_the_old_ones(store: Store) -> None:
    (store.folder / f"{TRIAL.id}.npz").unlink()
    again = store.put_done(TRIAL, dataclasses.replace(OUTCOME, arrays={"a": np.zeros(2)}), {})
    assert again.arrays["a"].tolist() == [0, 0]
    assert serves(found(store))
    assert len(list(store.folder.iterdir())) == 3


def test_the_same_outcome_heals_the_first_record(store: Store) -> None:
    (store.folder / f"{TRIAL.id}.npz").unlink()
    again = store.put_done(TRIAL, OUTCOME, {"cpu": "two"})
    assert again.provenance["cpu"] == "one"
    assert serves(found(store))
    assert len(list(store.folder.iterdir())) == 3
