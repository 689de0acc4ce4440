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
    sample, step, unit = np.array(events, int).reshape(-1, 3).T.copy()
    offsets = np.searchsorted(sample, np.arange(n_samples + 1))
    return events, SpikeEvents(step, unit, offsets, n_units, n_steps)


def sample_of(event):
    return event[0]


@given(recordings(), st.sampled_from([1, 2, 4, 96]))
def test_events_by_step_are_those_of_each_sample_and_step(recording, chunk):
    expected, events = recording
    with mock.patch.object(orders, "CHUNK", chunk):
        spikes = events.by_step
    n_chunks, size = spikes.n_chunks, -(-events.n_units // spikes.n_chunks)
    found = []
    for b in range(len(events)):
        for c in range(n_chunks):
            for t in range(events.n_steps):
                begin, end = spikes.starts[b, c * events.n_steps + t :][:2]
                units = spikes.units[begin:end].tolist()
                assert {unit // size for unit in units} <= {c}
                found += [(b, t, unit) for unit in units]
    assert sorted(found) == sorted(expected)
    assert events.by_step is spikes


def test_units_are_divided_into_chunks_only_where_many_fire_in_a_step():
    unit = np.arange(3 * orders.CHUNK)
    step, offsets = np.zeros_like(unit), np.array([0, len(unit)])
    dense, sparse = (SpikeEvents(step, unit, offsets, len(unit), n_steps) for n_steps in (1, 100))
    assert dense.by_step.n_chunks == 3
    assert sparse.by_step.n_chunks == 1


@given(recordings())
def test_events_by_unit_are_those_of_each_group_of_samples_and_unit(recording):
    expected, events = recording
    by_unit = events.by_unit
    found = []
    for g in range(len(by_unit.entries) - 1):
        of_group = range(by_unit.entries[g], by_unit.entries[g + 1])
        units = by_unit.units[of_group].tolist()
        assert len(set(units)) == len(units)
        for k in of_group:
            for row in by_unit.rows[by_unit.starts[k] : by_unit.starts[k + 1]].tolist():
                within, step = divmod(row, events.n_steps)
                assert within < by_unit.group
                found.append((g * by_unit.group + within, step, int(by_unit.units[k])))
    assert sorted(found) == sorted(expected)
    assert by_unit.group in (1, orders.GROUP)


def test_indices_beyond_sixteen_bits_are_kept():
    n_units, n_steps = 40_000, 5_000
    step, unit = np.array([n_steps - 1, 3]), np.array([n_units - 1, n_units - 1])
    events = SpikeEvents(step, unit, np.array([0, *[1] * 7, 2]), n_units, n_steps)
    assert events.by_step.units.tolist() == [n_units - 1] * 2
    assert events.by_unit.rows.tolist() == [n_steps - 1, 7 * n_steps + 3]
