"""What is fuzzed: of each kind of input good ones, how a program reads it, and its errors."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from study import learners
from study.analysis.table import trials_table
from study.data import npz, pickles
from study.data.reference import DatasetRef
from study.errors import UserError
from study.request import REQUEST_FILE, Asked, Request, load, save
from study.settings.config import configure, parse_setting, read_grid
from study.trials import running
from study.trials.pack import PACKED, pack, unpack
from study.trials.store import Store
from study.trials.trial import Outcome, Trial
from tests.fuzz.mutate import mutated

TRIALS = [
    Trial("study.procedures.learning:run", "linear", DatasetRef("digits"), {"size": (1, 2)}, seed)
    for seed in range(3)
]


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Parameters
    ----------
    good
        Inputs that are accepted.
    read
        Reads an input in an empty folder, as users do.
    errors
        What it may raise.
    """

    good: Callable[[], list[bytes]]
    read: Callable[[bytes, Path], object]
    errors: tuple[type[Exception], ...]


def _arrays() -> list[dict[str, np.ndarray]]:
    labels = np.arange(30) % 2
    split = np.array(["train"] * 16 + ["validation"] * 7 + ["test"] * 7)
    times = {"time_s": np.linspace(0, 0.1, 60), "offsets": np.arange(31) * 2, "labels": labels,
             "duration_s": np.float64(0.1)}  # fmt: skip
    return [
        {"images": np.zeros((30, 2, 2), np.uint8), "labels": labels, "split": split},
        {
            "traces": np.zeros((30, 3, 2), ">f4"),
            "labels": labels.astype("u1"),
            "dt_s": np.float32(1),
        },
        {**times, "unit": np.arange(60) % 5, "n_units": np.int64(5)},
        {**times, "x": np.arange(60) % 5, "y": np.arange(60) % 3, "shape": np.array([3, 5])},
    ]


def _npz() -> list[bytes]:
    found = []
    for save_ in (np.savez, np.savez_compressed):
        for arrays in _arrays():
            stream = io.BytesIO()
            save_(stream, **arrays)
            found.append(stream.getvalue())
    return found


def _read_npz(content: bytes, folder: Path) -> None:
    path = folder / "mine.npz"
    path.write_bytes(content)
    npz.load(npz.reference(path))


WHOLE = bytes(range(64))


def _read_members(content: bytes, folder: Path) -> None:
    """Change the arrays inside a whole archive: its checksums are right then."""
    rng = np.random.default_rng(list(content[:16]))
    with zipfile.ZipFile(folder / "in.zip", "w") as archive:
        for name, values in _arrays()[rng.integers(4)].items():
            stream = io.BytesIO()
            np.lib.format.write_array(stream, np.asanyarray(values))
            whole = stream.getvalue()
            kept = content == WHOLE or rng.integers(2)
            archive.writestr(f"{name}.npy", whole if kept else mutated(whole, rng))
    _read_npz((folder / "in.zip").read_bytes(), folder)


def _pickles() -> list[bytes]:
    record = {"letter": "A", "taxel_data": np.arange(24.0).reshape(2, 12), "n": np.float32(1)}
    return [pickle.dumps([record, (1, None, True, "a")], protocol) for protocol in (3, 4)]


GRID = b"""
seed = [1, 2]
[surrogate]
slope = [5, 25.5]
hidden = 100
recurrent = true
[mlp]
hidden = [10, 20]
[diehl-cook]
rule = ["power", "triplet"]
[linear]
inverse_penalties = [[0.1, 1], [10]]
"""


def _read_toml(content: bytes, folder: Path) -> None:
    (folder / "grid.toml").write_bytes(content)
    _apply(read_grid(folder / "grid.toml"))


def _apply(settings: tuple) -> None:
    for name, entry in learners.known().items():
        configure(entry.preset("quick", "digits"), name, settings)


def _settings() -> list[bytes]:
    texts = []
    for name, entry in learners.known().items():
        for key, value in vars(entry.preset("quick", "digits")).items():
            shown = json.dumps(value) if isinstance(value, tuple) else str(value)
            texts.append(f"{name}.{key}={shown},{shown}".encode())
    return texts


def _read_setting(content: bytes, _: Path) -> None:
    _apply((parse_setting(content.decode(errors="surrogateescape")),))


def _store(folder: Path) -> Store:
    store = Store(folder / "trials")
    store.prepare()
    for trial in TRIALS[:2]:
        store.put_done(trial, Outcome({"a": 1.5, "b": [1, 2]}, {"c": np.arange(3.0)}), {"cpu": "x"})
    store.put_failed(TRIALS[2], {"type": "E", "message": "m", "traceback": "t"}, {"plugins": {}})
    return store


def _in_folder(make: Callable[[Path], list[Path]]) -> list[bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        return [path.read_bytes() for path in make(Path(name))]


def _records() -> list[bytes]:
    return _in_folder(lambda folder: [_store(folder).folder / f"{t.id}.json" for t in TRIALS])


def _read_record(content: bytes, folder: Path) -> None:
    (folder / "trials").mkdir()
    for trial in TRIALS:
        (folder / "trials" / f"{trial.id}.json").write_bytes(content)
    (folder / "trials" / "foreign.json").write_bytes(content)
    _use(Store(folder / "trials"))


def _use(store: Store) -> None:
    """Use records as `status` and reports do."""
    records = [*store.everything(), *store.records(TRIALS).values()]
    trials_table({"compare": records})
    for record in records:
        str(record.trial.label)
        record.whole, record.provenance.get("plugins", {}).items()


def _packs() -> list[bytes]:
    def make(folder: Path) -> list[Path]:
        _store(folder)
        return [pack(folder)]

    return _in_folder(make)


def _read_pack(content: bytes, folder: Path) -> None:
    (folder / PACKED).write_bytes(content)
    unpack(folder)
    _use(Store(folder / "trials"))


def _requests() -> list[bytes]:
    def make(folder: Path) -> list[Path]:
        request = Request(
            "quick", 2, (DatasetRef("mnist"),), ("linear",), (parse_setting("a=1,2"),)
        )
        save(folder, Asked(request, ["compare"], "command", {"compare": TRIALS}))
        return [folder / REQUEST_FILE]

    return _in_folder(make)


def _read_request(content: bytes, folder: Path) -> None:
    (folder / REQUEST_FILE).write_bytes(content)
    asked = load(folder)
    asked.request.command("compare")
    for members in (asked.plan or {}).values():
        [trial.config_id for trial in members]


def _read_running(content: bytes, folder: Path) -> None:
    for name in (".run~host~1~running.json", ".run~host~1~a~running.json"):
        (folder / name).write_bytes(content)
    assert running.last_workers(folder) < 1e300
    running.running(folder)


def _checkpoints() -> list[bytes]:
    from study.learners.rectifier import network, to_bytes
    from study.learners.rectifier_config import RectifierConfig

    return [to_bytes(network(RectifierConfig(), (4, 4), 3))]


def _read_checkpoint(content: bytes, _: Path) -> None:
    from study.learners.rectifier import from_bytes
    from study.learners.rectifier_config import RectifierConfig

    from_bytes(content, RectifierConfig(), (4, 4), 3)


ODD = [
    np.float64(np.nan), np.array([-1.0, np.inf]), np.zeros((0, 3)), np.array("a"),
    np.ones((2, 2, 2)), None, "text", [1.0], np.array([1 + 2j]), np.array([None]), 1e300, True,
    {"a": 1},
]  # fmt: skip


def _read_nir(content: bytes, _: Path) -> None:
    """Change nodes and edges of a graph, which a file's bytes would seldom reach."""
    import copy

    import gradsim
    from biosim.chain import conventions, read_chain

    graph = copy.deepcopy(_graph())
    rng = np.random.default_rng(list(content[:16]))
    for _ in range(0 if content == WHOLE else int(rng.integers(1, 4))):
        _change_graph(graph, rng)
    for read in (gradsim.from_nir, lambda graph: read_chain(graph, conventions.snntorch())):
        with suppress(ValueError, TypeError):
            read(graph)


@cache
def _graph() -> Any:
    import torch

    import gradsim

    shape = gradsim.NetworkConfig(n_in=4, hidden=(3,), n_out=2)
    return gradsim.to_nir(gradsim.SpikingNetwork(shape, torch.Generator().manual_seed(0)))


def _change_graph(graph: Any, rng: np.random.Generator) -> None:
    nodes = list(graph.nodes)
    node = graph.nodes[nodes[rng.integers(len(nodes))]]
    kind = rng.integers(4)
    if kind < 2 and vars(node):
        names = list(vars(node))
        setattr(node, names[rng.integers(len(names))], ODD[rng.integers(len(ODD))])
    elif kind == 2:
        graph.edges.append(tuple(nodes[rng.integers(len(nodes))] for _ in range(2)))
    elif graph.edges:
        del graph.edges[rng.integers(len(graph.edges))]


def _hdf5() -> list[bytes]:
    import h5py

    def make(folder: Path) -> list[Path]:
        with h5py.File(folder / "a.h5", "w") as file:
            times = file.create_dataset("spikes/times", (12,), h5py.vlen_dtype(np.float32))
            for sample in range(12):
                times[sample] = np.arange(sample, dtype="f4")
            file.create_dataset("labels", data=np.arange(12), compression="gzip")
        return [folder / "a.h5"]

    return _in_folder(make)


def _read_hdf5(content: bytes, folder: Path) -> None:
    """Read as the process beside this one does, of which hanging and dying are contained."""
    import h5py

    from study.data import hdf5_reader

    lists, numbers = {"spikes/times": "f"}, {"labels": "iu"}
    with h5py.File(io.BytesIO(content), "r") as file:
        for name, column in hdf5_reader._columns(file, lists, numbers).items():
            hdf5_reader._read(column, name in lists, 1 << 28)


def confirm_hdf5(content: bytes, folder: Path) -> None:
    """Read HDF5 as users do, with all that guards it."""
    from study.data import hdf5

    (folder / "a.h5").write_bytes(content)
    with (folder / "a.h5").open("rb") as stream:
        hdf5.columns(stream, {"spikes/times": "f"}, {"labels": "iu"}, 1 << 28)


RUN = b'{"workers": 3, "since": {"e9d65b5e448bca68": 1700000000.5, "a": 1}}'
KINDS = {
    "npz": Kind(_npz, _read_npz, (UserError,)),
    "arrays in npz": Kind(lambda: [WHOLE], _read_members, (UserError,)),
    "pickles": Kind(_pickles, lambda content, _: pickles.load(io.BytesIO(content)), (ValueError,)),
    "toml": Kind(lambda: [GRID], _read_toml, (UserError,)),
    "settings": Kind(_settings, _read_setting, (UserError,)),
    "records": Kind(_records, _read_record, ()),
    "packs": Kind(_packs, _read_pack, (UserError,)),
    "requests": Kind(_requests, _read_request, (UserError,)),
    "running files": Kind(lambda: [RUN], _read_running, ()),
    "checkpoints": Kind(_checkpoints, _read_checkpoint, (ValueError, RuntimeError)),
    "nir": Kind(lambda: [WHOLE], _read_nir, ()),
    "hdf5": Kind(_hdf5, _read_hdf5, (Exception,)),
}
CONFIRM = {"hdf5": confirm_hdf5}
"""How an input is read again that ended or stopped the process: nothing else may come of it."""
