import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradsim.events import SpikeEvents, from_raster, raster

COUNTS = hnp.arrays(
    np.int64, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6), elements=st.integers(0, 2)
)


@given(COUNTS)
def test_a_raster_of_the_events_of_a_raster_is_the_same_raster(dense):
    events = from_raster(torch.tensor(dense))
    assert events.counts.tolist() == dense.sum(axis=(0, 2)).tolist()
    assert np.array_equal(raster(events, torch.float64).numpy(), dense)


@pytest.mark.parametrize("strange", [0.5, -1.0, float("nan"), float("inf"), 1e12])
def test_a_raster_of_other_values_than_counts_is_refused(strange):
    dense = torch.zeros(2, 3, 4)
    dense[1, 2, 0] = strange
    with pytest.raises(ValueError, match="must hold numbers of spikes"):
        from_raster(dense)


def test_a_raster_of_booleans_is_one_of_counts():
    dense = torch.tensor([[[True, False], [False, False]]])
    assert from_raster(dense.transpose(0, 2)).offsets.tolist() == [0, 1, 1]


@given(COUNTS, st.data())
def test_taking_samples_is_indexing_the_batch_axis(dense, data):
    n_samples = dense.shape[1]
    index = np.array(data.draw(st.lists(st.integers(0, n_samples - 1), max_size=5)), int)
    taken = from_raster(torch.tensor(dense)).take(index)
    assert np.array_equal(raster(taken).numpy(), dense[:, index])


def test_arrays_may_have_gaps_in_memory():
    columns = np.array([[2, 0], [0, 1], [1, 1], [2, 0]])
    events = SpikeEvents(columns[:, 0], columns[:, 1], np.array([0, 1, 4]), 2, 3)
    taken = events.take(np.array([1]))
    assert taken.step.tolist() == [0, 1, 2]
    assert taken.unit.tolist() == [1, 1, 0]


def test_events_land_in_their_own_cells():
    events = SpikeEvents(np.array([3, 0, 2]), np.array([1, 0, 1]), np.array([0, 1, 1, 3]), 2, 4)
    dense = raster(events)
    assert dense.dtype == torch.float32
    assert dense.nonzero().tolist() == [[0, 2, 0], [2, 2, 1], [3, 0, 1]]


@pytest.mark.parametrize(
    ("step", "unit", "offsets", "message"),
    [
        ([4], [0], [0, 1], r"step must lie in 0\.\.3, not 4"),
        ([0], [-1], [0, 1], r"unit must lie in 0\.\.1, not -1"),
        ([0.5], [0], [0, 1], "step must be integers"),
        ([0, 1], [0], [0, 2], "2 steps for 1 units"),
        ([0], [0], [0, 2], "offsets must rise"),
        ([0, 0], [0, 0], [0, 2, 1, 2], "offsets must rise"),
        ([0], [0], [], "offsets must rise"),
    ],
)
def test_broken_events_are_refused_with_the_rule_they_break(step, unit, offsets, message):
    with pytest.raises(ValueError, match=message):
        SpikeEvents(np.array(step), np.array(unit), np.array(offsets, int), 2, 4)
