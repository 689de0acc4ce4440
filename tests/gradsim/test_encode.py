import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradsim import encode
from gradsim.encode import bin_events, delta, latency, linear_latency, rate

INTENSITIES = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=2, max_dims=3, max_side=5), elements=st.floats(0, 1)
)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_thesis_latency_of_8_bit_pixels_lies_in_steps_4_to_79(dtype):
    pixels = (np.arange(256, dtype=np.uint8) / 255).astype(dtype)[None]
    events = latency(pixels, n_steps=100)
    at = dict(zip(events.unit.tolist(), events.step.tolist(), strict=True))
    assert at[255] == 4
    assert at[52] == 79
    # Exactly the threshold, at the pole of the logarithm, where float32 may lie above it.
    assert 51 not in latency(pixels, n_steps=10_000).unit
    assert min(at) == 52
    assert len(at) == len(events.unit) == 204


def test_more_steps_only_lengthen_the_silent_tail():
    pixels = np.arange(256)[None] / 255
    grids = [latency(pixels, n_steps) for n_steps in (80, 100, 120)]
    assert all(np.array_equal(grid.step, grids[0].step) for grid in grids)
    assert all(np.array_equal(grid.unit, grids[0].unit) for grid in grids)
    assert len(latency(pixels, 40).step) < len(grids[0].step)


@given(INTENSITIES)
def test_a_latency_spike_tells_its_intensity_to_within_a_step(intensity):
    events = latency(intensity, n_steps=400, tau_s=20e-3, threshold=0.2)
    values = intensity.reshape(len(intensity), -1)
    sample = np.repeat(np.arange(len(events)), events.counts)
    x = values[sample, events.unit]
    slowest = 0.2 / (1 - np.exp(-(events.step + 1) / 20))
    assert (x >= slowest * (1 - 1e-9)).all()
    with np.errstate(divide="ignore"):
        fastest = 0.2 / (1 - np.exp(-events.step / 20))
    assert (x <= fastest * (1 + 1e-9)).all()
    cells = list(zip(sample.tolist(), events.unit.tolist(), strict=True))
    assert len(set(cells)) == len(cells) == (values > 0.2 + 1e-7).sum()


@given(INTENSITIES)
def test_linear_latency_spikes_once_for_every_unit_that_is_not_black(intensity):
    events = linear_latency(intensity, n_steps=101)
    values = intensity.reshape(len(intensity), -1)
    sample = np.repeat(np.arange(len(events)), events.counts)
    assert len(events.step) == (values > 0).sum()
    assert np.abs(values[sample, events.unit] - (1 - events.step / 100)).max(initial=0) <= 0.00501


def test_rate_spikes_have_binomial_mean_and_variance():
    intensity = np.repeat([[0.0, 0.5, 1.0]], 2000, axis=0)
    events = rate(intensity, 50, np.random.default_rng(1), max_rate_hz=200, dt_s=1e-3)
    sample = np.repeat(np.arange(2000), events.counts)
    counts = np.zeros((2000, 3))
    np.add.at(counts, (sample, events.unit), 1)
    mean, variance = counts.mean(axis=0), counts.var(axis=0)
    assert mean[0] == 0
    # Four standard errors of 2,000 binomial counts: false alarm below 1e-4.
    assert mean[1:] == pytest.approx([5, 10], abs=4 * np.sqrt(8 / 2000))
    assert variance[1:] / mean[1:] == pytest.approx([0.9, 0.8], rel=4 * np.sqrt(2 / 2000))


def test_rate_spikes_are_as_likely_in_every_step_and_independent_of_the_step_before():
    n_trains, n_steps, chance = 4000, 20, 0.3
    events = rate(np.ones((n_trains, 1)), n_steps, np.random.default_rng(2), 300, 1e-3)
    fired = np.zeros((n_trains, n_steps))
    np.add.at(fired, (np.repeat(np.arange(n_trains), events.counts), events.step), 1)
    assert fired.max() == 1
    # 4.5 standard errors over 20 steps: false alarm below 1e-4.
    error = np.sqrt(chance * (1 - chance) / n_trains)
    assert np.abs(fired.mean(axis=0) - chance).max() < 4.5 * error
    both = (fired[:, 1:] * fired[:, :-1]).mean()
    assert both == pytest.approx(chance**2, abs=4.5 * np.sqrt(0.09 * 0.91 / (n_trains * 19)))


def test_rate_at_the_ends_of_chance_is_silent_or_full():
    rng = np.random.default_rng(3)
    assert len(rate(np.array([[0.0, 1e-300]]), 30, rng).step) == 0
    full = rate(np.array([[1.0]]), 30, rng, max_rate_hz=1000, dt_s=1e-3)
    assert full.step.tolist() == list(range(30))


def test_rate_spikes_depend_on_the_generator_alone():
    same = [rate(np.full((3, 4), 0.5), 20, np.random.default_rng(5)) for _ in range(2)]
    other = rate(np.full((3, 4), 0.5), 20, np.random.default_rng(6))
    assert np.array_equal(same[0].step, same[1].step)
    assert not np.array_equal(same[0].step, other.step)


@st.composite
def traces(draw):
    shape = draw(hnp.array_shapes(min_dims=3, max_dims=3, max_side=6))
    elements = st.floats(-50, 50) if draw(st.booleans()) else st.integers(-50, 50).map(float)
    return draw(hnp.arrays(np.float64, shape, elements=elements))


@given(traces(), st.sampled_from([0.3, 1.0, 2.5, 7.0]), st.integers(1, 4))
def test_events_tell_the_trace_to_within_the_threshold_at_every_sample(trace, threshold, finer):
    events = delta(trace, threshold, finer)
    n_samples, n_times, n_channels = trace.shape
    moves = np.zeros((n_samples, n_times * finer, n_channels))
    sample = np.repeat(np.arange(n_samples), events.counts)
    sign = np.where(events.unit < n_channels, 1, -1)
    np.add.at(moves, (sample, events.step, events.unit % n_channels), sign)
    told = trace[:, :1] + threshold * moves.cumsum(axis=1)[:, ::finer]
    assert np.abs(told - trace).max() < threshold * (1 + 1e-9)
    assert (events.n_units, events.n_steps) == (2 * n_channels, n_times * finer)


@given(traces().map(lambda x: np.round(x * 8) / 8), st.sampled_from([0.5, 2.0]))
def test_events_are_those_of_a_walk_over_one_channel_at_a_time(trace, threshold):
    # Binary fractions: whether a level is reached is not left to rounding.
    events = delta(trace, threshold, 3)
    n_channels = trace.shape[2]
    expected = []
    for b, c in np.ndindex(len(trace), n_channels):
        level, values = 0, (trace[b, :, c] - trace[b, 0, c]) / threshold
        for k, (before, after) in enumerate(pairwise(values)):
            while abs(after - level) >= 1:
                level += 1 if after > level else -1
                time = (k + (level - before) / (after - before)) * 3
                unit = c if after > before else n_channels + c
                expected.append((b, min(max(math.ceil(time), 3 * k + 1), 3 * k + 3), unit))
    sample = np.repeat(np.arange(len(trace)), events.counts)
    found = zip(sample.tolist(), events.step.tolist(), events.unit.tolist(), strict=True)
    assert sorted(found) == sorted(expected)


def test_a_ramp_makes_events_at_the_times_of_its_levels():
    ramp = np.array([0.0, 10.0, 5.0])[None, :, None]
    events = delta(ramp, threshold=2.5, steps_per_sample=8)
    # Up through 2.5, 5, 7.5 and 10 a quarter sample apart, down through 7.5 and 5 by halves.
    assert events.step.tolist() == [2, 4, 6, 8, 12, 16]
    assert events.unit.tolist() == [0, 0, 0, 0, 1, 1]


def test_what_stays_below_the_threshold_is_kept_for_later():
    slow = np.arange(0, 3.01, 0.25)[None, :, None]  # steps of a quarter: none reaches 1
    assert delta(slow, threshold=1.0).step.tolist() == [4, 8, 12]
    assert len(delta(np.array([0.0, 0.9, 0.0, 0.9])[None, :, None], 1.0).step) == 0


@pytest.mark.parametrize(
    "encoder",
    [
        lambda x: latency(x, 50),
        lambda x: linear_latency(x, 50),
        lambda x: delta(x[:, :, None] * 9, 0.5, 2),
    ],
    ids=["latency", "linear_latency", "delta"],
)
@given(INTENSITIES.map(lambda x: x.reshape(len(x), -1)))
def test_blocks_of_samples_are_encoded_as_all_at_once(encoder, intensity):
    whole = encoder(intensity)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encode, "BLOCK", 1)
        parts = encoder(intensity)
    for name in ("step", "unit", "offsets"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name))


@pytest.mark.parametrize(("n_steps", "expected"), [(2**15, np.int16), (2**15 + 1, np.int32)])
def test_events_are_as_narrow_as_the_grid_allows_and_no_narrower(n_steps, expected):
    intensity = np.linspace(0, 1, 50)[None]
    chances = {"max_rate_hz": 1.0, "dt_s": 0.1}
    for events in (
        linear_latency(intensity, n_steps),
        latency(intensity, n_steps),
        rate(intensity, n_steps, np.random.default_rng(0), **chances),
        delta(np.zeros((1, n_steps, 1)), 1.0),
        bin_events(np.array([1.0]), np.array([0]), np.array([0, 1]), 1, 1.0, n_steps),
    ):
        assert events.step.dtype == expected
        assert events.unit.dtype == np.int16
    assert linear_latency(intensity, n_steps).step.max() == (n_steps - 1) - round(
        (n_steps - 1) / 49
    )


def test_recorded_times_fall_into_the_step_that_holds_them():
    times = np.array([0.0, 0.0199, 0.02, 0.1])
    events = bin_events(times, np.array([2, 0, 1, 2]), np.array([0, 1, 4]), 3, 0.1, 5)
    assert events.step.tolist() == [0, 0, 1, 4]
    assert events.unit.tolist() == [2, 0, 1, 2]
    assert events.counts.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: latency(np.array([[1.5]]), 10), r"intensities must lie in 0\.\.1"),
        (lambda: latency(np.array([[np.nan]]), 10), r"intensities must lie in 0\.\.1"),
        (lambda: latency(np.array([[0.5]]), 10, threshold=0.0), "0 < threshold < 1"),
        (
            lambda: rate(np.array([[1.0]]), 10, np.random.default_rng(0), 2000, 1e-3),
            "chance of a spike",
        ),
        (lambda: delta(np.zeros((3, 4)), 1.0), r"\[B, T, C\]"),
        (lambda: delta(np.zeros((1, 2, 3)), 0.0), "threshold and steps_per_sample"),
        (lambda: delta(np.full((1, 2, 3), np.nan), 1.0), "finite"),
        (
            lambda: bin_events(np.array([0.1]), np.array([7]), np.array([0, 1]), 7, 0.1, 5),
            r"units must lie in 0\.\.6",
        ),
        (
            lambda: bin_events(np.array([0.2]), np.array([0]), np.array([0, 1]), 1, 0.1, 5),
            r"spike times must lie in 0\.\.0\.1 s",
        ),
    ],
)
def test_encoders_refuse_what_they_cannot_encode(call, message):
    with pytest.raises(ValueError, match=message):
        call()


TYPES = [np.float16, np.float32, np.float64, ">f4", ">f8"]


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(("dt_s", "n"), [(1e-3, 1000), (0.5e-3, 2000), (1e-2, 140), (2e-3, 700)])
def test_times_of_a_grid_belong_to_their_step_for_the_type_they_were_stored_in(kind, dt_s, n):
    n = min(n, round(1 / dt_s) if kind is np.float16 and dt_s < 1e-2 else n)
    step = np.arange(0, n, 2) if kind is np.float16 and dt_s < 1e-3 else np.arange(n)
    times = (step * dt_s).astype(kind)
    events = bin_events(times, 0 * step, np.array([0, len(step)]), 1, n * dt_s, n)
    if kind is np.float16 and dt_s < 1e-3:  # finer than the type: the nearest step
        assert np.abs(events.step - step).max() <= 1
    else:
        assert events.step.tolist() == step.tolist()


@given(st.integers(1, 5000), st.floats(1e-4, 10), st.data())
def test_times_off_the_grid_stay_in_their_step(n, duration_s, data):
    step = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=9)))
    part = data.draw(st.floats(0.01, 0.99))
    times = ((step + part) * duration_s / n).astype(np.float32)
    events = bin_events(times, 0 * step, np.array([0, len(step)]), 1, duration_s, n)
    assert events.step.tolist() == step.tolist()


def test_a_time_at_the_end_may_be_rounded_up_by_its_type():
    assert float(np.float32(1.1)) > 1.1
    end = np.array([1.1], np.float32)
    assert bin_events(end, [0], [0, 1], 1, 1.1, 11).step.tolist() == [10]
    with pytest.raises(ValueError, match="spike times must lie in"):
        bin_events(end.astype(float), [0], [0, 1], 1, 1.1, 11)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_trace_that_rises_by_the_threshold_gives_an_event_at_every_sample(kind):
    trace = (0.1 * np.arange(200)).astype(kind).reshape(1, -1, 1)
    assert delta(trace, 0.1).step.tolist() == list(range(1, 200))
    assert delta(trace, 0.1, steps_per_sample=10).step.tolist() == list(range(10, 2000, 10))


def test_levels_are_rounded_alike_in_every_type():
    x = np.arange(21) / 20  # halves of a step among them
    steps = [linear_latency(x[None].astype(kind), 11).step for kind in (np.float32, np.float64)]
    assert np.array_equal(*steps)


def test_an_intensity_at_the_threshold_is_silent_in_every_type():
    for threshold in np.arange(1, 255) / 255:
        for kind in (np.float16, np.float32, np.float64):
            found = latency(np.array([[threshold]], kind), 10_000, threshold=float(threshold))
            assert len(found.step) == 0
