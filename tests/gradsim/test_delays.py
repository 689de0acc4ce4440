"""Delays against a loop over spikes, and what the compiled loops read against the PyTorch form."""

import numpy as np
import pytest
import torch

from gradsim import delays

N_IN, N_OUT, N_STEPS, N_SAMPLES = 5, 4, 12, 3


@pytest.fixture
def rng():
    return np.random.default_rng(5)


@pytest.fixture
def raster(rng):
    return torch.as_tensor(rng.poisson(0.3, (N_STEPS, N_SAMPLES, N_IN)).astype(np.float64))


def spike_by_spike(raster, weights, delay):
    """Return the currents ``[T, B, out]``: every spike is sent to every target."""
    arriving = np.zeros((N_STEPS, N_SAMPLES, N_OUT))
    for t, b, i in np.argwhere(raster > 0):
        for j in range(N_OUT):
            at = t + delay[j, i] - 1
            if at < N_STEPS:
                arriving[at, b, j] += raster[t, b, i] * weights[j, i]
    return arriving


@pytest.mark.parametrize("longest", [1, 4, N_STEPS + 3])
def test_every_spike_arrives_after_its_synapses_delay(rng, raster, longest):
    weights, delay = rng.normal(size=(N_OUT, N_IN)), delays.draw(N_OUT, N_IN, longest, rng)
    found = delays.currents(raster, torch.as_tensor(weights), delay)
    assert found.numpy() == pytest.approx(spike_by_spike(raster.numpy(), weights, delay))


def test_delay_one_is_a_matrix_product(rng, raster):
    weights = torch.as_tensor(rng.normal(size=(N_OUT, N_IN)))
    ones = np.ones((N_OUT, N_IN), np.int64)
    torch.testing.assert_close(delays.currents(raster, weights, ones), raster @ weights.T)


def test_rows_add_up_to_the_same_currents(rng, raster):
    longest = 4
    weights, delay = rng.normal(size=(N_OUT, N_IN)), delays.draw(N_OUT, N_IN, longest, rng)
    rows = delays.spread(weights, delay, longest)
    arriving = np.zeros((N_STEPS + longest, N_SAMPLES, N_OUT))
    for t, b, i in np.argwhere(raster.numpy() > 0):
        arriving[t : t + longest, b] += raster[t, b, i].item() * rows[i]
    expected = delays.currents(raster, torch.as_tensor(weights), delay)
    assert arriving[:N_STEPS] == pytest.approx(expected.numpy())
    assert (delays.gathered(rows, delay) == weights).all()
    assert np.count_nonzero(rows) == weights.size


def test_draws_are_uniform_from_one_to_the_longest(rng):
    drawn = delays.draw(100, 100, 10, rng)
    shares = np.bincount(drawn.ravel(), minlength=11) / drawn.size
    assert shares[0] == 0
    assert shares[1:] == pytest.approx(np.full(10, 0.1), abs=0.015)


def test_bad_delays_are_refused(rng, raster):
    weights = torch.zeros(N_OUT, N_IN, dtype=torch.float64)
    with pytest.raises(ValueError, match="at least 1 step"):
        delays.draw(N_OUT, N_IN, 0, rng)
    with pytest.raises(ValueError, match=r"1\.\.inf steps, not 0\.\.0"):
        delays.currents(raster, weights, np.zeros((N_OUT, N_IN), np.int64))
    with pytest.raises(ValueError, match="integers"):
        delays.currents(raster, weights, np.ones((N_OUT, N_IN)))
