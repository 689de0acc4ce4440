"""`data list`, `fetch` and `verify` say what is here, what is whole, and how to get the rest."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from rich.console import Console

from study import data
from study.data import fetch
from study.data.reference import DataAccess
from study.errors import UserError
from study.listing import names as listing


@pytest.fixture(autouse=True)
def _no_data_but_in_the_test_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(listing, "_console", Console(width=1000))
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path / "cache")

    def never(*_args: object, **_keywords: object) -> None:
        raise AssertionError("a test that must not download did")

    monkeypatch.setattr(fetch.pooch, "retrieve", never)


def line(text: str, name: str) -> str:
    [found] = [row for row in text.splitlines() if f"│ {name} " in row]
    return found


def place_hd_spikes(folder: Path) -> None:
    (folder / "hd-spikes").mkdir()
    for part in ("train", "test"):
        with h5py.File(folder / "hd-spikes" / f"hd_spikes_{part}.h5", "w") as file:
            for name, inner in (("times", "f2"), ("units", "u2")):
                file.create_dataset(f"spikes/{name}", (2,), h5py.vlen_dtype(np.dtype(inner)))
            file["labels"] = np.array([0, 1])
            file["extra/speaker"] = np.array([3, 0])


def test_every_data_set_is_listed_with_its_place(tmp_path, capsys) -> None:
    place_hd_spikes(tmp_path)
    assert listing.data_sets("list", [], DataAccess(tmp_path)) == 0
    text = capsys.readouterr().out
    assert all(line(text, name) for name in data.DATASETS)
    assert "embedded" in line(text, "digits")
    assert "`data fetch` downloads it" in line(text, "tbl")
    assert str(tmp_path / "hd-spikes") in line(text, "hd-spikes")


def test_a_set_without_address_is_to_be_placed_by_hand(capsys) -> None:
    listing.data_sets("list", ["hd-spikes"], DataAccess())
    assert "to be placed by hand" in capsys.readouterr().out
    assert listing.data_sets("fetch", ["hd-spikes"], DataAccess()) == 2
    assert "layout of the official SHD files" in capsys.readouterr().out


def test_content_without_published_checksum_is_said_so(tmp_path, capsys) -> None:
    place_hd_spikes(tmp_path)
    assert listing.data_sets("verify", ["hd-spikes"], DataAccess(tmp_path)) == 0
    assert "no published checksum" in capsys.readouterr().out
    assert listing.data_sets("verify", ["digits"], DataAccess(tmp_path)) == 0
    assert "published" not in capsys.readouterr().out


def test_verifying_all_minds_damage_but_not_absence(tmp_path, capsys) -> None:
    assert listing.data_sets("verify", [], DataAccess(tmp_path)) == 0
    text = capsys.readouterr().out
    assert "not here" in line(text, "shd")
    assert "https://compneuro.net" in line(text, "shd")
    assert listing.data_sets("verify", ["shd"], DataAccess(tmp_path)) == 2
    capsys.readouterr()
    (tmp_path / "tbl").mkdir()
    (tmp_path / "tbl" / "tutorial5_braille_spiking_data.pkl").write_bytes(b"")
    assert listing.data_sets("verify", [], DataAccess(tmp_path)) == 2
    assert "not whole" in line(capsys.readouterr().out, "tbl")


def test_an_unknown_data_set_is_answered_with_the_nearest(tmp_path) -> None:
    with pytest.raises(UserError, match="Did you mean 'hd-spikes'"):
        listing.data_sets("verify", ["hd_spikes"], DataAccess(tmp_path))
