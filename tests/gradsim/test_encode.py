import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gradsim.encode import bin_events, latency, linear_latency, rate

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
    assert 51 not in at  # exactly the threshold, at the pole of the logarithm
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


def test_rate_spikes_depend_on_the_generator_alone():
    same = [rate(np.full((3, 4), 0.5), 20, np.random.default_rng(5)) for _ in range(2)]
    other = rate(np.full((3, 4), 0.5), 20, np.random.default_rng(6))
    assert np.array_equal(same[0].step, same[1].step)
    assert not np.array_equal(same[0].step, other.step)


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
        (
            lambda: bin_events(np.array([0.2]), np.array([0]), np.array([0, 1]), 1, 0.1, 5),
            r"spike times must lie in 0\.\.0\.1 s",
        ),
    ],
)
def test_encoders_refuse_what_they_cannot_encode(call, message):
    with pytest.raises(ValueError, match=message):
        call()
