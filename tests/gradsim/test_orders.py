"""The orders of event lists that the compiled loops read, against sets of Python tuples."""

from unittest import mock

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gradsim.events import SpikeEvents
from gradsim.kernels import orders


@st.composite
def recordings(draw):
    n_samples, n_units, n_steps = (draw(st.integers(1, most)) for most in (20, 6, 7))
    cell = st.tuples(
        st.integers(0, n_samples - 1), st.integers(0, n_steps - 1), st.integers(0, n_units - 1)
    )
    # Sorted by sample only, several events in a cell among them.
    events = sorted(draw(st.lists(cell, max_size=draw(st.sampled_from([10, 300])))), key=sample_of)
    columns = np.array(events, int).reshape(-1, 3).T  # each with gaps in memory
    sample, step, unit = columns.copy() if draw(st.booleans()) else columns
    offsets = np.searchsorted(sample, np.arange(n_samples + 1))
    return events, SpikeEvents(step, unit, offsets, n_units, n_steps)


def sample_of(event):
    return event[0]


def of_sums(sums, n_steps, targets_are_units):
    """Return the events of sums as sorted tuples of sample, step and unit."""
    found = []
    for g in range(len(sums.entries) - 1):
        for k in range(sums.entries[g], sums.entries[g + 1]):
            for term in sums.rows[sums.starts[k] : sums.starts[k + 1]].tolist():
                ends = int(sums.targets[k]), term
                unit, row = ends if targets_are_units else ends[::-1]
                within, step = divmod(row, n_steps)
                assert within < sums.group
                found.append((g * sums.group + within, step, unit))
    return sorted(found)


def lengths(sums, g):
    return np.diff(sums.starts[sums.entries[g] : sums.entries[g + 1] + 1])


@given(recordings(), st.sampled_from([1, 2, 4, 96]))
def test_events_by_step_are_those_of_each_sample_and_step(recording, chunk):
    expected, events = recording
    with mock.patch.object(orders, "CHUNK", chunk):
        spikes = events.by_step
    assert events.by_step is spikes
    if isinstance(spikes, orders.Sums):
        assert of_sums(spikes, events.n_steps, targets_are_units=False) == sorted(expected)
        return
    found = [
        (b, t, unit)
        for b in range(len(events))
        for t in range(events.n_steps)
        for unit in spikes.units[spikes.starts[b, t] : spikes.starts[b, t + 1]].tolist()
    ]
    assert sorted(found) == sorted(expected)


def test_units_come_chunk_by_chunk_and_shorter_sums_first_where_many_fire_in_a_step():
    rng, n_units, n_steps = np.random.default_rng(0), 3 * orders.CHUNK, 5
    step, unit = (rng.integers(0, n, 300) for n in (n_steps, n_units))
    sums = SpikeEvents(step, unit, np.array([0, 300]), n_units, n_steps).by_step
    assert isinstance(sums, orders.Sums)
    assert (np.diff(sums.rows // orders.CHUNK) >= 0).all()
    of_chunks = lengths(sums, 0).reshape(3, n_steps)
    assert (np.diff(of_chunks) >= 0).all()
    assert of_chunks[0, 0] < of_chunks[0, -1]


def test_units_are_divided_into_chunks_only_where_many_fire_in_a_step():
    unit = np.arange(3 * orders.CHUNK)
    step, offsets = np.zeros_like(unit), np.array([0, len(unit)])
    dense, sparse = (SpikeEvents(step, unit, offsets, len(unit), n_steps) for n_steps in (1, 100))
    assert isinstance(dense.by_step, orders.Sums)
    assert isinstance(sparse.by_step, orders.Spikes)


@given(recordings())
def test_events_by_unit_are_those_of_each_group_of_samples_and_unit(recording):
    expected, events = recording
    by_unit = events.by_unit
    assert of_sums(by_unit, events.n_steps, targets_are_units=True) == sorted(expected)
    for g in range(len(by_unit.entries) - 1):
        units = by_unit.targets[by_unit.entries[g] : by_unit.entries[g + 1]].tolist()
        assert len(set(units)) == len(units)
        assert (np.diff(np.minimum(lengths(by_unit, g), orders.LONGEST)) >= 0).all()
    assert by_unit.group in (2, orders.GROUP)


def test_indices_beyond_sixteen_bits_are_kept():
    n_units, n_steps = 40_000, 5_000
    step, unit = np.array([n_steps - 1, 3]), np.array([n_units - 1, n_units - 1])
    events = SpikeEvents(step, unit, np.array([0, *[1] * 7, 2]), n_units, n_steps)
    assert events.by_step.units.tolist() == [n_units - 1] * 2
    assert events.by_unit.rows.tolist() == [n_steps - 1, 7 * n_steps + 3]
