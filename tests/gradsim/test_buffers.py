"""Memory that is used again, and never while something refers to it."""

import gc
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
