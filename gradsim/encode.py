"""Encoders: numbers, traces or recorded spike times in, `SpikeEvents` out; never a dense raster.

Intensities are ``[B, ...]`` in 0..1; all axes but the first are flattened to units. Samples are
encoded block by block, so that memory holds little more than the events.

Guaranteed: numbers may be of any type that `gradsim.arrays` takes. Times, crossings and levels that
lie on the grid belong to their step as exactly as the type in which they were stored can tell
(`on_grid`, for all encoders), whatever rounding did to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from gradsim.arrays import integers, plain
from gradsim.events import SpikeEvents
from gradsim.kernels.buffers import index_type

# An 8-bit pixel at the threshold may lie above it by float32 rounding, where the logarithm has
# its pole. Narrower types round more.
POLE_MARGIN = 1e-7
BLOCK = 2**18  # values that are encoded at a time


def latency(
    intensity: np.ndarray,
    n_steps: int,
    tau_s: float = 20e-3,
    threshold: float = 0.2,
    dt_s: float = 1e-3,
) -> SpikeEvents:
    """Return one spike a unit at the time a charging membrane first reaches the threshold.

    ``T(x) = tau ln(x / (x - threshold))``, rounded down to whole steps. Units with
    ``x <= threshold`` and those that would fire after the last step stay silent. With the
    defaults and 8-bit pixels all spikes lie in steps 4 to 79, whatever ``n_steps >= 80``.

    Parameters
    ----------
    intensity
        ``[B, ...]`` in 0..1, taken as a constant input current.
    n_steps
        Length of the grid.
    tau_s, dt_s
        Membrane time constant and step in seconds.
    threshold
        Above 0 and below 1.

    Raises
    ------
    ValueError
        If intensities or parameters lie outside their range.

    Examples
    --------
    >>> spikes = gradsim.encode.latency(np.array([[0.1, 0.5, 1.0]]), n_steps=20)
    >>> spikes.unit, spikes.step
    (array([1, 2], dtype=int16), array([10,  4], dtype=int16))

    References
    ----------
    SpyTorch tutorial 2, ``current2firing_time``; Neftci, Mostafa & Zenke 2019.
    """
    if not 0 < threshold < 1 or not tau_s > 0 or not dt_s > 0:
        raise ValueError(
            f"latency needs 0 < threshold < 1 and positive times, not threshold={threshold}, "
            f"tau_s={tau_s}, dt_s={dt_s}"
        )

    intensity = plain("intensities", intensity)
    margin = max(POLE_MARGIN, threshold * precision(intensity.dtype) / 2)

    def first_spikes(values: np.ndarray) -> _Cells:
        sample, unit = np.nonzero(values > threshold + margin)
        current = values[sample, unit]
        step = np.floor(tau_s / dt_s * np.log(current / (current - threshold)))
        in_time = step < n_steps
        return _Cells(sample[in_time], step[in_time], unit[in_time])

    return _by_block(intensity, n_steps, first_spikes)


def linear_latency(intensity: np.ndarray, n_steps: int, threshold: float = 0.0) -> SpikeEvents:
    """Return one spike a unit at ``round((1 - x) (n_steps - 1))``, none where x <= threshold.

    Examples
    --------
    >>> gradsim.encode.linear_latency(np.array([[0.0, 0.5, 1.0]]), n_steps=11).step
    array([5, 0], dtype=int16)
    """
    intensity = plain("intensities", intensity)
    error = (n_steps - 1) * precision(intensity.dtype)

    def first_spikes(values: np.ndarray) -> _Cells:
        sample, unit = np.nonzero(values > threshold)
        # Halves are a grid too: which way they are rounded must not depend on the type.
        halves = on_grid(2 * (1 - values[sample, unit]) * (n_steps - 1), 2 * error)
        return _Cells(sample, np.rint(halves / 2), unit)

    return _by_block(intensity, n_steps, first_spikes)


def rate(
    intensity: np.ndarray,
    n_steps: int,
    rng: np.random.Generator,
    max_rate_hz: float = 100.0,
    dt_s: float = 1e-3,
) -> SpikeEvents:
    """Return Poisson-like spikes, each step by chance ``x max_rate_hz dt_s``, independently.

    The steps from one spike to the next are drawn (they are geometric), not every cell of the
    grid: time and memory grow with spikes.

    Raises
    ------
    ValueError
        If the chance exceeds 1, or intensities lie outside 0..1.

    Examples
    --------
    >>> image = np.array([[0.0, 1.0]])
    >>> gradsim.encode.rate(image, 1000, np.random.default_rng(0), max_rate_hz=50.0).counts
    array([44])
    """
    if not 0 <= max_rate_hz * dt_s <= 1:
        raise ValueError(
            f"max_rate_hz * dt_s is the chance of a spike and must lie in 0..1, not "
            f"{max_rate_hz * dt_s:g}"
        )

    def trains(values: np.ndarray) -> _Cells:
        sample, unit = np.nonzero(values * (max_rate_hz * dt_s))
        chance = values[sample, unit] * (max_rate_hz * dt_s)
        spikes = []
        step = np.full(len(sample), -1)
        while len(step):
            # A minute chance draws gaps near the end of int64, which must not be added to.
            step = step + np.minimum(rng.geometric(chance), n_steps + 1)
            going = step < n_steps
            step, sample, unit, chance = (part[going] for part in (step, sample, unit, chance))
            spikes.append(_Cells(sample, step, unit))
        return _joined(spikes)

    return _by_block(intensity, n_steps, trains)


def delta(traces: np.ndarray, threshold: float, steps_per_sample: int = 1) -> SpikeEvents:
    """Return an event each time a trace has moved by ``threshold`` from its last event's level.

    Between samples a trace is a straight line. An event stands in the first step that ends at
    or after its crossing: step 0 at the first sample, ``k steps_per_sample`` at sample k. One step
    a sample is send-on-delta; more steps resolve the crossings in time. What is left below the
    threshold is kept, so that the first value plus ``threshold`` times (ON - OFF events up to
    a sample) differs from the trace by less than ``threshold``, at every sample.

    Parameters
    ----------
    traces
        ``[B, T, C]``, finite.
    threshold
        Positive, in the unit of the traces.
    steps_per_sample
        Steps from one sample of a trace to the next; the grid has ``T steps_per_sample`` steps.

    Returns
    -------
    SpikeEvents
        ``2 C`` units: unit c says that channel c rose (ON), unit C + c that it fell (OFF). A step
        may hold several events of one unit.

    Raises
    ------
    ValueError
        If shape, values or parameters are not as above.

    Examples
    --------
    >>> trace = np.array([[[0.0], [1.0], [0.5]]])
    >>> events = gradsim.encode.delta(trace, threshold=0.4, steps_per_sample=10)
    >>> events.step, events.unit
    (array([4, 8], dtype=int16), array([0, 0], dtype=int16))

    References
    ----------
    Müller-Cleve et al., Front. Neurosci. 16:951164 (2022), doi:10.3389/fnins.2022.951164 (events
    of tactile sensors).
    """
    traces = plain("traces", traces)
    if traces.ndim != 3 or not traces.shape[1]:
        raise ValueError(f"traces must be [B, T, C] with T > 0, not {list(traces.shape)}")
    if not np.isfinite(traces).all():
        raise ValueError("traces must be finite")
    if not threshold > 0 or steps_per_sample < 1:
        raise ValueError(
            f"threshold and steps_per_sample must be positive, not {threshold}, {steps_per_sample}"
        )
    _, n_samples, n_channels = traces.shape

    def crossings(block: np.ndarray) -> _Cells:
        # In units of the threshold from the first value; levels are whole numbers.
        scaled = (block - block[:, :1]) / threshold
        error = 2 * np.abs(block).max(axis=1) / threshold * precision(traces.dtype)
        level = np.zeros((len(block), n_channels))
        events = []
        for k in range(1, n_samples):
            moved = np.trunc(on_grid(scaled[:, k] - level, error))
            sample, channel = np.nonzero(moved)
            crossed = np.abs(moved[sample, channel]).astype(np.int64)
            owner = np.repeat(np.arange(len(sample)), crossed)
            nth = np.arange(len(owner)) - np.repeat(crossed.cumsum() - crossed, crossed) + 1
            sample, channel = sample[owner], channel[owner]
            rising = moved[sample, channel] > 0
            crossing = level[sample, channel] + np.where(rising, nth, -nth)
            before, after = scaled[sample, k - 1, channel], scaled[sample, k, channel]
            part = (crossing - before) / (after - before) * steps_per_sample
            step = (k - 1) * steps_per_sample + np.ceil(
                on_grid(part, error[sample, channel] * steps_per_sample / np.abs(after - before))
            )
            # Rounding must not carry a crossing over a sample.
            step = np.clip(step, (k - 1) * steps_per_sample + 1, k * steps_per_sample)
            events.append(_Cells(sample, step, np.where(rising, channel, n_channels + channel)))
            level += moved
        return _joined(events)

    return _events(_blocks(traces), 2 * n_channels, n_samples * steps_per_sample, crossings)


def bin_events(
    time_s: np.ndarray,
    unit: np.ndarray,
    offsets: np.ndarray,
    n_units: int,
    duration_s: float,
    n_steps: int,
) -> SpikeEvents:
    """Return recorded spikes on a grid that divides ``duration_s`` into ``n_steps`` steps.

    A spike at exactly ``duration_s`` belongs to the last step. A step of the grid is
    ``duration_s / n_steps`` of recorded time; whether the network's ``dt_s`` equals it is the
    caller's choice. A time belongs to the step that begins at it if the type in which times were
    stored, or the duration's own, could not tell the two apart: keep times in that type.

    Raises
    ------
    TypeError, ValueError
        If a time lies outside ``[0, duration_s]``, or a unit outside ``0..n_units-1``, or they are
        not as many numbers.

    Examples
    --------
    >>> time_s, unit, offsets = np.array([0.01, 0.95]), np.array([0, 1]), np.array([0, 2])
    >>> gradsim.encode.bin_events(time_s, unit, offsets, 2, duration_s=1.0, n_steps=10).step
    array([0, 9], dtype=int16)
    """
    error = max(precision(kind) for kind in (plain("time_s", time_s).dtype, _type_of(duration_s)))
    time_s, unit = plain("time_s", time_s), integers("unit", unit)
    if time_s.dtype == bool or time_s.shape != unit.shape or time_s.ndim != 1:
        raise ValueError(
            f"times and units must be as many numbers, not {time_s.dtype} {list(time_s.shape)} and "
            f"{list(unit.shape)}"
        )
    if len(time_s) and not (time_s.min() >= 0 and time_s.max() <= duration_s * (1 + error)):
        raise ValueError(
            f"spike times must lie in 0..{duration_s:g} s, not {time_s.min():g}..{time_s.max():g}"
        )
    if len(unit) and not (unit.min() >= 0 and unit.max() < n_units):
        raise ValueError(f"units must lie in 0..{n_units - 1}, not {unit.min()}..{unit.max()}")
    step = np.empty(len(time_s), index_type(n_steps))
    for start in range(0, len(time_s), BLOCK):
        block = slice(start, start + BLOCK)
        exact = np.asarray(time_s[block], np.float64) * (n_steps / duration_s)
        step[block] = np.minimum(np.floor(on_grid(exact, exact * error)), n_steps - 1)
    return SpikeEvents(step, unit.astype(index_type(n_units)), offsets, n_units, n_steps)


def precision(kind: np.dtype) -> float:
    """Return the relative error of numbers that were computed and stored in a type.

    Two roundings of the type, and those of the computation here, which is in float64.

    Examples
    --------
    >>> f"{precision(np.dtype(np.float32)):.2g}"
    '1.2e-07'
    """
    own = float(np.finfo(kind).eps) if kind.kind == "f" else 0.0
    return own + 4 * float(np.finfo(np.float64).eps)


def on_grid(exact: np.ndarray, error: np.ndarray | float) -> np.ndarray:
    """Return numbers, in place of each that a whole one differs from by ``error`` the whole one.

    Examples
    --------
    >>> on_grid(np.array([2.9999, 3.2]), error=0.001)
    array([3. , 3.2])
    """
    whole = np.rint(exact)
    return np.where(np.abs(exact - whole) <= error, whole, exact)


def _type_of(number: float) -> np.dtype:
    return number.dtype if isinstance(number, np.generic) else np.dtype(np.float64)


class _Cells(NamedTuple):
    """Where spikes are within a block of samples, each ``[E]``, ordered by sample."""

    sample: np.ndarray
    step: np.ndarray
    unit: np.ndarray


def _joined(parts: list[_Cells]) -> _Cells:
    if not parts:
        return _Cells(*np.empty((3, 0), np.int64))
    sample, step, unit = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(sample, kind="stable")
    return _Cells(sample[order], step[order], unit[order])


def _by_block(
    intensity: np.ndarray, n_steps: int, encode: Callable[[np.ndarray], _Cells]
) -> SpikeEvents:
    """Return the events that ``encode`` makes of blocks ``[b, N]`` of intensities."""
    values = plain("intensities", intensity)
    values = values.reshape(len(values), -1)
    if values.size and not (values.min() >= 0 and values.max() <= 1):
        raise ValueError(
            f"intensities must lie in 0..1, not {values.min():g}..{values.max():g}; scale them"
        )
    return _events(_blocks(values), values.shape[1], n_steps, encode)


def _blocks(values: np.ndarray) -> Iterator[np.ndarray]:
    n_samples = max(1, BLOCK // max(1, values[:1].size))
    for start in range(0, len(values), n_samples):
        yield values[start : start + n_samples].astype(np.float64)


def _events(
    blocks: Iterable[np.ndarray],
    n_units: int,
    n_steps: int,
    encode: Callable[[np.ndarray], _Cells],
) -> SpikeEvents:
    steps, units = [np.empty(0, index_type(n_steps))], [np.empty(0, index_type(n_units))]
    counts = [np.zeros(1, np.int64)]
    for block in blocks:
        cells = encode(block)
        steps.append(cells.step.astype(steps[0].dtype))
        units.append(cells.unit.astype(units[0].dtype))
        counts.append(np.bincount(cells.sample, minlength=len(block)))
    offsets = np.concatenate(counts).cumsum()
    return SpikeEvents(np.concatenate(steps), np.concatenate(units), offsets, n_units, n_steps)
