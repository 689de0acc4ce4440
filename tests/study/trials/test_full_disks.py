"""A disk that fills up, at ten sizes: told, nothing lost, and it goes on when there is room."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from study.data.reference import DataAccess
from study.errors import UserError
from study.trials.executor import open_workers
from study.trials.store import Store, serves
from study.trials.sweep import missing, sweep
from study.trials.trial import Trial
from study.trials.watch import Limits

HERE = Path(__file__).parent
N_TRIALS, N_WORKERS = 12, 2


@pytest.fixture
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={request.param}k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("small disks need root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def computed(log: Path) -> int:
    return sum(len(path.read_text().splitlines()) for path in log.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("disk", [64, 900, *range(1500, 5000, 500), 5200], indirect=True)
def test_a_full_disk_is_told_and_costs_what_was_in_flight(
    disk: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.syspath_prepend(str(HERE))
    log = tmp_path / "log"
    log.mkdir()
    monkeypatch.setenv("TRIALS_LOG", str(log))
    store = Store(disk / "trials")
    store.prepare()
    config = {"megabytes": 0.5}
    trials = [Trial("sweep_procedures:large", "n", None, config, seed) for seed in range(N_TRIALS)]

    def run() -> None:
        with open_workers(N_WORKERS, None, Limits()) as workers:
            sweep(missing(trials, store), store, workers, DataAccess(), [])

    with pytest.raises(UserError, match="No space left on device"):
        run()
    kept = store.records(trials)
    assert all(serves(record) for record in kept.values())
    assert computed(log) - len(kept) <= N_WORKERS
    with suppress(UserError):
        run()
    assert computed(log) - len(store.records(trials)) <= 2 * N_WORKERS
    again = store.records(trials)
    assert {name: again[name].provenance for name in kept} == {
        name: record.provenance for name, record in kept.items()
    }
    subprocess.run(["mount", "-o", "remount,size=20m", str(disk)], check=True)
    run()
    assert all(serves(record) for record in store.records(trials).values())
    assert len(store.records(trials)) == N_TRIALS
    assert {path.suffix for path in store.folder.iterdir()} == {".json", ".npz"}
    print(f"{computed(log)} runs of {N_TRIALS}; {len(kept)} fitted")  # noqa: T201
