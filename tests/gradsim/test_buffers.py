"""Memory that is used again, and never while something refers to it."""

import gc
import queue
import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradsim.kernels import buffers

LARGE = (3, buffers.SMALL)


def address(array):
    return array.__array_interface__["data"][0]


@given(
    st.lists(st.integers(0, 80), min_size=1, max_size=3).map(tuple),
    st.sampled_from([np.int16, np.float32, np.float64]),
)
def test_an_array_has_the_shape_and_type_asked_for_and_can_be_filled(shape, dtype):
    array = buffers.empty(shape, dtype)
    assert array.shape == shape
    assert array.dtype == dtype
    array[...] = 7
    assert (array == 7).all()
    assert buffers.empty(shape[0], dtype).shape == shape[:1]


def test_memory_is_used_again_when_nothing_refers_to_it_whatever_the_type():
    first = buffers.empty(LARGE, np.float64)
    place = address(first)
    del first
    assert address(buffers.empty(2 * 3 * buffers.SMALL, np.float32)) == place


def test_large_arrays_begin_on_a_huge_page_and_small_ones_leave_the_pool_alone():
    large = buffers.empty(buffers.SMALL, np.uint8)
    place = address(large)
    assert place % buffers.HUGE_PAGE == 0
    del large
    small = [buffers.empty(buffers.SMALL - 1, np.uint8) for _ in range(2)]
    assert place not in [address(array) for array in small]
    assert address(buffers.empty(buffers.SMALL, np.uint8)) == place


@pytest.mark.parametrize(
    "hold",
    [
        lambda array: array,
        lambda array: array[1:, ::2],
        lambda array: array.reshape(-1)[5:].view(np.int32),
        lambda array: torch.from_numpy(array),
        lambda array: torch.from_numpy(array)[2].t(),
        lambda array: memoryview(array),
    ],
    ids=["itself", "view", "view of another type", "tensor", "view of a tensor", "memoryview"],
)
def test_memory_is_not_used_again_while_anything_refers_to_it(hold):
    array = buffers.zeros(LARGE, np.float32)
    place = address(array)
    held = hold(array)
    del array
    gc.collect()
    others = [buffers.empty(LARGE, np.float32) for _ in range(3)]
    assert place not in [address(other) for other in others]
    for other in others:
        other.fill(1)
    assert not np.asarray(held).any()
    del held
    assert address(buffers.empty(LARGE, np.float32)) == place


def test_zeros_are_zeros_on_used_memory():
    buffers.empty(LARGE, np.float32).fill(np.nan)
    assert not buffers.zeros(LARGE, np.float32).any()


def test_no_more_memory_is_taken_than_is_held_at_once():
    places = set()
    for _ in range(10):
        pair = [buffers.empty(LARGE, np.float32) for _ in range(2)]
        places.update(map(address, pair))
        del pair
    assert len(places) == 2


def test_threads_never_receive_the_same_memory():
    clashes = []

    def work(number):
        for _ in range(200):
            array = buffers.empty(LARGE, np.uint8)
            array[:, ::4096] = number
            if (array[:, ::4096] != number).any():
                clashes.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not clashes


def waiting():
    return sum(pages * len(blocks) for pages, blocks in buffers._free.items())


def test_memory_that_waits_is_bounded_by_what_was_in_use_at_once_whatever_sizes_come():
    buffers.release()
    most = 0
    for n_pages in range(1, 40):
        held = [buffers.empty(n_pages * buffers.HUGE_PAGE, np.uint8) for _ in range(2)]
        most = 2 * n_pages
        del held
        assert waiting() <= buffers.SPARE * most


def test_memory_that_is_not_needed_any_more_goes_back():
    buffers.release()
    buffers.empty(50 * buffers.HUGE_PAGE, np.uint8)
    assert waiting() == 50
    for _ in range(buffers.RECENT + 1):
        buffers.empty(LARGE, np.uint8)
    assert waiting() <= 2
    buffers.release()
    assert waiting() == 0


def test_a_size_that_is_used_again_and_again_stays_when_others_go():
    buffers.release()
    place = address(buffers.empty(10 * buffers.HUGE_PAGE, np.uint8))
    for n_pages in range(1, 9):
        buffers.empty(n_pages * buffers.HUGE_PAGE, np.uint8)
        assert address(buffers.empty(10 * buffers.HUGE_PAGE, np.uint8)) == place


def test_memory_is_bounded_also_where_one_thread_takes_and_another_gives_back():
    buffers.release()
    taken = queue.Queue(maxsize=2)
    giver = threading.Thread(target=lambda: [None for _ in iter(taken.get, None)])
    giver.start()
    for n_pages in range(1, 60):
        taken.put([buffers.empty(n_pages * buffers.HUGE_PAGE, np.uint8)])
    taken.put(None)
    giver.join()
    assert not buffers._in_use
    assert waiting() <= buffers.SPARE * 5 * 60
