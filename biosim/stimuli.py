"""What drives neurons: steps, ramps, pulses, noise, and the currents that spike trains cause.

A `Stimulus` is data, independent of any time step; stimuli are added with ``+``. Levels and times
may be arrays ``[N]``: one value a neuron. Its unit is that of the input which it drives: A, A/m2
or V/s for a current, S for a conductance.

Spike trains are sequences of arrays of seconds, one array a train. `poisson_trains` draws them,
`trains_of` sorts recorded events into them, `biosim.plasticity.pairings` pairs them, and
`exponential_input` makes them drive a neuron.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from biosim.given import indices, number, numbers, whole

Trains = Sequence[np.ndarray]


class Part(Protocol):
    """What a stimulus is a sum of."""

    def sampled(self, dt_s: float, n_steps: int) -> np.ndarray:
        """Return the mean over each time step, ``[T, N]`` or ``[T, 1]``."""


@dataclass(frozen=True, eq=False)
class Segment:
    """``level + slope_per_s * (t - onset_s)`` from ``onset_s`` to ``offset_s``, zero elsewhere."""

    level: ArrayLike
    slope_per_s: ArrayLike
    onset_s: ArrayLike
    offset_s: ArrayLike

    def at(self, time_s: ArrayLike) -> np.ndarray:
        """Return the value at a time."""
        onset_s, time_s = np.asarray(self.onset_s), np.asarray(time_s)
        value = np.asarray(self.level) + np.asarray(self.slope_per_s) * (time_s - onset_s)
        return np.where((time_s >= onset_s) & (time_s < np.asarray(self.offset_s)), value, 0.0)

    def jumps_s(self) -> np.ndarray:
        """Return where it begins and ends, ascending, without infinity."""
        bounds = np.concatenate([np.ravel(self.onset_s), np.ravel(self.offset_s)]).astype(float)
        return np.unique(bounds[np.isfinite(bounds)])

    def sampled(self, dt_s: float, n_steps: int) -> np.ndarray:
        """Return the mean over each time step; its jumps must lie between steps."""
        for jump_s in self.jumps_s():
            whole_steps(jump_s, dt_s)
        # What is linear has its mean in the middle.
        return np.atleast_2d(self.at((np.arange(n_steps)[:, None] + 0.5) * dt_s))


@dataclass(frozen=True, eq=False)
class Noise:
    """Ornstein-Uhlenbeck noise; see `noise`."""

    sigma: ArrayLike
    tau_s: float
    seed: int
    n: int

    def sampled(self, dt_s: float, n_steps: int) -> np.ndarray:
        """Return the process at the beginning of each time step, which began long ago."""
        drawn = np.random.default_rng(self.seed).standard_normal((n_steps, self.n))
        kept = np.exp(-dt_s / self.tau_s)
        drawn[1:] *= np.sqrt(1 - kept**2)
        return np.asarray(self.sigma) * _accumulated(drawn, kept)


@dataclass(frozen=True, eq=False)
class Decays:
    """What spikes cause; see `exponential_input`."""

    trains: Trains
    jump: ArrayLike
    tau_s: float

    def sampled(self, dt_s: float, n_steps: int) -> np.ndarray:
        """Return the mean over each time step, wherever in a step a spike lies."""
        count, left = np.zeros((2, n_steps, len(self.trains)))
        for unit, train in enumerate(self.trains):
            time_s = np.asarray(train)[np.asarray(train) < n_steps * dt_s]
            step = np.minimum((time_s / dt_s).astype(int), n_steps - 1)
            np.add.at(count[:, unit], step, 1)
            np.add.at(left[:, unit], step, np.exp(((time_s / dt_s) - step - 1) * dt_s / self.tau_s))
        after = _accumulated(left, np.exp(-dt_s / self.tau_s))
        before = np.vstack([np.zeros((1, len(self.trains))), after[:-1]])
        # The integral of dy/dt = -y / tau + spikes over a step.
        return np.asarray(self.jump) * self.tau_s / dt_s * (count + before - after)


@dataclass(frozen=True)
class Stimulus:
    """A sum of parts, made by the functions of this module and by ``+``."""

    parts: tuple[Part, ...]

    def __add__(self, other: Stimulus) -> Stimulus:
        return Stimulus(self.parts + other.parts)

    def sampled(self, dt_s: float, duration_s: float) -> np.ndarray:
        """Return its mean over each time step, ``[T, N]``.

        Raises
        ------
        ValueError
            If a jump or the duration is not a multiple of ``dt_s``.
        """
        n_steps = whole_steps(duration_s, dt_s)
        total = np.zeros((n_steps, 1))
        for part in self.parts:
            total = total + part.sampled(dt_s, n_steps)
        return total

    def at(self, time_s: float) -> float:
        """Return the value at a time, for one neuron.

        Raises
        ------
        ValueError
            If it is not made of steps, ramps and pulses.
        """
        return float(sum(segment.at(time_s).item() for segment in self._segments()))

    def jumps_s(self) -> np.ndarray:
        """Return where it may jump, ascending; between these it is linear.

        Raises
        ------
        ValueError
            If it is not made of steps, ramps and pulses.
        """
        return np.unique(np.concatenate([segment.jumps_s() for segment in self._segments()]))

    def _segments(self) -> list[Segment]:
        segments = [part for part in self.parts if isinstance(part, Segment)]
        if len(segments) < len(self.parts):
            raise ValueError("only steps, ramps and pulses have a value at each time")
        return segments


def step(level: ArrayLike, onset_s: ArrayLike = 0.0, offset_s: ArrayLike = inf) -> Stimulus:
    """Return a stimulus that is ``level`` from ``onset_s`` to ``offset_s`` and zero elsewhere.

    Examples
    --------
    >>> biosim.stimuli.step(2.0, onset_s=0.01).sampled(dt_s=5e-3, duration_s=0.02).ravel()
    array([0., 0., 2., 2.])
    """
    return Stimulus((_segment(level, 0.0, onset_s, offset_s),))


def ramp(slope_per_s: ArrayLike, onset_s: ArrayLike = 0.0, offset_s: ArrayLike = inf) -> Stimulus:
    """Return a stimulus that rises from zero at ``onset_s`` and is zero after ``offset_s``.

    Examples
    --------
    >>> (biosim.stimuli.step(1.0) + biosim.stimuli.ramp(10.0, onset_s=0.01)).at(0.02)
    1.1
    """
    return Stimulus((_segment(0.0, slope_per_s, onset_s, offset_s),))


def pulses(level: ArrayLike, onsets_s: Sequence[ArrayLike], width_s: float) -> Stimulus:
    """Return equal pulses that begin at ``onsets_s``; two onsets make a paired pulse."""
    width_s = number("width_s", width_s, above=0.0, unit="second")
    onsets = [numbers("onsets_s", onset, unit="second") for onset in onsets_s]
    return Stimulus(tuple(_segment(level, 0.0, onset, onset + width_s) for onset in onsets))


def noise(sigma: ArrayLike, tau_s: float, *, seed: int, n: int = 1) -> Stimulus:
    """Return coloured noise of mean zero: an Ornstein-Uhlenbeck process a neuron.

    dx/dt = -x / tau + sigma sqrt(2 / tau) xi(t), sampled exactly from its stationary state.

    Parameters
    ----------
    sigma
        Standard deviation, for all neurons or ``[N]``.
    tau_s
        Correlation time: the correlation over a lag is exp(-lag / tau).
    seed
        Determines the noise, at one time step; another time step gives other noise.
    n
        N, independent of each other.

    Raises
    ------
    ValueError
        If ``tau_s`` is not positive, ``sigma`` not finite, ``seed`` negative or ``n`` below 1.

    References
    ----------
    D. T. Gillespie, Phys. Rev. E 54, 2084-2091 (1996), doi:10.1103/PhysRevE.54.2084, eq. 1.9.
    """
    tau_s = number("tau_s", tau_s, above=0.0, unit="second")
    seed, n = whole("seed", seed, at_least=0), whole("n", n, at_least=1)
    return Stimulus((Noise(numbers("sigma", sigma), tau_s, seed, n),))


def exponential_input(trains: Trains, jump: ArrayLike, tau_s: float) -> Stimulus:
    """Return what spikes drive: neuron n jumps by ``jump`` with each spike of train n.

    dy/dt = -y / tau between spikes. As a current or a conductance this is the usual synapse with
    an instantaneous rise. Spikes need not lie on the grid of time steps.

    Parameters
    ----------
    trains
        N spike trains.
    jump
        For all neurons or ``[N]``.
    tau_s
        Time constant of the decay.

    Raises
    ------
    ValueError
        If ``tau_s`` is not positive, there is no train, or a spike comes before 0.

    Examples
    --------
    >>> drive = biosim.stimuli.exponential_input([np.array([0.0])], jump=1.0, tau_s=10e-3)
    >>> drive.sampled(dt_s=10e-3, duration_s=0.03).ravel().round(3)
    array([0.632, 0.233, 0.086])
    """
    tau_s = number("tau_s", tau_s, above=0.0, unit="second")
    if not len(trains):
        raise ValueError("there must be at least one spike train")
    plain = [numbers("spike times", train, ndim=1, unit="second") for train in trains]
    if any(len(train) and train.min() < 0 for train in plain):
        raise ValueError("spikes must not come before 0 s")
    return Stimulus((Decays(plain, numbers("jump", jump), tau_s),))


def poisson_trains(
    rate_hz: ArrayLike, duration_s: float, rng: np.random.Generator
) -> list[np.ndarray]:
    """Return independent homogeneous Poisson trains of the rates ``[N]``, in continuous time.

    Raises
    ------
    ValueError
        If a rate or the duration is negative.

    Examples
    --------
    >>> trains = biosim.stimuli.poisson_trains([10.0, 100.0], 1.0, np.random.default_rng(0))
    >>> [len(train) for train in trains]
    [11, 75]
    """
    rates = np.atleast_1d(numbers("rate_hz", rate_hz, unit="Hz"))
    duration_s = number("duration_s", duration_s, unit="second")
    if duration_s < 0 or (rates < 0).any():
        raise ValueError("rates and duration must not be negative")
    counts = rng.poisson(rates * duration_s)
    return [np.sort(rng.uniform(0, duration_s, count)) for count in counts]


def trains_of(time_s: np.ndarray, unit: np.ndarray, n_units: int) -> list[np.ndarray]:
    """Return recorded spike events ``[S]`` as one sorted train for each of ``n_units`` units.

    Raises
    ------
    ValueError
        If times and units differ in number, or a unit is not one of ``n_units``.

    Examples
    --------
    >>> biosim.stimuli.trains_of(np.array([0.3, 0.1, 0.2]), np.array([0, 1, 0]), n_units=2)
    [array([0.2, 0.3]), array([0.1])]
    """
    n_units = whole("n_units", n_units, at_least=1)
    time_s, unit = numbers("times", time_s, unit="second"), indices("units", unit)
    if time_s.shape != unit.shape or time_s.ndim != 1:
        raise ValueError(f"times {time_s.shape} and units {unit.shape} must both be [S]")
    if len(unit) and not 0 <= unit.min() <= unit.max() < n_units:
        raise ValueError(f"units must be in 0..{n_units - 1}")
    order = np.lexsort((time_s, unit))
    return np.split(time_s[order], np.cumsum(np.bincount(unit, minlength=n_units))[:-1])


def whole_steps(time_s: float, dt_s: float) -> int:
    """Return how many steps a time takes.

    Raises
    ------
    ValueError
        If ``dt_s`` is not positive or the time is not finite and a multiple of it.
    """
    if not 0 < dt_s < inf or not np.isfinite(time_s):
        raise ValueError(f"dt_s must be positive and finite, not {dt_s}, the time {time_s} finite")
    n_steps = round(time_s / dt_s)
    if abs(n_steps * dt_s - time_s) > 1e-6 * dt_s:
        raise ValueError(f"{time_s} s is not a multiple of dt_s = {dt_s} s")
    return n_steps


def _accumulated(added: np.ndarray, kept: float) -> np.ndarray:
    """Return y with y[0] = added[0] and y[k] = kept y[k - 1] + added[k]."""
    total = np.array(added)
    for k in range(1, len(total)):
        total[k] += kept * total[k - 1]
    return total


def _segment(
    level: ArrayLike, slope_per_s: ArrayLike, onset_s: ArrayLike, offset_s: ArrayLike
) -> Segment:
    """Return a segment of plain numbers; it may last for ever."""
    return Segment(
        numbers("level", level),
        numbers("slope_per_s", slope_per_s),
        numbers("onset_s", onset_s, unit="second"),
        numbers("offset_s", offset_s, unit="second", finite=False),
    )
