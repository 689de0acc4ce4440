"""Calibrated neurons against Lapicque's rate, the curve they were fitted to, and rest."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from biosim.chain import Calibration, Chain, InputSpikes, Layer, calibrate, run_chain
from biosim.chain.substitute import lif_rate_hz
from biosim.neurons import Traub
from biosim.simulate import simulate

TAU_S, HOLD_S = 20e-3, 1e-3
MODEL = dataclasses.replace(Traub().model(), method="exponential_euler")


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    return calibrate(MODEL, np.linspace(0, 1e-9, 31), TAU_S, HOLD_S, dt_s=1e-4, duration_s=0.2)


def test_lapicques_rate_is_that_of_the_chains_neuron() -> None:
    """A synapse of infinite memory makes a constant current."""
    drive = np.array([0.9, 1.5, 3.0])
    layer = Layer(np.ones((3, 1)), TAU_S, 1e9, drive, 1.0)
    inputs = InputSpikes(np.zeros(1), np.zeros(1, int), np.zeros(1, int), 1)
    spikes = run_chain(Chain((layer,), 1e-3, 0.0, HOLD_S), inputs, 200, 5e-5, "exact").spikes[0]
    found = [np.diff(spikes.time_s[spikes.unit == unit]) for unit in range(3)]
    expected = lif_rate_hz(drive, TAU_S, HOLD_S)
    assert expected[0] == len(found[0]) == 0
    for interval, rate in zip(found[1:], expected[1:], strict=True):
        assert np.mean(interval) == pytest.approx(1 / rate, abs=1e-4)


def test_the_fit_has_the_rates_that_it_says(calibration: Calibration) -> None:
    found = calibration.substitute
    error = calibration.lif_hz - calibration.substitute_hz
    assert np.sqrt(np.mean(error**2)) < 5
    drive = calibration.drive[[100, 150, 199]]
    alone = simulate(
        MODEL,
        found.offset + found.gain * drive,
        dt_s=1e-4,
        duration_s=0.5,
        record=(),
        target="numpy",
    ).rate_hz(from_s=0.2)
    np.testing.assert_allclose(
        alone, np.interp(drive, calibration.drive, calibration.lif_hz), atol=8
    )


def test_the_neuron_starts_settled_so_that_the_offset_makes_no_spike(calibration) -> None:
    found = calibration.substitute
    run = simulate(found.model, [found.offset], dt_s=1e-4, duration_s=0.05, target="numpy")
    assert not len(run.spike_time_s)
    assert np.ptp(run.traces["v"]) < 1e-3


def test_currents_that_never_make_it_fire_are_refused() -> None:
    with pytest.raises(ValueError, match="fires at none"):
        calibrate(MODEL, np.linspace(0, 1e-12, 3), TAU_S, HOLD_S, dt_s=1e-4, duration_s=0.05)
