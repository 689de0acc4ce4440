"""The compiled kernel: one image after another, equations (1) to (6) of `network`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from biosim.jit import compiled

whole = compiled()
part = compiled(inline="always")


class Constants(NamedTuple):
    """What does not change."""

    n_steps: int  # of a bout
    keep_trace: float
    sign: float  # of what feedback weights learn: 1 mirrored, -1 classical
    threshold_rate: float
    threshold_least: float
    wanted: float


class State(NamedTuple):
    """What lasts for an image."""

    hidden_v: np.ndarray
    visible_v: np.ndarray
    hidden_trace: np.ndarray
    visible_trace: np.ndarray


class Counts(NamedTuple):
    """Spikes by image: of the input, of hidden neurons, and of visible ones without input."""

    given: np.ndarray  # [N, n_in]
    hidden: np.ndarray  # [N, n_hidden]
    rebuilt: np.ndarray  # [N, n_in]


@whole
def show(
    c: Constants,
    forward: np.ndarray,
    feedback: np.ndarray,
    threshold: np.ndarray,
    state: State,
    given: np.ndarray,
    rates: np.ndarray,
    counts: Counts,
) -> None:
    """Show images ``[N, n_steps, n_in]``, with a learning rate each; 0 leaves all as it is."""
    n_images, n_in = len(given), len(forward)
    for n in range(n_images):
        eta = rates[n]
        for array in state:
            array[:] = 0.0
        for t in range(c.n_steps):
            _fade(c, state)
            for i in range(n_in):
                if given[n, t, i]:
                    counts.given[n, i] += 1
                    _see(forward, state, i)
        for _ in range(c.n_steps):
            _fade(c, state)
            _hide(c, forward, feedback, threshold, state, eta, counts.hidden[n])
        for _ in range(c.n_steps):
            _fade(c, state)
            _rebuild(c, forward, feedback, state, eta, counts.rebuilt[n])
        if eta > 0.0:
            for j in range(len(threshold)):
                moved = threshold[j] + c.threshold_rate * (counts.hidden[n, j] - c.wanted)
                threshold[j] = max(moved, c.threshold_least)


@part
def _fade(c: Constants, s: State) -> None:
    if c.keep_trace == 1.0:
        return
    for i in range(len(s.visible_trace)):
        s.visible_trace[i] *= c.keep_trace
    for j in range(len(s.hidden_trace)):
        s.hidden_trace[j] *= c.keep_trace


@part
def _see(forward: np.ndarray, s: State, i: int) -> None:
    """(1)."""
    for j in range(len(s.hidden_v)):
        s.hidden_v[j] += forward[i, j]
    s.visible_trace[i] += 1.0


@part
def _hide(
    c: Constants,
    forward: np.ndarray,
    feedback: np.ndarray,
    threshold: np.ndarray,
    s: State,
    eta: float,
    spikes: np.ndarray,
) -> None:
    """(2) and (4)."""
    for j in range(len(threshold)):
        if s.hidden_v[j] <= threshold[j]:
            continue
        s.hidden_v[j] -= threshold[j]
        s.hidden_trace[j] += 1.0
        spikes[j] += 1
        for i in range(len(forward)):
            s.visible_v[i] += feedback[j, i]
        if eta > 0.0:
            for i in range(len(forward)):
                if s.visible_trace[i] > 0.0:
                    change = eta * s.visible_trace[i]
                    forward[i, j] += change
                    feedback[j, i] += c.sign * change


@part
def _rebuild(
    c: Constants,
    forward: np.ndarray,
    feedback: np.ndarray,
    s: State,
    eta: float,
    spikes: np.ndarray,
) -> None:
    """(3) and (5)."""
    for i in range(len(forward)):
        if s.visible_v[i] <= 1.0:
            continue
        s.visible_v[i] -= 1.0
        spikes[i] += 1
        if eta > 0.0:
            for j in range(len(s.hidden_trace)):
                if s.hidden_trace[j] > 0.0:
                    change = eta * s.hidden_trace[j]
                    forward[i, j] -= change
                    feedback[j, i] -= c.sign * change
