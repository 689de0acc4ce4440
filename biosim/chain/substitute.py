"""Other neurons in place of LIF neurons, calibrated to the same rate under a constant current."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from brian2 import Quantity, get_dimensions
from scipy.optimize import minimize

from biosim.given import number, numbers
from biosim.neurons import NeuronModel
from biosim.simulate import simulate


@dataclass(frozen=True)
class Substitute:
    """Another neuron for those of a chain that fire; ``I = offset + gain u``, in SI units.

    ``u`` is where the synaptic current, if it were held, would take the LIF neuron's membrane, in
    units of its threshold, and no farther from 0 than ``largest_drive``.

    Parameters
    ----------
    model
        The neuron, driven by its first input.
    offset, gain
        In the unit of that input.
    largest_drive
        Beyond it the neuron would leave the range in which it is a neuron.
    """

    model: NeuronModel
    offset: float
    gain: float
    largest_drive: float


@dataclass(frozen=True)
class Calibration:
    """A substitute and how well it fits.

    Parameters
    ----------
    substitute
        What was found.
    drive
        ``[K]`` values of ``u``.
    lif_hz, substitute_hz
        ``[K]`` rates at these.
    """

    substitute: Substitute
    drive: np.ndarray
    lif_hz: np.ndarray
    substitute_hz: np.ndarray


def calibrate(
    model: NeuronModel,
    currents: np.ndarray,
    tau_mem_s: float,
    hold_s: float,
    dt_s: float = 5e-5,
    duration_s: float = 0.3,
) -> Calibration:
    """Return the affine map of currents under which a neuron's rates are those of a LIF neuron.

    Offset and gain minimise the squared difference of rates between no drive and the drive at
    which the LIF neuron is as fast as the other can be. The neuron starts settled at the offset.

    Parameters
    ----------
    model
        The neuron.
    currents
        ``[K]`` constant inputs in SI units from 0 to where its rate is largest, ascending.
    tau_mem_s, hold_s
        Of the LIF neuron, whose rate is ``1 / (hold + tau ln(u / (u - 1)))``.
    dt_s, duration_s
        Of the runs that measure rates; their first quarter is left out.

    Raises
    ------
    ValueError
        If the neuron fires at none of the currents, they do not ascend, or as `biosim.simulate`.
    """
    currents = numbers("currents", currents, ndim=1)
    if len(currents) < 2 or not (np.diff(currents) > 0).all():
        raise ValueError("currents must be two or more, ascending")
    tau_mem_s = number("tau_mem_s", tau_mem_s, above=0.0, unit="second")
    hold_s = number("hold_s", hold_s, at_least=0.0, unit="second")
    run = simulate(model, currents, dt_s=dt_s, duration_s=duration_s, record=(), target="numpy")
    rate_hz = run.rate_hz(from_s=duration_s / 4)
    if not rate_hz.any():
        raise ValueError("the neuron fires at none of the currents")
    onset, fastest = currents[np.flatnonzero(rate_hz)[0]], rate_hz.max()
    # Where the LIF neuron's rate is the largest: u / (u - 1) = exp((1 / rate - hold) / tau).
    highest = 1 / (1 - np.exp(-(1 / fastest - hold_s) / tau_mem_s))
    drive = np.linspace(0, highest, 200)
    expected = lif_rate_hz(drive, tau_mem_s, hold_s)

    def rates(found: np.ndarray) -> np.ndarray:
        return np.interp(found[0] + found[1] * drive, currents, rate_hz)

    span = currents[-1] - onset
    start = np.array([onset - span / (highest - 1), span / (highest - 1)])
    best = minimize(
        lambda scaled: np.mean((rates(scaled * span) - expected) ** 2),
        start / span,
        method="Nelder-Mead",
        options={"xatol": 1e-6, "fatol": 1e-6, "maxiter": 2000},
    )
    offset, gain = best.x * span
    settled = _settled(model, float(offset), dt_s, duration_s)
    return Calibration(
        Substitute(settled, float(offset), float(gain), float(highest)),
        drive,
        expected,
        rates(best.x * span),
    )


def lif_rate_hz(drive: np.ndarray, tau_mem_s: float, hold_s: float) -> np.ndarray:
    """Return the rate of a LIF neuron that ``drive`` thresholds of held current would charge.

    Lapicque's neuron (1907); 0 up to a drive of 1.
    """
    above = np.maximum(drive, 1 + 1e-12)
    return np.where(drive > 1, 1 / (hold_s + tau_mem_s * np.log(above / (above - 1))), 0.0)


def _settled(model: NeuronModel, offset: float, dt_s: float, duration_s: float) -> NeuronModel:
    names = tuple(model.initial)
    run = simulate(model, [offset], dt_s=dt_s, duration_s=duration_s, record=names, target="numpy")
    dimensions = {
        name: get_dimensions(value) for name, value in model.initial.items()
        if not isinstance(value, str)
    }  # fmt: skip
    last = {
        name: Quantity(run.traces[name][-1, 0], dim=dimensions[name])
        if name in dimensions
        else float(run.traces[name][-1, 0])
        for name in names
    }
    return replace(model, initial=last)
