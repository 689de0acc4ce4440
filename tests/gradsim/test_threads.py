"""Threads of the compiled loops: every sample once, and PyTorch's left as they were."""

from __future__ import annotations

import multiprocessing
import os
import threading
from itertools import pairwise

import pytest
import torch

from gradsim.kernels.orders import GROUP
from gradsim.kernels.threads import MORE, in_parallel, lent_by_torch


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def ranges(n_samples: int) -> list[tuple[int, int]]:
    return in_parallel(lambda first, last: (first, last), n_samples)


@pytest.mark.parametrize("n_samples", [1, GROUP, GROUP + 1, 5 * GROUP - 3, 1000])
def test_parts_are_whole_groups_and_hold_every_sample_once(n_samples: int) -> None:
    found = ranges(n_samples)
    assert len(found) == min(3, -(-n_samples // GROUP))
    assert found[0][0] == 0
    assert found[-1][1] == n_samples
    for (_, last), (first, _) in pairwise(found):
        assert last == first
        assert first % GROUP == 0


def test_parts_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=10)
    assert sorted(in_parallel(lambda first, last: meeting.wait(), 1000)) == [0, 1, 2]


def test_loops_keep_their_threads_while_pytorch_has_one() -> None:
    with lent_by_torch():
        assert torch.get_num_threads() == 1
        assert len(ranges(1000)) == 3
        with lent_by_torch():
            assert len(ranges(1000)) == 3
        assert len(ranges(1000)) == 3
    assert torch.get_num_threads() == 3


def test_pytorch_has_its_threads_again_after_an_error() -> None:
    def fail(first: int, last: int) -> None:
        raise ValueError(f"{first}:{last}")

    with pytest.raises(ValueError, match="0:"), lent_by_torch():
        in_parallel(fail, 1000)
    assert torch.get_num_threads() == 3
    assert len(ranges(1000)) == 3


def test_threads_do_not_add_up_over_the_numbers_of_parts() -> None:
    before = threading.active_count()
    for n_threads in range(2, 40):
        torch.set_num_threads(n_threads)
        assert len(ranges(1000)) == n_threads
    assert threading.active_count() - before <= (os.cpu_count() or 1) + MORE


def test_pytorch_has_its_threads_again_whichever_of_two_threads_ends_first() -> None:
    inside, done, found = threading.Event(), threading.Event(), []

    def other() -> None:
        with lent_by_torch():
            inside.set()
            done.wait(10)
            found.append(len(ranges(1000)))
        found.append(torch.get_num_threads())

    with lent_by_torch():
        thread = threading.Thread(target=other)
        thread.start()
        assert inside.wait(10)
    assert torch.get_num_threads() == 3
    done.set()
    thread.join()
    assert found == [3, 3]
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [3]


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork"
)
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own() -> None:
    assert len(ranges(1000)) == 3
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(ranges, (1000,)).get(timeout=20) == ranges(1000)
