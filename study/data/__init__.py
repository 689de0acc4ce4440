"""Data sets by name: one loader a file, one line here; or a plug-in's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from study import plugins
from study.data.reference import DataAccess, DatasetRef
from study.data.samples import Dataset
from study.errors import UserError, unknown

if TYPE_CHECKING:
    from study.data.fetch import RemoteFile


_noted: ContextVar[dict[str, str] | None] = ContextVar("_noted", default=None)


@dataclass(frozen=True)
class DatasetEntry:
    """A data set that is known by name.

    Parameters
    ----------
    kind
        ``"images"``, ``"events"`` or ``"traces"``.
    summary
        One line for `list`.
    load
        Returns the data set; imports its loader when called.
    files
        Returns the published files; None for data that need none.
    task
        Kind of task: ``"classes"``, ``"symbols"`` or ``"signals"``; see `study.data.task`.
    pinned
        Whether its content follows from published checksums or from this code; see `is_pinned`.
    """

    kind: str
    summary: str
    load: Callable[[DataAccess], Dataset]
    files: Callable[[], list[RemoteFile]] | None = None
    task: str = "classes"
    pinned: bool = True


def _digits(access: DataAccess) -> Dataset:
    from study.data import digits

    return digits.load(access)


def _randman(_access: DataAccess) -> Dataset:
    from study.data import randman

    return randman.generate()


def _randman_shuffled(_access: DataAccess) -> Dataset:
    from study.data import randman

    return randman.generate(shuffle_times=True)


def _store_recall(_access: DataAccess) -> Dataset:
    from study.data import store_recall

    return store_recall.generate()


def _store_recall_shuffled(_access: DataAccess) -> Dataset:
    from study.data import store_recall

    return store_recall.generate(shuffle_bits=True)


def _parity(_access: DataAccess) -> Dataset:
    from study.data import parity

    return parity.generate()


def _reber(_access: DataAccess) -> Dataset:
    from study.data import reber

    return reber.generate()


def _idx(name: str, access: DataAccess) -> Dataset:
    from study.data import idx

    return idx.load(idx.SOURCES[name], access)


def _idx_files(name: str) -> list[RemoteFile]:
    from study.data import idx

    return list(idx.SOURCES[name].files.values())


def _idx_entry(name: str, summary: str) -> DatasetEntry:
    return DatasetEntry("images", summary, partial(_idx, name), partial(_idx_files, name))


def _heidelberg(name: str, access: DataAccess) -> Dataset:
    from study.data import heidelberg

    return heidelberg.load(heidelberg.SOURCES[name], access)


def _heidelberg_files(name: str) -> list[RemoteFile]:
    from study.data import heidelberg

    source = heidelberg.SOURCES[name]
    return [source.train, source.test]


def _heidelberg_entry(name: str, summary: str) -> DatasetEntry:
    return DatasetEntry(
        "events",
        summary,
        partial(_heidelberg, name),
        partial(_heidelberg_files, name),
        pinned=name != "hd-spikes",
    )


def _tbl(access: DataAccess) -> Dataset:
    from study.data import tbl

    return tbl.load(access)


def _tbl_files() -> list[RemoteFile]:
    from study.data import tbl

    return [tbl.FILE]


def _nmnist(access: DataAccess) -> Dataset:
    from study.data import nmnist

    return nmnist.load(access)


def _nmnist_files() -> list[RemoteFile]:
    from study.data import nmnist

    return [nmnist.TRAIN, nmnist.TEST]


DATASETS: dict[str, DatasetEntry] = {
    "digits": DatasetEntry("images", "1,797 handwritten digits 8x8, embedded", _digits),
    "randman": DatasetEntry("events", "random manifolds coded in spike times, generated", _randman),
    "randman-shuffled": DatasetEntry(
        "events", "control: randman with its spike times shuffled", _randman_shuffled
    ),
    "store-recall": DatasetEntry(
        "events", "a bit to be remembered for seconds, generated", _store_recall, task="symbols"
    ),
    "store-recall-shuffled": DatasetEntry(
        "events",
        "control: store-recall with the bits that it asks for shuffled",
        _store_recall_shuffled,
        task="symbols",
    ),
    "parity": DatasetEntry(
        "traces", "whether ones so far are odd, up to 64 bits, generated", _parity, task="symbols"
    ),
    "reber": DatasetEntry(
        "traces", "what may follow in strings of a grammar, generated", _reber, task="symbols"
    ),
    "mnist": _idx_entry("mnist", "60,000 + 10,000 digits 28x28"),
    "fashion-mnist": _idx_entry("fashion-mnist", "60,000 + 10,000 garments 28x28"),
    "shd": _heidelberg_entry("shd", "8,156 + 2,264 spoken digits as spikes of 700 units"),
    "hd-spikes": _heidelberg_entry(
        "hd-spikes", "the audio of shd turned into spikes anew: not the official files"
    ),
    "nmnist": DatasetEntry(
        "events", "60,000 + 10,000 digits seen by an event camera", _nmnist, _nmnist_files
    ),
    "tbl": DatasetEntry(
        "traces", "1,350 traces of a fingertip reading 27 Braille letters", _tbl, _tbl_files
    ),
}


def known() -> dict[str, DatasetEntry]:
    """Return all data sets by name, those of plug-ins too."""
    return plugins.joined("DATASETS", DATASETS, DatasetEntry, "a study.data.DatasetEntry")


def find(name: str) -> DatasetEntry:
    """Return the data set of a name.

    Raises
    ------
    UserError
        If there is none.
    """
    found = known()
    if name not in found:
        raise unknown("data set", name, [*found, "FILE.npz"])
    return found[name]


def parse(name: str) -> DatasetRef:
    """Return the reference for a known name or for a path to a user's ``.npz`` file.

    Raises
    ------
    UserError
        If it is neither.
    """
    if name.endswith(".npz"):
        from study.data import npz

        return npz.reference(Path(name))
    find(name)
    return DatasetRef(name)


def kind(ref: DatasetRef) -> str:
    """Return ``"images"``, ``"events"`` or ``"traces"``.

    Raises
    ------
    UserError
        If it is of a plug-in that is not known.
    """
    return ref.kind or find(ref.name).kind


def task(ref: DatasetRef) -> str:
    """Return the kind of task that a data set asks for; a user's own file asks for classes."""
    return "classes" if ref.kind else find(ref.name).task


def is_pinned(ref: DatasetRef) -> bool:
    """Whether a name stands for the same content always, as that of files laid by hand does not."""
    if ref.sha256 is not None:
        return True
    return find(ref.name).pinned and plugins.owner("DATASETS", ref.name) is None


@contextmanager
def noting() -> Iterator[dict[str, str]]:
    """Yield what is loaded in this block, by name, as digests of content; it fills as it goes."""
    noted: dict[str, str] = {}
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


def load(ref: DatasetRef, access: DataAccess) -> Dataset:
    """Return the data set.

    Raises
    ------
    UserError
        If its files are missing or damaged.
    """
    dataset = _load(ref, access)
    if (noted := _noted.get()) is not None:
        from study.data.content import content

        noted[ref.name] = dataset.checksum if is_pinned(ref) else content(dataset)
    return dataset


def _load(ref: DatasetRef, access: DataAccess) -> Dataset:
    if access.shared is not None:
        from study.data import shared

        if (found := shared.find(ref, access.shared)) is not None:
            return found
    if ref.path is None:
        return _checked(ref.name, find(ref.name).load(access))
    from study.data import npz

    if npz.reference(Path(ref.path)).sha256 != ref.sha256:
        raise UserError(f"data file {ref.path} changed since it was named; start the command again")
    return npz.load(ref)


def _checked(name: str, dataset: object) -> Dataset:
    if not isinstance(dataset, Dataset):
        raise UserError(
            f"data set {name}: its load returned {type(dataset).__name__}, not a "
            "study.data.samples.Dataset"
        )
    return dataset
